//! Which observations stand apart: Tukey's fence for one measure, the isolation forest for many.
//!
//! Question: which values (of one measure) or rows (of several) are too unlike the rest to be believed or averaged?
//! Nothing is removed here; flagging, capping and dropping are the caller's policy.
//!
//! **Fence.** With quartiles `Q1`, `Q3` and a factor `f` (usually 1.5 or 3), the bounds are
//! `Q1 - f (Q3 - Q1)` and `Q3 + f (Q3 - Q1)` (Tukey 1977, *Exploratory Data Analysis*). The quartiles come from a sample
//! (type 7 of Hyndman and Fan) or from a [`LogHistogram`], whose counts add up over time, so that the bounds of each
//! instant can be fitted on what was known by then without reading the rows again. Over a histogram the fence is drawn
//! on `ln x`, where money and quantities are nearly symmetric, and given back in the unit of `x`.
//!
//! **Isolation forest** (Liu, Ting and Zhou 2008, *Isolation Forest*, ICDM). Trees cut random attributes at random
//! places; what stands apart is cut off early. With path length `h(x)` and `c(n)` the mean path of an unsuccessful
//! search among `n` points (their eq. 1), the score is `s(x) = 2^(-E[h(x)] / c(n))` (their eq. 2): near 1 stands apart,
//! well below 0.5 is ordinary.
//!
//! Limits: the forest's cuts are parallel to the axes, and an attribute's scale does not matter but its skewness does.

use std::collections::BTreeMap;

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::num::{self, Matrix};
use crate::rng;

/// The two ends of Tukey's fence, in the unit of the measure; what lies on an end is inside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IqrBounds {
    /// The least ordinary value.
    pub lower: f64,
    /// The greatest ordinary value.
    pub upper: f64,
}

impl IqrBounds {
    /// The fence around two quartiles: `q1 - factor (q3 - q1)` to `q3 + factor (q3 - q1)`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the factor is negative or not finite, [`Error::NotFinite`] when a quartile is not
    /// finite, [`Error::Degenerate`] when `q1 > q3`.
    pub fn from_quartiles(q1: f64, q3: f64, factor: f64) -> Result<Self> {
        if !factor.is_finite() || factor < 0.0 {
            return Err(Error::Parameter { name: "factor", value: factor, expected: "a finite number >= 0" });
        }
        num::require_finite("quartiles", &[q1, q3])?;
        if q1 > q3 {
            return Err(Error::Degenerate { what: "Tukey's fence", reason: "the first quartile is above the third" });
        }
        let reach = factor * (q3 - q1);
        Ok(Self { lower: q1 - reach, upper: q3 + reach })
    }

    /// The fence of a sample, by type-7 quartiles.
    ///
    /// # Errors
    /// [`Error::TooFew`] for an empty sample, [`Error::NotFinite`] for NaN or infinity, [`Error::Parameter`] for a bad
    /// factor.
    ///
    /// ```
    /// let fence = tenure_math::outlier::IqrBounds::from_sample(&[1., 2., 3., 4., 5.], 1.5)?;
    /// assert_eq!((fence.lower, fence.upper), (-1.0, 7.0));
    /// # Ok::<(), tenure_math::Error>(())
    /// ```
    pub fn from_sample(values: &[f64], factor: f64) -> Result<Self> {
        num::require_finite("sample", values)?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        match (num::quantile_sorted(&sorted, 0.25), num::quantile_sorted(&sorted, 0.75)) {
            (Some(q1), Some(q3)) => Self::from_quartiles(q1, q3, factor),
            _ => Err(Error::TooFew { what: "Tukey's fence", needed: 1, found: 0 }),
        }
    }

    /// The fence of a histogram, drawn on `ln x` and given back in the unit of `x`: `lower = Q1 (Q1/Q3)^factor` and
    /// `upper = Q3 (Q3/Q1)^factor`, both positive.
    ///
    /// # Errors
    /// [`Error::TooFew`] when the histogram is empty, [`Error::Parameter`] for a bad factor.
    pub fn from_histogram(histogram: &LogHistogram, factor: f64) -> Result<Self> {
        match (histogram.log_quantile(0.25), histogram.log_quantile(0.75)) {
            (Some(q1), Some(q3)) => {
                let log = Self::from_quartiles(q1, q3, factor)?;
                Ok(Self { lower: log.lower.exp(), upper: log.upper.exp() })
            }
            _ => Err(Error::TooFew { what: "Tukey's fence", needed: 1, found: 0 }),
        }
    }

