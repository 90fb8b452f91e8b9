//! Churn: features and labels to the probability that a customer buys nothing in the coming window.
//!
//! The recipe: a candidate ([`candidates`]) is fitted on all closed windows, older ones counting less; slope and level
//! are calibrated on a later window (Platt); the level is then drawn towards what the same season of last year says,
//! where the data hold it. The evaluation ([`evaluate`]) runs the recipe on windows that are disjoint in time and touches
//! the test window once; the deployed model is the same recipe on all closed windows. Which candidate it is, the contest
//! decides ([`contest`]).

mod candidates;
mod card;
mod contest;
mod evaluate;
mod explain;
mod score;
mod write;

use serde::{Deserialize, Serialize};
use tenure_math::calibrate::{Platt, Shift};
use tenure_math::churn::threshold;
use tenure_math::season;
use tenure_tables::engine::Engine;

use crate::artifact::RunFolder;
use crate::config::{ChurnModel, ChurnWindow, Config};
use crate::contest::{Choice, choice, not_built};
use crate::ctx::{Stage, Steps};
use crate::error::{Error, Result};
use crate::lifetimes::{Lifetimes, pasts};
use crate::panel::{self, Panel, Season, Table};
use crate::summary::{ChurnQuality, Finding, NOTHING};
use crate::time::Instant;
use crate::timeline::{Timeline, Windows, fits};

pub use candidates::Parts;
pub(crate) use contest::contest;
pub use evaluate::{LiftDecile, SegmentQuality};

/// A training window loses half its weight with every so many days of age: customers and assortment change.
const HALF_LIFE_DAYS: f64 = 180.0;
/// Share of the seasonal forecast in the level's log-odds; the rest is the latest closed window. Chosen on Online
/// Retail II with its outcomes in sight (docs/methods/churn.md).
const SEASON_SHARE: f64 = 0.75;
/// Folds of customers where calibration has to share its windows with training.
const FOLDS: u64 = 5;
/// Fewer rows than this, or fewer of either outcome than a tenth of it, carry no model.
const MIN_ROWS: usize = 100;
/// A window of one's own gaps is no shorter, days: who buys daily has not left after a long weekend.
const LEAST_WINDOW_DAYS: f64 = 7.0;
/// The saved model.
pub const MODEL: &str = "models/churn.json";

/// What the churn stage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Length of the window, days; of windows of one's own gaps the longest.
    pub horizon_days: i64,
    /// The mean of the customers' windows at `as_of`, days; `None` where it is the same for everybody.
    pub own_window_days: Option<f64>,
    /// Which model is used, and why.
    pub choice: Choice,
    /// The windows behind the evaluation.
    pub evaluation: Option<Windows>,
    /// The windows behind the deployed model.
    pub deployment: Option<Windows>,
    /// The evaluation on the test window, for the configured population.
    pub quality: Finding<ChurnQuality>,
    /// The same for the customers who bought within `active_days`.
    pub quality_active: Finding<ChurnQuality>,
    /// Lift and gain by tenth of the test window, the riskiest first; empty without an evaluation.
    pub deciles: Vec<LiftDecile>,
    /// The test window by segment, most customers first; empty without an evaluation.
    pub by_segment: Vec<SegmentQuality>,
    /// Segments whose own regression is in use, by rank on the map.
    pub own_segments: Vec<f64>,
    /// Calibration of the deployed probabilities.
    pub calibration: Option<Platt>,
    /// Share of the customers that the seasonal forecast expects to leave; `None` where there is no last year.
    pub season_rate: Option<f64>,
    /// Mean probability at `as_of`.
    pub mean_p_churn: Option<f64>,
    /// What contributes to the forecasts at `as_of`, by its share of the mean absolute contribution, greatest first.
    pub importance: Vec<(String, f64)>,
    /// How the customers buy and leave by the MBG/NBD, as of `as_of`.
    pub lifetimes: Lifetimes,
}

/// The saved model: everything that turns features into a probability.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    /// Features, in order.
    pub features: Vec<String>,
    /// The snapshot it was made for.
    pub as_of: Instant,
    /// The windows it learnt from.
    pub windows: Windows,
    /// Which candidate scores.
    pub model: ChurnModel,
    /// How the customers buy and leave by the MBG/NBD, as of that snapshot.
    pub lifetimes: Lifetimes,
    /// Days of silence that are churn, at most.
    pub horizon_days: i64,
    /// Mean gaps of a customer's own that make its window; `None` where it is the same for everybody.
    pub gap_factor: Option<f64>,
    /// Slope and level of the log-odds.
    pub calibration: Platt,
    /// Customers at or above this probability are flagged.
    pub threshold: f64,
    /// What the candidate is put together from.
    pub parts: Parts,
}

