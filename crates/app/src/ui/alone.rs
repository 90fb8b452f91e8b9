//! What a buy-till-you-die model says of one file, for people.

use tenure_stages::value::alone::{Answer, Estimate, Source};

use super::Style;
use super::number::{count, customers, fixed, money, money_like, or_nothing, percent};
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// A page: what was read, the fit, whether anybody leaves, spend, what is ahead, the first customers.
pub(super) fn page(answer: &Answer, style: Style) -> String {
    let mut lines = vec![style.heading(&title(answer))];
    lines.extend(wrap(&reading(answer), 2, WIDTH, 4));
    lines.push(String::new());
    lines.extend(columns(&estimates(&answer.parameters)));
    lines.extend(wrap(&fit(answer), 2, WIDTH, 4));
    if let Some(sentence) = leaving(answer) {
        lines.extend(wrap(&sentence, 2, WIDTH, 6));
    }
    if let Some(spend) = &answer.spend {
        lines.push(String::new());
        lines.push(style.heading("Spend per purchase (Gamma-Gamma)"));
        lines.extend(columns(&estimates(&spend.parameters)));
        let correlation = or_nothing(spend.correlation, |c| fixed(c, 3));
        let sentence = format!(
            "Log-likelihood {} on {} who bought again. Correlation of purchases with spend, which the model \
             takes for 0: {correlation}.",
            fixed(spend.log_likelihood, 4),
            customers(spend.customers)
        );
        lines.extend(wrap(&sentence, 2, WIDTH, 4));
    }
    let ahead = ahead(answer);
    if !ahead.is_empty() {
        lines.push(String::new());
        lines.push(style.heading("Ahead"));
        ahead.iter().for_each(|sentence| lines.extend(wrap(sentence, 2, WIDTH, 4)));
    }
    if !answer.top.is_empty() {
        lines.push(String::new());
        let by = if answer.clv.is_some() { "lifetime value" } else { "expected purchases" };
        let of = if counted(answer) { "pasts" } else { "customers" };
        lines.push(style.heading(&format!("The first {} {of} by {by}", answer.top.len())));
        lines.extend(columns(&first(answer)));
    }
    lines.push(String::new());
    lines.extend(answer.notes.iter().flat_map(|note| wrap(&format!("note: {note}."), 2, WIDTH, 4)));
    lines.push(format!("Predictions of all customers: {}", answer.to));
    lines.extend(answer.figure.as_ref().map(|figure| format!("P(alive) of the customer over time: {figure}")));
    if answer.spend.is_some() {
        lines.push("  (spend_per_purchase there is the mean spend expected of one purchase)".to_owned());
    }
    lines.join("\n") + "\n"
}

/// Whether rows stand for several customers.
fn counted(answer: &Answer) -> bool {
    answer.source == Source::Occasions && answer.top.iter().any(|customer| customer.customers > 1)
}

fn title(answer: &Answer) -> String {
    let again = format!(
        "{}: {}, {} of them with {} repeat purchases",
        answer.model,
        customers(answer.customers),
        count(answer.customers_repeating),
        count(answer.repeat_purchases)
    );
    match (answer.source, answer.unit) {
        (Source::Occasions, _) => again,
        (_, Some(unit)) => format!("{again}, time in {unit}s"),
        (_, None) => format!("{again}, time in the unit of the table"),
    }
}

fn reading(answer: &Answer) -> String {
    match (answer.source, answer.observed_until) {
        (Source::Histories, _) => format!("{}, one row per customer", answer.file),
        (Source::Occasions, _) => format!("{}, pasts at occasions", answer.file),
        (Source::OrderLog, until) => format!(
            "{}, an order log{}: orders of a day are one purchase, returns and orders cancelled as a whole are none",
            answer.file,
            until.map(|day| format!(" up to {day}")).unwrap_or_default()
        ),
    }
}

fn estimates(parameters: &[Estimate]) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["parameter".to_owned(), "estimate".to_owned(), "standard error".to_owned()]];
    let digits = |value: f64| if !(0.001..1e7).contains(&value) { format!("{value:.4e}") } else { fixed(value, 4) };
    for estimate in parameters {
        rows.push(vec![estimate.name.clone(), digits(estimate.value), or_nothing(estimate.standard_error, digits)]);
    }
    rows
}

