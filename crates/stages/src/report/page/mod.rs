//! The report: one document, shown as a page, as Markdown and as JSON. It is published only when each of its figures,
//! read again from the run's files, is what it says.

mod audit;
mod chapters;
mod customers;
mod document;
mod html;
mod markdown;
mod markup;
mod shelf;

use tenure_tables::engine::Engine;

use crate::artifact::{self, RunFolder};
use crate::ctx::Stage;
use crate::error::Result;

use customers::Customers;
use document::Document;
use shelf::Shelf;

pub(super) use shelf::Own;

/// Writes the report. `own` is what the report stage itself has found.
///
/// # Errors
/// [`crate::Error::Unsound`] naming what does not follow from the run's files; engine and file errors.
pub(super) fn write(engine: &Engine, run: &RunFolder, own: Own<'_>, currency: &str) -> Result<()> {
    let shelf = Shelf::new(run, own, currency);
    let document = Document::of(&shelf)?;
    let customers = Customers::read(engine, run)?;
    let pages = Pages {
        html: html::render(&document, &shelf, &customers)?,
        markdown: markdown::render(&document),
        customers,
        document,
    };
    // A shelf of its own: what it compares with is read anew.
    audit::audit(&pages, &Shelf::new(run, own, currency), &Customers::read(engine, run)?)?;
    run.write_text(artifact::REPORT, &pages.html)?;
    run.write_text(artifact::REPORT_TEXT, &pages.markdown)?;
    run.write_json(artifact::REPORT_JSON, &pages.document)
}

/// A report before it is published.
struct Pages {
    document: Document,
    customers: Customers,
    html: String,
    markdown: String,
}

impl Document {
    /// What the rooms have to say of a run.
    fn of(shelf: &Shelf<'_>) -> Result<Self> {
        let as_of = shelf.timeline()?.quote("as_of").ok_or_else(|| crate::Error::Missing {
            artefact: artifact::MANIFEST.to_owned(),
            out: std::path::PathBuf::new(),
            stage: Stage::Clean.name(),
        })?;
        let (tenure, currency) = (env!("CARGO_PKG_VERSION"), shelf.currency.to_string());
        Ok(Self { tenure, as_of, currency, chapters: chapters::all(shelf)? })
    }
}
