//! The panel: rows of (snapshot, customer) with features and outcomes, as the models of churn and value read them.

use std::collections::BTreeMap;

use serde::Deserialize;
use tenure_math::boost;
use tenure_math::num::Matrix;
use tenure_math::pace::Past;
use tenure_math::rng;
use tenure_math::season::{Around, Closed};
use tenure_tables::engine::{Engine, Value};
use tenure_tables::query;
use tenure_tables::store::{self, Column};

use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::lifetimes::{BySnapshot, FEATURES, Lifetimes};
use crate::time::{DAY_US, Instant};
use crate::timeline::Timeline;

/// Columns that are no feature of a model: keys, and aliases of other columns.
const NO_FEATURES: [&str; 5] = ["as_of", "customer_id", "frequency_90d", "monetary_90d", "avg_basket"];
/// Boosting holds its rows in memory: more than this are not read, and the latest snapshots come first.
const ROW_BUDGET: usize = 600_000;
/// Look-back of the seasonal forecast, days: as long as the data reach, between these.
const SEASON_LOOK_BACK_DAYS: (i64, i64) = (60, 90);
const YEAR_DAYS: i64 = 365;
/// Closed windows in which newcomers are counted, the latest first.
const CLOSED_WINDOWS: usize = 12;

/// Features by name, of whatever rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The features' names.
    pub(crate) names: Vec<String>,
    /// The features; NaN is missing.
    pub(crate) features: Matrix,
}

/// Rows of (snapshot, customer), ordered by snapshot and then by customer.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The features.
    pub(crate) table: Table,
    /// How the customers of each snapshot buy and leave.
    pub(crate) lifetimes: BySnapshot,
    /// The snapshot of each row.
    pub(crate) snapshots: Vec<Instant>,
    /// The customer of each row.
    pub(crate) customers: Vec<String>,
    /// Purchases in the window; NaN where it is open.
    pub(crate) orders: Vec<f64>,
    /// Days from the snapshot to the first purchase in the window; NaN without one, or where the window is open.
    pub(crate) first_purchase_days: Vec<f64>,
    /// Purchases in the churn window; NaN where it is open.
    pub(crate) orders_in_churn_window: Vec<f64>,
    /// Spend in the window, in the basis asked for; NaN where it is open.
    pub(crate) spend: Vec<f64>,
    /// The segment of each row's customer at its snapshot.
    pub(crate) segments: Vec<String>,
    /// What had to be left out.
    pub(crate) warnings: Vec<String>,
}

/// What is needed of the features' record in the manifest.
#[derive(Deserialize)]
pub(crate) struct FeatureRecord {
    /// The snapshots, ascending.
    pub(crate) snapshots: Vec<Instant>,
    horizons: Vec<i64>,
}

impl FeatureRecord {
    /// Reads it; refused where windows of the lengths of churn and of value have no labels.
    pub(crate) fn read(run: &RunFolder, churn_days: i64, value_days: Option<i64>) -> Result<Self> {
        let record: Self = run.record_of(Stage::Features)?;
        let asked = [Some(("--churn-days", churn_days)), value_days.map(|days| ("--value-days", days))];
        match asked.into_iter().flatten().find(|(_, days)| !record.horizons.contains(days)) {
            None => Ok(record),
            Some((option, days)) => {
                let out = run.out().display();
                Err(Error::Input {
                    problem: format!("{out} holds no outcomes of windows of {days} days"),
                    place: Some(option.to_owned()),
                    cure: format!(
                        "run `tenure features {option} {days} --out {out}`, which labels them, then `tenure segment \
                         --out {out}` and this command again"
                    ),
                })
            }
        }
    }
}

impl Table {
    /// The table of these columns, each with its name.
    pub(crate) fn new(names: Vec<String>, columns: &[Vec<f64>]) -> Result<Self> {
        Ok(Self { names, features: Matrix::from_columns(columns).map_err(Error::math("the table of features"))? })
    }

    /// The table with more columns after its own.
    pub(crate) fn with(self, more: Vec<(&str, Vec<f64>)>) -> Result<Self> {
        if more.is_empty() {
            return Ok(self);
        }
        let mut columns: Vec<Vec<f64>> = (0..self.names.len()).map(|j| self.features.column(j)).collect();
        let mut names = self.names;
        for (name, column) in more {
            names.push(name.to_owned());
            columns.push(column);
        }
        Self::new(names, &columns)
    }

