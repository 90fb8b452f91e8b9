//! `tenure generate`

use std::path::PathBuf;

use tenure_stages::world::{self, Campaigns, Date, Form, Params, ShopKind};

use crate::error::Error;
use crate::ui;

/// The kind and the size of a generated retailer.
#[derive(Debug, clap::Args)]
pub(crate) struct Retailer {
    /// What it sells: gifts (a few orders a year, Christmas), grocery (an order a week), rare (large purchases).
    #[arg(long, value_enum, default_value_t = Shop::Gifts)]
    shop: Shop,
    /// Customers acquired in its whole history.
    #[arg(long, value_name = "N", default_value_t = 6_000)]
    customers: u32,
    /// Months of history.
    #[arg(long, value_name = "N", default_value_t = 18)]
    months: u32,
}

impl Retailer {
    /// What the world is made from.
    pub(crate) fn params(&self, seed: u64) -> Params {
        let shop = match self.shop {
            Shop::Gifts => ShopKind::Gifts,
            Shop::Grocery => ShopKind::Grocery,
            Shop::Rare => ShopKind::Rare,
        };
        Params { shop, customers: self.customers, months: self.months, seed, ..Params::default() }
    }
}

/// The kind of shop.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shop {
    Gifts,
    Grocery,
    Rare,
}

/// The form of the files.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Files {
    Csv,
    Parquet,
}

/// Make a retailer whose truth is known: its export as a shop would give it and, apart, what is true of each customer.
///
/// Writes transactions, customers (attributes by month) and, with --campaigns, contacts; and apart from them truth, dirt
/// (each planted defect by line) and returns. The same seed gives the same bytes. Memory does not grow with the number of
/// customers; beyond 100,000 of them a Parquet table is a folder of parts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure generate --out world
  tenure generate --shop grocery --customers 1000000 --files parquet --out big")]
pub(crate) struct Args {
    #[command(flatten)]
    retailer: Retailer,
    /// The first day of its history.
    #[arg(long, value_name = "DATE", default_value = "2022-12-01")]
    start: Date,
    /// Start of every random stream; the same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Offer things to customers monthly from half a year on: a tenth of them by chance, half of the silent by choice.
    #[arg(long)]
    campaigns: bool,
    /// All customers alike, and no offer does anything: whatever is found in such data is noise.
    #[arg(long)]
    alike: bool,
    /// Form of the files.
    #[arg(long, value_enum, default_value_t = Files::Csv)]
    files: Files,
    /// Folder to write to; files of the same names are replaced.
    #[arg(long, short, value_name = "DIR", default_value = "world")]
    out: PathBuf,
}

impl Args {
    pub(crate) fn run(self) -> Result<(), Error> {
        let Self { retailer, start, seed, campaigns, alike, files, out } = self;
        let campaigns = if campaigns { Campaigns::USUAL } else { Campaigns::NONE };
        let params = Params { start, campaigns, alike, ..retailer.params(seed) };
        let form = match files {
            Files::Csv => Form::Csv,
            Files::Parquet => Form::Parquet,
        };
        let made = world::export(&params, form, &out).map_err(tenure_stages::error::Error::from)?;
        ui::note(&format!(
            "{} customers, {} documents, {} lines in {}; what is true of them as of {} over {} days (churn) and {} (value) \
             stands in {}",
            made.customers,
            made.documents,
            made.lines,
            made.transactions.display(),
            params.cut(),
            params.churn_days,
            params.value_days,
            made.truth.display()
        ));
        Ok(())
    }
}
