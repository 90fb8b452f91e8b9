//! Clean: the canonical table to lines kept and lines set aside, each with its reason.
//!
//! Stages of cleaning: 1 parse and time, 2 identity (lines without a customer are set aside; non-product lines are
//! marked as charges or adjustments and stay), 3 duplicates, 4 cancellations linked to their sales, 5 outliers.
//! Nothing is dropped silently: lines read = kept + quarantined, by source, stage and reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_math::num::Matrix;
use tenure_math::outlier::{self, IqrBounds, LogHistogram};
use tenure_math::rng;
use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;
use tenure_tables::sequence::Sequence;
use tenure_tables::store::{self, Column, SplitWriter};

use crate::artifact::{self, RunFolder};
use crate::config::{Config, Duplicates, Outliers, non_product_pattern};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::number;
use crate::time::Instant;
use crate::timeline::Timeline;

/// Fences need so many lines behind them before they say anything.
const MIN_LINES_FOR_BOUNDS: u64 = 1_000;
/// Isolation forest: a score above this marks an order as unusual (Liu, Ting and Zhou 2008: scores near 1 are
/// anomalies, scores well below 0.5 are normal).
const FOREST_SCORE: f64 = 0.70;
/// Where more than this share of the orders looks like a cancellation, the prefix is part of every id.
const MAX_PREFIXED_SHARE: f64 = 0.5;
/// A last day that stands so far behind the one before it looks like a wrong date.
const LONGEST_SILENCE_DAYS: f64 = 60.0;
/// A decision so many days after the data's end is refused: nothing recent is known of anybody.
const MOST_DAYS_BEHIND: f64 = 366.0;

/// What cleaning found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Records of the sources, parsed or not.
    pub rows_in: u64,
    /// Lines kept.
    pub kept: u64,
    /// Lines and records set aside.
    pub quarantined: u64,
    /// Lines kept, by source; a source of which nothing was kept counts 0.
    pub kept_by_source: Vec<KeptOf>,
    /// Lines set aside, by source, stage and reason.
    pub set_aside: Vec<SetAside>,
    /// Lines kept, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Customers among the lines kept.
    pub customers: u64,
    /// Whether order ids with the cancellation prefix are cancellations.
    pub cancellations_by_prefix: bool,
    /// Returns whose sale was found.
    pub linked_returns: u64,
    /// Returns whose sale was not found.
    pub unlinked_returns: u64,
    /// Credits (manual corrections, say) whose line was found.
    pub linked_credits: u64,
    /// Sales outside the fences.
    pub outlier_lines: u64,
    /// Orders that the isolation forest finds unusual.
    pub outlier_orders: u64,
}

/// How many lines of a source were kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOf {
    /// File, and sheet.
    pub source: String,
    /// Lines.
    pub rows: u64,
}

/// How many lines of a source were set aside for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// File, and sheet.
    pub source: String,
    /// Stage of cleaning, 1 to 5.
    pub stage: i64,
    /// Reason code.
    pub reason: String,
    /// Lines.
    pub rows: u64,
}