    /// A feature of the given rows; all NaN where the source cannot support it.
    pub(crate) fn feature(&self, name: &str, rows: &[usize]) -> Vec<f64> {
        match self.names.iter().position(|n| n == name) {
            Some(j) => rows.iter().map(|&i| self.features.get(i, j)).collect(),
            None => vec![f64::NAN; rows.len()],
        }
    }

    /// What the purchases of each row look like from its snapshot.
    pub(crate) fn pasts(&self, rows: &[usize]) -> Vec<Past> {
        let days = self.feature("purchase_days", rows);
        let (spans, silences) = (self.feature("active_span_days", rows), self.feature("recency_days", rows));
        let past = |k: usize| Past {
            repeats: (days[k] - 1.0).max(0.0),
            span: spans[k].max(0.0),
            silence: silences[k].max(0.0),
        };
        (0..rows.len()).map(past).collect()
    }
}

impl Panel {
    /// Reads the features at the given snapshots with the outcomes of windows of `horizon_days` and of `churn_days`.
    pub(crate) fn read(
        engine: &Engine,
        run: &RunFolder,
        snapshots: &[Instant],
        horizon_days: i64,
        churn_days: i64,
        spend_column: &str,
    ) -> Result<Self> {
        FeatureRecord::read(run, churn_days, Some(horizon_days))?;
        engine.register("features", &run.read(artifact::FEATURES, Stage::Features)?)?;
        engine.register("labels", &run.read(artifact::LABELS, Stage::Features)?)?;
        engine.register("segments", &run.read(artifact::SEGMENTS, Stage::Segment)?)?;
        let mut warnings = Vec::new();
        let sizes = engine.select("select as_of, count(*) as n from features group by as_of", &[])?;
        let sizes: BTreeMap<String, u64> = sizes.texts("as_of")?.into_iter().zip(sizes.u64s("n")?).collect();
        let (mut wanted, mut rows) = (Vec::new(), 0);
        for snapshot in snapshots.iter().rev() {
            rows += sizes.get(&snapshot.to_string()).map_or(0, |n| *n as usize);
            if rows > ROW_BUDGET && !wanted.is_empty() {
                warnings.push(format!(
                    "{} of {} snapshots are used: the models take at most {ROW_BUDGET} rows, the latest first",
                    wanted.len(),
                    snapshots.len()
                ));
                break;
            }
            wanted.push(format!("'{snapshot}'"));
        }
        let frame = engine.select(
            &format!(
                "with outcomes as (
                    select as_of, customer_id, cast(orders as double) as orders, first_purchase_days,
                        {spend_column} as spend
                    from labels
                    where horizon_days = {horizon_days}
                 ),
                 churned as (
                    select as_of, customer_id, cast(orders as double) as orders
                    from labels
                    where horizon_days = {churn_days}
                 )
                 select features.*, segments.recency_score, segments.frequency_score, segments.monetary_score,
                     segments.segment_rank, segments.segment as outcome_segment, outcomes.orders as outcome_orders,
                     outcomes.first_purchase_days as outcome_first, outcomes.spend as outcome_spend,
                     churned.orders as outcome_churn
                 from features
                 inner join segments
                     on features.as_of = segments.as_of and features.customer_id = segments.customer_id
                 left join outcomes
                     on features.as_of = outcomes.as_of and features.customer_id = outcomes.customer_id
                 left join churned
                     on features.as_of = churned.as_of and features.customer_id = churned.customer_id
                 where features.as_of in ({})
                 order by features.as_of, features.customer_id",
                wanted.join(", ")
            ),
            &[],
        )?;
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for name in frame.names() {
            if NO_FEATURES.contains(&name.as_str()) || name.starts_with("outcome_") {
                continue;
            }
            let column = frame.f64s(&name)?;
            if column.iter().any(|v| v.is_finite()) {
                names.push(name);
                columns.push(column);
            }
        }
        let table = Table::new(names, &columns)?;
        let snapshots: Vec<Instant> = frame
            .texts("as_of")?
            .iter()
            .map(|text| {
                Instant::parse(text).ok_or_else(|| Error::Corrupt {
                    artefact: artifact::FEATURES.to_owned(),
                    problem: format!("'{text}' is no snapshot"),
                })
            })
            .collect::<Result<_>>()?;
        let mut members: BTreeMap<Instant, Vec<usize>> = BTreeMap::new();
        for (i, snapshot) in snapshots.iter().enumerate() {
            members.entry(*snapshot).or_default().push(i);
        }
        Ok(Self {
            lifetimes: BySnapshot::fit(&table, members.into_iter().collect())?,
            table,
            snapshots,
            customers: frame.texts("customer_id")?,
            orders: frame.f64s("outcome_orders")?,
            first_purchase_days: frame.f64s("outcome_first")?,
            orders_in_churn_window: frame.f64s("outcome_churn")?,
            spend: frame.f64s("outcome_spend")?,
            segments: frame.texts("outcome_segment")?,
            warnings,
        })
    }

    /// The panel whose models also see what the MBG/NBD of its snapshot says of each customer in a window of so many
    /// days, where the configuration says so.
    pub(crate) fn seeing_lifetimes(mut self, config: &Config, window_days: i64) -> Result<Self> {
        if !config.features.lifetimes {
            return Ok(self);
        }
        let all: Vec<usize> = (0..self.snapshots.len()).collect();
        let of = |k: usize| {
            self.by_lifetimes(&all, |lifetimes, rows| {
                Ok(lifetimes.features(&self.table, rows, window_days as f64)?[k].clone())
            })
        };
        let columns: Vec<(&str, Vec<f64>)> = (0..FEATURES.len())
            .map(|k| Ok((FEATURES[k], of(k)?)))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .filter(|(_, column)| column.iter().any(|v| v.is_finite()))
            .collect();
        self.table = self.table.with(columns)?;
        Ok(self)
    }

    /// The rows of the given snapshots.
    pub(crate) fn rows(&self, snapshots: &[Instant]) -> Vec<usize> {
        (0..self.snapshots.len()).filter(|&i| snapshots.contains(&self.snapshots[i])).collect()
    }

    /// Calls `of` with the lifetimes of each snapshot among the rows and its rows; gives what it says of each row.
    pub(crate) fn by_lifetimes(
        &self,
        rows: &[usize],
        of: impl Fn(&Lifetimes, &[usize]) -> Result<Vec<f64>>,
    ) -> Result<Vec<f64>> {
        let mut places: BTreeMap<Instant, Vec<usize>> = BTreeMap::new();
        for (k, &i) in rows.iter().enumerate() {
            places.entry(self.snapshots[i]).or_default().push(k);
        }
        let mut all = vec![0.0; rows.len()];
        for (snapshot, places) in places {
            let members: Vec<usize> = places.iter().map(|&k| rows[k]).collect();
            for (&k, value) in places.iter().zip(of(self.lifetimes.at(snapshot)?, &members)?) {
                all[k] = value;
            }
        }
        Ok(all)
    }

    /// A number for the customer of each of the rows: the same on every machine and for every set of rows.
    pub(crate) fn groups(&self, rows: &[usize]) -> Vec<u64> {
        rows.iter()
            .map(|&i| {
                let hash = blake3::hash(self.customers[i].as_bytes());
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&hash.as_bytes()[..8]);
                u64::from_le_bytes(bytes)
            })
            .collect()
    }

    /// Weights that halve with every `half_life_days` of a snapshot's age, the latest of the rows counting 1.
    pub(crate) fn age_weights(&self, rows: &[usize], half_life_days: f64) -> Vec<f64> {
        let latest = rows.iter().map(|&i| self.snapshots[i]).max();
        rows.iter()
            .map(|&i| latest.map_or(1.0, |l| 0.5_f64.powf(l.days_since(self.snapshots[i]) / half_life_days)))
            .collect()
    }
}

