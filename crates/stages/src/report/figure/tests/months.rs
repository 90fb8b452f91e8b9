//! Figures of the months and of segments in several measures at once.

use super::super::revenue_forecast::{self, ForecastMonths, RevenueForecastData, TriedForecast};
use super::super::rfm_3d_scatter::{self, Rfm3dData};
use super::super::season::{self, SeasonData};
use super::super::segment_comparison_radar::{self, RadarMeasure, SegmentRadarData};
use super::super::{Figure, FigureError, Problem, Result, Theme};
use super::{bell, caption, owned, well_formed};

const SHAPE: [f64; 12] = [0.8, 0.7, 1.0, 0.9, 1.0, 1.0, 0.9, 0.9, 1.3, 1.4, 1.75, 0.9];

fn names(first: usize, n: usize) -> Vec<String> {
    (first..first + n).map(|at| format!("{}-{:02}", 2010 + at / 12, at % 12 + 1)).collect()
}

fn seasons() -> SeasonData {
    SeasonData {
        index: SHAPE,
        months: names(0, 24),
        month_of: (0..24).map(|at| at % 12).collect(),
        over_trend: (0..24).map(|at| SHAPE[at % 12] * if at < 12 { 1.04 } else { 1.0 / 1.04 }).collect(),
        yearly_growth: -0.012,
        typical_error: 0.055,
    }
}

fn tried(name: &str, change: f64, error: f64) -> TriedForecast {
    TriedForecast {
        name: name.into(),
        months: SHAPE[..6].iter().map(|shape| 500_000.0 * shape * change).collect(),
        error,
        error_naive: 0.08,
    }
}

/// Six months ahead of 24 by `used` of three methods.
fn outlook(used: usize) -> RevenueForecastData {
    let methods = vec![
        tried("seasonal naive", 1.0, 0.08),
        tried("half the change", 1.1, 0.06),
        tried("today's level", 1.2, 0.07),
    ];
    let middle = methods[used].months.clone();
    RevenueForecastData {
        months: names(0, 24),
        revenue: (0..24).map(|at| 500_000.0 * SHAPE[at % 12]).collect(),
        coming: names(24, 6),
        forecast: ForecastMonths {
            low: middle.iter().map(|v| v * 0.9).collect(),
            high: middle.iter().map(|v| v / 0.9).collect(),
            middle,
        },
        tried: methods,
        used,
        interval_level: 0.8,
        currency: "GBP".into(),
    }
}

fn cube() -> Rfm3dData {
    let n = 3_000;
    let orders: Vec<f64> = (0..n).map(|i| (1.0 + (bell(i, 0.4) + 1.5).max(0.0).exp()).floor()).collect();
    Rfm3dData {
        ids: (0..n).map(|i| format!("{}", 12_000 + i)).collect(),
        recency_days: (0..n).map(|i| (300.0 - 80.0 * bell(i, 0.2)).max(0.0).round()).collect(),
        spend: (0..n).map(|i| orders[i] * (5.0 + bell(i, 0.7)).exp() - 20.0).collect(),
        segment: orders.iter().map(|orders| if *orders > 8.0 { 0 } else { 1 + usize::from(*orders < 2.0) }).collect(),
        segments: owned(&["Champions", "Loyal", "Lost", "Nobody"]),
        orders,
        currency: "GBP".into(),
    }
}

fn radars() -> SegmentRadarData {
    let measure = |name: &str, rank: [f64; 4]| RadarMeasure {
        name: name.into(),
        rank: rank.to_vec(),
        median: rank.iter().map(|rank| format!("{rank:.0} units")).collect(),
    };
    SegmentRadarData {
        segments: owned(&["Champions", "Loyal", "Can't Lose", "Lost"]),
        customers: vec![800, 1_100, 64, 1_600],
        measures: vec![
            measure("Recency", [95.0, 60.0, 22.0, 15.0]),
            measure("Orders", [90.0, 75.0, 93.0, 20.0]),
            measure("Spend", [91.0, 74.0, 90.0, 20.0]),
            measure("Per order", [65.0, 60.0, 70.0, 40.0]),
            measure("Engagement", [94.0, 70.0, 30.0, 14.0]),
        ],
    }
}

