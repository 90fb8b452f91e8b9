//! What a plan's loss is made of: the run's forecasts against those of the statistician, who makes the best plan from the
//! same data, one kind of forecast exchanged at a time.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tenure_math::allocate::expected::{self, OfferTable, Prospect};
use tenure_math::allocate::{self, Problem};
use tenure_stages::artifact;
use tenure_stages::config::Config;
use tenure_stages::pipeline;
use tenure_stages::world::{self, FromData, OfferSpec, Params, Persuasion, RateKind, ShopKind, Truth};
use tenure_tables::engine::{Engine, EngineConfig};

use crate::support::{ctx, temp};

/// The true net of each plan, by its name.
type Nets = Vec<(&'static str, f64)>;

struct Bench {
    config: Config,
    table: OfferTable,
    truth: Truth,
    known: FromData,
    ours: Vec<Prospect>,
    /// What an order was worth so far, as the run shrinks it.
    order_value: Vec<f64>,
}

fn bench(shop: ShopKind, customers: u32, seed: u64) -> Bench {
    let mut config = Config::default();
    config.run.seed = seed;
    config.report.figures = false;
    config.report.bootstrap_replicates = 50;
    config.segments.starts = 1;
    config.segments.k = 3;
    config.boosting.rounds = 60;
    config.constraints.budget = Some(f64::from(customers) * 1.5);
    let params = Params {
        shop,
        customers,
        seed,
        persuasion: Persuasion::as_assumed(config.offers.winback),
        churn_days: config.churn.horizon_days,
        value_days: config.value.horizon_days,
        ..Params::default()
    };
    let dir = temp();
    pipeline::demo(&ctx(1), &config, &params, dir.path()).unwrap();
    let mut table = expected::retention();
    table.winback = config.offers.winback;
    let spec = |offer: &expected::Offer| OfferSpec {
        name: offer.name.clone(),
        contact_cost: offer.contact_cost,
        rate: offer.rate,
        rate_kind: RateKind::ShareOfChurners,
        margin: offer.margin,
    };
    let offers: Vec<OfferSpec> = table.offers.iter().map(spec).collect();
    let world = world::generate(&params).unwrap();
    let truth = world.truth(&offers, params.churn_days, params.value_days).unwrap();
    let known = world.known_from_data(&offers, params.churn_days, params.value_days).unwrap();
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() }).unwrap();
    engine.register("plan", &dir.path().join(artifact::ALLOCATION)).unwrap();
    engine.register("features", &dir.path().join(artifact::FEATURES)).unwrap();
    engine.register("scores", &dir.path().join(artifact::CUSTOMER_SCORES)).unwrap();
    let rows = engine
        .select(
            "select plan.customer_id, plan.p_churn, plan.p_gone, plan.value, plan.comes_back,
                    features.monetary_total, cast(features.frequency as double) as frequency
             from plan inner join scores on plan.customer_id = scores.customer_id
             inner join features on scores.customer_id = features.customer_id and scores.as_of = features.as_of
             order by plan.customer_id",
            &[],
        )
        .unwrap();
    let of = |name: &str| rows.f64s(name).unwrap();
    let (p, gone, value, back) = (of("p_churn"), of("p_gone"), of("value"), of("comes_back"));
    let (money, orders) = (of("monetary_total"), of("frequency"));
    let mean = money.iter().sum::<f64>() / orders.iter().sum::<f64>();
    let place: BTreeMap<&str, usize> = truth.customer_id.iter().map(String::as_str).zip(0..).collect();
    let mut ours = vec![Prospect::new(0.0, 0.0); truth.customer_id.len()];
    let mut order_value = vec![0.0; ours.len()];
    for (row, id) in rows.texts("customer_id").unwrap().iter().enumerate() {
        let i = place[id.as_str()];
        ours[i] = Prospect { p_churn: p[row], p_gone: gone[row], value: value[row], comes_back: back[row] };
        order_value[i] = (money[row] + 2.0 * mean) / (orders[row] + 2.0);
    }
    Bench { config, table, truth, known, ours, order_value }
}

impl Bench {
    fn net(&self, net: &[f64], ample: bool) -> f64 {
        let n = self.ours.len();
        let cost: Vec<f64> = (0..n).flat_map(|_| self.truth.costs.iter().copied()).collect();
        let problem = Problem {
            n_customers: n,
            offers: self.truth.costs.len(),
            net,
            cost: &cost,
            budget: Some(if ample { 1e9 } else { self.config.budget() }),
            caps: &[None, None, None],
            eligible: None,
            allowed: None,
            limits: &[],
        };
        world::plan_value(&self.truth, &allocate::solve(&problem).unwrap().choice).unwrap()
    }

    fn of_gains(&self, gains: &[Vec<f64>], ample: bool) -> f64 {
        let net: Vec<f64> = (0..self.ours.len()).flat_map(|i| gains.iter().map(move |offer| offer[i])).collect();
        self.net(&net, ample)
    }

