//! Segments and clusters on a whole run: of every snapshot, between snapshots, of new customers, and what their names
//! promise.

use std::collections::BTreeMap;
use std::path::Path;

use tenure_math::segment::{map, rfm};
use tenure_stages::artifact::{self, Run};
use tenure_stages::config::{Clusters, Config, RfmTies, SegmentMap, SegmentRule};
use tenure_stages::ctx::Stage;
use tenure_stages::segment::{self, Model};
use tenure_stages::summary::Verdict;
use tenure_stages::{pipeline, report};
use tenure_tables::engine::{Engine, EngineConfig};

use crate::support::{AS_OF, BASE, Csv, config, copy, ctx, manifest, run, select, temp};

/// The segment stage anew on a copy of the common run.
fn segmented(settings: &Config, out: &Path) -> segment::Facts {
    copy(&BASE.out, out);
    let report = pipeline::run_stage(&ctx(2), settings, Stage::Segment, &[], out).unwrap();
    serde_json::from_value(report.facts).unwrap()
}

fn rule(name: &str, codes: &[&str]) -> SegmentRule {
    SegmentRule {
        name: name.to_owned(),
        codes: codes.iter().map(|c| (*c).to_owned()).collect(),
        goal: None,
        actions: Vec::new(),
        campaign_type: None,
    }
}

#[test]
fn every_snapshot_is_scored_among_its_own_customers() {
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    engine.register("features", &BASE.out.join(artifact::FEATURES)).unwrap();
    engine.register("segments", &BASE.out.join(artifact::SEGMENTS)).unwrap();
    let snapshots = engine.select("select distinct as_of from features order by as_of", &[]).unwrap();
    let map = map::Map::ten();
    for as_of in snapshots.texts("as_of").unwrap() {
        let of = |table: &str| {
            engine.select(&format!("select * from {table} where as_of = '{as_of}' order by customer_id"), &[]).unwrap()
        };
        let (features, segments) = (of("features"), of("segments"));
        assert_eq!(features.texts("customer_id").unwrap(), segments.texts("customer_id").unwrap());
        let column = |name: &str| features.f64s(name).unwrap();
        let (recency, frequency, money) = (column("recency_days"), column("frequency"), column("monetary_total"));
        let scores = rfm::score(&recency, &frequency, &money, rfm::Ties::Share).unwrap();
        let names = segments.texts("segment").unwrap();
        for (i, rank) in segments.i64s("segment_rank").unwrap().into_iter().enumerate() {
            let code = (scores.recency[i], scores.frequency[i], scores.monetary[i]);
            let segment = map.segment_of(code.0, code.1, code.2).unwrap();
            assert_eq!((rank as usize, names[i].as_str()), (segment + 1, map.name(segment)));
        }
    }
    // The latest snapshot is the one that the run speaks of.
    let sql = "select customer_id, segment from t";
    let now = select(&BASE.out.join(artifact::SEGMENT_ASSIGNMENTS), &format!("{sql} order by customer_id"));
    let then =
        select(&BASE.out.join(artifact::SEGMENTS), &format!("{sql} where as_of = '{AS_OF}' order by customer_id"));
    assert_eq!(now.texts("segment").unwrap(), then.texts("segment").unwrap());
}

