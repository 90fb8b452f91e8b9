//! The screen at the end of a run: at most 40 lines of 100 columns, whatever was found.

use tenure_stages::config::{Method, OfferTable};
use tenure_stages::summary::{
    ChurnQuality, Estimate, Finding, Plan, Segment, SegmentCheck, Summary, TruthCheck, TruthRow, ValueQuality, Verdict,
    Window,
};

use super::Style;
use super::number::{count, customers, fixed, money, money_like, or_nothing, percent, signed_percent};
use super::table::{columns, wrap};

const WIDTH: usize = 100;
const HEIGHT: usize = 40;
/// Segments that are shown even where the screen is full.
const LEAST_SEGMENTS: usize = 2;
/// Plans, and forecasts, that are shown beside the truth.
const MOST_TRUTHS: usize = 11;

/// The screen as text, ending in a line feed.
pub(super) fn end_screen(summary: &Summary, style: Style) -> String {
    // Beside the truth there is less room for what is not known.
    let is_crowded = !summary.truth.is_empty();
    // Forecasts that were not judged, or what stands in for them, are there all the same.
    let forecast = |is_there: bool| if is_there { "not evaluated" } else { "none" };
    let has_churn = summary.segments.iter().any(|segment| segment.p_churn_mean.is_some());
    let has_value = summary.segments.iter().any(|segment| segment.value_mean.is_some());
    let before = vec![data(summary)];
    let mut after = vec![
        finding("Churn", forecast(has_churn), &summary.churn, style, |quality| churn(quality, is_crowded, style)),
        finding("Value", forecast(has_value), &summary.value, style, |quality| value(quality, style)),
        finding("Plan", "none", &summary.plan, style, |found| plan(found, if is_crowded { 1 } else { 3 }, style)),
    ];
    if is_crowded {
        after.push(beside(&truth(&summary.truth), &truth_checks(&summary.truth_checks), style));
    }
    after.extend([warnings(summary, if is_crowded { 1 } else { 2 }, style), files_and_next(summary, style)]);
    after.retain(|section| !section.is_empty());

    let fixed_lines: usize = before.iter().chain(&after).map(Vec::len).sum();
    // Two lines of the segments' section are its heading and, where some are left out, the line that says so.
    let checks = segment_checks(&summary.segment_checks, is_crowded);
    let room = HEIGHT.saturating_sub(fixed_lines + 2 + checks.len()).max(LEAST_SEGMENTS);
    let mut sections = before;
    if !summary.segments.is_empty() {
        sections.push(segments(&summary.segments, checks, room, style));
    }
    sections.extend(after);

    let mut spare = HEIGHT.saturating_sub(sections.iter().map(Vec::len).sum());
    let mut lines = Vec::new();
    for section in sections {
        if !lines.is_empty() && spare > 0 {
            lines.push(String::new());
            spare -= 1;
        }
        lines.extend(section);
    }
    lines.join("\n") + "\n"
}

fn heading(title: &str, rest: &str, style: Style) -> String {
    format!("{} {rest}", style.heading(title)).trim_end().to_owned()
}

/// What was found, or that there is `nothing` of it and why.
fn finding<T>(
    title: &str,
    nothing: &str,
    found: &Finding<T>,
    style: Style,
    show: impl Fn(&T) -> Vec<String>,
) -> Vec<String> {
    match found {
        Finding::Measured(found) => show(found),
        Finding::Missing(reason) => {
            let mut lines = wrap(&format!("{title}: {nothing}, because {reason}."), 0, WIDTH, 3);
            if let Some(rest) = lines.first().and_then(|line| line.strip_prefix(title)) {
                lines[0] = format!("{}{rest}", style.heading(title));
            }
            lines
        }
    }
}

fn data(summary: &Summary) -> Vec<String> {
    let currency = if summary.currency.is_empty() { String::new() } else { format!(", money in {}", summary.currency) };
    let reasons: Vec<String> = summary
        .rows
        .reasons
        .iter()
        .map(|reason| format!("{} {}", reason.reason.replace('_', " "), count(reason.rows)))
        .collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let mut lines = wrap(
        &format!(
            "Decision as of {} for {}, on data from {} to {}{currency}",
            summary.as_of,
            customers(summary.customers),
            day(&summary.data_start),
            day(&summary.data_end),
        ),
        0,
        WIDTH,
        2,
    );
    lines.extend(wrap(
        &format!(
            "{} rows read = {} kept + {} quarantined{reasons}",
            count(summary.rows.read),
            count(summary.rows.kept),
            count(summary.rows.quarantined),
        ),
        0,
        WIDTH,
        2,
    ));
    lines
}

