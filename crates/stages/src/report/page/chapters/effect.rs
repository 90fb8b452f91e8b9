//! What is known of the offers' effect, and what is assumed.

use super::executive::{offers, rates_standing};
use super::{Cell, Chapter, Field, Number, Quote, Result, Row, Shelf, Stage, Standing, Unit, estimate, row, say};
use crate::artifact;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("effect", "What the offers change");
    let Some(plan) = shelf.record(Stage::Allocate)?.known() else { return Ok(None) };
    let standing = rates_standing(&plan);
    page.text(match standing {
        Standing::Assumed => say![
            "What an offer changes in a customer cannot be read from past orders: who got an offer was not drawn at \
             random, or nobody got one. The effects below are therefore assumptions, and so is all that follows from them. \
             How far off they may be before the plan loses money says how much rests on them."
        ],
        _ => say![
            "The effects below were measured where the last column says so. What was measured then need not hold now."
        ],
    });
    let rows = offers(&plan).into_iter().map(|offer| {
        row![
            offer.quote("offer"),
            offer.number("contact_cost", Unit::Money),
            offer.number("rate", Unit::Share).map(|rate| rate.standing(standing)),
            offer.number("break_even_rate", Unit::Percent).map(Number::forecast),
            offer.number("kept", Unit::Plain).map(|kept| kept.standing(standing)),
            offer.quote("rate_source"),
        ]
    });
    page.table(
        "The offers",
        &["Offer", "Cost of a contact", "Effect", "It breaks even at", "Customers kept", "Effect is"],
        rows.collect(),
    );
    page.text(say![
        "What is at stake with a customer is what an offer that always worked would add: the churn probability times what the \
         customer is worth if kept, less what those who only pause bring anyway, and with most of those who have left already \
         taken out. It is the column at_stake of the plan; an offer keeps the share of it that is its effect."
    ]);
    let thresholds = plan.at("thresholds").items().into_iter().filter(|t| t.number("from", Unit::Money).is_some());
    let rows = thresholds.map(|threshold| {
        row![
            threshold.quote("offer"),
            threshold.quote("of").map(Quote::named),
            threshold.number("from", Unit::Money).map(|from| from.standing(standing)),
            threshold.quote("over"),
        ]
    });
    page.table(
        "From what on an offer is worth it, where budget and places cost nothing; under a budget it takes more",
        &["Offer", "Where this", "Is above", "Instead of"],
        rows.collect(),
    );
    let rows = shelf.csv(artifact::RATE_SENSITIVITY, Stage::Allocate)?;
    page.text(say![
        "Where this plan and the best one then earn the same, the budget binds and the order of the customers stays as it is."
    ]);
    page.table(
        "If every effect were other than it is taken to be",
        &["Of the effect taken", "Net of this plan", "Net of the best plan then"],
        rows.iter().map(|row| nets(row, "factor", Unit::Times, standing)).collect(),
    );
    winback(&mut page, shelf, &plan, standing)?;
    hindsight(&mut page, shelf)?;
    Ok(Some(page))
}

/// What was varied, and what the plan and the best one then earn.
fn nets(row: &Row, varied: &str, unit: Unit, standing: Standing) -> Vec<Cell> {
    let net = |column: &str| row.number(column, Unit::Money).map(|net| net.standing(standing));
    row![row.number(varied, unit), net("net_of_this_plan"), net("net_of_the_best_plan")]
}

/// How much rests on what offers do with customers who have left already.
fn winback(page: &mut Chapter, shelf: &Shelf<'_>, plan: &Field, standing: Standing) -> Result<()> {
    let rows = shelf.csv(artifact::WINBACK_SENSITIVITY, Stage::Allocate)?;
    if plan.at("winback").items().is_empty() {
        return Ok(());
    }
    page.text(say![
        "Some of those who will buy nothing have left already. That an offer has a part of its effect with them too (the \
         setting offers.winback) is assumed as well."
    ]);
    page.table(
        "If an offer did more or less with those who have left already",
        &["Part of its effect with them", "Net of this plan", "Net of the best plan then"],
        rows.iter().map(|row| nets(row, "winback", Unit::Share, standing)).collect(),
    );
    Ok(())
}

/// An earlier plan beside what customers did, where one was made.
fn hindsight(page: &mut Chapter, shelf: &Shelf<'_>) -> Result<()> {
    let Some(past) = shelf.record(Stage::Hindsight)?.find("measured") else { return Ok(()) };
    page.heading("An earlier plan, and what customers did");
    if let Some(as_of) = past.quote("as_of") {
        page.text(say![
            "A plan made as of ",
            as_of,
            " from what was known by then, beside common rules with the same money. A unit of money covers what the \
             customers reached who then left had spent before. This measures whom a plan reaches, not what an offer \
             changes in them: it rewards cheap contacts."
        ]);
    }
    let plans = past.at("plans").items();
    let rows = plans.iter().map(|plan| {
        let of = |path: &str, unit: Unit| plan.number(path, unit).map(Number::measured);
        row![
            plan.quote("plan"),
            of("cover/contacts", Unit::Count),
            of("cover/spend", Unit::Money),
            of("cover/leavers", Unit::Count),
            of("cover/covered", Unit::Money),
            estimate(plan, "per_unit", Unit::Plain),
        ]
    });
    page.table(
        "Plans of one budget in hindsight",
        &["Plan", "Contacts", "Cost", "Leavers reached", "Spend of theirs covered", "Covered by a unit of money"],
        rows.collect(),
    );
    Ok(())
}
