//! Figures of who the customers are and what became of them.

use super::super::cohort_retention::{self, CohortRetentionData};
use super::super::feature_importance::{self, FeatureImportanceData};
use super::super::outliers::{self, OutliersData};
use super::super::pareto_curve::{self, ParetoCurveData};
use super::super::revenue_contribution::{self, RevenueContributionData};
use super::super::rfm_heatmap::{self, RfmHeatmapData};
use super::super::segment_migration::{self, SegmentMigrationData};
use super::super::{Figure, FigureError, Problem, Result, Theme};
use super::{bell, caption, owned};

fn scores() -> RfmHeatmapData {
    RfmHeatmapData {
        customers: (0..25).map(|at| if at == 4 { 0 } else { 20 + 7 * (at % 5) + 11 * (at / 5) }).collect(),
        revenue: (0..25)
            .map(|at| if at == 4 { 0.0 } else { 3_000.0 * f64::from(at % 5 + 1) * f64::from(at / 5 + 1) })
            .collect(),
        currency: "GBP".into(),
    }
}

fn contribution() -> RevenueContributionData {
    RevenueContributionData {
        segments: owned(&["Champions", "Loyal", "At Risk"]),
        so_far: vec![500.0, 300.0, 200.0],
        of_late: vec![80.0, 15.0, 5.0],
        expected: Some(vec![120.0, 60.0, 20.0]),
        horizon_days: 180,
    }
}

/// One customer brings half, ninety-nine the rest in equal parts.
fn spend() -> ParetoCurveData {
    let spend = (0..100).map(|i| if i == 50 { 99.0 } else { 1.0 }).collect();
    ParetoCurveData { spend, currency: "GBP".into() }
}

fn unusual() -> OutliersData {
    let n = 900;
    let spend: Vec<f64> = (0..n).map(|i| (6.0 + 1.2 * bell(i, 0.3)).exp()).collect();
    OutliersData {
        ids: (0..n).map(|i| format!("{}", 12_000 + i)).collect(),
        orders: (0..n).map(|i| (1.0 + (bell(i, 0.9) + 2.0).max(0.0) * 4.0).floor()).collect(),
        unusual: (0..n).map(|i| spend[i] > 2_500.0 || i % 30 == 0).collect(),
        in_what_is_drawn: spend.iter().map(|s| *s > 2_500.0).collect(),
        mostly: Some(("return rate".into(), 30)),
        spend,
        currency: "GBP".into(),
    }
}

fn cohorts() -> CohortRetentionData {
    let n = 12;
    CohortRetentionData {
        cohorts: (1..=n).map(|month| format!("2011-{month:02}")).collect(),
        customers: (0..n).map(|k| 100 + k as u64).collect(),
        active: (0..n).map(|k| (0..n - k).map(|month| 40 / (month as u64 + 1)).collect()).collect(),
    }
}

fn moves() -> SegmentMigrationData {
    SegmentMigrationData {
        segments: owned(&["Champions", "Loyal", "At Risk"]),
        customers: vec![60, 30, 10, 5, 80, 15, 0, 0, 0],
        between: ["2011-11-10".into(), "2011-12-10".into()],
    }
}

fn importance() -> FeatureImportanceData {
    let all: f64 = (0..20).map(|k| 1.0 / f64::from(k + 1)).sum();
    FeatureImportanceData {
        features: (0..20).map(|k| format!("feature {k}")).collect(),
        share: (0..20).map(|k| 1.0 / f64::from(k + 1) / all).collect(),
    }
}

pub(super) fn everything() -> Vec<Figure> {
    let (note, theme) = (caption(), Theme::default());
    vec![
        rfm_heatmap::draw(&scores(), &note, &theme).unwrap(),
        revenue_contribution::draw(&contribution(), &note, &theme).unwrap(),
        pareto_curve::draw(&spend(), &note, &theme).unwrap(),
        outliers::draw(&unusual(), &note, &theme).unwrap(),
        cohort_retention::draw(&cohorts(), &note, &theme).unwrap(),
        segment_migration::draw(&moves(), &note, &theme).unwrap(),
        feature_importance::draw(&importance(), &note, &theme).unwrap(),
    ]
}

#[test]
fn findings_are_computed_from_what_is_drawn() {
    let said: Vec<String> = everything().into_iter().map(|figure| figure.finding).collect();
    assert_eq!(
        said[0],
        "Customers with recency 5 and frequency 5 are 6.8 % of all and have brought 11 % of the revenue."
    );
    assert_eq!(
        said[1],
        "From all revenue so far to what is expected, Champions (50 % to 60 %) gains most and At Risk (20 % to 10 %) \
         loses most."
    );
    assert_eq!(
        said[2],
        "The best fifth of the customers brings 60 % of the revenue; half of it comes from 1 customer (1.0 %)."
    );
    assert_eq!(
        said[5],
        "70 % of the customers stayed in their segment; the most frequent move was from Champions to Loyal (30 customers)."
    );
    assert!(
        said[3].contains(" are unusual, ")
            && said[3].contains(" of them in what they spend or order, 30 in their return rate; ")
    );
    assert!(said[4].starts_with("Of the customers of all months 38 % bought again in the month after"), "{}", said[4]);
    assert!(said[6].starts_with("“feature 0”, “feature 1” and “feature 2” make up"), "{}", said[6]);
}

#[test]
fn what_would_mislead_is_refused() {
    let (note, theme) = (caption(), Theme::default());
    let refused = |figure: Result<Figure>| match figure {
        Err(FigureError::Data { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let none = ParetoCurveData { spend: vec![0.0, -3.0], ..spend() };
    assert!(matches!(refused(pareto_curve::draw(&none, &note, &theme)), Problem::Degenerate { .. }));
    let few = RfmHeatmapData { customers: vec![1; 24], ..scores() };
    assert!(matches!(refused(rfm_heatmap::draw(&few, &note, &theme)), Problem::Length { .. }));
    let one = CohortRetentionData { active: vec![Vec::new(); 12], ..cohorts() };
    assert!(matches!(refused(cohort_retention::draw(&one, &note, &theme)), Problem::Degenerate { .. }));
    let late = RevenueContributionData { of_late: vec![0.0; 3], ..contribution() };
    assert!(matches!(refused(revenue_contribution::draw(&late, &note, &theme)), Problem::Degenerate { .. }));
    let never = OutliersData { orders: vec![0.0; 900], ..unusual() };
    assert!(matches!(refused(outliers::draw(&never, &note, &theme)), Problem::Range { .. }));
    let both = OutliersData { unusual: vec![false; 900], ..unusual() };
    assert!(matches!(refused(outliers::draw(&both, &note, &theme)), Problem::Degenerate { .. }));
    let nobody = SegmentMigrationData { customers: vec![0; 9], ..moves() };
    assert!(matches!(refused(segment_migration::draw(&nobody, &note, &theme)), Problem::Degenerate { .. }));
    let still = FeatureImportanceData { features: owned(&["x"]), share: vec![0.0] };
    assert!(matches!(refused(feature_importance::draw(&still, &note, &theme)), Problem::Degenerate { .. }));
}
