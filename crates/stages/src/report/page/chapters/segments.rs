//! Who the customers are: segments, what to do with each, what became of them.

use super::{Chapter, Claim, Field, Number, Piece, Result, Row, Shelf, Stage, Unit, row, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("segments", "The customers");
    let segments = shelf.csv(artifact::SEGMENT_SUMMARY, Stage::Report)?;
    page.pictures(shelf, &["segment_distribution", "revenue_contribution"])?;
    page.text(say![
        "A segment is what recency and frequency say of a customer today. Open a segment to see its customers."
    ]);
    let customers: Vec<Number> = segments.iter().filter_map(|s| s.number("customers", Unit::Count)).collect();
    let everyone = shelf.record(Stage::Report)?.need("customers", Unit::Count)?;
    page.claim(Claim::sum("the segments hold every customer once", &customers, &everyone));
    let forecast = |row: &Row, column: &str, unit: Unit| row.number(column, unit).map(Number::forecast);
    let rows = segments.iter().map(|segment| {
        row![
            segment.quote("segment"),
            segment.number("customers", Unit::Count),
            segment.number("customer_share", Unit::Share),
            segment.number("revenue_share", Unit::Share),
            segment.number("recency_days", Unit::Plain),
            segment.number("frequency", Unit::Plain),
            segment.number("monetary_total", Unit::Money),
            forecast(segment, "p_churn_mean", Unit::Share),
            forecast(segment, "value_mean", Unit::Money),
            segment.number("offers", Unit::Count),
        ]
    });
    page.segment_table(
        "Segments: who they are and what is forecast of them (means of a customer)",
        &[
            "Segment",
            "Customers",
            "Of all",
            "Of revenue",
            "Days since last order",
            "Orders",
            "Spent so far",
            "Likely to leave",
            "Expected spend",
            "Offers",
        ],
        rows.collect(),
    );
    let tested = |row: &Row, column: &str, unit: Unit| row.number(column, unit).map(Number::measured);
    let rows = segments.iter().map(|segment| {
        row![
            segment.quote("segment"),
            forecast(segment, "churn_test_foretold", Unit::Share),
            tested(segment, "churn_test_happened", Unit::Share),
            forecast(segment, "value_test_foretold", Unit::Money),
            tested(segment, "value_test_happened", Unit::Money),
        ]
    });
    page.table(
        "What was foretold of the segments on the test windows, and what happened",
        &["Segment", "Leave: foretold", "Left", "Spend: foretold", "Spent"],
        rows.collect(),
    );
    let checks = shelf.record(Stage::Report)?.at("checks").items();
    let checks = checks.iter().map(|check| row![check.quote("name"), check.quote("verdict"), check.quote("sentence")]);
    page.table(
        "Do the segments behave as their names say?",
        &["What must be true", "Verdict", "Found"],
        checks.collect(),
    );

    page.heading("What to do with each segment");
    page.text(say![
        "General advice by segment, from its name alone. The plan decides customer by customer and may do otherwise."
    ]);
    let strategies = shelf.json(artifact::SEGMENT_STRATEGIES, Stage::Segment)?.items();
    let rows = strategies.iter().map(|strategy| {
        let actions = strategy.at("actions").items();
        let mut words: Vec<Piece> = Vec::new();
        for action in actions.iter().filter_map(Field::words) {
            if !words.is_empty() {
                words.extend(say!["; "]);
            }
            words.extend(say![action]);
        }
        row![strategy.quote("segment_name"), strategy.number("customers", Unit::Count), strategy.quote("goal"), words,]
    });
    page.table("Strategies, most urgent first", &["Segment", "Customers", "Goal", "Actions"], rows.collect());

    page.heading("More about them");
    page.pictures(
        shelf,
        &[
            "rfm_heatmap",
            "rfm_3d_scatter",
            "segment_comparison_radar",
            "segments",
            "pareto_curve",
            "outliers",
            "segment_migration",
        ],
    )?;
    Ok(Some(page))
}
