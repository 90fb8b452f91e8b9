//! The season and the coming months.

use super::*;

pub(super) fn chapter(shelf: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("forecast", "Season and coming months");
    page.pictures(shelf, &["revenue_forecast", "season"])?;
    Ok((!page.blocks.is_empty()).then_some(page))
}
