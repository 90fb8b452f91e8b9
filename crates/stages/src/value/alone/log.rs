//! An order log, cleaned, to the histories of its customers.

use std::path::Path;

use tenure_math::btyd::TimeUnit;
use tenure_tables::engine::Engine;
use tenure_tables::query;

use super::answer::Histories;
use super::life::Life;
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
    let frame = engine.select(query::PURCHASE_DAYS.sql, &[])?;
    let (who, days, net) = (frame.texts("customer_id")?, frame.i64s("day")?, frame.i64s("net_e4")?);
    if who.is_empty() {
        return Err(Error::Input {
            problem: format!("{file} holds no purchase that was not taken back"),
            place: Some(file.to_owned()),
            cure: "see with `tenure ingest FILE --dry-run` how the file is understood".to_owned(),
        });
    }
    let unit = question.unit.unwrap_or(TimeUnit::Week);
    let units = |days: i64| days as f64 / unit.days();
    let mut made = Histories {
        file: file.to_owned(),
        source: Source::OrderLog,
        ids: Vec::new(),
        repeats: Vec::new(),
        last: Vec::new(),
        observed: Vec::new(),
        spend: has_money.then(Vec::new),
        unit: Some(unit),
        observed_until: Some(at(end)),
        life: None,
        notes: unpaid(engine)?.into_iter().collect(),
    };
    // Rows of a customer stand together, its days rising.
    let mut from = 0;
    for own in who.chunk_by(|a, b| a == b) {
        let to = from + own.len();
        let (first, last, repeats) = (days[from], days[to - 1], own.len() - 1);
        made.repeats.push(u32::try_from(repeats).unwrap_or(u32::MAX));
        made.last.push(units(last - first));
        made.observed.push(units(end - first));
        if let Some(spend) = &mut made.spend {
            let after_the_first = net[from + 1..to].iter().sum::<i64>() as f64 / 10_000.0;
            spend.push(if repeats == 0 { 0.0 } else { (after_the_first / repeats as f64).max(0.0) });
        }
        if question.customer.as_deref() == Some(&own[0]) {
            made.life = Some(Life {
                first: at(first),
                purchases: days[from..to].iter().map(|day| (day - first) as f64).collect(),
                observed: (end - first) as f64,
            });
        }
        made.ids.push(own[0].clone());
        from = to;
    }
    if let (Some(customer), None) = (&question.customer, &made.life) {
        return Err(Error::Input {
            problem: format!("no customer '{customer}' has bought anything in {file}"),
            place: Some("--customer".to_owned()),
            cure: "name a customer as the file spells it; the predictions list all of them".to_owned(),
        });
    }
    Ok(made)
}

/// The midnight that begins a day counted from 1900.
fn at(day: i64) -> Instant {
    Instant((day - DAYS_TO_1970) * DAY_US)
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
