//! The tables of tenure: readers, the SQL engine, the queries and their contracts.
//!
//! This crate knows no statistics, no terminal and no HTTP. What leaves it is columns ([`frame::Frame`]) or Parquet
//! files ([`store`]); what looks back in time takes `as_of` and reads strictly before it.

pub mod answer;
pub mod engine;
pub mod error;
pub mod frame;
pub mod query;
pub mod read;
pub mod sequence;
pub mod store;

pub use error::{Error, Result};
