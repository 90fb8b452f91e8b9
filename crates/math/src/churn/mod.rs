//! Who is about to leave: the baselines beside boosting, the pool of models, and the thresholds at which to act.

pub mod logistic;
pub mod pool;
pub mod recency;
pub mod threshold;
