//! An order log, cleaned, to the histories of its customers.

use std::path::Path;

use tenure_math::btyd::TimeUnit;
use tenure_tables::engine::Engine;
use tenure_tables::query;

use super::answer::Histories;
use super::{Question, Source};
use crate::error::{Error, Result};
use crate::number;
use crate::time::{DAY_US, Instant};

/// 1900-01-01 in days before 1970-01-01.
const DAYS_TO_1970: i64 = 25_567;

/// The histories of a log's customers, up to its last day, in the unit that is asked for, else in weeks. `cleaned` holds
/// the lines that were kept of it; `file` is its name.
///
/// # Errors
/// Engine errors; [`Error::Input`] without a purchase.
pub(crate) fn histories(
    engine: &Engine,
    cleaned: &Path,
    file: &str,
    has_money: bool,
    question: &Question,
) -> Result<Histories> {
    engine.register("cleaned", cleaned)?;
    let end = engine
        .select("select max((cast(ordered_at as bigint) + 2208988800000000) / 86400000000) as day from cleaned", &[])?;
    let end = end.one_i64("day")?;
    let frame = engine.select(query::PURCHASE_HISTORIES.sql, &[])?;
    let (ids, days) = (frame.texts("customer_id")?, frame.i64s("purchase_days")?);
    let (first, last) = (frame.i64s("first_day")?, frame.i64s("last_day")?);
    if ids.is_empty() {
        return Err(Error::Input {
            problem: format!("{file} holds no purchase that was not taken back"),
            place: Some(file.to_owned()),
            cure: "see with `tenure ingest FILE --dry-run` how the file is understood".to_owned(),
        });
    }
    let unit = question.unit.unwrap_or(TimeUnit::Week);
    let units = |days: i64| days as f64 / unit.days();
    let spend = frame.f64s("repeat_spend")?.into_iter().zip(&days).map(|(spend, &days)| match days {
        ..=1 => 0.0,
        days => (spend / (days - 1) as f64).max(0.0),
    });
    Ok(Histories {
        file: file.to_owned(),
        source: Source::OrderLog,
        repeats: days.iter().map(|&days| u32::try_from(days - 1).unwrap_or(0)).collect(),
        last: first.iter().zip(&last).map(|(first, last)| units(last - first)).collect(),
        observed: first.iter().map(|first| units(end - first)).collect(),
        spend: has_money.then(|| spend.collect()),
        ids,
        unit: Some(unit),
        observed_until: Some(Instant((end - DAYS_TO_1970) * DAY_US)),
        notes: unpaid(engine)?.into_iter().collect(),
    })
}

/// A note on orders of nothing but amounts of 0, which are no purchases where there is money: a count of purchases, as in
/// published fits, has them.
fn unpaid(engine: &Engine) -> Result<Option<String>> {
    let orders = engine.select(
        "select count(*) as n from (
             select customer_id from cleaned group by customer_id, order_id, ordered_at having max(abs(amount)) = 0
         ) as unpaid",
        &[],
    )?;
    let counted = match orders.one_i64("n")? {
        0 => return Ok(None),
        1 => "1 order whose amount is 0 is no purchase here; to count it".to_owned(),
        n => format!("{} orders whose amount is 0 are no purchases here; to count them", number::count(n as u64)),
    };
    Ok(Some(format!("{counted}, leave the column of amounts out")))
}
