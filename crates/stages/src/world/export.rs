//! The files a shop would hand over, and apart from them what it does not know.
//!
//! - `transactions.csv`: one row per line, sorted by time, only before `as_of`; Online Retail II's header with `Channel`
//!   and `Category` added. A cancelled line has a negative quantity on an order id that begins with `C`.
//! - `returns.csv`: for each cancelled line the line of the sale it cancels.
//! - `dirt.csv`: every planted defect.
//! - `truth.csv`: the truth per customer over the horizons of `Params`.
//!
//! Documents are rendered in blocks, in parallel, and written in order; memory holds one block and the sales whose return
//! is still to come.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rayon::prelude::*;
use tenure_math::rng;

use super::dirt::{Defect, DefectKind};
use super::documents::{Document, Kind};
use super::population;
use super::purchases::{self, key};
use super::shop::{CHANNELS, COUNTRIES};
use super::{Result, World, WorldError, customer_id};

/// Documents rendered as one task.
const BLOCK: usize = 2_048;
/// Blocks in flight.
const BLOCKS: usize = 32;
/// The first document's number.
const FIRST_NUMBER: usize = 500_000;

/// The header of `transactions.csv`.
const HEADER: [&str; 10] = [
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

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSummary {
    /// The shop's export.
    pub transactions: PathBuf,
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
    /// Rows of `transactions.csv`, the header not counted.
    pub lines: u64,
    /// Cancelled lines.
    pub returned_lines: u64,
    /// Every planted defect, by line.
    pub defects: Vec<Defect>,
}

impl ExportSummary {
    /// The number of planted defects of `kind`.
    #[must_use]
    pub fn count(&self, kind: DefectKind) -> usize {
        self.defects.iter().filter(|defect| defect.kind == kind).count()
    }
}

/// A rendered block of documents; line numbers are relative to the block.
#[derive(Default)]
struct Rendered {
    bytes: Vec<u8>,
    lines: u64,
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
    category: &'a str,
    quantity: i64,
    /// In pence.
    price: i64,
}

impl World {
    /// Writes `transactions.csv`, `returns.csv`, `dirt.csv` and `truth.csv` into the folder `dir`, which is made when
    /// absent; files of these names are replaced.
    ///
    /// # Errors
    /// [`WorldError::Io`] when the folder or a file cannot be written.
    pub fn export(&self, dir: &Path) -> Result<ExportSummary> {
        std::fs::create_dir_all(dir).map_err(|source| WorldError::Io { path: dir.to_owned(), source })?;
        let [transactions, returns, dirt, truth] =
            ["transactions.csv", "returns.csv", "dirt.csv", "truth.csv"].map(|name| dir.join(name));
        let mut summary = ExportSummary {
            transactions,
            truth,
            dirt,
            returns,
            customers: self.n_acquired(),
            documents: self.documents.len(),
            lines: 0,
            returned_lines: 0,
            defects: Vec::new(),
        };
        self.write_transactions(&mut summary)?;
        write_dirt(&summary.dirt, &summary.defects)?;
        self.truth(&[], self.params.churn_days, self.params.value_days)?.write(&summary.truth)?;
        Ok(summary)
    }

    /// Writes the lines and the links of returns, and completes `summary`.
    fn write_transactions(&self, summary: &mut ExportSummary) -> Result<()> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WorldError::Io { path, source }
        };
        let sink = |path: &Path| File::create(path).map(BufWriter::new).map_err(failed(path));
        let mut out = sink(&summary.transactions)?;
        let mut links = sink(&summary.returns)?;
        writeln!(out, "{}", HEADER.join(",")).map_err(failed(&summary.transactions))?;
        writeln!(links, "line_no,sale_line_no").map_err(failed(&summary.returns))?;
        let mut awaited: HashMap<u64, u64> = HashMap::new();
        for (group, documents) in self.documents.chunks(BLOCK * BLOCKS).enumerate() {
            let blocks: Vec<Rendered> = documents
                .par_chunks(BLOCK)
                .enumerate()
                .map(|(block, documents)| self.render(FIRST_NUMBER + (group * BLOCKS + block) * BLOCK, documents))
                .collect();
            for block in blocks {
                out.write_all(&block.bytes).map_err(failed(&summary.transactions))?;
                // Line 1 is the header, and the block's own lines count from 1.
                let base = summary.lines + 1;
                awaited.extend(block.sold.iter().map(|&(order, line)| (order, base + line)));
                for (order, line) in block.back {
                    if let Some(sale) = awaited.remove(&order) {
                        writeln!(links, "{},{sale}", base + line).map_err(failed(&summary.returns))?;
                        summary.returned_lines += 1;
                    }
                }
                summary.defects.extend(block.defects.into_iter().map(|mut defect| {
                    defect.line_no += base;
                    defect.original_line_no = defect.original_line_no.map(|line| line + base);
                    defect
                }));
                summary.lines += block.lines;
            }
        }
        out.flush().map_err(failed(&summary.transactions))?;
        links.flush().map_err(failed(&summary.returns))
    }

    /// Renders `documents`, whose numbers begin at `number`.
    fn render(&self, number: usize, documents: &[Document]) -> Rendered {
        let mut pen = Pen { world: self, out: Rendered::default(), row: csv::Writer::from_writer(Vec::new()) };
        for (offset, document) in documents.iter().enumerate() {
            pen.document(number + offset, document);
        }
        let Pen { mut out, row, .. } = pen;
        // A `Vec` takes every byte, so there is always an inner value.
        out.bytes = row.into_inner().unwrap_or_default();
        out
    }
}

