#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rand::Rng;
use rand_distr::{Distribution, Exp1};
use tenure_math::rng;

use super::*;

fn small(seed: u64) -> Params {
    Params { customers: 800, seed, ..Params::default() }
}

fn offers() -> Vec<OfferSpec> {
    [("light", 10.0, 0.2), ("standard", 25.0, 0.4), ("premium", 50.0, 0.6)]
        .map(|(name, contact_cost, rate)| OfferSpec {
            name: name.to_owned(),
            contact_cost,
            rate,
            rate_kind: RateKind::ShareOfChurners,
            margin: 1.0,
        })
        .into()
}

/// A line of `transactions.csv`.
struct Row {
    order_id: String,
    stock_code: String,
    quantity: i64,
    at: String,
    price: f64,
    customer: String,
    all: Vec<String>,
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader
        .records()
        .map(|record| {
            let all: Vec<String> = record.unwrap().iter().map(ToOwned::to_owned).collect();
            Row {
                order_id: all[0].clone(),
                stock_code: all[1].clone(),
                quantity: all[3].parse().unwrap(),
                at: all[4].clone(),
                price: all[5].parse().unwrap(),
                customer: all[6].clone(),
                all,
            }
        })
        .collect()
}

/// One future of a customer alive at the cut, by the definition of the process: (orders in 90 days, spend in 180).
fn simulate(world: &World, customer: &Customer, draw: &mut impl Rng) -> (usize, f64) {
    let life: f64 = Exp1.sample(draw);
    let leaves = world.cut + life / customer.latent.hazard;
    let (mut near, mut spend, mut at) = (0, 0.0, world.cut);
    while let Some(next) = purchases::next_order(&world.clock, &customer.latent, at, draw) {
        if next >= leaves.min(world.cut + 180.0) {
            break;
        }
        near += usize::from(next < world.cut + 90.0);
        spend += purchases::fill(&world.shop, &customer.taste, draw).value(&world.shop) as f64 / 100.0;
        at = next;
    }
    (near, spend)
}

/// How many standard errors the sum of `observed - expected` lies from zero.
fn z(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let gaps: Vec<f64> = pairs.map(|(observed, expected)| observed - expected).collect();
    gaps.iter().sum::<f64>() / gaps.iter().map(|g| g * g).sum::<f64>().sqrt()
}

#[test]
fn the_same_bytes_on_one_thread_and_on_two() {
    let made: Vec<(Vec<Vec<u8>>, Truth)> = [1, 2]
        .map(|threads| {
            let dir = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let world = generate(&small(7)).unwrap();
                let s = world.export(dir.path()).unwrap();
                let paths = [s.transactions, s.customers_table, s.truth, s.dirt, s.returns];
                let files = paths.map(|path| std::fs::read(path).unwrap());
                (files.into(), world.truth(&offers(), 90, 180).unwrap())
            })
        })
        .into();
    assert_eq!(made[0], made[1]);
    assert_ne!(generate(&small(8)).unwrap().documents, generate(&small(7)).unwrap().documents);
}

#[test]
fn a_longer_look_only_adds_to_a_life() {
    let world = generate(&small(1)).unwrap();
    for index in 0..800 {
        let (short, long) = (world.orders(index, world.cut), world.orders(index, world.cut + 365.0));
        assert_eq!(short, long[..short.len()]);
        assert!(long[short.len()..].iter().all(|order| order.at >= world.cut));
    }
}

#[test]
fn repeat_orders_are_poisson_around_their_integral() {
    let world = generate(&Params { customers: 4_000, ..Params::default() }).unwrap();
    let (mut gap, mut variance, mut dispersion, mut n) = (0.0, 0.0, 0.0, 0.0);
    for (index, customer) in world.acquired() {
        let k = customer.latent.seasonality;
        let end = customer.leaves.min(world.cut);
        let expected = customer.latent.rate * (world.clock.elapsed(end, k) - world.clock.elapsed(customer.acquired, k));
        let repeats = (world.orders(index, world.cut).len() - 1) as f64;
        gap += repeats - expected;
        variance += expected;
        if expected > 1.0 {
            dispersion += (repeats - expected).powi(2) / expected;
            n += 1.0;
        }
    }
    assert!(gap.abs() < 4.0 * variance.sqrt(), "{gap} {variance}");
    // The variance of a Poisson count over its mean is one; its own standard error here is at most sqrt(3 / n).
    assert!((dispersion / n - 1.0).abs() < 4.0 * (3.0_f64 / n).sqrt(), "{}", dispersion / n);
}

