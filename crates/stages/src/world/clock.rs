//! The shop's own time: how fast orders come on each day, and the change of time that makes them a plain Poisson process.
//!
//! A customer who cares about the season by `k` (0 to 1) has the daily intensity factor
//! `w(day) * ((1 - k) + k * g(day))`: `w` the weekday's factor, `g` the season's, both with mean one. Within a day all of
//! it falls evenly into the opening hours. Its integral `elapsed(t)` is piecewise linear and increasing, so orders are
//! drawn exactly, as unit steps of `elapsed` pulled back to `t` (Cinlar 1975, time-rescaling).

use super::calendar::Date;

/// Opening hours as parts of the day: 08:00 to 21:00.
pub(super) const OPENS: f64 = 8.0 / 24.0;
/// See [`OPENS`].
pub(super) const CLOSES: f64 = 21.0 / 24.0;

/// The shape of a shop's week and year.
#[derive(Debug, Clone)]
pub(super) struct Season {
    /// Relative intensity from Monday to Sunday.
    pub(super) week: [f64; 7],
    /// Humps of the year: day of the year of the peak, width (standard deviation) in days, height over the base of one.
    pub(super) humps: &'static [(f64, f64, f64)],
}

impl Season {
    /// The factors of the 366 days of the year, with mean one.
    fn year(&self) -> Vec<f64> {
        let raw: Vec<f64> = (0..366)
            .map(|day| {
                let humps = self.humps.iter().map(|&(peak, width, height)| {
                    let apart = (f64::from(day) - peak).abs();
                    let apart = apart.min(366.0 - apart);
                    height * (-0.5 * (apart / width).powi(2)).exp()
                });
                // The base of one can be pressed down by a negative hump, never to nothing.
                (1.0 + humps.sum::<f64>()).max(0.05)
            })
            .collect();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        raw.iter().map(|v| v / mean).collect()
    }
}

/// The integrals of the daily factors from the shop's first midnight on.
#[derive(Debug)]
pub(super) struct Clock {
    /// Integral of `w` up to each midnight.
    even: Vec<f64>,
    /// Integral of `w * g` up to each midnight.
    peaked: Vec<f64>,
}

impl Clock {
    /// The clock of `n_days` days from `start`.
    pub(super) fn new(start: Date, n_days: usize, season: &Season) -> Self {
        let year = season.year();
        let mean = season.week.iter().sum::<f64>() / 7.0;
        let (mut even, mut peaked) = (Vec::with_capacity(n_days + 1), Vec::with_capacity(n_days + 1));
        let (mut e, mut p) = (0.0, 0.0);
        even.push(e);
        peaked.push(p);
        for day in 0..n_days {
            let date = start.plus_days(day as i64);
            let week = season.week[date.weekday()] / mean;
            e += week;
            p += week * year[date.day_of_year() as usize];
            even.push(e);
            peaked.push(p);
        }
        Self { even, peaked }
    }

    /// The number of days that the clock covers.
    pub(super) fn n_days(&self) -> usize {
        self.even.len() - 1
    }

    /// The factor of `day` for a customer with seasonality `k`: the expected orders of that day at a rate of one.
    pub(super) fn factor(&self, day: usize, k: f64) -> f64 {
        self.midnight(day + 1, k) - self.midnight(day, k)
    }

    /// The integral of the factors up to the midnight that begins `day`.
    fn midnight(&self, day: usize, k: f64) -> f64 {
        (1.0 - k) * self.even[day] + k * self.peaked[day]
    }

    /// The integral of the factors up to `t` (days; inside the clock).
    pub(super) fn elapsed(&self, t: f64, k: f64) -> f64 {
        let day = (t.floor().max(0.0) as usize).min(self.even.len() - 2);
        let open = ((t - day as f64 - OPENS) / (CLOSES - OPENS)).clamp(0.0, 1.0);
        self.midnight(day, k) + open * self.factor(day, k)
    }

    /// The time at which [`Clock::elapsed`] reaches `elapsed`; `None` beyond the clock's last day.
    pub(super) fn instant(&self, elapsed: f64, k: f64) -> Option<f64> {
        let (mut low, mut high) = (0, self.even.len() - 1);
        if elapsed >= self.midnight(high, k) {
            return None;
        }
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if self.midnight(middle, k) <= elapsed { low = middle } else { high = middle }
        }
        let part = (elapsed - self.midnight(low, k)) / self.factor(low, k);
        Some(low as f64 + within_opening_hours(part))
    }
}

/// The part of the day at which share `part` (0 to 1) of the day's intensity has passed.
pub(super) fn within_opening_hours(part: f64) -> f64 {
    OPENS + part.clamp(0.0, 1.0) * (CLOSES - OPENS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn clock() -> Clock {
        let season = Season { week: [1.0, 1.0, 1.0, 1.0, 1.2, 0.5, 0.8], humps: &[(330.0, 20.0, 4.0)] };
        Clock::new(Date::new(2023, 1, 1).unwrap(), 730, &season)
    }

    #[test]
    fn time_and_elapsed_are_inverse() {
        let clock = clock();
        for k in [0.0, 0.3, 1.0] {
            for step in 1..700 {
                let t = f64::from(step) + within_opening_hours(f64::from(step % 97) / 97.0);
                let back = clock.instant(clock.elapsed(t, k), k).unwrap();
                assert!((back - t).abs() < 1e-9, "{t} {back}");
            }
            assert!(clock.instant(clock.elapsed(730.0, k), k).is_none());
        }
    }

    #[test]
    fn the_factors_have_mean_one_and_peak_before_christmas() {
        let clock = clock();
        let mean = |k| clock.elapsed(728.0, k) / 728.0;
        assert!((mean(0.0) - 1.0).abs() < 1e-9);
        // Not exact: the year has 365 days and the season's table 366.
        assert!((mean(1.0) - 1.0).abs() < 0.01);
        let day = |text: &str| text.parse::<Date>().unwrap().days_since(Date::new(2023, 1, 1).unwrap()) as usize;
        assert!(clock.factor(day("2023-11-27"), 1.0) > 2.0 * clock.factor(day("2023-06-05"), 1.0));
    }
}
