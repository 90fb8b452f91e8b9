//! What to do with each segment: a full record for each, and how a budget would be shared between them.

use serde::Serialize;

/// A segment's strategy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strategy {
    /// The segment of the R x F map.
    pub segment_name: &'static str,
    /// 1 = first.
    pub priority: u8,
    /// What is to be reached.
    pub goal: &'static str,
    /// Four things to do.
    pub actions: [&'static str; 4],
    /// The kind of campaign.
    pub campaign_type: &'static str,
    /// Share of a retention budget, per cent; the shares of all segments sum to 100. A rule of thumb: priority times
    /// customers, not the plan, which the allocation computes.
    pub budget_allocation: f64,
    /// Customers in the segment.
    pub customers: u64,
}

struct Rule {
    name: &'static str,
    priority: u8,
    weight: f64,
    goal: &'static str,
    campaign_type: &'static str,
    actions: [&'static str; 4],
}

const RULES: [Rule; 10] = [
    Rule {
        name: "Can't Lose",
        priority: 1,
        weight: 6.0,
        goal: "Win back the best former customers before they are gone",
        campaign_type: "win-back, personal",
        actions: [
            "Call or write personally, in the name of someone they know",
            "Ask what went wrong and mend it before any offer is made",
            "Make the strongest offer of the plan, limited in time",
            "Stop routine mailings until they have answered",
        ],
    },
    Rule {
        name: "At Risk",
        priority: 2,
        weight: 5.0,
        goal: "Bring regular buyers back before their usual gap has passed twice",
        campaign_type: "win-back",
        actions: [
            "Remind them of what they used to buy, with its present price",
            "Give the plan's offer with an end date",
            "Show what is new in their categories since the last order",
            "Ask for the reason in one question, and keep the answer",
        ],
    },
    Rule {
        name: "Need Attention",
        priority: 3,
        weight: 4.0,
        goal: "Turn middling customers into regular ones",
        campaign_type: "reactivation",
        actions: [
            "Send a limited offer on the category they buy most",
            "Recommend from what similar customers bought next",
            "Remind at their own usual interval",
            "Try another channel than the last one",
        ],
    },
    Rule {
        name: "About To Sleep",
        priority: 4,
        weight: 3.0,
        goal: "Get one more order before the habit is lost",
        campaign_type: "reactivation",
        actions: [
            "Send one reminder with best sellers of the season",
            "Offer free delivery rather than a discount",
            "Ask for their preferences and mail less often",
            "Stop after two unanswered messages",
        ],
    },
    Rule {
        name: "Champions",
        priority: 5,
        weight: 2.0,
        goal: "Keep them without paying for what they do anyway",
        campaign_type: "loyalty, no discount",
        actions: [
            "Give early access and service, not discounts",
            "Ask for reviews and referrals",
            "Let them see and order new products first",
            "Hold a small control group to see what the care earns",
        ],
    },
    Rule {
        name: "Loyal",
        priority: 6,
        weight: 2.0,
        goal: "Raise the value of each order",
        campaign_type: "cross-sell",
        actions: [
            "Recommend the next category, not the same product",
            "Offer bundles and quantity steps",
            "Invite them to the loyalty programme",
            "Tell them before their usual products run out",
        ],
    },
    Rule {
        name: "Potential Loyalists",
        priority: 7,
        weight: 2.5,
        goal: "Reach the third and fourth order",
        campaign_type: "onboarding",
        actions: [
            "Make the next order easy: reorder lists, saved baskets",
            "Give a small benefit on the next order within their usual gap",
            "Show how others use what they bought",
            "Invite them to the loyalty programme",
        ],
    },
    Rule {
        name: "New",
        priority: 8,
        weight: 2.0,
        goal: "Get the second order",
        campaign_type: "onboarding",
        actions: [
            "Welcome them and check that the first order arrived well",
            "Show what customers with the same first product bought next",
            "Give a benefit on the second order, valid for 30 days",
            "Ask for preferences and consent",
        ],
    },
    Rule {
        name: "Promising",
        priority: 9,
        weight: 2.0,
        goal: "Turn a recent single order into a habit",
        campaign_type: "onboarding",
        actions: [
            "Follow up on the first order with useful content",
            "Recommend low-priced next products",
            "Offer free delivery on the next order",
            "Watch for the second order before spending more",
        ],
    },
    Rule {
        name: "Hibernating",
        priority: 10,
        weight: 0.5,
        goal: "Spend little: let those who want to come back do so",
        campaign_type: "low-cost reminder",
        actions: [
            "Send the season's catalogue by e-mail only",
            "Offer nothing that costs more than the expected return",
            "Clean the list: remove addresses that never answer",
            "Try one strong subject line a year, and measure it",
        ],
    },
];

/// The records of the segments, by priority; `customers` gives each segment's size. Shares are rounded to a tenth of a
/// per cent and sum to 100 over the segments that have customers.
#[must_use]
pub fn strategies(customers: impl Fn(&str) -> u64) -> Vec<Strategy> {
    let weights: Vec<f64> = RULES.iter().map(|r| r.weight * customers(r.name) as f64).collect();
    let total: f64 = weights.iter().sum();
    let mut tenths: Vec<i64> =
        weights.iter().map(|w| if total > 0.0 { (w / total * 1000.0).floor() as i64 } else { 0 }).collect();
    // The largest remainders get what rounding down left over.
    let mut order: Vec<usize> = (0..RULES.len()).filter(|&i| weights[i] > 0.0).collect();
    order.sort_by(|&a, &b| {
        let rest = |i: usize| weights[i] / total * 1000.0 - tenths[i] as f64;
        rest(b).total_cmp(&rest(a)).then(a.cmp(&b))
    });
    let missing = if total > 0.0 { 1000 - tenths.iter().sum::<i64>() } else { 0 };
    for &i in order.iter().cycle().take(usize::try_from(missing).unwrap_or(0)) {
        tenths[i] += 1;
    }
    RULES
        .iter()
        .zip(tenths)
        .map(|(rule, tenth)| Strategy {
            segment_name: rule.name,
            priority: rule.priority,
            goal: rule.goal,
            actions: rule.actions,
            campaign_type: rule.campaign_type,
            budget_allocation: tenth as f64 / 10.0,
            customers: customers(rule.name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_hundred_and_every_record_is_full() {
        for sizes in [[1_u64; 10], [0, 3, 0, 7, 1, 1, 900, 0, 2, 11]] {
            let all = strategies(|name| sizes[RULES.iter().position(|r| r.name == name).unwrap_or(0)]);
            let sum: f64 = all.iter().map(|s| s.budget_allocation).sum();
            assert!((sum - 100.0).abs() < 1e-9, "{sum}");
            assert!(all.iter().all(|s| s.actions.iter().all(|a| !a.is_empty()) && !s.goal.is_empty()));
            assert!(all.iter().all(|s| s.customers > 0 || s.budget_allocation.abs() < 1e-12));
        }
    }
}
