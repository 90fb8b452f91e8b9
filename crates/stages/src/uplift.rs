//! Does a score find the customers whom a contact moves? Asked of a file whose contact was assigned by chance.
//!
//! The file has one row per customer: who was contacted with what, what they did afterwards, and one or more scores that
//! were known before. No run is needed, and no run reads the answer.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tenure_math::metric::{bootstrap, roc_auc};
use tenure_math::uplift::qini::{RankedTrial, Trial};
use tenure_tables::frame::Frame;

use crate::error::{Error, Result};
use crate::given::{self, unreadable};
use crate::number;

/// Coverage of the intervals.
pub const LEVEL: f64 = 0.95;
/// Points of a curve, evenly spread.
const STEPS: usize = 50;
/// Values of the treatment that mean "not contacted".
const UNTREATED: &[&str] = &["0", "0.0", "false", "no", "none", "control"];
/// Values of the treatment that are shown where they do not say who was contacted.
const SHOWN: usize = 8;
/// Standard errors beyond which a score that differs between the arms is told: chance does that once in a thousand trials.
const UNBALANCED: f64 = 3.29;

/// What is asked of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The column that says who was contacted with what.
    pub treatment: String,
    /// Its value for those who were not.
    pub control: Option<String>,
    /// Its value for those whose contact is judged.
    pub arm: Option<String>,
    /// The column of what customers did afterwards: 0 and 1, a count or an amount.
    pub outcome: String,
    /// The columns of scores; a minus in front puts the lowest first.
    pub scores: Vec<String>,
}

/// What a trial says of the scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The file, as the user named it.
    pub file: String,
    /// The column of what customers did afterwards.
    pub outcome: String,
    /// Those who were contacted.
    pub treated: Arm,
    /// Those who were not.
    pub control: Arm,
    /// What the contact adds per customer: the difference of the two means.
    pub effect: Estimate,
    /// Coverage of every interval.
    pub interval_level: f64,
    /// Resamples behind each interval.
    pub replicates: usize,
    /// The scores, in the order in which they were named.
    pub scores: Vec<Score>,
    /// How the coefficient is defined.
    pub formula: String,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// Where the picture is.
    pub figure: String,
}

/// One arm of the trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arm {
    /// Its value in the file.
    pub name: String,
    /// Its customers.
    pub customers: u64,
    /// Their mean outcome.
    pub mean: f64,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What the trial says of one score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Its name, with the order where the lowest come first.
    pub name: String,
    /// The Qini coefficient, in outcomes per customer.
    pub qini: Estimate,
    /// How much more that is than the coefficient of the first score, on the same resamples; none for the first.
    pub beyond_first: Option<Estimate>,
    /// What contacting the highest scores adds per customer, by the share contacted.
    pub gains: Vec<Gain>,
}

/// A point of the Qini curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gain {
    /// Share of customers contacted, highest scores first.
    pub share: f64,
    /// What that adds, per customer of the trial.
    pub gain: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

impl Score {
    /// The point of the curve where `percent` of the customers are contacted; even numbers are points.
    #[must_use]
    pub fn at(&self, percent: usize) -> &Gain {
        &self.gains[(percent * STEPS / 100).min(STEPS)]
    }
}

impl From<bootstrap::Interval> for Estimate {
    fn from(found: bootstrap::Interval) -> Self {
        Self { estimate: found.estimate, low: found.low, high: found.high }
    }
}

/// The customers of the two arms, columns of one length.
struct Customers {
    treated: Vec<bool>,
    outcomes: Vec<f64>,
    /// Name and values of each score, turned round where the lowest come first.
    scores: Vec<(String, Vec<f64>)>,
}

/// Reads the file and judges its scores; `replicates` resamples of customers, drawn from `seed`, make the intervals.
///
/// # Errors
/// [`Error::Input`] naming the file, and the row and column of what cannot be read, the columns that it lacks, or the
/// values of the treatment where they do not say who was contacted.
pub(crate) fn judge(file: &Path, question: &Question, replicates: usize, seed: u64) -> Result<Answer> {
    let frame = given::read(file)?;
    require_columns(&frame, file, question)?;
    let (arm, control, arms) = arms(&frame, file, question)?;
    let customers = customers(&frame, file, question, &arms)?;
    let mean_of = |name: &str, treated: bool| {
        let rows = customers.treated.iter().zip(&customers.outcomes).filter(|(t, _)| **t == treated);
        let (n, sum) = rows.fold((0_u64, 0.0), |(n, sum), (_, y)| (n + 1, sum + y));
        Arm { name: name.to_owned(), customers: n, mean: sum / n as f64 }
    };
    let mut notes = notes(&customers)?;
    let others = arms.iter().filter(|arm| arm.is_none()).count() as u64;
    if others > 0 {
        notes.push(format!("{} of other arms are left out", number::customers(others)));
    }
    let mut answer = Answer {
        file: file.display().to_string(),
        outcome: question.outcome.clone(),
        treated: mean_of(&arm, true),
        control: mean_of(&control, false),
        effect: Estimate { estimate: 0.0, low: 0.0, high: 0.0 },
        interval_level: LEVEL,
        replicates,
        scores: Vec::new(),
        formula: "Q(phi) = (Y_T(phi) - Y_C(phi) N_T(phi) / N_C(phi)) / N_T, over the share phi of customers with the \
                  highest scores; Qini coefficient = area under Q - Q(1) / 2 (Radcliffe 2007), per customer"
            .to_owned(),
        notes,
        figure: String::new(),
    };
    (answer.effect, answer.scores) = curves(&customers, replicates, seed)?;
    Ok(answer)
}

