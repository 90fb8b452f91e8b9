//! The report as data: chapters of blocks. A figure computed from the data can only stand in it as a [`Number`] or a
//! [`Quote`], and both carry the place in the run's files that they were read from: prose is fixed when the program is
//! built.

use serde::Serialize;

use crate::{number, wording};

/// What a page says, before it is HTML, Markdown or JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Document {
    /// The version of tenure that wrote it.
    pub(crate) tenure: &'static str,
    /// The instant of the decision.
    pub(crate) as_of: Quote,
    /// Name of the currency; empty where the data do not say.
    pub(crate) currency: String,
    pub(crate) chapters: Vec<Chapter>,
}

impl Document {
    /// What must be said of money.
    pub(crate) fn money(&self) -> &'static str {
        if self.currency.is_empty() { " Money is in the currency of the data, which do not name it." } else { "" }
    }
}

/// What one room has to say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Chapter {
    /// Its anchor.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) blocks: Vec<Block>,
    /// What must hold among its figures.
    pub(crate) claims: Vec<Claim>,
}

/// A part of a chapter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Block {
    /// A title within the chapter.
    Heading(&'static str),
    /// A paragraph.
    Text(Vec<Piece>),
    /// A list.
    Items(Vec<Vec<Piece>>),
    /// The figures to know first.
    Cards(Vec<Card>),
    Table(Table),
    Picture(Picture),
}

/// A figure to know first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Card {
    pub(crate) label: &'static str,
    pub(crate) number: Number,
    /// What must be known beside it.
    pub(crate) note: Vec<Piece>,
}

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Piece {
    Words(&'static str),
    Number(Number),
    Quote(Quote),
}

/// A figure with the place it comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    pub(crate) standing: Standing,
    /// As it is printed.
    pub(crate) text: String,
    pub(crate) source: Source,
}

/// Words of a file of the run: a name, a date, a sentence that a stage wrote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Quote {
    pub(crate) text: String,
    /// Whether an id stands there, and its name is told.
    pub(crate) is_named: bool,
    pub(crate) source: Source,
}

/// What a figure counts, and so how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Count,
    /// In the data's currency.
    Money,
    /// 0..=1, printed as a percentage.
    Share,
    /// A percentage that may exceed a hundred.
    Percent,
    /// A multiple of something.
    Times,
    /// A relative error or change, printed as a percentage with its sign.
    Change,
    /// A probability or a score, three decimals.
    Score,
    /// Anything else, one decimal.
    Plain,
    /// As a figure's table has it: to four digits.
    Drawn,
}

/// What a figure rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Counted in the data, or set by the reader.
    Counted,
    /// Measured on later data that no model had seen.
    Measured,
    /// Said of the future by a model.
    Forecast,
    /// Rests on an assumption that nobody has measured.
    Assumed,
}

impl Standing {
    /// Its name, as the reader sees it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Measured => "measured",
            Self::Forecast => "forecast",
            Self::Assumed => "assumed",
        }
    }

    /// What it means, as it goes on behind the name.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Counted => " in the data, ",
            Self::Measured => " on later data that no model had seen, ",
            Self::Forecast => " by a model, or ",
            Self::Assumed => ": resting on what nobody has measured. ",
        }
    }
}

/// Where a figure comes from: a cell, or what follows from cells.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A cell of a CSV file; rows count from 1 below the header.
    Cell { file: String, row: usize, column: String },
    /// A field of a JSON file, by its pointer (RFC 6901).
    Field { file: String, pointer: String },
    /// The sum of others.
    Sum(Vec<Source>),
    /// One as a share of another.
    ShareOf(Box<Source>, Box<Source>),
}

/// What must hold among the figures of a chapter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Claim {
    /// In words.
    pub(crate) what: &'static str,
    #[serde(flatten)]
    pub(crate) relation: Relation,
}

/// How figures stand to each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relation {
    /// The parts make up the whole.
    Sum { parts: Vec<Source>, whole: Source },
    /// No figure is greater than the one after it.
    Rising(Vec<Source>),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: &'static str,
    /// Names of the columns; a column of figures is set to the right.
    pub(crate) columns: Vec<&'static str>,
    /// A cell is nothing where the run does not know it.
    pub(crate) rows: Vec<Vec<Vec<Piece>>>,
    /// Whether a row opens the customers of the segment that it begins with.
    pub(crate) opens_segments: bool,
}

