use tenure_stages::config::{Basis, RateKind, ValueReading};
use tenure_stages::summary::{ChurnScore, Cover, Output, PlannedOffer, Reason, Rows, Threshold, ValueScore};

use super::*;

fn full() -> Summary {
    let segment = |name: &str, customers: u64, revenue_share: f64| Segment {
        name: name.into(),
        customers,
        customer_share: customers as f64 / 5_000.0,
        revenue_share: Some(revenue_share),
        p_churn_mean: Some(1.0 - revenue_share),
        value_mean: Some(revenue_share * 5_000.0),
    };
    let estimate = |value: f64, half: f64| Estimate { value, low: Some(value - half), high: Some(value + half) };
    let window = Window { from: "2011-09-11".into(), to: "2011-12-10".into() };
    let churn_score = |model: &str, auc: f64| ChurnScore {
        model: model.into(),
        auc: estimate(auc, 0.013),
        average_precision: estimate(auc + 0.05, 0.02),
        log_loss: Some(0.53),
        ece: Some(0.021),
        brier: Some(0.178),
    };
    let value_score = |model: &str, r2: f64| ValueScore {
        model: model.into(),
        r2: Some(r2),
        rmse: Some(2_310.0),
        mae: Some(412.4),
        spearman: Some(0.61),
        gini: Some(0.83),
        portfolio_error: Some(estimate(-0.031, 0.08)),
    };
    let planned =
        |name: &str, customers: u64| PlannedOffer { name: name.into(), customers, spend: 1.0, expected_net: 2.0 };
    Summary {
        as_of: "2011-12-10".into(),
        data_start: "2009-12-01T07:45:00".into(),
        data_end: "2011-12-10".into(),
        currency: "GBP".into(),
        rows: Rows {
            read: 1_067_371,
            kept: 797_885,
            quarantined: 269_486,
            reasons: vec![
                Reason { reason: "no_customer".into(), rows: 235_151 },
                Reason { reason: "duplicate".into(), rows: 34_335 },
            ],
        },
        customers: 5_942,
        segments: vec![
            segment("Champions", 863, 0.612),
            segment("Loyal", 1_202, 0.204),
            segment("At Risk", 740, 0.071),
            segment("Potential Loyalist", 611, 0.052),
            segment("Cannot Lose", 74, 0.021),
            segment("Hibernating", 1_321, 0.019),
            segment("Need Attention", 266, 0.011),
            segment("About To Sleep", 398, 0.006),
            segment("New", 54, 0.002),
            segment("Promising", 113, 0.002),
        ],
        segment_checks: vec![
            SegmentCheck {
                name: "At Risk churns more than Champions".into(),
                verdict: Verdict::Passed,
                sentence: "69.4 % against 19.4 % (95 %: +45.6 to +54.7 points)".into(),
            },
            SegmentCheck {
                name: "Champions are worth most".into(),
                verdict: Verdict::Passed,
                sentence: "3,531 each against 976 of Loyal (95 %: 1,801 to 3,476 more)".into(),
            },
        ],
        churn: Finding::Measured(ChurnQuality {
            model: "logistic".into(),
            horizon_days: 90,
            window: window.clone(),
            customers: 5_200,
            churn_rate: 0.612,
            mean_p_churn: 0.6,
            models: vec![churn_score("logistic", 0.789), churn_score("boosting", 0.785), churn_score("recency", 0.731)],
            threshold: Threshold {
                beta: 2.0,
                p_churn: 0.213,
                f_beta: 0.891,
                f_beta_everybody: 0.888,
                precision: Some(0.68),
                recall: Some(0.97),
                flagged_share: 0.87,
            },
        }),
        value: Finding::Measured(ValueQuality {
            model: "boosting".into(),
            horizon_days: 180,
            basis: Basis::Gross,
            window,
            customers: 5_100,
            models: vec![
                value_score("boosting", 0.512),
                value_score("carry_forward", 0.44),
                value_score("naive", 0.398),
            ],
            coverage: 0.806,
            coverage_intended: 0.8,
            above_upper: 0.096,
        }),
        plan: Finding::Measured(Plan {
            table: OfferTable::Retention,
            value: ValueReading::Clv,
            rate_kind: RateKind::ShareOfChurners,
            method: Method::Optimal,
            doubt: None,
            assumptions: vec!["margin 100 %, no discount, nobody redeems who would have bought anyway.".into()],
            budget: 10_000.0,
            spend: 9_995.0,
            offers: vec![planned("Light", 402), planned("Standard", 166), planned("Premium", 36)],
            without_offer: 5_338,
            held_out: 0,
            expected_net: 21_743.2,
            bound: Some(21_743.9),
            gap: Some(0.7),
            gap_share: Some(0.7 / 21_743.9),
            greedy_net: Some(19_101.0),
            shadow_price: Some(1.42),
        }),
        truth: vec![],
        truth_checks: vec![],
        out: "tenure-out".into(),
        outputs: [
            "outputs/campaign_execution_plan.csv",
            "outputs/customer_scores.parquet",
            "figures/",
            "manifest.json",
        ]
        .map(|path| Output { path: path.into(), what: String::new() })
        .to_vec(),
        warnings: vec!["the last month of the data is not complete".into()],
        next: vec![
            "open outputs/campaign_execution_plan.csv".into(),
            "try `tenure allocate --out tenure-out --budget 5000`".into(),
        ],
    }
}