pub(super) fn everything() -> Vec<Figure> {
    let (note, theme) = (caption(), Theme::default());
    vec![
        season::draw(&seasons(), &note, &theme).unwrap(),
        revenue_forecast::draw(&outlook(1), &note, &theme).unwrap(),
        rfm_3d_scatter::draw(&cube(), &note, &theme).unwrap(),
        segment_comparison_radar::draw(&radars(), &note, &theme).unwrap(),
    ]
}

#[test]
fn findings_are_computed_from_what_is_drawn() {
    let (note, theme) = (caption(), Theme::default());
    let said: Vec<String> = everything().into_iter().map(|figure| figure.finding).collect();
    assert_eq!(
        said[0],
        "November brings 1.75 times a typical month and February 0.70 times; a month differs from its season by 5.5 % as a \
         rule."
    );
    assert_eq!(
        said[1],
        "The next 6 months are expected to bring £2,970,000 (+10.0 % on a year before); on past months this method was off by \
         6.0 %, the seasonal naive one by 8.0 %."
    );
    assert!(said[2].starts_with("Spend rises with the number of orders (rank correlation 0."), "{}", said[2]);
    assert!(said[2].contains("Champions spend most, £"), "{}", said[2]);
    assert_eq!(
        said[3],
        "Champions rank first in 3 of 5 measures; Can't Lose are the most uneven: rank 93 in orders but 22 in recency."
    );
    let naive = revenue_forecast::draw(&outlook(0), &note, &theme).unwrap().finding;
    assert_eq!(
        naive,
        "The next 6 months are expected to bring what the same ones brought a year before, £2,700,000 in all: that forecast was \
         off by 8.0 % so far, and none of 2 other methods did better on the same months."
    );
    let mut far_off = outlook(0);
    far_off.tried[0].error = 0.56;
    assert_eq!(
        revenue_forecast::draw(&far_off, &note, &theme).unwrap().finding,
        "Nothing foresees the coming months well enough to plan with: the best of the methods that could be tried, seasonal \
         naive, was off by 56 % so far."
    );
    let flat = SeasonData { typical_error: 0.9, ..seasons() };
    assert!(
        season::draw(&flat, &note, &theme).unwrap().finding.starts_with("No season stands out: November and February")
    );
}

#[test]
fn marks_say_their_numbers() {
    let svg: Vec<String> = everything().into_iter().map(|figure| figure.svg).collect();
    assert!(svg[0].contains("Nov: 1.75 times a typical month (2010-11 1.82, 2011-11 1.68)"));
    assert!(
        svg[1].contains("2012-01: £440,000 expected, £396,000 to £488,889") && svg[1].contains("2010-11: £875,000")
    );
    // Nobody is in the last segment, so it has no place.
    assert!(svg[2].contains("Champions, ") && svg[2].contains(": medians ") && !svg[2].contains("Nobody"));
    assert!(svg[3].contains("Lost, Per order: rank 40 of 100, median 40 units"));
    for svg in svg {
        well_formed(&svg);
    }
}

#[test]
fn a_sample_is_said_and_the_table_holds_everybody() {
    let figure = rfm_3d_scatter::draw(&cube(), &caption(), &Theme::default()).unwrap();
    assert!(figure.svg.contains("1,200 of 3,000 customers drawn, evenly by id"));
    assert_eq!(csv::Reader::from_reader(figure.table_csv.as_bytes()).records().count(), 3_000);
    let few = |column: &[f64]| column[..50].to_vec();
    let all = cube();
    let small = Rfm3dData {
        ids: all.ids[..50].to_vec(),
        recency_days: few(&all.recency_days),
        orders: few(&all.orders),
        spend: few(&all.spend),
        segment: all.segment[..50].to_vec(),
        ..all
    };
    assert!(rfm_3d_scatter::draw(&small, &caption(), &Theme::default()).unwrap().svg.contains("one dot per customer"));
}