/// Models churn; the sentence says what came of it. Where no window is closed there is no model and the scores are
/// null.
///
/// # Errors
/// Engine and file errors; a refused computation.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder, steps: &Steps<'_>) -> Result<String> {
    let timeline = run.timeline()?;
    let horizon = i64::from(config.churn.horizon_days);
    let snapshots = timeline.snapshots(&config.snapshots);
    let choice = choice(run, Stage::Churn, config.churn.model.map(ChurnModel::word), ChurnModel::Pooled.word())?;
    let model = named(&choice)?;
    let deployment = timeline.deployment(&snapshots, horizon);
    let mut wanted = deployment.as_ref().map_or_else(Vec::new, Windows::snapshots);
    if wanted.last() != Some(&timeline.as_of) {
        wanted.push(timeline.as_of);
    }
    let panel =
        Panel::read(engine, run, &wanted, horizon, horizon, "spend_gross")?.seeing_lifetimes(config, horizon)?;
    let mut warnings = panel.warnings.clone();
    let now = panel.rows(&[timeline.as_of]);
    let room = Room::new(config, engine, run, &panel, timeline, &snapshots, steps);
    let own_window_days = (config.churn.window == ChurnWindow::OwnGap)
        .then(|| now.iter().map(|&i| room.window_days[i]).sum::<f64>() / now.len().max(1) as f64);

    let lifetimes = panel.lifetimes.at(timeline.as_of)?.clone();

    let Some(deployment) = deployment.filter(|w| room.teaches(w)) else {
        let reason = format!(
            "the windows of {horizon} days that start at a snapshot and end by {} do not hold enough customers of both \
             kinds",
            timeline.data_end
        );
        warnings.push(format!("there is no churn model: {reason}"));
        room.write_scores(&now, None)?;
        let facts = Facts {
            horizon_days: horizon,
            own_window_days,
            choice,
            evaluation: None,
            deployment: None,
            quality: Finding::Missing(reason.clone()),
            quality_active: Finding::Missing(reason),
            deciles: Vec::new(),
            by_segment: Vec::new(),
            own_segments: Vec::new(),
            calibration: None,
            season_rate: None,
            mean_p_churn: None,
            importance: Vec::new(),
            lifetimes,
        };
        run.record(Stage::Churn, &facts, warnings)?;
        return Ok("no model: the history is too short".to_owned());
    };

    let evaluation = timeline
        .evaluation(&snapshots, horizon)
        .filter(|w| room.teaches(w) && room.learnable(&panel.rows(w.test.as_slice())));
    let seasonal = room.season(timeline.as_of)?;
    let seasonal_test = evaluation.as_ref().and_then(|w| w.test).map(|at| room.season(at)).transpose()?.flatten();
    let penalty = room.penalty(evaluation.as_ref().map_or(&deployment.train, |w| &w.train))?;
    let all = panel.rows(&deployment.snapshots());
    steps.plan(Some(fits(&deployment, evaluation.as_ref(), FOLDS as usize)), "fits");
    // Three fits that know nothing of each other.
    let (judged, (calibrated, refitted)) = rayon::join(
        || {
            evaluation
                .as_ref()
                .map(|windows| room.evaluate(windows, model, penalty, seasonal_test.as_ref()))
                .transpose()
        },
        || {
            rayon::join(
                || room.calibrate(&deployment, &[model], penalty),
                || deployment.calibrate.map(|_| room.fit(&all, &[model], penalty)).transpose(),
            )
        },
    );
    let judged = judged?.unwrap_or_else(|| {
        let reason = if timeline.evaluation(&snapshots, horizon).is_some() {
            "one of its windows does not hold enough customers of both kinds".to_owned()
        } else {
            format!("the history holds no two disjoint windows of {horizon} days")
        };
        warnings.push(format!("the churn model is not evaluated: {reason}"));
        evaluate::Judged::missing(&reason)
    });
    if let Finding::Measured(quality) = &judged.quality
        && let Some(baseline) = quality.models.iter().find(|m| m.model == ChurnModel::Recency.word())
        && baseline.auc.value > quality.models[0].auc.value
    {
        warnings.push(format!(
            "on the test window recency alone ranks better than the model: AUC {:.3} against {:.3}",
            baseline.auc.value, quality.models[0].auc.value
        ));
    }
    let mut calibrated = calibrated?;
    if let Some(mut refitted) = refitted? {
        refitted.keep_winners_of(&calibrated.parts);
        calibrated.parts = refitted;
    }
    let parts = calibrated.parts;
    let input = room.input(&now)?;
    let scores = parts.predict(model, &input)?;
    let (calibration, season_rate) =
        room.level(&scores, calibrated.platts[0], calibrated.of_silence, &now, seasonal.as_ref())?;
    let p_churn: Vec<f64> = scores.iter().map(|&s| calibration.apply(s)).collect();

    let threshold = threshold::best_f_beta(&calibrated.probabilities[0], &calibrated.churned, config.churn.beta)
        .map_err(Error::math("the threshold"))?
        .threshold;
    room.write_scores(&now, Some((&p_churn, threshold)))?;
    judged.write(run)?;
    let mut importance = room.explain(&parts, model, calibration, &input, &p_churn)?;
    if let Finding::Measured(quality) = &judged.quality
        && let auc = &quality.models[0].auc
        && auc.low.is_some_and(|low| low <= 0.5)
    {
        warnings.push(format!(
            "{NOTHING} who leaves: on the test window the AUC is {:.3}, and its interval holds 0.5; the \
             model has no drivers",
            auc.value
        ));
        importance.clear();
    }
    let own_segments = parts.own_segments();
    let saved = Model {
        features: panel.table.names.clone(),
        as_of: timeline.as_of,
        windows: deployment.clone(),
        model,
        lifetimes: lifetimes.clone(),
        horizon_days: horizon,
        gap_factor: (config.churn.window == ChurnWindow::OwnGap).then_some(config.churn.gap_factor),
        calibration,
        threshold,
        parts,
    };
    run.write_json(MODEL, &saved)?;
    saved.write_lightgbm(run)?;
    let mean = p_churn.iter().sum::<f64>() / p_churn.len() as f64;
    let facts = Facts {
        horizon_days: horizon,
        own_window_days,
        choice,
        evaluation,
        deployment: Some(deployment),
        quality: judged.quality,
        quality_active: judged.quality_active,
        deciles: judged.deciles,
        by_segment: judged.by_segment,
        own_segments,
        calibration: Some(calibration),
        season_rate,
        mean_p_churn: Some(mean),
        importance,
        lifetimes,
    };
    let within = match own_window_days {
        Some(days) => format!("within their own windows, {days:.0} days in the mean"),
        None => format!("in {horizon} days"),
    };
    let sentence = match &facts.quality {
        Finding::Measured(q) => format!(
            "{:.1} % expected to leave {within}; on the test window AUC {:.3}, ECE {:.3}",
            100.0 * mean,
            q.models[0].auc.value,
            q.models[0].ece.unwrap_or(f64::NAN)
        ),
        Finding::Missing(reason) => {
            format!("{:.1} % expected to leave {within}; not evaluated: {reason}", 100.0 * mean)
        }
    };
    room.write_card(&facts, &saved)?;
    run.record(Stage::Churn, &facts, warnings)?;
    Ok(sentence)
}

