//! The report as Markdown, with the same figures.

use std::fmt::Write as _;

use super::document::{Block, Document, Piece, Table};
use crate::artifact;

/// The page. Writing to a `String` cannot fail.
pub(super) fn render(document: &Document) -> String {
    let mut page = format!("# Retention report\n\nAs of {}.{}\n", document.as_of.text, document.money());
    for chapter in &document.chapters {
        let _ = write!(page, "\n## {}\n", chapter.title);
        for block in &chapter.blocks {
            page.push('\n');
            write_block(&mut page, block);
        }
    }
    page
}

fn write_block(page: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading(words) => writeln!(page, "### {words}"),
        Block::Text(pieces) => writeln!(page, "{}", line(pieces)),
        Block::Items(items) => items.iter().try_for_each(|item| writeln!(page, "- {}", line(item))),
        Block::Cards(cards) => cards.iter().try_for_each(|card| {
            writeln!(page, "- {}: **{}**, {}", card.label, escaped(&card.number.text), line(&card.note))
        }),
        Block::Table(table) => write_table(page, table),
        Block::Picture(picture) => {
            let (folder, name, finding) = (artifact::FIGURES, &picture.name, escaped(&picture.finding.text));
            writeln!(page, "![{}]({folder}/{name}.png)\n\n{finding}", name.replace('_', " "))
        }
    };
}

fn write_table(page: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(page, "{}\n", table.caption)?;
    writeln!(page, "| {} |", table.columns.join(" | "))?;
    writeln!(page, "|{}", "---|".repeat(table.columns.len()))?;
    for row in &table.rows {
        let cells: Vec<String> =
            row.iter().map(|cell| if cell.is_empty() { "–".to_owned() } else { line(cell) }).collect();
        writeln!(page, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn line(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| escaped(piece.text())).collect()
}

/// Text that Markdown takes as it is, also within a table.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => safe.extend(['\\', c]),
            '\n' | '\r' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
