//! Groups of customers: scores by quintile and the maps over them, and clusters found in the data.
//!
//! [`rfm`] scores recency, frequency and money from 1 to 5; [`map10`] names the 25 cells of recency x frequency.
//! [`scale`] puts columns on one footing, [`kmeans`] partitions the rows, [`quality`] measures a partition, [`choose`]
//! settles the number of clusters and [`naming`] gives them names people use.

#[cfg(test)]
mod checks;
pub mod choose;
pub mod kmeans;
mod lloyd;
pub mod map10;
pub mod minibatch;
pub mod naming;
mod panel;
pub mod pca;
pub mod quality;
pub mod rfm;
pub mod scale;
mod seeding;
pub mod stability;
