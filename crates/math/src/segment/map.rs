//! Maps from RFM codes to named segments.
//!
//! Question: what is a customer with the scores R, F and M called? A map is a list of rules, best segment first. A rule
//! is a name and the codes that belong to it, written out (`545`) or as patterns: each of the three places is a score,
//! a range (`[4-5]`), a set (`[135]`) or `*` for any score. A map is valid when each of the 125 codes belongs to exactly
//! one rule: then nobody is left without a segment, no rule stands in the shadow of another, and their order decides
//! nothing but what counts as moving up or down.
//!
//! [`Map::ten`] is the table over recency and frequency that many RFM courses share; money takes no part in it.
//! [`Map::eleven`] spreads eleven names over all 125 codes, as marketing tools publish them (Bloomreach, Squeezely).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// All codes: five scores for each of three measures.
const CODES: usize = 125;
/// At most so many codes are named in a message.
const NAMED: usize = 25;

/// One segment: its name and the codes that belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The segment's name, unique in the map.
    pub name: String,
    /// Codes such as `545`, or patterns such as `5[4-5]*`.
    pub codes: Vec<String>,
}

/// A valid map: every code belongs to exactly one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rule>", into = "Vec<Rule>")]
pub struct Map {
    rules: Vec<Rule>,
    /// The rule of each code, in the order 111, 112, …, 555.
    cells: Vec<usize>,
}

