//! Purchase days by hand, on the shop of the other queries.

use tenure_tables::engine::EngineConfig;
use tenure_tables::query;

use crate::queries::{question, shop};
use crate::shop::{DAY_US, Tables, numbered, us};

#[test]
fn returns_and_what_was_cancelled_as_a_whole_are_no_purchases() {
    let tables = Tables::build(&numbered(&shop()), &question(), &EngineConfig::default());
    let frame = tables.engine.select(query::PURCHASE_DAYS.sql, &[]).unwrap();
    let (who, days, spend) =
        (frame.texts("customer_id").unwrap(), frame.i64s("day").unwrap(), frame.i64s("net_e4").unwrap());
    let of = |id: &str| -> Vec<(i64, i64)> {
        (0..who.len()).filter(|&i| who[i] == id).map(|i| (days[i], spend[i])).collect()
    };
    let day = |date: &str| us(date) / DAY_US + 25_567;
    // Cat's order 301 was taken back as a whole; 300 of the same day was not. Bob's 203 cost nothing and is no sale.
    let counts = ["00123", "bob", "cat", "dan", "eve"].map(|id| of(id).len());
    assert_eq!((counts, who.len()), ([5, 2, 1, 1, 2], 11));
    let ends = |id: &str| (of(id)[0].0, of(id)[of(id).len() - 1].0);
    assert_eq!(ends("00123"), (day("2011-01-10"), day("2011-07-31")));
    assert_eq!(ends("bob"), (day("2010-12-25"), day("2011-05-31")));
    assert_eq!(ends("cat"), (day("2011-03-15"), day("2011-03-15")));
    assert_eq!(ends("eve"), (day("2011-04-05"), day("2011-06-10")));
    // Ann's second order is 15.50 less the 8.00 that came back.
    let after_the_first = |id: &str| of(id)[1..].iter().map(|(_, net)| net).sum::<i64>() / 10_000;
    assert_eq!(["00123", "bob", "cat", "eve"].map(after_the_first), [72, 10, 0, 11]);
}
