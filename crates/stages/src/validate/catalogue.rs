//! The catalogue: every check with its category, severity and remedy. A check's text lives here, its logic with the
//! table it reads.

use super::check::Category::{self, Completeness, Drift, Identity, Ranges, Rules, Schema, Time, Uniqueness};
use super::check::Severity::{self, Error, Info, Warn};

/// What is fixed about a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) category: Category,
    pub(super) severity: Severity,
    /// The share of unexpected elements above which a failure is an error.
    pub(super) error_above: Option<f64>,
    /// What is counted, in the plural.
    pub(super) unit: &'static str,
    /// What an unexpected element does, after the count: `lack a customer id`.
    pub(super) fault: &'static str,
    pub(super) remedy: &'static str,
}

const fn spec(
    name: &'static str,
    category: Category,
    severity: Severity,
    error_above: Option<f64>,
    unit: &'static str,
    fault: &'static str,
    remedy: &'static str,
) -> Spec {
    Spec { name, category, severity, error_above, unit, fault, remedy }
}

pub(super) const REQUIRED_COLUMNS: Spec = spec(
    "required_columns",
    Schema,
    Error,
    None,
    "columns",
    "are required and empty",
    "Map the column in tenure.toml, or choose the file that has it: nothing can be said about customers without an id and a time.",
);
pub(super) const MONEY_COLUMNS: Spec = spec(
    "money_columns",
    Schema,
    Warn,
    None,
    "columns",
    "are needed for money and are empty",
    "Map an amount, or a quantity and a unit price; without them only visits are counted and every figure in money is left out.",
);
pub(super) const EMPTY_COLUMNS: Spec = spec(
    "empty_columns",
    Schema,
    Info,
    None,
    "columns",
    "are optional and empty",
    "Nothing to do if the source has no such column; otherwise map it in tenure.toml. What it would support is left out.",
);
pub(super) const ROWS_ARRIVED: Spec = spec(
    "rows_arrived",
    Schema,
    Error,
    None,
    "rows",
    "differ between what was read and what was stored",
    "Run the ingest again: the stored table is not the one that was read.",
);
pub(super) const REJECTED_ROWS: Spec = spec(
    "rejected_rows",
    Schema,
    Warn,
    Some(0.01),
    "rows",
    "were not understood and set aside",
    "Look at data/unparsed.parquet, which keeps every rejected record with its place and reason, and mend the source or the mapping.",
);
pub(super) const DAMAGED_TEXT: Spec = spec(
    "damaged_text",
    Schema,
    Warn,
    None,
    "rows",
    "have a description whose characters were damaged",
    "Name the file's encoding at ingest; the damage is done where a file is read in another encoding than it was written in.",
);
pub(super) const FINITE_NUMBERS: Spec = spec(
    "finite_numbers",
    Schema,
    Error,
    None,
    "rows",
    "hold a number that is infinite or not a number",
    "Mend the source: no sum over such a row means anything.",
);

pub(super) const CUSTOMER_ID_PRESENT: Spec = spec(
    "customer_id_present",
    Completeness,
    Warn,
    Some(0.5),
    "rows",
    "lack a customer id",
    "They belong to no customer and are set aside by cleaning; if they are guests or a channel without log-in, say so wherever revenue is quoted.",
);
pub(super) const ORDER_ID_PRESENT: Spec = spec(
    "order_id_present",
    Completeness,
    Warn,
    None,
    "rows",
    "lack an order id",
    "Each such row is counted as an order of its own; map the order id if there is one.",
);
pub(super) const SKU_PRESENT: Spec = spec(
    "sku_present",
    Completeness,
    Warn,
    None,
    "rows",
    "lack a product code",
    "They count as spend and not as a product; map the product column if there is one.",
);
pub(super) const DESCRIPTION_PRESENT: Spec = spec(
    "description_present",
    Completeness,
    Info,
    None,
    "rows",
    "lack a description",
    "Nothing to do unless descriptions matter to you; blank ones often mark stock adjustments.",
);
pub(super) const COUNTRY_PRESENT: Spec = spec(
    "country_present",
    Completeness,
    Info,
    None,
    "rows",
    "lack a country, or say that it is unknown",
    "They form a group of their own in every split by country.",
);
pub(super) const MONEY_PRESENT: Spec = spec(
    "money_present",
    Completeness,
    Warn,
    Some(0.5),
    "rows",
    "lack both an amount and a quantity with its price",
    "They count as visits and not as spend; look where the amounts were lost.",
);