type Entry = (&'static str, &'static [&'static str]);

const TEN: [Entry; 10] = [
    ("Champions", &["5[4-5]*"]),
    ("Loyal", &["[3-4][4-5]*"]),
    ("Potential Loyalist", &["[4-5][2-3]*"]),
    ("New", &["51*"]),
    ("Promising", &["41*"]),
    ("Need Attention", &["33*"]),
    ("About To Sleep", &["3[1-2]*"]),
    ("At Risk", &["[1-2][3-4]*"]),
    ("Can't Lose", &["[1-2]5*"]),
    ("Hibernating", &["[1-2][1-2]*"]),
];

const ELEVEN: [Entry; 11] = [
    ("Champions", &["55[4-5]", "54[4-5]", "45[4-5]", "445"]),
    ("Loyal", &["543", "444", "435", "35[4-5]", "34[4-5]", "335"]),
    (
        "Potential Loyalist",
        &["55[1-3]", "54[1-2]", "53[1-3]", "45[1-3]", "44[1-2]", "43[1-3]", "423", "35[1-3]", "34[1-2]", "333", "323"],
    ),
    ("New", &["51[1-2]", "4[1-2][1-2]", "311"]),
    ("Promising", &["52[1-5]", "51[3-5]", "42[4-5]", "41[3-5]", "31[3-5]"]),
    ("Need Attention", &["53[4-5]", "443", "434", "343", "334", "32[4-5]"]),
    ("About To Sleep", &["331", "321", "312", "221", "213", "2[3-5]1"]),
    ("At Risk", &["25[2-5]", "24[2-5]", "23[4-5]", "22[4-5]", "15[2-3]", "14[23]", "145", "13[3-5]", "12[4-5]"]),
    ("Can't Lose", &["15[4-5]", "144", "21[4-5]", "11[3-5]"]),
    ("Hibernating", &["332", "322", "23[2-3]", "22[2-3]", "132", "12[2-3]", "21[1-2]"]),
    ("Lost", &["11[1-2]", "1[2-5]1"]),
];

impl Default for Map {
    fn default() -> Self {
        Self::ten()
    }
}

impl Map {
    /// The ten segments over recency and frequency.
    #[must_use]
    pub fn ten() -> Self {
        Self::built_in(&TEN)
    }

    /// The eleven segments over all 125 codes.
    #[must_use]
    pub fn eleven() -> Self {
        Self::built_in(&ELEVEN)
    }

    /// The tables above are valid, which the tests prove; a code that none covered would go to the last.
    fn built_in(entries: &[Entry]) -> Self {
        let rules: Vec<Rule> = entries
            .iter()
            .map(|(name, codes)| Rule {
                name: (*name).to_owned(),
                codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            })
            .collect();
        let mut cells = vec![rules.len() - 1; CODES];
        for (at, rule) in rules.iter().enumerate() {
            for cell in rule.codes.iter().filter_map(|code| parse(code)).flatten() {
                cells[cell] = at;
            }
        }
        Self { rules, cells }
    }

    /// A map by the given rules, best segment first.
    ///
    /// # Errors
    /// [`Error::Infeasible`] naming the rules and codes at fault: a name that is empty or used twice, a rule without
    /// codes, a pattern that cannot be read, codes that two rules claim, codes that none claims.
    ///
    /// ```
    /// use tenure_math::segment::map::{Map, Rule};
    /// let rule = |name: &str, code: &str| Rule { name: name.into(), codes: vec![code.into()] };
    /// let map = Map::new(vec![rule("Warm", "[3-5]**"), rule("Cold", "[1-2]**")])?;
    /// assert_eq!(map.name(map.segment_of(3, 1, 1)?), "Warm");
    /// assert!(Map::new(vec![rule("Warm", "[3-5]**"), rule("Cold", "1**")]).is_err());
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        let refuse = |reason: String| Err(Error::Infeasible { reason });
        let mut claims: Vec<Vec<usize>> = vec![Vec::new(); CODES];
        for (at, rule) in rules.iter().enumerate() {
            if rule.name.trim().is_empty() {
                return refuse(format!("rule {} has no name", at + 1));
            }
            // Names in brackets are for what is on no map, such as "(not yet a customer)".
            if rule.name.starts_with('(') || rule.name.chars().any(char::is_control) {
                return refuse(format!("the name {:?} begins with a bracket or holds a line break", rule.name));
            }
            if rules[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&rule.name)) {
                return refuse(format!("two rules are called '{}'", rule.name));
            }
            if rule.codes.is_empty() {
                return refuse(format!("the rule '{}' has no codes", rule.name));
            }
            for code in &rule.codes {
                let Some(cells) = parse(code) else {
                    return refuse(format!(
                        "the rule '{}' has the code '{code}'; a code has three places, each a score from 1 to 5, a \
                         range such as [4-5], a set such as [135] or *",
                        rule.name
                    ));
                };
                for cell in cells {
                    if claims[cell].last() != Some(&at) {
                        claims[cell].push(at);
                    }
                }
            }
        }
        let contested: Vec<usize> = (0..CODES).filter(|&cell| claims[cell].len() > 1).collect();
        if let Some(&first) = contested.first() {
            let (a, b) = (claims[first][0], claims[first][1]);
            let both: Vec<usize> = contested.into_iter().filter(|&cell| claims[cell][..2] == [a, b]).collect();
            return refuse(format!("the rules '{}' and '{}' both claim {}", rules[a].name, rules[b].name, told(&both)));
        }
        let orphans: Vec<usize> = (0..CODES).filter(|&cell| claims[cell].is_empty()).collect();
        if !orphans.is_empty() {
            return refuse(format!("no rule claims {}", told(&orphans)));
        }
        Ok(Self { cells: claims.into_iter().map(|claim| claim[0]).collect(), rules })
    }

    /// The rules, best segment first.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The number of segments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no segment; never so for a valid map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The name of a segment, counted from 0, the best; panics beyond the last.
    #[must_use]
    pub fn name(&self, segment: usize) -> &str {
        &self.rules[segment].name
    }

    /// How many of the 125 codes belong to a segment.
    #[must_use]
    pub fn codes_of(&self, segment: usize) -> usize {
        self.cells.iter().filter(|&&cell| cell == segment).count()
    }

    /// The segment of the scores `r`, `f` and `m`, counted from 0, the best.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a score is not 1 to 5.
    ///
    /// ```
    /// let map = tenure_math::segment::map::Map::eleven();
    /// assert_eq!(map.name(map.segment_of(5, 4, 4)?), "Champions");
    /// assert_eq!(map.name(map.segment_of(1, 5, 5)?), "Can't Lose");
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn segment_of(&self, r: u8, f: u8, m: u8) -> Result<usize> {
        for (name, score) in [("recency score", r), ("frequency score", f), ("monetary score", m)] {
            if !(1..=5).contains(&score) {
                return Err(Error::Parameter { name, value: f64::from(score), expected: "1 to 5" });
            }
        }
        Ok(self.cells[cell(r, f, m)])
    }

    /// The segment of `other` to which most codes of `segment` belong; between equals the better one.
    #[must_use]
    pub fn nearest_in(&self, segment: usize, other: &Map) -> usize {
        let mut shared = vec![0; other.len()];
        for (&own, &its) in self.cells.iter().zip(&other.cells) {
            shared[its] += usize::from(own == segment);
        }
        (0..shared.len()).fold(0, |best, at| if shared[at] > shared[best] { at } else { best })
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

fn cell(r: u8, f: u8, m: u8) -> usize {
    25 * usize::from(r - 1) + 5 * usize::from(f - 1) + usize::from(m - 1)
}

/// The codes of cells, as a message names them.
fn told(cells: &[usize]) -> String {
    let codes: Vec<String> =
        cells.iter().take(NAMED).map(|c| format!("{}{}{}", c / 25 + 1, c / 5 % 5 + 1, c % 5 + 1)).collect();
    let more = cells.len() - codes.len();
    if more > 0 { format!("{} and {more} more", codes.join(", ")) } else { codes.join(", ") }
}

/// The cells of a pattern; `None` when it cannot be read.
fn parse(pattern: &str) -> Option<Vec<usize>> {
    let mut rest = pattern.trim();
    let mut places: [Vec<u8>; 3] = Default::default();
    for place in &mut places {
        (*place, rest) = scores(rest)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let [r, f, m] = &places;
    let all = r.iter().flat_map(|&r| f.iter().flat_map(move |&f| m.iter().map(move |&m| cell(r, f, m))));
    Some(all.collect())
}

/// The scores that the first place of a pattern stands for, and what follows it.
fn scores(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut rest = text.chars();
    let first = rest.next()?;
    if first == '*' {
        return Some(((1..=5).collect(), rest.as_str()));
    }
    if first != '[' {
        return Some((vec![score(first)?], rest.as_str()));
    }
    let (inside, after) = rest.as_str().split_once(']')?;
    let found = match inside.chars().collect::<Vec<_>>()[..] {
        [low, '-', high] => (score(low)?..=score(high)?).collect(),
        ref set => set.iter().map(|&c| score(c)).collect::<Option<Vec<u8>>>()?,
    };
    if found.is_empty() { None } else { Some((found, after)) }
}

fn score(c: char) -> Option<u8> {
    c.to_digit(10).filter(|d| (1..=5).contains(d)).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(entries: &[(&str, &[&str])]) -> Vec<Rule> {
        let owned = |codes: &[&str]| codes.iter().map(|c| (*c).to_owned()).collect();
        entries.iter().map(|(name, codes)| Rule { name: (*name).to_owned(), codes: owned(codes) }).collect()
    }

    fn reason(entries: &[(&str, &[&str])]) -> String {
        match Map::new(rules(entries)) {
            Err(Error::Infeasible { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_tables_cover_every_code_once() {
        for (map, sizes) in [
            // REFERENCE 4.5: ten rectangles over R x F, each five codes deep.
            (Map::ten(), vec![10, 20, 20, 5, 5, 5, 10, 20, 10, 20]),
            // REFERENCE 4.5: 7/8/24/7/16/8/8/22/8/11/6 in this order.
            (Map::eleven(), vec![7, 8, 24, 7, 16, 8, 8, 22, 8, 11, 6]),
        ] {
            assert_eq!(Map::new(map.rules().to_vec()).unwrap(), map);
            assert_eq!((0..map.len()).map(|s| map.codes_of(s)).collect::<Vec<_>>(), sizes);
            let text = serde_json::to_string(&map).unwrap();
            assert_eq!(serde_json::from_str::<Map>(&text).unwrap(), map);
        }
        assert!(serde_json::from_str::<Map>(r#"[{"name": "All", "codes": ["5**"]}]"#).is_err());
    }

    #[test]
    fn codes_are_read_in_every_spelling() {
        let map = Map::new(rules(&[("A", &["[1-3]**", "4[135]*"]), ("B", &["4[24]*"]), ("C", &[" 5** "])])).unwrap();
        let name = |r, f, m| map.name(map.segment_of(r, f, m).unwrap());
        assert_eq!([name(1, 5, 5), name(4, 3, 1), name(4, 2, 5), name(5, 1, 1)], ["A", "A", "B", "C"]);
        for bad in ["55", "5555", "6**", "0**", "[4-6]**", "[]**", "[5-4]**", "[4-5**", "a**", "", "[4,5]**"] {
            let told = reason(&[("A", &[bad])]);
            assert!(told.starts_with(&format!("the rule 'A' has the code '{bad}'; a code has three places")), "{told}");
        }
        assert!(
            map.segment_of(0, 1, 1).is_err() && map.segment_of(1, 6, 1).is_err() && map.segment_of(1, 1, 9).is_err()
        );
    }

    #[test]
    fn gaps_overlaps_and_bad_names_are_named() {
        assert_eq!(
            reason(&[("A", &["5**"]), ("B", &["[1-4]**", "5[4-5]5"])]),
            "the rules 'A' and 'B' both claim 545, 555"
        );
        assert_eq!(
            reason(&[("A", &["5**"]), ("B", &["[1-4][1-4]*", "[1-3]5*"])]),
            "no rule claims 451, 452, 453, 454, 455"
        );
        let told = reason(&[("A", &["5**"])]);
        assert!(told.starts_with("no rule claims 111, 112, ") && told.ends_with("154, 155 and 75 more"), "{told}");
        // A rule that another covers wholly is in its shadow.
        assert!(reason(&[("A", &["***"]), ("B", &["555"])]).starts_with("the rules 'A' and 'B' both claim 555"));
        assert_eq!(reason(&[("A", &["5**"]), ("A", &["[1-4]**"])]), "two rules are called 'A'");
        assert_eq!(reason(&[("B", &["5**"]), ("b", &["[1-4]**"])]), "two rules are called 'b'");
        assert_eq!(reason(&[("A\nB", &["***"])]), r#"the name "A\nB" begins with a bracket or holds a line break"#);
        assert_eq!(reason(&[(" ", &["***"])]), "rule 1 has no name");
        assert_eq!(reason(&[("A", &[])]), "the rule 'A' has no codes");
        // Saying a code twice in one rule is no fault.
        assert!(Map::new(rules(&[("A", &["***", "555"])])).is_ok());
    }

    #[test]
    fn the_nearest_segment_of_another_map_shares_most_codes() {
        let own = Map::new(rules(&[("VIP", &["555"]), ("Cold", &["1[1-2]*"]), ("Rest", &["[2-5]**", "1[3-5]*"])]));
        assert!(own.is_err(), "555 is claimed twice");
        let own = Map::new(rules(&[
            ("VIP", &["5[4-5]*"]),
            ("Cold", &["1[1-2]*"]),
            ("Rest", &["[2-4]**", "5[1-3]*", "1[3-5]*"]),
        ]))
        .unwrap();
        let ten = Map::ten();
        assert_eq!(ten.name(own.nearest_in(0, &ten)), "Champions");
        assert_eq!(ten.name(own.nearest_in(1, &ten)), "Hibernating");
    }
}
