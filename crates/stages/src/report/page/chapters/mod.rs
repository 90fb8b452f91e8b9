//! The chapters of the report, in their order. A room adds its own as a function of the shelf: what it says is read from
//! the run's files and never handed over.

mod churn;
mod cohorts;
mod data;
mod effect;
mod executive;
mod forecast;
mod lifetimes;
mod made;
mod methods;
mod models;
mod plan;
mod segments;
mod value;

use super::document::{Block, Card, Chapter, Claim, Number, Piece, Quote, Source, Standing, Table, Unit, say};
use super::shelf::{Field, Row, Shelf};
use crate::ctx::Stage;
use crate::error::Result;

/// A room's part of the report; nothing where the run has nothing of it.
type Room = fn(&Shelf<'_>) -> Result<Option<Chapter>>;

/// All of them.
const ROOMS: [Room; 13] = [
    executive::chapter,
    data::chapter,
    segments::chapter,
    churn::chapter,
    value::chapter,
    lifetimes::chapter,
    effect::chapter,
    plan::chapter,
    cohorts::chapter,
    forecast::chapter,
    models::chapter,
    methods::chapter,
    made::chapter,
];

/// What every room has to say of the run.
pub(super) fn all(shelf: &Shelf<'_>) -> Result<Vec<Chapter>> {
    ROOMS.iter().filter_map(|room| room(shelf).transpose()).collect()
}

impl Chapter {
    fn new(id: &'static str, title: &'static str) -> Self {
        Self { id, title, blocks: Vec::new(), claims: Vec::new() }
    }

    fn heading(&mut self, words: &'static str) {
        self.blocks.push(Block::Heading(words));
    }

    fn text(&mut self, pieces: Vec<Piece>) {
        self.blocks.push(Block::Text(pieces));
    }

    /// A list, where there is something to list.
    fn items(&mut self, items: Vec<Vec<Piece>>) {
        if !items.is_empty() {
            self.blocks.push(Block::Items(items));
        }
    }

    fn cards(&mut self, cards: Vec<Card>) {
        self.blocks.push(Block::Cards(cards));
    }

    /// A table, where there are rows to show.
    fn table(&mut self, caption: &'static str, columns: &[&'static str], rows: Vec<Vec<Cell>>) {
        self.add_table(Table { caption, columns: columns.to_vec(), rows: taken(rows), opens_segments: false });
    }

    /// A table whose rows begin with a segment and open its customers.
    fn segment_table(&mut self, caption: &'static str, columns: &[&'static str], rows: Vec<Vec<Cell>>) {
        self.add_table(Table { caption, columns: columns.to_vec(), rows: taken(rows), opens_segments: true });
    }

    fn add_table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Those of the figures that were drawn.
    fn pictures(&mut self, shelf: &Shelf<'_>, names: &[&str]) -> Result<()> {
        let pictures = names.iter().map(|name| shelf.picture(name));
        for picture in pictures.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            self.blocks.push(Block::Picture(picture));
        }
        Ok(())
    }

    fn claim(&mut self, claim: Claim) {
        self.claims.push(claim);
    }
}

/// A cell of a table: nothing where the run does not know it.
struct Cell(Vec<Piece>);

fn taken(rows: Vec<Vec<Cell>>) -> Vec<Vec<Vec<Piece>>> {
    rows.into_iter().map(|row| row.into_iter().map(|cell| cell.0).collect()).collect()
}

impl<T: Into<Piece>> From<Option<T>> for Cell {
    fn from(known: Option<T>) -> Self {
        Self(known.map(Into::into).into_iter().collect())
    }
}

impl From<Vec<Piece>> for Cell {
    fn from(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }
}

/// The cells of a row.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::report::page::chapters::Cell::from($cell)),*] };
}
use row;

/// An estimate with its interval, where one was drawn: `0.809 (0.797 to 0.820)`.
fn estimate(field: &Field, path: &str, unit: Unit) -> Vec<Piece> {
    let at = |end: &str| field.number(&format!("{path}/{end}"), unit).map(Number::measured);
    match (at("value"), at("low"), at("high")) {
        (Some(value), Some(low), Some(high)) => say![value, " (", low, " to ", high, ")"],
        (Some(value), _, _) => say![value],
        _ => Vec::new(),
    }
}

/// The sum of figures of one unit and standing.
fn total(shelf: &Shelf<'_>, parts: &[Number]) -> Option<Number> {
    let first = parts.first()?;
    let source = Source::Sum(parts.iter().map(|part| part.source.clone()).collect());
    let sum = parts.iter().map(|part| part.value).sum();
    Some(shelf.derived(sum, first.unit, source).standing(first.standing))
}

/// The rows of a table with a name and figures, from a list of fields.
fn window(field: &Field) -> Vec<Piece> {
    match (field.quote("window/from"), field.quote("window/to")) {
        (Some(from), Some(to)) => say![from, " to ", to],
        _ => Vec::new(),
    }
}

/// A quote at each of the fields.
fn quotes(fields: Vec<Field>) -> Vec<Vec<Piece>> {
    fields.into_iter().filter_map(|field| Some(say![field.words()?])).collect()
}
