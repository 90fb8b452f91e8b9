//! Whom a contact moves, from contacts that chance assigned.

pub mod qini;