#[test]
fn churn_and_value_are_those_of_simulated_futures() {
    let world = generate(&small(5)).unwrap();
    let truth = world.truth(&[], 90, 180).unwrap();
    let sims = 400;
    let (mut churn, mut value, mut kept, mut paused) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, (index, customer)) in world.acquired().enumerate().filter(|(_, (_, c))| c.leaves > world.cut).take(300) {
        let mut draw = rng::stream(99, "test/future", u64::from(index));
        let futures: Vec<(usize, f64)> = (0..sims).map(|_| simulate(&world, customer, &mut draw)).collect();
        let silent = futures.iter().filter(|f| f.0 == 0).count() as f64;
        let p = truth.p_churn[row];
        let error = (p * (1.0 - p) * f64::from(sims)).sqrt();
        // 300 customers: five standard errors are exceeded by chance once in 6,000 runs; + 1 where almost nobody buys.
        assert!((silent - p * f64::from(sims)).abs() < 5.0 * error + 1.0, "{silent} {p}");
        churn.push((silent / f64::from(sims), p));
        value.push((futures.iter().map(|f| f.1).sum::<f64>() / f64::from(sims), truth.value[row]));
        for &(near, spend) in &futures {
            if near > 0 {
                kept.push((spend, truth.value_if_kept[row]));
            } else {
                paused.push((spend, truth.value_if_churned[row]));
            }
        }
    }
    assert_eq!(churn.len(), 300);
    for (name, pairs) in [("churn", churn), ("value", value), ("kept", kept), ("churned", paused)] {
        let z = z(pairs.into_iter());
        assert!(z.abs() < 4.0, "{name}: {z} standard errors");
    }
}

#[test]
fn the_realised_future_agrees_with_both_kinds_of_knowledge() {
    for shop in [ShopKind::Gifts, ShopKind::Grocery, ShopKind::Rare] {
        let world = generate(&Params { customers: 4_000, shop, ..Params::default() }).unwrap();
        let t = world.truth(&[], 90, 180).unwrap();
        let churned: Vec<f64> = t.realised_churned.iter().map(|&c| f64::from(u8::from(c))).collect();
        let alive: Vec<f64> = t.alive.iter().map(|&a| f64::from(u8::from(a))).collect();
        let against = |seen: &[f64], expected: &[f64]| z(seen.iter().copied().zip(expected.iter().copied()));
        for (name, z) in [
            ("p_churn", against(&churned, &t.p_churn)),
            ("p_churn_observed", against(&churned, &t.p_churn_observed)),
            ("p_alive_observed", against(&alive, &t.p_alive_observed)),
            ("value", against(&t.realised_spend, &t.value)),
            ("value_observed", against(&t.realised_spend, &t.value_observed)),
        ] {
            assert!(z.abs() < 4.0, "{shop:?} {name}: {z} standard errors");
        }
        // Calibrated in the parts, too: those the observer thinks nearly lost, and those he is unsure of.
        for (low, high) in [(0.0, 0.4), (0.4, 0.8), (0.8, 1.0)] {
            let part: Vec<usize> =
                (0..churned.len()).filter(|&i| (low..high).contains(&t.p_churn_observed[i])).collect();
            assert!(part.len() > 100, "{shop:?} {low}: {}", part.len());
            let z = z(part.iter().map(|&i| (churned[i], t.p_churn_observed[i])));
            assert!(z.abs() < 4.0, "{shop:?} {low}: {z}");
        }
    }
}

