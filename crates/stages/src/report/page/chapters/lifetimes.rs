//! How customers buy while they stay, and whether the data know of any leaving.

use super::{Chapter, Number, Result, Shelf, Stage, Unit, row, say};

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("lifetimes", "Buying and leaving");
    let lifetimes = shelf.record(Stage::Churn)?.at("lifetimes");
    if let Some(why) = lifetimes.quote("why_not") {
        page.text(say!["Whether a silent customer has left for good cannot be told from these data: ", why, "."]);
    }
    if let Some(fitted) = lifetimes.find("fitted") {
        page.text(say![
            "A model of the days on which each of ",
            fitted.need("customers", Unit::Count)?,
            " customers bought (",
            fitted.need("purchases", Unit::Count)?,
            " repeat purchases) says how often a customer buys while it stays, and how likely it has left."
        ]);
        let rows = fitted.at("estimates").items();
        let rows = rows.iter().map(|estimate| {
            row![
                estimate.quote("name"),
                estimate.number("value", Unit::Score).map(Number::forecast),
                estimate.number("standard_error", Unit::Score).map(Number::forecast),
            ]
        });
        page.table("Parameters of the model", &["Parameter", "Estimate", "Standard error"], rows.collect());
    }
    page.text(say![
        "In the pictures it stands beside NBD, in which nobody ever leaves: where that is as near, a probability of being \
         there says little. Neither knows a season. These models do not make the plan: it goes by the churn model and by each \
         customer's own pace. P(alive) answers another question than the probability to buy within the horizon, and where the \
         hold-out shows more purchases than expected it is no level to rely on."
    ]);
    page.pictures(
        shelf,
        &["cumulative_transactions", "frequency_calibration", "frequency_recency_matrix", "p_alive_matrix"],
    )?;
    Ok((!page.blocks.is_empty()).then_some(page))
}
