//! Figures of models: how well they rank, what moves them, and whether what they expect comes.

use super::super::clv_scatter::{self, ClvScatterData};
use super::super::cumulative_transactions::{self, CumulativeTransactionsData, ExpectedTransactions};
use super::super::frequency_calibration::{self, FrequencyCalibrationData, FrequencyModel};
use super::super::frequency_recency_matrix::{self, FrequencyRecencyData};
use super::super::p_alive_history::{self, PAliveHistoryData};
use super::super::p_alive_matrix::{self, PAliveMatrixData};
use super::super::precision_recall::{self, PrecisionRecallData, PrecisionRecallModel};
use super::super::qini::{self, QiniData, QiniScore};
use super::super::shap_beeswarm::{self, BeeswarmFeature, ShapBeeswarmData};
use super::super::{Figure, HistoryMatrix, Problem, Theme};
use super::{bell, caption, owned, problem, well_formed};

fn precision() -> PrecisionRecallData {
    let model = |name: &str, power: f64, area: f64| {
        let recall: Vec<f64> = (1..=600).map(|i| f64::from(i) / 600.0).collect();
        PrecisionRecallModel {
            name: name.into(),
            precision: recall
                .iter()
                .enumerate()
                .map(|(i, r)| {
                    (0.95 - 0.401 * r.powf(power) + 0.05 * bell(i, 0.3) / (1.0 + i as f64 * 0.2)).clamp(0.0, 1.0)
                })
                .collect(),
            recall,
            average_precision: area,
            low: area - 0.017,
            high: area + 0.016,
        }
    };
    PrecisionRecallData {
        models: vec![
            model("Gradient boosting", 2.6, 0.824),
            model("Logistic regression", 2.2, 0.809),
            model("Recency baseline", 1.3, 0.741),
        ],
        churners: 2_381,
        stayers: 1_957,
        interval_level: 0.95,
    }
}

fn swarm() -> ShapBeeswarmData {
    let names = [
        "recency_days",
        "orders_decayed_365d",
        "recency_over_gap",
        "purchase_days",
        "revenue_365d",
        "tenure_days",
        "orders_season_last_year",
        "gap_cv",
        "unique_products",
        "low_price_share",
        "monetary_avg",
        "returned_value_share",
        "q4_share",
        "lines_per_order",
        "weekend_share",
        "order_sd",
    ];
    let features = names
        .iter()
        .enumerate()
        .map(|(j, name)| {
            let weight = 0.9 / (1.0 + j as f64).powf(1.1) * if j % 3 == 0 { 1.0 } else { -1.0 };
            let values: Vec<f64> = (0..4_338)
                .map(|i| if j == 7 && i % 4 == 0 { f64::NAN } else { (bell(i + 3 * j, j as f64 * 0.7) * 1.2).exp() })
                .collect();
            let contributions = values
                .iter()
                .enumerate()
                .map(|(i, v)| {
                    let signal = if v.is_nan() { 0.4 } else { (v.ln() * 1.4).tanh() };
                    weight * (signal + 0.18 * bell(i + 11, j as f64))
                })
                .collect();
            BeeswarmFeature { name: (*name).to_owned(), values, contributions }
        })
        .collect();
    ShapBeeswarmData { features, outcome: "log-odds of churn".into(), left_out: 33 }
}

fn transactions() -> CumulativeTransactionsData {
    let weeks = 104;
    let season = |w: usize| 1.0 + 0.55 * (-((w % 52) as f64 - 46.0).powi(2) / 18.0).exp();
    let level = |w: usize| 210.0 * (1.0 - (-(w as f64) / 14.0).exp()) * (1.0 - 0.0028 * w as f64);
    let model = |name: &str, off: f64, seasonal: bool| ExpectedTransactions {
        name: name.into(),
        weekly: (0..weeks)
            .map(|w| level(w) * if seasonal { season(w) } else { 1.055 } * (1.0 - off * w as f64 / 104.0))
            .collect(),
    };
    CumulativeTransactionsData {
        weekly: (0..weeks).map(|w| (level(w) * season(w) + 14.0 * bell(w + 5, 0.2)).max(0.0).round()).collect(),
        models: vec![
            model("Pareto/NBD with season", 0.03, true),
            model("Pareto/NBD", 0.05, false),
            model("BG/NBD", 0.14, false),
        ],
        calibration_weeks: 65,
        start: "2009-12-01".into(),
    }
}

