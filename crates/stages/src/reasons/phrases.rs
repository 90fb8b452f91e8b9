//! What each feature is called, in which unit, and what it is about.

/// What a feature is about. Features of one theme say the same thing in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// How long ago the customer bought.
    Recency,
    /// How often.
    Orders,
    /// For how much.
    Money,
    /// At which distances.
    Rhythm,
    /// What, and how much at once.
    Products,
    /// What came back.
    Returns,
    /// At which prices.
    Prices,
    /// At which time of the year or week.
    Season,
    /// Since when.
    Tenure,
    /// All of recency, orders and money at once.
    Standing,
    /// What else the shop knows of its customers.
    Attributes,
}

/// How a number is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Days,
    /// A whole number with its noun in the singular and the plural.
    Count(&'static str, &'static str),
    Money,
    /// A share as a percentage.
    Share,
    /// A plain number with so many decimals.
    Number(usize),
    /// A ratio as so many in a hundred.
    PerHundred,
    /// An entropy as the number of equally frequent things that has it.
    Nats,
}

/// How a value becomes words; `{}` is the amount.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// `zero` is said of nothing, where the amount would read badly; empty where it reads well.
    Amount { unit: Unit, words: &'static str, zero: &'static str },
    /// An amount with a direction.
    Change { unit: Unit, up: &'static str, down: &'static str, same: &'static str },
}

/// How a feature is put into words.
#[derive(Debug)]
pub(super) struct Phrase {
    name: &'static str,
    pub(super) theme: Theme,
    pub(super) form: Form,
    /// Said where there is no value.
    pub(super) missing: &'static str,
    /// `… than 91 % of customers` of a high value.
    pub(super) more: &'static str,
    /// The same of a low value.
    pub(super) less: &'static str,
}

const ORDERS: Unit = Unit::Count("order", "orders");