/// The candidate of that name.
fn named(choice: &Choice) -> Result<ChurnModel> {
    let model = ChurnModel::ALL.iter().copied().find(|model| model.word() == choice.model);
    let model = model.ok_or_else(|| Error::Corrupt {
        artefact: "the record of the backtest".to_owned(),
        problem: format!("there is no churn model {:?}", choice.model),
    })?;
    if model.is_built() { Ok(model) } else { Err(not_built(Stage::Churn, model.word())) }
}

/// Slope and level of the log-odds; the slope as it is where the scores tell too little to learn another one from.
fn platt(scores: &[f64], churned: &[bool]) -> Result<Platt> {
    match Platt::fit(scores, churned, None) {
        Ok(platt) => Ok(platt),
        Err(tenure_math::Error::NotConverged { .. } | tenure_math::Error::Degenerate { .. }) => {
            let rate = churned.iter().filter(|c| **c).count() as f64 / churned.len().max(1) as f64;
            let shift = Shift::to_rate(scores, None, rate.clamp(0.01, 0.99)).map_err(Error::math("the calibration"))?;
            Ok(Platt { intercept: shift.intercept, slope: 1.0 })
        }
        Err(e) => Err(Error::math("the calibration")(e)),
    }
}

/// The days of silence that are churn of each row's customer: the same for everybody, or so many mean gaps of its own.
fn window_days(table: &Table, rows: &[usize], horizon_days: i64, gap_factor: Option<f64>) -> Vec<f64> {
    let horizon = horizon_days as f64;
    let Some(factor) = gap_factor else { return vec![horizon; rows.len()] };
    let own = |gap: f64| match gap.is_finite() {
        true => (factor * gap).clamp(LEAST_WINDOW_DAYS.min(horizon), horizon),
        // Without a second purchase there is no gap.
        false => horizon,
    };
    table.feature("gap_mean_days", rows).into_iter().map(own).collect()
}

