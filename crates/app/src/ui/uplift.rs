//! What a randomised trial says of scores, for people.

use tenure_stages::uplift::{Answer, Estimate, Score};

use super::Style;
use super::number::{count, customers, fixed, percent};
use super::table::{columns, wrap};

const WIDTH: usize = 100;
/// Shares of customers contacted that the table shows, in percent.
const SHARES: [usize; 3] = [10, 30, 50];

/// A page: the arms, the effect, the scores, what must be known.
pub(super) fn page(answer: &Answer, style: Style) -> String {
    let (treated, control) = (&answer.treated, &answer.control);
    let level = percent(answer.interval_level).replace(".0 %", " %");
    let title = format!("{} after '{}' against '{}'", answer.outcome, treated.name, control.name);
    let mut lines = vec![style.heading(&title)];
    let arms = format!(
        "{} contacted, mean {} {}; {} not contacted, mean {}.",
        customers(treated.customers),
        answer.outcome,
        significant(treated.mean, treated.mean),
        count(control.customers),
        significant(control.mean, treated.mean)
    );
    lines.extend(wrap(&arms, 2, WIDTH, 4));
    let known = match &answer.effect {
        effect if effect.low > 0.0 => "The contact adds",
        effect if effect.high < 0.0 => "The contact takes away",
        _ => "What the contact adds cannot be told from nothing:",
    };
    let effect = format!("{known} {} per customer, {level} interval.", interval(&answer.effect));
    lines.extend(wrap(&effect, 2, WIDTH, 4));
    lines.push(String::new());
    lines.push(style.heading("Scores, the highest contacted first"));
    lines.extend(columns(&table(answer, &level)));
    let shares = "The columns to the right: what contacting so many customers adds, per customer of the trial.";
    lines.extend(wrap(shares, 2, WIDTH, 4));
    lines.push(String::new());
    lines.extend(answer.scores.iter().flat_map(|score| wrap(&verdict(answer, score), 2, WIDTH, 4)));
    lines.push(String::new());
    let formula = format!("{}. Intervals: {} resamples of customers.", answer.formula, count(answer.replicates as u64));
    lines.extend(wrap(&formula, 2, WIDTH, 4));
    lines.extend(answer.notes.iter().flat_map(|note| wrap(&format!("note: {note}."), 2, WIDTH, 4)));
    lines.push(format!("Qini curves: {}", answer.figure));
    lines.join("\n") + "\n"
}

fn table(answer: &Answer, level: &str) -> Vec<Vec<String>> {
    let mut header = vec!["score".to_owned(), "Qini".to_owned(), format!("{level} from"), "to".to_owned()];
    header.extend(SHARES.iter().map(|share| format!("{share} %")));
    header.push("all".to_owned());
    let largest = answer.scores.iter().flat_map(|s| [s.qini.low.abs(), s.qini.high.abs()]).fold(0.0, f64::max);
    let mut rows = vec![header];
    for score in &answer.scores {
        let qini = [score.qini.estimate, score.qini.low, score.qini.high];
        let mut row = vec![score.name.clone()];
        row.extend(qini.map(|value| significant(value, largest)));
        let gains = SHARES.iter().map(|share| score.at(*share).gain).chain([answer.effect.estimate]);
        row.extend(gains.map(|gain| significant(gain, answer.effect.estimate)));
        rows.push(row);
    }
    rows
}

/// What the trial says of a score, in a sentence.
fn verdict(answer: &Answer, score: &Score) -> String {
    let alone = match &score.qini {
        qini if qini.low > 0.0 => "adds more than a random order",
        qini if qini.high < 0.0 => "adds less than a random order",
        _ => "cannot be told from a random order",
    };
    let first = &answer.scores[0].name;
    let beside = score.beyond_first.as_ref().map(|more| match more {
        more if more.low > 0.0 => format!("; better than {first} by {}", interval(more)),
        more if more.high < 0.0 => format!("; worse than {first} by {}", interval(&turned(more))),
        more => format!("; beyond {first} by {}, which may be nothing", interval(more)),
    });
    format!("{}: {alone}{}.", score.name, beside.unwrap_or_default())
}

fn turned(estimate: &Estimate) -> Estimate {
    Estimate { estimate: -estimate.estimate, low: -estimate.high, high: -estimate.low }
}

fn interval(estimate: &Estimate) -> String {
    let like = estimate.high - estimate.low;
    let [value, low, high] = [estimate.estimate, estimate.low, estimate.high].map(|value| significant(value, like));
    format!("{value} ({low} to {high})")
}

/// A number with as many decimals as three figures of one like `like` need.
fn significant(value: f64, like: f64) -> String {
    let decimals = if like == 0.0 { 1.0 } else { (2.0 - like.abs().log10().floor()).clamp(0.0, 9.0) };
    fixed(value, decimals as usize)
}