pub(super) const ROWS_UNIQUE: Spec = spec(
    "rows_unique_within_source",
    Uniqueness,
    Warn,
    Some(0.2),
    "rows",
    "repeat a row of the same source in every column",
    "Cleaning keeps one of each (clean.duplicates = \"keep\" keeps all); if a till writes one row for each scanned item they may be real.",
);
pub(super) const SOURCES_DISJOINT: Spec = spec(
    "rows_unique_across_sources",
    Uniqueness,
    Warn,
    None,
    "rows",
    "are given again by another source",
    "The files or sheets overlap in time. Cleaning keeps one of each; without it revenue in the overlap counts twice.",
);
pub(super) const ORDERS_IN_ONE_SOURCE: Spec = spec(
    "orders_in_one_source",
    Uniqueness,
    Info,
    None,
    "orders",
    "are found in more than one source",
    "Expected where files overlap; otherwise two systems use the same numbers, and their orders must be told apart.",
);

pub(super) const PRICE_NOT_ZERO: Spec = spec(
    "price_not_zero",
    Ranges,
    Warn,
    Some(0.5),
    "rows",
    "have a price of zero",
    "They are kept as adjustments without spend: gifts, samples, stock corrections.",
);
pub(super) const PRICE_NOT_NEGATIVE: Spec = spec(
    "price_not_negative",
    Ranges,
    Warn,
    None,
    "rows",
    "have a negative price",
    "They are book-keeping (bad debt, say) and are kept as adjustments; check that nobody enters returns this way.",
);
pub(super) const QUANTITY_NOT_ZERO: Spec = spec(
    "quantity_not_zero",
    Ranges,
    Warn,
    None,
    "rows",
    "have a quantity of zero",
    "They carry no units and no spend; look what the source means by them.",
);
pub(super) const DISCOUNT_NOT_NEGATIVE: Spec = spec(
    "discount_not_negative",
    Ranges,
    Warn,
    None,
    "rows",
    "have a negative discount",
    "Either the sign is the other way round in the source, or these are surcharges.",
);
pub(super) const QUANTITY_PLAUSIBLE: Spec = spec(
    "quantity_plausible",
    Ranges,
    Info,
    None,
    "rows",
    "have a quantity far outside the usual",
    "Look at the examples: typing errors are often reversed by a cancellation soon after. The outlier policy of cleaning flags, caps or drops.",
);
pub(super) const PRICE_PLAUSIBLE: Spec = spec(
    "price_plausible",
    Ranges,
    Info,
    None,
    "rows",
    "have a price far outside the usual",
    "Often manual entries, fees and adjustments under a product code; add their codes to the non-product codes.",
);
pub(super) const AMOUNT_PLAUSIBLE: Spec = spec(
    "amount_plausible",
    Ranges,
    Info,
    None,
    "rows",
    "have an amount far outside the usual",
    "Look at the examples; the outlier policy of cleaning flags, caps or drops.",
);

pub(super) const NOT_AFTER_AS_OF: Spec = spec(
    "not_after_as_of",
    Time,
    Warn,
    None,
    "rows",
    "lie at or after as_of",
    "They are not used. If as_of is today, a clock or a date format is wrong; if it lies in the past on purpose, nothing is.",
);
pub(super) const TIME_PLAUSIBLE: Spec = spec(
    "time_plausible",
    Time,
    Error,
    None,
    "rows",
    "are dated before 1980",
    "An unset date was written as the beginning of some calendar; mend the source.",
);
pub(super) const RECORDED_AFTER_ORDERED: Spec = spec(
    "recorded_after_ordered",
    Time,
    Warn,
    None,
    "rows",
    "were recorded before they were ordered",
    "The two clocks or time zones disagree, and features that ask what was known when would be wrong by as much.",
);
pub(super) const NO_GAPS: Spec = spec(
    "no_gaps",
    Time,
    Warn,
    None,
    "days",
    "without any row lie in gaps of more than three usual trading days",
    "Holidays explain some; otherwise an export is missing, and everybody looks inactive over the gap.",
);
pub(super) const LAST_MONTH_WHOLE: Spec = spec(
    "last_month_whole",
    Time,
    Warn,
    None,
    "months",
    "end before their last trading day",
    "Never compare the truncated month with whole ones; figures by month mark it.",
);
pub(super) const FIRST_MONTH_WHOLE: Spec = spec(
    "first_month_whole",
    Time,
    Info,
    None,
    "months",
    "begin after their first trading day",
    "Never compare the first month with whole ones.",
);
pub(super) const SOURCE_IN_ORDER: Spec = spec(
    "source_in_time_order",
    Time,
    Info,
    None,
    "orders",
    "begin before the order above them in the source",
    "The source is not sorted by time; nothing here depends on its order.",
);
pub(super) const OPENING_HOURS: Spec = spec(
    "within_opening_hours",
    Time,
    Info,
    None,
    "rows",
    "lie outside the hours that hold 99.5 % of the trade",
    "Night batches, another time zone or tests; a jump in this share means that a clock changed.",
);

