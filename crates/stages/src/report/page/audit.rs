//! The audit of a report: every figure is read again where it says that it comes from, and so is every quote; what must
//! hold among them is checked; and the pages are compared with the document, so that nothing else is printed.

use super::Pages;
use super::customers::Customers;
use super::document::{Block, Claim, Document, Number, Piece, Quote, Relation, Source, Unit};
use super::markdown::escaped;
use super::shelf::Shelf;
use crate::artifact;
use crate::error::{Error, Result};

/// Two readings of one figure may differ by the order of additions.
const ROUNDING: f64 = 1e-9;

/// Refuses a report that says something that its run does not.
///
/// # Errors
/// [`Error::Unsound`] with what is wrong.
pub(super) fn audit(pages: &Pages, shelf: &Shelf<'_>, customers: &Customers) -> Result<()> {
    let mut faults = Vec::new();
    for piece in pages.document.printed() {
        match piece {
            Printed::Number(number) => faults.extend(figure(number, shelf)?),
            Printed::Quote(quote) => {
                let found = shelf.text(&quote.source)?.map(|found| quote.of(&found));
                if found.as_ref() != Some(&quote.text) {
                    faults.push(format!("\"{}\" is not what stands at {}", quote.text, quote.source.place()));
                }
            }
        }
    }
    for claim in pages.document.chapters.iter().flat_map(|chapter| &chapter.claims) {
        faults.extend(broken(claim, shelf)?);
    }
    faults.extend(page_faults(&pages.document, &pages.html));
    faults.extend(text_faults(&pages.document, &pages.markdown));
    if pages.customers != *customers || !pages.html.contains(&customers.json()) {
        faults.push("the customers of the page are not those of the table of scores".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Unsound { faults }) }
}

/// A figure or a quote, as it is printed.
enum Printed<'a> {
    Number(&'a Number),
    Quote(&'a Quote),
}

impl Printed<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Number(number) => &number.text,
            Self::Quote(quote) => &quote.text,
        }
    }
}

impl Document {
    /// All figures and quotes in the order of the page.
    fn printed(&self) -> Vec<Printed<'_>> {
        let mut all = vec![Printed::Quote(&self.as_of)];
        for block in self.chapters.iter().flat_map(|chapter| &chapter.blocks) {
            match block {
                Block::Heading(_) => {}
                Block::Text(pieces) => all.extend(printed(pieces)),
                Block::Items(items) => items.iter().for_each(|item| all.extend(printed(item))),
                Block::Cards(cards) => {
                    for card in cards {
                        all.push(Printed::Number(&card.number));
                        all.extend(printed(&card.note));
                    }
                }
                Block::Table(table) => {
                    for row in &table.rows {
                        row.iter().for_each(|cell| all.extend(printed(cell)));
                        // The name of the segment stands again in the button that opens it.
                        if let Some(first) = row.first().filter(|_| table.opens_segments) {
                            all.extend(printed(first));
                        }
                    }
                }
                Block::Picture(picture) => {
                    all.push(Printed::Quote(&picture.finding));
                    let cells = picture.drawn.rows.iter().flatten().flatten();
                    cells.for_each(|cell| all.extend(printed(std::slice::from_ref(cell))));
                }
            }
        }
        all
    }

    /// The words that were fixed when the program was built, and the names of columns and files.
    fn words(&self) -> Vec<String> {
        let of = |pieces: &[Piece]| -> Vec<&'static str> {
            pieces
                .iter()
                .filter_map(|piece| if let Piece::Words(words) = piece { Some(*words) } else { None })
                .collect()
        };
        let mut all: Vec<&str> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for chapter in &self.chapters {
            for block in &chapter.blocks {
                match block {
                    Block::Heading(words) => all.push(words),
                    Block::Text(pieces) => all.extend(of(pieces)),
                    Block::Items(items) => items.iter().for_each(|item| all.extend(of(item))),
                    Block::Cards(cards) => cards.iter().for_each(|card| {
                        all.push(card.label);
                        all.extend(of(&card.note));
                    }),
                    Block::Table(table) => {
                        all.push(table.caption);
                        all.extend(&table.columns);
                        table.rows.iter().flatten().for_each(|cell| all.extend(of(cell)));
                    }
                    Block::Picture(picture) => {
                        names.push(format!("{}/{}.csv", artifact::FIGURES, picture.name));
                        names.extend(picture.drawn.columns.iter().map(|name| name.replace('_', " ")));
                    }
                }
            }
        }
        names.extend(all.into_iter().map(ToOwned::to_owned));
        names
    }
}

fn printed(pieces: &[Piece]) -> impl Iterator<Item = Printed<'_>> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Words(_) => None,
        Piece::Number(number) => Some(Printed::Number(number)),
        Piece::Quote(quote) => Some(Printed::Quote(quote)),
    })
}

