//! The stages as a whole, on generated retailers and on the real file: nothing leaks, nothing varies, nothing is lost,
//! and what is forecast comes near the truth.

#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::print_stderr)]

mod allocation;
mod alone;
mod audit;
mod balance;
mod boundaries;
mod brute;
mod customers;
mod determinism;
mod figures;
mod hindsight;
mod leakage;
mod models;
mod parts;
mod planted;
mod portrait;
mod real;
mod regret;
mod report;
mod resume;
mod segments;
mod short;
mod support;
mod truth;