/// The effect of the contact and the curve of each score, all on the same resamples.
fn curves(customers: &Customers, replicates: usize, seed: u64) -> Result<(Estimate, Vec<Score>)> {
    let ranked: Vec<RankedTrial> = customers
        .scores
        .iter()
        .map(|(_, scores)| {
            RankedTrial::new(&Trial { scores, treated: &customers.treated, outcomes: &customers.outcomes })
        })
        .collect::<std::result::Result<_, _>>()
        .map_err(Error::math("the Qini curve"))?;
    // Of each score its coefficient, what that is beyond the first, and the curve.
    let measured = |weights: Option<&[f64]>| {
        let mut values = Vec::with_capacity(ranked.len() * (STEPS + 3));
        for ranked in &ranked {
            let curve = ranked.curve(weights)?;
            let first = values.first().copied().unwrap_or(curve.coefficient());
            values.extend([curve.coefficient(), curve.coefficient() - first]);
            values.extend((0..=STEPS).map(|step| curve.at(step as f64 / STEPS as f64)));
        }
        Ok(values)
    };
    let params = bootstrap::Params { replicates, level: LEVEL, seed, task: "uplift/qini" };
    let found =
        bootstrap::intervals(customers.treated.len(), &params, measured).map_err(Error::math("the Qini curve"))?;
    let effect = Estimate::from(found[STEPS + 2]);
    let scores =
        customers.scores.iter().zip(found.chunks_exact(STEPS + 3)).enumerate().map(|(i, ((name, _), found))| {
            let gain = |(step, point): (usize, &bootstrap::Interval)| Gain {
                share: step as f64 / STEPS as f64,
                gain: point.estimate,
                low: point.low,
                high: point.high,
            };
            Score {
                name: name.clone(),
                qini: found[0].into(),
                beyond_first: (i > 0).then(|| found[1].into()),
                gains: found[2..].iter().enumerate().map(gain).collect(),
            }
        });
    Ok((effect, scores.collect()))
}

/// What must be known to trust the answer: chance alone must have decided who was contacted, and a score must be older.
fn notes(customers: &Customers) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let n_treated = customers.treated.iter().filter(|treated| **treated).count() as f64;
    let n_control = customers.treated.len() as f64 - n_treated;
    for (name, scores) in &customers.scores {
        let auc = roc_auc(scores, &customers.treated, None).map_err(Error::math("the balance of a score"))?;
        // Mann and Whitney's standard error where both arms are alike; with ties it is less.
        let error = ((n_treated + n_control + 1.0) / (12.0 * n_treated * n_control)).sqrt();
        if (auc - 0.5).abs() > UNBALANCED * error {
            notes.push(format!(
                "{name} differs between the arms ({:.1} standard errors): either chance did not decide who was contacted, \
                 or the score was made afterwards; then nothing here is an effect",
                (auc - 0.5).abs() / error
            ));
        }
    }
    notes.push(
        "that chance decided who was contacted, and that the scores are older than the contact, is taken from you: no \
         file can prove it"
            .to_owned(),
    );
    Ok(notes)
}

