//! LightGBM as a candidate of churn and value: named in the configuration it is used, scores as it did, is the same on any
//! number of threads, and Python's LightGBM reads its text and says the same. A target of its own, because it is built with
//! the feature `lightgbm` only.

#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::print_stderr, clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../main/support.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use support::{AS_OF, TIMES, config, copy, ctx, differing, manifest, select, temp, world};
use tenure_math::boost::Fitted;
use tenure_math::calibrate::Platt;
use tenure_math::num::Matrix;
use tenure_stages::artifact::{self, Run};
use tenure_stages::config::{ChurnModel, Config, ValueModel};
use tenure_stages::contest::Backtest;
use tenure_stages::ctx::Stage;
use tenure_stages::{churn, pipeline, value};
use tenure_tables::engine::{Engine, EngineConfig};

/// The program that loads the text, predicts the rows, and prints predictions and SHAP values, one row a line.
const PROGRAM: &str = "
import sys
import lightgbm, numpy
rows = numpy.loadtxt(sys.argv[2], delimiter=',', ndmin=2)
booster = lightgbm.Booster(model_file=sys.argv[1])
assert booster.feature_name() == sys.argv[3].split(','), booster.feature_name()
for p, shap in zip(booster.predict(rows), booster.predict(rows, pred_contrib=True)):
    print(repr(float(p)), *(repr(float(v)) for v in shap))
";

fn named() -> Config {
    let mut config = config();
    (config.churn.model, config.value.model) = (Some(ChurnModel::Lightgbm), Some(ValueModel::Lightgbm));
    config
}

/// A run of LightGBM on two threads that no test changes.
static RUN: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    // Statics are never dropped: one folder of fixed name, made anew by every test run.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tenure-stages-lightgbm");
    let _ = std::fs::remove_dir_all(&dir);
    let file = world(&dir.join("world"));
    let out = dir.join("out");
    support::run(&named(), &file, &out);
    (file, out)
});

/// The saved model, its feature rows at the decision, and what its trees say of them, from one side and the other.
struct Trees {
    saved: serde_json::Value,
    names: Vec<String>,
    fitted: Fitted,
    rows: Matrix,
}

impl Trees {
    fn read(model: &str) -> Self {
        let out = &RUN.1;
        let saved: serde_json::Value = artifact::read_json(&out.join(model)).unwrap().unwrap();
        let names: Vec<String> = serde_json::from_value(saved["features"].clone()).unwrap();
        let fitted: Fitted = serde_json::from_value(saved["parts"]["lightgbm"].clone()).unwrap();
        let engine = Engine::open(&EngineConfig::default()).unwrap();
        engine.register("features", &out.join(artifact::FEATURES)).unwrap();
        engine.register("segments", &out.join(artifact::SEGMENTS)).unwrap();
        let sql = format!(
            "select features.*, segments.recency_score, segments.frequency_score, segments.monetary_score,
                 segments.segment_rank
             from features
             inner join segments
                 on features.as_of = segments.as_of and features.customer_id = segments.customer_id
             where features.as_of = '{AS_OF}'
             order by features.customer_id"
        );
        let frame = engine.select(&sql, &[]).unwrap();
        let columns: Vec<Vec<f64>> = names.iter().map(|name| frame.f64s(name).unwrap()).collect();
        Self { saved, names, fitted, rows: Matrix::from_columns(&columns).unwrap() }
    }

    fn column(&self, name: &str) -> Vec<f64> {
        self.rows.column(self.names.iter().position(|n| n == name).unwrap())
    }

