//! Two hundred other futures: whatever becomes of the lines known at an instant or after it, no feature of a snapshot up
//! to that instant changes by a bit. And the changed future of the audit is what its text says.

use tenure_tables::engine::{EngineConfig, Value};
use tenure_tables::query;

use crate::queries::{random_lines, random_question};
use crate::shop::{DAY_US, Line, Tables, numbered, us};

const CASES: u64 = 200;

fn known(line: &Line) -> i64 {
    line.recorded_us.unwrap_or(line.ordered_us).max(line.ordered_us)
}

/// A number that looks random and depends on nothing else.
fn mixed(a: u64, b: u64) -> u64 {
    let x = (a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 29)
}

/// The lines with another future behind `at`; which one follows from `case`.
fn another_future(lines: &[Line], at: i64, case: u64) -> Vec<Line> {
    let (past, future): (Vec<Line>, Vec<Line>) = lines.iter().cloned().partition(|line| known(line) < at);
    let mut changed = past.clone();
    for (i, line) in future.iter().enumerate() {
        let draw = mixed(case, i as u64);
        let donor = &future[draw as usize % future.len()];
        let when = at + (draw % (300 * 86_400)) as i64 * 1_000_000;
        match case % 6 {
            0 => {}
            1 => changed.push(Line { customer: donor.customer.clone(), ..line.clone() }),
            2 => changed.push(Line { quantity: line.quantity * 10.0, price: line.price * 10.0, ..line.clone() }),
            3 => changed.push(Line { sku: format!("N{}", draw % 7), ..line.clone() }),
            // Times anew, the instant itself among them.
            4 => {
                changed.push(Line {
                    ordered_us: if i % 5 == 0 { at } else { when },
                    recorded_us: None,
                    ..line.clone()
                });
            }
            _ => changed.push(line.clone()),
        }
    }
    for (i, line) in past.iter().enumerate() {
        match (case % 6, mixed(case, !(i as u64)) % 4) {
            // The past is given back, or comes again and arrives late.
            (0 | 5, 0) => changed.push(Line {
                order: format!("C{i}"),
                quantity: -line.quantity,
                ordered_us: at,
                recorded_us: None,
                ..line.clone()
            }),
            (4 | 5, 1) => {
                let recorded_us = Some(at + (i as i64 % 30) * DAY_US);
                changed.push(Line { order: format!("{}9", line.order), recorded_us, ..line.clone() });
            }
            _ => {}
        }
    }
    changed
}

#[test]
fn two_hundred_futures_change_no_bit_of_the_past() {
    let config = EngineConfig::default();
    let question = random_question();
    let lines = random_lines(25, 160);
    let features = |tables: &Tables, at: &str| {
        tables.cells(&format!("select * from features where as_of = '{at}' order by customer_id"))
    };
    let truth = Tables::build(&numbered(&lines), &question, &config);
    let (mut unlike, mut compared) = (0, 0);
    for case in 0..CASES {
        let nth = (case as usize / 6) % question.snapshots.len();
        let at = question.snapshots[nth];
        let other = Tables::build(&numbered(&another_future(&lines, us(at), case)), &question, &config);
        for snapshot in &question.snapshots[..=nth] {
            let (ours, theirs) = (features(&truth, snapshot), features(&other, snapshot));
            assert!(ours == theirs, "case {case}: the future behind {at} changed the features of {snapshot}");
            compared += ours[0].1.len();
        }
        // What comes after does change: the futures are others.
        let last = question.snapshots.len() - 1;
        unlike += u64::from(
            nth < last && features(&truth, question.snapshots[last]) != features(&other, question.snapshots[last]),
        );
    }
    assert!(unlike > CASES / 2 && compared > 2_000, "{unlike} of {CASES} futures differ; {compared} rows compared");
}

#[test]
fn the_future_that_the_audit_gives_is_what_its_text_says() {
    let at = "2011-06-01";
    let lines = numbered(&random_lines(40, 400));
    let tables = Tables::build(&lines, &random_question(), &EngineConfig::default());
    let all = |how: &str, what: &str| -> Vec<(String, Vec<Option<String>>)> {
        let sql = query::ANOTHER_FUTURE
            .sql
            .replace("$at", &format!("arrow_cast(timestamp '{at} 00:00:00', 'Timestamp(Microsecond, None)')"))
            .replace("$how", &format!("'{how}'"))
            .replace("$cancellation_prefix", "'C'");
        tables.cells(&format!("with other as ({sql}) {what}"))
    };
    let count = |how: &str, condition: &str| -> u64 {
        let cells = all(how, &format!("select count(*) as n from other where {condition}"));
        cells[0].1[0].as_deref().unwrap().parse().unwrap()
    };
    let past = format!("greatest(ordered_at, coalesce(recorded_at, ordered_at)) < timestamp '{at} 00:00:00'");
    let (n, before) = (lines.len() as u64, lines.iter().filter(|line| known(line) < us(at)).count() as u64);
    assert!(before > 300 && n - before > 100, "{before} of {n}");
    let unchanged = all("unchanged", "select * from other");
    for how in ["unchanged", "deleted", "dealt out", "multiplied", "renamed", "returned", "late"] {
        // The past is the same lines.
        let then = format!("select * from other where {past} order by source, line_no");
        assert!(all(how, &then) == all("unchanged", &then), "{how}");
        assert_eq!(count(how, &past), before, "{how}");
    }
    let after = format!("not ({past})");
    assert_eq!(count("deleted", &after), 1);
    assert_eq!(count("dealt out", &after), n - before);
    assert!(all("dealt out", "select * from other") != unchanged);
    let quantity = |how: &str| -> f64 {
        let cells = all(how, &format!("select cast(sum(quantity) as double) as q from other where {after}"));
        cells[0].1[0].as_deref().unwrap().parse().unwrap()
    };
    assert_eq!(quantity("multiplied"), 10.0 * quantity("unchanged"));
    assert_eq!(count("renamed", "customer_id like 'new-%' and sku like 'new-%'"), n - before);
    assert_eq!(count("returned", "order_id like 'C%' and quantity < 0"), before / 5);
    assert_eq!(count("late", &after), n - before + before / 5);

    let params = |how: &str| [("at", Value::Instant(us(at))), ("how", Value::Text(how.to_owned()))];
    let customers = |how: &str| {
        let sql = query::ANOTHER_FUTURE_OF_CUSTOMERS.sql;
        let frame = tables.engine.select(sql, &params(how)).unwrap();
        frame.names().into_iter().map(|name| frame.opt_texts(&name).unwrap()).collect::<Vec<_>>()
    };
    let (kept, fewer, changed) = (customers("unchanged"), customers("deleted"), customers("renamed"));
    assert!(fewer[0].len() < kept[0].len() && changed[0].len() == kept[0].len() && changed != kept);
}
