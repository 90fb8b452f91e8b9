//! Names for clusters, by where their customers stand among all customers.
//!
//! Question: what would a marketer call this group? Each customer has a place from 0 (worst) to 1 (best) on recency,
//! frequency and money: the mean rank of its value, so that the thresholds are relative to the data. A cluster's profile
//! is the mean place of its members. Each name has an ideal profile ([`IDEALS`]), and the cost of a name is the squared
//! distance from it. All clusters are named together at the least total cost, where a name may be given twice at a
//! price of [`SHARING`]: a cluster takes its second-best name only when that fits nearly as well. Clusters that still
//! share a name are told apart by the measure on which they differ most, such as "Loyal (higher spend)".
//!
//! The result is a function of the profiles alone: the numbering of the clusters does not matter.

use serde::{Deserialize, Serialize};

use super::rfm::Better;
use crate::error::{Error, Result};
use crate::num;

/// The mean places of a cluster's customers among all customers, each 0 (worst) to 1 (best).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// 1 = bought most recently.
    pub recency: f64,
    /// 1 = bought most often.
    pub frequency: f64,
    /// 1 = spent most.
    pub monetary: f64,
}

/// The names and their ideal places on recency, frequency and money.
pub const IDEALS: [(&str, [f64; 3]); 9] = [
    ("Champions", [0.85, 0.88, 0.88]),
    ("Loyal", [0.65, 0.72, 0.72]),
    ("Potential Loyalist", [0.75, 0.50, 0.50]),
    ("New", [0.88, 0.18, 0.20]),
    ("Promising", [0.68, 0.22, 0.35]),
    ("Need Attention", [0.45, 0.50, 0.52]),
    ("At Risk", [0.25, 0.68, 0.70]),
    ("Hibernating", [0.30, 0.28, 0.32]),
    ("Lost", [0.12, 0.15, 0.15]),
];

/// The price of giving a name twice, in squared distance: two clusters share a name rather than that one of them is
/// moved to a name about 0.2 further away.
pub const SHARING: f64 = 0.04;

/// The profiles of clusters `0..k` from each customer's measures and cluster; who is in none counts among all customers.
///
/// # Errors
/// [`Error::Shape`] when the lengths differ, [`Error::NotFinite`] for NaN or infinity, [`Error::Degenerate`] when a
/// cluster has no customers or a label is not below `k`.
pub fn profiles(
    recency_days: &[f64],
    frequency: &[f64],
    monetary: &[f64],
    labels: &[Option<u32>],
    k: usize,
) -> Result<Vec<Profile>> {
    let n = labels.len();
    let mut sums = vec![[0.0; 3]; k];
    let mut sizes = vec![0.0; k];
    if labels.iter().flatten().any(|&c| c as usize >= k) {
        return Err(Error::Degenerate {
            what: "cluster profiles",
            reason: "a label is not below the number of clusters",
        });
    }
    labels.iter().flatten().for_each(|&c| sizes[c as usize] += 1.0);
    if sizes.iter().any(|&s| s < 1.0) {
        return Err(Error::Degenerate { what: "cluster profiles", reason: "a cluster has no customers" });
    }
    let measures = [(recency_days, Better::Low), (frequency, Better::High), (monetary, Better::High)];
    for (m, (values, better)) in measures.into_iter().enumerate() {
        num::require_len("measure of the cluster profiles", n, values.len())?;
        num::require_finite("measure of the cluster profiles", values)?;
        for (place, c) in places(values, better).iter().zip(labels) {
            if let Some(c) = c {
                sums[*c as usize][m] += place;
            }
        }
    }
    let profile = |(sum, size): (&[f64; 3], &f64)| Profile {
        recency: sum[0] / size,
        frequency: sum[1] / size,
        monetary: sum[2] / size,
    };
    Ok(sums.iter().zip(&sizes).map(profile).collect())
}

