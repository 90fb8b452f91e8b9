//! The first page: what to do, what it costs and earns, what was measured, what is assumed, what could be wrong.

use super::{
    Card, Cell, Chapter, Claim, Field, Number, Piece, Quote, Result, Shelf, Stage, Standing, Unit, estimate, quotes,
    row, say, total, window,
};
use crate::artifact;

/// Less than this for one more unit of budget is nothing.
const WORTH_TELLING: f64 = 0.05;
/// An error of the total that the first page must name.
const FAR_OFF: f64 = 0.2;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("summary", "What to do");
    let plan = shelf.record(Stage::Allocate)?.known();
    match &plan {
        Some(plan) => to_do(&mut page, shelf, plan)?,
        None => page.text(say![
            "What the plan was made from has changed since: `tenure allocate` makes it anew, and `tenure report` then says \
             what to do."
        ]),
    }
    measured(&mut page, shelf)?;
    if let Some(plan) = &plan {
        assumed(&mut page, plan);
    }
    page.heading("What could be wrong");
    page.items(doubts(shelf, plan.as_ref())?);
    Ok(Some(page))
}

/// What the plan says, costs and earns.
fn to_do(page: &mut Chapter, shelf: &Shelf<'_>, plan: &Field) -> Result<()> {
    let standing = rates_standing(plan);
    let money = |path: &str| plan.need(path, Unit::Money);
    let (net, gap, budget, spend) =
        (money("net")?.standing(standing), money("gap")?, money("budget")?, money("spend")?);
    let offers = offers(plan);
    let contacts: Vec<Number> = offers.iter().filter_map(|offer| offer.number("customers", Unit::Count)).collect();
    let contacted = total(shelf, &contacts);
    let (low, high) = (money("doubt/net/q05")?.standing(standing), money("doubt/net/q95")?.standing(standing));
    let mut cards = Vec::new();
    if let Some(contacted) = &contacted {
        let number = contacted.clone();
        cards.push(Card {
            label: "Customers to contact",
            number,
            note: say!["of ", plan.need("customers", Unit::Count)?],
        });
    }
    cards.push(Card { label: "Cost", number: spend.clone(), note: say!["of a budget of ", budget.clone()] });
    cards.push(Card {
        label: "Expected net gain",
        number: net.clone(),
        note: say![
            "at a margin of ",
            plan.need("margin", Unit::Percent)?,
            " of revenue, less cost; from ",
            low.clone(),
            " to ",
            high.clone(),
            " in nine of ten draws of what is uncertain"
        ],
    });
    cards.push(Card {
        label: "Proven distance from the best plan, at most",
        number: gap,
        note: say!["by the same forecasts, assumptions and limits: it says nothing of these"],
    });
    page.cards(cards);
    page.claim(Claim::rising("the plan stays within its budget", &[&spend, &budget]));
    page.claim(Claim::rising("the ends of the interval of the net are in order", &[&low, &high]));
    page.claim(Claim::rising("no plan earns more than the bound", &[&net, &money("bound")?]));

    if contacted.is_some_and(|contacted| contacted.value > 0.0) {
        contact(page, plan, standing)?;
    } else {
        page.text(say![
            "Contact nobody: under these assumptions no offer is worth its cost within the budget. The segments and the \
             forecasts below stand all the same."
        ]);
    }
    Ok(())
}

/// Whether what the plan earns rests on rates that nobody has measured.
pub(super) fn rates_standing(plan: &Field) -> Standing {
    let is_assumed = |offer: &Field| offer.quote("rate_source").is_some_and(|q| crate::config::is_assumed(&q.text));
    if offers(plan).iter().any(is_assumed) { Standing::Assumed } else { Standing::Forecast }
}

/// The offers of the plan without that of making none.
pub(super) fn offers(plan: &Field) -> Vec<Field> {
    let is_one = |tier: &Field| {
        tier.number("contact_cost", Unit::Money).is_some_and(|cost| cost.value > 0.0)
            || tier.number("rate", Unit::Share).is_some_and(|rate| rate.value > 0.0)
    };
    plan.at("tiers").items().into_iter().filter(is_one).collect()
}

