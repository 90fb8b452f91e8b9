//! The feature store described, for people and spreadsheets.

use std::fmt::Write as _;

use tenure_stages::features::{Change, Described, Description, Spread};

use super::number::{customers, fixed, or_nothing, percent};
use super::table::{columns, wrap};
use super::{Style, cell};

const WIDTH: usize = 100;

/// Two tables: the values at the latest snapshot, and how they changed from snapshot to snapshot.
pub(super) fn page(found: &Description, style: Style) -> String {
    let mut page = String::new();
    let title = format!("Values at {} ({})", found.as_of, customers(found.customers));
    let _ = writeln!(page, "{}", style.heading(&title));
    let mut rows = vec![header(&["feature", "present", "least", "min", "q10", "median", "q90", "max"])];
    rows.extend(found.features.iter().map(values));
    push(&mut page, &columns(&rows));
    push(
        &mut page,
        &wrap("present = share of customers with a value; least = the least such share at any snapshot.", 2, WIDTH, 2),
    );

    let title = format!("Change from snapshot to snapshot ({} snapshots)", found.snapshots);
    let _ = writeln!(page, "\n{}", style.heading(&title));
    if found.snapshots < 2 {
        page.push_str("  There is one snapshot only: nothing to compare.\n");
    } else {
        let mut rows =
            vec![header(&["feature", "PSI latest", "by chance", "moved", "PSI largest", "by chance", "moved", "at"])];
        rows.extend(found.features.iter().map(changes));
        push(&mut page, &columns(&rows));
        let legend = "PSI above 0.2 is commonly read as a shift: look at what changed before trusting a model trained before \
                      it. By chance = what equal snapshots pass once in twenty times; moved = more than a tenth of the \
                      customers stand elsewhere, beyond chance.";
        push(&mut page, &wrap(legend, 2, WIDTH, 4));
    }
    for absent in &found.absent {
        let line = format!("absent: {}, for which the source has no column {}", absent.name, absent.needs);
        push(&mut page, &wrap(&line, 0, WIDTH, 2));
    }
    page
}

/// One row a feature, the absent ones last.
pub(super) fn csv(found: &Description) -> String {
    let mut text = "feature,unit,window,needs,coverage,coverage_least,min,q10,median,q90,max,psi_latest,\
                    psi_latest_by_chance,moved_latest,psi_largest,psi_largest_by_chance,moved_largest,psi_largest_as_of\n"
        .to_owned();
    for feature in &found.features {
        let mut cells = vec![cell(&feature.name), cell(&feature.unit), cell(&feature.window), cell(&feature.needs)];
        cells.extend([feature.coverage.to_string(), feature.coverage_least.to_string()]);
        cells.extend(parts(feature.spread).map(|part| part.map_or_else(String::new, |value| value.to_string())));
        for change in [feature.drift_latest, feature.drift_largest] {
            cells.extend(match change {
                Some(change) => {
                    [change.psi.to_string(), change.psi_by_chance.to_string(), change.has_moved.to_string()]
                }
                None => Default::default(),
            });
        }
        cells.push(feature.drift_largest.map_or_else(String::new, |change| change.as_of.to_string()));
        let _ = writeln!(text, "{}", cells.join(","));
    }
    for absent in &found.absent {
        let _ = writeln!(text, "{},,,{},0,0{}", cell(&absent.name), cell(&absent.needs), ",".repeat(12));
    }
    text
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn push(page: &mut String, lines: &[String]) {
    lines.iter().for_each(|line| {
        let _ = writeln!(page, "{line}");
    });
}

fn parts(spread: Option<Spread>) -> [Option<f64>; 5] {
    spread.map_or([None; 5], |s| [s.min, s.q10, s.median, s.q90, s.max].map(Some))
}

fn values(feature: &Described) -> Vec<String> {
    let parts = parts(feature.spread);
    let largest = parts.iter().flatten().fold(0.0_f64, |most, value| most.max(value.abs()));
    let is_whole = parts.iter().flatten().all(|value| value.fract().abs() < f64::EPSILON);
    // As many decimals for all five as the largest of them bears.
    let decimals = match largest {
        _ if is_whole => 0,
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    let mut row = vec![feature.name.clone(), percent(feature.coverage), percent(feature.coverage_least)];
    row.extend(parts.map(|part| or_nothing(part, |value| fixed(value, decimals))));
    row
}

fn changes(feature: &Described) -> Vec<String> {
    let figures = |change: Option<Change>| {
        [
            or_nothing(change.map(|c| c.psi), |psi| fixed(psi, 3)),
            or_nothing(change.map(|c| c.psi_by_chance), |psi| fixed(psi, 3)),
            change.map_or_else(String::new, |c| if c.has_moved { "yes".to_owned() } else { "no".to_owned() }),
        ]
    };
    let mut row = vec![feature.name.clone()];
    row.extend(figures(feature.drift_latest));
    row.extend(figures(feature.drift_largest));
    row.push(feature.drift_largest.map_or_else(String::new, |change| change.as_of.to_string()));
    row
}