/// Cleans the canonical table; the sentence says what came of it.
///
/// # Errors
/// [`Error::Input`] when nothing is left to work with, or `as_of` lies before the data; engine and file errors.
pub fn run(config: &Config, engine: &Engine, run: &mut RunFolder) -> Result<String> {
    engine.register("transactions", &run.read(artifact::TRANSACTIONS, Stage::Ingest)?)?;
    engine.register("unparsed", &run.read(artifact::UNPARSED, Stage::Ingest)?)?;
    let mut warnings = Vec::new();
    let timeline = timeline(config, engine, &mut warnings)?;

    let prefix = cancellation_prefix(config, engine, &mut warnings)?;
    let drop_duplicates = config.clean.duplicates == Duplicates::Drop && has_order_ids(engine)?;
    write_bounds(config, engine, run, timeline.as_of)?;

    let pattern = non_product_pattern(&config.data.non_product_codes, &config.data.non_product_prefixes);
    let mut writer: Option<SplitWriter> = None;
    let (kept_path, quarantine_path) = (run.write(artifact::CLEANED)?, run.write(artifact::QUARANTINE)?);
    let params = [
        ("as_of", Value::Instant(timeline.as_of.0)),
        ("cancellation_prefix", Value::Text(prefix.clone())),
        ("non_product_pattern", Value::Text(pattern)),
        ("drop_duplicates", Value::Bool(drop_duplicates)),
        ("drop_outliers", Value::Bool(config.clean.outliers == Outliers::Drop)),
        ("cap_outliers", Value::Bool(config.clean.outliers == Outliers::Cap)),
    ];
    let mut sequence = Sequence::new(drop_duplicates);
    engine.stream(query::CLEANED.sql, &params, &mut |batch| {
        let batch = sequence.walk(&batch)?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(SplitWriter::create(
                &batch.schema(),
                "reason",
                &["stage", "reason", "record"],
                &kept_path,
                &quarantine_path,
            )?),
        };
        writer.push(&batch)
    })?;
    let (kept, quarantined) = match writer {
        Some(writer) => writer.finish()?,
        None => return Err(nothing_left(0)),
    };
    if kept == 0 {
        return Err(nothing_left(quarantined));
    }
    engine.register("cleaned", &kept_path)?;
    engine.register("quarantine", &quarantine_path)?;
    let outlier_orders = write_unusual_orders(config, engine, run)?;
    let facts = gather(engine, kept, quarantined, !prefix.is_empty(), outlier_orders)?;
    if facts.customers == 0 {
        return Err(nothing_left(quarantined));
    }
    let sentence = format!(
        "{} of {} lines kept ({}), {} set aside with a reason; {} of {} returns linked to their sale, {} credits to \
         their line",
        number::count(facts.kept),
        number::count(facts.rows_in),
        number::customers(facts.customers),
        number::count(facts.quarantined),
        number::count(facts.linked_returns),
        number::count(facts.linked_returns + facts.unlinked_returns),
        number::count(facts.linked_credits)
    );
    run.set_timeline(timeline);
    run.record(Stage::Clean, &facts, warnings)?;
    Ok(sentence)
}

fn nothing_left(set_aside: u64) -> Error {
    Error::Input {
        problem: format!("no line has a customer and a time before as_of ({set_aside} lines were set aside)"),
        place: None,
        cure: "check the column mapping with `tenure ingest FILE`, and --as-of against the dates in the file"
            .to_owned(),
    }
}

/// Where the data start and end, and the snapshot of the decision.
fn timeline(config: &Config, engine: &Engine, warnings: &mut Vec<String>) -> Result<Timeline> {
    let span = engine.select(
        "select min(ordered_at) as first, max(ordered_at) as last,
                    max(greatest(ordered_at, coalesce(recorded_at, ordered_at))) as known, count(*) as n
             from transactions",
        &[],
    )?;
    if span.one_i64("n")? == 0 {
        return Err(nothing_left(0));
    }
    let (first, last) = (Instant(span.instants("first")?[0]), Instant(span.instants("last")?[0]));
    let last_known = Instant(span.instants("known")?[0]);
    // The first midnight at which every line had arrived; the last label window closes with the last order all the same.
    let known = last_known.midnight_after();
    let as_of = config.snapshots.as_of.unwrap_or(known);
    if as_of <= first {
        return Err(Error::Input {
            problem: format!("as_of is {as_of}, but the data start only at {first}"),
            place: Some("--as-of".to_owned()),
            cure: format!("choose an instant after {first}, or leave it out for the end of the data ({known})"),
        });
    }
    let before = engine.select(
        "select ordered_at as at from transactions where ordered_at < $day order by ordered_at desc limit 1",
        &[("day", Value::Instant(last.plus_days(-1).midnight_after().0))],
    )?;
    if let Some(at) = before.instants("at")?.first() {
        let alone = last.days_since(Instant(*at));
        if alone > LONGEST_SILENCE_DAYS && as_of > last {
            warnings.push(format!(
                "the last day of the data, {last}, comes {alone:.0} days after the one before it: is its date right?"
            ));
        }
    }
    let late = as_of.days_since(known);
    if late > MOST_DAYS_BEHIND {
        return Err(Error::Input {
            problem: format!("as_of is {as_of}, but the data end at {known}, {late:.0} days before it"),
            place: Some("--as-of".to_owned()),
            cure: format!(
                "choose an instant up to {known}, or leave it out; if the data should reach further, add them"
            ),
        });
    }
    if late > f64::from(config.validate.freshness_days) {
        warnings.push(format!(
            "as_of lies {late:.0} days after the end of the data ({known}): what happened in between is not seen, and \
             everybody looks more likely to be gone"
        ));
    }
    if last_known < as_of {
        return Ok(Timeline { data_start: first, data_end: last.midnight_after().min(as_of), as_of });
    }
    // Lines are cut at `as_of`, so the data reach up to it; one that became known later says nothing of their start.
    let seen = engine.select(
        "select ordered_at as first from transactions
         where greatest(ordered_at, coalesce(recorded_at, ordered_at)) < $as_of order by ordered_at limit 1",
        &[("as_of", Value::Instant(as_of.0))],
    )?;
    Ok(Timeline {
        data_start: seen.instants("first")?.first().map_or(first, |at| Instant(*at)),
        data_end: as_of,
        as_of,
    })
}

