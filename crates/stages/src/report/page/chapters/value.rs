//! What customers are worth: how well it is foretold.

use super::{Chapter, Field, Number, Quote, Result, Shelf, Stage, Unit, estimate, row, say, window};

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("value", "What they are worth");
    let value = shelf.record(Stage::Value)?;
    if let Some(portfolio) = value.number("portfolio", Unit::Money) {
        page.text(say![
            "All customers together are expected to spend ",
            portfolio.forecast(),
            " within ",
            value.need("horizon_days", Unit::Count)?,
            " days."
        ]);
    }
    let Some(quality) = value.find("quality/measured") else {
        if let Some(why) = value.quote("quality/missing") {
            page.text(say!["Nothing of this could be tested: ", why, "."]);
        }
        return Ok(Some(page));
    };
    let share = |path: &str| quality.number(path, Unit::Share).map(Number::measured);
    let mut said = say!["Tested on "];
    said.extend(window(&quality));
    said.extend(say![": ", quality.need("customers", Unit::Count)?, " customers."]);
    if let (Some(inside), Some(meant), Some(above)) =
        (share("coverage"), quality.number("coverage_intended", Unit::Share), share("above_upper"))
    {
        said.extend(say![
            " ",
            inside,
            " of them spent what their interval said, which is meant to hold for ",
            meant,
            "; ",
            above,
            " spent more than its upper end."
        ]);
    }
    page.text(said);
    let rows = |models: Vec<Field>| {
        let row = |model: &Field| {
            let of = |path: &str, unit: Unit| model.number(path, unit).map(Number::measured);
            row![
                model.quote("model").map(Quote::named),
                of("r2", Unit::Score),
                estimate(model, "portfolio_error", Unit::Change),
                of("mae", Unit::Money),
                of("rmse", Unit::Money),
                of("spearman", Unit::Score),
                of("gini", Unit::Score),
            ]
        };
        models.iter().map(row).collect::<Vec<_>>()
    };
    let columns = [
        "Model",
        "R²",
        "Error of the total",
        "Mean absolute error",
        "Root mean squared error",
        "Rank correlation",
        "Gini",
    ];
    page.table(
        "Models of value on the test window; naive is the spend of the last window as it is",
        &columns,
        rows(quality.at("models").items()),
    );
    page.table(
        "What a customer spends who stays: among those who bought",
        &columns,
        rows(value.at("if_retained").items()),
    );
    page.pictures(shelf, &["value_calibration", "clv_scatter"])?;
    Ok(Some(page))
}