/// Whether a figure is what its source says, printed as its unit is, and within what it can be.
fn figure(number: &Number, shelf: &Shelf<'_>) -> Result<Option<String>> {
    let (found, _) = shelf.value(&number.source)?;
    let place = number.source.place();
    Ok(if !same(number.value, found) {
        Some(format!("{} is printed where {place} holds {found}", number.value))
    } else if number.text != number.unit.print(found, &shelf.currency) {
        Some(format!("\"{}\" is printed for the {found} of {place}", number.text))
    } else if number.unit == Unit::Share && !(-ROUNDING..=1.0 + ROUNDING).contains(&found) {
        Some(format!("{found} at {place} is no share"))
    } else if number.unit == Unit::Count && found < 0.0 {
        Some(format!("{found} at {place} is no count"))
    } else {
        None
    })
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

/// What is wrong with a claim, if anything; figures that a file holds rounded may differ by their rounding.
fn broken(claim: &Claim, shelf: &Shelf<'_>) -> Result<Option<String>> {
    Ok(match &claim.relation {
        Relation::Sum { parts, whole } => {
            let ((sum, a), (whole, b)) = (shelf.value(&Source::Sum(parts.clone()))?, shelf.value(whole)?);
            let slack = a + b + ROUNDING * sum.abs().max(whole.abs()).max(1.0);
            ((sum - whole).abs() > slack).then(|| format!("{}: the parts are {sum}, the whole is {whole}", claim.what))
        }
        Relation::Rising(sources) => {
            let values = sources.iter().map(|source| shelf.value(source)).collect::<Result<Vec<_>>>()?;
            values.windows(2).find_map(|pair| {
                let ((low, a), (high, b)) = (pair[0], pair[1]);
                let slack = a + b + ROUNDING * low.abs().max(high.abs()).max(1.0);
                (low > high + slack).then(|| format!("{}: {low} is above {high}", claim.what))
            })
        }
    })
}

/// What the page prints that the document does not, or the other way round.
fn page_faults(document: &Document, html: &str) -> Vec<String> {
    let (marked, plain) = shown(html);
    let printed = document.printed();
    let mut faults = Vec::new();
    if marked.len() != printed.len() {
        faults.push(format!("the page prints {} figures and quotes, the document has {}", marked.len(), printed.len()));
    }
    let other = marked.iter().zip(&printed).find(|(shown, meant)| *shown != meant.text());
    faults.extend(other.map(|(shown, meant)| format!("the page prints \"{shown}\" for \"{}\"", meant.text())));
    let words = document.words();
    let stray = plain.iter().find(|text| {
        text.contains(|c: char| c.is_ascii_digit()) && !words.iter().any(|words| words.contains(text.trim()))
    });
    faults.extend(stray.map(|text| format!("the page prints \"{}\", which comes from nowhere", text.trim())));
    faults
}

/// What Markdown lacks of the figures, in order.
fn text_faults(document: &Document, markdown: &str) -> Option<String> {
    let mut rest = markdown;
    let blocks = document.chapters.iter().flat_map(|chapter| &chapter.blocks);
    // A page has the cells of pictures and the names on buttons; Markdown has neither.
    let pieces: Vec<Printed<'_>> = blocks
        .flat_map(|block| match block {
            Block::Heading(_) | Block::Picture(_) => Vec::new(),
            Block::Text(pieces) => printed(pieces).collect(),
            Block::Items(items) => items.iter().flat_map(|item| printed(item)).collect(),
            Block::Cards(cards) => cards
                .iter()
                .flat_map(|card| std::iter::once(Printed::Number(&card.number)).chain(printed(&card.note)))
                .collect(),
            Block::Table(table) => table.rows.iter().flatten().flat_map(|cell| printed(cell)).collect(),
        })
        .collect();
    for piece in &pieces {
        let text = escaped(piece.text());
        match rest.find(&text) {
            Some(at) => rest = &rest[at + text.len()..],
            None => return Some(format!("the text lacks \"{}\"", piece.text())),
        }
    }
    None
}

/// The words of a page: those of `<data>` and of quotes in their order, and all others. Pictures, scripts and styles
/// are left out.
fn shown(html: &str) -> (Vec<String>, Vec<String>) {
    let (mut marked, mut plain) = (Vec::new(), Vec::new());
    let mut rest = html;
    // What the text that comes next belongs to.
    let mut is_marked = false;
    while let Some(open) = rest.find('<') {
        let text = unescaped(&rest[..open]);
        if is_marked {
            marked.push(text);
        } else if !text.trim().is_empty() {
            plain.push(text);
        }
        let Some(close) = rest[open..].find('>') else { break };
        let tag = &rest[open + 1..open + close];
        rest = &rest[open + close + 1..];
        is_marked = tag.starts_with("data ") || tag == r#"span class="q""#;
        for skipped in ["svg", "script", "style"] {
            if tag.split(' ').next() == Some(skipped) {
                let end = format!("</{skipped}>");
                rest = rest.split_once(&end).map_or("", |(_, after)| after);
            }
        }
    }
    (marked, plain)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests;
