//! Groups of customers: scores by quintile and the maps over them, and clusters found in the data.
//!
//! [`rfm`] scores recency, frequency and money from 1 to 5, [`map`] names the 125 codes, and [`movement`] follows
//! customers from segment to segment. [`scale`] puts columns on one footing; [`kmeans`], [`minibatch`], [`mixture`] and
//! [`density`] group the rows; [`quality`] and [`stability`] measure a grouping, [`choose`] settles the number of
//! clusters, [`naming`] gives them names people use, and [`drivers`] says which measures they go by.

#[cfg(test)]
mod checks;
pub mod choose;
pub mod density;
pub mod drivers;
pub mod kmeans;
mod lloyd;
pub mod map;
pub mod minibatch;
pub mod mixture;
pub mod movement;
pub mod naming;
mod panel;
pub mod pca;
pub mod quality;
pub mod rfm;
pub mod scale;
mod seeding;
pub mod stability;