#[test]
fn movements_are_what_a_plain_count_says() {
    let all = select(
        &BASE.out.join(artifact::SEGMENTS),
        "select as_of, customer_id, segment, segment_rank from t order by as_of, customer_id",
    );
    // Who bought within 90 days of a snapshot, from the orders themselves.
    let orders = select(
        &BASE.out.join(artifact::CLEANED),
        "select customer_id, ordered_at from t where kind in ('sale', 'charge') order by customer_id, ordered_at",
    );
    let buyers = orders.texts("customer_id").unwrap();
    let when = orders.instants("ordered_at").unwrap();
    let (times, ids) = (all.texts("as_of").unwrap(), all.texts("customer_id").unwrap());
    let (names, ranks) = (all.texts("segment").unwrap(), all.i64s("segment_rank").unwrap());
    let mut at: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for i in 0..ids.len() {
        at.entry(&times[i]).or_default().insert(&ids[i], i);
    }
    let snapshots: Vec<&str> = at.keys().copied().collect();
    let instant = |text: &str| tenure_stages::time::Instant::parse(text).unwrap();
    let bought: BTreeMap<&str, std::collections::BTreeSet<String>> = snapshots
        .iter()
        .map(|s| {
            let (from, to) = (instant(s).0, instant(s).plus_days(90).0);
            let within = (0..buyers.len()).filter(|&i| (from..to).contains(&when[i]));
            (*s, within.map(|i| buyers[i].clone()).collect())
        })
        .collect();

    let mut counted: BTreeMap<[&str; 4], u64> = BTreeMap::new();
    for pair in snapshots.windows(2) {
        for (id, &now) in &at[pair[1]] {
            let from = at[pair[0]].get(id).map_or("(not yet a customer)", |&before| names[before].as_str());
            *counted.entry([pair[0], pair[1], from, &names[now]]).or_default() += 1;
        }
    }
    let migration = Csv::read(&BASE.out.join(artifact::SEGMENT_MIGRATION));
    let written: BTreeMap<[&str; 4], u64> =
        migration.rows.iter().map(|row| ([&row[0][..], &row[1], &row[2], &row[3]], row[4].parse().unwrap())).collect();
    assert_eq!(written, counted);
    assert!(counted.len() > 100, "{}", counted.len());

    let journey = Csv::read(&BASE.out.join(artifact::SEGMENT_JOURNEY));
    assert!(journey.rows.iter().any(|row| row[1] == AS_OF), "the latest snapshot ends a journey");
    let starts: std::collections::BTreeSet<(&str, &str)> =
        journey.rows.iter().map(|r| (&r[0][..], &r[3][..])).collect();
    assert_eq!(starts.len(), journey.rows.len(), "each start has one journey");
    for row in &journey.rows {
        let between = instant(&row[1]).days_since(instant(&row[0]));
        // A churn window of 90 days, to the first snapshot after it.
        assert_eq!(row[2], "90");
        assert!((90.0..122.0).contains(&between), "{row:?}");
        let mut expected = [0_u64; 5];
        for (id, &before) in at[&row[0][..]].iter().filter(|(_, i)| names[**i] == row[3]) {
            let now = at[&row[1][..]][id];
            expected[0] += 1;
            let place = match ranks[now].cmp(&ranks[before]) {
                _ if !bought[&row[0][..]].contains(*id) => 4,
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => 2,
                std::cmp::Ordering::Greater => 3,
            };
            expected[place] += 1;
        }
        let found: Vec<u64> = row[4..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(found, expected, "{row:?}");
    }
    assert_eq!(
        journey.rows.iter().map(|row| &row[0]).collect::<std::collections::BTreeSet<_>>().len(),
        snapshots.len() - 3
    );
    let history = Csv::read(&BASE.out.join(artifact::SEGMENT_HISTORY));
    for as_of in snapshots {
        let shares: f64 =
            history.rows.iter().filter(|row| row[0] == as_of).map(|row| row[3].parse::<f64>().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-4, "{as_of}: {shares}");
    }
}

#[test]
fn a_saved_model_scores_as_the_run_did() {
    let mut outside = 0;
    for clusters in [Clusters::Kmeans, Clusters::Minibatch, Clusters::Mixture, Clusters::Hdbscan] {
        let dir = temp();
        let out = dir.path().join("out");
        let mut settings = config();
        settings.segments.clusters = clusters;
        settings.segments.starts = 2;
        let facts = segmented(&settings, &out);
        assert!(!facts.clusters.is_empty(), "{clusters:?}: {}", facts.reason);
        let customers: u64 = facts.clusters.iter().map(|c| c.customers).sum();
        let none = facts.outside.as_ref().map_or(0, |o| o.customers);
        assert_eq!(customers + none, facts.customers, "{clusters:?}");
        let revenue: f64 = facts.clusters.iter().chain(&facts.outside).map(|c| c.revenue_share.unwrap()).sum();
        assert!((revenue - 1.0).abs() < 1e-9, "{clusters:?}: {revenue}");
        outside += none;
        let names: std::collections::BTreeSet<&str> = facts.clusters.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names.len(), facts.clusters.len(), "{clusters:?}: two clusters of one name");

        let assigned = select(&out.join(artifact::SEGMENT_ASSIGNMENTS), "select * from t order by customer_id");
        let features = out.join(artifact::FEATURES).join(format!("as_of={AS_OF}"));
        let open = Run::open(&out).unwrap();
        for ending in ["parquet", "csv"] {
            let to = dir.path().join(format!("scored.{ending}"));
            let scored = segment::score(&open, &features, &to).unwrap();
            assert_eq!(scored.customers, facts.customers);
            assert_eq!(scored.segments.iter().map(|s| s.customers).sum::<u64>(), facts.customers);
            let engine = Engine::open(&EngineConfig::default()).unwrap();
            if ending == "csv" {
                engine.register_csv("t", &to).unwrap();
            } else {
                engine.register("t", &to).unwrap();
            }
            let again = engine.select("select * from t order by customer_id", &[]).unwrap();
            for name in ["customer_id", "segment"] {
                assert_eq!(again.texts(name).unwrap(), assigned.texts(name).unwrap(), "{clusters:?} {name}");
            }
            let numbers = |frame: &tenure_tables::frame::Frame, name: &str| -> Vec<Option<f64>> {
                frame.f64s(name).unwrap().into_iter().map(|v| Some(v).filter(|v| v.is_finite())).collect()
            };
            for name in ["cluster", "recency_score", "frequency_score", "monetary_score"] {
                assert_eq!(numbers(&again, name), numbers(&assigned, name), "{clusters:?} {name}");
            }
        }
        // The model in memory and the model from the disk are one.
        let model = Model::load(&open).unwrap();
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model);
    }
    assert!(outside > 0, "dense regions leave somebody outside");
}

