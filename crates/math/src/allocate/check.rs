//! What a problem must be before anything is computed of it.

use super::Problem;
use super::limit::Measure;
use crate::error::{Error, Result};
use crate::num;

/// Refuses lengths that disagree and numbers outside their domain.
pub(super) fn check(problem: &Problem<'_>) -> Result<()> {
    let (n, k) = (problem.n_customers, problem.offers);
    num::require_len("net", n * k, problem.net.len())?;
    num::require_len("cost", n * k, problem.cost.len())?;
    num::require_len("caps", k, problem.caps.len())?;
    if let Some(eligible) = problem.eligible {
        num::require_len("eligible", n, eligible.len())?;
    }
    if let Some(allowed) = problem.allowed {
        num::require_len("allowed", n * k, allowed.len())?;
    }
    for (what, values) in [("net", problem.net), ("cost", problem.cost)] {
        require_finite(what, values, k)?;
    }
    if let Some(&value) = problem.cost.iter().find(|&&c| c < 0.0) {
        return Err(Error::Parameter { name: "cost", value, expected: "at least 0" });
    }
    if let Some(value) = problem.budget.filter(|b| !b.is_finite() || *b < 0.0) {
        return Err(Error::Parameter { name: "budget", value, expected: "a finite number >= 0" });
    }
    for limit in problem.limits {
        if let Measure::PerChoice(values) = limit.measure {
            num::require_len("the measure of a limit", n * k, values.len())?;
            require_finite("the measure of a limit", values, k)?;
        }
        if let Some(members) = limit.members {
            num::require_len("the members of a limit", n, members.len())?;
        }
        if let Some(&offer) = limit.offers.unwrap_or(&[]).iter().find(|&&offer| offer >= k) {
            let value = offer as f64;
            return Err(Error::Parameter { name: "an offer of a limit", value, expected: "the number of an offer" });
        }
        for bound in [limit.at_most, limit.at_least].into_iter().flatten() {
            if !bound.is_finite() {
                return Err(Error::Parameter { name: "a bound of a limit", value: bound, expected: "a finite number" });
            }
        }
    }
    Ok(())
}

fn require_finite(what: &'static str, values: &[f64], columns: usize) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite { what, row: at / columns, column: at % columns }),
    }
}
