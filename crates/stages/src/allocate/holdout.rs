//! Who gets no offer, so that its effect can be measured.

use std::collections::BTreeMap;

use rand::RngExt;
use tenure_math::rng;

/// Draws `share` of those customers of each segment who may be contacted, so that those held out stand for all of them. What rounding leaves
/// over goes from one segment to the next: the whole is right to half a customer, each segment to one.
pub(super) fn draw(share: f64, seed: u64, segments: &[String], may: &[bool]) -> Vec<bool> {
    let mut held_out = vec![false; segments.len()];
    let mut members: BTreeMap<&str, Vec<(f64, usize)>> = BTreeMap::new();
    for (i, segment) in segments.iter().enumerate().filter(|(i, _)| may[*i]) {
        let draw = rng::stream(seed, "allocate/holdout", i as u64).random::<f64>();
        members.entry(segment).or_default().push((draw, i));
    }
    let (mut customers, mut held) = (0, 0);
    for rows in members.values_mut() {
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        customers += rows.len();
        let wanted = (share * customers as f64).round() as usize - held;
        rows.iter().take(wanted).for_each(|&(_, i)| held_out[i] = true);
        held += wanted;
    }
    held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_gives_its_share() {
        let sizes = [("Champions", 7), ("Lost", 400), ("New", 33), ("At Risk", 1)];
        let segments: Vec<String> = sizes.iter().flat_map(|(name, n)| vec![(*name).to_owned(); *n]).collect();
        for share in [0.0, 0.05, 0.1, 0.37, 0.5, 0.99] {
            let held_out = draw(share, 7, &segments, &vec![true; segments.len()]);
            let all = held_out.iter().filter(|h| **h).count() as f64;
            assert!((all - share * segments.len() as f64).abs() <= 0.5, "{all} at {share}");
            for (name, n) in sizes {
                let held = held_out.iter().zip(&segments).filter(|(h, s)| **h && *s == name).count() as f64;
                assert!((held - share * n as f64).abs() <= 1.0, "{held} of {n} {name} at {share}");
            }
        }
        let half = |seed: u64| draw(0.5, seed, &segments, &vec![true; segments.len()]);
        assert_ne!(half(7), half(8));
        assert_eq!(half(7), half(7));
        let may: Vec<bool> = (0..segments.len()).map(|i| i % 2 == 0).collect();
        assert!(draw(0.5, 7, &segments, &may).iter().zip(&may).all(|(held, may)| *may || !held));
    }
}