#[test]
fn a_baskets_mean_is_the_expected_value() {
    for shop in [ShopKind::Gifts, ShopKind::Grocery, ShopKind::Rare] {
        let world = generate(&Params { customers: 40, shop, ..Params::default() }).unwrap();
        for customer in &world.customers {
            let mut draw = rng::stream(3, "test/basket", 0);
            let expected = purchases::expected_value(&world.shop, &customer.taste);
            let values = (0..4_000).map(|_| {
                let basket = purchases::fill(&world.shop, &customer.taste, &mut draw);
                assert!((1..=10).contains(&basket.lines.len()));
                basket.value(&world.shop) as f64 / 100.0
            });
            let z = z(values.map(|v| (v, expected)));
            assert!(z.abs() < 4.5, "{shop:?}: {z}");
        }
    }
}

#[test]
fn the_export_keeps_what_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    let params = Params { customers: 2_000, ..Params::default() };
    let world = generate(&params).unwrap();
    let summary = world.export(dir.path()).unwrap();
    let rows = rows(&summary.transactions);
    assert_eq!(rows.len() as u64, summary.lines);
    let row = |line_no: u64| &rows[line_no as usize - 2];

    let as_of = world.as_of().to_string();
    assert!(rows.iter().all(|r| r.at < as_of));
    assert!(rows.windows(2).all(|pair| pair[0].at <= pair[1].at));

    let truth = world.truth(&[], 90, 180).unwrap();
    let known: HashSet<&str> = truth.customer_id.iter().map(String::as_str).collect();
    let exported: HashSet<&str> = rows.iter().map(|r| r.customer.as_str()).filter(|c| !c.is_empty()).collect();
    assert_eq!(known, exported);
    assert_eq!(summary.customers, known.len());

    // Every defect is where the log says, and there are no others.
    let empty = |kind| summary.count(kind);
    assert_eq!(rows.iter().filter(|r| r.customer.is_empty()).count(), empty(DefectKind::MissingCustomer));
    assert_eq!(rows.iter().filter(|r| r.price == 0.0).count(), empty(DefectKind::ZeroPrice));
    assert_eq!(rows.iter().filter(|r| r.price < 0.0).count(), empty(DefectKind::NegativePrice));
    assert_eq!(rows.iter().filter(|r| r.stock_code.starts_with("TEST")).count(), empty(DefectKind::TestLine));
    let distinct: HashSet<&Vec<String>> = rows.iter().map(|r| &r.all).collect();
    assert_eq!(rows.len() - distinct.len(), empty(DefectKind::DuplicateLine));
    assert!(DefectKind::ALL.iter().all(|&kind| summary.count(kind) > 0));
    let mut logged = 0;
    for defect in csv::Reader::from_path(&summary.dirt).unwrap().records() {
        let defect = defect.unwrap();
        let line = row(defect[1].parse().unwrap());
        assert_eq!(line.order_id, defect[2]);
        assert!(match &defect[0] {
            "duplicate_line" => line.all == row(defect[3].parse().unwrap()).all,
            "missing_customer" => line.customer.is_empty(),
            "zero_price" => line.price == 0.0,
            "negative_price" => line.price < 0.0,
            _ => line.stock_code.starts_with("TEST"),
        });
        logged += 1;
    }
    assert_eq!(logged, summary.defects.values().sum::<u64>());

    // Every cancellation links to the earlier sale of the same product to the same customer, at most as many.
    let mut links = csv::Reader::from_path(&summary.returns).unwrap();
    let mut linked = 0;
    for record in links.records() {
        let record = record.unwrap();
        let (back, sale) = (row(record[0].parse().unwrap()), row(record[1].parse().unwrap()));
        assert!(back.order_id.starts_with('C') && back.quantity < 0 && sale.quantity >= -back.quantity);
        assert_eq!((&back.customer, &back.stock_code, back.price), (&sale.customer, &sale.stock_code, sale.price));
        assert!(sale.at < back.at);
        linked += 1;
    }
    assert_eq!(linked, rows.iter().filter(|r| r.quantity < 0).count());
    assert_eq!(linked as u64, summary.returned_lines);

    // An order id belongs to one customer and one instant.
    let mut orders: HashMap<&str, (&str, &str)> = HashMap::new();
    for r in &rows {
        assert_eq!(*orders.entry(&r.order_id).or_insert((&r.customer, &r.at)), (r.customer.as_str(), r.at.as_str()));
    }
    assert_eq!(orders.len(), summary.documents);
}

