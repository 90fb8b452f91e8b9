#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::budget_curve::{self, BudgetCurveData};
use super::calibration::{self, CalibrationData};
use super::cumulative_gain::{self, CumulativeGainData, GainModel};
use super::decile_lift::{self, DecileLiftData};
use super::offer_allocation::{self, OfferAllocationData};
use super::roc_curve::{self, RocCurveData, RocModel};
use super::segment_distribution::{self, SegmentDistributionData};
use super::segments::{self, SegmentsData};
use super::value_calibration::{self, ValueCalibrationData};
use super::{Caption, Figure, FigureError, Problem, Theme, write};

mod customers;
mod forecasts;
mod months;

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn caption() -> Caption {
    Caption {
        snapshot: "2011-09-10".into(),
        population: "4,338 customers with a purchase before the snapshot".into(),
        source: "a made-up shop".into(),
        note: "The effect of offers is assumed, not measured".into(),
    }
}

/// Bell-shaped numbers around 0 without a generator: sums of fractional parts of multiples of an irrational number.
fn bell(i: usize, salt: f64) -> f64 {
    (0..6).map(|k| ((i * (2 * k + 3) + k) as f64 * (0.754_877_666 + 0.01 * salt) + salt).fract()).sum::<f64>() - 3.0
}

fn distribution() -> SegmentDistributionData {
    SegmentDistributionData {
        segments: owned(&[
            "Champions",
            "Loyal Customers",
            "Potential Loyalist",
            "New Customers",
            "Promising",
            "Need Attention",
            "About to Sleep",
            "At Risk",
            "Can't Lose Them",
            "Hibernating",
        ]),
        customers: vec![633, 819, 489, 42, 94, 187, 352, 577, 63, 1_082],
        revenue: vec![
            4_312_450.2,
            2_021_113.4,
            401_220.9,
            10_420.0,
            22_910.5,
            151_002.2,
            158_210.0,
            702_340.0,
            168_120.0,
            395_020.8,
        ],
        currency: "GBP".into(),
    }
}

fn clusters() -> SegmentsData {
    let spread = [(2.6, 1.4, 1.0, 700), (-0.3, 0.9, 0.9, 1_430), (-1.8, -0.6, 0.7, 1_620), (0.9, -1.9, 0.8, 588)];
    let (mut x, mut y, mut label) = (Vec::new(), Vec::new(), Vec::new());
    for (c, (cx, cy, width, count)) in spread.iter().enumerate() {
        for i in 0..*count {
            x.push(cx + width * bell(i + 1, c as f64));
            y.push(cy + width * bell(i + 7, c as f64 + 0.5));
            label.push(c);
        }
    }
    x[0] = 14.0;
    SegmentsData {
        x,
        y,
        label,
        clusters: owned(&["Champions", "Potential Loyalist", "Hibernating", "At Risk"]),
        last_is_outside: false,
        customers: spread.iter().map(|s| s.3 as u64).collect(),
        explained: [0.512, 0.198],
    }
}

fn roc_model(name: &str, power: f64, auc: f64) -> RocModel {
    let fpr: Vec<f64> = (0..=2_000).map(|i| f64::from(i) / 2_000.0).collect();
    let tpr = fpr.iter().map(|x| x.powf(power)).collect();
    RocModel {
        name: name.into(),
        false_positive_rate: fpr,
        true_positive_rate: tpr,
        auc,
        auc_low: auc - 0.014,
        auc_high: auc + 0.013,
    }
}

fn roc() -> RocCurveData {
    RocCurveData {
        models: vec![
            roc_model("Gradient boosting", 0.27, 0.787),
            roc_model("Logistic regression", 0.29, 0.775),
            roc_model("Recency baseline", 0.39, 0.721),
        ],
        churners: 2_381,
        stayers: 1_957,
        interval_level: 0.95,
    }
}

