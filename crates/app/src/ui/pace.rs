//! How long a stage still takes, as far as anything is known of it.

/// A stage at work; all times in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pace {
    /// How long it took when it was last computed.
    pub(crate) before: Option<f64>,
    /// Done of the whole, and how long that took; `None` before the first step.
    counted: Option<(u64, u64, f64)>,
}

impl Pace {
    /// A stage begins.
    pub(crate) fn new(before: Option<f64>) -> Self {
        Self { before, counted: None }
    }

    /// So much was done after so long.
    pub(crate) fn count(&mut self, done: u64, of: Option<u64>, elapsed: f64) {
        self.counted = of.map(|of| (done, of, elapsed));
    }

    /// What is left: of the last run's time where that has not passed yet, else what the share done lets expect; `None`
    /// where neither says anything.
    pub(crate) fn left(&self, elapsed: f64) -> Option<f64> {
        let of_before = self.before.map(|before| before - elapsed);
        let of_share = self.counted.and_then(|(done, of, then)| {
            // All counted steps are done and the stage is not: what remains nobody has counted.
            (done > 0 && done < of).then(|| then * (of - done) as f64 / done as f64 - (elapsed - then))
        });
        of_before.filter(|left| *left > 0.0).or(of_share.filter(|left| *left > 0.0))
    }
}

/// Seconds as people say them.
pub(crate) fn words(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", (seconds + 30) / 3600, (seconds + 30) % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_says_what_is_left_then_the_share_done_then_nobody() {
        let mut pace = Pace::new(None);
        assert_eq!(pace.left(3.0), None, "nothing is known");
        pace.count(0, Some(8), 3.0);
        assert_eq!(pace.left(3.0), None, "nothing is done");
        pace.count(2, Some(8), 4.0);
        assert_eq!(pace.left(4.0), Some(12.0));
        assert_eq!(pace.left(6.0), Some(10.0), "it runs down between two steps");
        assert_eq!(pace.left(16.0), None, "the step takes longer than those before");
        pace.count(8, Some(8), 20.0);
        assert_eq!(pace.left(20.0), None, "what follows the last step is not counted");
        pace.count(500, None, 20.0);
        assert_eq!(pace.left(20.0), None, "without a whole there is no share");

        let mut pace = Pace::new(Some(10.0));
        pace.count(1, Some(2), 2.0);
        assert_eq!(pace.left(4.0), Some(6.0), "the last run comes first");
        pace.count(1, Some(2), 11.0);
        assert_eq!(pace.left(12.0), Some(10.0), "more than the last run took");
    }

    #[test]
    fn seconds_become_minutes_and_hours() {
        let said = [0.2, 89.0, 90.0, 3_599.0, 5_400.0, 9_000.0].map(words);
        assert_eq!(said, ["1 s", "89 s", "2 min", "60 min", "1 h 30 min", "2 h 30 min"]);
    }
}
