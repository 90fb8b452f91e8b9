//! What a customer is worth over a horizon: baselines, the parts models are put together from, and honest intervals.

pub mod carry_forward;
pub mod conformal;
pub mod decile_calibration;
pub mod hurdle;
pub mod present;
pub mod risk;
pub mod smearing;
pub mod stack;