fn contact(page: &mut Chapter, plan: &Field, standing: Standing) -> Result<()> {
    page.text(say![
        "Make these offers, in the order of ",
        artifact::EXECUTION_PLAN,
        ". Nobody else is contacted: by these forecasts it would cost more than it brings, or the money brings more elsewhere, \
         or a limit forbids it."
    ]);
    let rows = offers(plan).iter().map(|offer| offer_row(offer, standing)).collect();
    page.table(
        "The plan by offer",
        &["Offer", "Customers", "Cost", "Expected net", "Effect", "It breaks even at", "Effect is"],
        rows,
    );
    let money = |path: &str| plan.need(path, Unit::Money);
    page.text(say![
        "The plan gains in ",
        plan.need("doubt/net/p_positive", Unit::Share)?.standing(standing),
        " of ",
        plan.need("doubt/net/draws", Unit::Count)?,
        " draws of probabilities, values and effects (not of what each customer then does; an effect that is assumed is drawn \
         with a standard deviation of ",
        plan.need("doubt/rate_sd", Unit::Percent)?,
        " of itself, and that is most of the width); in the worst ",
        plan.need("doubt/net/alpha", Unit::Share)?,
        " it brings ",
        money("doubt/net/cvar")?.standing(standing),
        " on average. Simpler rules with the same forecasts and the same money would earn ",
        money("greedy_net")?.standing(standing),
        " (highest expected value first), ",
        money("top_value_net")?.standing(standing),
        " (most valuable first), ",
        money("random_net")?.standing(standing),
        " (at random) and ",
        money("top_risk_net")?.standing(standing),
        " (likeliest to leave first)."
    ]);
    more_money(page, plan, standing);
    Ok(())
}

/// What more of the budget would bring, and where it stops.
fn more_money(page: &mut Chapter, plan: &Field, standing: Standing) {
    let net = |field: &Field| field.number("net", Unit::Money).map(|net| net.standing(standing));
    let price = plan.number("shadow_price", Unit::Money).filter(|price| price.value >= WORTH_TELLING);
    let curve = plan.at("curve").items();
    let last = curve.last().and_then(|last| Some((last.number("spend", Unit::Money)?, net(last)?)));
    if let (Some(price), Some((spend, most))) = (price, last) {
        page.text(say![
            "More money would still pay: one more unit of budget brings ",
            price.standing(standing),
            " at first, and less and less until nobody is left who is worth an offer, at a cost of ",
            spend,
            " and a net gain of ",
            most,
            ". Before spending more, measure what the offers do."
        ]);
    }
}

fn offer_row(offer: &Field, standing: Standing) -> Vec<Cell> {
    row![
        offer.quote("offer"),
        offer.number("customers", Unit::Count),
        offer.number("spend", Unit::Money),
        offer.number("net", Unit::Money).map(|net| net.standing(standing)),
        offer.number("rate", Unit::Share).map(|rate| rate.standing(standing)),
        offer.number("break_even_rate", Unit::Percent).map(Number::forecast),
        offer.quote("rate_source"),
    ]
}

fn measured(page: &mut Chapter, shelf: &Shelf<'_>) -> Result<()> {
    page.heading("What was measured");
    let mut items = Vec::new();
    let churn = shelf.record(Stage::Churn)?;
    items.push(match churn.find("quality/measured") {
        Some(quality) => {
            let models = quality.at("models").items();
            let mut said = say![
                "Who leaves within ",
                quality.need("horizon_days", Unit::Count)?,
                " days: of a leaver and a stayer "
            ];
            said.extend(say!["the model tells which is which in "]);
            said.extend(models.first().map(|m| estimate(m, "auc", Unit::Share)).unwrap_or_default());
            said.extend(say![" of cases"]);
            if let Some(baseline) = models.iter().find(|m| m.quote("model").is_some_and(|q| q.text == "recency")) {
                said.extend(say!["; the days since the last purchase alone do in "]);
                said.extend(estimate(baseline, "auc", Unit::Share));
            }
            said.extend(say![". Tested on "]);
            said.extend(window(&quality));
            said.extend(say![
                ", which the model had not seen, on ",
                quality.need("customers", Unit::Count)?.measured()
            ]);
            said.extend(say![" customers."]);
            said
        }
        None => unmeasured("Who leaves could not be tested: ", churn.quote("quality/missing")),
    });
    let value = shelf.record(Stage::Value)?;
    let plan = shelf.record(Stage::Allocate)?;
    let goes_by_kept = plan.quote("value_reading").is_some_and(|reading| reading.text == "clv_if_retained");
    let kept = value.at("if_retained").items();
    if let Some(kept) = kept.first().filter(|_| goes_by_kept) {
        let mut said = say![
            "What a kept customer spends, which the plan goes by: the total of those who bought was foretold with an error of "
        ];
        said.extend(estimate(kept, "portfolio_error", Unit::Change));
        said.extend(say![". Of those who did not buy nobody knows what they would have spent."]);
        items.push(said);
    }
    items.push(match value.find("quality/measured") {
        Some(quality) => {
            let models = quality.at("models").items();
            let (first, last) = (models.first(), models.last());
            let error = |m: Option<&Field>| m.map(|m| estimate(m, "portfolio_error", Unit::Change)).unwrap_or_default();
            let mut said = say![
                "What customers spend within ",
                quality.need("horizon_days", Unit::Count)?,
                " days: the total was foretold with an error of "
            ];
            said.extend(error(first));
            said.extend(say![", beside "]);
            said.extend(error(last));
            said.extend(say![" for the spend of the last window as it is. Tested on "]);
            said.extend(window(&quality));
            said.extend(say!["."]);
            said
        }
        None => unmeasured("What customers spend could not be tested: ", value.quote("quality/missing")),
    });
    page.items(items);
    Ok(())
}

