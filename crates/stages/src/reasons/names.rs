//! Short names of features, for pictures and tables in which a phrase has no room.

static NAMES: [(&str, &str); 32] = [
    ("recency_days", "days since last purchase"),
    ("recency_score", "recency score"),
    ("recency_over_gap", "silence in mean gaps"),
    ("own_rhythm", "silence by own rhythm"),
    ("btyd_p_alive", "chance of being alive"),
    ("btyd_purchase_days", "expected purchase days"),
    ("frequency", "orders so far"),
    ("purchase_days", "days with a purchase"),
    ("tenure_days", "days since first purchase"),
    ("active_span_days", "days first to last order"),
    ("gap_mean_days", "mean gap, days"),
    ("gap_max_days", "longest gap, days"),
    ("gap_cv", "unevenness of gaps"),
    ("monetary_total", "net spend so far"),
    ("usual_spend", "usual spend"),
    ("spend_per_purchase_day", "spend on a purchase day"),
    ("monetary_avg", "mean order value"),
    ("order_max", "largest order"),
    ("order_last", "latest order's value"),
    ("order_sd", "spread of order values"),
    ("units_per_order", "units an order"),
    ("lines_per_order", "lines an order"),
    ("unique_products", "different products"),
    ("repeat_product_share", "share of known products"),
    ("product_entropy", "variety of products"),
    ("unit_price_avg", "mean unit price"),
    ("low_price_share", "share of cheap products"),
    ("q4_share", "share of Oct–Dec orders"),
    ("weekend_share", "share of weekend orders"),
    ("segment_rank", "segment rank"),
    ("orders_season_last_year", "orders, a year ago"),
    ("revenue_season_last_year", "revenue, a year ago"),
];

/// The short name of a feature; of one that has none its own, readable: `orders_decayed_90d` is told as `orders decayed,
/// 90 days`, `attr_visits` as `visits`.
pub(crate) fn short(feature: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(name, _)| *name == feature) {
        return (*name).to_owned();
    }
    let own = feature.strip_prefix("attr_").unwrap_or(feature);
    let days = own.rsplit_once('_').and_then(|(stem, days)| Some((stem, days.strip_suffix('d')?.parse::<u32>().ok()?)));
    match days {
        Some((stem, days)) => format!("{}, {days} days", stem.replace('_', " ")),
        None => own.replace('_', " "),
    }
}
