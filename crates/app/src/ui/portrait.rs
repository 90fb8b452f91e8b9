//! One customer on a page.

use tenure_stages::pipeline::portrait::{Churn, History, Offer, Portrait, Segment, Worth};

use super::Style;
use super::number::{count, fixed, money, percent};
use super::table::wrap;

const WIDTH: usize = 100;
/// Earlier segments that are told.
const STEPS: usize = 5;

/// The page.
pub(super) fn page(of: &Portrait, style: Style) -> String {
    let mut lines = vec![style.heading(&format!("Customer {} on {}", of.customer_id, of.as_of))];
    let unit = if of.currency.is_empty() { String::new() } else { format!(" {}", of.currency) };
    section(&mut lines, style, "History", &[history(&of.history, &unit)], &[]);
    section(&mut lines, style, "Segment", &[segment(&of.segment)], &[]);
    match &of.churn {
        Some(churn) => section(&mut lines, style, "Churn", &[leaving(churn)], &churn.reasons),
        None => section(&mut lines, style, "Churn", &["Not forecast: the history is too short.".to_owned()], &[]),
    }
    match &of.value {
        Some(value) => section(&mut lines, style, "Value", &[worth(value, &unit)], &value.reasons),
        None => section(&mut lines, style, "Value", &["Not forecast: the data hold no money.".to_owned()], &[]),
    }
    section(&mut lines, style, "Offer", &offer(&of.offer, &unit), &[]);
    lines.join("\n") + "\n"
}

fn section(lines: &mut Vec<String>, style: Style, title: &str, sentences: &[String], reasons: &[String]) {
    lines.push(style.heading(title));
    sentences.iter().for_each(|sentence| lines.extend(wrap(sentence, 2, WIDTH, 6)));
    for reason in reasons {
        for (i, line) in wrap(reason, 4, WIDTH, 3).iter().enumerate() {
            lines.push(format!("{}{}", if i == 0 { "  - " } else { "    " }, line.trim_start()));
        }
    }
}

fn days(days: f64) -> String {
    match days.floor() as u64 {
        1 => "1 day".to_owned(),
        n => format!("{} days", count(n)),
    }
}

fn history(of: &History, unit: &str) -> String {
    let mut said = if of.orders <= 1.0 {
        format!("One order, on {} ({} before)", of.first_purchase, days(of.recency_days))
    } else {
        format!(
            "{} orders since {}, the last on {} ({} before)",
            count(of.orders as u64),
            of.first_purchase,
            of.last_purchase,
            days(of.recency_days)
        )
    };
    if let Some(gap) = of.gap_mean_days {
        said.push_str(&format!("; {} apart on average", days(gap)));
    }
    if let Some(spend) = of.spend {
        said.push_str(&format!(". Spent {}{unit} in all", money(spend)));
        if let Some(late) = of.spend_90d {
            said.push_str(&format!(", {}{unit} of it in the last 90 days", money(late)));
        }
    }
    if let Some(share) = of.returned_share.filter(|share| *share > 0.0) {
        said.push_str(&format!("; {} of what it had bought was returned", percent(share)));
    }
    said + "."
}

fn segment(of: &Segment) -> String {
    let scores: Vec<String> = of.rfm_code.chars().map(String::from).collect();
    let mut said = format!(
        "{} (scores of recency, frequency, money: {}), in the cluster {}.",
        of.segment,
        scores.join("-"),
        of.cluster
    );
    if of.path.len() > 1 {
        let from = of.path.len().saturating_sub(STEPS);
        let steps: Vec<String> = of.path[from..].iter().map(|(at, name)| format!("{name} from {at}")).collect();
        said.push_str(&format!(" {}{}.", if from > 0 { "Lately: " } else { "Before: " }, steps.join(", ")));
    }
    said
}

fn leaving(of: &Churn) -> String {
    let alive = match of.p_alive {
        Some(p) => format!(
            " By the purchase model, which the plan does not go by, it is {} likely not to have left for good.",
            percent(p)
        ),
        None => String::new(),
    };
    format!(
        "{} likely to buy nothing in the next {} days, a higher risk than that of {} of the customers.{alive} What moves \
         the forecast most:",
        percent(of.p_churn),
        fixed(of.horizon_days, 0),
        percent(of.higher_than)
    )
}

fn worth(of: &Worth, unit: &str) -> String {
    let between = match (of.low, of.high) {
        (Some(low), Some(high)) => format!(" (80 %: {} to {})", money(low), money(high)),
        _ => String::new(),
    };
    let why = if of.reasons.is_empty() { "" } else { " What moves the forecast most:" };
    format!(
        "Expected to spend {}{unit} in the next {} days{between}, more than {} of the customers.{why}",
        money(of.mean),
        fixed(of.horizon_days, 0),
        percent(of.higher_than)
    )
}

/// A part of a probability.
fn points(share: f64) -> String {
    format!("{} points", fixed(share * 100.0, 1))
}

