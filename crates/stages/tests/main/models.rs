//! The models of churn and value: saved ones score as they did, contributions add up, the contest is honest, and what
//! cannot be learnt is not.

use std::collections::BTreeMap;

use tenure_stages::artifact::{self, Run};
use tenure_stages::config::{ChurnModel, ChurnWindow, Config, ValueModel};
use tenure_stages::contest::Backtest;
use tenure_stages::ctx::Stage;
use tenure_stages::summary::Finding;
use tenure_stages::{churn, pipeline, value};
use tenure_tables::frame::Frame;

use crate::support::{AS_OF, BASE, Csv, config, copy, ctx, run, scores, select, temp, world};

fn of_run(out: &std::path::Path, artefact: &str) -> Frame {
    select(&out.join(artefact), "select * from t order by customer_id")
}

/// The saved models of a run put on its own features give its own scores.
fn assert_saved_models_score_as_they_did(out: &std::path::Path) {
    let dir = temp();
    let published = Run::open(out).unwrap();
    let features = out.join(format!("{}/as_of={AS_OF}", artifact::FEATURES));
    let to = dir.path().join("churn.parquet");
    let scored = pipeline::score(&published, Stage::Churn, &features, &to).unwrap();
    let (found, known) = (select(&to, "select * from t order by customer_id"), of_run(out, artifact::CHURN_SCORES));
    assert_eq!(found.texts("customer_id").unwrap(), known.texts("customer_id").unwrap());
    assert_eq!(found.f64s("p_churn").unwrap(), known.f64s("p_churn").unwrap());
    assert_eq!(found.bools("flagged").unwrap(), known.bools("flagged").unwrap());
    assert_eq!((scored.customers as usize, scored.model.as_str()), (known.n_rows(), "pooled"));

    let to = dir.path().join("value.csv");
    pipeline::score(&published, Stage::Value, &features, &to).unwrap();
    let found = Csv::read(&to);
    let known = of_run(out, artifact::VALUE_SCORES);
    for column in ["value_mean", "value_q10", "value_q50", "value_q90"] {
        let mut by_id: Vec<(String, f64)> =
            found.rows.iter().map(|row| row[0].clone()).zip(found.numbers(column)).collect();
        by_id.sort_by(|a, b| a.0.cmp(&b.0));
        let values: Vec<f64> = by_id.into_iter().map(|(_, v)| v).collect();
        assert_eq!(values, known.f64s(column).unwrap(), "{column}");
    }
}

#[test]
fn saved_models_score_as_they_did_and_refuse_other_features() {
    assert_saved_models_score_as_they_did(&BASE.out);
    let dir = temp();
    let published = Run::open(&BASE.out).unwrap();
    let few = dir.path().join("few.csv");
    std::fs::write(&few, "customer_id,recency_days,frequency,monetary_total\n1,3,2,50\n").unwrap();
    let refused = pipeline::score(&published, Stage::Churn, &few, &dir.path().join("x.csv")).unwrap_err().to_string();
    assert!(refused.contains("few.csv has no column") && refused.contains("tenure_days"), "{refused}");
    assert!(!dir.path().join("x.csv").exists());
}

#[test]
fn saved_models_refuse_pasts_that_cannot_be() {
    let dir = temp();
    let published = Run::open(&BASE.out).unwrap();
    let features = select(
        &BASE.out.join(artifact::FEATURES),
        &format!("select * from t where as_of = '{AS_OF}' order by customer_id limit 3"),
    );
    let names = features.names();
    for (column, value, says) in [
        ("purchase_days", "", "purchase_days in row 2 of f.csv is empty"),
        ("purchase_days", "0", "purchase_days in row 2 of f.csv is 0, below 1"),
        ("purchase_days", "1.5", "purchase_days in row 2 of f.csv is 1.5, which cannot be"),
        ("active_span_days", "-3", "active_span_days in row 2 of f.csv is -3, below 0"),
        ("active_span_days", "", "active_span_days in row 2 of f.csv is empty"),
        ("tenure_days", "-1", "tenure_days in row 2 of f.csv is -1, below 0"),
    ] {
        let cells: Vec<Vec<Option<String>>> = names.iter().map(|name| features.opt_texts(name).unwrap()).collect();
        let mut text = names.join(",") + "\n";
        for row in 0..3 {
            let line = names.iter().zip(&cells).map(|(name, cells)| match row == 1 && name == column {
                true => value.to_owned(),
                false => cells[row].clone().unwrap_or_default(),
            });
            text += &(line.collect::<Vec<_>>().join(",") + "\n");
        }
        let file = dir.path().join("f.csv");
        std::fs::write(&file, text).unwrap();
        for stage in [Stage::Churn, Stage::Value] {
            let to = dir.path().join("x.csv");
            let refused = pipeline::score(&published, stage, &file, &to).unwrap_err().to_string();
            assert_eq!(refused.replace(&format!("{}/", dir.path().display()), ""), says);
            assert!(!to.exists());
        }
    }
}