/// The configured boosting for an objective, with a random stream of its own.
pub(crate) fn boosting(config: &Config, objective: boost::Objective, task: &str) -> boost::Params {
    let b = &config.boosting;
    boost::Params {
        engine: boost::Engine::Hessboost,
        objective,
        rounds: b.rounds,
        learning_rate: b.learning_rate,
        max_leaves: b.leaves,
        max_depth: None,
        min_rows_per_leaf: b.min_rows,
        row_sample: b.row_sample,
        column_sample: b.column_sample,
        lambda: b.lambda,
        seed: rng::seed_of(config.run.seed, task, 0),
        threads: 0,
    }
}

/// The features with the range of large values drawn in: `sign(x) ln(1 + |x|)`, for models that are linear in them; and
/// one more column, as it is.
pub(crate) fn signed_log(features: &Matrix, more: &[f64]) -> Result<Matrix> {
    let mut values = Vec::with_capacity(features.n_rows() * (features.n_cols() + 1));
    for (i, more) in more.iter().enumerate() {
        values.extend(features.row(i).iter().map(|v| v.signum() * v.abs().ln_1p()));
        values.push(*more);
    }
    Matrix::new(features.n_rows(), features.n_cols() + 1, values).map_err(Error::math("the logarithms of the features"))
}

