//! The card of the value model.

use super::explain::explains;
use super::{Facts, Model, Room};
use crate::artifact;
use crate::config::ValueModel;
use crate::error::Result;
use crate::model_card::{Better, Candidate, Card, DataWindows, Metric, Recipe};
use crate::summary::{Estimate, Finding, ValueScore, Window};
use crate::timeline::Windows;

impl Room<'_> {
    /// Writes the card, as a page and as JSON.
    pub(super) fn write_card(&self, facts: &Facts, model: &Model) -> Result<()> {
        let card = self.card(facts, model);
        self.run.write_json(artifact::VALUE_CARD_JSON, &card)?;
        self.run.write_text(artifact::VALUE_CARD, &card.to_markdown())
    }

    fn card(&self, facts: &Facts, model: &Model) -> Card {
        let config = &self.config.value;
        let quality = facts.quality.measured();
        let judged = quality.map_or(&[][..], |q| &q.models);
        let (first, baseline) = (judged.first(), judged.last());
        let alone = |value: f64| Estimate { value, low: None, high: None };
        let mut metrics = Vec::new();
        if let (Some(first), Some(baseline)) = (first, baseline) {
            for (name, better, ours, theirs) in [
                ("R²", Better::Higher, first.r2, baseline.r2),
                ("normalised Gini", Better::Higher, first.gini, baseline.gini),
                ("Spearman", Better::Higher, first.spearman, baseline.spearman),
                ("RMSE", Better::Lower, first.rmse, baseline.rmse),
                ("MAE", Better::Lower, first.mae, baseline.mae),
            ] {
                if let Some(value) = ours {
                    metrics.push(Metric { metric: name.to_owned(), better, model: alone(value), baseline: theirs });
                }
            }
            if let Some(error) = first.portfolio_error {
                metrics.push(Metric {
                    metric: "portfolio error".to_owned(),
                    better: Better::Zero,
                    model: error,
                    baseline: baseline.portfolio_error.map(|e| e.value),
                });
            }
        }
        let to_window = |at: crate::time::Instant| Window {
            from: at.to_string(),
            to: at.plus_days(model.windows.horizon_days).to_string(),
        };
        let mut calibration = vec![match facts.season_total {
            Some(_) => {
                "The total is last year's of the same season, grown as the number of buyers has grown.".to_owned()
            }
            None => {
                "The total is what was spent lately, as far as earlier windows spent what had been spent before them; \
                     there is no last year to know the season from."
                    .to_owned()
            }
        }];
        if quality.is_some() && facts.season_total.is_some() != facts.season_total_tested.is_some() {
            let (in_use, tested) = match facts.season_total {
                Some(_) => ("that of the season", "what was spent lately (no last year was known then)"),
                None => ("what was spent lately", "that of the season"),
            };
            calibration.push(format!(
                "The evaluation had another level than the model in use: {in_use} now, {tested} on the test window; its \
                 portfolio error says nothing of the level in use."
            ));
        }
        if let Some(quality) = quality {
            calibration.push(format!(
                "{:.1} % of outcomes lay in the interval ({:.0} % intended), {:.1} % above it.",
                100.0 * quality.coverage,
                100.0 * quality.coverage_intended,
                100.0 * quality.above_upper
            ));
        }
        if let Some(sentence) = if_retained(&facts.if_retained) {
            calibration.push(sentence);
        }
        let mut unknown = Vec::new();
        match explains(model.model) {
            Some(sentence) => calibration.push(sentence.to_owned()),
            None => unknown.push(
                "Why a customer has its value: the forecast is not made of parts that add up, so there are no reasons."
                    .to_owned(),
            ),
        }
        if let Finding::Missing(why) = &facts.quality {
            unknown.push(format!("How good it is: {why}."));
        }
        if let Some(why) = &facts.quantiles_missing {
            unknown.push(format!("The interval of the values: {why}."));
        }
        let recipe = |training: &[crate::time::Instant], windows: &Windows| Recipe {
            training_from: training.first().map(ToString::to_string).unwrap_or_default(),
            training_to: training.last().map(ToString::to_string).unwrap_or_default(),
            training_snapshots: training.len(),
            training_rows: self.panel.rows(training).len() as u64,
            calibration: windows.calibrate.map(to_window),
        };
        Card {
            name: "Value".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            predicts: format!(
                "The money ({}) that a customer spends in the next {} days, with an interval.",
                config.basis.word(),
                config.horizon_days
            ),
            intended_use: vec!["Ranking customers by worth, and weighing the cost of offers.".to_owned()],
            not_intended_use: vec![
                "Forecasts of the revenue of new customers: only those known already count.".to_owned(),
            ],
            data: DataWindows {
                population: "customers with a purchase before the snapshot".to_owned(),
                evaluated: facts.evaluation.as_ref().map(|windows| recipe(&windows.train, windows)),
                // What calibrates is learnt from too once the level is set.
                in_use: recipe(&model.windows.snapshots(), &model.windows),
                test: quality.map(|q| q.window.clone()),
                test_customers: quality.map_or(0, |q| q.customers),
            },
            horizon_days: config.horizon_days,
            features: match model.model {
                ValueModel::CarryForward | ValueModel::MbgNbd => 0,
                _ => model.features.len(),
            },
            candidates: judged
                .iter()
                .map(|score| Candidate {
                    name: score.model.clone(),
                    score: score.r2,
                    remark: "R² on the test window".to_owned(),
                })
                .collect(),
            choice: format!("{}.", facts.choice.why),
            metrics,
            segments: Vec::new(),
            calibration,
            limits: vec![
                "R² is decided by a few large customers; Gini and the table by tenth say more of the many.".to_owned(),
                "The level of one window is one draw of the season.".to_owned(),
                "No value counts what an offer would change.".to_owned(),
            ],
            unknown,
            seed: self.config.run.seed,
            determinism: "The same files, settings and seed give the same bytes on any number of threads.".to_owned(),
        }
    }
}

/// How well the value of those who stay is known, where it was judged.
fn if_retained(judged: &[ValueScore]) -> Option<String> {
    let (model, naive) = (judged.first()?, judged.last()?);
    let percent = |error: Estimate| {
        let interval = error.low.zip(error.high).map(|(low, high)| {
            let (low, high) = (100.0 * low, 100.0 * high);
            format!(" ({low:+.1} to {high:+.1} %)")
        });
        format!("{:+.1} %{}", 100.0 * error.value, interval.unwrap_or_default())
    };
    Some(format!(
        "Value if retained, on those who stayed in the test window: R² {:.3}, portfolio error {}; the naive baseline {:.3}, \
         {}.",
        model.r2?,
        percent(model.portfolio_error?),
        naive.r2?,
        percent(naive.portfolio_error?)
    ))
}