#[test]
fn contributions_add_up_to_the_forecast() {
    let parts = of_run(&BASE.out, artifact::CHURN_CONTRIBUTIONS);
    let p = of_run(&BASE.out, artifact::CHURN_SCORES).f64s("p_churn").unwrap();
    let names: Vec<String> =
        parts.names().into_iter().filter(|name| !["customer_id", "log_odds"].contains(&name.as_str())).collect();
    assert!(names.len() > 30 && names.iter().any(|name| name == "own_rhythm"), "{names:?}");
    let mut sums = vec![0.0; p.len()];
    for name in &names {
        for (sum, part) in sums.iter_mut().zip(parts.f64s(name).unwrap()) {
            *sum += part;
        }
    }
    for (sum, p) in sums.iter().zip(&p) {
        assert!((sum - (p / (1.0 - p)).ln()).abs() < 1e-5, "{sum} and {p}");
    }
    let reasons = Csv::read(&BASE.out.join(artifact::CHURN_REASONS));
    assert_eq!(reasons.rows.len(), p.len());
    assert!(reasons.rows.iter().all(|row| row[2].ends_with("the risk)")), "{:?}", reasons.rows[0]);
    let card = std::fs::read_to_string(BASE.out.join(artifact::CHURN_CARD)).unwrap();
    assert!(card.contains("# Model card: Churn") && card.contains("| AUC "), "{card}");
}

/// The contributions to value of a run add up to its margin; gives the margins, in the order of the customers.
fn assert_value_adds_up(out: &std::path::Path, contributor: &str) -> Vec<f64> {
    let parts = of_run(out, artifact::VALUE_CONTRIBUTIONS);
    let margins = parts.f64s("log_spend").unwrap();
    let names: Vec<String> =
        parts.names().into_iter().filter(|name| !["customer_id", "log_spend"].contains(&name.as_str())).collect();
    assert!(names.iter().any(|name| name == contributor), "{names:?}");
    let mut sums = vec![0.0; margins.len()];
    for name in &names {
        for (sum, part) in sums.iter_mut().zip(parts.f64s(name).unwrap()) {
            *sum += part;
        }
    }
    assert!(sums.iter().zip(&margins).all(|(sum, margin)| (sum - margin).abs() < 1e-5));
    // What is there without any is one and the same typical customer.
    let base = parts.f64s("base").unwrap();
    assert!(base.iter().all(|b| (b - base[0]).abs() < 1e-9), "{} and others", base[0]);
    let usual = parts.f64s(contributor).unwrap();
    assert!(usual.iter().sum::<f64>().abs() < 1e-6 * usual.len() as f64);
    margins
}

#[test]
fn reasons_of_value_speak_of_the_value() {
    assert_value_adds_up(&BASE.out, "usual_spend");
    let reasons = Csv::read(&BASE.out.join(artifact::VALUE_REASONS));
    let worth = reasons.numbers("value_mean");
    let mut by_worth: Vec<usize> = (0..worth.len()).collect();
    by_worth.sort_by(|a, b| worth[*a].total_cmp(&worth[*b]));
    let tenth = worth.len() / 10;
    let share = |rows: &[usize], words: &str| {
        rows.iter().filter(|&&i| reasons.rows[i][2].ends_with(words)).count() as f64 / rows.len() as f64
    };
    let least = share(&by_worth[..tenth], "(speaks for less than a typical customer)");
    let most = share(&by_worth[worth.len() - tenth..], "(speaks for more than a typical customer)");
    assert!(least > 0.9 && most > 0.9, "{least} and {most}");
}

#[test]
fn orders_dealt_out_at_random_tell_nothing() {
    let dir = temp();
    let mut lines = Csv::read(&world(&dir.path().join("world")));
    let (order, customer) = (lines.column("Invoice"), lines.column("Customer ID"));
    let people: Vec<String> = {
        let mut all: Vec<String> =
            lines.rows.iter().map(|row| row[customer].clone()).filter(|id| !id.is_empty()).collect();
        all.sort();
        all.dedup();
        all
    };
    // Each order goes to whom its number says, as good as at random; a return follows its sale's number.
    for row in &mut lines.rows {
        let hash = blake3::hash(row[order].trim_start_matches('C').as_bytes());
        let number = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        row[customer] = people[(number % people.len() as u64) as usize].clone();
    }
    let file = lines.write(dir.path());
    let out = dir.path().join("out");
    let summary = run(&config(), &file, &out);
    let quality = summary.churn.measured().unwrap();
    let (n, churned) = (quality.customers as f64, quality.churn_rate * quality.customers as f64);
    let error = ((n + 1.0) / (12.0 * churned * (n - churned))).sqrt();
    for score in &quality.models {
        assert!((score.auc.value - 0.5).abs() < 3.0 * error, "{}: {} (error {error})", score.model, score.auc.value);
    }
}

