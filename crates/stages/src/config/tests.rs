#![allow(clippy::unwrap_used, clippy::float_cmp)]

use super::*;

fn refusal(text: &str) -> (String, String, String) {
    let error = Config::parse(text, "tenure.toml").unwrap_err();
    (error.to_string(), error.place().unwrap_or_default(), error.hint().unwrap_or_default())
}

#[test]
fn the_file_of_defaults_is_the_default() {
    let parsed = Config::parse(Config::default_toml(), "default.toml").unwrap();
    assert_eq!(parsed, Config::default());
    assert_eq!(Config::parse("", "empty.toml").unwrap(), Config::default());
    assert_eq!(parsed.churn.horizon_days, 90);
    assert_eq!(parsed.value.horizon_days, 180);
    assert_eq!(parsed.constraints.budget, None);
    assert_eq!(parsed.budget(), 10_000.0);
}

/// Rules, file and type know the same keys, and each key of the file has its comment.
#[test]
fn rules_file_and_type_agree() {
    fn leaves(value: &Value, path: &str, out: &mut Vec<String>) {
        match value {
            Value::Object(object) if !object.is_empty() => {
                for (key, child) in object {
                    leaves(child, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
                }
            }
            Value::Object(_) => out.push(format!("{path}.*")),
            _ => out.push(path.to_owned()),
        }
    }
    let mut in_type = Vec::new();
    leaves(&Config::default().to_value(), "", &mut in_type);
    in_type.retain(|key| !["offers.custom", "segments.rules", "constraints.limits"].contains(&key.as_str()));
    let in_rules: Vec<_> =
        check::RULES.iter().map(|(key, _)| (*key).to_owned()).filter(|key| !key.contains("[]")).collect();
    assert_eq!(in_type, in_rules, "the type's keys in order, and the rules'");

    let mut in_file = Vec::new();
    let (value, _) = source::read(DEFAULT, "default.toml").unwrap();
    leaves(&value, "", &mut in_file);
    let (mut sorted, mut rules) = (in_file, in_rules);
    sorted.sort();
    rules.sort();
    assert_eq!(sorted, rules);

    let mut before = "";
    for line in DEFAULT.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(line.contains(" # ") || before.starts_with('#'), "no comment: {line}");
        }
        before = line;
    }
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|name| !DEFAULT.contains(&format!("{name},")) && !DEFAULT.contains(&format!("{name}.")))
        .collect();
    assert!(columns.is_empty(), "not named in default.toml: {columns:?}");
}

#[test]
fn every_word_of_a_rule_is_a_word_of_the_type() {
    for (section, key, words) in [
        ("data", "date_order", DateOrder::WORDS),
        ("clean", "duplicates", Duplicates::WORDS),
        ("clean", "outliers", Outliers::WORDS),
        ("segments", "rfm_ties", RfmTies::WORDS),
        ("segments", "clusters", Clusters::WORDS),
        ("churn", "population", Population::WORDS),
        ("churn", "model", ChurnModel::WORDS),
        ("value", "basis", Basis::WORDS),
        ("value", "model", ValueModel::WORDS),
        ("offers", "value", ValueReading::WORDS),
        ("offers", "rate_kind", RateKind::WORDS),
        ("constraints", "method", Method::WORDS),
    ] {
        for word in words.iter().filter(|word| **word != "lightgbm" || ChurnModel::Lightgbm.is_built()) {
            let config = Config::parse(&format!("[{section}]\n{key} = \"{word}\""), "t").unwrap();
            assert_eq!(config.to_value()[section][key], *word);
        }
    }
}