/// The BG/NBD model's probability of being alive (Fader, Hardie and Lee 2005) at its parameters of CDNOW, in weeks.
fn alive(repeats: f64, last_days: f64, age_days: f64) -> f64 {
    let (r, alpha, a, b) = (0.243, 4.414, 0.793, 2.426);
    if repeats < 0.5 {
        return 1.0;
    }
    let (x, tx, t) = (repeats, last_days / 7.0, age_days / 7.0);
    1.0 / (1.0 + a / (b + x - 1.0) * ((alpha + t) / (alpha + tx)).powf(r + x))
}

fn histories(value: impl Fn(f64, f64) -> f64) -> HistoryMatrix {
    let repeats: Vec<f64> = (0..=30).map(f64::from).collect();
    let last_purchase_days: Vec<f64> = (0..=52).map(|w| f64::from(w) * 7.0).collect();
    let values = last_purchase_days
        .iter()
        .flat_map(|day| repeats.iter().map(move |x| ((*x < 0.5) == (*day < 0.5)).then_some((*x, *day))))
        .map(|history| history.map(|(x, day)| value(x, day)))
        .collect();
    HistoryMatrix { repeats, last_purchase_days, age_days: 364.0, values }
}

fn expected_purchases() -> FrequencyRecencyData {
    let expected = |x: f64, day: f64| alive(x, day, 364.0) * (x + 0.243) / (52.0 + 4.414) * 12.9;
    FrequencyRecencyData { model: "BG/NBD".into(), histories: histories(expected), horizon_days: 90 }
}

fn alive_by_history() -> PAliveMatrixData {
    PAliveMatrixData { model: "BG/NBD".into(), histories: histories(|x, day| alive(x, day, 364.0)) }
}

fn groups() -> FrequencyCalibrationData {
    FrequencyCalibrationData {
        groups: owned(&["0", "1", "2", "3", "4", "5", "6", "7+"]),
        customers: vec![1_411, 743, 468, 312, 225, 168, 121, 890],
        actual: vec![0.31, 0.62, 0.88, 1.21, 1.40, 1.83, 1.97, 5.22],
        models: vec![
            FrequencyModel {
                name: "Pareto/NBD".into(),
                expected: vec![0.27, 0.58, 0.93, 1.26, 1.55, 1.88, 2.20, 4.91],
            },
            FrequencyModel { name: "BG/NBD".into(), expected: vec![0.22, 0.67, 1.02, 1.35, 1.66, 1.99, 2.31, 4.80] },
            FrequencyModel {
                name: "Gradient boosting".into(),
                expected: vec![0.33, 0.60, 0.85, 1.18, 1.46, 1.76, 2.02, 5.13],
            },
        ],
        horizon_days: 180,
    }
}

fn one_customer() -> PAliveHistoryData {
    let purchases = vec![0.0, 21.0, 43.0, 61.0, 64.0, 98.0, 118.0, 150.0, 171.0, 262.0, 280.0, 301.0, 322.0];
    let (mut days, mut p_alive) = (Vec::new(), Vec::new());
    for day in 0..=455 {
        let day = f64::from(day);
        let before = purchases.iter().filter(|p| **p < day).count().max(1);
        let after = purchases.iter().filter(|p| **p <= day).count();
        days.push(day);
        p_alive.push(alive(before as f64 - 1.0, purchases[before - 1], day));
        if after != before {
            days.push(day);
            p_alive.push(alive(after as f64 - 1.0, purchases[after - 1], day));
        }
    }
    PAliveHistoryData {
        customer: "14911".into(),
        model: "BG/NBD".into(),
        first_purchase: "2010-09-03".into(),
        days,
        p_alive,
        purchases,
    }
}

fn spends() -> ClvScatterData {
    let predicted: Vec<f64> = (0..4_338).map(|i| 240.0 * (bell(i + 2, 0.4) * 1.9).exp()).collect();
    let low = predicted.iter().map(|p| if *p > 300.0 { p * 0.25 } else { 0.0 }).collect();
    let high = predicted.iter().map(|p| p * 2.1 + 20.0).collect();
    let actual = predicted
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let buys = bell(i + 9, 1.3) + (p / 240.0).ln() * 0.8 > -0.2;
            if buys { p * 1.25 * (bell(i + 4, 2.1) * 0.75).exp() } else { 0.0 }
        })
        .collect();
    ClvScatterData { predicted, low, high, actual, interval_level: 0.8, horizon_days: 180, currency: "GBP".into() }
}

