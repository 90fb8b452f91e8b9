//! Two runs side by side: what changed in data, settings, segments, models and plan, and which stage it began with.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tenure_tables::engine::{Engine, EngineConfig};

use super::sections;
use crate::allocate::diff::{self, Diff};
use crate::artifact::{self, Manifest, Run};
use crate::ctx::Stage;
use crate::error::{Error, Result};
use crate::number;
use crate::summary::{Estimate, Finding};
use crate::time::{DAY_US, Instant};
use crate::{churn, clean, ingest, report, value};

/// Days after the start of an export in which a first purchase may be the end of an older history.
const SETTLING_DAYS: i64 = 30;
/// Customers that tell two shops apart.
const LEAST_SHARED: usize = 20;

/// What changed from one run to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The first run's folder.
    pub a: String,
    /// The second one's.
    pub b: String,
    /// Stage by stage, whether it found the same, and if not, why.
    pub stages: Vec<Verdict>,
    /// Settings that differ.
    pub settings: Vec<Setting>,
    /// The data.
    pub data: Vec<Change>,
    /// Customers by segment.
    pub segments: Vec<Change>,
    /// How good the models are, each on its own test window.
    pub models: Vec<Change>,
    /// The plans; `None` where one of the runs has none.
    pub plan: Option<Diff>,
}

/// Whether a stage found the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The stage.
    pub stage: Stage,
    /// Whether what it recorded and wrote is the same.
    pub is_same: bool,
    /// What of its own differs: `version`, `source files`, `settings`, or `flags and lists`: those of a single plan, the lists of
    /// customers, the run before. Empty where it only follows from other stages.
    pub began_with: Vec<String>,
    /// The stages whose work it read that is other.
    pub follows_from: Vec<String>,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its name, such as `churn.horizon_days`.
    pub name: String,
    /// In the first run; null where it had none.
    pub a: Value,
    /// In the second.
    pub b: Value,
}

/// A figure of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub what: String,
    /// In the first run.
    pub a: Side,
    /// In the second.
    pub b: Side,
    /// Whether the two differ by more than their intervals leave open; `None` where they have none.
    pub is_beyond_doubt: Option<bool>,
}

/// One run's part of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// So many.
    Count(u64),
    /// A score or an error, with its interval where one was drawn.
    Score(Estimate),
    /// A word or a date.
    Text(String),
    /// The run does not know it.
    Unknown,
}

/// Compares two runs.
///
/// # Errors
/// [`crate::Error::Input`] where there is no run, or the two are of different shops, [`crate::Error::Missing`] naming the stage that has to run first,
/// [`crate::Error::Corrupt`] where a run is not what was written.
pub fn compare(a: &Path, b: &Path) -> Result<Comparison> {
    let (one, two) = (Run::open(a)?, Run::open(b)?);
    require_one_shop(&one, &two)?;
    let (one, two) = (&one.manifest, &two.manifest);
    let has_plan = [one, two].iter().all(|run| run.stages.contains_key(Stage::Allocate.name()));
    Ok(Comparison {
        a: a.display().to_string(),
        b: b.display().to_string(),
        stages: Stage::RUN.into_iter().map(|stage| verdict(stage, one, two)).collect(),
        settings: settings(&one.parameters, &two.parameters).into_iter().chain(of_plans(one, two)).collect(),
        data: data((one, a), (two, b))?,
        segments: segments((one, a), (two, b))?,
        models: models((one, a), (two, b))?,
        plan: if has_plan { Some(diff::diff(a, b)?) } else { None },
    })
}