/// The words are the same for every build; a model that is not in it is refused with its place and the cure.
#[test]
fn a_model_that_is_not_built_is_refused_by_name() {
    for section in ["churn", "value"] {
        let text = format!("[{section}]\n\nmodel = \"lightgbm\"\n");
        if ValueModel::Lightgbm.is_built() {
            assert_eq!(Config::parse(&text, "t").unwrap().to_value()[section]["model"], "lightgbm");
            continue;
        }
        let (sentence, place, hint) = refusal(&text);
        assert_eq!(sentence, format!("`{section}.model` is lightgbm, and this program was built without it"));
        assert_eq!(place, "tenure.toml, line 3");
        assert!(hint.starts_with("build tenure with `--features lightgbm`"), "{hint}");
    }
    // What a run has kept can be read by every build, and another model be named.
    let mut kept = Config::default();
    (kept.churn.model, kept.value.model) = (Some(ChurnModel::Lightgbm), Some(ValueModel::Lightgbm));
    let kept = Config::from_manifest(&kept.to_manifest()).unwrap();
    let other = Overrides { churn_model: Some("boosting".to_owned()), ..Overrides::default() };
    assert_eq!(kept.with(&other).unwrap().churn.model, Some(ChurnModel::Boosting));
    let again = Overrides { churn_model: Some("lightgbm".to_owned()), ..Overrides::default() };
    assert_eq!(kept.with(&again).is_ok(), ChurnModel::Lightgbm.is_built());
    assert_eq!(ChurnModel::built().len() == ChurnModel::ALL.len(), ValueModel::Lightgbm.is_built());
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest() {
    assert_eq!(
        refusal("[run]\nseed = 1\n\n[churn]\nhorizn_days = 30\n"),
        (
            "there is no setting `churn.horizn_days`".into(),
            "tenure.toml, line 5".into(),
            "did you mean `churn.horizon_days`?".into()
        )
    );
    assert_eq!(refusal("budget = 5").2, "did you mean `constraints.budget`?");
    assert_eq!(refusal("[chrun]\nbeta = 1.0").2, "did you mean `churn`?");
    assert_eq!(refusal("[churn]\nseed = 1").2, "did you mean `run.seed`?");
    assert_eq!(refusal("[data.columns]\ncustomer = \"x\"").2, "did you mean `data.columns.customer_id`?");
    assert!(refusal("[report]\ncolour = true").2.starts_with("known here: figures, dpi,"));
}

#[test]
fn ones_own_segments_are_read_and_refused_with_their_line() {
    let text = "[segments]\nmap = \"custom\"\n[[segments.rules]]\nname = \"All\"\ncodes = [\"***\"]\ngoal = \"Keep\"\n";
    let config = Config::parse(text, "t").unwrap();
    assert_eq!(config.segments.rules[0].goal.as_deref(), Some("Keep"));
    assert_eq!(config.to_value()["segments"]["rules"][0]["codes"], serde_json::json!(["***"]));
    assert_eq!(
        refusal("[segments]\nmap = \"custom\"").0,
        "the map of segments is custom, but no [[segments.rules]] is given"
    );
    assert_eq!(refusal("[[segments.rules]]\nname = \"A\"").1, "tenure.toml, line 1");
    let short = refusal(&format!("{text}actions = [\"Call\"]\n"));
    assert_eq!((short.0.as_str(), short.1.as_str()), ("the segment All has 1 actions", "tenure.toml, line 7"));
    assert!(refusal("[[segments.rules]]\nname = \"A\"\ncodes = []\nweight = 3").0.contains("weight"));
}

#[test]
fn the_table_of_customers_has_its_own_columns_and_leaves_no_path() {
    assert_eq!(refusal("[customers.columns]\nvalid_form = \"x\"").2, "did you mean `customers.columns.valid_from`?");
    assert_eq!(refusal("[customers]\nnever_change = [\"x\"]").2, "did you mean `customers.never_changes`?");
    assert!(refusal("[customers]\nignore = [\"\"]").2.contains("a list of texts"));
    let overrides = Overrides { customers: Some("some/where/c.csv".to_owned()), ..Overrides::default() };
    let config = Config::default().with(&overrides).unwrap();
    assert_eq!(config.customers.file, "some/where/c.csv");
    assert_eq!(config.to_manifest()["customers"]["file"], "c.csv");
    assert_eq!(Config::from_manifest(&config.to_manifest()).unwrap().customers.file, "c.csv");
}

#[test]
fn a_wrong_value_says_what_is_accepted() {
    for (text, found, accepts) in [
        ("[churn]\nhorizon_days = 0", "`churn.horizon_days` cannot be 0", "a whole number from 1 to 730"),
        ("[churn]\nhorizon_days = 90.5", "`churn.horizon_days` cannot be 90.5", "a whole number from 1 to 730"),
        ("[churn]\nhorizon_days = \"90\"", "`churn.horizon_days` cannot be \"90\"", "a whole number from 1 to 730"),
        ("[churn]\nbeta = nan", "`churn.beta` cannot be NaN or infinite", "a number above 0 and up to 10"),
        ("[run]\nseed = -1", "`run.seed` cannot be -1", "a whole number, 0 or more"),
        (
            "[run]\nseed = 99999999999999999999",
            "`run.seed` cannot be 100000000000000000000",
            "a whole number, 0 or more",
        ),
        ("[constraints]\nbudget = -5", "`constraints.budget` cannot be -5", "a number, 0 or more, or \"auto\""),
        (
            "[constraints]\nbudget = inf",
            "`constraints.budget` cannot be NaN or infinite",
            "a number, 0 or more, or \"auto\"",
        ),
        ("[churn]\npopulation = \"some\"", "`churn.population` cannot be \"some\"", "\"all\" or \"active\""),
        (
            "[snapshots]\nas_of = \"01/06/2011\"",
            "`snapshots.as_of` cannot be \"01/06/2011\"",
            "a date such as \"2011-06-01\" or \"2011-06-01T12:00:00\", or \"\"",
        ),
        (
            "[data]\nsheets = [\"a\", 2]",
            "`data.sheets` cannot be a list that holds 2",
            "a list of texts, such as [\"one\", \"two\"]",
        ),
        ("[data]\ndelimiter = \"||\"", "`data.delimiter` cannot be \"||\"", "one character in quotes, or \"auto\""),
        ("[segments]\nk = 1", "`segments.k` cannot be 1", "0, or a whole number from 2 to 50"),
        (
            "[constraints.caps]\nPremium = 1.5",
            "`constraints.caps.Premium` cannot be 1.5",
            "a whole number of customers, or a share of them such as 0.4 or \"40 %\" (1 is one customer, 1.0 all of them)",
        ),
        ("[report]\nfigures = \"yes\"", "`report.figures` cannot be \"yes\"", "true or false, without quotes"),
    ] {
        let (sentence, place, hint) = refusal(text);
        assert_eq!((sentence.as_str(), place.as_str()), (found, "tenure.toml, line 2"));
        assert_eq!(hint, format!("it accepts {accepts}"));
    }
    assert_eq!(refusal("churn = 5").2, "it accepts settings below a line [churn]");
    assert_eq!(refusal("[offers.custom]\nname = \"x\"").2, "it accepts blocks that start with [[offers.custom]]");
}

#[test]
fn broken_toml_names_its_line() {
    let (sentence, place, _) = refusal("[run]\nseed = 1\nthreads = = 2\n");
    assert!(sentence.starts_with("the configuration is not valid TOML: "), "{sentence}");
    assert_eq!(place, "tenure.toml, line 3");
    assert_eq!(refusal("[run]\nseed = 1\nseed = 2").1, "tenure.toml, line 3");
}

#[test]
fn the_first_fault_in_the_file_is_told() {
    assert_eq!(refusal("[value]\nbasiss = 1\n[churn]\nbetaa = 2").1, "tenure.toml, line 2");
}

#[test]
fn settings_that_contradict_each_other() {
    assert_eq!(refusal("[segments]\nk_min = 9").0, "segments.k_min is 9, above segments.k_max of 8");
    assert_eq!(
        refusal("[offers]\ntable = \"custom\"").0,
        "the offer table is custom, but no [[offers.custom]] is given"
    );
    let offer = "[[offers.custom]]\nname = \"Call\"\ncontact_cost = 1\nrate = 0.1\n";
    assert_eq!(refusal(&format!("{offer}{offer}")).0, "two offers are called Call");
    assert_eq!(refusal(&offer.replace("Call", "none")).1, "tenure.toml, line 2");
    assert_eq!(refusal(&offer.replace("rate = 0.1", "")).0, "`offers.custom[0]` lacks `rate`");
    assert_eq!(
        refusal("[constraints.caps]\nPremum = 0.1"),
        (
            "there is no setting `constraints.caps.Premum`".into(),
            "tenure.toml, line 2".into(),
            "did you mean `Premium`?".into()
        )
    );
    assert_eq!(refusal("[constraints.caps]\nPremium = 0.1\npremium = 0.2").0, "the offer Premium has two caps");
}

#[test]
fn a_custom_table_and_caps_are_read() {
    let text = "[offers]\ntable = \"custom\"\n[[offers.custom]]\nname = \"Call\"\ncontact_cost = 12\nrate = 0.3\n\
                [constraints]\ncaps = { call = 40 }\n[snapshots]\nas_of = 2011-06-01";
    let config = Config::parse(text, "t").unwrap();
    let tiers = config.offers.tiers();
    assert_eq!((tiers.len(), tiers[0].contact_cost, tiers[0].max_share, tiers[0].redemption), (1, 12.0, 1.0, 0.0));
    assert_eq!(config.cap(&tiers[0]), Some(Cap::Count(40)));
    assert_eq!(config.offers.rate_kind(), RateKind::ShareOfChurners);
    assert_eq!(config.snapshots.as_of.unwrap().to_string(), "2011-06-01");
}

#[test]
fn the_built_in_coupons_carry_their_cap() {
    let config = Config::parse("[offers]\ntable = \"coupons\"", "t").unwrap();
    let tiers = config.offers.tiers();
    assert_eq!(config.cap(&tiers[0]), None);
    assert_eq!(config.cap(&tiers[2]), Some(Cap::Share(0.1)));
    assert_eq!(config.budget(), 5000.0);
    assert_eq!(config.offers.rate_kind(), RateKind::Points);
}

#[test]
fn flags_win_and_are_named_when_refused() {
    let file = Config::parse("[constraints]\nbudget = 7\ncaps = { Premium = 0.1 }", "t").unwrap();
    let flags = Overrides {
        budget: Some(0.0),
        as_of: Some("2011-06-01".into()),
        offers: Some("coupons".into()),
        caps: vec![("coupon20".into(), 0.05.into())],
        churn_days: Some(30),
        strict: true,
        ..Overrides::default()
    };
    let config = file.with(&flags).unwrap();
    assert_eq!((config.budget(), config.churn.horizon_days, config.validate.strict), (0.0, 30, true));
    assert_eq!(config.constraints.caps, BTreeMap::from([("Coupon20".to_owned(), Cap::Share(0.05))]));

    for (flags, sentence, flag) in [
        (Overrides { budget: Some(-5.0), ..Overrides::default() }, "`constraints.budget` cannot be -5", "--budget"),
        (
            Overrides { budget: Some(f64::NAN), ..Overrides::default() },
            "`constraints.budget` cannot be NaN or infinite",
            "--budget",
        ),
        (
            Overrides { as_of: Some("June".into()), ..Overrides::default() },
            "`snapshots.as_of` cannot be \"June\"",
            "--as-of",
        ),
        (
            Overrides { caps: vec![("Gold".into(), 0.1.into())], ..Overrides::default() },
            "there is no setting `constraints.caps.Gold`",
            "--cap",
        ),
        (
            Overrides { value_days: Some(-1), ..Overrides::default() },
            "`value.horizon_days` cannot be -1",
            "--value-days",
        ),
    ] {
        let error = file.with(&flags).unwrap_err();
        assert_eq!(error.to_string(), sentence);
        assert_eq!(error.place().unwrap(), format!("{flag} on the command line"));
        assert!(error.hint().is_some());
    }
    assert_eq!(file.with(&Overrides::default()).unwrap(), file);
}

#[test]
fn the_manifest_brings_the_configuration_back() {
    let text = "[run]\nseed = 7\nthreads = 3\n[data]\ndelimiter = \"\\t\"\n[data.columns]\ncustomer_id = \"Kunde\"\n[constraints]\nbudget = 12.5";
    let config = Config::parse(text, "t").unwrap();
    let manifest = config.to_manifest();
    assert!(manifest["run"].get("threads").is_none(), "the same manifest on any number of threads");
    assert_eq!(manifest.as_object().unwrap().keys().next().unwrap(), "run");
    let back = Config::from_manifest(&manifest).unwrap();
    assert_eq!(back.run.threads, 0);
    assert_eq!(back.to_manifest(), manifest);
    config.check().unwrap();
}

#[test]
fn a_configuration_made_in_code_is_checked() {
    let mut config = Config::default();
    config.churn.beta = f64::NAN;
    assert_eq!(config.check().unwrap_err().to_string(), "`churn.beta` cannot be NaN or infinite");
    let mut config = Config::default();
    config.segments.k_max = 2;
    assert!(config.check().is_err());
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("no/such/tenure.toml")).unwrap_err();
    assert_eq!(error.to_string(), "the configuration no/such/tenure.toml cannot be read: no such file");
}
