//! The truth's verdict: what each plan would truly earn, and how far the forecasts are from what is true.

use std::collections::BTreeMap;
use std::path::Path;

use rand::RngExt;
use tenure_math::allocate::expected::Prospect;
use tenure_math::allocate::hindsight::{self, Outcome, Reach};
use tenure_math::allocate::{self as knapsack, Problem};
use tenure_math::calibrate::Platt;
use tenure_math::{metric, rng};
use tenure_tables::engine::{Engine, EngineConfig};
use tenure_tables::frame::Frame;

use crate::allocate::{offer_table, ranked};
use crate::artifact;
use crate::config::Config;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::summary::{TruthCheck, TruthRow};
use crate::world::{self, FromData, Truth};

/// What the truth says of a run.
pub(super) struct Judged {
    pub(super) plans: Vec<TruthRow>,
    pub(super) checks: Vec<TruthCheck>,
}

/// Judges the run in `out`; `from_data` is what could be known of the truth at best.
pub(super) fn judge(ctx: &Ctx<'_>, config: &Config, truth: &Truth, from_data: &FromData, out: &Path) -> Result<Judged> {
    let engine = Engine::open(&EngineConfig { threads: ctx.threads, ..EngineConfig::default() })?;
    engine.register("plan", &out.join(artifact::ALLOCATION))?;
    engine.register("scores", &out.join(artifact::CUSTOMER_SCORES))?;
    engine.register("features", &out.join(artifact::FEATURES))?;
    let rows = engine.select(
        "select plan.customer_id, plan.offer, plan.p_churn, plan.p_gone, plan.value, plan.comes_back, plan.expected_net,
                scores.value_mean, scores.value_q10, scores.value_q90, features.revenue_180d
         from plan inner join scores on plan.customer_id = scores.customer_id
         inner join features on scores.customer_id = features.customer_id and scores.as_of = features.as_of
         order by plan.customer_id",
        &[],
    )?;
    let court = Court::new(config, truth, &rows)?;
    Ok(Judged { plans: court.plans(from_data)?, checks: court.checks(&rows)? })
}

/// The run's rows beside the truth's.
struct Court<'a> {
    config: &'a Config,
    truth: &'a Truth,
    /// The truth's row of each row of the run.
    places: Vec<usize>,
    /// What the run forecast, by the truth's rows.
    prospects: Vec<Prospect>,
    /// The run's plan, by the truth's rows.
    ours: Vec<Option<usize>>,
    /// What each has spent in the 180 days before, by the truth's rows.
    spent: Vec<f64>,
    /// Contact costs, row-major customers x offers.
    cost: Vec<f64>,
    caps: Vec<Option<usize>>,
}

impl<'a> Court<'a> {
    fn new(config: &'a Config, truth: &'a Truth, rows: &Frame) -> Result<Self> {
        let n = truth.customer_id.len();
        let by_id: BTreeMap<&str, usize> = truth.customer_id.iter().map(String::as_str).zip(0..).collect();
        let places = rows
            .texts("customer_id")?
            .iter()
            .map(|id| {
                by_id.get(id.as_str()).copied().ok_or_else(|| Error::Corrupt {
                    artefact: artifact::ALLOCATION.to_owned(),
                    problem: format!("customer '{id}' is not of the generated world"),
                })
            })
            .collect::<Result<Vec<usize>>>()?;
        let (p_churn, p_gone) = (rows.f64s("p_churn")?, rows.f64s("p_gone")?);
        let (value, comes_back) = (rows.f64s("value")?, rows.f64s("comes_back")?);
        let mut prospects = vec![Prospect::new(0.0, 0.0); n];
        let (mut ours, mut spent, before) = (vec![None; n], vec![0.0; n], rows.f64s("revenue_180d")?);
        for (row, (&i, offer)) in places.iter().zip(rows.texts("offer")?).enumerate() {
            prospects[i] =
                Prospect { p_churn: p_churn[row], p_gone: p_gone[row], value: value[row], comes_back: comes_back[row] };
            spent[i] = f64::max(before[row], 0.0);
            ours[i] = truth.offers.iter().position(|name| *name == offer);
        }
        let cost = (0..n).flat_map(|_| truth.costs.iter().copied()).collect();
        Ok(Self { config, truth, places, prospects, ours, spent, cost, caps: config.caps(n) })
    }

    fn n(&self) -> usize {
        self.truth.customer_id.len()
    }

    /// The gains of each offer, row-major customers x offers.
    fn by_customer(&self, gains: &[Vec<f64>]) -> Vec<f64> {
        (0..self.n()).flat_map(|i| gains.iter().map(move |offer| offer[i])).collect()
    }

    fn problem<'p>(&'p self, net: &'p [f64]) -> Problem<'p> {
        Problem {
            n_customers: self.n(),
            offers: self.truth.costs.len(),
            net,
            cost: &self.cost,
            budget: Some(self.config.budget()),
            caps: &self.caps,
            eligible: None,
            allowed: None,
            limits: &[],
        }
    }

    fn solved(&self, gains: &[Vec<f64>]) -> Result<Vec<Option<usize>>> {
        let net = self.by_customer(gains);
        Ok(knapsack::solve(&self.problem(&net)).map_err(Error::math("the oracle's plan"))?.choice)
    }

