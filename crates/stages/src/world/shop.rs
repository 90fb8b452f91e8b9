//! What a shop sells and to whom: the constants of each kind of shop, and its catalogue.

use rand::RngExt;
use rand_distr::{Distribution, LogNormal};
use serde::{Deserialize, Serialize};
use tenure_math::rng;

use super::clock::Season;

/// Categories of every shop.
pub(super) const N_CATEGORIES: usize = 10;
/// Products in a category.
pub(super) const PER_CATEGORY: usize = 30;

/// The kind of shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShopKind {
    /// Gift-ware sold much to resellers: a few orders a year, a strong Christmas.
    #[default]
    Gifts,
    /// Groceries: an order every week or two, small baskets, hardly a season.
    Grocery,
    /// Rare large purchases: less than one order a year from most.
    Rare,
}

/// An acquisition channel and what it says about those who came by it.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: &'static str,
    /// Share of the customers.
    pub(super) share: f64,
    /// Factor of the rate of orders.
    pub(super) rate: f64,
    /// Factor of the hazard of drop-out.
    pub(super) hazard: f64,
    /// How far the response to offers leans up or down (-1 to 1); the mean over `share` is zero.
    pub(super) lean: f64,
}

/// The channels of every shop.
pub(super) const CHANNELS: [Channel; 5] = [
    Channel { name: "paid_search", share: 0.25, rate: 1.0, hazard: 1.1, lean: 0.4 },
    Channel { name: "paid_social", share: 0.20, rate: 0.8, hazard: 1.5, lean: 0.6 },
    Channel { name: "organic", share: 0.30, rate: 1.1, hazard: 0.8, lean: -0.4 },
    Channel { name: "affiliate", share: 0.10, rate: 0.7, hazard: 1.6, lean: 0.2 },
    Channel { name: "direct", share: 0.15, rate: 1.3, hazard: 0.6, lean: -0.8 },
];

/// A country the shop sells to.
#[derive(Debug)]
pub(super) struct Country {
    pub(super) name: &'static str,
    /// Share of the customers.
    pub(super) share: f64,
    /// Factor of the rate of orders.
    pub(super) rate: f64,
    /// Factor of the hazard of drop-out.
    pub(super) hazard: f64,
    /// Factor of what is spent on a line.
    pub(super) budget: f64,
    /// Probability that an order bears postage.
    pub(super) postage: f64,
    /// Postage in pence.
    pub(super) fee: i64,
}

/// The countries of every shop.
pub(super) const COUNTRIES: [Country; 8] = [
    Country { name: "United Kingdom", share: 0.80, rate: 1.0, hazard: 1.0, budget: 1.0, postage: 0.04, fee: 495 },
    Country { name: "Germany", share: 0.05, rate: 1.2, hazard: 0.9, budget: 1.1, postage: 0.6, fee: 1800 },
    Country { name: "France", share: 0.05, rate: 1.1, hazard: 0.9, budget: 1.1, postage: 0.6, fee: 1800 },
    Country { name: "EIRE", share: 0.03, rate: 1.3, hazard: 0.8, budget: 1.4, postage: 0.4, fee: 1500 },
    Country { name: "Netherlands", share: 0.02, rate: 1.0, hazard: 1.0, budget: 1.8, postage: 0.5, fee: 1500 },
    Country { name: "Spain", share: 0.02, rate: 0.8, hazard: 1.2, budget: 1.0, postage: 0.6, fee: 2800 },
    Country { name: "Belgium", share: 0.02, rate: 0.9, hazard: 1.0, budget: 0.9, postage: 0.6, fee: 1800 },
    Country { name: "Sweden", share: 0.01, rate: 0.8, hazard: 1.3, budget: 1.5, postage: 0.5, fee: 4000 },
];

/// The index drawn from weights `share` (summing to one) by a uniform `u`.
pub(super) fn pick(shares: impl Iterator<Item = f64>, u: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (i, share) in shares.enumerate() {
        sum += share;
        last = i;
        if u < sum {
            return i;
        }
    }
    last
}

/// A product.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) stock_code: String,
    pub(super) description: String,
    /// Price in pence.
    pub(super) price: i64,
}

