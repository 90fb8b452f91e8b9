#![allow(clippy::unwrap_used)]
use super::*;
use crate::time::Instant;

/// Cells that a spreadsheet would compute, and harmless ones.
fn cells() -> Vec<String> {
    let mut all =
        vec!["plain".to_owned(), "-5".to_owned(), "1e3".to_owned(), "O'Neil".to_owned(), "a,\"b\"\r\nc".to_owned()];
    for before in ["", " ", "\u{a0}", "\t", "\r", "\n", "\0", "\u{200b}", "\u{feff}", " \t\r\n\0"] {
        for sign in ["=", "+", "-", "@", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"] {
            all.push(format!("{before}{sign}HYPERLINK(\"x\")"));
            all.push(format!("{before}{sign}1+1"));
        }
        all.push(format!("{before}text"));
    }
    all
}

fn contact(id: &str, offer: &str, email: Option<&str>) -> Contact {
    Contact {
        customer_id: id.to_owned(),
        priority: 1,
        segment: "At Risk".to_owned(),
        offer: offer.to_owned(),
        p_churn: 0.5,
        value: 100.0,
        cost: 10.0,
        expected_net: 10.0,
        email: email.map(str::to_owned),
    }
}

fn read(bytes: &[u8]) -> Vec<Vec<String>> {
    let body = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    csv::Reader::from_reader(body).records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn no_cell_of_a_spreadsheet_starts_a_formula_and_other_programs_get_every_byte() {
    let rows: Vec<Contact> = cells().iter().map(|cell| contact(cell, cell, None)).collect();
    let as_of = Instant::parse("2011-06-01").unwrap();
    for (_, target) in Target::ALL.into_iter().filter(|(_, target)| !target.needs_email() && *target != Target::Braze) {
        let bytes = target.write(&rows, as_of).unwrap();
        let found = read(&bytes);
        assert_eq!(found.len(), rows.len());
        for (row, of) in found.iter().zip(&rows) {
            assert_eq!(target.plain(&row[1]), of.customer_id, "what was written can be had back");
            if target == Target::Generic {
                assert_eq!((&row[1], &row[3]), (&of.customer_id, &of.offer));
                continue;
            }
            for cell in row {
                let first =
                    cell.chars().find(|c| !c.is_whitespace() && !c.is_control() && !"\u{200b}\u{feff}".contains(*c));
                let is_formula = first.is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c));
                assert!(!is_formula || cell.parse::<f64>().is_ok(), "{cell:?}");
            }
        }
        Preflight::new(target).check(&bytes).unwrap();
    }
}

#[test]
fn each_target_takes_what_it_is_given_and_the_rest_is_told() {
    let as_of = Instant::parse("2011-06-01").unwrap();
    let mut klaviyo = Preflight::new(Target::Klaviyo);
    let good = contact("1", "Light", Some("a@b.example"));
    assert_eq!(klaviyo.admit(&good), Ok(()));
    assert!(klaviyo.admit(&contact("2", "Light", Some("A@B.example"))).unwrap_err().contains("before it"));
    assert!(klaviyo.admit(&contact("3", "Light", None)).unwrap_err().contains("no e-mail"));
    assert!(klaviyo.admit(&contact("4", "Light", Some("nobody"))).unwrap_err().contains("not one"));
    let bytes = Target::Klaviyo.write(&[good], as_of).unwrap();
    klaviyo.check(&bytes).unwrap();
    assert!(String::from_utf8(bytes).unwrap().starts_with("Email,customer_id,tenure_offer"));

    let mut braze = Preflight::new(Target::Braze);
    assert_eq!(braze.admit(&contact("00123", "Light", None)), Ok(()));
    for bad in [" 1", "", "a\tb"] {
        assert!(braze.admit(&contact(bad, "Light", None)).is_err(), "{bad:?}");
    }
    assert!(braze.admit(&contact(&"x".repeat(300), "Light", None)).is_err());
    let bytes = Target::Braze.write(&[contact("00123", "Light", None)], as_of).unwrap();
    braze.check(&bytes).unwrap();
    assert_eq!(read(&bytes)[0][..2], ["00123".to_owned(), "Light".to_owned()]);
    let long = Target::Braze.write(&[contact("1", &"x".repeat(256), None)], as_of).unwrap();
    assert!(braze.check(&long).is_err(), "a rule that is broken is found");
}

#[test]
fn what_has_changed_is_who_came_who_went_and_who_gets_another_offer() {
    let dir = tempfile::tempdir().unwrap();
    let as_of = Instant::parse("2011-06-01").unwrap();
    for (_, target) in Target::ALL {
        let mail = |id: &str| target.needs_email().then(|| format!("{}@b.example", id.trim_start_matches('=')));
        let of = |id: &str, offer: &str| contact(id, offer, mail(id).as_deref());
        let path = dir.path().join("before.csv");
        std::fs::write(&path, target.write(&[of("=1", "Light"), of("2", "Light"), of("3", "Premium")], as_of).unwrap())
            .unwrap();
        let changes = Changes::since(&path, target, &[of("=1", "Light"), of("3", "Light"), of("4", "Light")]).unwrap();
        assert_eq!(changes.counts(), (1, 1, 1), "{target:?}");
        assert_eq!(changes.rows()[0], ["2", "removed", "Light", ""]);
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(Changes::since(&path, target, &[]).is_err());
    }
}