/// Writes documents into a block.
struct Pen<'a> {
    world: &'a World,
    out: Rendered,
    row: csv::Writer<Vec<u8>>,
}

/// The columns that the lines of a document share.
struct Heading {
    order_id: String,
    ordered_at: String,
    customer: String,
    country: &'static str,
    channel: &'static str,
}

impl<'a> Pen<'a> {
    fn document(&mut self, number: usize, document: &Document) {
        let world = self.world;
        let &Document { customer: index, ordinal, .. } = document;
        let order = key(index, ordinal);
        let customer = &world.customers[index as usize];
        let prefix = match document.kind {
            Kind::Return => "C",
            Kind::Adjustment => "A",
            Kind::Sale { .. } | Kind::Guest | Kind::Test => "",
        };
        let named = matches!(document.kind, Kind::Sale { .. } | Kind::Return | Kind::Test);
        let mut heading = Heading {
            order_id: format!("{prefix}{number}"),
            ordered_at: timestamp(world, document.second),
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
                self.out.back.push((order, self.out.lines));
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
            let original = self.out.lines;
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
        self.out.defects.push(Defect { kind, line_no: self.out.lines, order_id, original_line_no });
    }

    fn line(&mut self, heading: &Heading, line: &Line<'_>) {
        let row = [
            heading.order_id.as_str(),
            line.stock_code,
            line.description,
            &line.quantity.to_string(),
            &heading.ordered_at,
            &money(line.price),
            &heading.customer,
            heading.country,
            heading.channel,
            line.category,
        ];
        // Ten fields each time into memory: neither the length nor the sink can fail.
        let written = self.row.write_record(row);
        debug_assert!(written.is_ok());
        self.out.lines += 1;
    }
}

/// Pence as pounds with two decimals.
fn money(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", pence.abs() / 100, pence.abs() % 100)
}

/// `second` seconds after the world's start, as `YYYY-MM-DD HH:MM:SS`.
fn timestamp(world: &World, second: u32) -> String {
    let (day, rest) = (second / 86_400, second % 86_400);
    format!("{} {:02}:{:02}:{:02}", world.clock.date(day as usize), rest / 3_600, rest / 60 % 60, rest % 60)
}

/// Writes the log of defects.
fn write_dirt(path: &Path, defects: &[Defect]) -> Result<()> {
    let failed = |source: csv::Error| WorldError::Io { path: path.to_owned(), source: source.into() };
    let mut out = csv::Writer::from_path(path).map_err(failed)?;
    out.write_record(["kind", "line_no", "order_id", "original_line_no"]).map_err(failed)?;
    for defect in defects {
        let original = defect.original_line_no.map_or_else(String::new, |line| line.to_string());
        out.write_record([defect.kind.name(), &defect.line_no.to_string(), &defect.order_id, &original])
            .map_err(failed)?;
    }
    out.flush().map_err(|source| WorldError::Io { path: path.to_owned(), source })
}
