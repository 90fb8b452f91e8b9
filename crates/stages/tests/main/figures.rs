//! The figures of a run: which there are, what they rest on, and that a hold-out is one.

use tenure_stages::artifact;
use tenure_stages::churn;
use tenure_stages::ctx::Stage;
use tenure_stages::report;
use tenure_stages::time::Instant;

use crate::support::{BASE, Csv, config, manifest, run, select, temp};

/// The figures of a year, which is long enough for every test window and too short for a season, in their order.
const FIGURES: [&str; 25] = [
    "segment_distribution",
    "segments",
    "rfm_3d_scatter",
    "segment_comparison_radar",
    "rfm_heatmap",
    "revenue_contribution",
    "pareto_curve",
    "outliers",
    "cohort_retention",
    "segment_migration",
    "roc_curve",
    "precision_recall",
    "cumulative_gain",
    "calibration",
    "decile_lift",
    "feature_importance",
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

/// A year holds no month twice: what cannot be known of the coming ones is said, and the table is there without a row.
#[test]
fn a_year_has_no_season_and_no_forecast() {
    assert_eq!(facts().revenue, None);
    let warnings = &manifest(&BASE.out).warnings["report"];
    for why in [
        "figure `season` cannot be drawn: it takes 24 whole months, each calendar month twice; there are 12",
        "figure `revenue_forecast` cannot be drawn: it takes 16 whole months, a year and four of which it can be judged; there are 12",
    ] {
        assert!(warnings.iter().any(|warning| warning == why), "{warnings:?}");
    }
    assert!(Csv::read(&BASE.out.join(artifact::REVENUE_FORECAST)).rows.is_empty());
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

/// What the pictures of customers draw is what the files hold.
#[test]
fn pictures_of_customers_count_everybody_once() {
    let scores = select(
        &BASE.out.join(artifact::CUSTOMER_SCORES),
        "select count(*) as n, sum(monetary_total) as revenue from t",
    );
    let (n, revenue) = (scores.one_i64("n").unwrap() as f64, scores.f64s("revenue").unwrap()[0]);
    let all = |_: &[String]| true;
    assert_eq!(column("rfm_heatmap", "customers", all).iter().sum::<f64>(), n);
    assert!((column("rfm_heatmap", "revenue", all).iter().sum::<f64>() - revenue).abs() < 1e-6 * revenue);
    for share in ["share_so_far", "share_of_late", "share_expected"] {
        assert!((column("revenue_contribution", share, all).iter().sum::<f64>() - 1.0).abs() < 1e-9, "{share}");
    }
    assert_eq!(column("outliers", "orders", all).len() as f64, n);
    let unusual = select(&BASE.out.join(artifact::CUSTOMER_SCORES), "select customer_id from t").texts("customer_id");
    let listed = Csv::read(&BASE.out.join(artifact::CUSTOMER_OUTLIERS));
    let known: std::collections::BTreeSet<String> = unusual.unwrap().into_iter().collect();
    let marked: std::collections::BTreeSet<&String> = listed.rows.iter().map(|row| &row[0]).collect();
    assert!(!marked.is_empty() && marked.iter().all(|id| known.contains(*id)));
    assert_eq!(column("outliers", "unusual", all).iter().sum::<f64>(), marked.len() as f64);
    // The curve rises from nothing to everything, ever slower.
    let shares = column("pareto_curve", "share_of_revenue", all);
    assert_eq!((shares[0], shares.last()), (0.0, Some(&1.0)));
    let of = column("pareto_curve", "share_of_customers", all);
    let slopes: Vec<f64> = (1..of.len()).map(|i| (shares[i] - shares[i - 1]) / (of[i] - of[i - 1])).collect();
    assert!(slopes.windows(2).all(|pair| pair[0] >= pair[1] - 1e-9), "{slopes:?}");
    // Cohorts: everybody who first bought in a month that has ended, and never more active than there are.
    let first = select(
        &BASE.out.join(artifact::ORDER_EVENTS),
        "select count(*) as n from (
             select customer_id, min(happened_us) as first_us from t
             where lines > 0 and happened_us < 1701388800000000 and known_us < 1701388800000000 group by customer_id
         ) as firsts where first_us < 1701388800000000",
    );
    let table = Csv::read(&BASE.out.join("figures/cohort_retention.csv"));
    let mut cohorts: std::collections::BTreeMap<&String, f64> = std::collections::BTreeMap::new();
    for (row, customers) in table.rows.iter().zip(table.numbers("customers")) {
        cohorts.insert(&row[0], customers);
    }
    assert!(table.numbers("share").iter().all(|share| (0.0..=1.0).contains(share)));
    // The last cohort has no month after it yet.
    let counted: f64 = cohorts.values().sum();
    assert!(counted < first.one_i64("n").unwrap() as f64 && counted > 0.8 * n, "{counted} of {n}");
    let moved = column("segment_migration", "share_of_from", |row| !row[3].is_empty());
    assert!(moved.iter().all(|share| (0.0..=1.0).contains(share)) && !moved.is_empty());
}

/// The tables of months add up to the scores, and to each other.
#[test]
fn months_and_cohorts_add_up() {
    let sums = select(
        &BASE.out.join(artifact::CUSTOMER_SCORES),
        "select count(*) as n, sum(frequency) as orders, sum(monetary_total) as revenue from t",
    );
    let total = |column: &str| sums.f64s(column).unwrap()[0];
    let months = Csv::read(&BASE.out.join(artifact::KPIS));
    let sum = |column: &str| months.numbers(column).iter().sum::<f64>();
    assert_eq!((sum("new_customers"), sum("orders")), (total("n"), total("orders")));
    assert!((sum("revenue_net") - total("revenue")).abs() < 0.01 * months.rows.len() as f64);
    let of = |column: &str| months.numbers(column);
    // What was cancelled within the month is gone, what was cancelled later is not yet.
    for (at, then) in of("revenue_net_at_month_end").into_iter().enumerate() {
        let (net, gross) = (of("revenue_net")[at], of("revenue_gross")[at]);
        assert!(net - 0.01 <= then && then <= gross + 0.01, "{}: {net} {then} {gross}", months.rows[at][0]);
    }
    let later = select(
        &BASE.out.join(artifact::ORDER_EVENTS),
        "select sum(case when substr(cast(to_timestamp_micros(known_us) as varchar), 1, 7)
                          <> substr(cast(to_timestamp_micros(happened_us) as varchar), 1, 7)
                         then cancelled_e4 else 0 end) / 10000.0 as money
         from t where happened_us < 1701388800000000 and known_us < 1701388800000000",
    );
    let later = later.f64s("money").unwrap()[0];
    assert!(later > 0.0 && (sum("revenue_net_at_month_end") - sum("revenue_net") - later).abs() < 0.5, "{later}");
    for (all, (new, back)) in of("customers").iter().zip(of("new_customers").iter().zip(&of("returning_customers"))) {
        assert_eq!(*all, new + back);
    }
    let cohorts = Csv::read(&BASE.out.join(artifact::COHORTS));
    let first: Vec<usize> = (0..cohorts.rows.len()).filter(|&i| cohorts.rows[i][4] == "0").collect();
    let sizes: f64 = first.iter().map(|&i| cohorts.numbers("active")[i]).sum();
    assert_eq!(sizes, total("n"));
    assert!(cohorts.numbers("share").iter().all(|share| *share > 0.0 && *share <= 1.0));
    // Whoever was active in a month is of some cohort.
    for (at, row) in months.rows.iter().enumerate() {
        let active: f64 = (0..cohorts.rows.len())
            .filter(|&i| cohorts.rows[i][2] == row[0])
            .map(|i| cohorts.numbers("active")[i])
            .sum();
        assert_eq!(active, of("customers")[at], "{}", row[0]);
    }
}