/// The constants of a shop and its catalogue; rates are per day, money in pounds unless it says pence.
#[derive(Debug)]
pub(super) struct Shop {
    /// Mean and gamma shape of the rate of orders.
    pub(super) rate: (f64, f64),
    /// Mean and gamma shape of the hazard of drop-out.
    pub(super) hazard: (f64, f64),
    /// Exponent by which frequent customers stay longer.
    pub(super) loyalty: f64,
    /// Beta parameters of a customer's seasonality.
    pub(super) seasonality: (f64, f64),
    pub(super) season: Season,
    /// Median and log-sd of what a customer likes to spend on a line.
    pub(super) budget: (f64, f64),
    /// Log-sd of an order's size around its customer's mean.
    pub(super) order_sigma: f64,
    /// Beta parameters of a basket's fullness: picks are 1 + Binomial(9, fullness).
    pub(super) fullness: (f64, f64),
    /// Mean probability that an order is followed by a return.
    pub(super) returns: f64,
    /// Growth of the acquisition per 30 days.
    pub(super) growth: f64,
    /// How many times as many customers as usual are new on the first day, those known before the data begin; the excess
    /// fades with a mean of 12 days.
    pub(super) opening: f64,
    pub(super) categories: [&'static str; N_CATEGORIES],
    /// Mean weights of a customer's affinity to the categories.
    pub(super) category_weights: [f64; N_CATEGORIES],
    /// All products, by category.
    pub(super) products: Vec<Product>,
    /// Cumulative popularity of the products of each category.
    pub(super) popularity: Vec<f64>,
}

impl Shop {
    /// The shop of `kind`, with prices drawn under `seed`.
    pub(super) fn new(kind: ShopKind, seed: u64) -> Self {
        let terms = terms(kind);
        let mut shop = Self {
            rate: terms.rate,
            hazard: terms.hazard,
            loyalty: 0.25,
            seasonality: terms.seasonality,
            season: Season { week: terms.week, humps: terms.humps },
            budget: terms.budget,
            order_sigma: 0.5,
            fullness: terms.fullness,
            returns: terms.returns,
            growth: 0.01,
            opening: 3.5,
            categories: [""; N_CATEGORIES],
            category_weights: [1.6, 1.4, 1.2, 1.0, 1.0, 0.9, 0.8, 0.8, 0.7, 0.6],
            products: Vec::with_capacity(N_CATEGORIES * PER_CATEGORY),
            popularity: Vec::with_capacity(PER_CATEGORY),
        };
        let mut sum = 0.0;
        for rank in 1..=PER_CATEGORY {
            sum += (rank as f64).powf(-0.8);
            shop.popularity.push(sum);
        }
        shop.popularity.iter_mut().for_each(|p| *p /= sum);
        let mut draw = rng::stream(seed, "world/catalogue", 0);
        for (category, (name, nouns)) in terms.range.iter().enumerate() {
            shop.categories[category] = name;
            for item in 0..PER_CATEGORY {
                let spread = LogNormal::new(0.0_f64, terms.price.1).map_or(1.0, |d| d.sample(&mut draw));
                let pounds = (terms.price.0 * spread).clamp(terms.price.0 / 8.0, terms.price.0 * 12.0);
                // Shops end their prices on a five or a nine.
                let ending = if draw.random::<f64>() < 0.7 { 5 } else { 9 };
                let number = category * PER_CATEGORY + item;
                shop.products.push(Product {
                    stock_code: format!("{}{}", 20_001 + 17 * number, ["", "A", "B"][number % 23 % 3]),
                    description: format!("{} {}", terms.styles[item / 3], nouns[item % 3]),
                    price: (pounds * 10.0).floor() as i64 * 10 + ending,
                });
            }
        }
        shop
    }

    /// The category's name of product `product`.
    pub(super) fn category_of(&self, product: usize) -> &'static str {
        self.categories[product / PER_CATEGORY]
    }

    /// The share of product `item` within its category.
    pub(super) fn share(&self, item: usize) -> f64 {
        self.popularity[item] - if item == 0 { 0.0 } else { self.popularity[item - 1] }
    }
}

/// What differs between the kinds of shop.
struct Terms {
    rate: (f64, f64),
    hazard: (f64, f64),
    seasonality: (f64, f64),
    week: [f64; 7],
    humps: &'static [(f64, f64, f64)],
    budget: (f64, f64),
    fullness: (f64, f64),
    returns: f64,
    /// Median and log-sd of prices.
    price: (f64, f64),
    styles: [&'static str; 10],
    range: [(&'static str, [&'static str; 3]); N_CATEGORIES],
}

