//! What to do with each segment: a full record for each, and how a budget would be shared between them.

use serde::Serialize;
use tenure_math::segment::map::Map;

use crate::config::SegmentRule;

/// A segment's strategy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strategy {
    /// The segment of the map.
    pub segment_name: String,
    /// 1 = first.
    pub priority: u8,
    /// What is to be reached.
    pub goal: String,
    /// Four things to do.
    pub actions: Vec<String>,
    /// The kind of campaign.
    pub campaign_type: String,
    /// Share of a retention budget, per cent; the shares of all segments sum to 100. A rule of thumb: urgency times
    /// customers, not the plan, which the allocation computes.
    pub budget_allocation: f64,
    /// Customers in the segment.
    pub customers: u64,
}

/// What is known of a segment by its name. `priority` orders the names, `weight` is what a customer of it weighs in the
/// rule of thumb.
struct Rule {
    name: &'static str,
    priority: u8,
    weight: f64,
    goal: &'static str,
    campaign_type: &'static str,
    actions: [&'static str; 4],
}

const RULES: [Rule; 11] = [
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
        name: "Potential Loyalist",
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
    Rule {
        name: "Lost",
        priority: 11,
        weight: 0.2,
        goal: "Learn why they left, and spend nothing on a guess",
        campaign_type: "none, or one survey",
        actions: [
            "Ask once, in one question, what made them leave",
            "Leave them out of every paid audience",
            "Keep only what the law and their consent allow, and delete the rest",
            "Compare where they came from with where loyal customers come from",
        ],
    },
];

/// The records of the segments of `map`, by priority; `customers` gives each segment's size and `own` what the user
/// says of them. A segment of a name of the user's own takes what is not said from the built-in segment with which it
/// shares most codes. Shares are rounded to a tenth of a per cent and sum to 100 over the segments that have customers.
#[must_use]
pub fn strategies(map: &Map, own: &[SegmentRule], customers: impl Fn(usize) -> u64) -> Vec<Strategy> {
    let rules: Vec<&Rule> = (0..map.len()).map(|segment| rule_of(map, segment)).collect();
    let mut order: Vec<usize> = (0..map.len()).collect();
    order.sort_by_key(|&segment| (rules[segment].priority, segment));
    let weights: Vec<f64> = order.iter().map(|&segment| rules[segment].weight * customers(segment) as f64).collect();
    order
        .iter()
        .zip(per_mille(&weights))
        .enumerate()
        .map(|(place, (&segment, tenth))| {
            let (rule, name) = (rules[segment], map.name(segment));
            let said = own.iter().find(|said| said.name == name);
            let or = |text: Option<&String>, otherwise: &str| text.map_or_else(|| otherwise.to_owned(), Clone::clone);
            Strategy {
                segment_name: name.to_owned(),
                priority: place as u8 + 1,
                goal: or(said.and_then(|s| s.goal.as_ref()), rule.goal),
                actions: match said {
                    Some(said) if !said.actions.is_empty() => said.actions.clone(),
                    _ => rule.actions.map(str::to_owned).to_vec(),
                },
                campaign_type: or(said.and_then(|s| s.campaign_type.as_ref()), rule.campaign_type),
                budget_allocation: tenth as f64 / 10.0,
                customers: customers(segment),
            }
        })
        .collect()
}

/// The rule of a segment's name, or of the built-in segment nearest to it.
fn rule_of(map: &Map, segment: usize) -> &'static Rule {
    let named = |name: &str| RULES.iter().position(|rule| rule.name == name);
    let eleven = Map::eleven();
    let at = named(map.name(segment)).or_else(|| named(eleven.name(map.nearest_in(segment, &eleven))));
    &RULES[at.unwrap_or(0)]
}

/// Weights as thousandths that sum to 1,000; all 0 where nothing weighs.
fn per_mille(weights: &[f64]) -> Vec<u64> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f64> = weights.iter().map(|w| w / total * 1000.0).collect();
    let mut shares: Vec<u64> = exact.iter().map(|e| e.floor() as u64).collect();
    // The largest remainders get what rounding down left over.
    let mut order: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let missing = 1000_u64.saturating_sub(shares.iter().sum());
    for &i in order.iter().cycle().take(missing as usize) {
        shares[i] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_math::segment::map;

    #[test]
    fn shares_sum_to_one_hundred_and_every_record_is_full_and_its_own() {
        for map in [Map::ten(), Map::eleven()] {
            for sizes in [[1_u64; 11], [0, 3, 0, 7, 1, 1, 900, 0, 2, 11, 4]] {
                let all = strategies(&map, &[], |segment| sizes[segment]);
                assert_eq!(all.len(), map.len());
                let sum: f64 = all.iter().map(|s| s.budget_allocation).sum();
                assert!((sum - 100.0).abs() < 1e-9, "{sum}");
                assert!(all.iter().all(|s| s.customers > 0 || s.budget_allocation.abs() < 1e-12));
                for (i, a) in all.iter().enumerate() {
                    assert_eq!((usize::from(a.priority), a.actions.len()), (i + 1, 4));
                    for b in &all[..i] {
                        assert!(a.goal != b.goal && a.segment_name != b.segment_name && a.actions != b.actions);
                    }
                }
            }
            assert!(strategies(&map, &[], |_| 0).iter().all(|s| s.budget_allocation.abs() < 1e-12));
        }
    }

    #[test]
    fn a_segment_of_ones_own_takes_what_is_not_said_from_the_nearest() {
        let rule = |name: &str, codes: &[&str]| map::Rule {
            name: name.to_owned(),
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
        };
        let map = Map::new(vec![rule("VIP", &["55[4-5]"]), rule("Others", &["[1-4]**", "5[1-4]*", "55[1-3]"])])
            .expect("a valid map");
        let own = [SegmentRule {
            name: "VIP".to_owned(),
            codes: vec!["55[4-5]".to_owned()],
            goal: Some("Keep them close".to_owned()),
            actions: Vec::new(),
            campaign_type: None,
        }];
        let all = strategies(&map, &own, |_| 5);
        let vip = all.iter().find(|s| s.segment_name == "VIP").expect("a record");
        let champions = RULES.iter().find(|r| r.name == "Champions").expect("a rule");
        assert_eq!((vip.goal.as_str(), vip.campaign_type.as_str()), ("Keep them close", champions.campaign_type));
        assert_eq!(vip.actions, champions.actions);
    }
}