const fn say(
    name: &'static str,
    theme: Theme,
    unit: Unit,
    [words, zero, missing]: [&'static str; 3],
    [more, less]: [&'static str; 2],
) -> Phrase {
    Phrase { name, theme, form: Form::Amount { unit, words, zero }, missing, more, less }
}

const fn change(
    name: &'static str,
    theme: Theme,
    unit: Unit,
    [up, down, same]: [&'static str; 3],
    missing: &'static str,
) -> Phrase {
    Phrase { name, theme, form: Form::Change { unit, up, down, same }, missing, more: "higher", less: "lower" }
}

/// The phrase of a feature; `None` of a column that is the shop's own.
pub(super) fn of(feature: &str) -> Option<&'static Phrase> {
    PHRASES.iter().find(|phrase| phrase.name == feature)
}

const NO_ORDERS: &str = "number of orders not known";
const NO_MONEY: &str = "amounts not known";
const NO_GAP: &str = "no two purchase days yet to tell a rhythm";
const NEWER: &str = "not yet a customer in this season of last year";

static PHRASES: [Phrase; 56] = [
    say(
        "recency_days",
        Theme::Recency,
        Unit::Days,
        ["last bought {} ago", "", "no purchase known"],
        ["longer ago", "more recently"],
    ),
    say(
        "recency_score",
        Theme::Recency,
        Unit::Number(0),
        ["recency score {} of 5", "", "no recency score"],
        ["higher", "lower"],
    ),
    say("frequency", Theme::Orders, ORDERS, ["{} so far", "no order so far", NO_ORDERS], ["more", "fewer"]),
    say(
        "purchase_days",
        Theme::Orders,
        Unit::Count("day", "days"),
        ["bought on {} so far", "", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_30d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 30 days", "no order in the last 30 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_60d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 60 days", "no order in the last 60 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_90d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 90 days", "no order in the last 90 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "frequency_90d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 90 days", "no order in the last 90 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_180d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 180 days", "no order in the last 180 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_365d",
        Theme::Orders,
        ORDERS,
        ["{} in the last 365 days", "no order in the last 365 days", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_decayed_30d",
        Theme::Orders,
        Unit::Number(2),
        ["{} orders when each halves with every 30 days", "", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_decayed_90d",
        Theme::Orders,
        Unit::Number(2),
        ["{} orders when each halves with every 90 days", "", NO_ORDERS],
        ["more", "fewer"],
    ),
    say(
        "orders_decayed_365d",
        Theme::Orders,
        Unit::Number(2),
        ["{} orders when each halves with every 365 days", "", NO_ORDERS],
        ["more", "fewer"],
    ),
    change(
        "orders_trend_90d",
        Theme::Orders,
        ORDERS,
        [
            "{} more in the last 90 days than in the 90 before",
            "{} fewer in the last 90 days than in the 90 before",
            "as many orders in the last 90 days as in the 90 before",
        ],
        NO_ORDERS,
    ),
    say(
        "frequency_score",
        Theme::Orders,
        Unit::Number(0),
        ["frequency score {} of 5", "", "no frequency score"],
        ["higher", "lower"],
    ),
    say(
        "monetary_total",
        Theme::Money,
        Unit::Money,
        ["spent {} so far", "spent nothing so far", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "monetary_avg",
        Theme::Money,
        Unit::Money,
        ["spends {} per order", "spends nothing per order", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "avg_basket",
        Theme::Money,
        Unit::Money,
        ["spends {} per order", "spends nothing per order", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_30d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 30 days", "spent nothing in the last 30 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_60d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 60 days", "spent nothing in the last 60 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_90d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 90 days", "spent nothing in the last 90 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "monetary_90d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 90 days", "spent nothing in the last 90 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_180d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 180 days", "spent nothing in the last 180 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_365d",
        Theme::Money,
        Unit::Money,
        ["spent {} in the last 365 days", "spent nothing in the last 365 days", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "revenue_decayed_90d",
        Theme::Money,
        Unit::Money,
        ["spent {} when each order halves with every 90 days", "", NO_MONEY],
        ["more", "less"],
    ),
    change(
        "revenue_trend_90d",
        Theme::Money,
        Unit::Money,
        [
            "spent {} more in the last 90 days than in the 90 before",
            "spent {} less in the last 90 days than in the 90 before",
            "spent as much in the last 90 days as in the 90 before",
        ],
        NO_MONEY,
    ),
    say("order_max", Theme::Money, Unit::Money, ["largest order {}", "", NO_MONEY], ["larger", "smaller"]),
    say("order_last", Theme::Money, Unit::Money, ["last order {}", "", NO_MONEY], ["larger", "smaller"]),
    say(
        "order_sd",
        Theme::Money,
        Unit::Money,
        ["orders differ by {} from their mean", "orders all of one value", "no second order yet to compare values"],
        ["more", "less"],
    ),
    say(
        "monetary_score",
        Theme::Money,
        Unit::Number(0),
        ["monetary score {} of 5", "", "no monetary score"],
        ["higher", "lower"],
    ),
    say(
        "usual_spend",
        Theme::Money,
        Unit::Money,
        ["usual spend {}", "spent nothing in the last year", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "spend_per_purchase_day",
        Theme::Money,
        Unit::Money,
        ["spends {} on a day with a purchase", "", NO_MONEY],
        ["more", "less"],
    ),
    say(
        "own_rhythm",
        Theme::Rhythm,
        Unit::Share,
        ["chance of silence by own rhythm {}", "", "no rhythm known"],
        ["higher", "lower"],
    ),
    say(
        "btyd_p_alive",
        Theme::Rhythm,
        Unit::Share,
        ["by its own rhythm still a customer with a chance of {}", "", "no telling whether still a customer"],
        ["higher", "lower"],
    ),
    say(
        "btyd_purchase_days",
        Theme::Rhythm,
        Unit::Number(1),
        ["by its own rhythm {} purchase days expected", "", "no rhythm known"],
        ["more", "fewer"],
    ),
    say(
        "gap_mean_days",
        Theme::Rhythm,
        Unit::Days,
        ["buys every {} on average", "", NO_GAP],
        ["less often", "more often"],
    ),
    say(
        "gap_cv",
        Theme::Rhythm,
        Unit::Share,
        [
            "gaps between orders vary by {} of their mean",
            "gaps between orders never vary",
            "too few orders to tell how regular they are",
        ],
        ["more", "less"],
    ),
    say(
        "gap_max_days",
        Theme::Rhythm,
        Unit::Days,
        ["longest gap between orders {}", "", NO_GAP],
        ["longer", "shorter"],
    ),
    say(
        "recency_over_gap",
        Theme::Rhythm,
        Unit::Number(1),
        ["silent for {} times the usual gap", "", NO_GAP],
        ["longer", "shorter"],
    ),
    say(
        "units_per_order",
        Theme::Products,
        Unit::Number(1),
        ["{} units per order", "", "units not known"],
        ["more", "fewer"],
    ),
    say(
        "lines_per_order",
        Theme::Products,
        Unit::Number(1),
        ["{} lines per order", "", "products not known"],
        ["more", "fewer"],
    ),
    say(
        "unique_products",
        Theme::Products,
        Unit::Count("different product", "different products"),
        ["bought {}", "no product known", "products not known"],
        ["more", "fewer"],
    ),
    say(
        "repeat_product_share",
        Theme::Products,
        Unit::Share,
        ["{} of products bought before", "never bought a product twice", "products not known"],
        ["more", "less"],
    ),
    say(
        "product_entropy",
        Theme::Products,
        Unit::Nats,
        ["purchases as varied as {} products bought equally often", "always the same product", "products not known"],
        ["more varied", "less varied"],
    ),
    say(
        "return_rate",
        Theme::Returns,
        Unit::PerHundred,
        ["{} lines returned per 100 bought", "nothing returned", "returns not known"],
        ["more", "fewer"],
    ),
    say(
        "returned_value_share",
        Theme::Returns,
        Unit::Share,
        ["{} of spend returned", "no spend returned", "returns not known"],
        ["more", "less"],
    ),
    say(
        "unit_price_avg",
        Theme::Prices,
        Unit::Money,
        ["pays {} per unit on average", "", "prices not known"],
        ["more", "less"],
    ),
    say(
        "low_price_share",
        Theme::Prices,
        Unit::Share,
        [
            "{} of products below the previous month's median price",
            "no product below the previous month's median price",
            "prices not known",
        ],
        ["more", "less"],
    ),
    say(
        "q4_share",
        Theme::Season,
        Unit::Share,
        ["{} of orders in October to December", "no order in October to December", "months of orders not known"],
        ["more", "less"],
    ),
    say(
        "weekend_share",
        Theme::Season,
        Unit::Share,
        ["{} of orders at weekends", "no order at weekends", "weekdays of orders not known"],
        ["more", "less"],
    ),
    say(
        "orders_season_last_year",
        Theme::Season,
        ORDERS,
        ["{} in this season of last year", "no order in this season of last year", NEWER],
        ["more", "fewer"],
    ),
    say(
        "revenue_season_last_year",
        Theme::Season,
        Unit::Money,
        ["spent {} in this season of last year", "spent nothing in this season of last year", NEWER],
        ["more", "less"],
    ),
    say(
        "tenure_days",
        Theme::Tenure,
        Unit::Days,
        ["customer for {}", "", "no first purchase known"],
        ["longer", "shorter"],
    ),
    say(
        "active_span_days",
        Theme::Tenure,
        Unit::Days,
        ["{} from the first to the last order", "first and last order at once", "no purchase known"],
        ["longer", "shorter"],
    ),
    say(
        "engagement_score",
        Theme::Standing,
        Unit::Number(0),
        ["engagement score {} of 100", "", "no engagement score"],
        ["higher", "lower"],
    ),
    // Segments are numbered from the best one down.
    say(
        "segment_rank",
        Theme::Standing,
        Unit::Number(0),
        ["segment {} counted from the best", "", "no segment"],
        ["further from the best", "nearer to the best"],
    ),
];

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static Phrase)> {
    PHRASES.iter().map(|phrase| (phrase.name, phrase))
}