fn require_columns(frame: &Frame, file: &Path, question: &Question) -> Result<()> {
    let has = frame.names();
    let wanted = [&question.treatment, &question.outcome].into_iter().map(String::as_str);
    let wanted: Vec<&str> = wanted.chain(question.scores.iter().map(|score| column_of(score).0)).collect();
    let lacking: Vec<&str> = wanted.iter().copied().filter(|name| !has.iter().any(|other| other == name)).collect();
    if !lacking.is_empty() {
        return Err(Error::Input {
            problem: format!("{} has no column {}", file.display(), lacking.join(", ")),
            place: Some(file.display().to_string()),
            cure: format!("name columns that it has: {}", has.join(", ")),
        });
    }
    // One column may rank both ways, but not be two things.
    let mut seen = vec![question.treatment.as_str(), &question.outcome];
    for score in question.scores.iter().map(String::as_str) {
        if seen.contains(&score) || seen[..2].contains(&column_of(score).0) {
            return Err(Error::Input {
                problem: format!("the column {} is named twice", column_of(score).0),
                place: Some(file.display().to_string()),
                cure: "name one column as --treatment, another as --outcome, and others as --score".to_owned(),
            });
        }
        seen.push(score);
    }
    Ok(())
}

/// The column of a score, and whether its lowest values come first.
fn column_of(score: &str) -> (&str, bool) {
    score.strip_prefix('-').map_or((score, false), |column| (column, true))
}

/// The values of the treated and of the control arm, and for every row whether it is treated; none in another arm.
fn arms(frame: &Frame, file: &Path, question: &Question) -> Result<(String, String, Vec<Option<bool>>)> {
    let column = &question.treatment;
    let mut values = Vec::with_capacity(frame.n_rows());
    for (row, value) in frame.opt_texts(column)?.into_iter().enumerate() {
        let Some(value) = value else {
            return Err(unreadable(file, row, column, "is empty", "say of every customer whether it was contacted"));
        };
        values.push(value);
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(value).or_default() += 1);
    let all: Vec<String> =
        counts.iter().take(SHOWN).map(|(value, n)| format!("'{value}' ({})", number::count(*n))).collect();
    let more = if counts.len() > SHOWN { format!(" and {} more", counts.len() - SHOWN) } else { String::new() };
    let refuse = |problem: String, cure: &str| Error::Input {
        problem: format!("{problem}: it holds {}{more}", all.join(", ")),
        place: Some(format!("{}, column {column}", file.display())),
        cure: cure.to_owned(),
    };
    let known = |value: &String| counts.contains_key(value.as_str());
    let control = match &question.control {
        Some(value) if known(value) => value.clone(),
        Some(value) => return Err(refuse(format!("nobody has {column} '{value}'"), "name one of them with --control")),
        None => {
            let plain: Vec<&&str> =
                counts.keys().filter(|value| UNTREATED.contains(&value.to_lowercase().as_str())).collect();
            match plain.as_slice() {
                [one] => (**one).to_owned(),
                _ => {
                    let problem = format!("{column} does not say who was not contacted");
                    return Err(refuse(problem, "name the value of those who were not with --control"));
                }
            }
        }
    };
    let arm = match &question.arm {
        Some(value) if *value == control => {
            return Err(refuse(format!("'{value}' is both arm and control"), "name two different values"));
        }
        Some(value) if known(value) => value.clone(),
        Some(value) => return Err(refuse(format!("nobody has {column} '{value}'"), "name one of them with --arm")),
        None => match counts.keys().filter(|value| **value != control).collect::<Vec<_>>().as_slice() {
            [one] => (**one).to_owned(),
            [] => return Err(refuse(format!("{column} has one arm only"), "give a file with customers of both")),
            _ => {
                let problem = format!("{column} has several arms beside '{control}'");
                return Err(refuse(problem, "say with --arm which of them is judged, one at a time"));
            }
        },
    };
    let arms = values.iter().map(|value| match value {
        value if *value == arm => Some(true),
        value if *value == control => Some(false),
        _ => None,
    });
    let arms = arms.collect();
    Ok((arm, control, arms))
}