#[test]
fn a_table_that_cannot_be_scored_is_told_why() {
    let dir = temp();
    let open = Run::open(&BASE.out).unwrap();
    let (file, to) = (dir.path().join("new.csv"), dir.path().join("scored.csv"));
    let refusal = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let error = segment::score(&open, &file, &to).unwrap_err().to_string();
        assert!(!to.exists(), "{error}");
        error
    };
    assert!(refusal("customer_id,recency_days\nA,3\n").contains("has no column frequency, monetary_total, "));
    let header =
        "customer_id,recency_days,frequency,monetary_total,tenure_days,unique_products,monetary_avg,return_rate";
    let missing = refusal(&format!("{header}\nA,3,2,50,10,4,25,0\nB,,2,50,10,4,25,0\n"));
    assert!(missing.contains("recency_days in row 2 of") && missing.contains("new.csv"), "{missing}");
    assert!(refusal(&format!("{header}\nA,soon,2,50,10,4,25,0\n")).contains("recency_days in row 1 of"));
    assert!(refusal(&format!("{header}\n,3,2,50,10,4,25,0\n")).contains("customer_id in row 1"));
    assert!(refusal(&format!("{header}\nA,-3,2,50,10,4,25,0\n")).contains("below 0"));
    assert!(refusal(&format!("{header}\n")).contains("has no rows"));
    let twice = refusal(&format!("{header}\nA,3,2,50,10,4,25,0\nB,3,2,50,10,4,25,0\nA,4,2,50,10,4,25,0\n"));
    assert!(twice.contains("customer_id in row 3") && twice.contains("as in row 1"), "{twice}");
    let good = format!("{header}\nA,3,2,50,10,4,25,0\nB,900,1,5,1000,1,5,\n");
    std::fs::write(&file, &good).unwrap();
    assert!(
        segment::score(&open, &file, &dir.path().join("scored.xlsx")).unwrap_err().to_string().contains(".parquet")
    );
    assert!(segment::score(&open, &file, &file).unwrap_err().to_string().contains("the table that is scored"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good, "the table stays as it was");
    let inside = BASE.out.join("outputs").join("scored.csv");
    assert!(segment::score(&open, &file, &inside).unwrap_err().to_string().contains("in the folder of the run"));
    assert!(
        segment::score(&open, &file, &dir.path().join("none").join("s.csv"))
            .unwrap_err()
            .to_string()
            .contains("does not exist")
    );
    let unread = segment::score(&open, &dir.path().join("new.xlsx"), &to).unwrap_err().to_string();
    assert!(unread.contains("does not exist"), "{unread}");
    let scored = segment::score(&open, &file, &to).unwrap();
    assert_eq!((scored.customers, scored.filled), (2, 1));
    let rows = Csv::read(&to).rows;
    // 900 days without a purchase is worse than all that was seen.
    assert_eq!((rows[0][0].as_str(), rows[0][2].as_str(), rows[1][2].as_str()), ("A", "5", "1"));
}

