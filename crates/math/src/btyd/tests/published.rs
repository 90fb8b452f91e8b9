//! Numbers others have published, on the data they are of.
//!
//! CDNOW's 1/10 sample and the donations are read from the folder that `TENURE_DATA` names. Sources of the numbers stand
//! beside them; "recomputed" are ours from an independent script (Nelder-Mead to 1e-12).

use std::path::PathBuf;

use crate::btyd::bg_bb::{self, BgBb, Occasions};
use crate::btyd::{
    self, Discount, Dropout, Fitted, History, Model, Money, Params, Past, Process, Span, TimeUnit, gamma_gamma,
};

/// A file of the data folder, or `None`, said aloud; on CI its absence is a failure.
fn real(name: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("TENURE_DATA").filter(|folder| !folder.is_empty()) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "on CI TENURE_DATA must be set");
        eprintln!("skipped: TENURE_DATA is not set, so {name} was not read");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

struct Cdnow {
    repeats: Vec<u32>,
    last: Vec<f64>,
    observed: Vec<f64>,
    spend: Vec<f64>,
    history: History,
}

fn cdnow() -> Option<Cdnow> {
    let text = real("cdnow_customers_summary_with_transactions.csv")?;
    let rows: Vec<Vec<f64>> =
        text.lines().skip(1).map(|line| line.split(',').map(|v| v.trim().parse().unwrap()).collect()).collect();
    let column = |k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
    let repeats: Vec<u32> = column(1).iter().map(|x| *x as u32).collect();
    let (last, observed, spend) = (column(2), column(3), column(4));
    let history = History::new(&repeats, &last, &observed, TimeUnit::Week).unwrap();
    assert_eq!((history.customers(), history.purchases()), (2357.0, 2457.0));
    Some(Cdnow { repeats, last, observed, spend, history })
}

fn weeks(t: f64) -> Span {
    Span::new(t, TimeUnit::Week).unwrap()
}

fn fit(model: Model, history: &History) -> Fitted {
    btyd::fit(model, history, &Params::default()).unwrap()
}

fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected} +- {tolerance}");
}

fn parameters_near(fitted: &Fitted, expected: &[f64], digit: f64) {
    for (estimate, expected) in fitted.parameters().iter().zip(expected) {
        near(estimate.value, *expected, digit);
    }
}

#[test]
fn cdnow_fits() {
    let Some(cdnow) = cdnow() else { return };
    for (model, expected, likelihood) in [
        (Model::Nbd, &[0.384_766_1, 12.072_022_2][..], -9763.657_615),
        (Model::BgNbd, &[0.242_592_9, 4.413_531_9, 0.792_886_1, 2.425_753_5], -9582.425_561),
        (Model::MbgNbd, &[0.524_838_1, 6.182_992_8, 0.891_356_0, 1.613_998_6], -9582.132_685),
        (Model::ParetoNbd, &[0.553_275_6, 10.577_613_2, 0.606_213_5, 11.667_907_2], -9594.973_930),
    ] {
        let fitted = fit(model, &cdnow.history);
        eprintln!("{model:?} {:?} {} {:?}", fitted.parameters(), fitted.log_likelihood(), fitted.convergence());
        parameters_near(&fitted, expected, 1e-4);
        near(fitted.log_likelihood(), likelihood, 1e-6);
    }
}