pub(super) const ORDER_HAS_ONE_CUSTOMER: Spec = spec(
    "order_has_one_customer",
    Identity,
    Warn,
    Some(0.01),
    "orders",
    "belong to several customers",
    "Order numbers are used again (by another store or year?); make them unique, with the store or the year in front.",
);
pub(super) const ORDER_WHOLLY_IDENTIFIED: Spec = spec(
    "order_wholly_identified",
    Identity,
    Warn,
    None,
    "orders",
    "name their customer on some rows only",
    "Fill the customer within the order at the source; the other rows are set aside as unidentified.",
);
pub(super) const ORDER_HAS_ONE_INSTANT: Spec = spec(
    "order_has_one_instant",
    Identity,
    Info,
    None,
    "orders",
    "have rows at several instants",
    "Minutes apart is how orders are typed in, and such an order is dated by its first row.",
);
pub(super) const ORDER_WITHIN_A_DAY: Spec = spec(
    "order_within_a_day",
    Identity,
    Warn,
    Some(0.05),
    "orders",
    "spread over a day or more",
    "Order numbers are used again, or the time is that of shipment: map the time of the order.",
);
pub(super) const CUSTOMER_ID_GRAMMAR: Spec = spec(
    "customer_id_grammar",
    Identity,
    Warn,
    None,
    "customers",
    "have an id unlike the others",
    "Two numbering systems, test accounts, or ids damaged by a spreadsheet (00123 turned 123, 1.2E+15).",
);
pub(super) const CUSTOMER_NOT_PLACEHOLDER: Spec = spec(
    "customer_is_a_person",
    Identity,
    Warn,
    None,
    "customers",
    "look like a placeholder or hold more than a tenth of all rows",
    "A default account collects many people; leave it blank at the source so that nobody is scored by it.",
);
pub(super) const CUSTOMER_HAS_ONE_COUNTRY: Spec = spec(
    "customer_has_one_country",
    Identity,
    Info,
    None,
    "customers",
    "appear in several countries",
    "They moved or send gifts; where one country is needed, the latest is taken.",
);
pub(super) const SKU_HAS_ONE_DESCRIPTION: Spec = spec(
    "sku_has_one_description",
    Identity,
    Info,
    None,
    "products",
    "have several descriptions",
    "Spelling, renamed articles, or notes about damage typed over the name; products are told apart by code.",
);

pub(super) const CANCELLATION_IS_NEGATIVE: Spec = spec(
    "cancellation_is_negative",
    Rules,
    Warn,
    Some(0.1),
    "rows",
    "of cancelled orders lack a negative quantity",
    "Correct the sign at the source; until then they are treated by their order id.",
);
pub(super) const NEGATIVE_IS_CANCELLATION: Spec = spec(
    "negative_is_cancellation",
    Rules,
    Warn,
    None,
    "rows",
    "have a negative quantity and are no cancellation",
    "Stock corrections (damaged, lost, counted); they touch no customer's spend if they name none.",
);
pub(super) const PRODUCT_CODES_ONLY: Spec = spec(
    "product_codes_only",
    Rules,
    Info,
    None,
    "rows",
    "are postage, fees, adjustments or tests by their code",
    "They stay in spend and leave the product features; edit the list in tenure.toml.",
);
pub(super) const AMOUNT_IS_PRODUCT: Spec = spec(
    "amount_is_quantity_times_price",
    Rules,
    Warn,
    Some(0.1),
    "rows",
    "have an amount that is not quantity x price",
    "Tax, freight or a discount stands between the two: name the discount column, or drop the mapping of one of the three.",
);
pub(super) const CANCELLATION_HAS_SALE: Spec = spec(
    "cancellation_has_sale",
    Rules,
    Info,
    None,
    "rows",
    "cancel what the customer is not seen to have bought before",
    "Bought before the data begin, or under another code; no sale is theirs to take back, so spend net of cancellations leaves them out.",
);
pub(super) const ONE_CURRENCY: Spec = spec(
    "one_currency",
    Rules,
    Error,
    None,
    "currencies",
    "stand beside the main one",
    "Convert before ingest or run one currency at a time: sums over several currencies mean nothing.",
);