/// Parts with what the calibration rows say of the candidates made of them.
struct Calibrated {
    parts: Parts,
    /// Slope and level of each candidate.
    platts: Vec<Platt>,
    /// The calibrated probabilities of the calibration rows, by candidate.
    probabilities: Vec<Vec<f64>>,
    /// What became of these rows.
    churned: Vec<bool>,
    /// Slope and level of the silence over the whole horizon that the MBG/NBD expects, where windows are one's own: only
    /// over the whole horizon are there totals of last year.
    of_silence: Option<Platt>,
}

/// What the stage works with.
struct Room<'a> {
    config: &'a Config,
    engine: &'a Engine,
    run: &'a RunFolder,
    panel: &'a Panel,
    timeline: Timeline,
    snapshots: &'a [Instant],
    /// Hears of every fit.
    steps: &'a Steps<'a>,
    /// The days of silence that are churn, by row of the panel.
    window_days: Vec<f64>,
}

impl<'a> Room<'a> {
    fn new(
        config: &'a Config,
        engine: &'a Engine,
        run: &'a RunFolder,
        panel: &'a Panel,
        timeline: Timeline,
        snapshots: &'a [Instant],
        steps: &'a Steps<'a>,
    ) -> Self {
        let rows: Vec<usize> = (0..panel.snapshots.len()).collect();
        let gap_factor = (config.churn.window == ChurnWindow::OwnGap).then_some(config.churn.gap_factor);
        let window_days = window_days(&panel.table, &rows, i64::from(config.churn.horizon_days), gap_factor);
        Self { config, engine, run, panel, timeline, snapshots, steps, window_days }
    }

    /// Whether a row's customer bought nothing within its window.
    fn is_churned(&self, row: usize) -> bool {
        match self.config.churn.window {
            ChurnWindow::Fixed => self.panel.orders[row] < 0.5,
            // NaN: no purchase in all of the longest window.
            ChurnWindow::OwnGap => {
                let first = self.panel.first_purchase_days[row];
                first.is_nan() || first >= self.window_days[row]
            }
        }
    }

