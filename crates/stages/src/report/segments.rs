//! The table of segments: who they are, what the models say of them, what happened on the test windows to those who
//! were in them then, and their part of the plan. And whether they behave as their names say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::metric::bootstrap;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::frame::Frame;

use super::figure::number;
use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::summary::{Finding, SegmentCheck, Verdict};

/// The segments that the checks speak of.
const BEST: &str = "Champions";
const WORRYING: &str = "At Risk";
/// Fewer customers than this in a segment tell nothing.
const LEAST: usize = 10;

/// A segment with what the models say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentScores {
    /// Its name.
    pub segment: String,
    /// Customers.
    pub customers: u64,
    /// Share of all customers.
    pub customer_share: f64,
    /// Mean days since the last purchase.
    pub recency_days: f64,
    /// Mean number of purchases.
    pub frequency: f64,
    /// Mean net spend so far; `None` where the source holds no money.
    pub monetary_total: Option<f64>,
    /// Share of all net spend so far; `None` where there is none.
    pub revenue_share: Option<f64>,
    /// Mean engagement score.
    pub engagement_score: f64,
    /// Mean churn probability; `None` without a model.
    pub p_churn_mean: Option<f64>,
    /// Mean value, money.
    pub value_mean: Option<f64>,
    /// Who was in it when the test window of churn began, and what became of them; `None` where there is no test.
    pub churn_test: Option<Tested>,
    /// The same of value.
    pub value_test: Option<Tested>,
    /// Customers who get an offer.
    pub offers: u64,
    /// Money that the plan spends on them.
    pub offer_spend: f64,
    /// What the plan expects of it, net.
    pub offer_net: f64,
}

/// What was foretold of a segment's customers, and what happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Customers who were in the segment at the start of the test window.
    pub customers: u64,
    /// Mean of what was foretold: a probability, or money.
    pub foretold: f64,
    /// Mean of what happened.
    pub happened: f64,
}

/// Writes the table of segments, greatest share of revenue first, and checks what their names promise.
pub(super) fn write(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
) -> Result<(Vec<SegmentScores>, Vec<SegmentCheck>)> {
    engine.register("segments_then", &run.read(artifact::SEGMENTS, Stage::Segment)?)?;
    let churn = tested(engine, run, Stage::Churn, artifact::CHURN_TEST, "cast(churned as double)", "p_churn")?;
    let value = tested(engine, run, Stage::Value, artifact::VALUE_TEST, "actual", "value_mean")?;
    let mut all = segments(engine, run)?;
    for segment in &mut all {
        segment.churn_test = churn.as_ref().ok().and_then(|test| test.of(&segment.segment));
        segment.value_test = value.as_ref().ok().and_then(|test| test.of(&segment.segment));
    }
    write_csv(run, &all)?;
    // A map of one's own need not have segments of these names.
    let names = run.record_of::<MapRecord>(Stage::Segment)?;
    let has = |name: &str| names.map != "custom" || names.segments.iter().any(|s| s.name == name);
    let room = Checks { replicates: config.report.bootstrap_replicates, seed: config.run.seed };
    let mut checks = Vec::new();
    if has(BEST) && has(WORRYING) {
        checks.push(room.churns_more(&churn)?);
    }
    if has(BEST) {
        checks.push(room.is_worth_most(&value)?);
    }
    Ok((all, checks))
}

/// What happened on a test window, by the segment as of its start.
struct Test {
    from: String,
    by_segment: BTreeMap<String, Outcomes>,
}

#[derive(Default)]
struct Outcomes {
    foretold: Vec<f64>,
    happened: Vec<f64>,
}

impl Test {
    fn of(&self, segment: &str) -> Option<Tested> {
        let found = self.by_segment.get(segment)?;
        Some(Tested {
            customers: found.happened.len() as u64,
            foretold: mean(&found.foretold),
            happened: mean(&found.happened),
        })
    }

    /// What happened to a segment, or why that tells nothing.
    fn at_least(&self, segment: &str) -> std::result::Result<&[f64], String> {
        let happened = self.by_segment.get(segment).map_or(&[][..], |o| &o.happened);
        if happened.len() >= LEAST {
            return Ok(happened);
        }
        Err(format!("{} customers were {segment} on {}, and it takes {LEAST}", happened.len(), self.from))
    }
}

/// What is read of the record of a stage with a test window.
#[derive(Deserialize)]
struct Record {
    quality: Finding<serde_json::Value>,
}

/// What is read of the segments' record.
#[derive(Deserialize)]
struct MapRecord {
    map: String,
    segments: Vec<NameRecord>,
}

#[derive(Deserialize)]
struct NameRecord {
    name: String,
}