fn customers(frame: &Frame, file: &Path, question: &Question, arms: &[Option<bool>]) -> Result<Customers> {
    let of_trial = |column: &str| -> Result<Vec<f64>> {
        let cure = "give a number with a decimal point, or leave the customer out";
        given::require_numbers(frame, file, column, cure)?;
        let mut values = Vec::with_capacity(arms.len());
        for (row, value) in frame.f64s(column)?.into_iter().enumerate().filter(|(row, _)| arms[*row].is_some()) {
            if !value.is_finite() {
                return Err(unreadable(file, row, column, "is empty or no finite number", cure));
            }
            values.push(value);
        }
        Ok(values)
    };
    let outcomes = of_trial(&question.outcome)?;
    let mut scores = Vec::with_capacity(question.scores.len());
    for score in &question.scores {
        let (column, lowest_first) = column_of(score);
        let mut values = of_trial(column)?;
        if lowest_first {
            values.iter_mut().for_each(|value| *value = -*value);
        }
        let name = if lowest_first { format!("{column}, lowest first") } else { column.to_owned() };
        scores.push((name, values));
    }
    Ok(Customers { treated: arms.iter().copied().flatten().collect(), outcomes, scores })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn question(control: Option<&str>, arm: Option<&str>, scores: &[&str]) -> Question {
        Question {
            treatment: "arm".to_owned(),
            control: control.map(str::to_owned),
            arm: arm.map(str::to_owned),
            outcome: "spend".to_owned(),
            scores: scores.iter().map(|score| (*score).to_owned()).collect(),
        }
    }

    /// Customers 0..n: every other one contacted, which adds what `known` says; `arm` of the contacted is `mail`.
    fn trial(n: usize) -> String {
        let mut text = "customer_id,arm,spend,known,unknown\n".to_owned();
        for i in 0..n {
            let (treated, known) = (i % 2 == 0, (i / 2 % 10) as f64);
            let arm = if treated { "mail" } else { "control" };
            let spend = ((i * 7) % 5) as f64 + if treated { known } else { 0.0 };
            text.push_str(&format!("{i},{arm},{spend},{known},{}\n", (i * 31 + i / 7) % 13));
        }
        text
    }

    #[test]
    fn a_score_that_knows_the_effect_is_told_from_one_that_does_not() {
        let (_folder, path) = file("trial.csv", &trial(2_000));
        let answer = judge(&path, &question(None, None, &["known", "-known", "unknown"]), 200, 1).unwrap();
        assert_eq!((answer.treated.name.as_str(), answer.treated.customers), ("mail", 1_000));
        // Effects 0 to 9 in equal numbers: 4.5 on average, and the upper half adds (5 + .. + 9) / 10.
        assert!((answer.effect.estimate - 4.5).abs() < 0.2, "{:?}", answer.effect);
        let [known, reverse, unknown] = answer.scores.as_slice() else { panic!("three scores") };
        assert!((known.at(50).gain - 3.5).abs() < 0.2 && known.qini.low > 0.0);
        assert_eq!(reverse.name, "known, lowest first");
        assert!(reverse.qini.high < 0.0 && reverse.beyond_first.unwrap().high < 0.0);
        assert!(unknown.qini.low < 0.0 && unknown.qini.high > 0.0, "{:?}", unknown.qini);
        assert_eq!((known.at(0).gain, known.beyond_first), (0.0, None));
        assert!((known.at(100).gain - answer.effect.estimate).abs() < 1e-12);
    }

    #[test]
    fn a_score_that_was_made_afterwards_is_told() {
        let (_folder, path) = file("trial.csv", &trial(2_000).replace("mail,", "mail,1"));
        let mut asked = question(None, None, &["spend"]);
        asked.outcome = "known".to_owned();
        let notes = judge(&path, &asked, 50, 1).unwrap().notes;
        assert!(notes[0].contains("spend differs between the arms"), "{notes:?}");
    }

    #[test]
    fn what_does_not_say_who_was_contacted_is_refused_with_its_values() {
        let (_folder, path) = file("t.csv", "arm,spend,known\na,1,1\nb,2,2\nc,3,1\n");
        let refusal = |control, arm| judge(&path, &question(control, arm, &["known"]), 50, 1).unwrap_err().to_string();
        insta::assert_snapshot!(refusal(None, None), @"arm does not say who was not contacted: it holds 'a' (1), 'b' (1), 'c' (1)");
        insta::assert_snapshot!(refusal(Some("a"), None), @"arm has several arms beside 'a': it holds 'a' (1), 'b' (1), 'c' (1)");
        insta::assert_snapshot!(refusal(Some("x"), None), @"nobody has arm 'x': it holds 'a' (1), 'b' (1), 'c' (1)");
        insta::assert_snapshot!(refusal(Some("a"), Some("a")), @"'a' is both arm and control: it holds 'a' (1), 'b' (1), 'c' (1)");
    }

    #[test]
    fn cells_and_columns_that_cannot_be_are_refused_with_their_place() {
        let (_folder, path) = file("t.csv", "arm,spend,known\n0,1,1\n1,much,2\n1,,1\n");
        let refusal = |scores: &[&str]| judge(&path, &question(None, None, scores), 50, 1).unwrap_err().to_string();
        assert!(refusal(&["known"]).contains("spend in row 2 of"), "{}", refusal(&["known"]));
        assert!(refusal(&["age"]).contains("has no column age"));
        assert!(refusal(&["spend"]).contains("the column spend is named twice"));
        let (_folder, path) = file("t.csv", "arm,spend,known\n0,1,1\n1,2,\n");
        let refusal = judge(&path, &question(None, None, &["known"]), 50, 1).unwrap_err().to_string();
        assert!(refusal.contains("known in row 2"), "{refusal}");
    }
}