    fn outcomes(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&i| self.is_churned(i)).collect()
    }

    /// Whether the windows that train and the one that calibrates each hold enough of both outcomes.
    fn teaches(&self, windows: &Windows) -> bool {
        self.learnable(&self.panel.rows(&windows.train))
            && (windows.calibrate.is_none() || self.learnable(&self.panel.rows(windows.calibrate.as_slice())))
    }

    /// Whether the rows hold enough of both outcomes for a model to mean anything.
    fn learnable(&self, rows: &[usize]) -> bool {
        let churned = rows.iter().filter(|&&i| self.is_churned(i)).count();
        rows.len() >= MIN_ROWS && churned.min(rows.len() - churned) >= MIN_ROWS / 10
    }

    /// What the seasonal forecast for the window after a snapshot rests on; `None` without a last year.
    fn season(&self, at: Instant) -> Result<Option<Season>> {
        let horizon = i64::from(self.config.churn.horizon_days);
        panel::season(self.engine, self.run, &self.timeline, self.snapshots, at, horizon)
    }

    /// The silence over the whole horizon that the MBG/NBD expects of each row.
    fn silence(&self, rows: &[usize]) -> Result<Vec<f64>> {
        let horizon = f64::from(self.config.churn.horizon_days);
        self.panel.by_lifetimes(rows, |lifetimes, rows| {
            lifetimes.p_silent(&pasts(&self.panel.table, rows), &vec![horizon; rows.len()])
        })
    }

    /// Fits on the training windows and calibrates on the calibration window, or across folds of customers where there
    /// is none.
    fn calibrate(&self, windows: &Windows, models: &[ChurnModel], penalty: f64) -> Result<Calibrated> {
        let train = self.panel.rows(&windows.train);
        let mut parts = self.fit(&train, models, penalty)?;
        let (rows, scores) = match windows.calibrate {
            Some(snapshot) => {
                let rows = self.panel.rows(&[snapshot]);
                self.let_segments_win(&mut parts, &rows)?;
                let scores = self.predict(&parts, models, &rows)?;
                (rows, scores)
            }
            None => self.cross_fit(&train, models, penalty)?,
        };
        let churned = self.outcomes(&rows);
        let (mut platts, mut probabilities) = (Vec::new(), Vec::new());
        for scores in &scores {
            let platt = platt(scores, &churned)?;
            probabilities.push(scores.iter().map(|&s| platt.apply(s)).collect());
            platts.push(platt);
        }
        let of_silence = match self.config.churn.window {
            ChurnWindow::Fixed => None,
            ChurnWindow::OwnGap => {
                let silent: Vec<bool> = rows.iter().map(|&i| self.panel.orders[i] < 0.5).collect();
                Some(platt(&self.silence(&rows)?, &silent)?)
            }
        };
        Ok(Calibrated { parts, platts, probabilities, churned, of_silence })
    }

    fn predict(&self, parts: &Parts, models: &[ChurnModel], rows: &[usize]) -> Result<Vec<Vec<f64>>> {
        let input = self.input(rows)?;
        models.iter().map(|&model| parts.predict(model, &input)).collect()
    }

    /// Out-of-fold scores of the training rows: no customer is scored by a model that saw any of its rows.
    fn cross_fit(&self, train: &[usize], models: &[ChurnModel], penalty: f64) -> Result<(Vec<usize>, Vec<Vec<f64>>)> {
        let groups = self.panel.groups(train);
        let mut order = Vec::new();
        let mut scores = vec![Vec::new(); models.len()];
        for fold in 0..FOLDS {
            let pick = |inside: bool| -> Vec<usize> {
                train.iter().zip(&groups).filter(|(_, g)| (**g % FOLDS == fold) == inside).map(|(&i, _)| i).collect()
            };
            let (fitted_on, scored) = (pick(false), pick(true));
            if scored.is_empty() {
                self.steps.done(1);
                continue;
            }
            let parts = self.fit(&fitted_on, models, penalty)?;
            for (all, part) in scores.iter_mut().zip(self.predict(&parts, models, &scored)?) {
                all.extend(part);
            }
            order.extend(scored);
        }
        Ok((order, scores))
    }

    /// Draws the level towards the seasonal forecast of who stays silent over the whole horizon; also gives the forecast
    /// share of them. Own windows are drawn as far as the silence over the whole horizon is.
    fn level(
        &self,
        scores: &[f64],
        platt: Platt,
        of_silence: Option<Platt>,
        rows: &[usize],
        season: Option<&Season>,
    ) -> Result<(Platt, Option<f64>)> {
        let Some(Ok(buyers)) = season.map(|s| season::forecast(&s.buyers)) else { return Ok((platt, None)) };
        let rate = (1.0 - buyers / rows.len() as f64).clamp(0.01, 0.99);
        let silence = of_silence.map(|_| self.silence(rows)).transpose()?;
        let (drawn, at) = (silence.as_deref().unwrap_or(scores), of_silence.unwrap_or(platt));
        let sloped = Platt { intercept: 0.0, slope: at.slope };
        let sloped: Vec<f64> = drawn.iter().map(|&s| sloped.apply(s)).collect();
        let shift = Shift::to_rate(&sloped, None, rate).map_err(Error::math("the seasonal level"))?;
        let intercept = platt.intercept + SEASON_SHARE * (shift.intercept - at.intercept);
        Ok((Platt { intercept, slope: platt.slope }, Some(rate)))
    }

    /// Calibrated probabilities of each candidate at a snapshot, by what was learnt from the windows before it.
    fn forecast(
        &self,
        windows: &Windows,
        models: &[ChurnModel],
        penalty: f64,
        at: Instant,
        seasonal: Option<&Season>,
    ) -> Result<(Calibrated, Vec<usize>, Vec<Vec<f64>>)> {
        let calibrated = self.calibrate(windows, models, penalty)?;
        let rows = self.panel.rows(&[at]);
        let mut probabilities = Vec::new();
        for (scores, platt) in self.predict(&calibrated.parts, models, &rows)?.into_iter().zip(&calibrated.platts) {
            let (platt, _) = self.level(&scores, *platt, calibrated.of_silence, &rows, seasonal)?;
            probabilities.push(scores.iter().map(|&s| platt.apply(s)).collect());
        }
        Ok((calibrated, rows, probabilities))
    }
}
