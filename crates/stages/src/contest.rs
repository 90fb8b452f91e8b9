//! The contest of the models: every candidate on the same closed windows, and which of them is used from then on.
//!
//! Candidates are fitted, calibrated and judged at several origins, each as if it were the last day known. The windows
//! that end before the test window of the evaluation decide; the test window itself only confirms, so that what is said
//! of the champion there was not chosen there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::metric::{bootstrap, contest};

use crate::artifact::RunFolder;
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::summary::{Estimate, Finding};
use crate::time::Instant;
use crate::timeline::{Timeline, Windows};

/// Windows that have to decide at least: one says nothing of the next.
const LEAST_DECIDING: usize = 2;

/// What the backtest found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The instant of the decision.
    pub as_of: Instant,
    /// The contest of the churn models.
    pub churn: Finding<Contest>,
    /// The contest of the value models.
    pub value: Finding<Contest>,
}

/// One contest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// Length of the windows, days.
    pub horizon_days: i64,
    /// The loss that decides, and its unit.
    pub loss: String,
    /// The names of the metrics beside it.
    pub metrics: Vec<String>,
    /// The origins, ascending.
    pub origins: Vec<Origin>,
    /// Who was judged, the population that decides first.
    pub fields: Vec<Field>,
    /// The model to use.
    pub champion: String,
    /// Why, in a sentence.
    pub why: String,
}

/// A day that was taken for the last one known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The snapshot.
    pub as_of: Instant,
    /// Windows that trained.
    pub trained: usize,
    /// Whether it decides; the test window of the evaluation only confirms.
    pub decides: bool,
    /// Customers judged.
    pub customers: usize,
}

/// The candidates on one population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The population: `all` acquired, or `active`.
    pub population: String,
    /// The candidates, simplest first.
    pub standings: Vec<Standing>,
}

/// One candidate on one population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The model.
    pub model: String,
    /// Its mean loss over the windows that decide.
    pub loss: f64,
    /// By how much that is more than the best one's, with its interval.
    pub behind: Estimate,
    /// Its metrics at each origin; `None` where one cannot be computed.
    pub by_origin: Vec<Vec<Option<f64>>>,
}

/// What each candidate forecast at one origin, and what came.
pub(crate) struct Round {
    pub(crate) origin: Origin,
    /// The customers.
    pub(crate) customers: Vec<String>,
    /// Who of them was active.
    pub(crate) active: Vec<bool>,
    /// The loss of each candidate on each row.
    pub(crate) losses: Vec<Vec<f64>>,
    /// The metrics of each candidate, on everybody and on who was active.
    pub(crate) metrics: [Vec<Vec<Option<f64>>>; 2],
}

/// What all rounds of a contest have in common.
pub(crate) struct Rules<'a> {
    pub(crate) config: &'a Config,
    pub(crate) horizon_days: i64,
    pub(crate) loss: &'a str,
    pub(crate) metrics: &'a [&'a str],
    /// The candidates, simplest first.
    pub(crate) models: &'a [&'a str],
    /// Whether the active customers decide.
    pub(crate) active_decide: bool,
    pub(crate) task: &'a str,
}

/// The windows of each origin: up to `origins` of them that end before the test window of the evaluation starts, and
/// that window itself, which does not decide.
pub(crate) fn origins(
    timeline: &Timeline,
    snapshots: &[Instant],
    horizon_days: i64,
    origins: usize,
) -> Vec<(Windows, bool)> {
    let Some(last) = timeline.evaluation(snapshots, horizon_days) else { return Vec::new() };
    let Some(test) = last.test else { return Vec::new() };
    // As if the data ended where each window does.
    let mut all: Vec<(Windows, bool)> = snapshots
        .iter()
        .rev()
        .filter(|s| s.plus_days(horizon_days) <= test)
        .filter_map(|s| {
            let then = Timeline { data_end: s.plus_days(horizon_days), ..*timeline };
            let known: Vec<Instant> = snapshots.iter().copied().filter(|other| other <= s).collect();
            then.evaluation(&known, horizon_days).map(|windows| (windows, true))
        })
        .take(origins)
        .collect();
    all.reverse();
    all.push((last, false));
    all
}

