//! The card of the churn model.

use super::{Facts, Model, Room};
use crate::artifact;
use crate::config::{ChurnModel, ChurnWindow, Population};
use crate::error::Result;
use crate::model_card::{Better, Candidate, Card, DataWindows, Metric, Recipe, SegmentMetrics};
use crate::summary::{Estimate, Finding, Window};
use crate::timeline::Windows;

impl Room<'_> {
    /// Writes the card, as a page and as JSON.
    pub(super) fn write_card(&self, facts: &Facts, model: &Model) -> Result<()> {
        let card = self.card(facts, model);
        self.run.write_json(artifact::CHURN_CARD_JSON, &card)?;
        self.run.write_text(artifact::CHURN_CARD, &card.to_markdown())
    }

    fn card(&self, facts: &Facts, model: &Model) -> Card {
        let config = &self.config.churn;
        let quality = facts.quality.measured();
        let judged = quality.map_or(&[][..], |q| &q.models);
        let baseline = judged.last();
        let alone = |value: f64| Estimate { value, low: None, high: None };
        let mut metrics = Vec::new();
        if let Some(first) = judged.first() {
            let mut add = |metric: &str, better, model, baseline| {
                metrics.push(Metric { metric: metric.to_owned(), better, model, baseline });
            };
            add("AUC", Better::Higher, first.auc, baseline.map(|b| b.auc.value));
            let (ours, theirs) = (first.average_precision, baseline.map(|b| b.average_precision.value));
            add("average precision", Better::Higher, ours, theirs);
            for (name, ours, theirs) in [
                ("log-loss", first.log_loss, baseline.and_then(|b| b.log_loss)),
                ("Brier score", first.brier, baseline.and_then(|b| b.brier)),
                ("ECE", first.ece, baseline.and_then(|b| b.ece)),
            ] {
                if let Some(value) = ours {
                    add(name, Better::Lower, alone(value), theirs);
                }
            }
        }
        let window = match config.window {
            ChurnWindow::Fixed => format!("the next {} days", config.horizon_days),
            ChurnWindow::OwnGap => {
                format!("{} of its own mean gaps, at most {} days", config.gap_factor, config.horizon_days)
            }
        };
        let to_window = |at: crate::time::Instant| Window {
            from: at.to_string(),
            to: at.plus_days(model.windows.horizon_days).to_string(),
        };
        let mut limits = vec![
            "No purchase in the window is not the same as gone for good; some come back later."
                .to_owned(),
            "The level rests on one season of last year and on the latest closed window; a year unlike the last moves it."
                .to_owned(),
            "It says who leaves, not who can be kept: that takes a randomised campaign.".to_owned(),
        ];
        let mut unknown = Vec::new();
        if let Some(why) = facts.lifetimes.why_not() {
            unknown.push(format!("Who has left for good already: {why}; p_alive is empty."));
        }
        if let Finding::Missing(why) = &facts.quality {
            unknown.push(format!("How good it is: {why}."));
        }
        if facts.season_rate.is_none() && config.window == ChurnWindow::Fixed {
            limits.push("There is no last year in the data, so no season is known.".to_owned());
        }
        let recipe = |training: &[crate::time::Instant], windows: &Windows| Recipe {
            training_from: training.first().map(ToString::to_string).unwrap_or_default(),
            training_to: training.last().map(ToString::to_string).unwrap_or_default(),
            training_snapshots: training.len(),
            training_rows: self.panel.rows(training).len() as u64,
            calibration: windows.calibrate.map(to_window),
        };
        Card {
            name: "Churn".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            predicts: format!("The probability that a customer buys nothing in {window}."),
            intended_use: vec![
                "Ranking customers for a retention campaign, and weighing offers by what they would save.".to_owned(),
            ],
            not_intended_use: vec![
                "Decisions about a single person beyond marketing, such as credit or service.".to_owned(),
                "Claims about the effect of an offer.".to_owned(),
            ],
            data: DataWindows {
                population: match config.population {
                    Population::All => "customers with a purchase before the snapshot".to_owned(),
                    Population::Active => {
                        format!("customers with a purchase in the {} days before the snapshot", config.active_days)
                    }
                },
                evaluated: facts.evaluation.as_ref().map(|windows| recipe(&windows.train, windows)),
                // What calibrates is learnt from too once the level is set.
                in_use: recipe(&model.windows.snapshots(), &model.windows),
                test: quality.map(|q| q.window.clone()),
                test_customers: quality.map_or(0, |q| q.customers),
            },
            horizon_days: config.horizon_days,
            features: match model.model {
                // One is a curve of the silence so far, the other of purchase days and their distance.
                ChurnModel::Recency | ChurnModel::MbgNbd => 0,
                _ => model.features.len(),
            },
            candidates: judged
                .iter()
                .map(|score| Candidate {
                    name: score.model.clone(),
                    score: Some(score.auc.value),
                    remark: "AUC on the test window".to_owned(),
                })
                .collect(),
            choice: format!("{}.", facts.choice.why),
            metrics,
            segments: facts
                .by_segment
                .iter()
                .map(|of| SegmentMetrics {
                    segment: of.segment.clone(),
                    customers: of.customers,
                    metrics: vec![
                        ("churned".to_owned(), Some(of.churn_rate)),
                        ("p_churn".to_owned(), Some(of.p_churn_mean)),
                        ("AUC".to_owned(), of.auc),
                        ("Brier".to_owned(), Some(of.brier)),
                    ],
                })
                .collect(),
            calibration: vec![format!(
                "Probabilities are calibrated on the latest closed window (slope {:.2}); the level is drawn towards the \
                 season of last year where there is one.",
                model.calibration.slope
            )],
            limits,
            unknown,
            seed: self.config.run.seed,
            determinism: "The same files, settings and seed give the same bytes on any number of threads.".to_owned(),
        }
    }
}
