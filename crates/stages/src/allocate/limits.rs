//! The limits of the configuration, in the words of the problem.

use std::collections::BTreeSet;

use tenure_math::allocate::expected::OfferTable;
use tenure_math::allocate::{Limit, Measure};

use super::people::People;
use crate::config::Config;
use crate::error::{Error, Result};

/// A limit with the numbers that it refers to.
struct One {
    name: String,
    offers: Option<Vec<usize>>,
    members: Option<Vec<bool>>,
    in_money: bool,
    at_most: Option<f64>,
    at_least: Option<f64>,
}

/// The limits that are asked for.
pub(super) struct Asked(Vec<One>);

impl Asked {
    /// Those of `[constraints]`: the most contacts, and `[[constraints.limits]]`.
    ///
    /// # Errors
    /// [`Error::Input`] for a segment that there is not.
    pub(super) fn of(config: &Config, table: &OfferTable, people: &People) -> Result<Self> {
        let n = people.ids.len() as u64;
        let mut all = Vec::new();
        let most = config.constraints.max_contacts.customers(n);
        if most < n {
            all.push(One {
                name: "contacts".to_owned(),
                offers: None,
                members: None,
                in_money: false,
                at_most: Some(most as f64),
                at_least: None,
            });
        }
        let known: BTreeSet<&str> = people.segments.iter().map(String::as_str).collect();
        for limit in &config.constraints.limits {
            if let Some(unknown) = limit.segments.iter().find(|segment| !known.contains(segment.as_str())) {
                return Err(Error::Input {
                    problem: format!("the limit {} names the segment {unknown}, in which nobody is", limit.name),
                    place: None,
                    cure: format!("name some of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
                });
            }
            let place = |name: &String| table.offers.iter().position(|offer| offer.name == *name);
            let offers: Option<Vec<usize>> =
                (!limit.offers.is_empty()).then(|| limit.offers.iter().filter_map(place).collect());
            let members: Option<Vec<bool>> = (!limit.segments.is_empty())
                .then(|| people.segments.iter().map(|segment| limit.segments.contains(segment)).collect());
            let about = members.as_ref().map_or(n, |members| members.iter().filter(|m| **m).count() as u64);
            let (most, least) = limit.customers(about);
            let (offers, members) = (&offers, &members);
            let of = |what: &str, in_money: bool, at_most: Option<f64>, at_least: Option<f64>| One {
                name: format!("{} ({what})", limit.name),
                offers: offers.clone(),
                members: members.clone(),
                in_money,
                at_most,
                at_least,
            };
            if most.is_some() || least.is_some() {
                all.push(of("customers", false, most.map(|v| v as f64), least.map(|v| v as f64)));
            }
            if limit.max_budget.is_some() || limit.min_budget.is_some() {
                all.push(of("money", true, limit.max_budget, limit.min_budget));
            }
        }
        Ok(Self(all))
    }

    /// The same, as the problem takes them.
    pub(super) fn limits(&self) -> Vec<Limit<'_>> {
        let limit = |one| {
            let One { name, offers, members, in_money, at_most, at_least }: &One = one;
            Limit {
                name: name.clone(),
                offers: offers.as_deref(),
                members: members.as_deref(),
                measure: if *in_money { Measure::Cost } else { Measure::Count },
                at_most: *at_most,
                at_least: *at_least,
            }
        };
        self.0.iter().map(limit).collect()
    }
}