    /// Predictions and SHAP values by Python's LightGBM from the text alone; `None` where there is none.
    fn by_python(&self, text: &str) -> Option<Vec<Vec<f64>>> {
        let Some(python) = std::env::var_os("TENURE_PYTHON").filter(|python| !python.is_empty()) else {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "on CI TENURE_PYTHON must be set");
            eprintln!("skipped: TENURE_PYTHON names no Python with LightGBM, so {text} was not loaded by one");
            return None;
        };
        let dir = temp();
        let rows = dir.path().join("rows.csv");
        let line = |i: usize| self.rows.row(i).iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
        std::fs::write(&rows, (0..self.rows.n_rows()).map(line).collect::<String>()).unwrap();
        let run = Command::new(python)
            .args(["-c", PROGRAM])
            .args([RUN.1.join(text), rows])
            .arg(self.names.join(","))
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let said = String::from_utf8(run.stdout).unwrap();
        Some(said.lines().map(|line| line.split(' ').map(|v| v.parse().unwrap()).collect()).collect())
    }

    /// Holds the trees as they are saved against those that Python reads; gives Python's predictions, or ours.
    fn predictions(&self, text: &str) -> Vec<f64> {
        let ours = self.fitted.predict(&self.rows).unwrap();
        let shap = self.fitted.contributions(&self.rows).unwrap();
        let Some(theirs) = self.by_python(text) else { return ours };
        assert_eq!(theirs.len(), ours.len());
        for (i, theirs) in theirs.iter().enumerate() {
            assert!((theirs[0] / ours[i] - 1.0).abs() < 1e-12, "row {i}: {} and {}", theirs[0], ours[i]);
            assert_eq!(theirs.len(), shap.n_cols() + 1);
            for (a, b) in theirs[1..].iter().zip(shap.row(i)) {
                assert!((a - b).abs() < 1e-9, "row {i}: {a} and {b}");
            }
        }
        theirs.into_iter().map(|row| row[0]).collect()
    }
}

fn near(found: &[f64], known: &[f64]) {
    assert_eq!(found.len(), known.len());
    assert!(found.iter().zip(known).all(|(a, b)| (a / b - 1.0).abs() < 1e-9));
}

fn scored(out: &Path, artefact: &str, column: &str) -> Vec<f64> {
    select(&out.join(artefact), "select * from t order by customer_id").f64s(column).unwrap()
}

#[test]
fn a_named_model_is_used_and_forecasts() {
    let out = &RUN.1;
    let of_churn: churn::Facts = manifest(out).stage(Stage::Churn, out).unwrap();
    let quality = of_churn.quality.measured().unwrap();
    assert_eq!(quality.models.iter().map(|m| m.model.as_str()).collect::<Vec<_>>(), ["lightgbm", "recency"]);
    assert!(quality.models[0].auc.value > 0.6, "{:?}", quality.models[0].auc);
    let of_value: value::Facts = manifest(out).stage(Stage::Value, out).unwrap();
    let quality = of_value.quality.measured().unwrap();
    assert_eq!((of_value.choice.model.as_str(), quality.models[0].model.as_str()), ("lightgbm", "lightgbm"));
    assert!(quality.models[0].gini.unwrap() > 0.3, "{:?}", quality.models[0].gini);
    assert!(!of_churn.importance.is_empty() && !of_value.importance.is_empty());
    // The reasons add up to the forecasts.
    for (contributions, margin, scores, score) in [
        (artifact::CHURN_CONTRIBUTIONS, "log_odds", artifact::CHURN_SCORES, "p_churn"),
        (artifact::VALUE_CONTRIBUTIONS, "log_spend", artifact::VALUE_SCORES, "value_mean"),
    ] {
        let parts = select(&out.join(contributions), "select * from t order by customer_id");
        let mut sums = vec![0.0; parts.n_rows()];
        for name in parts.names().iter().filter(|name| !["customer_id", margin].contains(&name.as_str())) {
            sums.iter_mut().zip(parts.f64s(name).unwrap()).for_each(|(sum, part)| *sum += part);
        }
        for (sum, known) in sums.iter().zip(scored(out, scores, score)) {
            let margin = if score == "p_churn" { (known / (1.0 - known)).ln() } else { known.ln() };
            assert!((sum - margin).abs() < 1e-5, "{score}: {sum} and {margin}");
        }
    }
}

