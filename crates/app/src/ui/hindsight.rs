//! An earlier plan beside what customers did, for people.

use tenure_stages::pipeline::hindsight::{Hindsight, Outcomes, Reached};
use tenure_stages::summary::{Estimate, Finding};

use super::Style;
use super::number::{count, fixed, money, money_like, or_nothing};
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// The plans with what they reached, and what that means.
pub(super) fn page(found: &Outcomes, style: Style) -> String {
    let lines = match found {
        Finding::Measured(found) => measured(found, style),
        Finding::Missing(why) => wrap(&format!("No plan of the past can be looked at: {why}."), 0, WIDTH, 3),
    };
    lines.join("\n") + "\n"
}

fn measured(found: &Hindsight, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{} made from what was known by then, and the {} days after it",
        style.heading(&format!("The plan of {},", found.as_of)),
        found.horizon_days
    )];
    let mut rows = vec![
        ["", "contacts", "spend", "who left", "covered", "per unit (95 %)", "tenure ahead (95 %)"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let in_money = money_like(found.plans.iter().map(|plan| plan.cover.covered));
    rows.extend(found.plans.iter().map(|plan| row(plan, &in_money)));
    lines.extend(columns(&rows));
    lines.extend(wrap(
        &format!(
            "{} of {} customers left. In the {} days before they had spent {}: what a plan covers of that for each unit \
             of its own spending is the figure to compare. It measures whom a plan reaches, not what an offer changes in \
             them, and cheap contacts look better by it. The lists give each customer its best offer while the money \
             lasts, or the cheapest one; random is the mean of many lists. Spend is net of returns.",
            count(found.leavers),
            count(found.customers),
            found.trailing_days,
            money(found.at_stake)
        ),
        2,
        WIDTH,
        6,
    ));
    lines
}

fn row(plan: &Reached, in_money: &dyn Fn(f64) -> String) -> Vec<String> {
    let interval = |estimate: Estimate| {
        let end = |end: Option<f64>| or_nothing(end, |value| fixed(value, 1));
        format!("{} ({} to {})", fixed(estimate.value, 1), end(estimate.low), end(estimate.high))
    };
    let whole = |value: f64| count(value.round().max(0.0) as u64);
    vec![
        plan.plan.clone(),
        whole(plan.cover.contacts),
        money(plan.cover.spend),
        whole(plan.cover.leavers),
        in_money(plan.cover.covered),
        plan.per_unit.map_or_else(|| or_nothing(None, money), interval),
        plan.behind.map(interval).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Outcomes {
        serde_json::from_value(serde_json::json!({ "measured": {
            "as_of": "2011-09-10", "horizon_days": 90, "trailing_days": 180, "customers": 5300, "leavers": 3100,
            "at_stake": 812_345.6, "budget": 5000.0,
            "plans": [
                { "plan": "tenure", "cover": { "contacts": 201.0, "spend": 4990.0, "leavers": 90.0, "covered": 71_000.0 },
                  "per_unit": { "value": 14.23, "low": 10.2, "high": 20.6 }, "behind": null },
                { "plan": "nothing", "cover": { "contacts": 0.0, "spend": 0.0, "leavers": 0.0, "covered": 0.0 },
                  "per_unit": null, "behind": null },
                { "plan": "random", "cover": { "contacts": 180.4, "spend": 4995.0, "leavers": 105.6, "covered": 13_000.0 },
                  "per_unit": { "value": 2.6, "low": 2.1, "high": 3.1 },
                  "behind": { "value": 11.6, "low": 7.8, "high": 17.9 } }
            ] } }))
        .unwrap()
    }

    #[test]
    fn the_page_tells_whom_each_plan_reached() {
        insta::assert_snapshot!(page(&found(), Style::PLAIN), @r"
        The plan of 2011-09-10, made from what was known by then, and the 90 days after it
                   contacts  spend  who left  covered      per unit (95 %)  tenure ahead (95 %)
          tenure        201  4,990        90   71,000  14.2 (10.2 to 20.6)
          nothing         0   0.00         0        0                    –
          random        180  4,995       106   13,000     2.6 (2.1 to 3.1)   11.6 (7.8 to 17.9)
          3,100 of 5,300 customers left. In the 180 days before they had spent 812,346: what a plan covers
          of that for each unit of its own spending is the figure to compare. It measures whom a plan
          reaches, not what an offer changes in them, and cheap contacts look better by it. The lists give
          each customer its best offer while the money lasts, or the cheapest one; random is the mean of
          many lists. Spend is net of returns.
        ");
        assert!(page(&found(), Style::PLAIN).lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_history_too_short_is_said() {
        let page = page(&Finding::Missing("no window has ended".to_owned()), Style::PLAIN);
        assert_eq!(page, "No plan of the past can be looked at: no window has ended.\n");
    }
}