#[test]
fn without_dirt_the_same_sales_remain() {
    let spend = |dirt: DirtRates| {
        let dir = tempfile::tempdir().unwrap();
        let summary = generate(&Params { dirt, ..small(2) }).unwrap().export(dir.path()).unwrap();
        let log = csv::Reader::from_path(&summary.dirt).unwrap().into_records();
        let dirty: HashSet<u64> = log.map(|defect| defect.unwrap()[1].parse().unwrap()).collect();
        let sums = rows(&summary.transactions).iter().zip(2..).filter(|(_, line)| !dirty.contains(line)).fold(
            HashMap::<String, i64>::new(),
            |mut sums, (r, _)| {
                *sums.entry(r.customer.clone()).or_default() += r.quantity * (r.price * 100.0).round() as i64;
                sums
            },
        );
        (sums, dirty.len())
    };
    let (clean, dirty) = (spend(DirtRates::NONE), spend(DirtRates::default()));
    assert_eq!(clean.0, dirty.0);
    assert!(clean.1 == 0 && dirty.1 > 0);
}

#[test]
fn gifts_sell_before_christmas() {
    let world = generate(&Params { customers: 3_000, ..Params::default() }).unwrap();
    let mut by_month: HashMap<(i64, u32), usize> = HashMap::new();
    for document in world.documents.iter().filter(|d| matches!(d.kind, documents::Kind::Sale { .. })) {
        let (year, month, _) = world.params.start.plus_days(i64::from(document.second / 86_400)).civil();
        *by_month.entry((year, month)).or_default() += 1;
    }
    let mean = |months: &[(i64, u32)]| months.iter().map(|m| by_month[m]).sum::<usize>() as f64 / months.len() as f64;
    let (peak, before) = (mean(&[(2023, 11)]), mean(&[(2023, 7), (2023, 8), (2023, 9)]));
    let after = mean(&[(2024, 1), (2024, 2)]);
    assert!(peak > 1.4 * before && peak > 1.4 * after, "{before} {peak} {after}");
}

#[test]
fn gains_are_what_was_defined() {
    let world = generate(&Params { customers: 6_000, ..Params::default() }).unwrap();
    let t = world.truth(&offers(), 90, 180).unwrap();
    // The observer's gains are the mean of the true ones given what he sees, so the sums agree.
    for offer in 0..3 {
        let z = z(t.gains[offer].iter().copied().zip(t.gains_observed[offer].iter().copied()));
        assert!(z.abs() < 4.0, "{offer}: {z}");
    }
    for i in 0..t.customer_id.len() {
        let mixed = (1.0 - t.p_churn[i]) * t.value_if_kept[i] + t.p_churn[i] * t.value_if_churned[i];
        assert!((mixed - t.value[i]).abs() < 1e-9 * (1.0 + t.value_if_kept[i]));
        if matches!(t.response[i], Response::SureThing | Response::LostCause) {
            assert_eq!([t.gains[0][i], t.gains[1][i], t.gains[2][i]], [-10.0, -25.0, -50.0]);
        }
        if t.response[i] == Response::SleepingDog {
            assert!(t.gains[1][i] <= -25.0);
        }
    }
    let everybody = plan_value(&t, &vec![Some(1); t.customer_id.len()]).unwrap();
    assert!((everybody - t.gains[1].iter().sum::<f64>()).abs() < 1e-6);
    assert_eq!(plan_value(&t, &vec![None; t.customer_id.len()]).unwrap(), 0.0);
    assert!(plan_value(&t, &[None]).is_err());
    assert!(plan_value(&t, &vec![Some(3); t.customer_id.len()]).is_err());

    let world = generate(&Params { persuasion: Persuasion::as_assumed(1.0), ..small(1) }).unwrap();
    let t = world.truth(&offers(), 90, 180).unwrap();
    for i in 0..t.customer_id.len() {
        let expected = t.p_churn[i] * 0.4 * (t.value_if_kept[i] - t.value_if_churned[i]) - 25.0;
        assert!((t.gains[1][i] - expected).abs() < 1e-9 * (1.0 + expected.abs()));
    }
}

