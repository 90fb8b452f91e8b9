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
            "From one snapshot to the next {} of the customers stay in their segment (the last: {}).{}",
            stayed("stayed_share"),
            stayed("stayed_share_last"),
            moves["journey"].as_object().map(span).unwrap_or_default(),
        )));
    }
    lines.push(String::new());
    lines.extend(columns(&clusters(facts)));
    let none = if list(facts, "clusters").is_empty() { " none, because" } else { "" };
    let reason = text(&facts["reason"]);
    lines.extend(say(&format!("Clusters by {}:{none} {}.", text(&facts["method"]), reason.trim_end_matches('.'))));
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
    if scored.filled > 0 {
        lines.push(format!("{} missing measures were filled with the fitted median.", count(scored.filled)));
    }
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
        header.extend(["then", "moved up", "stayed", "moved down", "left"]);
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for segment in list(facts, "segments") {
        let mut row = profile(&segment);
        if let Some(journey) = journeys.iter().find(|journey| journey[0] == segment["name"]).map(|journey| &journey[1])
        {
            let all = journey["customers"].as_f64().unwrap_or(0.0);
            let part = |key: &str| journey[key].as_f64().filter(|_| all > 0.0).map(|n| percent(n / all));
            row.push(journey["customers"].as_u64().map(count).unwrap_or_default());
            row.extend(["up", "stayed", "down", "left"].map(|key| part(key).unwrap_or_else(|| "–".to_owned())));
        }
        rows.push(row);
    }
    rows
}

/// The clusters, and customers in none, with the means of the measures that they are made of.
fn clusters(facts: &Value) -> Vec<Vec<String>> {
    const SHORT: [(&str, &str, usize); 7] = [
        ("recency_days", "days since", 0),
        ("frequency", "orders", 1),
        ("monetary_total", "spend", 0),
        ("tenure_days", "tenure", 0),
        ("unique_products", "products", 0),
        ("monetary_avg", "per order", 0),
        ("return_rate", "returned", 2),
    ];
    let mut all = list(facts, "clusters");
    if all.is_empty() {
        return Vec::new();
    }
    all.extend(facts["outside"].as_object().map(|_| facts["outside"].clone()));
    let mean = |cluster: &Value, name: &str| {
        list(cluster, "means").iter().find(|mean| mean[0] == name).and_then(|mean| mean[1].as_f64())
    };
    let shown: Vec<_> = SHORT.iter().filter(|(name, ..)| mean(&all[0], name).is_some()).collect();
    let mut header = ["cluster", "customers", "of all", "of revenue"].map(str::to_owned).to_vec();
    header.extend(shown.iter().map(|(_, title, _)| (*title).to_owned()));
    let mut rows = vec![header];
    for cluster in &all {
        let mut row = profile(cluster);
        row.extend(shown.iter().map(|(name, _, digits)| {
            let value = mean(cluster, name).unwrap_or(0.0);
            if *digits == 0 { count(value.max(0.0).round() as u64) } else { fixed(value, *digits) }
        }));
        rows.push(row);
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
        (
            header(&["clusters tried", "BIC", "log-likelihood each", "smallest"]),
            list,
            &[("/bic", 1), ("/log_likelihood", 4)],
        )
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
    let share = |key: &str| group[key].as_f64().map_or_else(|| "–".to_owned(), percent);
    vec![
        text(&group["name"]),
        group["customers"].as_u64().map(count).unwrap_or_default(),
        share("share"),
        share("revenue_share"),
    ]
}

fn span(journey: &serde_json::Map<String, Value>) -> String {
    format!(
        " Then: customers of {}; by {} they had moved, or left: bought nothing in the {} days from then.",
        text(&journey["from"]),
        text(&journey["to"]),
        text(&journey["horizon_days"])
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
