//! Purchase days by hand, on the shop of the other queries.

use tenure_tables::engine::EngineConfig;
use tenure_tables::query;

use crate::queries::{question, shop};
use crate::shop::{DAY_US, Tables, numbered, us};

#[test]
fn returns_and_what_was_cancelled_as_a_whole_are_no_purchases() {
    let tables = Tables::build(&numbered(&shop()), &question(), &EngineConfig::default());
    let frame = tables.engine.select(query::PURCHASE_HISTORIES.sql, &[]).unwrap();
    assert_eq!(frame.texts("customer_id").unwrap(), ["00123", "bob", "cat", "dan", "eve"]);
    // Cat's order 301 was taken back as a whole; 300 of the same day was not. Bob's 203 cost nothing and is no sale.
    assert_eq!(frame.i64s("purchase_days").unwrap(), [5, 2, 1, 1, 2]);
    // Ann's second order is 15.50 less the 8.00 that came back.
    assert_eq!(frame.f64s("repeat_spend").unwrap(), [72.0, 10.0, 0.0, 0.0, 11.0]);
    let day = |date: &str| us(date) / DAY_US + 25_567;
    let days = |dates: [&str; 5]| dates.map(day).to_vec();
    assert_eq!(
        frame.i64s("first_day").unwrap(),
        days(["2011-01-10", "2010-12-25", "2011-03-15", "2011-07-01", "2011-04-05"])
    );
    assert_eq!(
        frame.i64s("last_day").unwrap(),
        days(["2011-07-31", "2011-05-31", "2011-03-15", "2011-07-01", "2011-06-10"])
    );
}