fn offer(of: &Offer, unit: &str) -> Vec<String> {
    let stake = &of.stake;
    let back = match stake.comes_back > 0.0 {
        true => format!("; coming back later by itself it brings {}{unit}", money(stake.comes_back)),
        false => String::new(),
    };
    let effect = match (&of.offer, stake.rate) {
        (Some(name), Some(rate)) => format!(
            "; {name} is taken to keep {} of it, which at the margin is {}{unit}, {}{unit} beyond its cost",
            percent(rate),
            money(of.expected_net + of.cost),
            money(of.expected_net)
        ),
        _ => String::new(),
    };
    let mut said = vec![match &of.offer {
        Some(name) => format!("{name}, for {}{unit}.", money(of.cost)),
        None => "No offer.".to_owned(),
    }];
    said.push(format!("Why: {}.", of.why));
    said.push(format!(
        "The plan reckons with {} that it buys nothing, {} of them because it has left already (by its own pace), where an \
         offer has {} of its effect. Kept, it is worth {}{unit}{back}. So {}{unit} is at stake{effect}.",
        percent(stake.p_churn),
        points(stake.p_gone),
        percent(stake.winback),
        money(stake.value),
        money(stake.at_stake)
    ));
    said.push(format!("In {} of the draws of what is uncertain it is the same.", percent(of.stability)));
    if of.is_assumed {
        said.push("What an offer changes is assumed, not measured.".to_owned());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_stages::pipeline::portrait::Stake;
    use tenure_stages::time::Instant;

    fn portrait() -> Portrait {
        let day = |text: &str| Instant::parse(text).unwrap();
        Portrait {
            customer_id: "12347".into(),
            as_of: day("2011-12-10"),
            currency: "GBP".into(),
            history: History {
                first_purchase: day("2010-10-31"),
                last_purchase: day("2011-12-07"),
                recency_days: 2.4,
                orders: 8.0,
                gap_mean_days: Some(57.4),
                spend: Some(4_921.53),
                spend_90d: Some(1_519.14),
                returned_share: Some(0.0),
            },
            segment: Segment {
                segment: "Champions".into(),
                rfm_code: "545".into(),
                cluster: "Loyal".into(),
                path: vec![(day("2010-12-10"), "New".into()), (day("2011-12-10"), "Champions".into())],
            },
            churn: Some(Churn {
                p_churn: 0.359,
                horizon_days: 90.0,
                higher_than: 0.162,
                p_alive: Some(0.982),
                reasons: vec!["chance of silence by own rhythm 27 %, lower than 86 % of customers".into()],
            }),
            value: Some(Worth {
                mean: 1_142.76,
                low: Some(112.0),
                high: Some(2_391.0),
                horizon_days: 180.0,
                higher_than: 0.81,
                reasons: Vec::new(),
            }),
            offer: Offer {
                stake: Stake {
                    p_churn: 0.359,
                    p_gone: 0.041,
                    value: 2_210.4,
                    comes_back: 640.0,
                    at_stake: 499.30,
                    rate: None,
                    winback: 0.1,
                },
                offer: None,
                cost: 0.0,
                expected_net: 0.0,
                runner_up: Some("Light".into()),
                runner_up_net: 2.94,
                stability: 0.98,
                why: "Light would bring 2.94 beyond its cost, but the money brings more elsewhere".into(),
                is_assumed: true,
            },
        }
    }

    #[test]
    fn a_customer_on_a_page() {
        let page = page(&portrait(), Style::PLAIN);
        insta::assert_snapshot!(page, @r"
        Customer 12347 on 2011-12-10
        History
          8 orders since 2010-10-31, the last on 2011-12-07 (2 days before); 57 days apart on average. Spent
          4,922 GBP in all, 1,519 GBP of it in the last 90 days.
        Segment
          Champions (scores of recency, frequency, money: 5-4-5), in the cluster Loyal. Before: New from
          2010-12-10, Champions from 2011-12-10.
        Churn
          35.9 % likely to buy nothing in the next 90 days, a higher risk than that of 16.2 % of the
          customers. By the purchase model, which the plan does not go by, it is 98.2 % likely not to have
          left for good. What moves the forecast most:
          - chance of silence by own rhythm 27 %, lower than 86 % of customers
        Value
          Expected to spend 1,143 GBP in the next 180 days (80 %: 112.00 to 2,391), more than 81.0 % of the
          customers.
        Offer
          No offer.
          Why: Light would bring 2.94 beyond its cost, but the money brings more elsewhere.
          The plan reckons with 35.9 % that it buys nothing, 4.1 points of them because it has left already
          (by its own pace), where an offer has 10.0 % of its effect. Kept, it is worth 2,210 GBP; coming
          back later by itself it brings 640.00 GBP. So 499.30 GBP is at stake.
          In 98.0 % of the draws of what is uncertain it is the same.
          What an offer changes is assumed, not measured.
        ");
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let bare = Portrait {
            churn: None,
            value: None,
            history: History { orders: 1.0, gap_mean_days: None, spend: None, ..portrait().history },
            ..portrait()
        };
        let page = page(&bare, Style::PLAIN);
        assert!(page.contains("One order, on 2010-10-31 (2 days before).") && page.contains("Not forecast"), "{page}");
    }
}
