//! Who leaves: how well it is foretold, and by what.

use super::{Chapter, Claim, Field, Number, Quote, Result, Row, Shelf, Stage, Unit, estimate, row, say, window};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("churn", "Who leaves");
    let churn = shelf.record(Stage::Churn)?;
    if let Some(mean) = churn.number("mean_p_churn", Unit::Share) {
        page.text(say![
            "A customer has left who buys nothing within ",
            churn.need("horizon_days", Unit::Count)?,
            " days; some of them come back later. ",
            mean.forecast(),
            " of the customers are expected to."
        ]);
    }
    let Some(quality) = churn.find("quality/measured") else {
        if let Some(why) = churn.quote("quality/missing") {
            page.text(say!["Nothing of this could be tested: ", why, "."]);
        }
        return Ok(Some(page));
    };
    let mut said = say!["Tested on "];
    said.extend(window(&quality));
    said.extend(say![
        ": ",
        quality.need("customers", Unit::Count)?,
        " customers, of whom ",
        quality.need("churn_rate", Unit::Share)?.measured(),
        " left. The first row is the model in use; recency is the naive baseline."
    ]);
    page.text(said);
    let rows = |quality: &Field| {
        let of = |model: &Field, path: &str| model.number(path, Unit::Score).map(Number::measured);
        let row = |model: &Field| {
            row![
                model.quote("model").map(Quote::named),
                estimate(model, "auc", Unit::Score),
                estimate(model, "average_precision", Unit::Score),
                of(model, "ece"),
                of(model, "brier"),
                of(model, "log_loss"),
            ]
        };
        quality.at("models").items().iter().map(row).collect::<Vec<_>>()
    };
    let columns = ["Model", "AUC", "Average precision", "Calibration error", "Brier score", "Log-loss"];
    page.table("Models of churn on the test window", &columns, rows(&quality));
    if let Some(active) = churn.find("quality_active/measured") {
        page.table("The same among customers who had bought of late", &columns, rows(&active));
    }
    if let Some(threshold) = quality.find("threshold") {
        let share = |path: &str| threshold.number(path, Unit::Share).map(Number::measured);
        if let (Some(at), Some(precision), Some(recall), Some(flagged)) =
            (threshold.number("p_churn", Unit::Share), share("precision"), share("recall"), share("flagged_share"))
        {
            page.text(say![
                "Flagging every customer above a probability of ",
                at,
                " would flag ",
                flagged,
                " of them, reach ",
                recall,
                " of the leavers and be right about ",
                precision,
                " of the flagged."
            ]);
        }
    }
    page.pictures(shelf, &["calibration", "decile_lift", "roc_curve", "precision_recall", "cumulative_gain"])?;
    let tenths = shelf.csv(artifact::CHURN_DECILES, Stage::Churn)?;
    let tested = |row: &Row, column: &str, unit: Unit| row.number(column, unit).map(Number::measured);
    let rows = tenths.iter().map(|tenth| {
        row![
            tenth.number("decile", Unit::Count),
            tenth.number("customers", Unit::Count),
            tenth.number("p_churn_mean", Unit::Share).map(Number::forecast),
            tested(tenth, "churn_rate", Unit::Share),
            tested(tenth, "lift", Unit::Score),
            tested(tenth, "gain", Unit::Share),
        ]
    });
    page.table(
        "Tenths of the customers, likeliest to leave first",
        &["Tenth", "Customers", "Foretold", "Left", "Lift", "Leavers reached so far"],
        rows.collect(),
    );
    if let (Some(first), Some(last)) = (tenths.first(), tenths.last()) {
        let gain = |row: &Row| row.number("gain", Unit::Share);
        if let (Some(first), Some(last)) = (gain(first), gain(last)) {
            page.claim(Claim::rising("leavers reached grow from tenth to tenth", &[&first, &last]));
        }
    }
    page.heading("What it goes by");
    page.text(say![
        "A contribution says what the model goes by, not what makes customers leave. The reasons of each customer stand in ",
        artifact::CHURN_REASONS,
        "."
    ]);
    page.pictures(shelf, &["feature_importance", "shap_beeswarm"])?;
    Ok(Some(page))
}
