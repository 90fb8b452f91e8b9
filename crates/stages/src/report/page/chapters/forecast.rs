//! The season and the coming months.

use super::{Chapter, Claim, Number, Result, Row, Shelf, Stage, Unit, row, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("forecast", "Season and coming months");
    let Some(outlook) = shelf.record(Stage::Report)?.find("revenue") else {
        page.pictures(shelf, &["season"])?;
        page.text(say!["The whole months of these data are too few, or too poor, to foresee the coming ones from."]);
        return Ok(Some(page));
    };
    if let (Some(method), Some(from), Some(to)) = (outlook.quote("method"), outlook.quote("from"), outlook.quote("to"))
    {
        page.text(say![
            "The coming months by ",
            method,
            ", from the whole months ",
            from,
            " to ",
            to,
            ". The interval is meant to hold in ",
            outlook.need("level", Unit::Share)?,
            " of months; it is made of errors of the past, and a year unlike these is not among them."
        ]);
    }
    page.pictures(shelf, &["revenue_forecast", "season"])?;
    let months = shelf.csv(artifact::REVENUE_FORECAST, Stage::Report)?;
    for month in &months {
        let money = |column: &str| month.number(column, Unit::Money);
        if let (Some(low), Some(middle), Some(high)) = (money("low"), money("forecast"), money("high")) {
            page.claim(Claim::rising("a month's forecast lies in its interval", &[&low, &middle, &high]));
        }
    }
    let forecast = |row: &Row, column: &str| row.number(column, Unit::Money).map(Number::forecast);
    let rows = months.iter().map(|month| {
        row![
            month.quote("month"),
            forecast(month, "forecast"),
            forecast(month, "low"),
            forecast(month, "high"),
            forecast(month, "seasonal_naive"),
        ]
    });
    page.table(
        "The coming months; seasonal naive is the same month of the year before, as it was known when it ended",
        &["Month", "Forecast", "Low", "High", "Seasonal naive"],
        rows.collect(),
    );
    let tried = outlook.at("tried").items();
    let rows = tried.iter().map(|method| {
        let share = |path: &str| method.number(path, Unit::Percent).map(Number::measured);
        row![method.quote("method"), method.number("origins", Unit::Count), share("error"), share("error_naive")]
    });
    page.table(
        "Methods on months of the past that they could have foreseen: sum of absolute errors over revenue",
        &["Method", "Forecasts begun", "Error", "Error of seasonal naive on the same months"],
        rows.collect(),
    );
    Ok(Some(page))
}