#[test]
fn what_would_mislead_is_refused() {
    let (note, theme) = (caption(), Theme::default());
    let refused = |figure: Result<Figure>| match figure {
        Err(FigureError::Data { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let once = SeasonData {
        months: names(0, 23),
        month_of: (0..23).map(|at| at % 12).collect(),
        over_trend: vec![1.0; 23],
        ..seasons()
    };
    assert!(matches!(refused(season::draw(&once, &note, &theme)), Problem::Degenerate { .. }));
    let none = SeasonData { index: [0.0; 12], ..seasons() };
    assert!(matches!(refused(season::draw(&none, &note, &theme)), Problem::Range { what: "index", .. }));
    let mut outside = outlook(1);
    outside.forecast.low[2] = outside.forecast.high[2];
    assert!(matches!(refused(revenue_forecast::draw(&outside, &note, &theme)), Problem::Degenerate { .. }));
    let unknown = RevenueForecastData { used: 3, ..outlook(1) };
    assert!(matches!(refused(revenue_forecast::draw(&unknown, &note, &theme)), Problem::Degenerate { .. }));
    let mut owed = outlook(1);
    owed.revenue[3] = -1.0;
    assert!(matches!(
        refused(revenue_forecast::draw(&owed, &note, &theme)),
        Problem::Range { what: "revenue", row: 3, .. }
    ));
    let alike = Rfm3dData { orders: vec![1.0; 3_000], ..cube() };
    assert!(matches!(refused(rfm_3d_scatter::draw(&alike, &note, &theme)), Problem::Degenerate { .. }));
    let poor = Rfm3dData { spend: vec![-5.0; 3_000], ..cube() };
    assert!(matches!(refused(rfm_3d_scatter::draw(&poor, &note, &theme)), Problem::Degenerate { .. }));
    let lost = Rfm3dData { segment: vec![4; 3_000], ..cube() };
    assert!(matches!(refused(rfm_3d_scatter::draw(&lost, &note, &theme)), Problem::Range { what: "segment", .. }));
    let mut beyond = radars();
    beyond.measures[1].rank[0] = 101.0;
    assert!(matches!(refused(segment_comparison_radar::draw(&beyond, &note, &theme)), Problem::Range { .. }));
    let mut flat = radars();
    flat.measures.truncate(2);
    assert!(matches!(refused(segment_comparison_radar::draw(&flat, &note, &theme)), Problem::Degenerate { .. }));
}

#[test]
fn little_and_much_still_draw() {
    let (note, theme) = (caption(), Theme::default());
    let mut one = outlook(0);
    one.coming.truncate(1);
    for column in [&mut one.forecast.middle, &mut one.forecast.low, &mut one.forecast.high] {
        column.truncate(1);
    }
    one.tried.truncate(1);
    let figure = revenue_forecast::draw(&one, &note, &theme).unwrap();
    assert!(figure.finding.starts_with("The next month is expected"), "{}", figure.finding);
    well_formed(&figure.svg);
    let long = RevenueForecastData {
        months: names(0, 100),
        revenue: (0..100).map(|at| 500_000.0 * SHAPE[at % 12]).collect(),
        coming: names(100, 6),
        ..outlook(2)
    };
    // The table holds what is too far back to be drawn.
    let figure = revenue_forecast::draw(&long, &note, &theme).unwrap();
    assert!(figure.table_csv.contains("month,2010-01,") && !figure.svg.contains("2010-01:"));
    let many = SegmentRadarData {
        segments: (0..20).map(|k| format!("a segment with the long name {k}")).collect(),
        customers: vec![5; 20],
        measures: (0..6)
            .map(|m| RadarMeasure {
                name: format!("measure {m}"),
                rank: (0..20).map(|s| f64::from((s * 5 + m) % 100)).collect(),
                median: vec!["x".into(); 20],
            })
            .collect(),
    };
    let figure = segment_comparison_radar::draw(&many, &note, &theme).unwrap();
    assert!(figure.svg.contains("5 smaller segments are in the table only"));
    well_formed(&figure.svg);
}
