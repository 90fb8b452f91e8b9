//! The mathematics of tenure.
//!
//! Slices in, plain structs out. This crate knows no tables, files, clock, environment, logging or ambient
//! randomness. The ground floor (`num`, `optim`, `rng`, `outlier`, `boost`, `calibrate`, `metric`, `season`, `revenue`,
//! `drift`, `pace`, `btyd`) may be used by every room above it; the rooms (`segment`, `churn`, `value`, `uplift`, `allocate`) never import each other.

pub mod error;

pub mod boost;
pub mod btyd;
pub mod calibrate;
pub mod drift;
pub mod metric;
pub mod num;
pub mod optim;
pub mod outlier;
pub mod pace;
pub mod revenue;
pub mod rng;
pub mod season;

pub mod allocate;
pub mod churn;
pub mod segment;
pub mod uplift;
pub mod value;

pub use error::{Error, Result};