// The hour of the first row does not matter here.
fn day(instant: &str) -> &str {
    instant.split('T').next().unwrap_or(instant)
}

fn segments(all: &[Segment], checks: Vec<String>, room: usize, style: Style) -> Vec<String> {
    let shown = if all.len() <= room + 1 { all.len() } else { room };
    let mut rows =
        vec![["Segments", "customers", "of all", "of revenue", "p(churn)", "mean value"].map(str::to_owned).to_vec()];
    let in_money = money_like(all.iter().filter_map(|segment| segment.value_mean));
    for segment in &all[..shown] {
        rows.push(vec![
            segment.name.clone(),
            count(segment.customers),
            percent(segment.customer_share),
            or_nothing(segment.revenue_share, percent),
            or_nothing(segment.p_churn_mean, percent),
            or_nothing(segment.value_mean, &in_money),
        ]);
    }
    let rest = &all[shown..];
    if !rest.is_empty() {
        rows.push(vec![
            format!("{} more", rest.len()),
            count(rest.iter().map(|segment| segment.customers).sum()),
            percent(rest.iter().map(|segment| segment.customer_share).sum()),
            or_nothing(rest.iter().map(|segment| segment.revenue_share).sum(), percent),
        ]);
    }
    let mut lines = columns(&rows);
    lines[0] = lines[0].replacen("  Segments  ", &format!("{}    ", style.heading("Segments")), 1);
    lines.extend(checks);
    lines
}

/// Whether the segments behave as their names say, a line each; where there is little room, only what did not pass.
fn segment_checks(checks: &[SegmentCheck], is_crowded: bool) -> Vec<String> {
    let line = |check: &SegmentCheck| {
        let verdict = match check.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Open => "open",
        };
        wrap(&format!("{}: {verdict}; {}.", check.name, check.sentence), 2, WIDTH, if is_crowded { 1 } else { 2 })
    };
    checks.iter().filter(|check| !(is_crowded && check.verdict == Verdict::Passed)).flat_map(line).collect()
}

fn window(window: &Window) -> String {
    format!("{} to {}", window.from, window.to)
}

fn with_interval(estimate: Estimate, form: impl Fn(f64) -> String) -> String {
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{} ({} to {})", form(estimate.value), form(low), form(high)),
        _ => form(estimate.value),
    }
}

fn churn(quality: &ChurnQuality, is_crowded: bool, style: Style) -> Vec<String> {
    let rest = format!(
        "in {} days, tested on {}: {}, {} churned",
        quality.horizon_days,
        window(&quality.window),
        customers(quality.customers),
        percent(quality.churn_rate),
    );
    let mut rows = vec![["", "AUC (95 %)", "PR-AUC", "ECE", "Brier"].map(str::to_owned).to_vec()];
    // Where there is little room, the model and the baseline.
    let shown = |i: usize| !is_crowded || i == 0 || i + 1 == quality.models.len();
    for (i, score) in quality.models.iter().enumerate().filter(|(i, _)| shown(*i)) {
        rows.push(vec![
            deployed(&score.model, i),
            with_interval(score.auc, |auc| fixed(auc, 3)),
            fixed(score.average_precision.value, 3),
            or_nothing(score.ece, |ece| fixed(ece, 3)),
            or_nothing(score.brier, |brier| fixed(brier, 3)),
        ]);
    }
    let mut lines = vec![heading("Churn", &rest, style)];
    lines.extend(columns(&rows));
    let threshold = &quality.threshold;
    lines.push(format!(
        "  From p = {} on {} are flagged: precision {}, recall {}, F{} {} (everybody: {}).",
        fixed(threshold.p_churn, 3),
        percent(threshold.flagged_share),
        or_nothing(threshold.precision, |v| fixed(v, 2)),
        or_nothing(threshold.recall, |v| fixed(v, 2)),
        threshold.beta,
        fixed(threshold.f_beta, 3),
        fixed(threshold.f_beta_everybody, 3),
    ));
    lines
}