/// A name for each profile, all different.
///
/// # Errors
/// [`Error::NotFinite`] when a place is NaN or infinite.
///
/// ```
/// use tenure_math::segment::naming::{Profile, names};
/// let best = Profile { recency: 0.9, frequency: 0.9, monetary: 0.9 };
/// let gone = Profile { recency: 0.1, frequency: 0.2, monetary: 0.1 };
/// assert_eq!(names(&[gone, best])?, ["Lost", "Champions"]);
/// # Ok::<(), tenure_math::Error>(())
/// ```
pub fn names(profiles: &[Profile]) -> Result<Vec<String>> {
    for (row, p) in profiles.iter().enumerate() {
        if let Some(column) = p.places().iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { what: "cluster profiles", row, column });
        }
    }
    // The clusters in an order of their own, best first, so that their numbers cannot matter.
    let mut order: Vec<usize> = (0..profiles.len()).collect();
    order.sort_by(|&a, &b| {
        let (x, y) = (profiles[a].places(), profiles[b].places());
        (0..3).fold(std::cmp::Ordering::Equal, |so_far, j| so_far.then(y[j].total_cmp(&x[j])))
    });
    let sorted: Vec<Profile> = order.iter().map(|&i| profiles[i]).collect();
    let ideals = assign(&sorted);
    let mut names = vec![String::new(); profiles.len()];
    for (name, (title, _)) in IDEALS.iter().enumerate() {
        let group: Vec<usize> = (0..sorted.len()).filter(|&i| ideals[i] == name).collect();
        let members: Vec<Profile> = group.iter().map(|&i| sorted[i]).collect();
        for (&i, word) in group.iter().zip(words(&members)) {
            names[order[i]] = if word.is_empty() { (*title).to_owned() } else { format!("{title} ({word})") };
        }
    }
    Ok(names)
}

impl Profile {
    fn places(&self) -> [f64; 3] {
        [self.recency, self.frequency, self.monetary]
    }

    fn cost(&self, ideal: usize) -> f64 {
        self.places().iter().zip(IDEALS[ideal].1).map(|(x, y)| (x - y) * (x - y)).sum()
    }
}

/// The cheapest naming, by dynamic programming over the sets of names that are taken.
fn assign(profiles: &[Profile]) -> Vec<usize> {
    const SETS: usize = 1 << IDEALS.len();
    let mut cost = vec![f64::INFINITY; SETS];
    cost[0] = 0.0;
    let mut steps: Vec<Vec<(usize, usize)>> = Vec::with_capacity(profiles.len());
    for profile in profiles {
        let mut next = vec![f64::INFINITY; SETS];
        let mut step = vec![(0, 0); SETS];
        for (set, &so_far) in cost.iter().enumerate().filter(|(_, c)| c.is_finite()) {
            for ideal in 0..IDEALS.len() {
                let shared = if set & (1 << ideal) == 0 { 0.0 } else { SHARING };
                let total = so_far + profile.cost(ideal) + shared;
                let with = set | (1 << ideal);
                if total < next[with] {
                    next[with] = total;
                    step[with] = (set, ideal);
                }
            }
        }
        cost = next;
        steps.push(step);
    }
    let mut set = (0..SETS).fold(0, |best, s| if cost[s] < cost[best] { s } else { best });
    let mut names = vec![0; profiles.len()];
    for (i, step) in steps.iter().enumerate().rev() {
        (set, names[i]) = step[set];
    }
    names
}

/// What tells clusters of one name apart: nothing for one, a comparative for two, a rank for more. Clusters with equal
/// places keep their order.
fn words(members: &[Profile]) -> Vec<String> {
    const COMPARED: [[&str; 2]; 3] =
        [["more recent", "less recent"], ["more frequent", "less frequent"], ["higher spend", "lower spend"]];
    const RANKED: [&str; 3] = ["recency", "frequency", "spend"];
    if members.len() < 2 {
        return vec![String::new(); members.len()];
    }
    let spread = |j: usize| {
        let (low, high) = members
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.places()[j]), h.max(p.places()[j])));
        high - low
    };
    // Money first among equals: it is what people ask about.
    let measure = [1, 0].into_iter().fold(2, |best, j| if spread(j) > spread(best) { j } else { best });
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|&a, &b| members[b].places()[measure].total_cmp(&members[a].places()[measure]));
    let mut words = vec![String::new(); members.len()];
    for (rank, &i) in order.iter().enumerate() {
        words[i] = if members.len() == 2 {
            COMPARED[measure][rank].to_owned()
        } else {
            format!("{} {} of {}", RANKED[measure], rank + 1, members.len())
        };
    }
    words
}