    /// Whether `x` is ordinary; false for NaN.
    #[must_use]
    pub fn contains(&self, x: f64) -> bool {
        self.lower <= x && x <= self.upper
    }

    /// `x` moved to the nearer end when it lies outside.
    #[must_use]
    pub fn cap(&self, x: f64) -> f64 {
        x.max(self.lower).min(self.upper)
    }
}

/// Counts of positive values in bins of width 0.02 of `ln x`: bin `b` holds `e^(0.02 b) <= x < e^(0.02 (b + 1))`.
///
/// Counts of disjoint row sets add up ([`LogHistogram::merge`]), in any order and with the same result. A quantile is
/// right to within its bin, that is to 2 % of the value. In SQL the bin is `floor(ln(x) / 0.02)`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHistogram {
    counts: BTreeMap<i32, u64>,
    total: u64,
}

impl LogHistogram {
    /// The width of a bin in `ln x`.
    pub const WIDTH: f64 = 0.02;

    /// A histogram without counts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bin of `x`; `None` unless `x` is positive and finite.
    #[must_use]
    pub fn bin_of(x: f64) -> Option<i32> {
        (x > 0.0 && x.is_finite()).then(|| (x.ln() / Self::WIDTH).floor() as i32)
    }

    /// Adds `count` values to `bin`.
    pub fn add(&mut self, bin: i32, count: u64) {
        if count > 0 {
            *self.counts.entry(bin).or_insert(0) += count;
            self.total += count;
        }
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&bin, &count) in &other.counts {
            self.add(bin, count);
        }
    }

    /// The number of values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The `q`-quantile in the unit of `x`, to within its bin; `None` when the histogram is empty.
    ///
    /// ```
    /// use tenure_math::outlier::LogHistogram;
    /// let mut h = LogHistogram::new();
    /// for x in 1..=999 {
    ///     h.add(LogHistogram::bin_of(f64::from(x)).unwrap(), 1);
    /// }
    /// let median = h.quantile(0.5).unwrap();
    /// assert!((median / 500.0).ln().abs() <= LogHistogram::WIDTH);
    /// ```
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.log_quantile(q).map(f64::exp)
    }

    /// The `q`-quantile of `ln x`: type 7, with the values of a bin spread evenly over it.
    fn log_quantile(&self, q: f64) -> Option<f64> {
        let last = self.total.checked_sub(1)?;
        let position = q.clamp(0.0, 1.0) * last as f64;
        let below = (position.floor() as u64).min(last);
        let weight = position - below as f64;
        let low = self.order_statistic(below)?;
        if weight <= 0.0 {
            return Some(low);
        }
        let high = self.order_statistic((below + 1).min(last))?;
        Some(low + weight * (high - low))
    }

    /// The place in `ln x` of the value with `rank` values below it.
    fn order_statistic(&self, rank: u64) -> Option<f64> {
        let mut before = 0_u64;
        for (&bin, &count) in &self.counts {
            if rank < before + count {
                let share = ((rank - before) as f64 + 0.5) / count as f64;
                return Some((f64::from(bin) + share) * Self::WIDTH);
            }
            before += count;
        }
        None
    }
}

/// How an isolation forest is grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The number of trees, at least 1; the authors find 100 enough.
    pub trees: usize,
    /// The rows of each tree, at least 2; all rows where there are fewer.
    pub sample: usize,
    /// The run's seed.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { trees: 100, sample: 256, seed: 0 }
    }
}

/// A grown isolation forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    trees: Vec<Vec<Node>>,
    sample: usize,
    columns: usize,
}

/// A node of a tree: an inner one goes left where `row[column] < cut`, a leaf knows the path length it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Node {
    Inner { column: u32, left: u32, right: u32, cut: f64 },
    Leaf { path: f64 },
}

