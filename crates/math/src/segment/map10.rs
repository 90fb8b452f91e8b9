//! The map of ten segments over recency and frequency scores.
//!
//! Question: what is a customer with recency score R and frequency score F called? The map is a table of rectangles in
//! the 5 x 5 grid; it is valid when every cell belongs to exactly one rule, so that no rule shadows another and nobody is
//! left without a segment. The standard table is the one many RFM courses share; money takes no part in it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One rule: a name and the rectangle of scores it covers, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The segment's name.
    pub name: String,
    /// Lowest and highest recency score.
    pub recency: (u8, u8),
    /// Lowest and highest frequency score.
    pub frequency: (u8, u8),
}

impl Rule {
    fn covers(&self, r: u8, f: u8) -> bool {
        (self.recency.0..=self.recency.1).contains(&r) && (self.frequency.0..=self.frequency.1).contains(&f)
    }
}

/// A valid map: every one of the 25 cells has exactly one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rule>", into = "Vec<Rule>")]
pub struct Map {
    rules: Vec<Rule>,
    cells: [[usize; 5]; 5],
}

impl Default for Map {
    /// The standard table of ten segments.
    fn default() -> Self {
        let rules = STANDARD
            .iter()
            .map(|&(name, recency, frequency)| Rule { name: name.to_owned(), recency, frequency })
            .collect::<Vec<_>>();
        let cells = std::array::from_fn(|r| {
            std::array::from_fn(|f| {
                rules.iter().position(|rule| rule.covers(r as u8 + 1, f as u8 + 1)).unwrap_or_default()
            })
        });
        Self { rules, cells }
    }
}

/// Name, recency scores, frequency scores; one row a segment.
type Entry = (&'static str, (u8, u8), (u8, u8));
const STANDARD: [Entry; 10] = [
    ("Champions", (5, 5), (4, 5)),
    ("Loyal", (3, 4), (4, 5)),
    ("Potential Loyalists", (4, 5), (2, 3)),
    ("New", (5, 5), (1, 1)),
    ("Promising", (4, 4), (1, 1)),
    ("Need Attention", (3, 3), (3, 3)),
    ("About To Sleep", (3, 3), (1, 2)),
    ("At Risk", (1, 2), (3, 4)),
    ("Can't Lose", (1, 2), (5, 5)),
    ("Hibernating", (1, 2), (1, 2)),
];

impl Map {
    /// A map by the given rules.
    ///
    /// # Errors
    /// [`Error::Infeasible`] naming the first cell that no rule or more than one rule covers, a range outside 1..=5 or
    /// upside down, or a name that is empty or used twice.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        let mut cells = [[0; 5]; 5];
        for (at, rule) in rules.iter().enumerate() {
            for (low, high) in [rule.recency, rule.frequency] {
                if low < 1 || high > 5 || low > high {
                    let reason = format!("rule '{}' has the range {low} to {high}, scores are 1 to 5", rule.name);
                    return Err(Error::Infeasible { reason });
                }
            }
            if rule.name.trim().is_empty() || rules[..at].iter().any(|other| other.name == rule.name) {
                let reason = format!("the name '{}' is empty or used by two rules", rule.name);
                return Err(Error::Infeasible { reason });
            }
        }
        for r in 1..=5_u8 {
            for f in 1..=5_u8 {
                let covering: Vec<usize> = (0..rules.len()).filter(|&i| rules[i].covers(r, f)).collect();
                match covering[..] {
                    [only] => cells[usize::from(r) - 1][usize::from(f) - 1] = only,
                    [] => {
                        return Err(Error::Infeasible { reason: format!("no rule covers recency {r}, frequency {f}") });
                    }
                    [first, second, ..] => {
                        let reason = format!(
                            "the rules '{}' and '{}' both cover recency {r}, frequency {f}",
                            rules[first].name, rules[second].name
                        );
                        return Err(Error::Infeasible { reason });
                    }
                }
            }
        }
        Ok(Self { rules, cells })
    }

    /// The rules, in their order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The segment of recency score `r` and frequency score `f`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a score is not 1 to 5.
    ///
    /// ```
    /// let map = tenure_math::segment::map10::Map::default();
    /// assert_eq!(map.segment_of(5, 4)?, "Champions");
    /// assert_eq!(map.segment_of(1, 5)?, "Can't Lose");
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn segment_of(&self, r: u8, f: u8) -> Result<&str> {
        for (name, score) in [("recency score", r), ("frequency score", f)] {
            if !(1..=5).contains(&score) {
                return Err(Error::Parameter { name, value: f64::from(score), expected: "1 to 5" });
            }
        }
        Ok(&self.rules[self.cells[usize::from(r) - 1][usize::from(f) - 1]].name)
    }
}

impl TryFrom<Vec<Rule>> for Map {
    type Error = Error;

    fn try_from(rules: Vec<Rule>) -> Result<Self> {
        Self::new(rules)
    }
}

impl From<Map> for Vec<Rule> {
    fn from(map: Map) -> Self {
        map.rules
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_standard_table_is_valid_and_reads_as_published() {
        let map = Map::default();
        assert_eq!(Map::new(map.rules().to_vec()).unwrap(), map);
        // Rows: recency 1 to 5; columns: frequency 1 to 5 (the regular expressions of the courses, cell by cell).
        let expected = ["HHAAC", "HHAAC", "SSNLL", "PTTLL", "WTTXX"];
        let letter = |name: &str| match name {
            "Hibernating" => 'H',
            "At Risk" => 'A',
            "Can't Lose" => 'C',
            "About To Sleep" => 'S',
            "Need Attention" => 'N',
            "Loyal" => 'L',
            "Promising" => 'P',
            "New" => 'W',
            "Potential Loyalists" => 'T',
            "Champions" => 'X',
            other => panic!("{other}"),
        };
        for r in 1..=5 {
            let row: String = (1..=5).map(|f| letter(map.segment_of(r, f).unwrap())).collect();
            assert_eq!(row, expected[usize::from(r) - 1]);
        }
        assert!(map.segment_of(0, 1).is_err() && map.segment_of(1, 6).is_err());
    }

    #[test]
    fn gaps_overlaps_and_bad_ranges_are_refused_by_name() {
        let standard = Map::default().rules().to_vec();
        let reason = |rules: Vec<Rule>| match Map::new(rules) {
            Err(Error::Infeasible { reason }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(standard[..9].to_vec()), "no rule covers recency 1, frequency 1");
        let mut wide = standard.clone();
        wide[0].frequency = (3, 5);
        assert_eq!(reason(wide), "the rules 'Champions' and 'Potential Loyalists' both cover recency 5, frequency 3");
        let mut outside = standard.clone();
        outside[0].recency = (5, 6);
        assert!(reason(outside).contains("5 to 6"));
        let mut twice = standard;
        twice[1].name = "Champions".to_owned();
        assert!(reason(twice).contains("two rules"));
    }

    #[test]
    fn a_map_survives_json_and_a_broken_one_does_not() {
        let map = Map::default();
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::from_str::<Map>(&text).unwrap(), map);
        assert!(serde_json::from_str::<Map>("[]").is_err());
    }
}