#[test]
fn the_map_is_the_users_to_choose() {
    let dir = temp();
    let mut settings = config();
    settings.segments.map = SegmentMap::Eleven;
    let facts = segmented(&settings, &dir.path().join("eleven"));
    let eleven = map::Map::eleven();
    let codes = select(
        &dir.path().join("eleven").join(artifact::SEGMENT_ASSIGNMENTS),
        "select rfm_code, segment, count(*) as n from t group by rfm_code, segment order by rfm_code",
    );
    for (code, name) in codes.texts("rfm_code").unwrap().iter().zip(codes.texts("segment").unwrap()) {
        let digits: Vec<u8> = code.bytes().map(|b| b - b'0').collect();
        assert_eq!(eleven.name(eleven.segment_of(digits[0], digits[1], digits[2]).unwrap()), name);
    }
    assert_eq!(facts.segments.iter().map(|s| s.customers).sum::<u64>(), facts.customers);

    settings.segments.map = SegmentMap::Custom;
    settings.segments.rules = vec![rule("VIP", &["55[4-5]"]), rule("Rest", &["[1-4]**", "5[1-4]*", "55[1-3]"])];
    settings.segments.rules[0].goal = Some("Keep them close".to_owned());
    let out = dir.path().join("custom");
    let facts = segmented(&settings, &out);
    assert_eq!((facts.map.as_str(), facts.segments.len()), ("custom", 2));
    let strategies: serde_json::Value = artifact::read_json(&out.join(artifact::SEGMENT_STRATEGIES)).unwrap().unwrap();
    let vip = strategies.as_array().unwrap().iter().find(|s| s["segment_name"] == "VIP").unwrap();
    assert_eq!(vip["goal"], "Keep them close");
    let shares: f64 = strategies.as_array().unwrap().iter().map(|s| s["budget_allocation"].as_f64().unwrap()).sum();
    assert!((shares - 100.0).abs() < 1e-9);

    // Journeys need the labels of their window: without them they are refused, not left out.
    let mut longer = config();
    longer.churn.horizon_days = 45;
    let error = pipeline::run_stage(&ctx(1), &longer, Stage::Segment, &[], &out).unwrap_err();
    assert!(error.to_string().contains("no outcomes of windows of 45 days"), "{error}");

    // A map that leaves somebody out is refused before anything is read.
    settings.segments.rules[1].codes.pop();
    let error =
        pipeline::run(&ctx(1), &settings, std::slice::from_ref(&BASE.file), &dir.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("no rule claims 551, 552, 553"), "{error}");
    assert!(!dir.path().join("none").join(artifact::MANIFEST).exists());
}

#[test]
fn ties_can_be_ranked_by_order() {
    let dir = temp();
    let mut settings = config();
    settings.segments.rfm_ties = RfmTies::First;
    segmented(&settings, &dir.path().join("out"));
    let scores = select(
        &dir.path().join("out").join(artifact::SEGMENT_ASSIGNMENTS),
        "select frequency_score as score, count(*) as n from t group by frequency_score order by frequency_score",
    );
    let sizes = scores.i64s("n").unwrap();
    assert_eq!(sizes.len(), 5);
    // Fifths, whatever the ties: pandas' qcut of ranks gives the first and last bin the rounding.
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
}