/// The outcomes of a test window, or why there are none.
fn tested(
    engine: &Engine,
    run: &RunFolder,
    stage: Stage,
    artefact: &str,
    happened: &str,
    foretold: &str,
) -> Result<std::result::Result<Test, String>> {
    if let Finding::Missing(why) = run.record_of::<Record>(stage)?.quality {
        return Ok(Err(why));
    }
    engine.register("test", &run.read(artefact, stage)?)?;
    let frame: Frame = engine.select(
        &format!(
            "select test.as_of, segments_then.segment, {happened} as happened, test.{foretold} as foretold
             from test
             inner join segments_then
                 on test.as_of = segments_then.as_of and test.customer_id = segments_then.customer_id
             order by test.customer_id"
        ),
        &[],
    )?;
    let (names, happened, foretold) = (frame.texts("segment")?, frame.f64s("happened")?, frame.f64s("foretold")?);
    let mut by_segment: BTreeMap<String, Outcomes> = BTreeMap::new();
    for ((name, happened), foretold) in names.into_iter().zip(happened).zip(foretold) {
        let outcomes = by_segment.entry(name).or_default();
        outcomes.happened.push(happened);
        outcomes.foretold.push(foretold);
    }
    Ok(Ok(Test { from: frame.texts("as_of")?.into_iter().next().unwrap_or_default(), by_segment }))
}

/// The segments at `as_of`, without what happened.
fn segments(engine: &Engine, run: &RunFolder) -> Result<Vec<SegmentScores>> {
    // Sums over customers are taken in one order, so that they are the same on any number of threads.
    let frame = engine.select(
        "select segments.segment, features.recency_days, features.frequency, features.monetary_total,
                features.engagement_score, churn_scores.p_churn, value_scores.value_mean,
                case when plan.priority is null then 0.0 else 1.0 end as has_offer, plan.cost, plan.expected_net
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         inner join plan on features.customer_id = plan.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[("as_of", Value::Text(run.timeline()?.as_of.to_string()))],
    )?;
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, name) in frame.texts("segment")?.into_iter().enumerate() {
        members.entry(name).or_default().push(i);
    }
    let column = |name: &str| frame.f64s(name);
    let (recency, frequency, monetary) = (column("recency_days")?, column("frequency")?, column("monetary_total")?);
    let (engagement, p_churn, value) = (column("engagement_score")?, column("p_churn")?, column("value_mean")?);
    let (has_offer, cost, net) = (column("has_offer")?, column("cost")?, column("expected_net")?);
    let revenue: f64 = monetary.iter().sum();
    let mut all: Vec<SegmentScores> = members
        .into_iter()
        .map(|(segment, rows)| {
            let sum = |v: &[f64]| rows.iter().map(|&i| v[i]).sum::<f64>();
            let n = rows.len() as f64;
            let known = |v: &[f64]| {
                let mean = sum(v) / n;
                mean.is_finite().then_some(mean)
            };
            SegmentScores {
                customers: rows.len() as u64,
                customer_share: n / recency.len() as f64,
                recency_days: sum(&recency) / n,
                frequency: sum(&frequency) / n,
                monetary_total: known(&monetary),
                revenue_share: (revenue > 0.0).then(|| sum(&monetary) / revenue),
                engagement_score: sum(&engagement) / n,
                p_churn_mean: known(&p_churn),
                value_mean: known(&value),
                churn_test: None,
                value_test: None,
                offers: sum(&has_offer) as u64,
                offer_spend: sum(&cost),
                offer_net: sum(&net),
                segment,
            }
        })
        .collect();
    all.sort_by(|a, b| {
        let share = |s: &SegmentScores| s.revenue_share.unwrap_or(s.customer_share);
        share(b).total_cmp(&share(a)).then(a.segment.cmp(&b.segment))
    });
    Ok(all)
}

fn write_csv(run: &RunFolder, all: &[SegmentScores]) -> Result<()> {
    let optional = |v: Option<f64>, digits: usize| v.map(|v| format!("{v:.digits$}")).unwrap_or_default();
    let test = |test: Option<Tested>, digits: usize| {
        [
            test.map(|t| t.customers.to_string()).unwrap_or_default(),
            optional(test.map(|t| t.foretold), digits),
            optional(test.map(|t| t.happened), digits),
        ]
    };
    let row = |s: &SegmentScores| {
        let mut row = vec![
            s.segment.clone(),
            s.customers.to_string(),
            format!("{:.6}", s.customer_share),
            format!("{:.2}", s.recency_days),
            format!("{:.3}", s.frequency),
            optional(s.monetary_total, 2),
            optional(s.revenue_share, 6),
            format!("{:.2}", s.engagement_score),
            optional(s.p_churn_mean, 4),
            optional(s.value_mean, 2),
        ];
        row.extend(test(s.churn_test, 4));
        row.extend(test(s.value_test, 2));
        row.extend([s.offers.to_string(), format!("{:.2}", s.offer_spend), format!("{:.2}", s.offer_net)]);
        row
    };
    run.write_csv(
        artifact::SEGMENT_SUMMARY,
        &[
            "segment",
            "customers",
            "customer_share",
            "recency_days",
            "frequency",
            "monetary_total",
            "revenue_share",
            "engagement_score",
            "p_churn_mean",
            "value_mean",
            "churn_test_customers",
            "churn_test_foretold",
            "churn_test_happened",
            "value_test_customers",
            "value_test_foretold",
            "value_test_happened",
            "offers",
            "offer_spend",
            "offer_expected_net",
        ],
        &all.iter().map(row).collect::<Vec<_>>(),
    )
}