/// Refuses runs of different shops: of times that have no day in common, or with customers of one name who first bought on
/// other days. Where the later export begins, a first purchase may be the end of an older history, so those are left out.
fn require_one_shop(one: &Run, two: &Run) -> Result<()> {
    let (times, later) = (one.timeline()?, two.timeline()?);
    let refuse =
        |problem: String| Err(Error::Input { problem, place: None, cure: "compare two runs of one shop".to_owned() });
    let begin = times.data_start.max(later.data_start);
    if begin >= times.data_end.min(later.data_end) {
        return refuse("the data of one run end before those of the other begin".to_owned());
    }
    let engine = Engine::open(&EngineConfig { threads: 1, ..EngineConfig::default() })?;
    let mut first = Vec::new();
    for (table, run, as_of) in [("one", one, times.as_of), ("two", two, later.as_of)] {
        engine.register(table, &run.path(artifact::FEATURES, Stage::Features)?)?;
        first.push(format!(
            "select customer_id, {} - cast(tenure_days * {DAY_US} as bigint) as first_us from {table} where as_of = '{as_of}'",
            as_of.0
        ));
    }
    let settled = begin.0 + SETTLING_DAYS * DAY_US;
    let found = engine.select(
        &format!(
            "with a as ({}), b as ({}) select cast(abs(a.first_us - b.first_us) > {DAY_US} as bigint) as is_other
             from a inner join b on a.customer_id = b.customer_id where a.first_us > {settled} and b.first_us > {settled}",
            first[0], first[1]
        ),
        &[],
    )?;
    let (shared, other) = (found.n_rows(), found.i64s("is_other")?.iter().filter(|is_other| **is_other == 1).count());
    if shared >= LEAST_SHARED && 2 * other > shared {
        return refuse(format!(
            "{} of {} customers of one name first bought on another day in the second run: these are two shops",
            number::count(other as u64),
            number::count(shared as u64)
        ));
    }
    Ok(())
}

/// Whether a stage's part of two runs is the same, and what it was made from that is not.
fn verdict(stage: Stage, one: &Manifest, two: &Manifest) -> Verdict {
    let name = stage.name();
    let hashes = |run: &Manifest| {
        let writes = run.made.get(name).map(|made| made.writes.clone()).unwrap_or_default();
        writes.iter().map(|file| run.artefact(file).map(|fact| fact.blake3.clone())).collect::<Vec<_>>()
    };
    let is_same = one.stages.get(name) == two.stages.get(name) && hashes(one) == hashes(two);
    if is_same {
        return Verdict { stage, is_same, began_with: Vec::new(), follows_from: Vec::new() };
    }
    let of =
        |run: &Manifest, section: &str| run.parameters.pointer(&format!("/{}", section.replace('.', "/"))).cloned();
    let made = (one.made.get(name), two.made.get(name));
    let is_set_otherwise = sections(stage).iter().any(|section| of(one, section) != of(two, section));
    let has_other_surroundings =
        !is_set_otherwise && one.tenure == two.tenure && made.0.map(|m| &m.settings) != made.1.map(|m| &m.settings);
    let began_with = [
        ("version", one.tenure != two.tenure),
        ("source files", stage == Stage::Ingest && one.inputs != two.inputs),
        ("settings", is_set_otherwise),
        ("flags and lists", has_other_surroundings),
    ];
    let mut follows_from: Vec<String> = Vec::new();
    if let (Some(first), Some(second)) = made {
        let other = first.reads.iter().filter(|(thing, hash)| second.reads.get(*thing) != Some(*hash));
        for maker in other.map(|(thing, _)| maker(thing, one)) {
            if !follows_from.contains(&maker) {
                follows_from.push(maker);
            }
        }
    }
    let began_with =
        began_with.into_iter().filter(|(_, differs)| *differs).map(|(cause, _)| cause.to_owned()).collect();
    Verdict { stage, is_same, began_with, follows_from }
}

/// The stage that made what another one read.
fn maker(thing: &str, run: &Manifest) -> String {
    let writes = |stage: &Stage| {
        let made = run.made.get(stage.name());
        let under = |file: &String| file == thing || file.starts_with(&format!("{thing}/"));
        made.is_some_and(|made| made.writes.iter().any(under))
    };
    match thing.trim_matches(['<', '>']) {
        "inputs" => "source files".to_owned(),
        "timeline" => Stage::Clean.name().to_owned(),
        "warnings" => "warnings".to_owned(),
        record if record != thing => record.to_owned(),
        _ => Stage::ALL.iter().find(|stage| writes(stage)).map_or(thing, |stage| stage.name()).to_owned(),
    }
}

