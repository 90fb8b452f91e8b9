//! What was read, what was set aside and why, and what the checks found.

use super::{Chapter, Claim, Field, Number, Quote, Result, Shelf, Source, Stage, Unit, row, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("data", "The data");
    let clean = shelf.record(Stage::Clean)?;
    let count = |path: &str| clean.need(path, Unit::Count);
    let (read, kept, aside) = (count("rows_in")?, count("kept")?, count("quarantined")?);
    page.text(say![
        read.clone(),
        " rows were read; ",
        kept.clone(),
        " are kept, ",
        aside.clone(),
        " are set aside with a reason, and none is lost. ",
        count("customers")?,
        " customers have bought something; who has only returns or gifts is not among them."
    ]);
    page.claim(Claim::sum("every row is kept or set aside", [&kept, &aside], &read));
    let reasons = clean.at("set_aside").items();
    let rows: Vec<Number> = reasons.iter().filter_map(|reason| reason.number("rows", Unit::Count)).collect();
    page.claim(Claim::sum("the reasons account for every row set aside", &rows, &aside));
    let reasons = reasons.iter().zip(rows).map(|(reason, rows)| {
        let share = Source::ShareOf(Box::new(rows.source.clone()), Box::new(read.source.clone()));
        let share = shelf.derived(rows.value / read.value.max(1.0), Unit::Share, share);
        row![reason.quote("reason").map(Quote::named), Some(rows), Some(share), reason.quote("source")]
    });
    page.table("Rows set aside", &["Reason", "Rows", "Of all rows", "File"], reasons.collect());
    let kinds =
        ["sale", "return", "charge", "adjustment"].map(|kind| (kind, clean.at("kinds").number(kind, Unit::Count)));
    let known: Vec<Number> = kinds.iter().filter_map(|(_, rows)| rows.clone()).collect();
    page.claim(Claim::sum("the kinds of rows make up the rows kept", &known, &kept));
    let kinds = kinds.into_iter().filter(|(_, rows)| rows.is_some());
    page.table("Rows kept, by kind", &["Kind", "Rows"], kinds.map(|(kind, rows)| row![say![kind], rows]).collect());

    page.heading("What the checks found");
    let checks = shelf.json(artifact::VALIDATION, Stage::Validate)?;
    let of = |name: &str| checks.at("statistics").number(name, Unit::Count);
    if let (Some(passed), Some(errors), Some(warnings), Some(notes), Some(open)) = (
        of("successful_expectations"),
        of("failed_errors"),
        of("failed_warnings"),
        of("failed_notes"),
        of("not_evaluated"),
    ) {
        page.text(say![
            passed,
            " checks passed; ",
            errors,
            " failed as errors, ",
            warnings,
            " as warnings and ",
            notes,
            " as notes; ",
            open,
            " could not be made for want of a column or of settings."
        ]);
    }
    let failed = checks.at("results").items().into_iter().filter(|check| check.is("success", false));
    let mut failed: Vec<Field> = failed.collect();
    let weight = |check: &Field| {
        check.quote("severity").map(|severity| match severity.text.as_str() {
            "error" => 0,
            "warn" => 1,
            _ => 2,
        })
    };
    failed.sort_by_key(weight);
    let failed =
        failed.iter().map(|check| row![check.quote("severity"), check.quote("sentence"), check.quote("remedy")]);
    page.table("Checks that failed", &["Severity", "Found", "What to do"], failed.collect());
    Ok(Some(page))
}
