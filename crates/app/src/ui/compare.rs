//! Two runs side by side, for people.

use serde_json::Value;
use tenure_stages::pipeline::compare::{Change, Comparison, Side};
use tenure_stages::summary::Estimate;

use super::number::{count, fixed};
use super::plan;
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// What changed, and why.
pub(super) fn page(of: &Comparison) -> String {
    let mut lines = vec!["Why".to_owned()];
    lines.extend(why(of));
    if !of.settings.is_empty() {
        let mut table = vec![vec![String::new(), of.a.clone(), of.b.clone()]];
        table.extend(of.settings.iter().map(|s| vec![s.name.clone(), setting(&s.a), setting(&s.b)]));
        lines.push("Settings that differ".to_owned());
        lines.extend(columns(&table));
    }
    for (title, changes) in [("Data", &of.data), ("Customers by segment", &of.segments), ("Models", &of.models)] {
        lines.push(title.to_owned());
        let mut table = vec![vec![String::new(), of.a.clone(), of.b.clone(), "change".to_owned()]];
        table.extend(
            changes
                .iter()
                .map(|change| vec![change.what.clone(), side(&change.a), side(&change.b), difference(change)]),
        );
        lines.extend(columns(&table));
    }
    let plans = match &of.plan {
        Some(diff) => plan::diff(diff),
        None => "  One of the runs has no plan.\n".to_owned(),
    };
    lines.push("Plan".to_owned());
    lines.join("\n") + "\n" + &plans
}

/// Stage by stage, what the difference began with.
fn why(of: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut follow, mut same) = (Vec::new(), Vec::new());
    for verdict in &of.stages {
        let name = verdict.stage.name();
        if verdict.is_same {
            same.push(name);
        } else if verdict.began_with.is_empty() {
            follow.push(name);
        } else {
            lines.extend(wrap(
                &format!("{name} began to differ by its {}", verdict.began_with.join(", ")),
                2,
                WIDTH,
                3,
            ));
        }
    }
    for (words, names) in [("what follows from that: ", follow), ("the same in both: ", same)] {
        if !names.is_empty() {
            lines.extend(wrap(&format!("{words}{}", names.join(", ")), 2, WIDTH, 3));
        }
    }
    lines
}

fn setting(value: &Value) -> String {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > 30 { text.chars().take(29).chain(['…']).collect() } else { text }
}

fn side(of: &Side) -> String {
    match of {
        Side::Count(n) => count(*n),
        Side::Score(Estimate { value, low: Some(low), high: Some(high) }) => {
            format!("{} ({} to {})", fixed(*value, 3), fixed(*low, 3), fixed(*high, 3))
        }
        Side::Score(of) => fixed(of.value, 3),
        Side::Text(text) => text.clone(),
        Side::Unknown => "-".to_owned(),
    }
}

fn difference(change: &Change) -> String {
    let words = match change.is_beyond_doubt {
        Some(true) => ", beyond doubt",
        Some(false) => ", may be chance",
        None => "",
    };
    match (&change.a, &change.b) {
        (Side::Count(a), Side::Count(b)) => match b.checked_sub(*a) {
            Some(0) => String::new(),
            Some(more) => format!("+{}", count(more)),
            None => format!("-{}", count(a - b)),
        },
        (Side::Score(a), Side::Score(b)) if a == b => String::new(),
        (Side::Score(a), Side::Score(b)) => format!("{:+.3}{words}", b.value - a.value),
        (a, b) if a == b => String::new(),
        _ => "other".to_owned(),
    }
}
