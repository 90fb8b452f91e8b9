//! The relaxed problem's path: increments along the customers' upper convex hulls, by falling efficiency.

use super::Instance;
use super::state::State;

/// From a customer's offer before to `offer`.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Net per unit of budget; infinite where the step costs nothing.
    efficiency: f64,
    customer: usize,
    offer: usize,
}

/// All increments worth taking, in the order in which a growing budget takes them.
pub(super) struct Path {
    steps: Vec<Step>,
    /// The budget used after each step.
    spent: Vec<f64>,
}

impl Path {
    /// The path when a place with offer `k` has the price `mu[k]`.
    pub(super) fn new(instance: &Instance<'_>, mu: &[f64]) -> Self {
        let mut steps: Vec<(Step, f64)> = Vec::new();
        let mut points: Vec<(f64, f64, usize)> = Vec::with_capacity(instance.offers);
        let mut hull: Vec<(f64, f64, usize)> = Vec::with_capacity(instance.offers + 1);
        for &i in &instance.active {
            points.clear();
            let weight = instance.weight(i);
            for (k, (&net, &cost)) in instance.net_of(i).iter().zip(instance.cost_of(i)).enumerate() {
                let worth = net * weight - mu[k];
                if net > 0.0 && worth > 0.0 {
                    points.push((cost, worth, k));
                }
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
            hull.clear();
            hull.push((0.0, 0.0, usize::MAX));
            for &point in &points {
                if point.1 <= hull[hull.len() - 1].1 {
                    continue;
                }
                while let [.., before, top] = hull[..]
                    && slope(top, point) > slope(before, top)
                {
                    hull.pop();
                }
                hull.push(point);
            }
            for pair in hull.windows(2) {
                let step = Step { efficiency: slope(pair[0], pair[1]), customer: i, offer: pair[1].2 };
                steps.push((step, pair[1].0 - pair[0].0));
            }
        }
        // Stable: a customer's own steps keep their order where rounding makes them equally efficient.
        steps.sort_by(|(a, _), (b, _)| b.efficiency.total_cmp(&a.efficiency).then(a.customer.cmp(&b.customer)));
        let mut sum = 0.0;
        let spent = steps
            .iter()
            .map(|(_, cost)| {
                sum += cost;
                sum
            })
            .collect();
        Self { steps: steps.into_iter().map(|(step, _)| step).collect(), spent }
    }

    /// The number of steps that fit the budget before the first that does not.
    fn fitting(&self, instance: &Instance<'_>) -> usize {
        let allowed = instance.allowed();
        self.spent.partition_point(|&spent| spent <= allowed)
    }

    /// The efficiency at which the budget ends; 0 where it does not bind.
    pub(super) fn price(&self, instance: &Instance<'_>) -> f64 {
        self.steps.get(self.fitting(instance)).map_or(0.0, |step| step.efficiency)
    }

    /// The plan of the steps that fit.
    pub(super) fn take<'a>(&self, instance: &'a Instance<'a>) -> State<'a> {
        let mut state = State::new(instance);
        for step in &self.steps[..self.fitting(instance)] {
            state.give(step.customer, step.offer);
        }
        state
    }
}

fn slope(from: (f64, f64, usize), to: (f64, f64, usize)) -> f64 {
    let cost = to.0 - from.0;
    if cost > 0.0 { (to.1 - from.1) / cost } else { f64::INFINITY }
}
