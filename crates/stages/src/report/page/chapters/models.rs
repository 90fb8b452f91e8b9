//! The cards of the models: what they are for, what they were made of, what nobody knows of them.

use super::{Chapter, Result, Shelf, Stage, Unit, quotes, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("models", "The models");
    for (title, artefact, stage) in [
        ("The model of churn", artifact::CHURN_CARD_JSON, Stage::Churn),
        ("The model of value", artifact::VALUE_CARD_JSON, Stage::Value),
    ] {
        let card = shelf.json(artefact, stage)?;
        let Some(predicts) = card.quote("predicts") else { continue };
        page.heading(title);
        page.text(say![predicts]);
        let data = card.at("data");
        if let (Some(from), Some(to)) = (data.quote("in_use/training_from"), data.quote("in_use/training_to")) {
            page.text(say![
                "In use, made after the test on all windows that are closed: ",
                data.need("in_use/training_rows", Unit::Count)?,
                " rows of ",
                data.need("in_use/training_snapshots", Unit::Count)?,
                " snapshots from ",
                from,
                " to ",
                to,
                ", with ",
                card.need("features", Unit::Count)?,
                " features."
            ]);
        }
        if let Some(choice) = card.quote("choice") {
            page.text(say![choice]);
        }
        for (words, name) in [
            ("It is for:", "intended_use"),
            ("It is not for:", "not_intended_use"),
            ("It is weak here:", "limits"),
            ("These data cannot tell:", "unknown"),
        ] {
            let listed = quotes(card.at(name).items());
            if !listed.is_empty() {
                page.text(say![words]);
                page.items(listed);
            }
        }
    }
    Ok((!page.blocks.is_empty()).then_some(page))
}
