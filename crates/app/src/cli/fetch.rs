//! `tenure fetch`

use std::path::PathBuf;
use std::time::Instant;

use tenure_stages::fetch::{self, DataSet, Network};

use crate::error::Error;
use crate::ui::{self, Format};

/// Download a public data set, and check it before it takes its place.
///
/// A download that broke off continues where it stopped. Rows and sums are held against the published ones, and the
/// file's hash is written beside it. This is the only command that uses a network.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tenure fetch online-retail-ii
  tenure fetch online-retail-ii --dir data --proxy http://proxy:3128")]
pub(crate) struct Args {
    /// The data set: online-retail-ii (UCI 502: two years of a British gift wholesaler, 1,067,371 rows).
    #[arg(value_name = "NAME", value_parser = ["online-retail-ii"])]
    name: String,
    /// Folder that the file is put in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Another place of the same archive, such as a mirror.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Proxy [default: that of the environment: HTTPS_PROXY or ALL_PROXY].
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Form of the answer on standard output; progress and errors go to standard error.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Args {
    pub(crate) fn run(self, start: Instant) -> Result<(), Error> {
        let known = fetch::online_retail_ii();
        let data = DataSet { url: self.url.unwrap_or(known.url.clone()), ..known };
        let network = Network { proxy: self.proxy.or_else(ui::proxy) };
        let mut meter = ui::Meter::new(start);
        let fetched = fetch::fetch(&data, &self.dir, &network, &mut |bytes, total| meter.show(bytes, total))?;
        drop(meter);
        ui::show_fetched(&fetched, &data, self.format)
    }
}
