//! Customers who are unlike the others, each with the reason: beyond the fences of a measure, or by all measures taken
//! together. They stay in; the list is for people to look at.

use serde::{Deserialize, Serialize};
use tenure_math::num::Matrix;
use tenure_math::outlier::{self, IqrBounds};
use tenure_math::rng;

use super::measures::Measures;
use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::error::{Error, Result};

/// Below this many customers quartiles say nothing about who is unusual.
const LEAST: usize = 20;

/// How many customers are unusual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusual {
    /// Customers on the list.
    pub customers: u64,
    /// Those beyond a fence.
    pub beyond_a_fence: u64,
    /// Those whom the isolation forest finds.
    pub isolated: u64,
    /// Measures without fences, because the middle half of the customers share one value.
    pub without_fences: Vec<String>,
}

/// A reason to look at a customer.
struct Reason {
    customer: usize,
    method: &'static str,
    measure: usize,
    bounds: Option<IqrBounds>,
    sentence: String,
}

/// Finds the unusual customers and writes the list, most isolated first; `None` where there are too few customers to
/// tell.
pub(super) fn write(
    config: &Config,
    run: &RunFolder,
    ids: &[String],
    measures: Option<&Measures>,
) -> Result<Option<Unusual>> {
    let found = match measures {
        Some(measures) if ids.len() >= LEAST => Some(find(config, measures)?),
        _ => None,
    };
    let rows = match (&found, measures) {
        (Some((reasons, scores, _)), Some(measures)) => rows(ids, measures, reasons, scores),
        _ => Vec::new(),
    };
    run.write_csv(
        artifact::CUSTOMER_OUTLIERS,
        &["customer_id", "method", "measure", "value", "lower", "upper", "isolation_score", "reason"],
        &rows,
    )?;
    Ok(found.map(|(_, _, unusual)| unusual))
}

type Found = (Vec<Reason>, Vec<f64>, Unusual);

fn find(config: &Config, measures: &Measures) -> Result<Found> {
    let seed = rng::seed_of(config.run.seed, "segment/forest", 0);
    let params = outlier::Params { seed, ..outlier::Params::default() };
    let forest = outlier::fit(&measures.scaled, &params).map_err(Error::math("the isolation forest of customers"))?;
    let scores = forest.scores(&measures.scaled).map_err(Error::math("the isolation scores of customers"))?;
    let (mut reasons, mut without_fences) = (Vec::new(), Vec::new());
    for (j, name) in measures.names.iter().enumerate() {
        match fence(measures, j, config.segments.iqr_factor)? {
            Some(fence) => reasons.extend(beyond(measures, j, fence)),
            None => without_fences.push(name.clone()),
        }
    }
    let beyond_a_fence = customers(&reasons);
    let isolated: Vec<usize> = (0..scores.len()).filter(|&i| scores[i] > config.segments.isolation).collect();
    reasons.extend(isolated.iter().map(|&i| farthest(measures, i)));
    let unusual =
        Unusual { customers: customers(&reasons), beyond_a_fence, isolated: isolated.len() as u64, without_fences };
    reasons.sort_by(|a, b| scores[b.customer].total_cmp(&scores[a.customer]).then(a.customer.cmp(&b.customer)));
    Ok((reasons, scores, unusual))
}

fn customers(reasons: &[Reason]) -> u64 {
    let mut all: Vec<usize> = reasons.iter().map(|r| r.customer).collect();
    all.sort_unstable();
    all.dedup();
    all.len() as u64
}

/// The fence of a measure in its own unit, drawn where it is scaled: money is nearly symmetric in logarithms. `None`
/// where the quartiles are one value: then every other value would be beyond it.
fn fence(measures: &Measures, measure: usize, factor: f64) -> Result<Option<IqrBounds>> {
    let refused = || Error::math("the fences of customers");
    let scaled = IqrBounds::from_sample(&measures.scaled.column(measure), factor).map_err(refused())?;
    if scaled.upper - scaled.lower <= 1e-12 {
        return Ok(None);
    }
    let d = measures.names.len();
    let mut ends = vec![0.0; 2 * d];
    (ends[measure], ends[d + measure]) = (scaled.lower, scaled.upper);
    let ends = Matrix::new(2, d, ends).and_then(|ends| measures.scale.inverse(&ends)).map_err(refused())?;
    Ok(Some(IqrBounds { lower: ends.get(0, measure), upper: ends.get(1, measure) }))
}

fn beyond(measures: &Measures, measure: usize, fence: IqrBounds) -> Vec<Reason> {
    let name = &measures.names[measure];
    let outside = |(customer, value): (usize, f64)| {
        let (side, end) = if value < fence.lower { ("below", fence.lower) } else { ("above", fence.upper) };
        (!fence.contains(value)).then(|| Reason {
            customer,
            method: "iqr",
            measure,
            bounds: Some(fence),
            sentence: format!("{name} of {value:.2} is {side} the fence at {end:.2}"),
        })
    };
    measures.raw.column(measure).into_iter().enumerate().filter_map(outside).collect()
}

/// The measure by which an isolated customer is farthest from the mean.
fn farthest(measures: &Measures, customer: usize) -> Reason {
    let row = measures.scaled.row(customer);
    let measure = (0..row.len()).fold(0, |far, j| if row[j].abs() > row[far].abs() { j } else { far });
    let side = if row[measure] < 0.0 { "below" } else { "above" };
    let sentence = format!(
        "unlike the others by all measures together, most by {}: {:.1} standard deviations {side} the mean",
        measures.names[measure],
        row[measure].abs()
    );
    Reason { customer, method: "isolation_forest", measure, bounds: None, sentence }
}

fn rows(ids: &[String], measures: &Measures, reasons: &[Reason], scores: &[f64]) -> Vec<Vec<String>> {
    let end = |end: Option<f64>| end.map(|v| format!("{v:.4}")).unwrap_or_default();
    let row = |r: &Reason| {
        vec![
            ids[r.customer].clone(),
            r.method.to_owned(),
            measures.names[r.measure].clone(),
            format!("{:.4}", measures.raw.get(r.customer, r.measure)),
            end(r.bounds.map(|b| b.lower)),
            end(r.bounds.map(|b| b.upper)),
            format!("{:.4}", scores[r.customer]),
            r.sentence.clone(),
        ]
    };
    reasons.iter().map(row).collect()
}
