//! Who is in the plan, and what is taken to be known of each.

use tenure_math::allocate::expected::Prospect;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::frame::Frame;

use crate::artifact::{self, RunFolder};
use crate::config::{Config, RateKind, ValueReading};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::number;

/// The customers of the plan.
pub(super) struct People {
    pub(super) ids: Vec<String>,
    pub(super) segments: Vec<String>,
    pub(super) prospects: Vec<Prospect>,
    /// The 10 % and 90 % quantiles of their values, money; NaN where there are none.
    pub(super) quantiles: (Vec<f64>, Vec<f64>),
    pub(super) assumptions: Vec<String>,
}

/// The customers at `as_of`, with what the plan takes as their churn probability and value.
pub(super) fn population(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
    warnings: &mut Vec<String>,
) -> Result<People> {
    // Scores that an earlier stage has left behind are there as files and no longer true.
    for stage in [Stage::Segment, Stage::Churn, Stage::Value] {
        run.record_of::<serde_json::Value>(stage)?;
    }
    engine.register("features", &run.read(artifact::FEATURES, Stage::Features)?)?;
    engine.register("segments", &run.read(artifact::SEGMENT_ASSIGNMENTS, Stage::Segment)?)?;
    engine.register("churn_scores", &run.read(artifact::CHURN_SCORES, Stage::Churn)?)?;
    engine.register("value_scores", &run.read(artifact::VALUE_SCORES, Stage::Value)?)?;
    let frame = engine.select(
        "select features.customer_id, segments.segment, churn_scores.p_churn, churn_scores.p_gone, value_scores.value_mean,
                value_scores.value_q10, value_scores.value_q50, value_scores.value_q90, value_scores.value_if_retained, value_scores.value_if_churned, features.monetary_90d,
                percent_rank() over (order by features.recency_days) as recency_rank
         from features
         inner join segments on features.customer_id = segments.customer_id
         inner join churn_scores on features.customer_id = churn_scores.customer_id
         inner join value_scores on features.customer_id = value_scores.customer_id
         where features.as_of = $as_of
         order by features.customer_id",
        &[("as_of", Value::Text(run.timeline()?.as_of.to_string()))],
    )?;
    let mut assumptions = Vec::new();
    let (mut p_churn, mut p_gone) = (frame.f64s("p_churn")?, frame.f64s("p_gone")?);
    if p_churn.iter().any(|p| p.is_nan()) {
        p_churn = frame.f64s("recency_rank")?;
        p_gone = vec![0.0; p_churn.len()];
        assumptions.push(
            "there is no churn model: the share of customers who bought more recently stands in for the churn \
             probability"
                .to_owned(),
        );
        warnings.push("the plan rests on recency alone, because there is no churn model".to_owned());
    }
    let value = values(config, &frame, &mut assumptions)?;
    if frame.f64s("value_q50")?.iter().all(|q| q.is_nan()) && value.iter().any(|v| *v > 0.0) {
        assumptions.push(format!(
            "values have no interval: where the history was too short for a model, the spend of the last {} days stands \
             in, scaled up where it is not that long",
            config.value.horizon_days
        ));
    }
    assumptions.splice(0..0, effects(config));
    // The other readings know nothing of who comes back.
    let comes_back = match config.offers.value {
        ValueReading::ClvIfRetained if value.iter().any(|v| *v > 0.0) => frame.f64s("value_if_churned")?,
        _ => vec![0.0; value.len()],
    };
    let prospects = (0..value.len())
        .map(|i| Prospect { p_churn: p_churn[i], p_gone: p_gone[i], value: value[i], comes_back: comes_back[i] })
        .collect();
    Ok(People {
        ids: frame.texts("customer_id")?,
        segments: frame.texts("segment")?,
        prospects,
        quantiles: (frame.f64s("value_q10")?, frame.f64s("value_q90")?),
        assumptions,
    })
}

/// What a kept customer is worth, by the configured reading.
fn values(config: &Config, frame: &Frame, assumptions: &mut Vec<String>) -> Result<Vec<f64>> {
    let days = config.value.horizon_days;
    let (column, sentence) = match config.offers.value {
        ValueReading::Clv => (
            "value_mean",
            format!(
                "a kept customer is worth the expected spend of the next {days} days (clv); it already contains the \
                 chance of leaving, so the gain is understated"
            ),
        ),
        ValueReading::ClvIfRetained => (
            "value_if_retained",
            format!(
                "a kept customer spends in {days} days what one like it does that buys within {} of them, and what it would \
                 have spent anyway is no gain",
                config.churn.horizon_days
            ),
        ),
        ValueReading::Monetary90d => {
            ("monetary_90d", "a kept customer is worth the spend of its last 90 days".to_owned())
        }
    };
    let value = frame.f64s(column)?;
    if value.iter().all(|v| v.is_nan()) {
        assumptions.push("the source holds no money, so nobody is worth an offer".to_owned());
        return Ok(vec![0.0; value.len()]);
    }
    assumptions.push(sentence);
    if value.iter().any(|v| v.is_nan()) {
        return Err(Error::Corrupt {
            artefact: artifact::VALUE_SCORES.to_owned(),
            problem: format!("{column} is unknown for some customers"),
        });
    }
    // A loss-making customer is worth nothing kept, not less than nothing.
    Ok(value.into_iter().map(|v| v.max(0.0)).collect())
}

fn effects(config: &Config) -> Vec<String> {
    let rates = match config.offers.rate_kind() {
        RateKind::ShareOfChurners => "an offer keeps of those who would leave the share that is its effect",
        RateKind::Points => "an offer lowers the churn probability by up to its effect, in points",
    };
    vec![
        format!(
            "{rates}, and has {} of its effect with those who have left already; no randomised contact has measured either",
            number::percent(config.offers.winback)
        ),
        format!(
            "{} of revenue is earned (offers.margin); no discount is taken beyond what the table says",
            number::percent(config.offers.margin)
        ),
    ]
}