#[test]
fn python_reads_the_text_and_says_the_same() {
    let of_churn = Trees::read(churn::MODEL);
    let platt: Platt = serde_json::from_value(of_churn.saved["calibration"].clone()).unwrap();
    let raw = of_churn.predictions(artifact::CHURN_LIGHTGBM);
    let calibrated: Vec<f64> = raw.iter().map(|&p| platt.apply(p)).collect();
    near(&calibrated, &scored(&RUN.1, artifact::CHURN_SCORES, "p_churn"));

    // The yardstick of docs/methods/value.md, and the level.
    let of_value = Trees::read(value::MODEL);
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let (floor, level) = (number(&of_value.saved["parts"]["scale_floor"]), number(&of_value.saved["level"]));
    let spent = |name: &str| of_value.column(name).into_iter().map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 });
    let usual = spent("revenue_365d").zip(spent("revenue_180d")).map(|(year, half)| floor + 0.5 * year + 0.5 * half);
    let ratio = of_value.predictions(artifact::VALUE_LIGHTGBM);
    let mean: Vec<f64> = usual.zip(ratio).map(|(usual, ratio)| level * usual * ratio).collect();
    near(&mean, &scored(&RUN.1, artifact::VALUE_SCORES, "value_mean"));
}

#[test]
fn saved_models_score_as_they_did() {
    let dir = temp();
    let published = Run::open(&RUN.1).unwrap();
    let features = RUN.1.join(format!("{}/as_of={AS_OF}", artifact::FEATURES));
    for (stage, scores, column) in
        [(Stage::Churn, artifact::CHURN_SCORES, "p_churn"), (Stage::Value, artifact::VALUE_SCORES, "value_mean")]
    {
        let to = dir.path().join("scored.parquet");
        let said = pipeline::score(&published, stage, &features, &to).unwrap();
        assert_eq!(said.model, "lightgbm");
        assert_eq!(scored(dir.path(), "scored.parquet", column), scored(&RUN.1, scores, column));
    }
}

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let dir = temp();
    let out = dir.path().join("one");
    pipeline::run(&ctx(1), &named(), std::slice::from_ref(&RUN.0), &out).unwrap();
    assert_eq!(differing(&out, &RUN.1, &TIMES), Vec::<String>::new());
}

#[test]
fn it_takes_part_in_the_contest_and_leaves_with_the_model() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&RUN.1, &out);
    // Windows short enough for several of them within the year.
    let mut config = config();
    (config.churn.horizon_days, config.value.horizon_days, config.backtest.origins) = (30, 30, 2);
    for stage in [Stage::Features, Stage::Segment] {
        pipeline::run_stage(&ctx(2), &config, stage, &[], &out).unwrap();
    }
    let held = pipeline::run_stage(&ctx(2), &config, Stage::Backtest, &[], &out).unwrap();
    let facts: Backtest = serde_json::from_value(held.facts).unwrap();
    for (contest, n) in [(&facts.churn, ChurnModel::ALL.len()), (&facts.value, ValueModel::ALL.len())] {
        let standings = &contest.measured().unwrap().fields[0].standings;
        assert_eq!((standings.len(), standings[n - 1].model.as_str()), (n, "lightgbm"));
        let [own, other] = ["lightgbm", "boosting"].map(|m| standings.iter().find(|s| s.model == m).unwrap().loss);
        assert!((own / other - 1.0).abs() < 0.2, "{own} and {other}");
    }
    // Another model has no such text.
    assert!(RUN.1.join(artifact::CHURN_LIGHTGBM).exists() && RUN.1.join(artifact::VALUE_LIGHTGBM).exists());
    let mut plain = config;
    (plain.churn.model, plain.value.model) = (Some(ChurnModel::Recency), Some(ValueModel::MbgNbd));
    for stage in [Stage::Churn, Stage::Value] {
        pipeline::run_stage(&ctx(2), &plain, stage, &[], &out).unwrap();
    }
    assert!(!out.join(artifact::CHURN_LIGHTGBM).exists() && !out.join(artifact::VALUE_LIGHTGBM).exists());
    let saved = std::fs::read_to_string(out.join(churn::MODEL)).unwrap();
    assert!(!saved.contains("lightgbm"), "a model without LightGBM speaks of it");
}