#[test]
fn the_contest_decides_before_the_test_window_and_runs_follow_it() {
    let dir = temp();
    let out = dir.path().join("out");
    let mut config = config();
    (config.churn.horizon_days, config.value.horizon_days) = (30, 30);
    (config.boosting.rounds, config.backtest.origins) = (15, 3);
    (config.segments.k, config.segments.starts) = (3, 1);
    let file = world(&dir.path().join("world"));
    run(&config, &file, &out);
    let before: churn::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Churn, &out).unwrap();
    assert!(before.choice.why.contains("no contest was held"), "{}", before.choice.why);

    let held = pipeline::run_stage(&ctx(2), &config, Stage::Backtest, &[], &out).unwrap();
    let facts: Backtest = serde_json::from_value(held.facts).unwrap();
    let test = before.evaluation.unwrap().test.unwrap();
    for contest in [&facts.churn, &facts.value] {
        let Finding::Measured(contest) = contest else { panic!("{contest:?}") };
        assert_eq!(contest.origins.len(), 4);
        for origin in &contest.origins {
            assert_eq!(origin.decides, origin.as_of.plus_days(contest.horizon_days) <= test, "{origin:?}");
        }
        assert!(contest.origins.iter().filter(|origin| origin.decides).count() == 3);
        assert_eq!(contest.fields.iter().map(|f| f.population.as_str()).collect::<Vec<_>>(), ["all", "active"]);
        let all = &contest.fields[0];
        let champion = all.standings.iter().position(|s| s.model == contest.champion).unwrap();
        // The first whose interval reaches the best, and the best one's loss is the least.
        for (k, standing) in all.standings.iter().enumerate() {
            assert_eq!(standing.by_origin.len(), 4);
            assert!(standing.behind.value >= 0.0 || standing.behind.value.abs() < 1e-12);
            assert_eq!(k < champion, k <= champion && standing.behind.low.unwrap() > 0.0, "{standing:?}");
        }
    }
    let table = Csv::read(&out.join(artifact::BACKTEST));
    assert!(table.rows.len() > 4 * 2 * (5 * ChurnModel::built().len()), "{}", table.rows.len());

    // The same run again follows the champion, and says so; a named model is used whatever won.
    run(&config, &file, &out);
    let followed: churn::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Churn, &out).unwrap();
    let Finding::Measured(contest) = &facts.churn else { unreachable!() };
    assert_eq!(followed.choice.model, contest.champion);
    assert!(followed.choice.why.contains("tenure backtest"), "{}", followed.choice.why);
    assert!(out.join(artifact::BACKTEST).exists(), "the contest's table is carried on");
    config.churn.model = Some(ChurnModel::Recency);
    pipeline::run_stage(&ctx(2), &config, Stage::Churn, &[], &out).unwrap();
    let named: churn::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Churn, &out).unwrap();
    assert_eq!(named.choice.model, "recency");
    assert_eq!(named.quality.measured().unwrap().models.len(), 1);
}

#[test]
fn the_models_can_be_given_the_lifetimes_to_see() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut config = config();
    config.features.lifetimes = true;
    for stage in [Stage::Churn, Stage::Value, Stage::Report] {
        pipeline::run_stage(&ctx(2), &config, stage, &[], &out).unwrap();
    }
    let seen = of_run(&out, artifact::CHURN_CONTRIBUTIONS);
    let days = seen.f64s("btyd_purchase_days").unwrap();
    assert!(days.iter().any(|v| v.abs() > 0.01), "what is to be seen tells the models nothing");
    assert!(!of_run(&BASE.out, artifact::CHURN_CONTRIBUTIONS).names().iter().any(|name| name.starts_with("btyd_")));
    assert_saved_models_score_as_they_did(&out);
}