#[test]
fn the_table_of_segments_adds_up() {
    let facts: report::Facts = manifest(&BASE.out).stage(Stage::Report, &BASE.out).unwrap();
    let engine = Engine::open(&EngineConfig::default()).unwrap();
    for (name, artefact) in [
        ("segments", artifact::SEGMENTS),
        ("assigned", artifact::SEGMENT_ASSIGNMENTS),
        ("churn_test", artifact::CHURN_TEST),
        ("value_test", artifact::VALUE_TEST),
        ("plan", artifact::ALLOCATION),
    ] {
        engine.register(name, &BASE.out.join(artefact)).unwrap();
    }
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
    for s in &facts.segments {
        let one = |sql: &str| {
            engine.select(&sql.replace("SEGMENT", &s.segment.replace('\'', "''")), &[]).unwrap().f64s("v").unwrap()[0]
        };
        near(s.customers as f64, one("select cast(count(*) as double) as v from assigned where segment = 'SEGMENT'"));
        near(s.offers as f64, one("select cast(count(priority) as double) as v from plan where segment = 'SEGMENT'"));
        near(s.offer_spend, one("select sum(cost) as v from plan where segment = 'SEGMENT'"));
        near(s.offer_net, one("select sum(expected_net) as v from plan where segment = 'SEGMENT'"));
        if let Some(test) = s.churn_test {
            near(
                test.happened,
                one("select avg(cast(churned as double)) as v from churn_test t inner join segments s
                     on t.as_of = s.as_of and t.customer_id = s.customer_id where s.segment = 'SEGMENT'"),
            );
        }
        if let Some(test) = s.value_test {
            near(
                test.foretold,
                one("select avg(t.value_mean) as v from value_test t inner join segments s
                     on t.as_of = s.as_of and t.customer_id = s.customer_id where s.segment = 'SEGMENT'"),
            );
        }
    }
    let tested: u64 = facts.segments.iter().filter_map(|s| s.churn_test).map(|t| t.customers).sum();
    assert_eq!(
        tested,
        engine.select("select count(*) as n from churn_test", &[]).unwrap().one_i64("n").unwrap() as u64
    );
    // In the generated world those who have not bought for long have often left, and the best spend most.
    assert_eq!(
        facts.checks.iter().map(|c| c.verdict).collect::<Vec<_>>(),
        [Verdict::Passed, Verdict::Passed],
        "{:#?}",
        facts.checks
    );
}

#[test]
fn unusual_customers_are_listed_with_a_reason_that_holds() {
    let list = Csv::read(&BASE.out.join(artifact::CUSTOMER_OUTLIERS));
    let facts: segment::Facts = manifest(&BASE.out).stage(Stage::Segment, &BASE.out).unwrap();
    let unusual = facts.unusual.unwrap();
    let ids = |method: &str| -> std::collections::BTreeSet<&String> {
        list.rows.iter().filter(|row| method.is_empty() || row[1] == method).map(|row| &row[0]).collect()
    };
    assert_eq!(
        [ids("").len(), ids("iqr").len(), ids("isolation_forest").len()],
        [unusual.customers, unusual.beyond_a_fence, unusual.isolated].map(|n| n as usize)
    );
    assert!(unusual.customers > 0 && (unusual.customers as f64) < 0.1 * facts.customers as f64, "{unusual:?}");
    let (value, lower, upper) = (list.numbers("value"), list.numbers("lower"), list.numbers("upper"));
    for (i, row) in list.rows.iter().enumerate() {
        if row[1] == "iqr" {
            assert!(value[i] < lower[i] || value[i] > upper[i], "{row:?}");
            assert!(row[7].contains(&row[2]) && row[7].contains("the fence at"), "{row:?}");
        } else {
            assert!(row[6].parse::<f64>().unwrap() > 0.70 && row[7].starts_with("unlike the others"), "{row:?}");
        }
    }
    let scores = list.numbers("isolation_score");
    assert!(scores.is_sorted_by(|a, b| a >= b), "most isolated first");
}

#[test]
fn a_handful_of_customers_has_segments_and_no_clusters() {
    let dir = temp();
    let file = dir.path().join("few.csv");
    let rows: Vec<String> =
        (0..60).map(|i| format!("o{i},c{},{},2023-{:02}-{:02}", i % 9, 5 + i, 1 + i / 6, 1 + i % 28)).collect();
    std::fs::write(&file, format!("order_id,customer_id,amount,ordered_at\n{}\n", rows.join("\n"))).unwrap();
    let mut settings = config();
    settings.snapshots.as_of = None;
    run(&settings, &file, &dir.path().join("out"));
    let facts: segment::Facts =
        manifest(&dir.path().join("out")).stage(Stage::Segment, &dir.path().join("out")).unwrap();
    assert!(facts.clusters.is_empty() && facts.unusual.is_none());
    assert_eq!(facts.segments.iter().map(|s| s.customers).sum::<u64>(), 9);
    let open = Run::open(&dir.path().join("out")).unwrap();
    let features = dir.path().join("out").join(artifact::FEATURES);
    // All snapshots at once hold each customer many times.
    let error = segment::score(&open, &features, &dir.path().join("scored.parquet")).unwrap_err().to_string();
    assert!(error.contains("again, as in row"), "{error}");
    let now = features.join(format!("as_of={}", Model::load(&open).unwrap().as_of));
    let scored = segment::score(&open, &now, &dir.path().join("scored.parquet")).unwrap();
    assert!(scored.clusters.is_empty() && scored.customers == 9);
}
