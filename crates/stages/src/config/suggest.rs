//! The known name nearest to a mistyped one.

/// The candidate that `name` most likely meant, if any is near enough: at most a third of its letters differ, or
/// one contains the other. Ties go to the first candidate.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let distance = strsim::osa_distance(&wanted, &known);
        let allowed = (wanted.chars().count().max(known.chars().count()) / 3).max(1);
        let contained = wanted.len() >= 4 && known.len() >= 4 && (known.contains(&wanted) || wanted.contains(&known));
        if (distance <= allowed || contained) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

// `Horizon-Days` and `horizon_days` are the same word to a person.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_word() {
        let known = ["horizon_days", "population", "active_days", "model", "beta"];
        for (typed, meant) in [
            ("horizn_days", Some("horizon_days")),
            ("Horizon-Days", Some("horizon_days")),
            ("horizon", Some("horizon_days")),
            ("modle", Some("model")),
            ("betta", Some("beta")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
