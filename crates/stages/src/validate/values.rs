//! Checks of values: implausible quantities, prices and amounts, and the drift of prices, countries and currencies.
//!
//! Drift is the population stability index, PSI = Σ (p − q) ln(p / q) over bins, with half a row added to each bin.
//! Without any change it is distributed as (1/n + 1/m) χ² with one degree of freedom less than there are bins
//! (Yurdakul 2018, Statistical properties of the population stability index), so that what chance alone can do to
//! small samples is no drift.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tenure_tables::engine::{Engine, Value as Param};
use tenure_tables::query;

use super::catalogue::{self as spec, Spec};
use super::check::{counted, percent, thousands};
use super::findings::{Findings, Found, object, rounded};
use super::lines::{Bounds, Tallies};
use super::{Columns, Rules, Span};
use crate::error::Result;
use crate::time::DAY_US;

/// The recent period that is compared with the time before it.
const RECENT_DAYS: i64 = 90;
/// Fewer values say nothing about what is usual.
const MIN_VALUES: u64 = 100;
/// Countries below this share in both periods are taken together.
const SMALL_SHARE: f64 = 0.01;
/// Price bands: tenths of the rows of the time before.
const BANDS: usize = 10;

/// How often each value of a measure occurs, ascending by value.
#[derive(Debug, Default)]
struct Histogram {
    before: Vec<(f64, u64)>,
    since: Vec<(f64, u64)>,
}

impl Histogram {
    /// The quartiles of the sizes of the values that are not zero, and how many there are.
    fn quartiles(&self) -> Option<(f64, f64)> {
        let mut sizes: Vec<(f64, u64)> = self
            .before
            .iter()
            .chain(&self.since)
            .filter(|(v, _)| v.is_finite() && v.abs() > 0.0)
            .map(|(v, n)| (v.abs(), *n))
            .collect();
        sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = sizes.iter().map(|(_, n)| n).sum();
        (total >= MIN_VALUES).then(|| (quantile(&sizes, total, 0.25), quantile(&sizes, total, 0.75)))
    }
}

/// The smallest value that at least `share` of the rows do not exceed.
fn quantile(sorted: &[(f64, u64)], total: u64, share: f64) -> f64 {
    let wanted = (share * total as f64).ceil();
    let mut seen = 0;
    for (value, n) in sorted {
        seen += n;
        if seen as f64 >= wanted {
            return *value;
        }
    }
    sorted.last().map_or(0.0, |(value, _)| *value)
}

/// Tukey's outer fence on the logarithms: q3 (q3 / q1)³, with a ratio of at least 2.
fn fence(q1: f64, q3: f64) -> f64 {
    let ratio = (q3 / q1).max(2.0);
    q3 * ratio * ratio * ratio
}

/// The measures as they are, before they are judged.
#[derive(Debug)]
pub(super) struct Measures {
    histograms: BTreeMap<String, Histogram>,
}

impl Measures {
    /// Counts how often each value occurs.
    pub(super) fn read(engine: &Engine, span: Span) -> Result<Self> {
        let frame = engine.select(query::VALIDATE_VALUES.sql, &span_params(span))?;
        let mut histograms: BTreeMap<String, Histogram> = BTreeMap::new();
        let keys = frame.texts("measure")?.into_iter().zip(frame.bools("is_recent")?);
        let counts = frame.f64s("value")?.into_iter().zip(frame.u64s("lines")?);
        for ((measure, is_recent), count) in keys.zip(counts) {
            let histogram = histograms.entry(measure).or_default();
            if is_recent { &mut histogram.since } else { &mut histogram.before }.push(count);
        }
        Ok(Self { histograms })
    }

    /// The sizes beyond which values are implausible.
    pub(super) fn bounds(&self) -> Bounds {
        let bound = |measure: &str| {
            let (q1, q3) = self.histograms.get(measure)?.quartiles()?;
            Some(fence(q1, q3))
        };
        Bounds { quantity: bound("quantity"), unit_price: bound("unit_price"), amount: bound("amount") }
    }
}

