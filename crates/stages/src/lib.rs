//! The stages of tenure, in the order of the data.
//!
//! A stage reads artefacts, calls mathematics, and writes artefacts; stages never call each other, only [`pipeline`]
//! sees them all. Threads, clock and terminal are lent to them through [`ctx::Ctx`].

pub mod artifact;
pub mod config;
pub mod contest;
pub mod ctx;
pub mod error;
pub(crate) mod explain;
pub(crate) mod given;
pub mod lifetimes;
pub mod model_card;
pub(crate) mod number;
pub(crate) mod panel;
pub(crate) mod permission;
pub mod reasons;
pub mod summary;
pub mod tables;
pub mod time;
pub mod timeline;
pub(crate) mod wording;

pub mod fetch;
pub mod ingest;
pub mod validate;

pub mod clean;

pub mod features;

pub mod segment;

pub mod churn;
pub mod uplift;
pub mod value;

pub mod allocate;

pub mod report;

pub mod export;

pub mod world;

pub mod pipeline;

pub use error::{Error, Result};
