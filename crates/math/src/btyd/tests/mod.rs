//! Tests of the room: published values, brute force, invariances, nested limits, known truth.
#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::print_stderr, clippy::disallowed_methods)]

mod brute;
mod published;
mod truth;