#[test]
fn every_candidate_can_be_named() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    for model in ChurnModel::built() {
        let config =
            Config { churn: tenure_stages::config::ChurnConfig { model: Some(model), ..config().churn }, ..config() };
        pipeline::run_stage(&ctx(2), &config, Stage::Churn, &[], &out).unwrap();
        let facts: churn::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Churn, &out).unwrap();
        let quality = facts.quality.measured().unwrap();
        assert_eq!(quality.models[0].model, model.word());
        assert!(quality.models[0].auc.value > 0.6, "{}: {:?}", model.word(), quality.models[0].auc);
    }
    for model in ValueModel::built() {
        let mut config = config();
        config.value.model = Some(model);
        pipeline::run_stage(&ctx(2), &config, Stage::Value, &[], &out).unwrap();
        let facts: value::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Value, &out).unwrap();
        let quality = facts.quality.measured().unwrap();
        assert_eq!(quality.models[0].model, model.word());
        let gini = quality.models[0].gini.unwrap();
        assert!(gini > 0.3, "{}: {gini}", model.word());
        let values = of_run(&out, artifact::VALUE_SCORES);
        let [low, middle, high] = ["value_q10", "value_q50", "value_q90"].map(|q| values.f64s(q).unwrap());
        assert!(
            (0..low.len()).all(|i| low[i] <= middle[i] && middle[i] <= high[i]),
            "{}: quantiles cross",
            model.word()
        );
        // The forecast in money is what the reasons add up to, or there are none.
        let contributor = match model {
            ValueModel::Boosting | ValueModel::Pooled | ValueModel::Stack | ValueModel::Lightgbm => Some("usual_spend"),
            ValueModel::MbgNbd => Some("spend_per_purchase_day"),
            _ => None,
        };
        assert_eq!(out.join(artifact::VALUE_REASONS).exists(), contributor.is_some(), "{}", model.word());
        let Some(contributor) = contributor else { continue };
        let margins = assert_value_adds_up(&out, contributor);
        if matches!(model, ValueModel::Boosting | ValueModel::Lightgbm | ValueModel::MbgNbd) {
            for (margin, mean) in margins.iter().zip(values.f64s("value_mean").unwrap()) {
                assert!((margin.exp() - mean).abs() < 1e-5 * mean, "{}: {margin} and {mean}", model.word());
            }
        }
    }
}

#[test]
fn windows_of_ones_own_gaps_end_when_they_should() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut config = config();
    (config.churn.window, config.churn.gap_factor, config.churn.balanced) = (ChurnWindow::OwnGap, 2.0, true);
    for stage in [Stage::Churn, Stage::Value, Stage::Allocate, Stage::Report] {
        pipeline::run_stage(&ctx(2), &config, stage, &[], &out).unwrap();
    }
    let facts: churn::Facts = Run::open(&out).unwrap().manifest.stage(Stage::Churn, &out).unwrap();
    let test = facts.evaluation.unwrap().test.unwrap();
    let gaps = select(
        &out.join(artifact::FEATURES),
        &format!("select customer_id, gap_mean_days from t where as_of = '{test}' order by customer_id"),
    );
    let first = select(
        &out.join(artifact::LABELS),
        &format!(
            "select customer_id, first_purchase_days from t where as_of = '{test}' and horizon_days = 90
             order by customer_id"
        ),
    );
    let first: BTreeMap<String, f64> =
        first.texts("customer_id").unwrap().into_iter().zip(first.f64s("first_purchase_days").unwrap()).collect();
    let judged = of_run(&out, artifact::CHURN_TEST);
    let mut differ = 0;
    for ((id, gap), churned) in gaps
        .texts("customer_id")
        .unwrap()
        .iter()
        .zip(gaps.f64s("gap_mean_days").unwrap())
        .zip(judged.bools("churned").unwrap())
    {
        let window = if gap.is_nan() { 90.0 } else { (2.0 * gap).clamp(7.0, 90.0) };
        let bought = first[id];
        assert_eq!(churned, bought.is_nan() || bought >= window, "{id}: bought after {bought}, window {window}");
        differ += usize::from(churned && !bought.is_nan());
    }
    assert!(differ > 10, "the own windows are the fixed one");
    let days = scores(&out).f64s("churn_horizon_days").unwrap();
    assert!(days.iter().any(|d| *d < 60.0) && days.iter().all(|d| (7.0..=90.0).contains(d)));
}

#[test]
fn risk_time_and_margin_take_from_the_value() {
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut config = config();
    (config.value.discount_rate, config.value.margin, config.value.risk_lambda) = (0.1, 0.4, 0.5);
    pipeline::run_stage(&ctx(2), &config, Stage::Value, &[], &out).unwrap();
    let found = of_run(&out, artifact::VALUE_SCORES);
    let [mean, low, high, adjusted, present] =
        ["value_mean", "value_q10", "value_q90", "value_risk_adjusted", "value_present"]
            .map(|c| found.f64s(c).unwrap());
    // 90 days at 10 % a year, evenly: exp(-x) averaged over x = ln 1.1 * 90 / 365.
    let x = 1.1_f64.ln() * 90.0 / 365.0;
    for i in 0..mean.len() {
        assert!((present[i] - mean[i] * 0.4 * (1.0 - (-x).exp()) / x).abs() < 1e-9 * (1.0 + mean[i]));
        let spread = (high[i] - low[i]) / 2.563_103_131_089_201;
        assert!((adjusted[i] - (mean[i] - 0.5 * spread).max(0.0)).abs() < 1e-9 * (1.0 + mean[i]));
    }
}