    fn of(&self, prospect: impl Fn(usize) -> Prospect, ample: bool) -> f64 {
        let prospects: Vec<Prospect> = (0..self.ours.len())
            .map(|i| {
                let of = prospect(i);
                Prospect { p_gone: of.p_gone.min(of.p_churn), ..of }
            })
            .collect();
        self.net(&self.table.evaluate(&prospects).unwrap().0, ample)
    }

    fn plans(&self, ample: bool) -> Nets {
        let (truth, known, ours) = (&self.truth, &self.known, &self.ours);
        let best = |i: usize| Prospect {
            p_churn: known.p_churn[i],
            p_gone: 1.0 - known.p_alive[i],
            value: known.value_if_kept[i],
            comes_back: known.value_if_churned[i],
        };
        let observer = |i: usize| Prospect {
            p_churn: truth.p_churn_observed[i],
            p_gone: 1.0 - truth.p_alive_observed[i],
            value: truth.value_if_kept[i],
            comes_back: known.value_if_churned[i] / known.value_if_kept[i] * truth.value_if_kept[i],
        };
        // The orders of the one, the worth of an order of the other.
        let orders = |i: usize| known.value_if_kept[i] / known.order_value[i];
        let of_p = |p: Prospect, v: Prospect| Prospect { p_churn: p.p_churn, p_gone: p.p_gone, ..v };
        let scaled =
            |v: Prospect, factor: f64| Prospect { value: v.value * factor, comes_back: v.comes_back * factor, ..v };
        vec![
            ("oracle", self.of_gains(&truth.gains, ample)),
            ("observer", self.of_gains(&truth.gains_observed, ample)),
            ("statistician", self.of_gains(&known.gains, ample)),
            ("tenure", self.of(|i| ours[i], ample)),
            ("statistician by the plan's formula", self.of(best, ample)),
            ("statistician's p, tenure's values", self.of(|i| of_p(best(i), ours[i]), ample)),
            ("tenure's p, statistician's values", self.of(|i| of_p(ours[i], best(i)), ample)),
            ("tenure, statistician's p_churn", self.of(|i| Prospect { p_churn: best(i).p_churn, ..ours[i] }, ample)),
            ("tenure, statistician's p_gone", self.of(|i| Prospect { p_gone: best(i).p_gone, ..ours[i] }, ample)),
            ("tenure, statistician's value", self.of(|i| Prospect { value: best(i).value, ..ours[i] }, ample)),
            (
                "tenure, statistician's comes_back",
                self.of(|i| Prospect { comes_back: best(i).comes_back, ..ours[i] }, ample),
            ),
            (
                "tenure, statistician's worth of an order",
                self.of(|i| scaled(ours[i], known.order_value[i] / self.order_value[i]), ample),
            ),
            (
                "tenure, statistician's orders",
                self.of(
                    |i| {
                        let factor = orders(i) * self.order_value[i];
                        Prospect {
                            value: factor,
                            comes_back: known.value_if_churned[i] / known.order_value[i] * self.order_value[i],
                            ..ours[i]
                        }
                    },
                    ample,
                ),
            ),
            ("statistician, tenure's p_churn", self.of(|i| Prospect { p_churn: ours[i].p_churn, ..best(i) }, ample)),
            ("statistician, tenure's p_gone", self.of(|i| Prospect { p_gone: ours[i].p_gone, ..best(i) }, ample)),
            ("statistician, tenure's value", self.of(|i| Prospect { value: ours[i].value, ..best(i) }, ample)),
            (
                "statistician, tenure's worth of an order",
                self.of(|i| scaled(best(i), self.order_value[i] / known.order_value[i]), ample),
            ),
            ("statistician's p, true values", self.of(|i| of_p(best(i), observer(i)), ample)),
            ("observer's p, statistician's values", self.of(|i| of_p(observer(i), best(i)), ample)),
        ]
    }
}

#[test]
#[ignore = "a minute or more: the figures of docs/methods/world.md"]
fn what_the_loss_is_made_of() {
    for (shop, customers) in [(ShopKind::Gifts, 1_200), (ShopKind::Grocery, 500), (ShopKind::Rare, 1_500)] {
        let benches: Vec<Bench> = (1..=10_u64).into_par_iter().map(|seed| bench(shop, customers, seed)).collect();
        for ample in [false, true] {
            let nets: Vec<Nets> = benches.iter().map(|bench| bench.plans(ample)).collect();
            let sum = |k: usize| nets.iter().map(|plans| plans[k].1).sum::<f64>();
            let oracle = sum(0);
            eprintln!("{shop:?}, {} budget", if ample { "ample" } else { "tight" });
            for (k, (name, _)) in nets[0].iter().enumerate() {
                let lost: Vec<f64> = nets.iter().map(|plans| 100.0 * (1.0 - plans[k].1 / plans[0].1)).collect();
                let mean = lost.iter().sum::<f64>() / lost.len() as f64;
                let sd = (lost.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / (lost.len() - 1) as f64).sqrt();
                let error = sd / (lost.len() as f64).sqrt();
                eprintln!("  {:42} {:5.1} % (standard error {error:.1})", name, 100.0 * (1.0 - sum(k) / oracle));
            }
        }
    }
}
