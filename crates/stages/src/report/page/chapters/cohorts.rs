//! What each month brought, and who came back.

use super::{Chapter, Claim, Result, Shelf, Stage, Unit, row, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("months", "Months and cohorts");
    page.pictures(shelf, &["cohort_retention"])?;
    let months = shelf.csv(artifact::KPIS, Stage::Report)?;
    for month in &months {
        let count = |column: &str| month.number(column, Unit::Count);
        if let (Some(new), Some(back), Some(all)) =
            (count("new_customers"), count("returning_customers"), count("customers"))
        {
            page.claim(Claim::sum("new and returning customers make up a month's", [&new, &back], &all));
        }
    }
    page.text(say![
        "New is who is seen for the first time: where the data begin in the middle of a shop's life, many of the first months' \
         new customers had bought before. Lines without a customer are in none of these figures."
    ]);
    let rows = months.iter().rev().map(|month| {
        row![
            month.quote("month"),
            month.number("orders", Unit::Count),
            month.number("customers", Unit::Count),
            month.number("new_customers", Unit::Count),
            month.number("returning_customers", Unit::Count),
            month.number("revenue_net", Unit::Money),
            month.number("revenue_net_at_month_end", Unit::Money),
            month.number("revenue_per_order", Unit::Money),
            if month.quote("has_ended").is_some_and(|q| q.text == "false") {
                say!["has not ended"]
            } else {
                Vec::new()
            },
        ]
    });
    page.table(
        "Months, latest first; revenue is net of the cancellations of its sales, known today and known at the month's end",
        &["Month", "Orders", "Customers", "New", "Returning", "Revenue", "At its end", "An order", "Note"],
        rows.collect(),
    );
    Ok(Some(page))
}
