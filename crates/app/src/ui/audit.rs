//! What the audit found, for people.

use std::fmt::Write as _;

use tenure_stages::pipeline::audit::{Facts, Verdict};

use super::Style;
use super::table::wrap;

const WIDTH: usize = 100;

/// A page over all checks.
pub(super) fn page(facts: &Facts, style: Style) -> String {
    let mut page = String::new();
    for check in &facts.checks {
        let word = match check.verdict {
            Verdict::Passed => "pass".to_owned(),
            Verdict::Failed => style.alarm("FAIL"),
            Verdict::Open => "open".to_owned(),
        };
        let _ = writeln!(page, "{word}  {}", style.heading(&check.name));
        for line in wrap(&check.sentence, 6, WIDTH, 4) {
            let _ = writeln!(page, "{line}");
        }
        for finding in &check.findings {
            for (i, line) in wrap(finding, 8, WIDTH, 4).iter().enumerate() {
                let _ = writeln!(page, "{}{}", if i == 0 { "      - " } else { "        " }, line.trim_start());
            }
        }
    }
    let sentence = if facts.passed {
        let instants: Vec<String> = facts.instants.iter().map(ToString::to_string).collect();
        match instants.last() {
            Some(last) => format!(
                "No check found anything of the future: features and labels were seen from {}, all that is fitted from \
                 {last}. How the file is read (dates, decimal marks) is not part of it.",
                instants.join(" and ")
            ),
            None => "Nothing could be computed again: the history is too short.".to_owned(),
        }
    } else {
        "The run knows what it must not know. Do not act on it before every finding is explained.".to_owned()
    };
    page.push('\n');
    for line in wrap(&sentence, 0, WIDTH, 3) {
        let _ = writeln!(page, "{line}");
    }
    page
}

#[cfg(test)]
mod tests {
    use tenure_stages::pipeline::audit::Check;
    use tenure_stages::time::Instant;

    use super::*;

    #[test]
    fn every_check_says_what_was_compared_and_what_was_found() {
        let check = |name: &str, verdict, findings: &[&str]| Check {
            name: name.to_owned(),
            verdict,
            sentence: "2 cells".to_owned(),
            findings: findings.iter().map(|&f| f.to_owned()).collect(),
        };
        let facts = Facts {
            passed: false,
            as_of: Instant(0),
            instants: vec![Instant(0)],
            checks: vec![
                check("nothing changes", Verdict::Passed, &[]),
                check("labels are closed", Verdict::Failed, &["7 labels of 2011-12-01"]),
                check("late lines", Verdict::Open, &[]),
            ],
        };
        insta::assert_snapshot!(page(&facts, Style::PLAIN), @r"
        pass  nothing changes
              2 cells
        FAIL  labels are closed
              2 cells
              - 7 labels of 2011-12-01
        open  late lines
              2 cells

        The run knows what it must not know. Do not act on it before every finding is explained.
        ");
    }
}