/// Grows a forest on the rows of `data`.
///
/// # Errors
/// [`Error::TooFew`] below 2 rows or without columns, [`Error::NotFinite`] for NaN or infinity, [`Error::Parameter`] for
/// parameters outside their domain.
pub fn fit(data: &Matrix, params: &Params) -> Result<Fitted> {
    if params.trees == 0 {
        return Err(Error::Parameter { name: "trees", value: 0.0, expected: "at least 1" });
    }
    if params.sample < 2 {
        return Err(Error::Parameter { name: "sample", value: params.sample as f64, expected: "at least 2" });
    }
    if data.n_rows() < 2 {
        return Err(Error::TooFew { what: "isolation forest", needed: 2, found: data.n_rows() });
    }
    if data.n_cols() == 0 {
        return Err(Error::Degenerate { what: "isolation forest", reason: "there are no columns" });
    }
    data.require_finite("isolation forest")?;
    let sample = params.sample.min(data.n_rows());
    // The paper's limit, ceil(log2(sample)): deeper than the mean path nothing stands apart.
    let depth = usize::BITS - (sample - 1).leading_zeros();
    let trees = (0..params.trees)
        .into_par_iter()
        .map(|tree| {
            let mut stream = rng::stream(params.seed, "outlier/isolation-forest", tree as u64);
            let mut rows = draw(data.n_rows(), sample, &mut stream);
            let mut nodes = Vec::with_capacity(2 * sample);
            grow(data, &mut rows, depth, &mut stream, &mut nodes);
            nodes
        })
        .collect();
    Ok(Fitted { trees, sample, columns: data.n_cols() })
}

impl Fitted {
    /// The score of each row of `data`, in 0..1: near 1 stands apart, well below 0.5 is ordinary.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns are not those of the fit, [`Error::NotFinite`] for NaN or infinity.
    pub fn scores(&self, data: &Matrix) -> Result<Vec<f64>> {
        num::require_len("columns of the isolation forest", self.columns, data.n_cols())?;
        data.require_finite("isolation forest")?;
        let scale = mean_path(self.sample) * self.trees.len() as f64;
        Ok((0..data.n_rows())
            .into_par_iter()
            .with_min_len(256)
            .map(|i| {
                let row = data.row(i);
                let total: f64 = self.trees.iter().map(|tree| path_length(tree, row)).sum();
                (-total / scale).exp2()
            })
            .collect())
    }
}

/// `sample` different rows out of `n`, by Floyd's algorithm, ascending.
fn draw(n: usize, sample: usize, stream: &mut rng::Stream) -> Vec<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    for top in n - sample..n {
        let candidate = stream.random_range(0..=top as u64) as usize;
        if !chosen.insert(candidate) {
            chosen.insert(top);
        }
    }
    chosen.into_iter().collect()
}

/// Grows the subtree of `rows` and returns its place in `nodes`; `depth` cuts are left.
fn grow(data: &Matrix, rows: &mut [usize], depth: u32, stream: &mut rng::Stream, nodes: &mut Vec<Node>) -> u32 {
    let place = nodes.len();
    nodes.push(Node::Leaf { path: mean_path(rows.len()) });
    if depth == 0 || rows.len() < 2 {
        return place as u32;
    }
    // Only columns that vary here can cut; a constant one would waste a level of the tree.
    let ranges: Vec<(usize, f64, f64)> = (0..data.n_cols())
        .filter_map(|j| {
            let (low, high) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &i| {
                let v = data.get(i, j);
                (low.min(v), high.max(v))
            });
            (low < high).then_some((j, low, high))
        })
        .collect();
    if ranges.is_empty() {
        return place as u32;
    }
    let (column, low, high) = ranges[stream.random_range(0..ranges.len() as u64) as usize];
    let drawn = low + stream.random::<f64>() * (high - low);
    // Rounding, or a draw of exactly 0, must not leave one side empty.
    let cut = if drawn > low && drawn <= high { drawn } else { high };
    let mut middle = 0;
    for i in 0..rows.len() {
        if data.get(rows[i], column) < cut {
            rows.swap(i, middle);
            middle += 1;
        }
    }
    let (left_rows, right_rows) = rows.split_at_mut(middle);
    let left = grow(data, left_rows, depth - 1, stream, nodes);
    let right = grow(data, right_rows, depth - 1, stream, nodes);
    nodes[place] = Node::Inner { column: column as u32, left, right, cut };
    place as u32
}

