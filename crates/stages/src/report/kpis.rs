//! Everyday figures as tables: what each month brought, and who came back of those who first bought in it.
//! Other parts of the report see both, so that they are computed once.

use std::collections::BTreeMap;

use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;

use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;
use crate::time::Instant;
use crate::timeline::Timeline;

/// Days that may lack at either end of the data in a month that counts as whole: a shop is closed on holidays.
const CLOSED_DAYS: i64 = 2;

/// A month, counted from January of the year 0.
pub(super) type Month = i64;

/// `2011-03`.
pub(super) fn name(month: Month) -> String {
    format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// What the tables hold.
pub(super) struct Everyday {
    /// Revenue of the months with an order, net of what was cancelled within the month.
    pub(super) revenue: BTreeMap<Month, f64>,
    /// By the month of the first purchase: the customers with a purchase in that month and in each one after it.
    pub(super) cohorts: BTreeMap<Month, BTreeMap<Month, u64>>,
    /// The month of the snapshot, which has not ended.
    pub(super) now: Month,
}

impl Everyday {
    /// The revenue of the whole months, from which one on; months without an order have none.
    pub(super) fn whole_months(&self, timeline: &Timeline) -> (Month, Vec<f64>) {
        let of = |at: Instant| {
            let (year, month, _) = at.ymd();
            year * 12 + month - 1
        };
        let start = timeline.data_start;
        let first = of(start) + i64::from(of(start.plus_days(-CLOSED_DAYS)) == of(start));
        let end = of(timeline.data_end.plus_days(CLOSED_DAYS)).min(self.now);
        (first, (first..end).map(|month| self.revenue.get(&month).copied().unwrap_or(0.0)).collect())
    }
}

/// Writes both tables.
pub(super) fn write(engine: &Engine, run: &RunFolder) -> Result<Everyday> {
    let as_of = run.timeline()?.as_of;
    engine.register("order_events", &run.read(artifact::ORDER_EVENTS, Stage::Features)?)?;
    let before = [("as_of_us", Value::I64(as_of.0))];
    let (year, month, _) = as_of.ymd();
    let now = year * 12 + month - 1;
    // The month of the snapshot has not ended.
    let ended = |month: i64| (month < now).to_string();

    let frame = engine.select(query::KPI_MONTHS.sql, &before)?;
    let (months, orders) = (frame.i64s("month")?, frame.i64s("orders")?);
    let (customers, new) = (frame.i64s("customers")?, frame.i64s("new_customers")?);
    let (gross, net, then) = (frame.f64s("gross_e4")?, frame.f64s("net_e4")?, frame.f64s("net_then_e4")?);
    let money = |value: f64| if value.is_finite() { format!("{value:.2}") } else { String::new() };
    let rows: Vec<Vec<String>> = (0..months.len())
        .map(|i| {
            vec![
                name(months[i]),
                ended(months[i]),
                orders[i].to_string(),
                customers[i].to_string(),
                new[i].to_string(),
                (customers[i] - new[i]).to_string(),
                money(gross[i] / 10_000.0),
                money(net[i] / 10_000.0),
                money(then[i] / 10_000.0),
                money(net[i] / 10_000.0 / orders[i] as f64),
                format!("{:.4}", orders[i] as f64 / customers[i] as f64),
            ]
        })
        .collect();
    run.write_csv(
        artifact::KPIS,
        &[
            "month",
            "has_ended",
            "orders",
            "customers",
            "new_customers",
            "returning_customers",
            "revenue_gross",
            "revenue_net",
            "revenue_net_at_month_end",
            "revenue_per_order",
            "orders_per_customer",
        ],
        &rows,
    )?;

    let revenue = months.into_iter().zip(then.iter().map(|e4| e4 / 10_000.0)).collect();

    let frame = engine.select(query::COHORT_MONTHS.sql, &before)?;
    let (cohorts, months, active) = (frame.i64s("cohort")?, frame.i64s("month")?, frame.i64s("customers")?);
    let mut size = 0;
    let mut rows = Vec::new();
    let mut by_first: BTreeMap<Month, BTreeMap<Month, u64>> = BTreeMap::new();
    for i in 0..cohorts.len() {
        // Sorted: a cohort's first row is its own month.
        if months[i] == cohorts[i] {
            size = active[i];
        }
        by_first.entry(cohorts[i]).or_default().insert(months[i], active[i].unsigned_abs());
        rows.push(vec![
            name(cohorts[i]),
            size.to_string(),
            name(months[i]),
            ended(months[i]),
            (months[i] - cohorts[i]).to_string(),
            active[i].to_string(),
            format!("{:.6}", active[i] as f64 / size as f64),
        ]);
    }
    let header = ["cohort", "customers", "month", "has_ended", "months_after", "active", "share"];
    run.write_csv(artifact::COHORTS, &header, &rows)?;
    Ok(Everyday { revenue, cohorts: by_first, now })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_whole_months_count_and_a_month_without_orders_is_one() {
        let month = |year: i64, month: i64| year * 12 + month - 1;
        let everyday = Everyday {
            revenue: [(month(2010, 11), 5.0), (month(2010, 12), 6.0), (month(2011, 2), 8.0), (month(2011, 3), 9.0)]
                .into(),
            cohorts: BTreeMap::new(),
            now: month(2011, 3),
        };
        let of = |start: &str, end: &str| {
            let day = |text: &str| Instant::parse(text).unwrap();
            let timeline = Timeline { data_start: day(start), data_end: day(end), as_of: day("2011-03-20") };
            let (first, revenue) = everyday.whole_months(&timeline);
            (name(first), revenue)
        };
        assert_eq!(of("2010-11-04T09:00:00", "2011-03-20"), ("2010-12".to_owned(), vec![6.0, 0.0, 8.0]));
        // Closed on the first two days, and on the last two.
        assert_eq!(of("2010-11-02T09:00:00", "2011-02-27"), ("2010-11".to_owned(), vec![5.0, 6.0, 0.0, 8.0]));
        assert_eq!(of("2010-11-03T09:00:00", "2011-02-26"), ("2010-12".to_owned(), vec![6.0, 0.0]));
        assert_eq!(of("2011-03-02", "2011-03-20"), ("2011-03".to_owned(), vec![]));
    }
}