fn terms(kind: ShopKind) -> Terms {
    match kind {
        ShopKind::Gifts => Terms {
            rate: (0.0165, 1.1),
            hazard: (1.0 / 650.0, 0.8),
            seasonality: (1.2, 1.8),
            week: [1.1, 1.1, 1.1, 1.2, 1.0, 0.6, 0.9],
            // Resellers order for Christmas from October on; January is quiet.
            humps: &[(327.0, 24.0, 3.0), (5.0, 14.0, -0.6)],
            budget: (42.0, 0.8),
            fullness: (1.8, 1.8),
            returns: 0.07,
            price: (3.2, 0.8),
            styles: ["RED", "WHITE", "VINTAGE", "PINK", "SET OF 6", "RETROSPOT", "WOODEN", "IVORY", "SMALL", "GREEN"],
            range: [
                ("Home Decor", ["T-LIGHT HOLDER", "PHOTO FRAME", "WALL CLOCK"]),
                ("Kitchen", ["CAKE STAND", "TEA TOWEL", "SPICE JARS"]),
                ("Bags", ["JUMBO BAG", "LUNCH BAG", "SHOPPER"]),
                ("Stationery", ["NOTEBOOK", "GIFT WRAP", "RULER"]),
                ("Party", ["BUNTING", "PAPER CUPS", "BALLOONS"]),
                ("Garden", ["PLANT POT", "WATERING CAN", "BIRD FEEDER"]),
                ("Candles", ["SCENTED CANDLE", "LANTERN", "CANDLE PLATE"]),
                ("Toys", ["DOLLY", "SPACEBOY PUZZLE", "SKITTLES"]),
                ("Christmas", ["BAUBLE, GLASS", "WREATH", "STOCKING"]),
                ("Jewellery", ["NECKLACE", "BRACELET", "HAIR CLIP"]),
            ],
        },
        ShopKind::Grocery => Terms {
            rate: (0.10, 1.4),
            hazard: (1.0 / 500.0, 0.9),
            seasonality: (1.0, 6.0),
            week: [0.9, 0.8, 0.8, 1.0, 1.3, 1.4, 0.8],
            humps: &[(355.0, 10.0, 1.5)],
            budget: (4.5, 0.4),
            fullness: (4.0, 2.0),
            returns: 0.01,
            price: (2.4, 0.5),
            styles: ["ORGANIC", "FRESH", "FARM", "LARGE", "VALUE", "SMOKED", "MIXED", "LIGHT", "CLASSIC", "LOCAL"],
            range: [
                ("Vegetables", ["CARROTS", "TOMATOES", "SALAD"]),
                ("Dairy", ["MILK", "BUTTER", "CHEDDAR"]),
                ("Bakery", ["LOAF", "ROLLS", "CROISSANTS"]),
                ("Fruit", ["APPLES", "BERRIES", "GRAPES"]),
                ("Drinks", ["JUICE", "COFFEE", "TEA"]),
                ("Meat", ["CHICKEN", "SAUSAGES", "HAM"]),
                ("Pantry", ["PASTA", "RICE", "BEANS"]),
                ("Frozen", ["PIZZA", "PEAS", "ICE CREAM"]),
                ("Household", ["SOAP", "PAPER TOWELS", "FOIL"]),
                ("Snacks", ["CRISPS", "NUTS", "BISCUITS"]),
            ],
        },
        ShopKind::Rare => Terms {
            rate: (0.004, 1.2),
            hazard: (1.0 / 700.0, 0.9),
            seasonality: (1.2, 2.5),
            week: [0.9, 0.9, 0.9, 0.9, 1.0, 1.3, 1.1],
            humps: &[(330.0, 12.0, 2.0), (182.0, 15.0, 0.8)],
            budget: (260.0, 0.6),
            fullness: (1.0, 7.0),
            returns: 0.08,
            price: (190.0, 0.8),
            styles: ["OAK", "WALNUT", "STEEL", "GLASS", "COMPACT", "LARGE", "CLASSIC", "MODERN", "WHITE", "BLACK"],
            range: [
                ("Sofas", ["SOFA", "ARMCHAIR", "FOOTSTOOL"]),
                ("Tables", ["DINING TABLE", "DESK", "SIDE TABLE"]),
                ("Beds", ["BED FRAME", "MATTRESS", "HEADBOARD"]),
                ("Storage", ["WARDROBE", "BOOKCASE", "CHEST"]),
                ("Lighting", ["FLOOR LAMP", "PENDANT", "TABLE LAMP"]),
                ("Kitchen", ["OVEN", "FRIDGE", "DISHWASHER"]),
                ("Screens", ["TELEVISION", "MONITOR", "PROJECTOR"]),
                ("Sound", ["SPEAKER", "TURNTABLE", "AMPLIFIER"]),
                ("Outdoor", ["BENCH", "PARASOL", "GRILL"]),
                ("Rugs", ["RUG", "RUNNER", "DOORMAT"]),
            ],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_and_the_lean_is_even() {
        assert!((CHANNELS.iter().map(|c| c.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((COUNTRIES.iter().map(|c| c.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(CHANNELS.iter().map(|c| c.share * c.lean).sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn every_catalogue_has_three_hundred_distinct_products() {
        for kind in [ShopKind::Gifts, ShopKind::Grocery, ShopKind::Rare] {
            let shop = Shop::new(kind, 1);
            let mut codes: Vec<&str> = shop.products.iter().map(|p| p.stock_code.as_str()).collect();
            let mut names: Vec<&str> = shop.products.iter().map(|p| p.description.as_str()).collect();
            codes.sort_unstable();
            codes.dedup();
            names.sort_unstable();
            names.dedup();
            assert_eq!((codes.len(), names.len()), (300, 300));
            assert!(shop.products.iter().all(|p| p.price > 0));
        }
    }
}