pub(super) const DAILY_VOLUME: Spec = spec(
    "daily_volume",
    Drift,
    Info,
    None,
    "days",
    "have far more or far fewer rows than is usual for their weekday",
    "Promotions and holidays, or an export loaded twice or cut short: compare with the till.",
);
pub(super) const FRESHNESS: Spec = spec(
    "freshness",
    Drift,
    Warn,
    None,
    "days",
    "of trade are missing before as_of",
    "Load the newer rows, or move as_of to the end of the data: otherwise everybody looks less active than they are.",
);
pub(super) const HISTORY_LENGTH: Spec = spec(
    "history_length",
    Drift,
    Warn,
    None,
    "days",
    "are missing to a year of history",
    "Below a year no season can be learnt, and fewer windows are left to evaluate on.",
);
pub(super) const COUNTRY_DRIFT: Spec = spec(
    "country_mix_stable",
    Drift,
    Warn,
    None,
    "rows",
    "of the last 90 days would have to change their country to have the mix of before",
    "A market was opened or closed, or a feed is missing; retrain after such a change.",
);
pub(super) const PRICE_DRIFT: Spec = spec(
    "price_level_stable",
    Drift,
    Warn,
    None,
    "rows",
    "of the last 90 days would have to change their price band to have the mix of before",
    "A new price list, another currency, or net for gross; retrain after such a change.",
);
pub(super) const PROFILE_DRIFT: Spec = spec(
    "like_the_last_run",
    Drift,
    Warn,
    None,
    "measures",
    "are distributed differently from the last run in this folder",
    "Look at the named measures: a changed export, unit, currency or feed; if the business changed, retrain and go on.",
);

/// Every check, in the order of the report.
pub(super) const ALL: &[Spec] = &[
    REQUIRED_COLUMNS,
    MONEY_COLUMNS,
    EMPTY_COLUMNS,
    ROWS_ARRIVED,
    REJECTED_ROWS,
    DAMAGED_TEXT,
    FINITE_NUMBERS,
    CUSTOMER_ID_PRESENT,
    ORDER_ID_PRESENT,
    SKU_PRESENT,
    DESCRIPTION_PRESENT,
    COUNTRY_PRESENT,
    MONEY_PRESENT,
    ROWS_UNIQUE,
    SOURCES_DISJOINT,
    ORDERS_IN_ONE_SOURCE,
    PRICE_NOT_ZERO,
    PRICE_NOT_NEGATIVE,
    QUANTITY_NOT_ZERO,
    DISCOUNT_NOT_NEGATIVE,
    QUANTITY_PLAUSIBLE,
    PRICE_PLAUSIBLE,
    AMOUNT_PLAUSIBLE,
    NOT_AFTER_AS_OF,
    TIME_PLAUSIBLE,
    RECORDED_AFTER_ORDERED,
    NO_GAPS,
    LAST_MONTH_WHOLE,
    FIRST_MONTH_WHOLE,
    SOURCE_IN_ORDER,
    OPENING_HOURS,
    ORDER_HAS_ONE_CUSTOMER,
    ORDER_WHOLLY_IDENTIFIED,
    ORDER_HAS_ONE_INSTANT,
    ORDER_WITHIN_A_DAY,
    CUSTOMER_ID_GRAMMAR,
    CUSTOMER_NOT_PLACEHOLDER,
    CUSTOMER_HAS_ONE_COUNTRY,
    SKU_HAS_ONE_DESCRIPTION,
    CANCELLATION_IS_NEGATIVE,
    NEGATIVE_IS_CANCELLATION,
    PRODUCT_CODES_ONLY,
    AMOUNT_IS_PRODUCT,
    CANCELLATION_HAS_SALE,
    ONE_CURRENCY,
    DAILY_VOLUME,
    FRESHNESS,
    HISTORY_LENGTH,
    COUNTRY_DRIFT,
    PRICE_DRIFT,
    PROFILE_DRIFT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_category_has_several_checks_in_order() {
        let mut names: Vec<&str> = ALL.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.is_sorted_by_key(|s| s.category));
        for category in Category::ALL {
            assert!(ALL.iter().filter(|s| s.category == category).count() >= 3, "{category:?}");
        }
    }

    #[test]
    fn remedies_are_sentences() {
        for spec in ALL {
            assert!(spec.remedy.ends_with('.') && spec.remedy.len() > 30, "{}", spec.name);
        }
    }
}