/// Settings that differ, by name.
fn settings(one: &Value, two: &Value) -> Vec<Setting> {
    let empty = serde_json::Map::new();
    let map = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let (one, two) = (map(one), map(two));
    let mut all = Vec::new();
    let mut names: Vec<&String> = one.keys().chain(two.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for section in names {
        let (a, b) = (one.get(section).map(map).unwrap_or_default(), two.get(section).map(map).unwrap_or_default());
        let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let differ = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
        all.extend(differ.map(|key| Setting {
            name: format!("{section}.{key}"),
            a: a.get(key).cloned().unwrap_or(Value::Null),
            b: b.get(key).cloned().unwrap_or(Value::Null),
        }));
    }
    all
}

/// What the plans themselves were made with, where flags have set it for one of them only.
fn of_plans(one: &Manifest, two: &Manifest) -> Vec<Setting> {
    let of = |run: &Manifest, name: &str| {
        run.stages.get(Stage::Allocate.name()).and_then(|plan| plan.get(name)).cloned().unwrap_or(Value::Null)
    };
    let names = ["budget", "table", "rate_kind", "value_reading", "method", "caps", "holdout", "assumptions"];
    let differ = names.into_iter().filter(|name| of(one, name) != of(two, name));
    differ.map(|name| Setting { name: format!("plan: {name}"), a: of(one, name), b: of(two, name) }).collect()
}

fn data(one: (&Manifest, &Path), two: (&Manifest, &Path)) -> Result<Vec<Change>> {
    let side = |(run, out): (&Manifest, &Path)| -> Result<Vec<(String, Side)>> {
        let ingest: ingest::Facts = run.stage(Stage::Ingest, out)?;
        let clean: clean::Facts = run.stage(Stage::Clean, out)?;
        let day = |of: fn(crate::timeline::Timeline) -> Instant| {
            run.timeline.map_or(Side::Unknown, |timeline| Side::Text(of(timeline).to_string()))
        };
        let files: Vec<&str> = run.inputs.iter().map(|input| input.name.as_str()).collect();
        Ok(vec![
            ("source files".to_owned(), Side::Text(files.join(", "))),
            ("rows read".to_owned(), Side::Count(ingest.rows_in)),
            ("rows kept".to_owned(), Side::Count(clean.kept)),
            ("rows set aside".to_owned(), Side::Count(clean.quarantined)),
            ("customers".to_owned(), Side::Count(clean.customers)),
            ("data from".to_owned(), day(|timeline| timeline.data_start)),
            ("data to".to_owned(), day(|timeline| timeline.data_end)),
            ("decision as of".to_owned(), day(|timeline| timeline.as_of)),
        ])
    };
    Ok(paired(&side(one)?, &side(two)?))
}

fn segments(one: (&Manifest, &Path), two: (&Manifest, &Path)) -> Result<Vec<Change>> {
    let side = |(run, out): (&Manifest, &Path)| -> Result<Vec<(String, Side)>> {
        let report: report::Facts = run.stage(Stage::Report, out)?;
        Ok(report.segments.into_iter().map(|s| (s.segment, Side::Count(s.customers))).collect())
    };
    Ok(paired(&side(one)?, &side(two)?))
}

fn models(one: (&Manifest, &Path), two: (&Manifest, &Path)) -> Result<Vec<Change>> {
    let side = |(run, out): (&Manifest, &Path)| -> Result<Vec<(String, Side)>> {
        let churn: churn::Facts = run.stage(Stage::Churn, out)?;
        let value: value::Facts = run.stage(Stage::Value, out)?;
        let mut all = Vec::new();
        let plain = |value: f64| Side::Score(Estimate { value, low: None, high: None });
        if let Finding::Measured(quality) = &churn.quality {
            all.push(("churn: model".to_owned(), Side::Text(quality.model.clone())));
            all.push(("churn: tested from".to_owned(), Side::Text(quality.window.from.clone())));
            if let Some(model) = quality.models.first() {
                all.push(("churn: AUC".to_owned(), Side::Score(model.auc)));
                all.push(("churn: calibration error".to_owned(), model.ece.map_or(Side::Unknown, plain)));
            }
        }
        if let Finding::Measured(quality) = &value.quality {
            all.push(("value: model".to_owned(), Side::Text(quality.model.clone())));
            all.push(("value: tested from".to_owned(), Side::Text(quality.window.from.clone())));
            if let Some(model) = quality.models.first() {
                all.push(("value: R²".to_owned(), model.r2.map_or(Side::Unknown, plain)));
                let error = model.portfolio_error.map_or(Side::Unknown, Side::Score);
                all.push(("value: error of the total".to_owned(), error));
            }
        }
        Ok(all)
    };
    Ok(paired(&side(one)?, &side(two)?))
}

/// Figures of both runs by name: those of the first in their order, then what only the second has.
fn paired(one: &[(String, Side)], two: &[(String, Side)]) -> Vec<Change> {
    let find = |all: &[(String, Side)], name: &str| {
        all.iter().find(|(known, _)| known == name).map_or(Side::Unknown, |(_, side)| side.clone())
    };
    let later = two.iter().filter(|(name, _)| one.iter().all(|(known, _)| known != name));
    one.iter()
        .chain(later)
        .map(|(what, _)| {
            let (a, b) = (find(one, what), find(two, what));
            Change { what: what.clone(), is_beyond_doubt: beyond_doubt(&a, &b), a, b }
        })
        .collect()
}

/// Two estimates differ beyond doubt where their distance is above the root of the sum of their squared half-widths: that
/// is a 95 % interval of the difference, were they independent.
fn beyond_doubt(a: &Side, b: &Side) -> Option<bool> {
    let (Side::Score(a), Side::Score(b)) = (a, b) else { return None };
    let half = |of: &Estimate| Some((of.high? - of.low?) / 2.0);
    Some((a.value - b.value).abs() > half(a)?.hypot(half(b)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_differ_are_named() {
        let (one, two) =
            (json!({"churn": {"horizon_days": 90, "beta": 2.0}}), json!({"churn": {"horizon_days": 60, "beta": 2.0}}));
        let found = settings(&one, &two);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), &found[0].a, &found[0].b), ("churn.horizon_days", &json!(90), &json!(60)));
        assert_eq!(settings(&one, &one), Vec::new());
    }

    #[test]
    fn estimates_differ_only_beyond_what_their_intervals_leave_open() {
        let of =
            |value: f64, half: f64| Side::Score(Estimate { value, low: Some(value - half), high: Some(value + half) });
        // The half-widths 3 and 4 make 5.
        assert_eq!(beyond_doubt(&of(0.0, 3.0), &of(4.9, 4.0)), Some(false));
        assert_eq!(beyond_doubt(&of(0.0, 3.0), &of(5.1, 4.0)), Some(true));
        assert_eq!(beyond_doubt(&of(0.0, 3.0), &Side::Unknown), None);
    }

    #[test]
    fn what_only_one_run_has_stands_beside_nothing() {
        let side = |name: &str, n: u64| (name.to_owned(), Side::Count(n));
        let found = paired(&[side("New", 3), side("Loyal", 1)], &[side("Loyal", 2), side("Lost", 5)]);
        let names: Vec<&str> = found.iter().map(|change| change.what.as_str()).collect();
        assert_eq!(names, ["New", "Loyal", "Lost"]);
        assert_eq!((&found[0].b, &found[2].a), (&Side::Unknown, &Side::Unknown));
    }
}