fn unmeasured(words: &'static str, why: Option<Quote>) -> Vec<Piece> {
    match why {
        Some(why) => say![words, why, "."],
        None => say![words, "there is no test window."],
    }
}

fn assumed(page: &mut Chapter, plan: &Field) {
    page.heading("What is assumed");
    let mut items = quotes(plan.at("assumptions").items());
    if let Some(factor) = plan.number("rates_break_even", Unit::Percent) {
        items.push(say![
            "If every effect were only ",
            factor.assumed(),
            " of what it is taken to be, the plan would bring back just what it costs."
        ]);
    }
    let without = plan
        .at("winback")
        .items()
        .into_iter()
        .find(|point| point.number("winback", Unit::Share).is_some_and(|winback| winback.value <= 0.0));
    if let Some(net) = without.and_then(|point| point.number("unchanged", Unit::Money)) {
        items.push(say![
            "If an offer did nothing with those who have left already, the plan would bring ",
            net.assumed(),
            " beyond its cost."
        ]);
    }
    page.items(items);
}

/// What the stages warn of, checks that failed, and what no data can say.
fn doubts(shelf: &Shelf<'_>, plan: Option<&Field>) -> Result<Vec<Vec<Piece>>> {
    let mut items: Vec<Vec<Piece>> = shelf.warnings().into_iter().map(|warning| say![warning]).collect();
    let checks = shelf.record(Stage::Report)?.at("checks").items();
    for check in checks.iter().filter(|check| check.quote("verdict").is_some_and(|q| q.text == "failed")) {
        if let (Some(name), Some(sentence)) = (check.quote("name"), check.quote("sentence")) {
            items.push(say!["Not as expected: ", name, ": ", sentence, "."]);
        }
    }
    let checks = shelf.json(artifact::VALIDATION, Stage::Validate)?.at("statistics");
    let failed = |severity: &str| checks.number(severity, Unit::Count);
    if let (Some(errors), Some(warnings)) = (failed("failed_errors"), failed("failed_warnings"))
        && errors.value + warnings.value > 0.0
    {
        items.push(say![
            "Of the checks of the data ",
            errors,
            " failed as errors and ",
            warnings,
            " as warnings: see the chapter on the data."
        ]);
    }
    if let Some(stable) =
        plan.and_then(|plan| plan.find("doubt")).and_then(|doubt| doubt.number("stability_of_offers", Unit::Share))
    {
        items.push(say![
            "The plan as a whole is surer than its parts: a customer's offer is the same again in ",
            stable.forecast(),
            " of the draws. Take the list as a list, not as a verdict on each customer."
        ]);
    }
    let churn = shelf.record(Stage::Churn)?;
    let share = |path: &str| churn.number(path, Unit::Share);
    if let (Some(said), Some(left), Some(now)) =
        (share("quality/measured/mean_p_churn"), share("quality/measured/churn_rate"), share("mean_p_churn"))
    {
        items.push(say![
            "How many leave is less sure than who: in the test ",
            said.forecast(),
            " were expected to leave and ",
            left.measured(),
            " did; now, in another season, ",
            now.forecast(),
            " are expected to."
        ]);
    }
    items.extend(value_doubt(shelf)?);
    items.push(say![
        "The first of a plan are often unusual customers, whose values are the least sure: look at them by hand (",
        artifact::CUSTOMER_OUTLIERS,
        " says what is unusual in whom)."
    ]);
    items.push(say![
        "Gains count the margin that the settings name (offers.margin; all of the revenue unless one is named): at a lower one \
         they fall in proportion, and costs do not. Values are of the spend that the settings name, gross unless they say \
         otherwise: returns are not taken off."
    ]);
    if let Some(plan) = plan.filter(|plan| rates_standing(plan) == Standing::Assumed) {
        items.push(match plan.number("holdout", Unit::Count).filter(|held| held.value > 0.0) {
            Some(held) => say![
                "Nobody has measured what an offer changes in these customers. ",
                held,
                " of them are held out by chance: compare what they do with what the others do."
            ],
            None => say![
                "Nobody has measured what an offer changes in these customers, and this plan holds nobody out to compare \
                 with: the setting constraints.holdout_share keeps some out by chance."
            ],
        });
    }
    Ok(items)
}

/// A total that the test missed by far.
fn value_doubt(shelf: &Shelf<'_>) -> Result<Option<Vec<Piece>>> {
    let Some(quality) = shelf.record(Stage::Value)?.find("quality/measured") else { return Ok(None) };
    let models = quality.at("models").items();
    let error = models.first().and_then(|model| model.number("portfolio_error/value", Unit::Change));
    Ok(error.filter(|error| error.value.abs() > FAR_OFF).map(|error| {
        let mut said = say!["The test missed what all customers spent by ", error.measured(), " ("];
        said.extend(window(&quality));
        said.extend(say![
            "). Where the coming months are of another season than those, they may be missed by less or by more: take the \
             order of customers for surer than the sums."
        ]);
        said
    }))
}
