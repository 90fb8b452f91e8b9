//! What a hidden state implies: silence, orders and survival over a span of time, in closed form.
//!
//! A customer alive at `s` has orders at intensity `lambda(t)` (piecewise constant, see `clock`) and drops out at a
//! constant hazard `mu`. With `L(t) = integral of lambda from s to t`, over the span `[s, e)`:
//!
//! ```text
//! buys            P(an order, before drop-out)   = int lambda(t) exp(-mu (t - s) - L(t)) dt
//! silent_dropped  P(no order, dropped out)       = int mu        exp(-mu (t - s) - L(t)) dt
//! silent_alive    P(no order, still alive)       = exp(-mu (e - s) - L(e))
//! orders          E(number of orders)            = int lambda(t) exp(-mu (t - s)) dt
//! ```
//!
//! The first three sum to one. On a piece of length `l` with constant `lambda` both integrands are exponentials, so each
//! piece is added exactly: `int exp(-k t) dt = (1 - exp(-k l)) / k`. With constant intensity these are the individual-level
//! terms of the Pareto/NBD model (Schmittlein, Morrison and Colombo 1987, eqs. 2-4 and 17).

use super::clock::{CLOSES, Clock, OPENS};
use super::population::Latent;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outlook {
    pub(super) buys: f64,
    pub(super) silent_dropped: f64,
    pub(super) silent_alive: f64,
    pub(super) orders: f64,
}

/// Survival of drop-out over a piece of a day: its length, `exp(-mu l)` and `1 - exp(-mu l)`.
#[derive(Clone, Copy)]
struct Piece {
    length: f64,
    stays: f64,
    drops: f64,
}

impl Piece {
    fn new(hazard: f64, length: f64) -> Self {
        let drops = -(-hazard * length).exp_m1();
        Self { length, stays: 1.0 - drops, drops }
    }
}

impl Outlook {
    /// Passes a piece in which the shop is closed; the probability of surviving it.
    fn close(&mut self, piece: Piece) -> f64 {
        self.silent_dropped += self.silent_alive * piece.drops;
        self.silent_alive *= piece.stays;
        piece.stays
    }
}

/// The outlook from `from` to `until` (days since the start) for a customer who is alive at `from`.
pub(super) fn outlook(clock: &Clock, latent: &Latent, from: f64, until: f64) -> Outlook {
    let hazard = latent.hazard;
    let bounds = [(0.0, OPENS), (OPENS, CLOSES), (CLOSES, 1.0)];
    // All whole days have the same three pieces: one exponential a day remains.
    let whole = bounds.map(|(begin, end)| Piece::new(hazard, end - begin));
    let mut sum = Outlook { buys: 0.0, silent_dropped: 0.0, silent_alive: 1.0, orders: 0.0 };
    let mut alive = 1.0;
    for day in from.floor() as usize..until.ceil() as usize {
        let midnight = day as f64;
        let [morning, open, evening] = if from <= midnight && midnight + 1.0 <= until {
            whole
        } else {
            bounds.map(|(begin, end)| {
                Piece::new(hazard, ((midnight + end).min(until) - (midnight + begin).max(from)).max(0.0))
            })
        };
        alive *= sum.close(morning);
        let rate = latent.rate * clock.factor(day, latent.seasonality) / (CLOSES - OPENS);
        let ends = -(-(hazard + rate) * open.length).exp_m1();
        let silence = sum.silent_alive * ends / (hazard + rate);
        sum.buys += rate * silence;
        sum.silent_dropped += hazard * silence;
        sum.silent_alive *= 1.0 - ends;
        sum.orders += rate * alive * open.drops / hazard;
        alive *= open.stays;
        alive *= sum.close(evening);
    }
    sum
}

/// The future of a customer who is alive at `as_of`, in orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Future {
    /// P(no order in the churn horizon).
    pub(super) p_churn: f64,
    /// E(orders in the value horizon).
    pub(super) orders: f64,
    /// E(orders in the value horizon | an order in the churn horizon).
    pub(super) orders_if_kept: f64,
    /// E(orders in the value horizon | no order in the churn horizon).
    pub(super) orders_if_churned: f64,
}

