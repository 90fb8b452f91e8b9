//! The files a shop would hand over, and apart from them what it does not know.
//!
//! - `transactions`: one row per line, only before `as_of`; Online Retail II's header with `Channel` and `Category` added.
//!   A cancelled line has a negative quantity on an order id that begins with `C`.
//! - `customers`: channel, region, and month by month visits, product events and tickets (see `engagement`).
//! - `contacts`: who was offered what, and whether chance decided (see `campaign`); only where there are campaigns.
//! - `returns`: for each cancelled line the line of the sale it cancels.
//! - `dirt`: every planted defect.
//! - `truth`: the truth per customer over the horizons of `Params`, with the expected spend under each offer of the
//!   retention table.
//!
//! Line numbers count from 2, as in a CSV whose line 1 is the header. The world is made part by part, each sorted by time
//! (up to 100,000 customers it is one part); documents of a part are rendered in blocks, in parallel, and written in
//! order. Memory holds one part's documents, a few blocks of lines, and the sales whose return is still to come.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rayon::prelude::*;
use tenure_math::rng;

use super::dirt::{Defect, DefectKind};
use super::documents::{Document, Kind};
use super::population;
use super::purchases::{self, key};
use super::sheet::{self, Form, Sheet, Values};
use super::shop::{CHANNELS, COUNTRIES};
use super::truth::TRUTH;
use super::{Params, Result, World, WorldError, customer_id};

/// Customers of a part.
const PART: u32 = 100_000;
/// Documents rendered as one task.
const BLOCK: usize = 2_048;
/// Blocks in flight.
const BLOCKS: usize = 32;
/// The first document's number.
const FIRST_NUMBER: usize = 500_000;

const TRANSACTIONS: [&str; 10] = [
    "Invoice",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "Price",
    "Customer ID",
    "Country",
    "Channel",
    "Category",
];
const CUSTOMERS: [&str; 7] =
    ["customer_id", "valid_from", "channel", "region", "visits", "product_events", "support_tickets"];
const CONTACTS: [&str; 4] = ["customer_id", "offered_at", "offer", "assigned_by"];
const RETURNS: [&str; 2] = ["line_no", "sale_line_no"];
const DIRT: [&str; 4] = ["kind", "line_no", "order_id", "original_line_no"];

/// The tables of an export.
const TABLES: [&str; 6] = ["transactions", "customers", "contacts", "returns", "dirt", "truth"];

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSummary {
    /// The shop's export.
    pub transactions: PathBuf,
    /// What the shop knows of its customers.
    pub customers_table: PathBuf,
    /// Who was offered what, where anybody was.
    pub contacts: Option<PathBuf>,
    /// The truth per customer.
    pub truth: PathBuf,
    /// The log of planted defects.
    pub dirt: PathBuf,
    /// The link of each cancelled line to its sale.
    pub returns: PathBuf,
    /// Customers with at least one order, all of them in the truth.
    pub customers: usize,
    /// Orders, cancellations and other documents.
    pub documents: usize,
    /// Rows of `transactions`.
    pub lines: u64,
    /// Cancelled lines.
    pub returned_lines: u64,
    /// Planted defects, by kind.
    pub defects: BTreeMap<DefectKind, u64>,
}

impl ExportSummary {
    /// The number of planted defects of `kind`.
    #[must_use]
    pub fn count(&self, kind: DefectKind) -> usize {
        self.defects.get(&kind).map_or(0, |n| *n as usize)
    }
}

/// Makes the world of `params` part by part and writes it into the folder `dir`, which is made when absent; files of the
/// same names are replaced. Memory does not grow with the number of customers.
///
/// # Errors
/// [`WorldError::Parameter`] when `params` lie outside their domain, [`WorldError::Io`] or [`WorldError::Table`] when a
/// file cannot be written.
pub fn export(params: &Params, form: Form, dir: &Path) -> Result<ExportSummary> {
    let mut books = Books::open(params, form, params.customers.div_ceil(PART) as usize, dir)?;
    let mut from = 0;
    while from < params.customers {
        let to = (from + PART).min(params.customers);
        books.enter(&World::part(params, from..to)?)?;
        from = to;
    }
    Ok(books.summary)
}

impl World {
    /// Writes all files as CSV, as [`export`].
    ///
    /// # Errors
    /// [`WorldError::Io`] when the folder or a file cannot be written.
    pub fn export(&self, dir: &Path) -> Result<ExportSummary> {
        let mut books = Books::open(&self.params, Form::Csv, 1, dir)?;
        books.enter(self)?;
        Ok(books.summary)
    }
}