/// A figure of the run with what it shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Picture {
    /// Its name in `figures/`.
    pub(crate) name: String,
    pub(crate) finding: Quote,
    /// What was drawn, as far as a page holds it; `figures/NAME.csv` has all of it.
    #[serde(skip)]
    pub(crate) drawn: Drawn,
}

/// The first rows of what was drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<Piece>>>,
    /// Whether there are more.
    pub(crate) is_cut: bool,
}

impl Source {
    /// In words.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Cell { file, row, column } => format!("{file}, row {row}, {column}"),
            Self::Field { file, pointer } => format!("{file}, {pointer}"),
            Self::Sum(parts) => match parts.first() {
                Some(first) => format!("the sum of {} beginning with {}", parts.len(), first.place()),
                None => "an empty sum".to_owned(),
            },
            Self::ShareOf(part, whole) => format!("{} as a share of {}", part.place(), whole.place()),
        }
    }
}

impl Number {
    pub(crate) fn new(value: f64, unit: Unit, currency: &str, source: Source) -> Self {
        Self { value, unit, standing: Standing::Counted, text: unit.print(value, currency), source }
    }

    /// The same, resting on something else than counting.
    pub(crate) fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    pub(crate) fn measured(self) -> Self {
        self.standing(Standing::Measured)
    }

    pub(crate) fn forecast(self) -> Self {
        self.standing(Standing::Forecast)
    }

    pub(crate) fn assumed(self) -> Self {
        self.standing(Standing::Assumed)
    }
}

impl Quote {
    pub(crate) fn new(text: &str, source: Source) -> Self {
        Self { text: text.to_owned(), is_named: false, source }
    }

    /// The name of the id that stands there.
    pub(crate) fn named(self) -> Self {
        Self { text: wording::name(&self.text), is_named: true, ..self }
    }

    /// What it says where its source holds `found`.
    pub(crate) fn of(&self, found: &str) -> String {
        if self.is_named { wording::name(found) } else { found.to_owned() }
    }
}

impl Unit {
    /// A figure of this unit as a reader sees it.
    pub(crate) fn print(self, value: f64, currency: &str) -> String {
        match self {
            // Counts of draws are means.
            Self::Count if value.fract() != 0.0 => format!("{value:.1}"),
            Self::Count => number::count(value as u64),
            Self::Money => number::money(value, currency),
            Self::Share | Self::Percent => number::percent(value),
            Self::Times => format!("{value:.2} ×"),
            Self::Change => number::change(value),
            Self::Score => number::signed(format!("{value:.3}")),
            Self::Plain => number::signed(format!("{value:.1}")),
            Self::Drawn => drawn(value),
        }
    }
}

/// Four digits, or all of a whole number.
fn drawn(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let whole = number::count(value.abs() as u64);
        return if value < 0.0 { format!("−{whole}") } else { whole };
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    number::signed(format!("{value:.digits$}"))
}

impl From<&'static str> for Piece {
    fn from(words: &'static str) -> Self {
        Self::Words(words)
    }
}

impl From<Number> for Piece {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Quote> for Piece {
    fn from(quote: Quote) -> Self {
        Self::Quote(quote)
    }
}

impl Piece {
    /// As it is printed.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Words(words) => words,
            Self::Number(number) => &number.text,
            Self::Quote(quote) => &quote.text,
        }
    }
}

impl Claim {
    /// The parts make up the whole.
    pub(crate) fn sum<'a>(what: &'static str, parts: impl IntoIterator<Item = &'a Number>, whole: &Number) -> Self {
        let parts = parts.into_iter().map(|part| part.source.clone()).collect();
        Self { what, relation: Relation::Sum { parts, whole: whole.source.clone() } }
    }

    /// No figure is greater than the one after it.
    pub(crate) fn rising(what: &'static str, numbers: &[&Number]) -> Self {
        Self { what, relation: Relation::Rising(numbers.iter().map(|number| number.source.clone()).collect()) }
    }
}

/// The pieces of a sentence: words, figures and quotes in turn.
macro_rules! say {
    ($($piece:expr),* $(,)?) => { vec![$($crate::report::page::document::Piece::from($piece)),*] };
}
pub(crate) use say;
