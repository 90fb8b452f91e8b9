//! How the contest of the models ended, for people.

use tenure_stages::contest::{Backtest, Contest, Field};
use tenure_stages::summary::Finding;

use super::Style;
use super::number::{fixed, or_nothing};
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// Both contests with their champions.
pub(super) fn page(facts: &Backtest, style: Style) -> String {
    let mut lines = Vec::new();
    for (title, found, stage) in [("Churn", &facts.churn, "churn"), ("Value", &facts.value, "value")] {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        match found {
            Finding::Measured(contest) => lines.extend(contest_lines(title, contest, style)),
            Finding::Missing(why) => lines.extend(wrap(&format!("{title}: no contest, because {why}."), 0, WIDTH, 3)),
        }
        if let Finding::Measured(contest) = found {
            lines.extend(wrap(
                &format!(
                    "Champion: {}. `tenure run` and `tenure {stage}` in this folder use it from now on.",
                    contest.why
                ),
                2,
                WIDTH,
                5,
            ));
        }
    }
    lines.join("\n") + "\n"
}

fn contest_lines(title: &str, contest: &Contest, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{} in {} days, the candidates at {} past instants (* only confirms)",
        style.heading(title),
        contest.horizon_days,
        contest.origins.len()
    )];
    for field in &contest.fields {
        lines.push(format!("  {} customers", if field.population == "all" { "all acquired" } else { "active" }));
        lines.extend(columns(&table(contest, field)));
    }
    lines
}

/// The metric that tells most at each origin, and the loss that decides.
fn table(contest: &Contest, field: &Field) -> Vec<Vec<String>> {
    let metric = &contest.metrics[0];
    let name = if metric == "auc" { "AUC" } else { "R²" };
    let mut head = vec![String::new()];
    head.extend(contest.origins.iter().map(|origin| {
        let day = origin.as_of.to_string();
        format!("{name} {}{}", day.get(2..).unwrap_or(&day), if origin.decides { "" } else { "*" })
    }));
    head.extend([contest.loss.clone(), "behind the best (95 %)".to_owned()]);
    let mut rows = vec![head];
    for standing in &field.standings {
        let mut row = vec![standing.model.replace('_', " ")];
        row.extend(standing.by_origin.iter().map(|metrics| or_nothing(metrics[0], |v| fixed(v, 3))));
        row.push(fixed(standing.loss, 4));
        let (value, low, high) = (standing.behind.value, standing.behind.low, standing.behind.high);
        row.push(if value > 0.0 {
            format!(
                "{} ({} to {})",
                fixed(value, 4),
                or_nothing(low, |v| fixed(v, 4)),
                or_nothing(high, |v| fixed(v, 4))
            )
        } else {
            "the best".to_owned()
        });
        rows.push(row);
    }
    rows
}