/// The files, part after part.
struct Books {
    transactions: Sheet,
    customers: Sheet,
    contacts: Option<Sheet>,
    returns: Sheet,
    dirt: Sheet,
    truth: Sheet,
    summary: ExportSummary,
}

impl Books {
    fn open(params: &Params, form: Form, parts: usize, dir: &Path) -> Result<Self> {
        params.check()?;
        std::fs::create_dir_all(dir).map_err(|source| WorldError::Io { path: dir.to_owned(), source })?;
        for table in TABLES {
            sheet::remove(dir, table)?;
        }
        let sheet =
            |name: &str, names: &'static [&'static str]| Sheet::create(dir, name, names, form, parts, params.start);
        let (transactions, customers) = (sheet("transactions", &TRANSACTIONS)?, sheet("customers", &CUSTOMERS)?);
        let (returns, dirt) = (sheet("returns", &RETURNS)?, sheet("dirt", &DIRT)?);
        let truth = sheet("truth", &TRUTH)?;
        let contacts = params.campaigns.are_held().then(|| sheet("contacts", &CONTACTS)).transpose()?;
        let place = |sheet: &Sheet| sheet.path().to_owned();
        let summary = ExportSummary {
            transactions: place(&transactions),
            customers_table: place(&customers),
            contacts: contacts.as_ref().map(place),
            truth: place(&truth),
            dirt: place(&dirt),
            returns: place(&returns),
            customers: 0,
            documents: 0,
            lines: 0,
            returned_lines: 0,
            defects: BTreeMap::new(),
        };
        Ok(Self { transactions, customers, contacts, returns, dirt, truth, summary })
    }

    /// Writes a part.
    fn enter(&mut self, world: &World) -> Result<()> {
        self.enter_documents(world)?;
        self.enter_customers(world)?;
        let truth = world.truth(&world.offers, world.params.churn_days, world.params.value_days)?;
        self.truth.push(truth.columns())?;
        self.summary.customers += world.n_acquired();
        self.summary.documents += world.documents.len();
        let Self { transactions, customers, contacts, returns, dirt, truth, .. } = self;
        [transactions, customers, returns, dirt, truth].into_iter().chain(contacts).try_for_each(Sheet::end_part)
    }

    /// The lines, the links of returns, and the defects.
    fn enter_documents(&mut self, world: &World) -> Result<()> {
        let first = FIRST_NUMBER + self.summary.documents;
        let mut awaited: HashMap<u64, u64> = HashMap::new();
        for (group, documents) in world.documents.chunks(BLOCK * BLOCKS).enumerate() {
            let blocks: Vec<Rendered> = documents
                .par_chunks(BLOCK)
                .enumerate()
                .map(|(block, documents)| world.render(first + (group * BLOCKS + block) * BLOCK, documents))
                .collect();
            let (mut lines, mut links, mut defects) = (Lines::default(), (Vec::new(), Vec::new()), Vec::new());
            for block in blocks {
                // Line 1 is the header, and the block's own lines count from 1.
                let base = self.summary.lines + 1;
                awaited.extend(block.sold.iter().map(|&(order, line)| (order, base + line)));
                for (order, line) in block.back {
                    if let Some(sale) = awaited.remove(&order) {
                        links.0.push((base + line) as i64);
                        links.1.push(sale as i64);
                    }
                }
                defects.extend(block.defects.into_iter().map(|defect| Defect {
                    line_no: defect.line_no + base,
                    original_line_no: defect.original_line_no.map(|line| line + base),
                    ..defect
                }));
                self.summary.lines += block.lines.quantity.len() as u64;
                lines.append(block.lines);
            }
            self.summary.returned_lines += links.0.len() as u64;
            for defect in &defects {
                *self.summary.defects.entry(defect.kind).or_default() += 1;
            }
            self.transactions.push(lines.columns())?;
            self.returns.push(vec![Values::Whole(links.0), Values::Whole(links.1)])?;
            let original = |defect: &Defect| defect.original_line_no.map_or_else(String::new, |line| line.to_string());
            self.dirt.push(vec![
                Values::Word(defects.iter().map(|defect| defect.kind.name()).collect()),
                Values::Whole(defects.iter().map(|defect| defect.line_no as i64).collect()),
                Values::Text(defects.iter().map(|defect| defect.order_id.clone()).collect()),
                Values::Text(defects.iter().map(original).collect()),
            ])?;
        }
        Ok(())
    }

    /// What is known of the customers, and whom the campaigns reached.
    fn enter_customers(&mut self, world: &World) -> Result<()> {
        let indices: Vec<u32> = world.acquired().map(|(index, _)| index).collect();
        for group in indices.chunks(BLOCK * BLOCKS) {
            let known: Vec<_> = group
                .par_iter()
                .map(|&index| {
                    let life = world.life(index, world.cut);
                    (index, world.engagement(index, life.leaves), life.contacts)
                })
                .collect();
            let months = || known.iter().flat_map(|(index, months, _)| months.iter().map(move |month| (*index, month)));
            let count =
                |of: fn(&super::engagement::Engagement) -> i64| Values::Whole(months().map(|(_, m)| of(m)).collect());
            self.customers.push(vec![
                Values::Text(months().map(|(index, _)| customer_id(index)).collect()),
                Values::Second(months().map(|(_, month)| month.known * 86_400).collect()),
                Values::Word(months().map(|(index, _)| CHANNELS[world.customer(index).channel].name).collect()),
                Values::Word(months().map(|(index, _)| world.region(index)).collect()),
                count(|m| m.visits),
                count(|m| m.product_events),
                count(|m| m.support_tickets),
            ])?;
            let Some(contacts) = &mut self.contacts else { continue };
            let made = || known.iter().flat_map(|(index, _, made)| made.iter().map(move |contact| (*index, contact)));
            contacts.push(vec![
                Values::Text(made().map(|(index, _)| customer_id(index)).collect()),
                Values::Second(made().map(|(_, contact)| (contact.at * 86_400.0) as u32).collect()),
                Values::Text(
                    made()
                        .map(|(_, c)| {
                            c.offer.map_or_else(|| "None".to_owned(), |offer| world.offers[offer].name.clone())
                        })
                        .collect(),
                ),
                Values::Word(made().map(|(_, c)| if c.randomised { "randomised" } else { "targeted" }).collect()),
            ])?;
        }
        Ok(())
    }
}

