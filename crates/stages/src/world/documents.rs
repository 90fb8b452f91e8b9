//! The headers of everything the shop wrote before `as_of`, sorted by time: orders, returns, and the dirt between them.

use rand::RngExt;
use rayon::prelude::*;
use tenure_math::rng;

use super::World;
use super::clock::within_opening_hours;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// An order of a customer.
    Sale {
        /// Whether one of its lines came back before `as_of`.
        returned: bool,
    },
    /// The cancellation of a line of an order.
    Return,
    /// An order that names no customer.
    Guest,
    /// A test of the till.
    Test,
    /// A bookkeeping adjustment.
    Adjustment,
}

/// A document's header. The derived order is by time first and total: no two documents are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Document {
    /// Whole seconds since the start.
    pub(super) second: u32,
    pub(super) kind: Kind,
    /// The customer's index; for a guest, of the customer beside whose orders the guest was drawn.
    pub(super) customer: u32,
    /// The order's ordinal with the customer; a guest's, counted alike.
    pub(super) ordinal: u32,
}

/// All documents of `world` before its `as_of`, by time.
pub(super) fn draw(world: &World) -> Vec<Document> {
    let mut documents: Vec<Document> =
        world.indices().into_par_iter().flat_map_iter(|index| of_customer(world, index)).collect();
    documents.par_sort_unstable();
    documents
}

/// The documents that customer `index` gave rise to.
fn of_customer(world: &World, index: u32) -> Vec<Document> {
    let rates = &world.params.dirt;
    let mut dirt = rng::stream(world.params.seed, "world/dirt/document", u64::from(index));
    let mut documents = Vec::new();
    for order in world.orders(index, world.cut) {
        let mut push = |kind: Kind, at: f64| {
            let inside = at < world.cut;
            if inside {
                let second = (at * 86_400.0) as u32;
                documents.push(Document { second, kind, customer: index, ordinal: order.ordinal });
            }
            inside
        };
        let returned = order.returned_at.is_some_and(|at| push(Kind::Return, at));
        push(Kind::Sale { returned }, order.at);
        let [guest, test, adjustment] = [rates.missing_customer, rates.test_line, rates.negative_price]
            .map(|rate| (dirt.random::<f64>() < rate, dirt.random::<f64>()));
        if guest.0 {
            push(Kind::Guest, order.at.floor() + within_opening_hours(guest.1));
        }
        if test.0 {
            // Within the hour after the order, so that no customer's first line is a test.
            push(Kind::Test, order.at + test.1 / 24.0);
        }
        if adjustment.0 {
            push(Kind::Adjustment, order.at.floor() + within_opening_hours(adjustment.1));
        }
    }
    documents
}