#[test]
fn a_world_in_parts_is_the_same_world() {
    let params = Params { campaigns: Campaigns::USUAL, ..small(3) };
    let whole = generate(&params).unwrap();
    let parts = [0..300, 300..301, 301..800].map(|indices| World::part(&params, indices).unwrap());
    let mut documents: Vec<Document> = parts.iter().flat_map(|part| part.documents.clone()).collect();
    documents.sort_unstable();
    assert_eq!(documents, whole.documents);
    let truth = |world: &World| world.truth(&[], 90, 180).unwrap();
    let values: Vec<f64> = parts.iter().flat_map(|part| truth(part).value).collect();
    assert_eq!(values, truth(&whole).value);
}

#[test]
fn parquet_holds_what_the_csv_holds() {
    let params = Params { campaigns: Campaigns::USUAL, ..small(3) };
    let dir = tempfile::tempdir().unwrap();
    let text = export(&params, Form::Csv, &dir.path().join("csv")).unwrap();
    let binary = export(&params, Form::Parquet, &dir.path().join("parquet")).unwrap();
    assert_eq!((text.lines, text.documents, &text.defects), (binary.lines, binary.documents, &binary.defects));
    let engine = tenure_tables::engine::Engine::open(&Default::default()).unwrap();
    for (name, a, b) in [
        ("transactions", &text.transactions, &binary.transactions),
        ("customers", &text.customers_table, &binary.customers_table),
        ("contacts", text.contacts.as_ref().unwrap(), binary.contacts.as_ref().unwrap()),
        ("truth", &text.truth, &binary.truth),
        ("dirt", &text.dirt, &binary.dirt),
        ("returns", &text.returns, &binary.returns),
    ] {
        let (csv, parquet) = (format!("{name}_csv"), format!("{name}_parquet"));
        engine.register_csv(&csv, a).unwrap();
        engine.register(&parquet, b).unwrap();
        let [a, b] = [csv, parquet].map(|table| engine.select(&format!("select * from {table}"), &[]).unwrap());
        assert!(a.n_rows() > 10, "{name}");
        assert_eq!((a.names(), a.n_rows()), (b.names(), b.n_rows()), "{name}");
    }
    let sum = |table: &str| {
        let sql = format!("select cast(round(sum(\"Quantity\" * \"Price\") * 100) as bigint) as n from {table}");
        engine.select(&sql, &[]).unwrap().one_i64("n").unwrap()
    };
    assert_eq!(sum("transactions_csv"), sum("transactions_parquet"));
}

/// Randomised contacts change what they should, by as much as they should: the arms differ in who orders in the window
/// after them as the definition of an offer's effect says.
#[test]
fn a_randomised_offer_moves_as_many_as_it_should() {
    // One campaign, as late as it can be.
    let campaigns = Campaigns { from_month: 17, randomised: 1.0, targeted: 0.0 };
    let persuasion = Persuasion::as_assumed(0.5);
    let params = Params { customers: 3_000, months: 20, campaigns, persuasion, ..Params::default() };
    let world = generate(&params).unwrap();
    assert_eq!(world.campaigns.len(), 1);
    let offers = &world.offers;
    let days = f64::from(params.churn_days);
    // By arm: contacts, orders in the window, and how many of these the offer should have added.
    let mut arms = vec![(0.0, 0.0, 0.0); offers.len() + 1];
    let first = world.campaigns[0];
    for (index, customer) in world.acquired() {
        let life = world.life(index, first + days);
        let Some(contact) = life.contacts.iter().find(|contact| contact.at == first) else { continue };
        let arm = contact.offer.map_or(0, |offer| offer + 1);
        let silent_world =
            World::part(&Params { campaigns: Campaigns::NONE, ..params.clone() }, index..index + 1).unwrap();
        let alone = silent_world.life(index, first + days);
        let would_order = alone.orders.iter().any(|order| order.at >= first);
        let alive = customer.leaves > first;
        // In a world as assumed the share `rate` of the silent is kept, `winback` of that where they had left.
        let kept = if would_order {
            0.0
        } else {
            contact.offer.map_or(0.0, |k| offers[k].rate * if alive { 1.0 } else { 0.5 })
        };
        arms[arm].0 += 1.0;
        arms[arm].1 += f64::from(u8::from(life.orders.iter().any(|o| o.at >= first) && !would_order));
        arms[arm].2 += kept;
    }
    assert_eq!(arms[0].1, 0.0, "no offer changes nothing");
    for (k, (n, moved, expected)) in arms.iter().enumerate().skip(1) {
        assert!(*n > 200.0, "{k}: {n}");
        assert!((moved - expected).abs() < 4.0 * expected.sqrt(), "{k}: {moved} moved, {expected} expected");
    }
}