/// The lines of `transactions`.
#[derive(Default)]
struct Lines {
    order_id: Vec<String>,
    stock_code: Vec<String>,
    description: Vec<String>,
    quantity: Vec<i64>,
    second: Vec<u32>,
    /// In pence.
    price: Vec<i64>,
    customer: Vec<String>,
    country: Vec<&'static str>,
    channel: Vec<&'static str>,
    category: Vec<&'static str>,
}

impl Lines {
    fn append(&mut self, other: Self) {
        self.order_id.extend(other.order_id);
        self.stock_code.extend(other.stock_code);
        self.description.extend(other.description);
        self.quantity.extend(other.quantity);
        self.second.extend(other.second);
        self.price.extend(other.price);
        self.customer.extend(other.customer);
        self.country.extend(other.country);
        self.channel.extend(other.channel);
        self.category.extend(other.category);
    }

    fn columns(self) -> Vec<Values> {
        vec![
            Values::Text(self.order_id),
            Values::Text(self.stock_code),
            Values::Text(self.description),
            Values::Whole(self.quantity),
            Values::Second(self.second),
            Values::Money(self.price),
            Values::Text(self.customer),
            Values::Word(self.country),
            Values::Word(self.channel),
            Values::Word(self.category),
        ]
    }
}

/// A rendered block of documents; line numbers are relative to the block.
#[derive(Default)]
struct Rendered {
    lines: Lines,
    defects: Vec<Defect>,
    /// Lines of sales that come back later, by order.
    sold: Vec<(u64, u64)>,
    /// Lines that cancel them.
    back: Vec<(u64, u64)>,
}

/// One line of a document before it is text.
struct Line<'a> {
    stock_code: &'a str,
    description: &'a str,
    category: &'static str,
    quantity: i64,
    /// In pence.
    price: i64,
}

impl Rendered {
    /// Lines so far.
    fn count(&self) -> u64 {
        self.lines.quantity.len() as u64
    }
}

impl World {
    /// Renders `documents`, whose numbers begin at `number`.
    fn render(&self, number: usize, documents: &[Document]) -> Rendered {
        let mut pen = Pen { world: self, out: Rendered::default() };
        for (offset, document) in documents.iter().enumerate() {
            pen.document(number + offset, document);
        }
        pen.out
    }
}

/// Writes documents into a block.
struct Pen<'a> {
    world: &'a World,
    out: Rendered,
}

/// The columns that the lines of a document share.
struct Heading {
    order_id: String,
    second: u32,
    customer: String,
    country: &'static str,
    channel: &'static str,
}