fn span_params(span: Span) -> [(&'static str, Param); 2] {
    let recent = span.end.plus_days(-RECENT_DAYS);
    [("recent_from", Param::Instant(recent.0)), ("data_end", Param::Instant(span.end.0))]
}

/// All checks of values.
pub(super) fn check(
    engine: &Engine,
    rules: &Rules,
    columns: &Columns,
    span: Span,
    measures: &Measures,
    tallies: &Tallies,
    findings: &mut Findings,
) -> Result<()> {
    for (spec, measure, problem) in [
        (&spec::QUANTITY_PLAUSIBLE, "quantity", "quantity_is_extreme"),
        (&spec::PRICE_PLAUSIBLE, "unit_price", "price_is_extreme"),
        (&spec::AMOUNT_PLAUSIBLE, "amount", "amount_is_extreme"),
    ] {
        let of = columns.filled(measure);
        plausible(spec, of, measures.histograms.get(measure), problem, tallies, findings);
    }
    let is_long = (span.end.0 - span.start.0) / DAY_US >= 2 * RECENT_DAYS;
    let prices = ["unit_price", "amount"].into_iter().find_map(|m| measures.histograms.get(m));
    match prices {
        Some(prices) if is_long => price_drift(prices, rules, findings),
        Some(_) => findings.skip(&spec::PRICE_DRIFT, "the data are shorter than 180 days"),
        None => findings.skip(&spec::PRICE_DRIFT, "the source has no prices"),
    }
    mix(engine, rules, columns, span, is_long, findings)
}

fn plausible(
    spec: &Spec,
    of: u64,
    histogram: Option<&Histogram>,
    problem: &str,
    tallies: &Tallies,
    findings: &mut Findings,
) {
    if of == 0 {
        findings.skip(spec, "the source has no such column");
        return;
    }
    let Some((q1, q3)) = histogram.and_then(Histogram::quartiles) else {
        findings.skip(spec, "there are too few values to say what is usual");
        return;
    };
    let bound = fence(q1, q3);
    findings.put(
        spec,
        Found {
            elements: of,
            unexpected: tallies.lines(problem),
            examples: tallies.examples(problem),
            detail: format!("Half of the values lie between {q1} and {q3}; the bound is {bound:.2}, either sign."),
            observed: object([
                ("lower_quartile", rounded(q1)),
                ("upper_quartile", rounded(q3)),
                ("bound", rounded(bound)),
            ]),
            ..Found::default()
        },
    );
}

fn price_drift(prices: &Histogram, rules: &Rules, findings: &mut Findings) {
    let total = prices.before.iter().map(|(_, n)| n).sum();
    let mut before = prices.before.clone();
    before.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut edges: Vec<f64> = (1..BANDS).map(|k| quantile(&before, total, k as f64 / BANDS as f64)).collect();
    edges.dedup_by(|a, b| a.total_cmp(b).is_eq());
    let mut bands: Vec<(String, u64, u64)> = (0..=edges.len())
        .map(|i| {
            let from = if i == 0 { String::new() } else { format!("above {}", edges[i - 1]) };
            let to = edges.get(i).map_or_else(String::new, |e| format!("up to {e}"));
            (format!("{from} {to}").trim().to_owned(), 0, 0)
        })
        .collect();
    let band = |value: f64| edges.partition_point(|edge| *edge < value);
    for (value, n) in &prices.before {
        bands[band(*value)].1 += n;
    }
    for (value, n) in &prices.since {
        bands[band(*value)].2 += n;
    }
    drift(&spec::PRICE_DRIFT, "price", &bands, rules, findings);
}

/// Countries and currencies.
fn mix(
    engine: &Engine,
    rules: &Rules,
    columns: &Columns,
    span: Span,
    is_long: bool,
    findings: &mut Findings,
) -> Result<()> {
    let frame = engine.select(query::VALIDATE_MIX.sql, &span_params(span))?;
    let (mut countries, mut currencies) = (BTreeMap::<String, (u64, u64)>::new(), BTreeMap::<String, u64>::new());
    let names = frame.texts("country")?.into_iter().zip(frame.texts("currency")?);
    for ((country, currency), (is_recent, n)) in
        names.zip(frame.bools("is_recent")?.into_iter().zip(frame.u64s("lines")?))
    {
        let counts = countries.entry(country).or_default();
        *(if is_recent { &mut counts.1 } else { &mut counts.0 }) += n;
        if !currency.is_empty() {
            *currencies.entry(currency).or_default() += n;
        }
    }
    if columns.filled("country") == 0 {
        findings.skip(&spec::COUNTRY_DRIFT, "the source has no countries");
    } else if is_long {
        drift(&spec::COUNTRY_DRIFT, "country", &lump(&countries), rules, findings);
    } else {
        findings.skip(&spec::COUNTRY_DRIFT, "the data are shorter than 180 days");
    }
    one_currency(&currencies, findings);
    Ok(())
}

/// Countries with a share worth telling, the rest as one.
fn lump(countries: &BTreeMap<String, (u64, u64)>) -> Vec<(String, u64, u64)> {
    let total = countries.values().fold((0, 0), |t, n| (t.0 + n.0, t.1 + n.1));
    let is_small =
        |n: &(u64, u64)| (n.0 as f64) < SMALL_SHARE * total.0 as f64 && (n.1 as f64) < SMALL_SHARE * total.1 as f64;
    let mut bins: Vec<(String, u64, u64)> = Vec::new();
    let mut rest = (0, 0);
    for (country, n) in countries {
        if is_small(n) {
            rest = (rest.0 + n.0, rest.1 + n.1);
        } else {
            bins.push((if country.is_empty() { "(none)".to_owned() } else { country.clone() }, n.0, n.1));
        }
    }
    if rest != (0, 0) {
        bins.push(("(others)".to_owned(), rest.0, rest.1));
    }
    bins
}

fn one_currency(currencies: &BTreeMap<String, u64>, findings: &mut Findings) {
    let main = currencies.iter().rev().max_by_key(|(_, n)| **n).map(|(name, _)| name);
    let Some(main) = main else {
        findings.skip(&spec::ONE_CURRENCY, "the source names no currency");
        return;
    };
    let others: Vec<Map<String, Value>> = currencies
        .iter()
        .filter(|(name, _)| *name != main)
        .map(|(name, n)| object([("currency", Value::from(name.clone())), ("rows", Value::from(*n))]))
        .collect();
    findings.put(
        &spec::ONE_CURRENCY,
        Found {
            elements: currencies.len() as u64,
            unexpected: others.len() as u64,
            sentence: Some(if others.is_empty() {
                format!("All money is in {main}.")
            } else {
                format!("Most rows are in {main}, and {} stand beside it.", counted(others.len() as u64, "currencies"))
            }),
            examples: others,
            ..Found::default()
        },
    );
}

/// The population stability index of bins (before, since), and what chance alone exceeds once in twenty times.
fn stability(bins: &[(String, u64, u64)]) -> (f64, f64) {
    let n: u64 = bins.iter().map(|b| b.1).sum();
    let m: u64 = bins.iter().map(|b| b.2).sum();
    let k = bins.len() as f64;
    let share = |count: u64, total: u64| (count as f64 + 0.5) / (total as f64 + 0.5 * k);
    let index = bins.iter().map(|b| (share(b.2, m) - share(b.1, n)) * (share(b.2, m) / share(b.1, n)).ln()).sum();
    // Wilson and Hilferty's approximation of the χ² quantile at 95 %.
    let degrees = (k - 1.0).max(1.0);
    let cube = 1.0 - 2.0 / (9.0 * degrees) + 1.644_853_626_951_472_2 * (2.0 / (9.0 * degrees)).sqrt();
    let chance = degrees * cube * cube * cube * (1.0 / n.max(1) as f64 + 1.0 / m.max(1) as f64);
    (index, chance)
}

fn drift(spec: &Spec, what: &str, bins: &[(String, u64, u64)], rules: &Rules, findings: &mut Findings) {
    let n: u64 = bins.iter().map(|b| b.1).sum();
    let m: u64 = bins.iter().map(|b| b.2).sum();
    if n == 0 || m == 0 {
        findings.skip(spec, "one of the two periods has no rows");
        return;
    }
    let (index, chance) = stability(bins);
    let share = |bin: &(String, u64, u64)| (bin.1 as f64 / n as f64, bin.2 as f64 / m as f64);
    let moved = bins
        .iter()
        .map(|b| {
            let (p, q) = share(b);
            (q - p).max(0.0)
        })
        .sum::<f64>()
        * m as f64;
    let moved = moved.round() as u64;
    let mut order: Vec<usize> = (0..bins.len()).collect();
    let change = |i: usize| {
        let (p, q) = share(&bins[i]);
        (q - p).abs()
    };
    order.sort_by(|a, b| change(*b).total_cmp(&change(*a)).then(a.cmp(b)));
    let is_stable = index <= rules.drift_psi.max(chance);
    let examples = order
        .iter()
        .map(|&i| {
            let (p, q) = share(&bins[i]);
            object([
                (what, Value::from(bins[i].0.clone())),
                ("percent_before", rounded(100.0 * p)),
                ("percent_since", rounded(100.0 * q)),
            ])
        })
        .collect();
    findings.judge(
        spec,
        Found {
            elements: m,
            unexpected: moved,
            examples: if is_stable { Vec::new() } else { examples },
            sentence: Some(format!(
                "PSI {index:.3} against {} before, where {:.3} is accepted: {} of {} ({}) {}.",
                counted(n, "rows"),
                rules.drift_psi.max(chance),
                thousands(moved),
                counted(m, "rows"),
                percent(moved, m),
                spec.fault
            )),
            observed: object([("psi", rounded(index)), ("psi_by_chance", rounded(chance))]),
            ..Found::default()
        },
        is_stable,
    );
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::*;

    fn bins(counts: &[(u64, u64)]) -> Vec<(String, u64, u64)> {
        counts.iter().enumerate().map(|(i, (n, m))| (i.to_string(), *n, *m)).collect()
    }

    #[test]
    fn the_index_is_the_textbook_one_on_large_samples() {
        // Shares 0.5, 0.3, 0.2 against 0.4, 0.4, 0.2: -0.1 ln 0.8 + 0.1 ln (4/3).
        let (index, chance) =
            stability(&bins(&[(5_000_000, 4_000_000), (3_000_000, 4_000_000), (2_000_000, 2_000_000)]));
        let expected = -0.1 * 0.8_f64.ln() + 0.1 * (4.0_f64 / 3.0).ln();
        assert!((index - expected).abs() < 1e-6, "{index} {expected}");
        // χ² at 95 % with two degrees of freedom is 5.991 (tables); the approximation is good to one per cent.
        assert!((chance / 2e-7 / 5.991 - 1.0).abs() < 0.01, "{chance}");
    }

    #[test]
    fn an_empty_bin_stays_finite_and_small_samples_do_not_alarm() {
        let (index, chance) = stability(&bins(&[(10, 8), (10, 12), (0, 1)]));
        assert!(index.is_finite() && index < chance);
        let mut findings = Findings::default();
        let rules = Rules { drift_psi: 0.01, ..Rules::default() };
        drift(&spec::COUNTRY_DRIFT, "country", &bins(&[(10, 8), (10, 12), (0, 1)]), &rules, &mut findings);
        drift(&spec::COUNTRY_DRIFT, "country", &bins(&[(10_000, 8_000), (10_000, 12_000)]), &rules, &mut findings);
        let checks = findings.into_checks();
        assert_eq!(checks[0].success, Some(true));
        assert_eq!(checks[1].success, Some(false));
        assert_eq!(checks[1].unexpected_count, Some(2_000));
    }

    #[test]
    fn quantiles_and_the_fence_are_exact() {
        let values: Vec<(f64, u64)> = (1..=100).map(|v| (f64::from(v), 1)).collect();
        assert_eq!(quantile(&values, 100, 0.25), 25.0);
        assert_eq!(quantile(&values, 100, 0.75), 75.0);
        assert_eq!(quantile(&[(1.0, 3), (9.0, 1)], 4, 0.75), 1.0);
        assert_eq!(fence(1.0, 10.0), 10_000.0);
        assert_eq!(fence(5.0, 5.0), 40.0);
        let histogram = Histogram { before: values, since: vec![(-2_500.0, 2), (f64::NAN, 1), (0.0, 9)] };
        let (q1, q3) = histogram.quartiles().unwrap();
        assert_eq!((q1, q3), (26.0, 77.0));
    }

    #[test]
    fn small_countries_are_taken_together() {
        let countries =
            [("A", (990, 90)), ("B", (5, 0)), ("C", (5, 10)), ("", (500, 0))].map(|(c, n)| (c.to_owned(), n));
        let bins = lump(&countries.into_iter().collect());
        let names: Vec<&str> = bins.iter().map(|b| b.0.as_str()).collect();
        assert_eq!(names, ["(none)", "A", "C", "(others)"]);
    }
}
