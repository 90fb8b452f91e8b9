//! The plan with its certificate, other budgets, and who comes first.

use super::executive::{offers, rates_standing};
use super::{Chapter, Claim, Number, Quote, Result, Row, Shelf, Stage, Standing, Unit, row, say};
use crate::artifact;

/// Customers of the plan that the page shows.
const FIRST: usize = 25;
/// Those of them with the reason in words.
const EXPLAINED: usize = 5;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("plan", "The plan");
    let Some(plan) = shelf.record(Stage::Allocate)?.known() else { return Ok(None) };
    let standing = rates_standing(&plan);
    let money = |path: &str| plan.need(path, Unit::Money);
    let (net, bound, spend, gain) =
        (money("net")?.standing(standing), money("bound")?.standing(standing), money("spend")?, money("gain")?);
    let mut rows = Vec::new();
    for offer in offers(&plan) {
        let name = offer.quote("offer").map(|name| name.text.replace('~', "~0").replace('/', "~1")).unwrap_or_default();
        if let Some(most) = plan.number(&format!("caps/{name}"), Unit::Count) {
            rows.push(row![offer.quote("offer"), offer.number("customers", Unit::Count), Some(most)]);
        }
    }
    page.text(say![
        "Certificate: the plan's expected net is ",
        net.clone(),
        "; no plan under the same forecasts, assumptions and limits has more than ",
        bound.clone(),
        ". That is at most ",
        money("gap")?,
        " more (",
        plan.need("gap_share", Unit::Share)?,
        "). One more unit of budget would bring ",
        plan.need("shadow_price", Unit::Plain)?.standing(standing),
        "."
    ]);
    let tiers = plan.at("tiers").items();
    let parts =
        |path: &str, unit: Unit| -> Vec<Number> { tiers.iter().filter_map(|tier| tier.number(path, unit)).collect() };
    page.claim(Claim::sum("the offers' costs make up the plan's", &parts("spend", Unit::Money), &spend));
    page.claim(Claim::sum("the offers' gains make up the plan's", &parts("gain", Unit::Money), &gain));
    page.claim(Claim::sum("the offers' nets make up the plan's", &parts("net", Unit::Money), &net));
    page.claim(Claim::sum("what is gained is cost and net", [&spend, &net], &gain));
    let everyone = plan.need("customers", Unit::Count)?;
    page.claim(Claim::sum("every customer has one offer or none", &parts("customers", Unit::Count), &everyone));
    page.claim(Claim::sum("net and gap make up the bound", [&net, &money("gap")?], &bound));
    if let Some(method) = plan.quote("method") {
        page.text(say!["How the plan was found: ", method, "."]);
    }
    page.table("Most customers of an offer", &["Offer", "Customers", "At most"], rows);
    page.pictures(shelf, &["offer_allocation", "budget_curve"])?;

    let limits = plan.at("limits").items();
    let rows = limits.iter().map(|limit| {
        row![
            limit.quote("name"),
            limit.number("at_least", Unit::Plain),
            limit.number("at_most", Unit::Plain),
            limit.number("used", Unit::Plain),
            limit.number("price", Unit::Plain).map(|price| price.standing(standing)),
        ]
    });
    page.table("Limits", &["Limit", "At least", "At most", "The plan", "Price of one more unit"], rows.collect());

    let rows = shelf.csv(artifact::BUDGET_SENSITIVITY, Stage::Allocate)?;
    let forecast = |row: &Row, column: &str| row.number(column, Unit::Money).map(|net| net.standing(standing));
    let rows = rows.iter().map(|row| {
        row![
            row.number("budget", Unit::Money),
            row.number("spend", Unit::Money),
            forecast(row, "expected_net"),
            forecast(row, "upper_bound"),
            row.number("shadow_price", Unit::Plain).map(|price| price.standing(standing)),
            forecast(row, "greedy_net"),
        ]
    });
    page.table(
        "Other budgets",
        &["Budget", "Cost", "Expected net", "At most", "One more unit brings", "Highest value first"],
        rows.collect(),
    );
    let segments = plan.at("segments").items();
    let of = |path: &str| -> Vec<Number> { segments.iter().filter_map(|s| s.number(path, Unit::Money)).collect() };
    page.claim(Claim::sum("the segments' costs make up the plan's", &of("spend"), &spend));
    page.claim(Claim::sum("the segments' nets make up the plan's", &of("net"), &net));
    let rows = segments.iter().map(|segment| {
        row![
            segment.quote("segment"),
            segment.number("customers", Unit::Count),
            segment.number("offers", Unit::Count),
            segment.number("spend", Unit::Money),
            segment.number("net", Unit::Money).map(|net| net.standing(standing)),
        ]
    });
    page.segment_table(
        "The plan by segment",
        &["Segment", "Customers", "Offers", "Cost", "Expected net"],
        rows.collect(),
    );
    first_of_all(&mut page, shelf, standing)?;
    Ok(Some(page))
}

/// Whom to contact first, and why.
fn first_of_all(page: &mut Chapter, shelf: &Shelf<'_>, standing: Standing) -> Result<()> {
    let contacts = shelf.csv(artifact::EXECUTION_PLAN, Stage::Allocate)?;
    if contacts.is_empty() {
        return Ok(());
    }
    page.heading("Whom to contact first");
    page.text(say![
        "The whole list, in the order of sending, is ",
        artifact::EXECUTION_PLAN,
        ". Gone already is the part of the churn probability that is of having left for good, by the customer's own pace; \
         worth if kept is what one like it spends who stays. One who bought once, and much, may well come first: few \
         purchases say little of a pace."
    ]);
    let outliers = shelf.csv(artifact::CUSTOMER_OUTLIERS, Stage::Segment)?;
    let unusual = |contact: &Row| {
        let id = contact.quote("customer_id")?.text;
        let of = outliers.iter().filter(|outlier| outlier.quote("customer_id").is_some_and(|quote| quote.text == id));
        let mut said = Vec::new();
        for measure in of.filter_map(|outlier| outlier.quote("measure")).map(Quote::named) {
            if !said.is_empty() {
                said.extend(say![", "]);
            }
            said.extend(say![measure]);
        }
        Some(said)
    };
    let rows = contacts.iter().take(FIRST).map(|contact| {
        row![
            contact.number("priority", Unit::Count),
            contact.quote("customer_id"),
            contact.quote("segment"),
            contact.quote("offer"),
            contact.number("p_churn", Unit::Share).map(Number::forecast),
            contact.number("p_gone", Unit::Share).map(Number::forecast),
            contact.number("value", Unit::Money).map(Number::forecast),
            contact.number("at_stake", Unit::Money).map(Number::forecast),
            contact.number("cost", Unit::Money),
            contact.number("expected_net", Unit::Money).map(|net| net.standing(standing)),
            contact.number("stability", Unit::Share),
            unusual(contact).unwrap_or_default(),
        ]
    });
    page.table(
        "The first of the plan",
        &[
            "Place",
            "Customer",
            "Segment",
            "Offer",
            "Likely to leave",
            "Gone already",
            "Worth if kept",
            "At stake",
            "Cost",
            "Expected net",
            "Same offer in",
            "Unusual in",
        ],
        rows.collect(),
    );
    page.text(say![
        "Same offer in: the share of draws of what is uncertain in which the customer gets the same offer. Why these \
         come first:"
    ]);
    let why = |contact: &Row| Some(say!["Customer ", contact.quote("customer_id")?, ": ", contact.quote("why")?]);
    page.items(contacts.iter().take(EXPLAINED).filter_map(why).collect());
    Ok(())
}
