//! The BG/BB: pasts at occasions, each with the number of its customers.

use tenure_math::btyd::bg_bb::{self, Occasions};
use tenure_tables::store::Column;

use super::answer::{Answer, Customer, Estimate};
use super::{Columns, Question, Source, refused, require_enough};
use crate::error::Result;

/// Rows that are shown.
const TOP: usize = 10;

/// Pasts at occasions.
pub(crate) struct Periods {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// The customers, where the table names them.
    pub(crate) ids: Option<Vec<String>>,
    /// The past of each row.
    pub(crate) pasts: Vec<Occasions>,
    /// The customers of each row.
    pub(crate) counts: Vec<u64>,
}

/// Fits the BG/BB and answers for every row.
///
/// # Errors
/// [`crate::Error::Input`] where the rows determine no model.
pub(crate) fn answer(question: &Question, given: &Periods) -> Result<(Answer, Columns)> {
    let again =
        given.pasts.iter().zip(&given.counts).filter(|(past, _)| past.repeats > 0).map(|(_, count)| count).sum();
    require_enough("BG/BB", &given.file, given.counts.iter().sum(), again)?;
    let fitted = bg_bb::fit(&given.pasts, &given.counts).map_err(|e| refused("BG/BB", &given.file, e))?;
    let process = fitted.process;
    let alive: Vec<f64> = given.pasts.iter().map(|past| process.p_alive_next(past)).collect();
    let expected: Vec<f64> = given.pasts.iter().map(|past| process.conditional(past, question.periods)).collect();
    let silent: Vec<f64> = given.pasts.iter().map(|past| process.p_zero(past, question.periods)).collect();
    let id = |row: usize| given.ids.as_ref().map_or_else(|| format!("row {}", row + 1), |ids| ids[row].clone());
    let mut order: Vec<usize> = (0..given.pasts.len()).collect();
    order.sort_by(|a, b| expected[*b].total_cmp(&expected[*a]).then(a.cmp(b)));
    let top = order.into_iter().take(TOP).map(|row| Customer {
        customer_id: id(row),
        frequency: given.pasts[row].repeats,
        recency: f64::from(given.pasts[row].last),
        observed: f64::from(given.pasts[row].observed),
        customers: given.counts[row],
        p_alive: Some(alive[row]),
        expected_purchases: Some(expected[row]),
        clv: None,
    });
    let counted = |value: &dyn Fn(&Occasions) -> u64| -> u64 {
        given.pasts.iter().zip(&given.counts).map(|(past, count)| value(past) * count).sum()
    };
    let values = [process.alpha, process.beta, process.gamma, process.delta];
    let names = ["alpha", "beta", "gamma", "delta"];
    let answer = Answer {
        file: given.file.clone(),
        source: Source::Occasions,
        model: "BG/BB".to_owned(),
        unit: None,
        observed_until: None,
        customers: given.counts.iter().sum(),
        customers_repeating: counted(&|past| u64::from(past.repeats > 0)),
        repeat_purchases: counted(&|past| u64::from(past.repeats)),
        parameters: (0..4)
            .map(|i| Estimate {
                name: names[i].to_owned(),
                value: values[i],
                standard_error: fitted.standard_errors.map(|errors| errors[i]).filter(|error| error.is_finite()),
            })
            .collect(),
        log_likelihood: fitted.log_likelihood,
        aic: fitted.aic(),
        nbd: None,
        dropout: None,
        iterations: fitted.iterations as u64,
        reached: Vec::new(),
        horizon_days: None,
        horizon_periods: Some(question.periods),
        expected_purchases: Some(given.counts.iter().zip(&expected).map(|(count, y)| *count as f64 * y).sum()),
        spend: None,
        clv: None,
        top: top.collect(),
        life: None,
        figure: None,
        to: String::new(),
        notes: Vec::new(),
    };
    let whole =
        |value: &dyn Fn(&Occasions) -> u32| Column::I64(given.pasts.iter().map(|p| i64::from(value(p))).collect());
    let mut columns: Columns = Vec::new();
    columns.extend(given.ids.clone().map(|ids| ("customer_id", Column::Text(ids))));
    columns.extend([
        ("frequency", whole(&|past| past.repeats)),
        ("recency", whole(&|past| past.last)),
        ("periods", whole(&|past| past.observed)),
        ("weights", Column::I64(given.counts.iter().map(|count| i64::try_from(*count).unwrap_or(i64::MAX)).collect())),
        ("p_alive", Column::F64(alive)),
        ("expected_purchases", Column::F64(expected)),
        ("p_no_purchase", Column::F64(silent)),
    ]);
    Ok((answer, columns))
}