/// Whatever a contact changes lies before `as_of`, so that the truth after it is the same as without contacts.
#[test]
fn the_truth_holds_after_contacts() {
    let params = Params { customers: 5_000, campaigns: Campaigns::USUAL, ..Params::default() };
    let t = generate(&params).unwrap().truth(&[], 90, 180).unwrap();
    let churned = t.realised_churned.iter().map(|&c| f64::from(u8::from(c)));
    let z = z(churned.zip(t.p_churn.iter().copied()));
    assert!(z.abs() < 4.0, "{z}");
}

#[test]
fn in_a_world_of_equals_nobody_leaves_and_no_offer_moves_anybody() {
    let world = generate(&Params { alike: true, ..small(1) }).unwrap();
    let t = world.truth(&offers(), 90, 180).unwrap();
    assert!(t.alive.iter().all(|alive| *alive));
    assert!(t.p_churn.iter().all(|p| (p - t.p_churn[0]).abs() < 1e-9));
    assert!(t.value.iter().all(|v| (v / t.value[0] - 1.0).abs() < 1e-9));
    assert!(t.gains[2].iter().all(|gain| *gain == -50.0));
}

#[test]
fn who_has_left_visits_less() {
    let world = generate(&Params { customers: 2_000, ..Params::default() }).unwrap();
    let (mut stays, mut left) = ((0.0, 0.0), (0.0, 0.0));
    for (index, customer) in world.acquired() {
        for month in world.engagement(index, customer.leaves) {
            let side = if customer.leaves < f64::from(month.known) - 31.0 { &mut left } else { &mut stays };
            side.0 += month.visits as f64;
            side.1 += 1.0;
        }
    }
    assert!(left.1 > 500.0 && stays.0 / stays.1 > 5.0 * left.0 / left.1, "{stays:?} {left:?}");
}

#[test]
fn a_cut_before_the_end_hides_those_who_come_later() {
    let as_of = Some(Date::new(2023, 9, 1).unwrap());
    let world = generate(&Params { as_of, ..small(1) }).unwrap();
    assert!(world.n_acquired() < 600 && world.n_acquired() > 200);
    let whole = generate(&small(1)).unwrap();
    // The cut does not change the past.
    let seen: Vec<Document> =
        whole.documents.iter().copied().filter(|d| f64::from(d.second) < world.cut * 86_400.0).collect();
    assert_eq!(seen.len(), world.documents.len());
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let ok = Params::default();
    ok.check().unwrap();
    let dogs = Persuasion { sleeping_dogs: 0.95, ..Persuasion::default() };
    for params in [
        Params { customers: 0, ..ok.clone() },
        Params { months: 0, ..ok.clone() },
        Params { as_of: Some(ok.start), ..ok.clone() },
        Params { churn_days: 0, ..ok.clone() },
        Params { value_days: 731, ..ok.clone() },
        Params { dirt: DirtRates { zero_price: f64::NAN, ..DirtRates::NONE }, ..ok.clone() },
        Params { persuasion: dogs, ..ok.clone() },
    ] {
        assert!(matches!(generate(&params), Err(WorldError::Parameter { .. })));
    }
    let world = generate(&small(1)).unwrap();
    assert!(world.truth(&[], 0, 180).is_err());
    let mut bad = offers();
    bad[0].rate = 1.5;
    assert!(world.truth(&bad, 90, 180).is_err());
    let text = serde_json::to_string(&ok).unwrap();
    assert_eq!(serde_json::from_str::<Params>(&text).unwrap(), ok);
}