/// What the names of segments promise, tested on what happened later.
struct Checks {
    replicates: usize,
    seed: u64,
}

impl Checks {
    fn churns_more(&self, test: &std::result::Result<Test, String>) -> Result<SegmentCheck> {
        let name = format!("{WORRYING} churns more than {BEST}");
        let both = |test: &Test| Ok((test.at_least(WORRYING)?.to_vec(), test.at_least(BEST)?.to_vec()));
        let (more, less) = match test.as_ref().map_err(Clone::clone).and_then(both) {
            Ok(found) => found,
            Err(why) => return Ok(untested(name, why)),
        };
        let (verdict, low, high) = self.difference(&more, &less)?;
        let sentence = format!(
            "{:.1} % against {:.1} % (95 %: {:+.1} to {:+.1} points)",
            100.0 * mean(&more),
            100.0 * mean(&less),
            100.0 * low,
            100.0 * high
        );
        Ok(SegmentCheck { name, verdict, sentence })
    }

    /// Champions against the segment that is worth most among all others.
    fn is_worth_most(&self, test: &std::result::Result<Test, String>) -> Result<SegmentCheck> {
        let name = format!("{BEST} are worth most");
        let found = |test: &Test| {
            let best = test.at_least(BEST)?.to_vec();
            let others = test.by_segment.iter().filter(|(other, o)| *other != BEST && o.happened.len() >= LEAST);
            let next = others.max_by(|a, b| mean(&a.1.happened).total_cmp(&mean(&b.1.happened)));
            let (next, outcomes) = next.ok_or_else(|| format!("no other segment had {LEAST} customers"))?;
            Ok((best, next.clone(), outcomes.happened.clone()))
        };
        let (best, next, other) = match test.as_ref().map_err(Clone::clone).and_then(found) {
            Ok(found) => found,
            Err(why) => return Ok(untested(name, why)),
        };
        let (verdict, low, high) = self.difference(&best, &other)?;
        let sentence = format!(
            "{} each against {} of {next} (95 %: {} to {} more)",
            whole(mean(&best)),
            whole(mean(&other)),
            whole(low),
            whole(high)
        );
        Ok(SegmentCheck { name, verdict, sentence })
    }

    /// Whether the mean of `a` is above that of `b`, with the 95 % interval of the difference: passed where all of it is
    /// above 0, failed where all of it is below.
    fn difference(&self, a: &[f64], b: &[f64]) -> Result<(Verdict, f64, f64)> {
        let all: Vec<f64> = a.iter().chain(b).copied().collect();
        let metric = |weights: Option<&[f64]>| {
            let of = |rows: std::ops::Range<usize>| {
                let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
                let total: f64 = rows.clone().map(weight).sum();
                if total <= 0.0 {
                    let (what, reason) = ("difference of segments", "a segment was not drawn");
                    return Err(tenure_math::Error::Degenerate { what, reason });
                }
                Ok(rows.map(|i| weight(i) * all[i]).sum::<f64>() / total)
            };
            Ok(of(0..a.len())? - of(a.len()..all.len())?)
        };
        let params = bootstrap::Params {
            replicates: self.replicates,
            level: 0.95,
            seed: self.seed,
            task: "report/segment-checks",
        };
        let found =
            bootstrap::interval(all.len(), &params, metric).map_err(Error::math("the difference of two segments"))?;
        let verdict = match (found.low > 0.0, found.high < 0.0) {
            (true, _) => Verdict::Passed,
            (_, true) => Verdict::Failed,
            _ => Verdict::Open,
        };
        Ok((verdict, found.low, found.high))
    }
}

fn untested(name: String, why: String) -> SegmentCheck {
    SegmentCheck { name, verdict: Verdict::Open, sentence: why }
}

/// Money without its fraction.
fn whole(money: f64) -> String {
    let sign = if money <= -0.5 { "-" } else { "" };
    format!("{sign}{}", number::count(money.abs().round() as u64))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