/// The future at `as_of` over `churn_days` and `value_days`:
/// `orders = (1 - p_churn) orders_if_kept + p_churn orders_if_churned`.
pub(super) fn future(clock: &Clock, latent: &Latent, as_of: f64, churn_days: u32, value_days: u32) -> Future {
    let churn_end = as_of + f64::from(churn_days);
    let value_end = as_of + f64::from(value_days);
    let near = outlook(clock, latent, as_of, churn_end);
    let p_churn = near.silent_alive + near.silent_dropped;
    // Only one who is still alive at the end of a silent churn horizon orders later.
    let later = if value_end > churn_end { outlook(clock, latent, churn_end, value_end).orders } else { 0.0 };
    let of_silent = near.silent_alive * later;
    let orders = if value_end < churn_end {
        outlook(clock, latent, as_of, value_end).orders
    } else {
        near.orders + (-latent.hazard * f64::from(churn_days)).exp() * later
    };
    Future { p_churn, orders, orders_if_kept: (orders - of_silent) / near.buys, orders_if_churned: of_silent / p_churn }
}

#[cfg(test)]
mod tests {
    use super::super::calendar::Date;
    use super::super::clock::Season;
    use super::*;

    fn clock(humps: &'static [(f64, f64, f64)]) -> Clock {
        Clock::new(Date::DEFAULT_START, 800, &Season { week: [1.0; 7], humps })
    }

    #[test]
    fn the_three_outcomes_are_all_there_are() {
        let clock = clock(&[(330.0, 20.0, 4.0)]);
        for (rate, hazard, seasonality) in [(1e-6, 1e-6, 0.0), (0.02, 0.002, 0.4), (3.0, 1.0, 1.0), (1e-6, 1.0, 0.5)] {
            let latent = Latent { rate, hazard, seasonality };
            let all = outlook(&clock, &latent, 100.4, 333.0);
            assert!((all.buys + all.silent_alive + all.silent_dropped - 1.0).abs() < 1e-12, "{all:?}");
        }
    }

    #[test]
    fn without_a_season_it_is_the_pareto_nbd_at_the_level_of_a_customer() {
        // Orders fall into opening hours, whose middle is 2.5 hours after the day's: so much longer must a customer live
        // to place one. To first order in the hazard per day that is the only difference.
        let clock = clock(&[]);
        let (rate, hazard) = (0.02_f64, 0.004_f64);
        let latent = Latent { rate, hazard, seasonality: 0.0 };
        let span = outlook(&clock, &latent, 10.0, 190.0);
        let late = (-hazard * 2.5 / 24.0).exp();
        let buys = 1.0 - (hazard + rate * (-(rate + hazard) * 180.0).exp()) / (rate + hazard);
        assert!((span.buys / (buys * late) - 1.0).abs() < 1e-5, "{}", span.buys / (buys * late));
        let orders = rate / hazard * -(-hazard * 180.0).exp_m1();
        assert!((span.orders / (orders * late) - 1.0).abs() < 1e-5, "{}", span.orders / (orders * late));
    }

    #[test]
    fn spans_add_up() {
        let clock = clock(&[(330.0, 20.0, 4.0)]);
        let latent = Latent { rate: 0.03, hazard: 0.005, seasonality: 0.6 };
        let [whole, near, far] =
            [(7.3, 200.0), (7.3, 60.55), (60.55, 200.0)].map(|(a, b)| outlook(&clock, &latent, a, b));
        assert!((whole.silent_alive - near.silent_alive * far.silent_alive).abs() < 1e-14);
        assert!((whole.buys - near.buys - near.silent_alive * far.buys).abs() < 1e-14);
        let survives = (-latent.hazard * 53.25_f64).exp();
        assert!((whole.orders - near.orders - survives * far.orders).abs() < 1e-12);
    }

    #[test]
    fn the_future_is_the_mixture_of_its_branches() {
        let clock = clock(&[(330.0, 20.0, 4.0)]);
        for rate in [1e-6, 1e-3, 0.03, 1.0] {
            let latent = Latent { rate, hazard: 0.004, seasonality: 0.6 };
            for (churn_days, value_days) in [(90, 180), (90, 90), (90, 30)] {
                let f = future(&clock, &latent, 50.0, churn_days, value_days);
                let mixed = (1.0 - f.p_churn) * f.orders_if_kept + f.p_churn * f.orders_if_churned;
                assert!((mixed - f.orders).abs() < 1e-9 * (1.0 + f.orders), "{f:?}");
                // Whoever ordered in the churn horizon has at least that order, if the value horizon covers it.
                assert!(value_days < churn_days || f.orders_if_kept >= 1.0 - 1e-6, "{f:?}");
                assert!(f.orders_if_churned <= f.orders + 1e-12);
            }
        }
    }
}