fn trial() -> QiniData {
    let score = |name: &str, bulge: f64, qini: f64| {
        let share: Vec<f64> = (0..=50).map(|step| f64::from(step) / 50.0).collect();
        let gain: Vec<f64> = share.iter().map(|s| 0.8 * s + bulge * s * (1.0 - s)).collect();
        QiniScore {
            name: name.into(),
            low: gain.iter().zip(&share).map(|(g, s)| g - 0.2 * s.sqrt()).collect(),
            high: gain.iter().zip(&share).map(|(g, s)| g + 0.2 * s.sqrt()).collect(),
            share,
            gain,
            qini,
            qini_low: qini - 0.05,
            qini_high: qini + 0.06,
        }
    };
    QiniData {
        scores: vec![score("uplift", 0.7, 0.117), score("p_churn", 0.1, 0.017), score("history", -0.5, -0.083)],
        outcome: "spend".into(),
        arm: "Mens E-Mail".into(),
        control: "No E-Mail".into(),
        interval_level: 0.95,
    }
}

pub(super) fn everything() -> Vec<Figure> {
    let (note, theme) = (caption(), Theme::default());
    vec![
        precision_recall::draw(&precision(), &note, &theme).unwrap(),
        shap_beeswarm::draw(&swarm(), &note, &theme).unwrap(),
        cumulative_transactions::draw(&transactions(), &note, &theme).unwrap(),
        frequency_recency_matrix::draw(&expected_purchases(), &note, &theme).unwrap(),
        p_alive_matrix::draw(&alive_by_history(), &note, &theme).unwrap(),
        frequency_calibration::draw(&groups(), &note, &theme).unwrap(),
        p_alive_history::draw(&one_customer(), &note, &theme).unwrap(),
        clv_scatter::draw(&spends(), &note, &theme).unwrap(),
        qini::draw(&trial(), &note, &theme).unwrap(),
    ]
}

#[test]
fn pictures_of_many_customers_stay_small() {
    for figure in everything() {
        assert!(figure.svg.len() < 360_000, "{}: {} bytes", figure.name, figure.svg.len());
    }
}