/// The mean rank of each value as a share of all, 0 (worst) to 1 (best); equal values share one place.
fn places(values: &[f64], better: Better) -> Vec<f64> {
    let order = num::argsort(values);
    let n = values.len();
    let mut places = vec![0.0; n];
    let mut first = 0;
    for end in 1..=n {
        if end == n || values[order[first]] < values[order[end]] {
            let centre = (first + end) as f64 / (2 * n) as f64;
            let place = if better == Better::High { centre } else { 1.0 - centre };
            order[first..end].iter().for_each(|&i| places[i] = place);
            first = end;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use rand::RngExt;

    fn profile(p: [f64; 3]) -> Profile {
        Profile { recency: p[0], frequency: p[1], monetary: p[2] }
    }

    #[test]
    fn ideal_profiles_get_their_own_names() {
        let all: Vec<Profile> = IDEALS.iter().map(|(_, p)| profile(*p)).collect();
        let expected: Vec<&str> = IDEALS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names(&all).unwrap(), expected);
    }

    #[test]
    fn clusters_far_from_every_other_name_share_one_and_are_told_apart() {
        let two = [profile([0.1, 0.1, 0.05]), profile([0.1, 0.15, 0.2])];
        let named = names(&two).unwrap();
        assert!(named.contains(&"Lost".to_owned()) || named[0].starts_with("Lost ("), "{named:?}");
        let three = [profile([0.95, 0.95, 0.9]), profile([0.95, 0.95, 0.99]), profile([0.95, 0.95, 0.95])];
        assert_eq!(
            names(&three).unwrap(),
            ["Champions (spend 3 of 3)", "Champions (spend 1 of 3)", "Champions (spend 2 of 3)"]
        );
        assert_eq!(names(&three[..2]).unwrap(), ["Champions (lower spend)", "Champions (higher spend)"]);
    }

    #[test]
    fn profiles_are_mean_places() {
        let (days, orders, money) = ([10., 20., 30., 40.], [4., 3., 1., 1.], [1., 1., 1., 1.]);
        let p = profiles(&days, &orders, &money, &[0, 0, 1, 1].map(Some), 2).unwrap();
        assert_eq!(p[0], profile([0.75, 0.75, 0.5]));
        assert_eq!(p[1], profile([0.25, 0.25, 0.5]));
        // Who is in no cluster still counts in the places of the others.
        let q = profiles(&days, &orders, &money, &[Some(0), Some(0), None, Some(1)], 2).unwrap();
        assert_eq!((q[0], q[1]), (p[0], profile([0.125, 0.25, 0.5])));
        assert!(profiles(&[1.0], &[1.0], &[1.0], &[Some(1)], 1).is_err());
        assert!(profiles(&[1.0], &[1.0], &[1.0], &[Some(0)], 2).is_err());
        assert!(profiles(&[1.0], &[1.0], &[], &[Some(0)], 1).is_err());
        assert!(names(&[profile([f64::NAN, 0.0, 0.0])]).is_err());
        assert!(names(&[]).unwrap().is_empty());
    }

    #[test]
    fn names_are_unique_and_free_of_the_numbering() {
        let mut draws = crate::rng::stream(1, "test/naming", 0);
        for _ in 0..200 {
            let n = draws.random_range(1..14);
            let profiles: Vec<Profile> = (0..n).map(|_| profile(draws.random())).collect();
            let named = names(&profiles).unwrap();
            let unique: std::collections::BTreeSet<&String> = named.iter().collect();
            assert_eq!(unique.len(), named.len());
            let by = draws.random_range(0..n);
            let mut turned = profiles.clone();
            turned.rotate_left(by);
            turned.reverse();
            let mut expected = named;
            expected.rotate_left(by);
            expected.reverse();
            assert_eq!(names(&turned).unwrap(), expected);
        }
    }
}
