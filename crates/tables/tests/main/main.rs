//! The tables as a whole: every query against its contract, and the chain from lines to features and labels against
//! answers worked out by hand and by brute force.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod contracts;
mod customers;
mod futures;
mod histories;
mod identity;
mod queries;
mod shop;