#[test]
fn findings_of_models_say_what_the_numbers_say() {
    let (note, theme) = (caption(), Theme::default());
    let finding = |figure: super::super::Result<Figure>| figure.unwrap().finding;
    let model = PrecisionRecallModel {
        name: "M".into(),
        recall: vec![0.2, 0.5, 1.0],
        precision: vec![0.9, 0.8, 0.25],
        average_precision: 0.545,
        low: 0.5,
        high: 0.6,
    };
    let data = PrecisionRecallData { models: vec![model], churners: 10, stayers: 30, interval_level: 0.95 };
    assert_eq!(
        finding(precision_recall::draw(&data, &note, &theme)),
        "M has an average precision of 0.545 (0.500–0.600) where flagging everybody has 0.250; where half of the \
         churners are found, 80 % of those flagged do churn."
    );
    let feature = |name: &str, values: &[f64], contributions: &[f64]| BeeswarmFeature {
        name: name.into(),
        values: values.to_vec(),
        contributions: contributions.to_vec(),
    };
    let data = ShapBeeswarmData {
        features: vec![
            feature("weak", &[1.0, 2.0, 3.0, 4.0], &[0.1, -0.1, 0.1, -0.1]),
            feature("strong", &[1.0, 2.0, f64::NAN, 4.0], &[0.5, 0.5, 0.0, -1.0]),
        ],
        outcome: "log-odds of churn".into(),
        left_out: 0,
    };
    assert_eq!(
        finding(shap_beeswarm::draw(&data, &note, &theme)),
        "Strong moves the log-odds of churn most, by 0.50 on average (high values lower it); next is weak with \
         0.10."
    );
    let expected = |name: &str, weekly: &[f64]| ExpectedTransactions { name: name.into(), weekly: weekly.to_vec() };
    let data = CumulativeTransactionsData {
        weekly: vec![10.0, 20.0, 30.0, 10.0],
        models: vec![expected("A", &[10.0, 20.0, 10.0, 10.0]), expected("B", &[10.0, 20.0, 25.0, 19.0])],
        calibration_weeks: 2,
        start: "2011-01-03".into(),
    };
    assert_eq!(
        finding(cumulative_transactions::draw(&data, &note, &theme)),
        "In the 2 weeks of the hold-out 40 repeat transactions came where B expected 44 (+10.0 %); A expected 20 \
         (−50.0 %)."
    );
    let data = FrequencyCalibrationData {
        groups: owned(&["0", "1+"]),
        customers: vec![30, 10],
        actual: vec![0.5, 2.0],
        models: vec![FrequencyModel { name: "A".into(), expected: vec![0.4, 2.5] }],
        horizon_days: 90,
    };
    // (30 × 0.1 + 10 × 0.5) / 40.
    assert_eq!(
        finding(frequency_calibration::draw(&data, &note, &theme)),
        "A misses the purchases of a customer's group by 0.20 on average; it is furthest off at 1+ repeat purchases \
         (2.50 expected, 2.00 came)."
    );
    let map = |values: [Option<f64>; 6]| HistoryMatrix {
        repeats: vec![1.0, 2.0],
        last_purchase_days: vec![0.0, 50.0, 100.0],
        age_days: 100.0,
        values: values.to_vec(),
    };
    let histories = map([None, None, Some(0.6), Some(0.3), Some(0.9), Some(1.0)]);
    let data = PAliveMatrixData { model: "A".into(), histories };
    assert_eq!(
        finding(p_alive_matrix::draw(&data, &note, &theme)),
        "A customer who came back once is more likely gone than not after 50 days of silence, one who came back 2 times \
         after 0."
    );
    let histories = map([None, None, Some(0.2), Some(0.05), Some(0.9), Some(2.5)]);
    let data = FrequencyRecencyData { model: "A".into(), histories, horizon_days: 90 };
    assert_eq!(
        finding(frequency_recency_matrix::draw(&data, &note, &theme)),
        "A customer who came back 2 times, last on day 100 of 100, is expected to make 2.5 purchases in 90 days; last on \
         day 50, 0.05."
    );
    let data = PAliveHistoryData {
        customer: "7".into(),
        model: "A".into(),
        first_purchase: "2011-01-01".into(),
        days: vec![0.0, 40.0, 40.0, 100.0],
        p_alive: vec![1.0, 0.7, 0.95, 0.4],
        purchases: vec![0.0, 40.0],
    };
    assert_eq!(
        finding(p_alive_history::draw(&data, &note, &theme)),
        "After 2 purchases and 60 days of silence the customer is alive with 40 %; between earlier purchases it never \
         was below 70 %."
    );
    let data = ClvScatterData {
        predicted: vec![100.0, 100.0, 100.0, 100.0],
        low: vec![50.0, 50.0, 0.0, 50.0],
        high: vec![200.0; 4],
        actual: vec![60.0, 0.0, 0.0, 300.0],
        interval_level: 0.8,
        horizon_days: 180,
        currency: "EUR".into(),
    };
    let mut data_of_trial = trial();
    assert_eq!(
        finding(qini::draw(&data_of_trial, &note, &theme)),
        "Contacting by uplift adds more than a random order: Qini 0.12 (0.07 to 0.18), 95 % interval."
    );
    data_of_trial.scores.remove(0);
    assert_eq!(
        finding(qini::draw(&data_of_trial, &note, &theme)),
        "Contacting by p_churn cannot be told from a random order: Qini 0.02 (−0.03 to 0.08), 95 % interval."
    );
    data_of_trial.scores.remove(0);
    assert!(finding(qini::draw(&data_of_trial, &note, &theme)).contains("adds less than a random order"));
    assert_eq!(
        finding(clv_scatter::draw(&data, &note, &theme)),
        "50 % of customers ended inside their 80 % interval, 25 % above it and 25 % below; €400 was predicted \
         where €360 came (+11.1 %)."
    );
}

