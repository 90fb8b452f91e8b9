//! Snapshots and the windows behind them: what may train, what may calibrate, what may test.
//!
//! A snapshot is an instant; features read strictly before it, labels from it up to but without its end. A window
//! whose end lies behind the end of the data is open and serves no model. The label windows that train, calibrate and
//! test are disjoint in time and come in this order.

use serde::{Deserialize, Serialize};

use crate::config::SnapshotsConfig;
use crate::time::Instant;

/// Where the data start and end, and the instant of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// First order.
    pub data_start: Instant,
    /// The given `as_of` where rows were cut there, else midnight after the last row.
    pub data_end: Instant,
    /// The instant of the decision.
    pub as_of: Instant,
}

/// Which snapshots do what. Every list is ascending in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Length of every window, days.
    pub horizon_days: i64,
    /// Snapshots whose windows train.
    pub train: Vec<Instant>,
    /// The snapshot whose window calibrates; `None` where calibration is cross-fitted by customer inside `train`.
    pub calibrate: Option<Instant>,
    /// The snapshot whose window tests; `None` in deployment.
    pub test: Option<Instant>,
}

impl Windows {
    /// All snapshots that take part.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Instant> {
        let mut all = self.train.clone();
        all.extend(self.calibrate);
        all.extend(self.test);
        all
    }

    /// What a snapshot's window does among them: `train`, `calibrate` or `test`.
    #[must_use]
    pub fn role(&self, snapshot: Instant) -> Option<&'static str> {
        match snapshot {
            s if self.train.contains(&s) => Some("train"),
            s if self.calibrate == Some(s) => Some("calibrate"),
            s if self.test == Some(s) => Some("test"),
            _ => None,
        }
    }
}

/// How often a recipe is fitted on the windows of a run: on each of the two sets once and, where folds of customers stand
/// for the window that calibrates, once for each fold; and on everything where a window was kept from the deployed one.
#[must_use]
pub(crate) fn fits(deployment: &Windows, evaluation: Option<&Windows>, folds: usize) -> usize {
    let calibrated = |windows: &Windows| if windows.calibrate.is_some() { 1 } else { 1 + folds };
    calibrated(deployment) + evaluation.map_or(0, calibrated) + usize::from(deployment.calibrate.is_some())
}

impl Timeline {
    /// The snapshots, ascending, the last of them `as_of`: every so many calendar months before it, as long as there
    /// are `min_history_days` of data to look back on.
    #[must_use]
    pub fn snapshots(&self, config: &SnapshotsConfig) -> Vec<Instant> {
        let first = self.data_start.plus_days(i64::from(config.min_history_days));
        let mut all: Vec<Instant> = (0_i64..)
            .map(|k| self.as_of.plus_months(-k * i64::from(config.every_months)))
            .take_while(|s| *s >= first)
            .take(if config.max == 0 { usize::MAX } else { config.max })
            .collect();
        if all.is_empty() {
            all.push(self.as_of);
        }
        all.reverse();
        all
    }

    /// Whether the window of `horizon_days` that starts at `snapshot` has ended within the data.
    #[must_use]
    pub fn is_closed(&self, snapshot: Instant, horizon_days: i64) -> bool {
        snapshot.plus_days(horizon_days) <= self.data_end
    }

    /// The windows of the evaluation: the latest closed one tests; `None` where no window ends before it starts.
    #[must_use]
    pub fn evaluation(&self, snapshots: &[Instant], horizon_days: i64) -> Option<Windows> {
        let closed = self.closed(snapshots, horizon_days);
        let test = *closed.last()?;
        let earlier = before(&closed, test, horizon_days);
        let windows = split(&earlier, horizon_days)?;
        Some(Windows { test: Some(test), ..windows })
    }

    /// The windows of the deployed model: all closed ones; `None` where none is closed.
    #[must_use]
    pub fn deployment(&self, snapshots: &[Instant], horizon_days: i64) -> Option<Windows> {
        split(&self.closed(snapshots, horizon_days), horizon_days)
    }

    fn closed(&self, snapshots: &[Instant], horizon_days: i64) -> Vec<Instant> {
        snapshots.iter().copied().filter(|s| self.is_closed(*s, horizon_days)).collect()
    }
}

/// The latest window calibrates and those that end before it starts train; where there are none, all train.
fn split(closed: &[Instant], horizon_days: i64) -> Option<Windows> {
    let last = *closed.last()?;
    let train = before(closed, last, horizon_days);
    Some(if train.is_empty() {
        Windows { horizon_days, train: closed.to_vec(), calibrate: None, test: None }
    } else {
        Windows { horizon_days, train, calibrate: Some(last), test: None }
    })
}

/// The snapshots whose windows end before `next` starts.
fn before(snapshots: &[Instant], next: Instant, horizon_days: i64) -> Vec<Instant> {
    snapshots.iter().copied().filter(|s| s.plus_days(horizon_days) <= next).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn day(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn monthly(start: &str, as_of: &str) -> (Timeline, Vec<Instant>) {
        let timeline = Timeline { data_start: day(start), data_end: day(as_of), as_of: day(as_of) };
        let config = SnapshotsConfig { as_of: None, every_months: 1, min_history_days: 30, max: 0 };
        (timeline, timeline.snapshots(&config))
    }

    #[test]
    fn two_years_give_three_disjoint_windows_in_order() {
        let (timeline, snapshots) = monthly("2009-12-01", "2011-12-10");
        assert_eq!(snapshots.len(), 24);
        assert_eq!(snapshots.first(), Some(&day("2010-01-10")));
        let windows = timeline.evaluation(&snapshots, 90).unwrap();
        assert_eq!(windows.test, Some(day("2011-09-10")));
        assert_eq!(windows.calibrate, Some(day("2011-06-10")));
        assert_eq!(windows.train.last(), Some(&day("2011-03-10")));
        assert!(windows.train.iter().all(|t| t.plus_days(90) <= day("2011-06-10")));
        let roles = ["2011-03-10", "2011-04-10", "2011-06-10", "2011-09-10"].map(|at| windows.role(day(at)));
        assert_eq!(roles, [Some("train"), None, Some("calibrate"), Some("test")]);
        let deployed = timeline.deployment(&snapshots, 90).unwrap();
        assert_eq!((deployed.calibrate, deployed.train.last()), (Some(day("2011-09-10")), Some(&day("2011-06-10"))));
    }

    #[test]
    fn a_short_history_cross_fits_then_gives_up() {
        let (timeline, snapshots) = monthly("2009-12-01", "2011-06-01");
        let windows = timeline.evaluation(&snapshots, 180).unwrap();
        assert_eq!((windows.test, windows.calibrate), (Some(day("2010-12-01")), None));
        assert_eq!(windows.train.last(), Some(&day("2010-06-01")));
        let (timeline, snapshots) = monthly("2010-01-01", "2010-06-01");
        assert_eq!(timeline.evaluation(&snapshots, 90), None);
        assert_eq!(timeline.deployment(&snapshots, 90).unwrap().calibrate, None);
        let (timeline, snapshots) = monthly("2010-04-01", "2010-06-01");
        assert_eq!(timeline.deployment(&snapshots, 90), None);
    }

    #[test]
    fn an_open_window_is_never_used() {
        let (mut timeline, snapshots) = monthly("2009-12-01", "2011-12-10");
        timeline.data_end = day("2011-12-08");
        assert!(!timeline.is_closed(day("2011-09-10"), 90));
        assert!(timeline.is_closed(day("2011-09-10"), 90 - 1));
        assert!(timeline.evaluation(&snapshots, 90).unwrap().test.unwrap() < day("2011-09-10"));
    }
}