/// What the seasonal forecast for the window after `snapshot` rests on.
#[derive(Debug, Clone)]
pub(crate) struct Season {
    /// Buyers.
    pub(crate) buyers: Around,
    /// Gross spend of the same windows.
    pub(crate) spend: Around,
}

/// The portfolio's totals around a snapshot, or `None` where the data do not reach back far enough. Only windows that
/// end before the snapshot are read.
pub(crate) fn season(
    engine: &Engine,
    run: &RunFolder,
    timeline: &Timeline,
    snapshots: &[Instant],
    snapshot: Instant,
    horizon_days: i64,
) -> Result<Option<Season>> {
    let last_year = snapshot.plus_days(-YEAR_DAYS);
    let reach = (last_year.0 - timeline.data_start.0).div_euclid(DAY_US);
    if reach < SEASON_LOOK_BACK_DAYS.0 || horizon_days > YEAR_DAYS {
        return Ok(None);
    }
    let look_back = reach.min(SEASON_LOOK_BACK_DAYS.1);
    let mut windows = vec![
        ("0 recent".to_owned(), snapshot.plus_days(-look_back), snapshot),
        ("1 recent last year".to_owned(), last_year.plus_days(-look_back), last_year),
        ("2 window last year".to_owned(), last_year, last_year.plus_days(horizon_days)),
    ];
    let closed: Vec<Instant> = snapshots
        .iter()
        .rev()
        .copied()
        .filter(|s| s.plus_days(horizon_days) <= snapshot)
        .take(CLOSED_WINDOWS)
        .collect();
    for (k, &start) in closed.iter().enumerate() {
        windows.push((format!("3 closed {k:02}"), start, start.plus_days(horizon_days)));
    }
    engine.register("order_events", &run.read(artifact::ORDER_EVENTS, Stage::Features)?)?;
    let path = run.write("data/portfolio_windows.parquet")?;
    store::write_columns(
        &path,
        &[
            ("name", Column::Text(windows.iter().map(|w| w.0.clone()).collect())),
            ("start_us", Column::I64(windows.iter().map(|w| w.1.0).collect())),
            ("end_us", Column::I64(windows.iter().map(|w| w.2.0).collect())),
        ],
    )?;
    engine.register("portfolio_windows", &path)?;
    let none: &[(&str, Value)] = &[];
    let totals = engine.select(query::PORTFOLIO.sql, none)?;
    std::fs::remove_file(&path).map_err(Error::io(&path))?;
    let around = |total: Vec<f64>, known: Vec<f64>| Around {
        recent: total[0],
        recent_last_year: total[1],
        window_last_year: total[2],
        history_days: snapshot.days_since(timeline.data_start),
        closed: closed
            .iter()
            .zip(total[3..].iter().zip(&known[3..]))
            .map(|(start, (&total, &known))| Closed {
                history_days: start.days_since(timeline.data_start),
                total,
                known,
            })
            .collect(),
    };
    Ok(Some(Season {
        buyers: around(totals.f64s("buyers")?, totals.f64s("known_buyers")?),
        spend: around(totals.f64s("gross")?, totals.f64s("known_gross")?),
    }))
}