#[test]
fn tables_of_models_hold_the_data() {
    let figures = everything();
    let rows = |name: &str| -> Vec<Vec<String>> {
        let figure = figures.iter().find(|f| f.name == name).unwrap();
        let mut reader = csv::Reader::from_reader(figure.table_csv.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    assert_eq!(rows("precision_recall").len(), 3 * 600);
    // The fourteen strongest features with their dots.
    assert_eq!(rows("shap_beeswarm").len(), 14 * 500);
    assert_eq!(rows("cumulative_transactions")[65][..2], ["66".to_owned(), "true".to_owned()]);
    // Without repeat purchases only the first day can be the last, and with them it cannot.
    assert_eq!(rows("p_alive_matrix").len(), 1 + 30 * 52);
    assert_eq!(rows("frequency_calibration")[7][0], "7+");
    assert_eq!(rows("clv_scatter").len(), 4_338);
    assert_eq!(rows("p_alive_history").iter().filter(|row| row[0] == "purchase").count(), 13);
    assert_eq!(rows("qini").len(), 3 * 51);
}

#[test]
fn extreme_but_valid_models_still_draw() {
    let (note, theme) = (caption(), Theme::default());
    let mut data = precision();
    (data.churners, data.stayers) = (9, 991);
    well_formed(&precision_recall::draw(&data, &note, &theme).unwrap().svg);
    let mut data = transactions();
    data.weekly.iter_mut().skip(65).for_each(|w| *w = 0.0);
    let figure = cumulative_transactions::draw(&data, &note, &theme).unwrap();
    assert!(figure.finding.contains("0 repeat transactions came"));
    data.calibration_weeks = 103;
    well_formed(&cumulative_transactions::draw(&data, &note, &theme).unwrap().svg);
    let mut data = spends();
    data.actual[5] = -420.0;
    well_formed(&clv_scatter::draw(&data, &note, &theme).unwrap().svg);
    data.predicted = vec![0.0; 4_338];
    data.actual = vec![0.0; 4_338];
    well_formed(&clv_scatter::draw(&data, &note, &theme).unwrap().svg);
    let mut data = swarm();
    data.features.truncate(1);
    data.features[0].values = vec![f64::NAN; 4_338];
    well_formed(&shap_beeswarm::draw(&data, &note, &theme).unwrap().svg);
    let mut data = trial();
    // A contact that takes away, by a score that is the same for everybody.
    data.scores.truncate(1);
    let score = &mut data.scores[0];
    score.gain.iter_mut().zip(&score.share).for_each(|(gain, share)| *gain = -0.4 * share);
    (score.qini, score.qini_low, score.qini_high) = (0.0, 0.0, 0.0);
    well_formed(&qini::draw(&data, &note, &theme).unwrap().svg);
    let mut data = alive_by_history();
    data.histories.values.iter_mut().flatten().for_each(|p| *p = 0.1);
    let figure = p_alive_matrix::draw(&data, &note, &theme).unwrap();
    assert_eq!(figure.finding, "No history leaves a customer more likely alive than not.");
}

#[test]
fn models_that_make_no_picture_are_refused_with_the_reason() {
    let (note, theme) = (caption(), Theme::default());
    let mut data = precision();
    data.models[0].recall.swap(3, 300);
    assert!(matches!(problem(precision_recall::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = swarm();
    data.features[2].contributions[7] = f64::NAN;
    assert!(matches!(
        problem(shap_beeswarm::draw(&data, &note, &theme)),
        Problem::Range { what: "contributions", row: 7, .. }
    ));
    let mut data = transactions();
    data.calibration_weeks = 104;
    assert!(matches!(problem(cumulative_transactions::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = alive_by_history();
    data.histories.values[40] = Some(1.2);
    assert!(matches!(
        problem(p_alive_matrix::draw(&data, &note, &theme)),
        Problem::Range { what: "values", row: 40, .. }
    ));
    data.histories.repeats[3] = 3.4;
    assert!(matches!(problem(p_alive_matrix::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = groups();
    data.models[1].expected.pop();
    assert_eq!(
        problem(frequency_calibration::draw(&data, &note, &theme)),
        Problem::Length { what: "expected", expected: 8, found: 7 }
    );
    let mut data = one_customer();
    data.purchases.push(900.0);
    assert!(matches!(
        problem(p_alive_history::draw(&data, &note, &theme)),
        Problem::Range { what: "purchases", row: 13, .. }
    ));
    let mut data = trial();
    data.scores[1].gain[50] = 0.7;
    assert!(matches!(problem(qini::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = spends();
    data.low[2] = 1e9;
    assert!(matches!(problem(clv_scatter::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
}

#[test]
fn hostile_names_of_models_stay_text() {
    let (note, theme) = (caption(), Theme::default());
    let name = "A&B <script>\"x\"</script> of a very long name that no column has room for $a$ $b$";
    let mut models = precision();
    models.models[0].name = name.into();
    let mut features = swarm();
    features.features[0].name = name.into();
    let mut weeks = transactions();
    weeks.models[0].name = name.into();
    let mut frequencies = groups();
    frequencies.models[0].name = name.into();
    let mut customer = one_customer();
    customer.customer = name.into();
    let mut scores = trial();
    (scores.scores[0].name, scores.arm) = (name.into(), name.into());
    for figure in [
        precision_recall::draw(&models, &note, &theme),
        shap_beeswarm::draw(&features, &note, &theme),
        cumulative_transactions::draw(&weeks, &note, &theme),
        frequency_calibration::draw(&frequencies, &note, &theme),
        p_alive_history::draw(&customer, &note, &theme),
        qini::draw(&scores, &note, &theme),
    ] {
        let figure = figure.unwrap();
        well_formed(&figure.svg);
        assert!(!figure.svg.contains("<script"), "{}", figure.name);
        assert!(figure.svg.contains("A&amp;B &lt;script&gt;"), "{}", figure.name);
    }
}