    /// The true net of each plan, best first.
    fn plans(&self, from_data: &FromData) -> Result<Vec<TruthRow>> {
        let (predicted, _) =
            offer_table(self.config).evaluate(&self.prospects).map_err(Error::math("the offers' expected value"))?;
        let problem = self.problem(&predicted);
        let greedy = knapsack::greedy(&problem).map_err(Error::math("the greedy plan"))?.choice;
        let mut draws = rng::stream(self.config.run.seed, "demo/random", 0);
        let shuffled: Vec<f64> = (0..self.n()).map(|_| draws.random()).collect();
        let cheapest = (0..self.truth.costs.len()).min_by(|&a, &b| self.truth.costs[a].total_cmp(&self.truth.costs[b]));
        let plans = [
            ("oracle", self.solved(&self.truth.gains)?),
            ("best observer", self.solved(&self.truth.gains_observed)?),
            ("best from data", self.solved(&from_data.gains)?),
            ("tenure", self.ours.clone()),
            ("greedy", greedy),
            ("top value", ranked(&problem, None, |i| self.prospects[i].value).0),
            ("top risk", ranked(&problem, None, |i| self.prospects[i].p_churn).0),
            ("random", ranked(&problem, None, |i| shuffled[i]).0),
            ("everybody", vec![cheapest; self.n()]),
            ("nobody", vec![None; self.n()]),
        ];
        let outcome = Outcome { left: &self.truth.realised_churned, spent: &self.spent };
        let mut rows = Vec::new();
        for (plan, choice) in plans {
            let true_net = world::plan_value(self.truth, &choice)?;
            let cover = Reach::of(&choice, &self.cost, self.truth.costs.len())
                .and_then(|reach| hindsight::cover(&reach, &outcome, None))
                .map_err(Error::math("what a plan covers"))?;
            let spend = cover.spend;
            rows.push(TruthRow {
                plan: plan.to_owned(),
                spend,
                true_net,
                regret: 0.0,
                regret_share: None,
                cover: cover.into(),
            });
        }
        let oracle = rows[0].true_net;
        for row in &mut rows {
            row.regret = oracle - row.true_net;
            row.regret_share = (oracle > 0.0).then(|| row.regret / oracle);
        }
        rows.sort_by(|a, b| b.true_net.total_cmp(&a.true_net));
        Ok(rows)
    }

    /// What the run said beside what is true.
    fn checks(&self, rows: &Frame) -> Result<Vec<TruthCheck>> {
        let of = |values: &[f64]| -> Vec<f64> { self.places.iter().map(|&i| values[i]).collect() };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let share =
            |what: &str, said: f64, truth: f64| TruthCheck { what: what.to_owned(), is_money: false, said, truth };
        let money =
            |what: &str, said: f64, truth: f64| TruthCheck { what: what.to_owned(), is_money: true, said, truth };
        let p_churn = rows.f64s("p_churn")?;
        let churned: Vec<bool> = self.places.iter().map(|&i| self.truth.realised_churned[i]).collect();
        let alive = self.truth.alive.iter().filter(|alive| **alive).count() as f64 / self.n() as f64;
        let mut checks = vec![
            share("mean p_churn", mean(&p_churn), mean(&self.truth.p_churn)),
            share("gone for good already", mean(&rows.f64s("p_gone")?), 1.0 - alive),
            share(
                "calibration error of p_churn",
                metric::ece(&p_churn, &churned, None).map_err(Error::math("the calibration error"))?,
                0.0,
            ),
        ];
        // Ranks and slopes beside what the best-informed observer of the same purchases reaches.
        let rank = |forecast: &[f64], truth: &[f64]| metric::spearman(forecast, truth, None).ok();
        let true_p = of(&self.truth.p_churn);
        let by_observer = of(&self.truth.p_churn_observed);
        // Where all customers are alike there is neither slope nor rank.
        if let (Some(ours), Some(best)) = (slope(&p_churn, &churned), slope(&by_observer, &churned)) {
            checks.push(share("slope of churn in p_churn", ours, best));
        }
        if let (Some(ours), Some(best)) = (rank(&p_churn, &true_p), rank(&by_observer, &true_p)) {
            checks.push(share("rank of p_churn", ours, best));
        }
        let value = rows.f64s("value_mean")?;
        if value.iter().all(|v| v.is_finite()) {
            let true_value = of(&self.truth.value);
            if let (Some(ours), Some(best)) =
                (rank(&value, &true_value), rank(&of(&self.truth.value_observed), &true_value))
            {
                checks.push(share("rank of value", ours, best));
            }
            checks.push(money("value, all customers", value.iter().sum(), self.truth.value.iter().sum()));
            let kept = self.prospects.iter().map(|of| of.value).sum();
            checks.push(money("value if kept", kept, self.truth.value_if_kept.iter().sum()));
        }
        let (low, high) = (rows.f64s("value_q10")?, rows.f64s("value_q90")?);
        if high.iter().all(|q| q.is_finite()) {
            let spend = of(&self.truth.realised_spend);
            let part = |holds: &dyn Fn(usize) -> bool| {
                (0..spend.len()).filter(|&k| holds(k)).count() as f64 / spend.len().max(1) as f64
            };
            let intended = self.config.value.interval;
            let inside = part(&|k| spend[k] >= low[k] && spend[k] <= high[k]);
            checks.push(share("outcomes in the interval", intended, inside));
            checks.push(share("outcomes above it", (1.0 - intended) / 2.0, part(&|k| spend[k] > high[k])));
        }
        let said = rows.f64s("expected_net")?.iter().sum();
        checks.push(money("net of the plan", said, world::plan_value(self.truth, &self.ours)?));
        Ok(checks)
    }
}

/// The slope of what happened in the log-odds that were forecast: 1 where they are as far apart as they should be.
fn slope(p: &[f64], churned: &[bool]) -> Option<f64> {
    Platt::fit(p, churned, None).ok().map(|platt| platt.slope)
}