/// Judges the rounds.
pub(crate) fn judge(rules: &Rules<'_>, rounds: &[Round]) -> Result<Finding<Contest>> {
    let deciding = rounds.iter().filter(|round| round.origin.decides).count();
    if deciding < LEAST_DECIDING {
        return Ok(Finding::Missing(format!(
            "the history holds {deciding} windows of {} days that could decide before the test window, and a contest \
             needs {LEAST_DECIDING}",
            rules.horizon_days
        )));
    }
    let mut fields = Vec::new();
    let mut verdicts = Vec::new();
    for population in if rules.active_decide { [true, false] } else { [false, true] } {
        let Some(verdict) = verdict(rules, rounds, population)? else { continue };
        let standings =
            rules.models.iter().zip(&verdict.standings).enumerate().map(|(k, (model, standing))| Standing {
                model: (*model).to_owned(),
                loss: standing.loss,
                behind: Estimate {
                    value: standing.behind.estimate,
                    low: Some(standing.behind.low),
                    high: Some(standing.behind.high),
                },
                by_origin: rounds.iter().map(|round| round.metrics[usize::from(population)][k].clone()).collect(),
            });
        fields.push(Field {
            population: if population { "active" } else { "all" }.to_owned(),
            standings: standings.collect(),
        });
        verdicts.push(verdict);
    }
    let Some(verdict) = verdicts.first() else {
        return Ok(Finding::Missing("nobody was there to be judged".to_owned()));
    };
    let (champion, best) = (&fields[0].standings[verdict.champion], &fields[0].standings[verdict.best]);
    let over = format!("over {deciding} windows of {} days", rules.horizon_days);
    let why = if verdict.champion == verdict.best {
        let simpler = fields[0].standings[..verdict.best].iter().min_by(|a, b| a.loss.total_cmp(&b.loss));
        let lead = simpler.map_or_else(String::new, |next| {
            format!(
                "; {} is the nearest of the simpler ones, {:.4} behind ({:.4} to {:.4})",
                next.model,
                next.behind.value,
                next.behind.low.unwrap_or(f64::NAN),
                next.behind.high.unwrap_or(f64::NAN)
            )
        });
        format!("{} has the least {} {over}{lead}", champion.model, rules.loss)
    } else {
        format!(
            "{} is the simplest that cannot be told from the best, {}: {:.4} behind in {} {over} ({:.4} to {:.4})",
            champion.model,
            best.model,
            champion.behind.value,
            rules.loss,
            champion.behind.low.unwrap_or(f64::NAN),
            champion.behind.high.unwrap_or(f64::NAN)
        )
    };
    Ok(Finding::Measured(Contest {
        horizon_days: rules.horizon_days,
        loss: rules.loss.to_owned(),
        metrics: rules.metrics.iter().map(|metric| (*metric).to_owned()).collect(),
        origins: rounds.iter().map(|round| round.origin.clone()).collect(),
        champion: champion.model.clone(),
        why,
        fields,
    }))
}

/// The losses of the rounds that decide, by customer; `None` where nobody of the population is in them.
fn verdict(rules: &Rules<'_>, rounds: &[Round], only_active: bool) -> Result<Option<contest::Verdict>> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut groups = Vec::new();
    let mut losses = vec![Vec::new(); rules.models.len()];
    for round in rounds.iter().filter(|round| round.origin.decides) {
        for i in (0..round.customers.len()).filter(|&i| !only_active || round.active[i]) {
            let next = numbers.len() as u32;
            groups.push(*numbers.entry(&round.customers[i]).or_insert(next));
            for (all, of) in losses.iter_mut().zip(&round.losses) {
                all.push(of[i]);
            }
        }
    }
    if numbers.len() < 2 {
        return Ok(None);
    }
    let params = bootstrap::Params {
        replicates: rules.config.report.bootstrap_replicates,
        level: 0.95,
        seed: rules.config.run.seed,
        task: rules.task,
    };
    contest::compare(&losses, &groups, numbers.len(), &params).map(Some).map_err(Error::math("the contest"))
}

/// Why the model that another program chose for a folder cannot be used.
pub(crate) fn not_built(stage: Stage, model: &str) -> Error {
    Error::Input {
        problem: format!(
            "the {} model of this folder is {model}, as its backtest or an earlier run has it, and this program was built \
             without it",
            stage.name()
        ),
        place: None,
        cure: format!("{}; `tenure backtest` holds the contest again without it", crate::config::NOT_BUILT_CURE),
    }
}

/// Which model is used, and why, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The model.
    pub model: String,
    /// Why.
    pub why: String,
}

/// The model of the configuration, else the champion of the folder's backtest, else `fallback`.
pub(crate) fn choice(run: &RunFolder, stage: Stage, named: Option<&str>, fallback: &str) -> Result<Choice> {
    if let Some(model) = named {
        let why = format!("{model} was named ({}.model of the configuration, or --model)", stage.name());
        return Ok(Choice { model: model.to_owned(), why });
    }
    let held: Option<Backtest> = run.standing(Stage::Backtest)?;
    let contest = held.and_then(|held| match stage {
        Stage::Churn => held.churn.measured().cloned(),
        _ => held.value.measured().cloned(),
    });
    Ok(match contest {
        Some(contest) => {
            let until = contest.origins.iter().rfind(|origin| origin.decides).map(|origin| origin.as_of.to_string());
            let why =
                format!("{} (tenure backtest, windows from {} at the latest)", contest.why, until.unwrap_or_default());
            Choice { model: contest.champion, why }
        }
        None => Choice {
            model: fallback.to_owned(),
            why: format!("{fallback} is used where no contest was held in this folder; `tenure backtest` holds one"),
        },
    })
}