fn reliability() -> CalibrationData {
    CalibrationData {
        predicted: vec![0.048, 0.152, 0.251, 0.349, 0.452, 0.551, 0.649, 0.747, 0.848, 0.921],
        customers: vec![212, 388, 461, 402, 455, 498, 611, 702, 498, 111],
        churners: vec![14, 52, 121, 133, 214, 262, 401, 552, 431, 99],
    }
}

fn values() -> ValueCalibrationData {
    ValueCalibrationData {
        predicted: vec![2_810.4, 812.2, 488.1, 331.9, 232.0, 161.7, 110.2, 71.3, 38.8, 12.9],
        actual: vec![2_702.1, 861.0, 470.3, 352.8, 221.4, 170.0, 101.9, 76.5, 33.2, 15.4],
        q10: vec![402.0, 61.0, 12.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        q90: vec![5_410.0, 1_790.0, 1_180.0, 860.0, 640.0, 480.0, 330.0, 221.0, 120.0, 22.0],
        customers: vec![434, 434, 434, 434, 434, 434, 434, 433, 433, 433],
        above_q90: vec![0.101, 0.094, 0.112, 0.108, 0.099, 0.087, 0.118, 0.104, 0.092, 0.083],
        horizon_days: 180,
        currency: "GBP".into(),
    }
}

fn allocation() -> OfferAllocationData {
    OfferAllocationData {
        offers: owned(&["None", "Light", "Standard", "Premium"]),
        customers: vec![3_402, 288, 511, 137],
        cost: vec![0.0, 2_880.0, 12_775.0, 6_850.0],
        net: vec![0.0, 9_120.4, 31_402.9, 22_010.7],
        no_offer: Some(0),
        budget: Some(25_000.0),
        currency: "USD".into(),
    }
}

fn budgets() -> BudgetCurveData {
    let budget: Vec<f64> = (0..=40).map(|i| f64::from(i) * 2_500.0).collect();
    let net: Vec<f64> = budget.iter().map(|b| 92_000.0 * (1.0 - (-b / 24_000.0).exp())).collect();
    let greedy_net = budget.iter().zip(&net).map(|(b, v)| v * (0.82 + 0.17 * (b / 100_000.0))).collect();
    let shadow_price =
        budget.iter().map(|b| if *b >= 90_000.0 { 0.0 } else { 92_000.0 / 24_000.0 * (-b / 24_000.0).exp() }).collect();
    BudgetCurveData { budget, net, greedy_net, shadow_price, chosen: 10, currency: "GBP".into() }
}

fn lift() -> DecileLiftData {
    DecileLiftData {
        customers: vec![434, 434, 434, 434, 434, 434, 434, 433, 433, 433],
        churners: [389, 351, 322, 290, 262, 231, 192, 158, 109, 77].map(f64::from).to_vec(),
    }
}

fn gain() -> CumulativeGainData {
    let model = |name: &str, power: f64| {
        let contacted: Vec<f64> = (0..=400).map(|i| f64::from(i) / 400.0).collect();
        GainModel {
            name: name.into(),
            captured: contacted.iter().map(|x| 1.0 - (1.0 - x).powf(power)).collect(),
            contacted,
        }
    };
    CumulativeGainData {
        models: vec![model("Gradient boosting", 1.75), model("Recency baseline", 1.45)],
        churn_rate: 0.549,
    }
}

fn everything() -> Vec<Figure> {
    let (note, theme) = (caption(), Theme::default());
    let mut all = forecasts::everything();
    all.extend(customers::everything());
    all.extend(months::everything());
    all.extend([
        segment_distribution::draw(&distribution(), &note, &theme).unwrap(),
        segments::draw(&clusters(), &note, &theme).unwrap(),
        roc_curve::draw(&roc(), &note, &theme).unwrap(),
        calibration::draw(&reliability(), &note, &theme).unwrap(),
        value_calibration::draw(&values(), &note, &theme).unwrap(),
        offer_allocation::draw(&allocation(), &note, &theme).unwrap(),
        budget_curve::draw(&budgets(), &note, &theme).unwrap(),
        decile_lift::draw(&lift(), &note, &theme).unwrap(),
        cumulative_gain::draw(&gain(), &note, &theme).unwrap(),
    ]);
    all
}

/// Fails unless `svg` is well-formed as far as figures need it: tags nest, attributes are quoted, no bare `&` or `<`.
/// Returns its texts.
fn well_formed(svg: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut texts = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        assert!(!text.contains('>'), "stray > in {text:?}");
        for entity in text.match_indices('&') {
            let tail = &text[entity.0..];
            assert!(
                ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"].iter().any(|e| tail.starts_with(e)),
                "bare & in {text:?}"
            );
        }
        if !text.trim().is_empty() {
            texts.push(text.to_owned());
        }
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with("!--") {
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "unbalanced quotes in {tag:?}");
        assert!(!tag.contains('<'), "tag in tag: {tag:?}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap().to_owned());
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    texts
}

fn problem(result: super::Result<Figure>) -> Problem {
    match result.unwrap_err() {
        FigureError::Data { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn every_figure_is_well_formed_and_says_its_finding() {
    for figure in everything() {
        let texts = well_formed(&figure.svg);
        assert!(figure.svg.starts_with("<svg viewBox=\"0 0 720 "), "{}", figure.name);
        assert!(figure.finding.ends_with('.') && !figure.finding.contains("NaN"), "{}", figure.finding);
        let title = texts.iter().find(|text| !text.trim().is_empty()).unwrap();
        assert_eq!(title.as_str(), figure.finding.replace('&', "&amp;").replace('<', "&lt;"), "{}", figure.name);
        assert!(texts.iter().any(|text| text.contains("Snapshot 2011-09-10")), "{}", figure.name);
    }
}

#[test]
fn names_are_where_they_can_be_read() {
    let figures = everything();
    let svg = |name: &str| figures.iter().find(|f| f.name == name).unwrap().svg.clone();
    for label in ["Champions", "Can&apos;t Lose Them", "1,082 (25 %)", "£4,312,450 (52 %)", "Per customer"] {
        assert!(svg("segment_distribution").contains(label), "{label}");
    }
    for label in ["Gradient boosting", "0.787 (0.773–0.800)", "Churners flagged"] {
        assert!(svg("roc_curve").contains(label), "{label}");
    }
    for label in ["best plan", "highest value first", "chosen budget £25,000"] {
        assert!(svg("budget_curve").contains(label), "{label}");
    }
    // Two dollar signs in one label must not become a formula.
    assert!(svg("offer_allocation").contains("for $22,505 of a budget of $25,000"));
}

#[test]
fn the_png_has_its_size_in_it() {
    for figure in everything() {
        let png = figure.png(super::PRINT_DPI).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 2_250);
        // 300 dots per inch are 11,811 per metre; the chunk stands where readers look for it, right after IHDR.
        assert_eq!(&png[33..46], b"\0\0\0\x09pHYs\0\0\x2e\x23\0");
        assert_eq!(&png[46..50], b"\0\x2e\x23\x01");
    }
}

#[test]
fn resolutions_nobody_prints_are_refused() {
    let figure = decile_lift::draw(&lift(), &caption(), &Theme::default()).unwrap();
    assert!(matches!(figure.png(0), Err(FigureError::Render { .. })));
    assert!(matches!(figure.png(100_000), Err(FigureError::Render { .. })));
}

#[test]
fn the_same_data_give_the_same_bytes() {
    for (a, b) in everything().into_iter().zip(everything()) {
        assert_eq!(a.svg, b.svg);
        assert_eq!(a.table_csv, b.table_csv);
        assert_eq!(a.png(150).unwrap(), b.png(150).unwrap());
    }
}

#[test]
fn three_files_and_nothing_else_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let figure = decile_lift::draw(&lift(), &caption(), &Theme::default()).unwrap();
    let paths = write(&figure, dir.path(), 96).unwrap();
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["decile_lift.svg", "decile_lift.png", "decile_lift.csv"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), figure.svg);
    assert_eq!(std::fs::read_to_string(&paths[2]).unwrap(), figure.table_csv);
    assert!(matches!(write(&figure, &dir.path().join("absent"), 96), Err(FigureError::Io { .. })));
}

#[test]
fn tables_hold_the_data() {
    let figures = everything();
    let rows = |name: &str| -> Vec<Vec<String>> {
        let figure = figures.iter().find(|f| f.name == name).unwrap();
        let mut reader = csv::Reader::from_reader(figure.table_csv.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    let column =
        |rows: &[Vec<String>], at: usize| -> Vec<f64> { rows.iter().map(|row| row[at].parse().unwrap()).collect() };
    let table = rows("segment_distribution");
    assert_eq!(table.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), distribution().segments);
    assert_eq!(column(&table, 3), distribution().revenue);
    let table = rows("budget_curve");
    assert_eq!(
        (column(&table, 0), column(&table, 1), column(&table, 3)),
        (budgets().budget, budgets().net, budgets().shadow_price)
    );
    let table = rows("segments");
    assert_eq!(column(&table[..4], 4), [700.0, 1_430.0, 1_620.0, 588.0]);
    assert_eq!((column(&table[4..], 2), column(&table[4..], 3)), (clusters().x, clusters().y));
    let table = rows("value_calibration");
    assert_eq!((column(&table, 2), column(&table, 5)), (values().predicted, values().q90));
    let table = rows("offer_allocation");
    assert_eq!(column(&table, 3), allocation().net);
    let table = rows("calibration");
    assert_eq!(column(&table, 3)[1], 52.0 / 388.0);
    assert_eq!(rows("roc_curve").len(), 3 * 2_001);
    assert_eq!(rows("decile_lift").len(), 10);
    assert_eq!(column(&rows("cumulative_gain")[..401], 2), gain().models[0].captured);
}

#[test]
fn findings_say_what_the_numbers_say() {
    let (note, theme) = (caption(), Theme::default());
    let finding = |figure: super::Result<Figure>| figure.unwrap().finding;
    let data = SegmentDistributionData {
        segments: owned(&["Lost", "Champions"]),
        customers: vec![3, 1],
        revenue: vec![20.0, 80.0],
        currency: "EUR".into(),
    };
    assert_eq!(
        finding(segment_distribution::draw(&data, &note, &theme)),
        "The Champions segment holds 25 % of customers and 80 % of revenue; the largest, Lost, holds 75 % of customers and 20 % of revenue."
    );
    let data = SegmentsData {
        x: vec![0.0, 1.0, 2.0],
        y: vec![0.0, 1.0, 0.0],
        label: vec![0, 1, 1],
        clusters: owned(&["A", "B"]),
        last_is_outside: false,
        customers: vec![1, 3],
        explained: [0.5, 0.2],
    };
    assert_eq!(
        finding(segments::draw(&data, &note, &theme)),
        "4 customers fall into 2 clusters, from B with 75 % to A with 25 %; the two axes carry 70 % of the variance."
    );
    let outside = SegmentsData { clusters: owned(&["A", "B", "(no cluster)"]), last_is_outside: true, ..data };
    let outside = SegmentsData { customers: vec![1, 2, 1], ..outside };
    assert_eq!(
        finding(segments::draw(&outside, &note, &theme)),
        "3 customers lie in 2 clusters, from B with 50 % to A with 25 %; 25 % are in none."
    );
    assert_eq!(
        finding(roc_curve::draw(&roc(), &note, &theme)),
        "Gradient boosting ranks churners best (AUC 0.787, 95 % interval 0.773–0.800); the interval of Logistic regression (0.775) overlaps it."
    );
    let data = CalibrationData { predicted: vec![0.2, 0.8], customers: vec![10, 30], churners: vec![3, 21] };
    // Expected (2 + 24) / 40, observed 24 / 40; both bins are off by ten points.
    assert_eq!(
        finding(calibration::draw(&data, &note, &theme)),
        "65 % were predicted to churn and 60 % did; across the bins the gap averages 10.0 points, at most 10.0 (predicted 80 %, observed 70 %)."
    );
    let data = ValueCalibrationData {
        predicted: vec![100.0, 10.0],
        actual: vec![120.0, 9.0],
        q10: vec![50.0, 0.0],
        q90: vec![200.0, 20.0],
        customers: vec![10, 30],
        above_q90: vec![0.1, 0.2],
        horizon_days: 180,
        currency: "GBP".into(),
    };
    // 1,300 predicted, 1,470 came; (0.1 × 10 + 0.2 × 30) / 40 = 17.5 %.
    assert_eq!(
        finding(value_calibration::draw(&data, &note, &theme)),
        "£1,300 was predicted where £1,470 came (−11.6 %); group 1 missed by the most money (−16.7 %), and 18 % of customers ended above their q90, where 10 % should."
    );
    let data = OfferAllocationData {
        offers: owned(&["None", "Light", "Premium"]),
        customers: vec![5, 2, 3],
        cost: vec![0.0, 20.0, 150.0],
        net: vec![0.0, 40.0, 300.0],
        no_offer: Some(0),
        budget: None,
        currency: "GBP".into(),
    };
    assert_eq!(
        finding(offer_allocation::draw(&data, &note, &theme)),
        "5 of 10 customers (50 %) get an offer for £170; the expected net value is £340, and Premium brings the most (£300)."
    );
    let data = BudgetCurveData {
        budget: vec![0.0, 100.0, 200.0],
        net: vec![0.0, 400.0, 500.0],
        greedy_net: vec![0.0, 300.0, 500.0],
        shadow_price: vec![4.0, 1.0, 0.0],
        chosen: 1,
        currency: "GBP".into(),
    };
    assert_eq!(
        finding(budget_curve::draw(&data, &note, &theme)),
        "A budget of £100 is expected to earn £400 net; £1 more would add £1.00, and taking the highest values first would earn £300 (−25.0 %)."
    );
    let data = DecileLiftData { customers: vec![10, 10], churners: vec![8.0, 2.0] };
    assert_eq!(
        finding(decile_lift::draw(&data, &note, &theme)),
        "In the riskiest of 2 groups 80 % churned, 1.6 times the average of 50 %; in the safest 20 % did."
    );
    let model = GainModel { name: "M".into(), contacted: vec![0.0, 0.4, 1.0], captured: vec![0.0, 0.8, 1.0] };
    let data = CumulativeGainData { models: vec![model], churn_rate: 0.3 };
    assert_eq!(
        finding(cumulative_gain::draw(&data, &note, &theme)),
        "Contacting the riskiest 20 % reaches 40 % of churners with M; chance would reach 20 %."
    );
}

#[test]
fn hostile_names_stay_text() {
    let mut data = distribution();
    data.segments[0] = "A&B <script>\"x\"</script> 'q' $a$ $b$ \u{7}".into();
    let figure = segment_distribution::draw(&data, &caption(), &Theme::default()).unwrap();
    well_formed(&figure.svg);
    assert!(!figure.svg.contains("<script"));
    assert!(figure.svg.contains("A&amp;B &lt;script&gt;"));
    assert!(figure.finding.contains("$a$ $b$"));
    let mut reader = csv::Reader::from_reader(figure.table_csv.as_bytes());
    assert_eq!(&reader.records().next().unwrap().unwrap()[0], data.segments[0].as_str());
    figure.png(96).unwrap();
}

#[test]
fn extreme_but_valid_data_still_draw() {
    let (note, theme) = (Caption::default(), Theme::default());
    let one = SegmentDistributionData {
        segments: owned(&["Only"]),
        customers: vec![7],
        revenue: vec![1.0],
        currency: String::new(),
    };
    assert_eq!(
        segment_distribution::draw(&one, &note, &theme).unwrap().finding,
        "All 7 customers are in one segment, Only."
    );
    let mut returns = distribution();
    returns.revenue[4] = -900_000.0;
    well_formed(&segment_distribution::draw(&returns, &note, &theme).unwrap().svg);
    let mut idle = allocation();
    (idle.customers, idle.cost, idle.net) = (vec![9, 0, 0, 0], vec![0.0; 4], vec![0.0; 4]);
    let figure = offer_allocation::draw(&idle, &note, &theme).unwrap();
    assert!(figure.finding.starts_with("None of the 9 customers"));
    let mut flat = budgets();
    flat.greedy_net.clear();
    flat.chosen = 40;
    let figure = budget_curve::draw(&flat, &note, &theme).unwrap();
    assert!(figure.finding.contains("more money would add nothing"));
    well_formed(&figure.svg);
    let mut sparse = reliability();
    (sparse.customers[0], sparse.churners[0]) = (0, 0);
    well_formed(&calibration::draw(&sparse, &note, &theme).unwrap().svg);
}

#[test]
fn data_that_make_no_picture_are_refused_with_the_reason() {
    let (note, theme) = (caption(), Theme::default());
    let mut data = distribution();
    data.revenue[3] = f64::NAN;
    assert!(matches!(
        problem(segment_distribution::draw(&data, &note, &theme)),
        Problem::Range { what: "revenue", row: 3, .. }
    ));
    data.revenue = vec![0.0; 10];
    assert!(matches!(problem(segment_distribution::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    data.revenue.pop();
    assert_eq!(
        problem(segment_distribution::draw(&data, &note, &theme)),
        Problem::Length { what: "revenue", expected: 10, found: 9 }
    );
    let mut data = clusters();
    data.label[5] = 9;
    let error = segments::draw(&data, &note, &theme).unwrap_err();
    assert_eq!(
        error.to_string(),
        "figure `segments` cannot be drawn: `label` holds 9 in row 5; expected an index into `clusters`"
    );
    let data = SegmentsData {
        x: vec![1.0; 3],
        y: vec![2.0; 3],
        label: vec![0; 3],
        clusters: owned(&["A"]),
        last_is_outside: false,
        customers: vec![3],
        explained: [1.0, 0.0],
    };
    assert!(matches!(problem(segments::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = roc();
    data.models[1].auc_low = 0.9;
    assert!(matches!(problem(roc_curve::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    data.models.clear();
    assert_eq!(problem(roc_curve::draw(&data, &note, &theme)), Problem::Empty { what: "models" });
    let mut data = reliability();
    data.churners[2] = 999;
    assert!(matches!(
        problem(calibration::draw(&data, &note, &theme)),
        Problem::Range { what: "churners", row: 2, .. }
    ));
    let mut data = values();
    data.q90[9] = -1.0;
    assert!(matches!(problem(value_calibration::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = allocation();
    data.cost[1] = -3.0;
    assert!(matches!(
        problem(offer_allocation::draw(&data, &note, &theme)),
        Problem::Range { what: "cost", row: 1, .. }
    ));
    let mut data = budgets();
    data.budget.swap(3, 4);
    assert!(matches!(problem(budget_curve::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let data = DecileLiftData { customers: vec![5, 5], churners: vec![0.0, 0.0] };
    assert!(matches!(problem(decile_lift::draw(&data, &note, &theme)), Problem::Degenerate { .. }));
    let mut data = gain();
    data.churn_rate = 1.0;
    assert!(matches!(problem(cumulative_gain::draw(&data, &note, &theme)), Problem::Range { what: "churn_rate", .. }));
}