/// The configured prefix, or none where it cannot be one: most order ids start with it.
fn cancellation_prefix(config: &Config, engine: &Engine, warnings: &mut Vec<String>) -> Result<String> {
    let prefix = config.data.cancellation_prefix.to_uppercase();
    if prefix.is_empty() {
        return Ok(prefix);
    }
    let shape = engine.select(query::ORDER_ID_SHAPE.sql, &[("cancellation_prefix", Value::Text(prefix.clone()))])?;
    let (orders, prefixed) = (shape.one_i64("orders")?, shape.one_i64("prefixed_orders")?);
    if prefixed as f64 > MAX_PREFIXED_SHARE * orders as f64 {
        warnings.push(format!(
            "{prefixed} of {orders} order ids start with \"{prefix}\", so it does not mark cancellations here; \
             returns are told by their negative quantity alone"
        ));
        return Ok(String::new());
    }
    Ok(prefix)
}

fn has_order_ids(engine: &Engine) -> Result<bool> {
    let n = engine.select("select count(order_id) as n from transactions", &[])?;
    Ok(n.one_i64("n")? > 0)
}

/// Fences for the amounts of each month's sales, from the months before it: what a line is called can never depend on
/// what came after it.
fn write_bounds(config: &Config, engine: &Engine, run: &RunFolder, as_of: Instant) -> Result<()> {
    let histogram = engine.select(
        query::AMOUNT_HISTOGRAM.sql,
        &[("as_of", Value::Instant(as_of.0)), ("bin_width", Value::F64(LogHistogram::WIDTH))],
    )?;
    let (months, bins, lines) = (histogram.instants("month")?, histogram.i64s("bin")?, histogram.u64s("lines")?);
    let (mut at, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = LogHistogram::new();
    let mut i = 0;
    while i < months.len() {
        if seen.total() >= MIN_LINES_FOR_BOUNDS {
            let bounds = IqrBounds::from_histogram(&seen, config.clean.iqr_factor)
                .map_err(Error::math("the outlier bounds of the line amounts"))?;
            at.push(months[i]);
            lower.push(bounds.lower);
            upper.push(bounds.upper);
        }
        let month = months[i];
        while i < months.len() && months[i] == month {
            seen.add(i32::try_from(bins[i]).unwrap_or(i32::MAX), lines[i]);
            i += 1;
        }
    }
    let path = run.write(artifact::OUTLIER_BOUNDS)?;
    store::write_columns(
        &path,
        &[("month", Column::Instant(at)), ("amount_lower", Column::F64(lower)), ("amount_upper", Column::F64(upper))],
    )?;
    engine.register("outlier_bounds", &path)?;
    Ok(())
}

/// Orders that differ from all others in value, units, lines and price together.
fn write_unusual_orders(config: &Config, engine: &Engine, run: &RunFolder) -> Result<u64> {
    let orders = engine.select(
        "select customer_id, order_id, min(ordered_at) as ordered_at, sum(cast(round(amount * 10000) as bigint)) / 10000.0 as amount,
                sum(cast(round(coalesce(quantity, 1) * 1000) as bigint)) / 1000.0 as units, count(*) as lines
         from cleaned where kind = 'sale' and amount > 0 group by customer_id, order_id order by customer_id, order_id",
        &[],
    )?;
    let (amount, units, lines) = (orders.f64s("amount")?, orders.f64s("units")?, orders.f64s("lines")?);
    let n = amount.len();
    let mut scores = vec![0.0; n];
    if n >= 8 {
        let log = |v: &[f64]| v.iter().map(|x| x.max(0.0).ln_1p()).collect::<Vec<f64>>();
        let price: Vec<f64> = amount.iter().zip(&units).map(|(a, u)| (a / u.max(1e-3)).ln_1p()).collect();
        let data = Matrix::from_columns(&[log(&amount), log(&units), log(&lines), price])
            .map_err(Error::math("the isolation forest's table"))?;
        let params = outlier::Params { seed: rng::seed_of(config.run.seed, "clean/forest", 0), ..Default::default() };
        let forest = outlier::fit(&data, &params).map_err(Error::math("the isolation forest"))?;
        scores = forest.scores(&data).map_err(Error::math("the isolation forest's scores"))?;
    }
    let unusual: Vec<usize> = (0..n).filter(|&i| scores[i] > FOREST_SCORE).collect();
    let pick_text = |v: Vec<String>| unusual.iter().map(|&i| v[i].clone()).collect::<Vec<_>>();
    let pick = |v: &[f64]| unusual.iter().map(|&i| v[i]).collect::<Vec<_>>();
    let at = orders.instants("ordered_at")?;
    store::write_columns(
        &run.write(artifact::OUTLIERS)?,
        &[
            ("customer_id", Column::Text(pick_text(orders.texts("customer_id")?))),
            ("order_id", Column::Text(pick_text(orders.texts("order_id")?))),
            ("ordered_at", Column::Instant(unusual.iter().map(|&i| at[i]).collect())),
            ("amount", Column::F64(pick(&amount))),
            ("units", Column::F64(pick(&units))),
            ("lines", Column::F64(pick(&lines))),
            ("score", Column::F64(pick(&scores))),
        ],
    )?;
    Ok(unusual.len() as u64)
}

fn gather(
    engine: &Engine,
    kept: u64,
    quarantined: u64,
    cancellations_by_prefix: bool,
    outlier_orders: u64,
) -> Result<Facts> {
    let aside = engine.select(
        "select source, stage, reason, count(*) as n from quarantine group by source, stage, reason
         order by source, stage, reason",
        &[],
    )?;
    let set_aside: Vec<SetAside> = aside
        .texts("source")?
        .into_iter()
        .zip(aside.i64s("stage")?)
        .zip(aside.texts("reason")?)
        .zip(aside.u64s("n")?)
        .map(|(((source, stage), reason), rows)| SetAside { source, stage, reason, rows })
        .collect();
    let balance = engine.select(
        "select
            coalesce(rows_in.source, kept.source) as source,
            coalesce(rows_in.n, 0) as rows_in,
            coalesce(kept.n, 0) as kept
         from (
             select source, count(*) as n from (
                 select source from transactions union all select source from unparsed
             ) group by source
         ) as rows_in
         full join (select source, count(*) as n from cleaned group by source) as kept on rows_in.source = kept.source
         order by source",
        &[],
    )?;
    let mut kept_by_source = Vec::new();
    let mut rows_in = 0;
    for ((source, came), stayed) in
        balance.texts("source")?.into_iter().zip(balance.u64s("rows_in")?).zip(balance.u64s("kept")?)
    {
        let aside: u64 = set_aside.iter().filter(|s| s.source == source).map(|s| s.rows).sum();
        if came != stayed + aside {
            return Err(Error::Corrupt {
                artefact: artifact::QUARANTINE.to_owned(),
                problem: format!("{came} lines of {source} came in, but {stayed} were kept and {aside} set aside"),
            });
        }
        rows_in += came;
        kept_by_source.push(KeptOf { source, rows: stayed });
    }
    if kept + quarantined != rows_in {
        return Err(Error::Corrupt {
            artefact: artifact::QUARANTINE.to_owned(),
            problem: format!("{rows_in} lines came in, but {kept} were kept and {quarantined} set aside"),
        });
    }
    let kinds = engine.select(
        "select kind, count(*) as n, count(cancels_order_id) as linked,
                sum(case when is_outlier then 1 else 0 end) as outliers
         from cleaned group by kind order by kind",
        &[],
    )?;
    let names = kinds.texts("kind")?;
    let counts: BTreeMap<String, u64> = names.iter().cloned().zip(kinds.u64s("n")?).collect();
    let linked: BTreeMap<String, u64> = names.iter().cloned().zip(kinds.u64s("linked")?).collect();
    let of = |counts: &BTreeMap<String, u64>, kind: &str| counts.get(kind).copied().unwrap_or(0);
    let customers =
        engine.select("select count(distinct customer_id) as n from cleaned where kind in ('sale', 'charge')", &[])?;
    Ok(Facts {
        rows_in,
        kept,
        quarantined,
        kept_by_source,
        set_aside,
        customers: customers.one_i64("n")? as u64,
        cancellations_by_prefix,
        linked_returns: of(&linked, "return"),
        unlinked_returns: of(&counts, "return") - of(&linked, "return"),
        linked_credits: of(&linked, "adjustment"),
        outlier_lines: kinds.u64s("outliers")?.iter().sum(),
        outlier_orders,
        kinds: counts,
    })
}