fn deployed(model: &str, place: usize) -> String {
    let model = model.replace('_', " ");
    if place == 0 { format!("{model} (in use)") } else { model }
}

fn value(quality: &ValueQuality, style: Style) -> Vec<String> {
    let rest = format!(
        "in {} days ({} spend), tested on {}: {}",
        quality.horizon_days,
        quality.basis.word(),
        window(&quality.window),
        customers(quality.customers),
    );
    let header = ["", "R²", "RMSE", "MAE", "Spearman", "Gini", "portfolio error (95 %)"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let in_money = money_like(quality.models.iter().filter_map(|score| score.rmse));
    // The model and the naive baseline; the card has what stands between them.
    let shown = |i: usize| i == 0 || i + 1 == quality.models.len();
    for (i, score) in quality.models.iter().enumerate().filter(|(i, _)| shown(*i)) {
        let three = |number: Option<f64>| or_nothing(number, |number| fixed(number, 3));
        rows.push(vec![
            deployed(&score.model, i),
            three(score.r2),
            or_nothing(score.rmse, &in_money),
            or_nothing(score.mae, &in_money),
            three(score.spearman),
            three(score.gini),
            score.portfolio_error.map_or_else(|| "–".to_owned(), |error| with_interval(error, signed_percent)),
        ]);
    }
    let mut lines = vec![heading("Value", &rest, style)];
    lines.extend(columns(&rows));
    lines.push(format!(
        "  {} of outcomes lie in the interval ({} intended), {} above it ({} intended).",
        percent(quality.coverage),
        percent(quality.coverage_intended),
        percent(quality.above_upper),
        percent((1.0 - quality.coverage_intended) / 2.0),
    ));
    lines
}

fn plan(plan: &Plan, most_assumed: usize, style: Style) -> Vec<String> {
    let table = match plan.table {
        OfferTable::Retention => "retention offers",
        OfferTable::Coupons => "coupons",
        OfferTable::Custom => "your own offers",
    };
    let method = match plan.method {
        Method::Optimal => "optimal",
        Method::Exact => "exact",
        Method::Greedy => "greedy",
    };
    let rest = format!("{table}, {method}; {} of a budget of {} spent", money(plan.spend), money(plan.budget));
    let mut offers: Vec<String> =
        plan.offers.iter().map(|offer| format!("{} {}", offer.name, count(offer.customers))).collect();
    let held_out = if plan.held_out > 0 { format!(" ({} held out)", count(plan.held_out)) } else { String::new() };
    offers.push(format!("no offer {}{held_out}", count(plan.without_offer)));

    let mut net = format!("Expected net {}", money(plan.expected_net));
    if let (Some(bound), Some(gap)) = (plan.bound, plan.gap) {
        let share = plan.gap_share.map(|share| format!(", {} %", fixed(share * 100.0, 3))).unwrap_or_default();
        net += &format!("; by these forecasts no plan can pass {} (gap {}{share})", money(bound), fixed(gap, 2));
    }
    if let (Some(greedy), Method::Optimal) = (plan.greedy_net, plan.method) {
        net += &format!("; the greedy plan expects {} less", money(plan.expected_net - greedy));
    }
    net.push('.');
    if let Some(price) = plan.shadow_price {
        net += &format!(" One more unit of budget would add {}.", fixed(price, 2));
    }

    let mut lines = vec![heading("Plan:", &rest, style)];
    lines.extend(wrap(&offers.join(" · "), 2, WIDTH, 2));
    lines.extend(wrap(&net, 2, WIDTH, 2));
    if let Some(doubt) = &plan.doubt {
        let text = format!(
            "In draws of what is uncertain it is {} to {} (90 %), above 0 in {}; the worst {} bring {}.",
            money(doubt.low),
            money(doubt.high),
            percent(doubt.p_positive),
            percent(doubt.worst_share),
            money(doubt.worst)
        );
        lines.extend(wrap(&text, 2, WIDTH, 2));
    }
    lines.extend(assumed(plan, most_assumed));
    lines
}

/// What the plan rests on, in whole sentences as far as there is room.
fn assumed(plan: &Plan, most: usize) -> Vec<String> {
    let all: Vec<&str> = plan.assumptions.iter().map(|text| text.trim_end_matches('.')).collect();
    let told = (1..=all.len()).rev().map(|shown| {
        let rest = if shown < all.len() { "; the rest stands in report.html" } else { "" };
        wrap(&format!("Assumed, not measured: {}{rest}.", all[..shown].join("; ")), 2, WIDTH, usize::MAX)
    });
    let short = "Assumed, not measured: what offers do, the margin, what a kept customer is worth; see report.html.";
    told.into_iter().find(|lines| lines.len() <= most).unwrap_or_else(|| wrap(short, 2, WIDTH, most))
}

fn truth(rows: &[TruthRow]) -> Vec<String> {
    let mut table = vec![["Truth", "spends", "covers", "true net", "regret", ""].map(str::to_owned).to_vec()];
    let in_money = money_like(rows.iter().map(|row| row.true_net));
    for row in rows.iter().take(MOST_TRUTHS) {
        table.push(vec![
            row.plan.clone(),
            in_money(row.spend),
            or_nothing(row.cover.per_unit(), |unit| fixed(unit, 1)),
            in_money(row.true_net),
            in_money(row.regret),
            or_nothing(row.regret_share, percent),
        ]);
    }
    columns(&table)
}

fn truth_checks(checks: &[TruthCheck]) -> Vec<String> {
    let mut table = vec![["Forecasts", "said", "true"].map(str::to_owned).to_vec()];
    let sums = checks.iter().filter(|check| check.is_money);
    let in_money = money_like(sums.flat_map(|check| [check.said, check.truth]));
    let show = |check: &TruthCheck, v: f64| if check.is_money { in_money(v) } else { percent(v) };
    for check in checks.iter().take(MOST_TRUTHS) {
        table.push(vec![check.what.clone(), show(check, check.said), show(check, check.truth)]);
    }
    columns(&table)
}

/// Two tables side by side, the first line of each a heading.
fn beside(left: &[String], right: &[String], style: Style) -> Vec<String> {
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
    let nothing = String::new();
    let mut lines: Vec<String> = (0..left.len().max(right.len()))
        .map(|i| {
            let [one, two] = [left, right].map(|table| table.get(i).unwrap_or(&nothing));
            format!("{one}{}{two}", " ".repeat(width - one.chars().count())).trim_end().to_owned()
        })
        .collect();
    for title in ["Truth", "Forecasts"] {
        lines[0] = lines[0].replacen(&format!("  {title}"), &format!("{}  ", style.heading(title)), 1);
    }
    lines
}

fn warnings(summary: &Summary, most: usize, style: Style) -> Vec<String> {
    let more = summary.warnings.len().saturating_sub(2);
    let mut lines: Vec<String> = Vec::new();
    for (i, warning) in summary.warnings.iter().take(2).enumerate() {
        let more = if i == 1 && more > 0 { format!(" (and {more} more in manifest.json)") } else { String::new() };
        // The first may take two lines where there is room.
        let mut text = wrap(&format!("Note: {warning}{more}"), 0, WIDTH, if i == 0 { most } else { 1 });
        text[0] = text[0].replacen("Note:", &style.heading("Note:"), 1);
        lines.extend(text);
    }
    lines
}

fn files_and_next(summary: &Summary, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !summary.outputs.is_empty() {
        let paths: Vec<&str> = summary.outputs.iter().map(|output| output.path.as_str()).collect();
        let text = format!("Files in {}: {}", summary.out, paths.join(", "));
        lines.extend(wrap(&text, 0, WIDTH, 2));
        lines[0] = lines[0].replacen("Files", &style.heading("Files"), 1);
    }
    if !summary.next.is_empty() {
        let from = lines.len();
        lines.extend(wrap(&format!("Next: {}", summary.next.join("; ")), 0, WIDTH, 2));
        lines[from] = lines[from].replacen("Next:", &style.heading("Next:"), 1);
    }
    lines
}

#[cfg(test)]
mod tests;
