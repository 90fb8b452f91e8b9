//! What the run was made of.

use super::{Chapter, Result, Shelf, Unit, row, say};

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("run", "The run");
    let timeline = shelf.timeline()?;
    if let (Some(from), Some(to), Some(as_of)) =
        (timeline.quote("data_start"), timeline.quote("data_end"), timeline.quote("as_of"))
    {
        page.text(say!["Data from ", from, " to ", to, "; the decision is as of ", as_of, "."]);
    }
    let rows = shelf.inputs()?.items();
    let rows =
        rows.iter().map(|input| row![input.quote("name"), input.number("bytes", Unit::Count), input.quote("blake3")]);
    page.table("Source files", &["File", "Bytes", "BLAKE3"], rows.collect());
    page.text(say![
        "Settings, windows, warnings and the hash of every file of the run stand in ",
        crate::artifact::MANIFEST,
        ". The same files, settings and seed give the same bytes."
    ]);
    Ok(Some(page))
}