fn fits(screen: &str) {
    assert!(screen.lines().count() <= HEIGHT, "{} lines", screen.lines().count());
    for line in screen.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn the_end_screen_of_a_full_run() {
    let screen = end_screen(&full(), Style::PLAIN);
    fits(&screen);
    insta::assert_snapshot!(screen, @r#"
    Decision as of 2011-12-10 for 5,942 customers, on data from 2009-12-01 to 2011-12-10, money in GBP
    1,067,371 rows read = 797,885 kept + 269,486 quarantined (no customer 235,151, duplicate 34,335)

    Segments              customers  of all  of revenue  p(churn)  mean value
      Champions                 863  17.3 %      61.2 %    38.8 %       3,060
      Loyal                   1,202  24.0 %      20.4 %    79.6 %       1,020
      At Risk                   740  14.8 %       7.1 %    92.9 %         355
      Potential Loyalist        611  12.2 %       5.2 %    94.8 %         260
      Cannot Lose                74   1.5 %       2.1 %    97.9 %         105
      Hibernating             1,321  26.4 %       1.9 %    98.1 %          95
      Need Attention            266   5.3 %       1.1 %    98.9 %          55
      About To Sleep            398   8.0 %       0.6 %    99.4 %          30
      New                        54   1.1 %       0.2 %    99.8 %          10
      Promising                 113   2.3 %       0.2 %    99.8 %          10
      At Risk churns more than Champions: passed; 69.4 % against 19.4 % (95 %: +45.6 to +54.7 points).
      Champions are worth most: passed; 3,531 each against 976 of Loyal (95 %: 1,801 to 3,476 more).

    Churn in 90 days, tested on 2011-09-11 to 2011-12-10: 5,200 customers, 61.2 % churned
                                     AUC (95 %)  PR-AUC    ECE  Brier
      logistic (in use)  0.789 (0.776 to 0.802)   0.839  0.021  0.178
      boosting           0.785 (0.772 to 0.798)   0.835  0.021  0.178
      recency            0.731 (0.718 to 0.744)   0.781  0.021  0.178
      From p = 0.213 on 87.0 % are flagged: precision 0.68, recall 0.97, F2 0.891 (everybody: 0.888).

    Value in 180 days (gross spend), tested on 2011-09-11 to 2011-12-10: 5,100 customers
                            R²   RMSE  MAE  Spearman   Gini      portfolio error (95 %)
      boosting (in use)  0.512  2,310  412     0.610  0.830  -3.1 % (-11.1 % to +4.9 %)
      naive              0.398  2,310  412     0.610  0.830  -3.1 % (-11.1 % to +4.9 %)
      80.6 % of outcomes lie in the interval (80.0 % intended), 9.6 % above it (10.0 % intended).

    Plan: retention offers, optimal; 9,995 of a budget of 10,000 spent
      Light 402 · Standard 166 · Premium 36 · no offer 5,338
      Expected net 21,743; by these forecasts no plan can pass 21,744 (gap 0.70, 0.003 %); the greedy
      plan expects 2,642 less. One more unit of budget would add 1.42.
      Assumed, not measured: margin 100 %, no discount, nobody redeems who would have bought anyway.

    Note: the last month of the data is not complete
    Files in tenure-out: outputs/campaign_execution_plan.csv, outputs/customer_scores.parquet, figures/,
    manifest.json
    Next: open outputs/campaign_execution_plan.csv; try `tenure allocate --out tenure-out --budget 5000`
    "#);
}

#[test]
fn the_end_screen_says_what_is_missing() {
    let missing = "no label window of 90 days is closed within the data";
    let mut summary = Summary {
        currency: String::new(),
        churn: Finding::Missing(missing.into()),
        value: Finding::Missing("no label window of 180 days is closed within the data".into()),
        warnings: vec![],
        ..full()
    };
    for segment in &mut summary.segments {
        segment.p_churn_mean = None;
        segment.value_mean = None;
    }
    summary.segments.truncate(2);
    summary.segment_checks.truncate(1);
    summary.segment_checks[0].verdict = Verdict::Open;
    summary.segment_checks[0].sentence = missing.into();
    let screen = end_screen(&summary, Style::PLAIN);
    fits(&screen);
    insta::assert_snapshot!(screen, @r#"
    Decision as of 2011-12-10 for 5,942 customers, on data from 2009-12-01 to 2011-12-10
    1,067,371 rows read = 797,885 kept + 269,486 quarantined (no customer 235,151, duplicate 34,335)

    Segments     customers  of all  of revenue  p(churn)  mean value
      Champions        863  17.3 %      61.2 %         –           –
      Loyal          1,202  24.0 %      20.4 %         –           –
      At Risk churns more than Champions: open; no label window of 90 days is closed within the data.

    Churn: none, because no label window of 90 days is closed within the data.

    Value: none, because no label window of 180 days is closed within the data.

    Plan: retention offers, optimal; 9,995 of a budget of 10,000 spent
      Light 402 · Standard 166 · Premium 36 · no offer 5,338
      Expected net 21,743; by these forecasts no plan can pass 21,744 (gap 0.70, 0.003 %); the greedy
      plan expects 2,642 less. One more unit of budget would add 1.42.
      Assumed, not measured: margin 100 %, no discount, nobody redeems who would have bought anyway.

    Files in tenure-out: outputs/campaign_execution_plan.csv, outputs/customer_scores.parquet, figures/,
    manifest.json
    Next: open outputs/campaign_execution_plan.csv; try `tenure allocate --out tenure-out --budget 5000`
    "#);
    // What was not judged, or is carried forward, is there all the same.
    summary.segments[0].value_mean = Some(120.0);
    let screen = end_screen(&summary, Style::PLAIN);
    assert!(screen.contains("Value: not evaluated, because") && screen.contains("Churn: none, because"), "{screen}");
}

#[test]
fn the_end_screen_of_a_demo_fits_and_shows_the_truth() {
    let row = |plan: &str, true_net: f64| TruthRow {
        plan: plan.into(),
        spend: 9_990.0,
        true_net,
        regret: 31_002.0 - true_net,
        regret_share: Some(1.0 - true_net / 31_002.0),
        cover: Cover { contacts: 604.0, spend: 9_990.0, leavers: 311.0, covered: 4.0 * true_net.abs() },
    };
    let summary = Summary {
        truth: vec![row("oracle", 31_002.0), row("tenure", 27_410.5), row("greedy", 24_001.0), row("random", -512.0)],
        truth_checks: vec![
            TruthCheck { what: "mean p_churn".into(), is_money: false, said: 0.701, truth: 0.688 },
            TruthCheck { what: "value, all customers".into(), is_money: true, said: 1_204_000.0, truth: 1_310_500.0 },
        ],
        warnings: vec!["one ".repeat(60), "two".into(), "three".into()],
        ..full()
    };
    let screen = end_screen(&summary, Style::PLAIN);
    fits(&screen);
    insta::assert_snapshot!(screen, @r#"
    Decision as of 2011-12-10 for 5,942 customers, on data from 2009-12-01 to 2011-12-10, money in GBP
    1,067,371 rows read = 797,885 kept + 269,486 quarantined (no customer 235,151, duplicate 34,335)

    Segments              customers  of all  of revenue  p(churn)  mean value
      Champions                 863  17.3 %      61.2 %    38.8 %       3,060
      Loyal                   1,202  24.0 %      20.4 %    79.6 %       1,020
      At Risk                   740  14.8 %       7.1 %    92.9 %         355
      Potential Loyalist        611  12.2 %       5.2 %    94.8 %         260
      Cannot Lose                74   1.5 %       2.1 %    97.9 %         105
      Hibernating             1,321  26.4 %       1.9 %    98.1 %          95
      Need Attention            266   5.3 %       1.1 %    98.9 %          55
      About To Sleep            398   8.0 %       0.6 %    99.4 %          30
      New                        54   1.1 %       0.2 %    99.8 %          10
      Promising                 113   2.3 %       0.2 %    99.8 %          10

    Churn in 90 days, tested on 2011-09-11 to 2011-12-10: 5,200 customers, 61.2 % churned
                                     AUC (95 %)  PR-AUC    ECE  Brier
      logistic (in use)  0.789 (0.776 to 0.802)   0.839  0.021  0.178
      recency            0.731 (0.718 to 0.744)   0.781  0.021  0.178
      From p = 0.213 on 87.0 % are flagged: precision 0.68, recall 0.97, F2 0.891 (everybody: 0.888).
    Value in 180 days (gross spend), tested on 2011-09-11 to 2011-12-10: 5,100 customers
                            R²   RMSE  MAE  Spearman   Gini      portfolio error (95 %)
      boosting (in use)  0.512  2,310  412     0.610  0.830  -3.1 % (-11.1 % to +4.9 %)
      naive              0.398  2,310  412     0.610  0.830  -3.1 % (-11.1 % to +4.9 %)
      80.6 % of outcomes lie in the interval (80.0 % intended), 9.6 % above it (10.0 % intended).
    Plan: retention offers, optimal; 9,995 of a budget of 10,000 spent
      Light 402 · Standard 166 · Premium 36 · no offer 5,338
      Expected net 21,743; by these forecasts no plan can pass 21,744 (gap 0.70, 0.003 %); the greedy
      plan expects 2,642 less. One more unit of budget would add 1.42.
      Assumed, not measured: margin 100 %, no discount, nobody redeems who would have bought anyway.
    Truth     spends  covers  true net  regret           Forecasts                    said       true
      oracle   9,990    12.4    31,002       0    0.0 %    mean p_churn             70.1 %     68.8 %
      tenure   9,990    11.0    27,410   3,592   11.6 %    value, all customers  1,204,000  1,310,500
      greedy   9,990     9.6    24,001   7,001   22.6 %
      random   9,990     0.2      -512  31,514  101.7 %
    Note: one one one one one one one one one one one one one one one one one one one one one one one …
    Note: two (and 1 more in manifest.json)
    Files in tenure-out: outputs/campaign_execution_plan.csv, outputs/customer_scores.parquet, figures/,
    manifest.json
    Next: open outputs/campaign_execution_plan.csv; try `tenure allocate --out tenure-out --budget 5000`
    "#);
}

#[test]
fn whatever_is_found_fits_the_screen() {
    let mut summary = full();
    let Finding::Measured(plan) = &mut summary.plan else { panic!("the sample has a plan") };
    plan.assumptions = vec!["word ".repeat(200)];
    plan.offers = (0..30)
        .map(|i| PlannedOffer { name: format!("Offer {i}"), customers: i, spend: 0.0, expected_net: 0.0 })
        .collect();
    summary.rows.reasons = (0..40).map(|i| Reason { reason: format!("reason_{i}"), rows: i }).collect();
    summary.warnings = vec!["long ".repeat(100); 9];
    summary.next = vec!["long ".repeat(100); 9];
    summary.out = "x".repeat(300);
    summary.segments = (0..60).map(|_| summary.segments[0].clone()).collect();
    summary.truth = (0..9)
        .map(|i| TruthRow {
            plan: format!("p{i}"),
            spend: 0.0,
            true_net: 1.0,
            regret: 0.0,
            regret_share: None,
            cover: Cover { contacts: 0.0, spend: 0.0, leavers: 0.0, covered: 0.0 },
        })
        .collect();
    fits(&end_screen(&summary, Style::PLAIN));
}

#[test]
fn headings_stand_out_only_in_colour() {
    let bold = end_screen(&full(), Style { colour: true });
    assert_eq!(bold.matches("\u{1b}[1m").count(), 7);
    assert_eq!(bold.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), end_screen(&full(), Style::PLAIN));
}
