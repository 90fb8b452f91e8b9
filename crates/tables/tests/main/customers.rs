//! Attributes of the customers of the shop, by hand: what holds when, what a word is worth, what contradicts itself.

use tenure_tables::engine::EngineConfig;
use tenure_tables::query;

use crate::queries::{question, shop};
use crate::shop::{Tables, numbered, parameters};

fn tables() -> Tables {
    Tables::build(&numbered(&shop()), &question(), &EngineConfig::default())
}

fn rows(tables: &Tables, sql: &str) -> Vec<Vec<String>> {
    let frame = tables.engine.select(sql, &parameters(sql, question().as_of)).unwrap();
    let columns: Vec<Vec<Option<String>>> = frame.names().iter().map(|name| frame.opt_texts(name).unwrap()).collect();
    (0..frame.n_rows())
        .map(|i| columns.iter().map(|column| column[i].clone().unwrap_or_else(|| "-".to_owned())).collect())
        .collect()
}

/// Four customers are acquired at the first two snapshots and five at the third, when Dan of DE has come. A value of
/// the instant of a snapshot is not seen at it; Zoe never bought; Bob's visits come after all.
#[test]
fn each_snapshot_sees_the_latest_value_strictly_before_it() {
    let tables = tables();
    let sql = format!(
        "select as_of, customer_id, attribute, cast(round(value * 1000) as bigint) as thousandths from ({})
         order by as_of, attribute, customer_id",
        query::ATTRIBUTES.sql
    );
    let found: Vec<String> = rows(&tables, &sql).into_iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        found,
        [
            "2011-06-01 cat plan 250",
            "2011-06-01 00123 region 750",
            "2011-06-01 bob region 250",
            "2011-06-01 cat region 750",
            "2011-06-01 eve region 750",
            "2011-06-01 00123 visits 3000",
            "2011-07-01 cat plan 250",
            "2011-07-01 00123 region 750",
            "2011-07-01 bob region 250",
            "2011-07-01 cat region 750",
            "2011-07-01 eve region 750",
            "2011-07-01 cat vip 1000",
            "2011-07-01 00123 visits 5000",
            "2011-08-01 00123 plan 400",
            "2011-08-01 cat plan 400",
            "2011-08-01 00123 region 600",
            "2011-08-01 bob region 400",
            "2011-08-01 cat region 600",
            "2011-08-01 dan region 400",
            "2011-08-01 eve region 600",
            "2011-08-01 cat vip 1000",
            "2011-08-01 eve vip 0",
            "2011-08-01 00123 visits 7000",
        ]
    );
}

/// "n/a" speaks neither for nor against a number, and "many" comes after the first snapshot: visits stay numbers. Of
/// vip nothing was known by then.
#[test]
fn what_was_known_before_the_first_snapshot_decides_what_an_attribute_is() {
    assert_eq!(
        rows(&tables(), query::ATTRIBUTE_KINDS.sql),
        [
            ["plan", "true", "false", "2"],
            ["region", "true", "false", "6"],
            ["vip", "false", "true", "0"],
            ["visits", "true", "true", "1"],
        ]
    );
}

#[test]
fn the_same_number_written_twice_is_one_and_two_words_are_a_conflict() {
    let tables = tables();
    let conflicts = rows(&tables, query::CUSTOMER_CONFLICTS.sql);
    assert_eq!(conflicts, [["cat", "plan", "1293840000000000", "17", "silver", "18", "gold"]]);
    let visits = "select count(*) as n from customers where customer_id = '00123' and attribute = 'visits'";
    assert_eq!(rows(&tables, visits), [["3"]]);
}

#[test]
fn buyers_and_customers_of_the_table_are_counted_as_of_then() {
    assert_eq!(rows(&tables(), query::CUSTOMER_MATCH.sql), [["6", "5", "5"]]);
}
