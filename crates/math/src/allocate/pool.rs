//! Customers of a relaxed problem, taken out of the instance.

use super::instance::Instance;

/// Customers of a relaxed problem, with their numbers side by side.
pub(super) struct Pool {
    /// Their numbers in the instance, ascending.
    pub(super) ids: Vec<u32>,
    pub(super) group: Vec<u32>,
    /// Worth of each choice.
    pub(super) c: Vec<f64>,
    pub(super) cost: Vec<f64>,
    /// Choices that may be made.
    pub(super) open: Vec<bool>,
    pub(super) width: usize,
}

impl Pool {
    /// The customers `ids`; `hair` says by how much each counts more.
    pub(super) fn new(instance: &Instance<'_>, ids: Vec<u32>, hair: impl Fn(usize) -> f64) -> Self {
        let width = instance.width();
        let mut pool = Self {
            group: ids.iter().map(|&i| instance.group_of(i as usize) as u32).collect(),
            c: Vec::with_capacity(ids.len() * width),
            cost: Vec::with_capacity(ids.len() * width),
            open: Vec::with_capacity(ids.len() * width),
            ids,
            width,
        };
        for (j, &i) in pool.ids.iter().enumerate() {
            let (i, hair) = (i as usize, hair(j));
            for k in 0..width {
                let net = instance.net_of(i, k);
                pool.c.push(if k == instance.offers { 0.0 } else { instance.with_hair(net, hair) });
                pool.cost.push(instance.cost_of(i, k));
                pool.open.push(instance.may(i, k));
            }
        }
        pool
    }
}