fn fit(answer: &Answer) -> String {
    let mut sentence = format!("Log-likelihood {}, AIC {}.", fixed(answer.log_likelihood, 4), fixed(answer.aic, 2));
    sentence.push_str(&format!(" Converged in {} iterations", count(answer.iterations)));
    match answer.reached.as_slice() {
        [] | [_] => sentence.push('.'),
        reached => {
            let all: Vec<String> = reached.iter().map(|value| fixed(*value, 4)).collect();
            sentence.push_str(&format!("; the starts reached {}.", all.join(" and ")));
        }
    }
    sentence
}

/// Whether anybody leaves, as far as the data know.
fn leaving(answer: &Answer) -> Option<String> {
    let Some((nbd, dropout)) = answer.nbd.as_ref().zip(answer.dropout.as_ref()) else {
        return Some(
            "Whether leaving can be told from slow buying is not tested for the BG/BB; P(alive) is of the next occasion."
                .to_owned(),
        );
    };
    if answer.model == "NBD" {
        return Some("The NBD knows no customers who leave: P(alive) is left empty.".to_owned());
    }
    let gain = format!(
        "{} of log-likelihood over the NBD ({}), where nobody leaves; at least {} is needed",
        fixed(nbd.gain, 2),
        fixed(nbd.log_likelihood, 4),
        fixed(nbd.least_gain, 2)
    );
    Some(match &dropout.reason {
        None if dropout.alike => format!(
            "Leaving is identified: {gain}. All customers seem to leave alike: only the mean probability to leave is known."
        ),
        None => format!("Leaving is identified: {gain}."),
        Some(reason) => format!(
            "Leaving is NOT identified: {reason} ({gain}). P(alive) is left empty; expected purchases do not depend on it."
        ),
    })
}

fn ahead(answer: &Answer) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(expected) = answer.expected_purchases {
        let within = match (answer.horizon_days, answer.horizon_periods) {
            (Some(days), _) => format!("{} days", fixed(days, if days.fract() > 0.0 { 1 } else { 0 })),
            (None, Some(periods)) => format!("{periods} occasions"),
            (None, None) => return sentences,
        };
        sentences.push(format!("{} purchases are expected of these customers within {within}.", fixed(expected, 1)));
    }
    if let Some(clv) = &answer.clv {
        let without = match clv.customers_without {
            0 => String::new(),
            1 => "; 1 customer has none".to_owned(),
            n => format!("; {} have none", customers(n)),
        };
        sentences.push(format!(
            "Customer lifetime value of {} months: {} in all, at a discount of {} a year and a margin of {}{without}.",
            clv.months,
            money(clv.total),
            percent(clv.discount_per_year),
            clv.margin
        ));
    }
    sentences
}

fn first(answer: &Answer) -> Vec<Vec<String>> {
    let whole = answer.source == Source::Occasions;
    let time = |value: f64| fixed(value, if whole { 0 } else { 2 });
    let (by_count, has_value) = (counted(answer), answer.clv.is_some());
    let worth = money_like(answer.top.iter().filter_map(|customer| customer.clv));
    let mut header = vec![if by_count { "past" } else { "customer" }, "frequency", "recency"];
    header.push(if whole { "periods" } else { "T" });
    if by_count {
        header.push("customers");
    }
    header.extend(["P(alive)", "purchases"]);
    if has_value {
        header.push("CLV");
    }
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for customer in &answer.top {
        let mut row = vec![
            customer.customer_id.clone(),
            count(u64::from(customer.frequency)),
            time(customer.recency),
            time(customer.observed),
        ];
        if by_count {
            row.push(count(customer.customers));
        }
        row.push(or_nothing(customer.p_alive, |p| fixed(p, 3)));
        row.push(or_nothing(customer.expected_purchases, |y| fixed(y, 2)));
        if has_value {
            row.push(or_nothing(customer.clv, &worth));
        }
        rows.push(row);
    }
    rows
}
