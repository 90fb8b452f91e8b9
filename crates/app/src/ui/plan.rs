//! Plans, for people: one, two side by side, and the lists made of them.

use tenure_stages::allocate::Facts;
use tenure_stages::allocate::diff::Diff;
use tenure_stages::export::Exported;

use super::number::{count, fixed, money, money_like, or_nothing, percent, signed_points};
use super::table::{columns, wrap};

const WIDTH: usize = 100;

/// A plan by offer and by segment, its limits, and what is not known of it.
pub(super) fn page(facts: &Facts) -> Vec<String> {
    let in_money = money_like(facts.tiers.iter().flat_map(|t| [t.spend, t.gain, t.net]));
    let head = |names: &[&str]| vec![names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    let mut offers =
        head(&["offer", "customers", "spend", "gain", "net", "rate", "source", "breaks even at", "worth it from"]);
    for tier in &facts.tiers {
        let from = facts.thresholds.iter().find(|t| t.offer == tier.offer).and_then(|t| t.from);
        offers.push(vec![
            tier.offer.clone(),
            count(tier.customers),
            in_money(tier.spend),
            in_money(tier.gain),
            in_money(tier.net),
            fixed(tier.rate, 2),
            tier.rate_source.clone(),
            or_nothing(tier.break_even_rate, |rate| fixed(rate, 3)),
            or_nothing(from, |from| fixed(from, 2)),
        ]);
    }
    let mut lines = columns(&offers);
    if facts.thresholds.iter().any(|t| t.from.is_some()) {
        let why = "Worth it from: what must be at stake (the column at_stake of the plan) for the offer to be the best where \
                   budget and places cost nothing.";
        lines.extend(wrap(why, 2, WIDTH, 2));
    }
    let mut segments = head(&["segment", "customers", "offers", "spend", "net"]);
    for part in &facts.segments {
        segments.push(vec![
            part.segment.clone(),
            count(part.customers),
            count(part.offers),
            in_money(part.spend),
            in_money(part.net),
        ]);
    }
    lines.extend(columns(&segments));
    if !facts.limits.is_empty() {
        let mut limits = head(&["limit", "used", "at most", "at least", "one more unit brings"]);
        for limit in &facts.limits {
            limits.push(vec![
                limit.name.clone(),
                money(limit.used),
                or_nothing(limit.at_most, money),
                or_nothing(limit.at_least, money),
                fixed(limit.price, 2),
            ]);
        }
        lines.extend(columns(&limits));
    }
    lines.push(format!("  {}", price(facts)));
    lines.extend(wrap(&doubt(facts), 2, WIDTH, 4));
    for (why, customers) in &facts.barred {
        lines.push(format!("  {} customers are not contacted: {why}.", count(*customers)));
    }
    lines
}

/// What the budget is worth at its end.
fn price(facts: &Facts) -> String {
    match facts.shadow_price {
        price if price > 0.0 => format!("One more unit of budget would add {} to the net.", fixed(price, 2)),
        _ => "More budget would add nothing to the net.".to_owned(),
    }
}

/// What may come of the plan.
fn doubt(facts: &Facts) -> String {
    let (of, net) = (&facts.doubt, &facts.doubt.net);
    let rates = match facts.rates_break_even {
        Some(factor) => {
            format!(" If all rates were {} of what they are taken for, it would break even.", percent(factor))
        }
        None => String::new(),
    };
    format!(
        "In {} draws of what is uncertain the net is {} to {} in 90 %, above 0 in {}, and {} in the mean of its worst {}; \
         an offer is the same again in {}.{rates}",
        net.draws,
        money(net.q05),
        money(net.q95),
        percent(net.p_positive),
        money(net.cvar),
        percent(net.alpha),
        percent(of.stability_of_offers),
    )
}

/// Two plans side by side.
pub(super) fn diff(diff: &Diff) -> String {
    let mut table = vec![vec![String::new(), diff.a.clone(), diff.b.clone(), "change".to_owned()]];
    for sum in &diff.sums {
        let in_money = money_like([sum.a, sum.b].into_iter());
        let form = |v: f64| if sum.is_count { fixed(v, 0) } else { in_money(v) };
        table.push(vec![sum.what.clone(), form(sum.a), form(sum.b), form(sum.b - sum.a)]);
    }
    let mut lines = columns(&table);
    lines.push(format!(
        "  {} customers have the same in both: {} the same offer, {} none.",
        count(diff.same),
        count(diff.same - diff.same_without),
        count(diff.same_without)
    ));
    if !diff.moves.is_empty() {
        let mut moves = vec![["from", "to", "customers", "churn probability", "value"].map(str::to_owned).to_vec()];
        for of in &diff.moves {
            moves.push(vec![
                of.from.clone(),
                of.to.clone(),
                count(of.customers),
                or_nothing(of.p_churn_change, signed_points),
                or_nothing(of.value_change, money),
            ]);
        }
        lines.extend(columns(&moves));
        lines.push("  Churn probability and value: their mean change among these customers.".to_owned());
    }
    lines.join("\n") + "\n"
}

/// A list that was written.
pub(super) fn exported(of: &Exported) -> String {
    let mut lines = vec![format!(
        "{} customers of the plan as of {} for {}: {}",
        count(of.customers),
        of.as_of,
        of.target.name(),
        of.to
    )];
    if let (Some(consents), Some(prohibitions)) = (&of.consent_columns, &of.prohibition_columns) {
        let taken = |columns: &[String]| if columns.is_empty() { "no column".to_owned() } else { columns.join(", ") };
        let words = format!("Taken for consent: {}; for a prohibition: {}.", taken(consents), taken(prohibitions));
        lines.extend(wrap(&words, 2, WIDTH, 4));
    }
    for (why, customers) in &of.rejected {
        lines.push(format!("  {} left out: {why}", count(*customers)));
    }
    if let Some(rejects) = &of.rejects {
        lines.push(format!("  listed in {rejects}"));
    }
    if let (Some(since), Some(changes)) = (&of.since, &of.changes) {
        lines.push(format!(
            "  Since {since}: {} added, {} removed, {} with another offer; listed in {changes}",
            count(of.added),
            count(of.removed),
            count(of.changed)
        ));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tenure_stages::allocate::diff::{Move, Sum};
    use tenure_stages::export::Target;

    use super::*;

    #[test]
    fn two_plans_differ_in_whole_customers_and_in_points() {
        let sum = |what: &str, a: f64, b: f64, is_count: bool| Sum { what: what.to_owned(), a, b, is_count };
        let found = Diff {
            a: "may".to_owned(),
            b: "june".to_owned(),
            sums: vec![
                sum("customers", 960.0, 958.0, true),
                sum("spend", 480.5, 500.0, false),
                sum("customers with Light", 3.0, 12.0, true),
            ],
            same: 940,
            same_without: 900,
            moves: vec![Move {
                from: "Light".to_owned(),
                to: "None".to_owned(),
                customers: 4,
                p_churn_change: Some(-0.0312),
                value_change: Some(12.5),
            }],
        };
        insta::assert_snapshot!(format!("tenure allocate --diff may june\n{}", diff(&found)), @r"
        tenure allocate --diff may june
                                   may    june  change
          customers                960     958      -2
          spend                 480.50  500.00   19.50
          customers with Light       3      12       9
          940 customers have the same in both: 40 the same offer, 900 none.
          from     to  customers  churn probability  value
          Light  None          4        -3.1 points  12.50
          Churn probability and value: their mean change among these customers.
        ");
    }

    #[test]
    fn an_export_says_what_it_took_for_consent_and_who_was_left_out() {
        let mut found = Exported {
            target: Target::Generic,
            to: "list.csv".to_owned(),
            as_of: "2011-06-01".to_owned(),
            customers: 35,
            consent_columns: Some(vec!["Accepts Email Marketing".to_owned()]),
            prohibition_columns: Some(Vec::new()),
            rejected: BTreeMap::from([("not in the table of customers, which says who consents".to_owned(), 2)]),
            rejects: Some("list_rejects.csv".to_owned()),
            since: None,
            added: 0,
            removed: 0,
            changed: 0,
            changes: None,
        };
        insta::assert_snapshot!(exported(&found), @r"
        35 customers of the plan as of 2011-06-01 for other programs: list.csv
          Taken for consent: Accepts Email Marketing; for a prohibition: no column.
          2 left out: not in the table of customers, which says who consents
          listed in list_rejects.csv
        ");
        (found.consent_columns, found.prohibition_columns) = (None, None);
        assert!(!exported(&found).contains("Taken for"), "no table was read");
    }
}
