//! One customer on a page: what the page says is what the files say.

use tenure_stages::artifact::{self, Run};
use tenure_stages::ctx::Stage;
use tenure_stages::pipeline;
use tenure_stages::pipeline::portrait::Portrait;

use crate::support::{BASE, config, copy, ctx, scores, select, temp};

#[test]
fn the_page_says_what_the_files_say() {
    let run = Run::open(&BASE.out).unwrap();
    let all = scores(&BASE.out);
    let ids = all.texts("customer_id").unwrap();
    let (p, value) = (all.f64s("p_churn").unwrap(), all.f64s("value_mean").unwrap());
    let (segment, code) = (all.texts("segment").unwrap(), all.texts("rfm_code").unwrap());
    let (orders, spend) = (all.f64s("frequency").unwrap(), all.f64s("monetary_total").unwrap());
    let plan = select(&BASE.out.join(artifact::ALLOCATION), "select * from t order by customer_id");
    let (offer, why) = (plan.texts("offer").unwrap(), plan.texts("why").unwrap());
    let given = offer.iter().position(|offer| offer != "None").unwrap();
    for i in [0, given, ids.len() - 1] {
        let of = Portrait::of(&run, &ids[i]).unwrap();
        let (churn, worth) = (of.churn.unwrap(), of.value.unwrap());
        assert_eq!((churn.p_churn, worth.mean), (p[i], value[i]));
        let below = |all: &[f64]| all.iter().filter(|v| **v < all[i]).count() as f64 / all.len() as f64;
        assert!((churn.higher_than - below(&p)).abs() < 1e-12 && (worth.higher_than - below(&value)).abs() < 1e-12);
        assert_eq!(churn.reasons.len(), 3, "{:?}", churn.reasons);
        assert_eq!((&of.segment.segment, &of.segment.rfm_code), (&segment[i], &code[i]));
        assert_eq!(of.segment.path.last().map(|(_, last)| last), Some(&segment[i]));
        assert_eq!((of.history.orders, of.history.spend), (orders[i], Some(spend[i])));
        assert_eq!((of.offer.offer.as_deref().unwrap_or("None"), &of.offer.why), (offer[i].as_str(), &why[i]));
        assert!(of.offer.is_assumed, "the rates of the tables are assumptions");
        // Days by the orders themselves.
        let days = select(
            &BASE.out.join(artifact::ORDER_EVENTS),
            &format!(
                "select min(happened_us) / 86400000000 as first, max(happened_us) / 86400000000 as last from t
                 where customer_id = '{}' and lines > 0 and happened_us < {1} and known_us < {1}",
                ids[i], of.as_of.0
            ),
        );
        let day = |name: &str| days.one_i64(name).unwrap() * 86_400_000_000;
        assert_eq!((of.history.first_purchase.0, of.history.last_purchase.0), (day("first"), day("last")));
    }
}

/// A run that has not been cleaned has no instant of decision: it is not the first day of 1970.
#[test]
fn a_run_without_a_timeline_names_the_stage_that_makes_it() {
    let dir = temp();
    let out = dir.path().join("out");
    pipeline::run_stage(&ctx(2), &config(), Stage::Ingest, std::slice::from_ref(&BASE.file), &out).unwrap();
    let refused = Run::open(&out).unwrap().timeline().unwrap_err();
    assert!(refused.hint().is_some_and(|hint| hint.contains("tenure clean")), "{refused}: {:?}", refused.hint());
    assert_eq!(
        Run::open(&BASE.out).unwrap().timeline().unwrap(),
        Run::open(&BASE.out).unwrap().manifest.timeline.unwrap()
    );
}

#[test]
fn a_customer_that_is_not_there_and_a_page_out_of_date_are_refused() {
    let run = Run::open(&BASE.out).unwrap();
    let refused = Portrait::of(&run, "nobody").unwrap_err().to_string();
    assert!(refused.contains("no customer 'nobody'"), "{refused}");
    let dir = temp();
    let out = dir.path().join("out");
    copy(&BASE.out, &out);
    let mut other = config();
    other.constraints.budget = Some(300.0);
    pipeline::run_stage(&ctx(2), &other, Stage::Allocate, &[], &out).unwrap();
    let refused = Portrait::of(&Run::open(&out).unwrap(), "nobody").unwrap_err();
    assert!(refused.hint().is_some_and(|hint| hint.contains("tenure report")), "{refused}: {:?}", refused.hint());
}