/// `h(x)` in one tree: the cuts passed plus the mean path among the rows left in the leaf.
fn path_length(tree: &[Node], row: &[f64]) -> f64 {
    let (mut place, mut cuts) = (0_u32, 0.0);
    loop {
        match tree[place as usize] {
            Node::Leaf { path } => return cuts + path,
            Node::Inner { column, left, right, cut } => {
                place = if row[column as usize] < cut { left } else { right };
                cuts += 1.0;
            }
        }
    }
}

/// `c(n)`, the mean path of an unsuccessful search in a binary search tree of `n` points (Liu et al. 2008, eq. 1), with
/// the harmonic number as `ln(n - 1)` plus Euler's constant; `c(1) = 0` and `c(2) = 1`.
fn mean_path(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn cloud(n: usize, seed: u64) -> Vec<f64> {
        let mut s = rng::stream(seed, "outlier/test", 0);
        (0..n * 2).map(|_| s.random::<f64>() + s.random::<f64>() + s.random::<f64>()).collect()
    }

    #[test]
    fn the_fence_of_a_sample_is_tukeys() {
        // numpy: quartiles of [7, 1, 5, 3, 9, 100] are 3.5 and 8.5.
        let fence = IqrBounds::from_sample(&[7., 1., 5., 3., 9., 100.], 1.5).unwrap();
        assert_eq!((fence.lower, fence.upper), (-4.0, 16.0));
        assert!(fence.contains(16.0) && !fence.contains(100.0) && !fence.contains(f64::NAN));
        assert_eq!((fence.cap(100.0), fence.cap(-9.0), fence.cap(2.0)), (16.0, -4.0, 2.0));
        assert!(matches!(IqrBounds::from_sample(&[], 1.5), Err(Error::TooFew { .. })));
        assert!(matches!(IqrBounds::from_sample(&[1.0], -1.0), Err(Error::Parameter { .. })));
        assert!(matches!(IqrBounds::from_sample(&[1.0, f64::NAN], 1.5), Err(Error::NotFinite { row: 1, .. })));
    }

    #[test]
    fn a_histogram_answers_within_its_bin_and_adds_up() {
        let values: Vec<f64> = (0..5000).map(|i| (f64::from(i) * 0.618 % 1.0 * 8.0 - 2.0).exp()).collect();
        let (mut all, mut first, mut rest) = (LogHistogram::new(), LogHistogram::new(), LogHistogram::new());
        for (i, &x) in values.iter().enumerate() {
            let bin = LogHistogram::bin_of(x).unwrap();
            all.add(bin, 1);
            if i < 1234 { first.add(bin, 1) } else { rest.add(bin, 1) }
        }
        for q in [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0] {
            let exact = num::quantile(&values, q).unwrap();
            assert!((all.quantile(q).unwrap() / exact).ln().abs() <= LogHistogram::WIDTH, "{q}");
        }
        rest.merge(&first);
        assert_eq!(rest, all);
        let fence = IqrBounds::from_histogram(&all, 1.5).unwrap();
        let logs: Vec<f64> = values.iter().map(|x| x.ln()).collect();
        let exact = IqrBounds::from_sample(&logs, 1.5).unwrap();
        // Each quartile errs by at most half a bin, so an end errs by at most (1 + 2 x 1.5) half bins.
        assert!((fence.upper.ln() - exact.upper).abs() <= 0.04 && (fence.lower.ln() - exact.lower).abs() <= 0.04);
        assert_eq!(LogHistogram::bin_of(0.0), None);
        assert_eq!(LogHistogram::bin_of(f64::NAN), None);
        assert_eq!(LogHistogram::new().quantile(0.5), None);
        assert!(IqrBounds::from_histogram(&LogHistogram::new(), 1.5).is_err());
    }

    #[test]
    fn mean_paths_are_those_of_the_paper() {
        assert_eq!((mean_path(1), mean_path(2)), (0.0, 1.0));
        // 2 (ln 255 + 0.5772156649) - 2 x 255 / 256, by hand.
        assert!((mean_path(256) - 10.244_770_92).abs() < 1e-9);
    }

    #[test]
    fn what_stands_apart_scores_highest() {
        let mut values = cloud(400, 3);
        values.extend([12.0, 12.0, -9.0, 11.0]);
        let data = Matrix::new(402, 2, values).unwrap();
        let scores = fit(&data, &Params::default()).unwrap().scores(&data).unwrap();
        let ordinary = scores[..400].iter().copied().fold(0.0, f64::max);
        assert!(scores[400] > ordinary && scores[401] > ordinary, "{} {} {ordinary}", scores[400], scores[401]);
        assert!(scores[400] > 0.65 && scores.iter().all(|s| (0.0..=1.0).contains(s)), "{}", scores[400]);
        // The authors: what is well below 0.5 is safely ordinary.
        let mean = num::mean(&scores[..400]).unwrap();
        assert!((0.35..0.5).contains(&mean), "{mean}");
    }

    #[test]
    fn threads_and_scale_change_nothing() {
        let data = Matrix::new(700, 2, cloud(700, 5)).unwrap();
        let scored = |threads: usize, data: &Matrix| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(data, &Params { seed: 9, ..Params::default() }).unwrap().scores(data).unwrap())
        };
        let one = scored(1, &data);
        assert_eq!(one, scored(3, &data));
        // Scaling by a power of two is exact, so cuts and paths are the same.
        let scaled = Matrix::new(700, 2, data.values().iter().map(|v| v * 8.0).collect()).unwrap();
        assert_eq!(one, scored(2, &scaled));
    }

    #[test]
    fn estimator_checks() {
        let data = Matrix::new(700, 2, cloud(700, 5)).unwrap();
        let params = Params { seed: 9, ..Params::default() };
        let forest = fit(&data, &params).unwrap();
        let scores = forest.scores(&data).unwrap();
        assert_eq!(forest, fit(&data, &params).unwrap());
        let stored: Fitted = serde_json::from_str(&serde_json::to_string(&forest).unwrap()).unwrap();
        assert_eq!(stored.scores(&data).unwrap(), scores);
        // A row's score depends on the row alone: any order, any part, twice.
        let turned: Vec<usize> = (0..700).rev().chain([3, 3]).collect();
        let again = stored.scores(&data.select_rows(&turned)).unwrap();
        assert!(turned.iter().zip(&again).all(|(&i, s)| *s == scores[i]));
        // Trees draw rows by their place, so another order is another forest: scores agree as two seeds do.
        let other = fit(&data.select_rows(&turned[..700]), &params).unwrap().scores(&data).unwrap();
        let seed = fit(&data, &Params { seed: 10, ..params }).unwrap().scores(&data).unwrap();
        let apart = |a: &[f64]| a.iter().zip(&scores).map(|(x, y)| (x - y).abs()).sum::<f64>() / 700.0;
        assert!(apart(&other) < 2.0 * apart(&seed), "{} {}", apart(&other), apart(&seed));
        // A constant column is cut at its one value, which parts nobody.
        let columns = [data.column(0), data.column(1), vec![4.0; 700]];
        let wider = Matrix::from_columns(&columns).unwrap();
        let top = |s: &[f64]| num::argsort(s)[690..].iter().copied().collect::<std::collections::BTreeSet<_>>();
        let with = fit(&wider, &params).unwrap().scores(&wider).unwrap();
        assert!(top(&with).intersection(&top(&scores)).count() >= 7);
        assert!(stored.scores(&wider).is_err());
    }

    #[test]
    fn constant_rows_are_all_alike_and_bad_input_is_refused() {
        let same = Matrix::new(10, 2, vec![1.0; 20]).unwrap();
        let scores = fit(&same, &Params::default()).unwrap().scores(&same).unwrap();
        assert!(scores.iter().all(|&s| (s - 0.5).abs() < 1e-12));
        let holed = Matrix::new(2, 1, vec![1.0, f64::NAN]).unwrap();
        assert!(matches!(fit(&holed, &Params::default()), Err(Error::NotFinite { row: 1, .. })));
        assert!(fit(&same, &Params { trees: 0, ..Params::default() }).is_err());
        assert!(fit(&same, &Params { sample: 1, ..Params::default() }).is_err());
        assert!(fit(&Matrix::new(1, 1, vec![1.0]).unwrap(), &Params::default()).is_err());
    }
}
