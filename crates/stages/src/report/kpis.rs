//! Everyday figures as tables: what each month brought, and who came back of those who first bought in it.

use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;

use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;

/// Writes both tables.
pub(super) fn write(engine: &Engine, run: &RunFolder) -> Result<()> {
    let as_of = run.timeline()?.as_of;
    engine.register("order_events", &run.read(artifact::ORDER_EVENTS, Stage::Features)?)?;
    let before = [("as_of_us", Value::I64(as_of.0))];
    let (year, month, _) = as_of.ymd();
    let now = year * 12 + month - 1;
    let name = |month: i64| format!("{:04}-{:02}", month / 12, month % 12 + 1);
    // The month of the snapshot has not ended.
    let ended = |month: i64| (month < now).to_string();

    let frame = engine.select(query::KPI_MONTHS.sql, &before)?;
    let (months, orders) = (frame.i64s("month")?, frame.i64s("orders")?);
    let (customers, new) = (frame.i64s("customers")?, frame.i64s("new_customers")?);
    let (gross, net) = (frame.f64s("gross_e4")?, frame.f64s("net_e4")?);
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
            "revenue_per_order",
            "orders_per_customer",
        ],
        &rows,
    )?;

    let frame = engine.select(query::COHORT_MONTHS.sql, &before)?;
    let (cohorts, months, active) = (frame.i64s("cohort")?, frame.i64s("month")?, frame.i64s("customers")?);
    let mut size = 0;
    let mut rows = Vec::new();
    for i in 0..cohorts.len() {
        // Sorted: a cohort's first row is its own month.
        if months[i] == cohorts[i] {
            size = active[i];
        }
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
    run.write_csv(artifact::COHORTS, &header, &rows)
}