impl<'a> Pen<'a> {
    fn document(&mut self, number: usize, document: &Document) {
        let world = self.world;
        let &Document { customer: index, ordinal, .. } = document;
        let order = key(index, ordinal);
        let customer = world.customer(index);
        let prefix = match document.kind {
            Kind::Return => "C",
            Kind::Adjustment => "A",
            Kind::Sale { .. } | Kind::Guest | Kind::Test => "",
        };
        let named = matches!(document.kind, Kind::Sale { .. } | Kind::Return | Kind::Test);
        let mut heading = Heading {
            order_id: format!("{prefix}{number}"),
            second: document.second,
            customer: if named { customer_id(index) } else { String::new() },
            country: COUNTRIES[customer.taste.country].name,
            channel: CHANNELS[customer.channel].name,
        };
        match document.kind {
            Kind::Sale { returned } => self.sale(&heading, index, ordinal, returned),
            Kind::Return => {
                let basket = world.basket(index, ordinal);
                let (position, quantity) = world.returned_line(index, ordinal, &basket);
                self.line(&heading, &self.product(basket.lines[position].0, -quantity));
                self.out.back.push((order, self.out.count()));
            }
            Kind::Guest => {
                let mut draw = rng::stream(world.params.seed, "world/guest", order);
                heading.country = COUNTRIES[0].name;
                let taste = population::taste(&world.shop, 0, &mut draw);
                for (product, quantity) in purchases::fill(&world.shop, &taste, &mut draw).lines {
                    self.line(&heading, &self.product(product, quantity));
                    self.defect(DefectKind::MissingCustomer, &heading, None);
                }
            }
            Kind::Test => {
                let (stock_code, description) = ("TEST001", "This is a test product.");
                self.line(&heading, &Line { stock_code, description, category: "", quantity: 1, price: 450 });
                self.defect(DefectKind::TestLine, &heading, None);
            }
            Kind::Adjustment => {
                let mut draw = rng::stream(world.params.seed, "world/adjustment", order);
                heading.country = COUNTRIES[0].name;
                let price = -draw.random_range(10_000..1_000_000_i64);
                let (stock_code, description) = ("B", "Adjust bad debt");
                self.line(&heading, &Line { stock_code, description, category: "", quantity: 1, price });
                self.defect(DefectKind::NegativePrice, &heading, None);
                self.defect(DefectKind::MissingCustomer, &heading, None);
            }
        }
    }

    /// The lines of a sale, its postage, and the defects among them.
    fn sale(&mut self, heading: &Heading, index: u32, ordinal: u32, returned: bool) {
        let world = self.world;
        let rates = &world.params.dirt;
        let order = key(index, ordinal);
        let mut dirt = rng::stream(world.params.seed, "world/dirt/line", order);
        let basket = world.basket(index, ordinal);
        let comes_back = returned.then(|| world.returned_line(index, ordinal, &basket).0);
        for (position, &(product, quantity)) in basket.lines.iter().enumerate() {
            let line = self.product(product, quantity);
            self.line(heading, &line);
            let original = self.out.count();
            if comes_back == Some(position) {
                self.out.sold.push((order, original));
            }
            if dirt.random::<f64>() < rates.duplicate_line {
                self.line(heading, &line);
                self.defect(DefectKind::DuplicateLine, heading, Some(original));
            }
        }
        if dirt.random::<f64>() < rates.zero_price {
            let free = dirt.random_range(0..world.shop.products.len());
            self.line(heading, &Line { price: 0, ..self.product(free, 1) });
            self.defect(DefectKind::ZeroPrice, heading, None);
        }
        if basket.postage > 0 {
            let price = basket.postage;
            self.line(heading, &Line { stock_code: "POST", description: "POSTAGE", category: "", quantity: 1, price });
        }
    }

    /// The line of `quantity` pieces of `product`.
    fn product(&self, product: usize, quantity: i64) -> Line<'a> {
        let shop = &self.world.shop;
        let item = &shop.products[product];
        Line {
            stock_code: &item.stock_code,
            description: &item.description,
            category: shop.category_of(product),
            quantity,
            price: item.price,
        }
    }

    /// Logs a defect of the line written last.
    fn defect(&mut self, kind: DefectKind, heading: &Heading, original_line_no: Option<u64>) {
        let order_id = heading.order_id.clone();
        self.out.defects.push(Defect { kind, line_no: self.out.count(), order_id, original_line_no });
    }

    fn line(&mut self, heading: &Heading, line: &Line<'_>) {
        let lines = &mut self.out.lines;
        lines.order_id.push(heading.order_id.clone());
        lines.stock_code.push(line.stock_code.to_owned());
        lines.description.push(line.description.to_owned());
        lines.quantity.push(line.quantity);
        lines.second.push(heading.second);
        lines.price.push(line.price);
        lines.customer.push(heading.customer.clone());
        lines.country.push(heading.country);
        lines.channel.push(heading.channel);
        lines.category.push(line.category);
    }
}
