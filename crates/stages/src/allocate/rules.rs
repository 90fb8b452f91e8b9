//! Common rules to compare a plan with.

use tenure_math::allocate::Problem;

/// The plan of a common rule, and its net: go down a list, give everybody the offer with the best expected net (the
/// cheapest where none earns its cost), until the budget is spent.
pub(crate) fn ranked(problem: &Problem<'_>, key: impl Fn(usize) -> f64) -> (Vec<Option<usize>>, f64) {
    let keys: Vec<f64> = (0..problem.n_customers).map(key).collect();
    let mut order: Vec<usize> = (0..problem.n_customers).collect();
    order.sort_by(|&a, &b| keys[b].total_cmp(&keys[a]).then(a.cmp(&b)));
    let mut left = problem.budget.unwrap_or(f64::INFINITY);
    let mut places: Vec<usize> = problem.caps.iter().map(|c| c.unwrap_or(usize::MAX)).collect();
    let mut choice = vec![None; problem.n_customers];
    let mut net = 0.0;
    for i in order {
        if problem.eligible.is_some_and(|e| !e[i]) {
            continue;
        }
        let row = i * problem.offers;
        choice[i] = (0..problem.offers)
            .filter(|&k| places[k] > 0 && problem.cost[row + k] <= left)
            .max_by(|&a, &b| problem.net[row + a].total_cmp(&problem.net[row + b]).then(b.cmp(&a)));
        if let Some(k) = choice[i] {
            net += problem.net[row + k];
            left -= problem.cost[row + k];
            places[k] -= 1;
        }
    }
    (choice, net)
}
