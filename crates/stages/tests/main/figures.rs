//! The figures of a run: which there are, what they rest on, and that a hold-out is one.

use tenure_stages::artifact;
use tenure_stages::churn;
use tenure_stages::ctx::Stage;
use tenure_stages::report;
use tenure_stages::time::Instant;

use crate::support::{BASE, Csv, config, manifest, run, select, temp};

/// The figures of a history that is long enough for every test window, in their order.
const FIGURES: [&str; 16] = [
    "segment_distribution",
    "segments",
    "roc_curve",
    "precision_recall",
    "cumulative_gain",
    "calibration",
    "decile_lift",
    "shap_beeswarm",
    "frequency_recency_matrix",
    "p_alive_matrix",
    "frequency_calibration",
    "cumulative_transactions",
    "value_calibration",
    "clv_scatter",
    "offer_allocation",
    "budget_curve",
];

fn facts() -> report::Facts {
    manifest(&BASE.out).stage(Stage::Report, &BASE.out).unwrap()
}

/// The numbers of a column of a figure's table, of the rows that `keep` keeps.
fn column(figure: &str, name: &str, keep: impl Fn(&[String]) -> bool) -> Vec<f64> {
    let table = Csv::read(&BASE.out.join(format!("figures/{figure}.csv")));
    let place = table.column(name);
    table.rows.iter().filter(|row| keep(row)).map(|row| row[place].parse().unwrap()).collect()
}

#[test]
fn every_figure_is_drawn_and_says_something() {
    let facts = facts();
    let names: Vec<&str> = facts.figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, FIGURES);
    for (name, finding) in &facts.figures {
        assert!(finding.ends_with('.') && !finding.contains("NaN"), "{name}: {finding}");
        for extension in ["svg", "png", "csv"] {
            assert!(BASE.out.join(format!("figures/{name}.{extension}")).exists(), "{name}.{extension}");
        }
        let svg = std::fs::read_to_string(BASE.out.join(format!("figures/{name}.svg"))).unwrap();
        for words in ["Snapshot 2023-", "Population: ", "Source:"] {
            assert!(svg.contains(words), "{name} does not say {words:?}");
        }
    }
}

/// What the fit saw is what a run sees that ends where the hold-out begins: there the same model comes out, to the bit.
#[test]
fn a_hold_outs_models_have_seen_nothing_of_it() {
    let held = facts().hold_out.unwrap();
    let mut file = Csv::read(&BASE.file);
    let (time, lines) = (file.column("InvoiceDate"), file.rows.len());
    file.rows.retain(|row| row[time].as_str() < held.window.from.as_str());
    assert!(file.rows.len() > 5_000 && lines - file.rows.len() > 1_000, "{} of {lines} lines", file.rows.len());
    let dir = temp();
    let mut config = config();
    config.snapshots.as_of = Instant::parse(&held.window.from);
    let out = dir.path().join("out");
    run(&config, &file.write(dir.path()), &out);
    let ended: churn::Facts = manifest(&out).stage(Stage::Churn, &out).unwrap();
    let fitted = serde_json::to_value(&ended.lifetimes).unwrap()["fitted"].clone();
    assert!(fitted.is_object(), "{fitted}");
    assert_eq!(held.models.iter().map(tenure_math::btyd::Fitted::name).collect::<Vec<_>>(), ["MBG/NBD", "NBD"]);
    assert_eq!(serde_json::to_value(&held.models[0]).unwrap(), fitted);
}

/// The weeks before a hold-out hold all repeat purchases that the features count there, and those in it no more than
/// the groups by frequency.
#[test]
fn purchases_of_a_hold_out_add_up() {
    let held = facts().hold_out.unwrap();
    let weeks = |is_held_out: &str| -> f64 {
        column("cumulative_transactions", "actual", |row| row[1] == is_held_out).iter().sum()
    };
    let features = select(
        &BASE.out.join(artifact::FEATURES),
        &format!("select purchase_days - 1 as repeats from t where as_of = '{}'", held.window.from),
    );
    let repeats: f64 = features.f64s("repeats").unwrap().iter().sum();
    assert!((weeks("false") - repeats).abs() < 0.5, "{} by week, {repeats} by customer", weeks("false"));
    let customers = column("frequency_calibration", "customers", |_| true);
    assert!((customers.iter().sum::<f64>() - features.n_rows() as f64).abs() < 0.5, "{customers:?}");
    let actual = column("frequency_calibration", "actual", |_| true);
    let came: f64 = customers.iter().zip(&actual).map(|(n, mean)| n * mean).sum();
    assert!(weeks("true") <= came + 1e-6 && weeks("true") > 0.8 * came, "{} in whole weeks of {came}", weeks("true"));
}
