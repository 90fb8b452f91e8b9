//! Segments and clusters, for people.

use serde_json::Value;
use tenure_stages::segment::{Counted, Scored};

use super::number::{count, fixed, percent};
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// What the stage found: segments with their journeys, clusters with why there are so many, and what they go by.
pub(super) fn lines(facts: &Value) -> Vec<String> {
    let mut lines = columns(&segments(facts));
    if let Some(moves) = facts["moves"].as_object() {
        let stayed = |key: &str| moves[key].as_f64().map(percent).unwrap_or_default();
        lines.extend(say(&format!(
            "From one snapshot to the next {} stay in their segment (the last: {}).{}",
            stayed("stayed_share"),
            stayed("stayed_share_last"),
            moves["journey"].as_object().map(span).unwrap_or_default(),
        )));
    }
    lines.push(String::new());
    lines.extend(columns(&clusters(facts)));
    lines.extend(say(&format!("Clusters by {}: {}", text(&facts["method"]), text(&facts["reason"]))));
    lines.extend(columns(&tried(&facts["candidates"])));
    let drivers: Vec<String> = list(facts, "drivers")
        .iter()
        .map(|driver| format!("{} {}", text(&driver[0]), driver[1].as_f64().map(percent).unwrap_or_default()))
        .collect();
    if !drivers.is_empty() {
        lines.extend(say(&format!(
            "They go by (customers who change their cluster when the measure is shuffled): {}.",
            drivers.join(", ")
        )));
    }
    if let Some(agreement) = facts["agreement"].as_object() {
        lines.extend(say(&format!(
            "Clusters found as of {} put today's customers into the same groups to {} of 1 (adjusted Rand index).",
            text(&agreement["with"]),
            agreement["adjusted_rand"].as_f64().map(|v| fixed(v, 2)).unwrap_or_default()
        )));
    }
    if let Some(unusual) = facts["unusual"].as_object() {
        let number = |key: &str| unusual[key].as_u64().map(count).unwrap_or_default();
        lines.extend(say(&format!(
            "{} customers are unusual ({} beyond a fence, {} isolated): outputs/customer_outliers.csv says why.",
            number("customers"),
            number("beyond_a_fence"),
            number("isolated")
        )));
    }
    lines
}

/// How many customers a saved model has put where.
pub(super) fn scored(scored: &Scored) -> String {
    let table = |title: &str, all: &[Counted]| {
        let mut rows = vec![vec![title.to_owned(), "customers".to_owned()]];
        rows.extend(all.iter().map(|c| vec![c.name.clone(), count(c.customers)]));
        columns(&rows)
    };
    let mut lines = vec![format!(
        "{} customers of {} scored by the model fitted as of {}: {}",
        count(scored.customers),
        scored.file,
        scored.fitted_as_of,
        scored.to
    )];
    lines.extend(table("segment", &scored.segments));
    if !scored.clusters.is_empty() {
        lines.extend(table("cluster", &scored.clusters));
    }
    lines.join("\n") + "\n"
}

fn segments(facts: &Value) -> Vec<Vec<String>> {
    let journeys = facts["moves"]["journey"]["segments"].as_array().cloned().unwrap_or_default();
    let mut header = vec!["segment", "customers", "of all", "of revenue"];
    if !journeys.is_empty() {
        header.extend(["moved up", "stayed", "moved down", "left"]);
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for segment in list(facts, "segments") {
        let mut row = profile(&segment);
        if let Some(journey) = journeys.iter().find(|journey| journey[0] == segment["name"]).map(|journey| &journey[1])
        {
            let all = journey["customers"].as_f64().unwrap_or(0.0);
            let part = |key: &str| journey[key].as_f64().filter(|_| all > 0.0).map(|n| percent(n / all));
            row.extend(["up", "stayed", "down", "left"].map(|key| part(key).unwrap_or_else(|| "–".to_owned())));
        }
        rows.push(row);
    }
    rows
}

fn clusters(facts: &Value) -> Vec<Vec<String>> {
    let mut rows = vec![
        ["cluster", "customers", "of all", "of revenue", "recency days", "orders", "spend"].map(str::to_owned).to_vec(),
    ];
    for cluster in list(facts, "clusters") {
        let mut row = profile(&cluster);
        let mean = |key: &str, digits| cluster[key].as_f64().map(|v| fixed(v, digits)).unwrap_or_default();
        row.extend([mean("recency_days", 0), mean("frequency", 1), mean("monetary_total", 0)]);
        rows.push(row);
    }
    if let Some(outside) = facts["outside"].as_u64().filter(|n| *n > 0 && rows.len() > 1) {
        rows.push(vec!["(no cluster)".to_owned(), count(outside)]);
    }
    rows
}

/// Every number of clusters that was tried, with its figures.
fn tried(candidates: &Value) -> Vec<Vec<String>> {
    let header = |names: &[&str]| vec![names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    let figure = |value: &Value, digits| value.as_f64().map_or_else(|| "–".to_owned(), |v| fixed(v, digits));
    let (mut rows, list, figures): (_, _, &[(&str, usize)]) = if let Some(list) = candidates["kmeans"].as_array() {
        let names = ["clusters tried", "silhouette", "Davies-Bouldin", "inertia", "stability", "smallest"];
        (
            header(&names),
            list,
            &[("/silhouette/mean", 3), ("/davies_bouldin", 3), ("/inertia", 0), ("/stability/mean", 2)],
        )
    } else if let Some(list) = candidates["mixture"].as_array() {
        (header(&["clusters tried", "BIC", "log-likelihood", "smallest"]), list, &[("/bic", 1), ("/log_likelihood", 4)])
    } else {
        return Vec::new();
    };
    for candidate in list {
        let mut row = vec![text(&candidate["k"])];
        row.extend(
            figures.iter().map(|(place, digits)| figure(candidate.pointer(place).unwrap_or(&Value::Null), *digits)),
        );
        row.push(candidate["smallest"].as_u64().map(count).unwrap_or_default());
        rows.push(row);
    }
    rows
}

fn profile(group: &Value) -> Vec<String> {
    let share = |key: &str| group[key].as_f64().map(percent).unwrap_or_default();
    vec![
        text(&group["name"]),
        group["customers"].as_u64().map(count).unwrap_or_default(),
        share("share"),
        share("revenue_share"),
    ]
}

fn span(journey: &serde_json::Map<String, Value>) -> String {
    format!(
        " Moved and left: from {} to {}; left = bought nothing in between.",
        text(&journey["from"]),
        text(&journey["to"])
    )
}

fn say(sentence: &str) -> Vec<String> {
    wrap(sentence, 0, WIDTH, 4)
}

fn list(facts: &Value, key: &str) -> Vec<Value> {
    facts[key].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
