//! The look before the reading: which order the dates have, which mark the decimals, and what in the columns is worth
//! a remark. It reads a sample, and on to the end of the table only while something stays unsettled.

use serde::Serialize;

use super::columns::{self, CUSTOMER_ID, DISCOUNT, FIRST_ATTRIBUTE, Kind, QUANTITY, UNIT_PRICE, VALID_FROM};
use super::date::{self, DateOrder, Instant};
use super::number::{self, DecimalMark, Number};
use super::rows::{Cell, Open, Row, Settled, Table, as_instant, as_number, unsettled};
use super::{AMOUNT, ORDERED_AT};
use crate::error::{Error, Result};

/// Rows that are always looked at.
const SAMPLE: u64 = 50_000;
const ORDERS: [DateOrder; 3] = [DateOrder::Dmy, DateOrder::Mdy, DateOrder::Ymd];

/// How a column of dates or numbers is read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The canonical column.
    pub column: String,
    /// `dmy`, `mdy`, `ymd`, `decimal point`, `decimal comma`, or `as written` where nothing needed deciding.
    pub reading: String,
    /// What decided it, with a row.
    pub evidence: String,
}

#[derive(Default, Clone)]
struct Dates {
    /// Values that can only be misread under an order, and the first that proves each.
    against: [u64; 3],
    proof: [Option<(i64, String)>; 3],
    needing: u64,
    open: Option<(i64, Open)>,
}

impl Dates {
    fn look(&mut self, line: i64, text: &str) {
        let date::Sign::Needs(readings) = date::sign(text) else { return };
        self.needing += 1;
        for (order, reading) in readings.iter().enumerate() {
            self.against[order] += u64::from(reading.is_none());
        }
        let possible = readings.iter().flatten().count();
        if let (1, Some(order)) = (possible, readings.iter().position(Option::is_some)) {
            self.proof[order].get_or_insert_with(|| (line, text.to_owned()));
        }
        if let (None, [Some(dmy), Some(mdy), _]) = (&self.open, readings)
            && dmy != mdy
        {
            self.open = Some((line, Open::Date { text: text.to_owned(), dmy, mdy }));
        }
    }

    /// The orders that no value speaks against.
    fn unopposed(&self) -> Vec<usize> {
        (0..3).filter(|order| self.against[*order] == 0).collect()
    }

    fn is_settled(&self) -> bool {
        self.open.is_none() || self.unopposed().len() < 2
    }
}

#[derive(Default, Clone)]
struct Numbers {
    proof: [Option<(i64, String)>; 2],
    proofs: [u64; 2],
    open: Option<(i64, Open)>,
}

impl Numbers {
    fn look(&mut self, line: i64, text: &str) {
        match number::sign(text) {
            number::Sign::Silent => {}
            number::Sign::Proves(mark) => {
                let at = usize::from(mark == DecimalMark::Comma);
                self.proofs[at] += 1;
                self.proof[at].get_or_insert_with(|| (line, text.to_owned()));
            }
            number::Sign::Open { point, comma } => {
                self.open.get_or_insert_with(|| (line, Open::Number { text: text.to_owned(), point, comma }));
            }
        }
    }

    fn mark(&self) -> Option<DecimalMark> {
        match self.proofs {
            [0, 0] => None,
            [point, comma] if point > comma => Some(DecimalMark::Point),
            [point, comma] if comma > point => Some(DecimalMark::Comma),
            _ => None,
        }
    }

    fn is_mixed(&self) -> bool {
        self.proofs[0] > 0 && self.proofs[1] > 0
    }

    fn is_tied(&self) -> bool {
        self.proofs[0] > 0 && self.proofs[0] == self.proofs[1]
    }
}

/// What a column's values were, whatever its kind.
#[derive(Default, Clone)]
struct Seen {
    values: u64,
    good: u64,
    first_bad: Option<(i64, String)>,
}

/// The survey of one table.
pub(crate) struct Survey<'t> {
    table: &'t Table,
    rows: u64,
    dates: Vec<(usize, Dates)>,
    numbers: Vec<(usize, Numbers)>,
    seen: Vec<Seen>,
    null_words: Option<(i64, String)>,
    float_ids: Option<(i64, String)>,
}

impl<'t> Survey<'t> {
    pub(crate) fn new(table: &'t Table) -> Self {
        let of = |kinds: &[Kind]| -> Vec<usize> {
            table.mapping.pairs().map(|(at, _)| at).filter(|at| kinds.contains(&columns::kind(*at))).collect()
        };
        Self {
            table,
            rows: 0,
            dates: of(&[Kind::Instant]).into_iter().map(|at| (at, Dates::default())).collect(),
            numbers: of(&[Kind::Number, Kind::Attribute]).into_iter().map(|at| (at, Numbers::default())).collect(),
            seen: vec![Seen::default(); table.mapping.slots()],
            null_words: None,
            float_ids: None,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Looks at a row; false when nothing more can be learnt.
    pub(crate) fn look(&mut self, row: &Row<'_>) -> bool {
        self.rows += 1;
        let sampling = self.rows <= SAMPLE;
        if row.fault.is_none() {
            let serials = self.table.serials_from_1904;
            for (at, dates) in &mut self.dates {
                let cell = row.cells[*at];
                if let Cell::Text(text) = cell {
                    dates.look(row.line, text.trim());
                }
                if sampling {
                    let found = as_instant(cell, None, serials);
                    let good = matches!(found, Instant::Is(_) | Instant::Either { .. });
                    note(&mut self.seen[*at], row.line, &cell, found == Instant::Missing, good);
                }
            }
            for (at, numbers) in &mut self.numbers {
                let cell = row.cells[*at];
                if let Cell::Text(text) = cell {
                    numbers.look(row.line, if *at == DISCOUNT { text.trim_end_matches(['%', ' ']) } else { text });
                }
                if sampling || *at >= FIRST_ATTRIBUTE {
                    let found = as_number(*at, cell, None);
                    let good = matches!(found, Number::Is(_) | Number::Either { .. } | Number::TooLarge);
                    note(&mut self.seen[*at], row.line, &cell, found == Number::Missing, good);
                }
            }
            if let (true, Cell::Text(text)) = (sampling, row.cells[CUSTOMER_ID]) {
                self.look_at_customer(row.line, text.trim());
            }
        }
        sampling || !self.is_settled()
    }

    fn look_at_customer(&mut self, line: i64, id: &str) {
        let words = ["null", "na", "n/a", "none", "nan", "#n/a", "\\n", "guest", "unknown"];
        if self.null_words.is_none() && id.len() <= 7 && words.iter().any(|word| id.eq_ignore_ascii_case(word)) {
            self.null_words = Some((line, id.to_owned()));
        }
        if self.float_ids.is_none()
            && let Some(whole) = id.strip_suffix(".0")
            && !whole.is_empty()
            && whole.bytes().all(|b| b.is_ascii_digit())
        {
            self.float_ids = Some((line, id.to_owned()));
        }
    }

    fn is_settled(&self) -> bool {
        self.dates.iter().all(|(_, dates)| dates.is_settled())
            && (self.numbers.iter().all(|(_, numbers)| numbers.open.is_none() || numbers.mark().is_some())
                || self.shared_mark().is_some())
    }

    /// The decimal mark that the number columns prove together, none where they prove nothing or disagree.
    fn shared_mark(&self) -> Option<DecimalMark> {
        let mut marks = self.numbers.iter().filter_map(|(_, numbers)| numbers.mark());
        let first = marks.next()?;
        marks.all(|mark| mark == first).then_some(first)
    }

    /// Settles every column, or refuses the file with the row that shows why it cannot be settled.
    pub(crate) fn decide(
        &self,
        file: &str,
        order: DateOrder,
        decimal_comma: Option<bool>,
    ) -> Result<(Settled, Vec<Reading>, Vec<String>)> {
        let slots = self.table.mapping.slots();
        let mut settled = Settled { order: vec![None; slots], mark: vec![None; slots] };
        let mut readings = Vec::new();
        let mut notes = Vec::new();
        for (at, dates) in &self.dates {
            let (order, reading) = self.decide_date(file, *at, dates, order, &mut notes)?;
            settled.order[*at] = order;
            readings.push(reading);
        }
        for (at, numbers) in &self.numbers {
            let (mark, reading) = self.decide_number(file, *at, numbers, decimal_comma, &mut notes)?;
            settled.mark[*at] = mark;
            readings.push(reading);
        }
        self.check_sense(file)?;
        if let Some((line, id)) = &self.null_words {
            notes.push(format!("row {line}: '{id}' stands as a customer id and is kept as one"));
        }
        if let Some((line, id)) = &self.float_ids {
            notes.push(format!(
                "row {line}: the customer id '{id}' looks like a number exported with decimals; it is kept as written"
            ));
        }
        Ok((settled, readings, notes))
    }

    fn decide_date(
        &self,
        file: &str,
        at: usize,
        dates: &Dates,
        wanted: DateOrder,
        notes: &mut Vec<String>,
    ) -> Result<(Option<DateOrder>, Reading)> {
        let column = self.table.mapping.name(at);
        let reading = |reading: &str, evidence: String| Reading {
            column: column.to_owned(),
            reading: reading.to_owned(),
            evidence,
        };
        if wanted != DateOrder::Auto {
            return Ok((Some(wanted), reading(name(wanted), "as the setting date_order says".to_owned())));
        }
        if dates.needing == 0 {
            return Ok((None, reading("as written", "no value leaves the order open".to_owned())));
        }
        let unopposed = dates.unopposed();
        let chosen = match (unopposed[..].first(), unopposed.len(), &dates.open) {
            (Some(order), 1, _) => *order,
            (Some(order), _, None) => {
                let order = ORDERS[*order];
                return Ok((Some(order), reading(name(order), "every value reads the same either way".to_owned())));
            }
            (Some(_), _, Some((line, open))) => return Err(unsettled(self.table, file, *line, at, open)),
            (None, ..) => {
                let mut ranked: Vec<usize> = (0..3).collect();
                ranked.sort_by_key(|order| dates.against[*order]);
                if dates.against[ranked[1]] < 2 * dates.against[ranked[0]] {
                    return Err(self.mixed_dates(file, at, dates, ranked[0], ranked[1]));
                }
                let stray = dates.proof.iter().enumerate().find(|(order, p)| *order != ranked[0] && p.is_some());
                let example = stray.and_then(|(_, p)| p.as_ref());
                let example = example.map_or(String::new(), |(line, text)| format!(", first '{text}' in row {line}"));
                notes.push(format!(
                    "{column}: {} of the values looked at contradict the order {} and are refused{example}",
                    dates.against[ranked[0]],
                    name(ORDERS[ranked[0]])
                ));
                ranked[0]
            }
        };
        let order = ORDERS[chosen];
        let evidence = match &dates.proof[chosen] {
            Some((line, text)) => format!("'{text}' in row {line} can only be read this way"),
            None => "no other order fits every value".to_owned(),
        };
        Ok((Some(order), reading(name(order), evidence)))
    }

    fn mixed_dates(&self, file: &str, at: usize, dates: &Dates, a: usize, b: usize) -> Error {
        let example =
            |order: usize| dates.proof[order].as_ref().map_or((0, String::new()), |(line, text)| (*line, text.clone()));
        let ((line, first), (other, second)) = (example(a), example(b));
        Error::Read {
            file: file.to_owned(),
            place: Some(self.table.place(line, at)),
            problem: format!(
                "dates of two orders are mixed: '{first}' can only be {}, '{second}' in row {other} only {}",
                name(ORDERS[a]),
                name(ORDERS[b])
            ),
            cure: "say which order holds with --date-order dmy or --date-order mdy (rows that contradict it are then \
                   refused), or mend the export"
                .to_owned(),
        }
    }

    fn decide_number(
        &self,
        file: &str,
        at: usize,
        numbers: &Numbers,
        decimal_comma: Option<bool>,
        notes: &mut Vec<String>,
    ) -> Result<(Option<DecimalMark>, Reading)> {
        let column = self.table.mapping.name(at);
        let reading = |mark: DecimalMark, evidence: String| {
            let name = if mark == DecimalMark::Point { "decimal point" } else { "decimal comma" };
            (Some(mark), Reading { column: column.to_owned(), reading: name.to_owned(), evidence })
        };
        if let Some(comma) = decimal_comma {
            let mark = if comma { DecimalMark::Comma } else { DecimalMark::Point };
            return Ok(reading(mark, "as the setting decimal_comma says".to_owned()));
        }
        let attribute = at >= FIRST_ATTRIBUTE;
        if attribute && self.seen[at].good < self.seen[at].values {
            return Ok((numbers.mark().filter(|_| !numbers.is_mixed()), words(column)));
        }
        if numbers.is_tied() || attribute && numbers.is_mixed() {
            let (Some((line, point)), Some((other, comma))) = (&numbers.proof[0], &numbers.proof[1]) else {
                return Ok((None, as_written(column)));
            };
            return Err(Error::Read {
                file: file.to_owned(),
                place: Some(self.table.place(*line, at)),
                problem: format!(
                    "decimal marks are mixed: '{point}' has a decimal point, '{comma}' in row {other} a decimal comma"
                ),
                cure: "say which holds in tenure.toml: [data] decimal_comma = true or decimal_comma = false".to_owned(),
            });
        }
        if let Some(mark) = numbers.mark() {
            let (own, other) = if mark == DecimalMark::Point { (0, 1) } else { (1, 0) };
            let text = numbers.proof[own].as_ref().map_or(String::new(), |(line, t)| format!("'{t}' in row {line}"));
            if let Some((line, text)) = &numbers.proof[other] {
                notes.push(format!("{column}: '{text}' in row {line} has the other decimal mark and is refused"));
            }
            return Ok(reading(mark, format!("{text} can only be read this way")));
        }
        if let Some(mark) = self.shared_mark() {
            return Ok(reading(mark, "the file's other numbers have it".to_owned()));
        }
        match &numbers.open {
            Some((line, open)) => Err(unsettled(self.table, file, *line, at, open)),
            None => Ok((None, as_written(column))),
        }
    }

    /// A column of which no value makes sense is the wrong column, not a column of bad rows.
    fn check_sense(&self, file: &str) -> Result<()> {
        for at in [ORDERED_AT, QUANTITY, UNIT_PRICE, AMOUNT, VALID_FROM] {
            let Some(seen) = self.seen.get(at) else { continue };
            let Some((line, text)) = &seen.first_bad else { continue };
            if seen.values > 0 && seen.good == 0 && self.table.mapping.has(at) {
                let kind = if columns::kind(at) == Kind::Instant { "a date of 1900-2200" } else { "a number" };
                return Err(Error::Read {
                    file: file.to_owned(),
                    place: Some(self.table.place(*line, at)),
                    problem: format!(
                        "none of the first {} values of {} is {kind}; this one is '{}'",
                        seen.values,
                        self.table.mapping.name(at),
                        text.chars().take(80).collect::<String>()
                    ),
                    cure: format!(
                        "name the right column in tenure.toml: [{}] {} = \"...\", or mend the values",
                        self.table.mapping.section(),
                        self.table.mapping.name(at)
                    ),
                });
            }
        }
        Ok(())
    }
}

fn as_written(column: &str) -> Reading {
    let evidence = "no value leaves the decimal mark open".to_owned();
    Reading { column: column.to_owned(), reading: "as written".to_owned(), evidence }
}

fn words(column: &str) -> Reading {
    let evidence = "not every value is a number".to_owned();
    Reading { column: column.to_owned(), reading: "text, as written".to_owned(), evidence }
}

fn note(seen: &mut Seen, line: i64, cell: &Cell<'_>, missing: bool, good: bool) {
    if missing {
        return;
    }
    seen.values += 1;
    if good {
        seen.good += 1;
    } else if seen.first_bad.is_none() {
        seen.first_bad = Some((line, cell.show()));
    }
}

fn name(order: DateOrder) -> &'static str {
    match order {
        DateOrder::Auto => "auto",
        DateOrder::Dmy => "dmy",
        DateOrder::Mdy => "mdy",
        DateOrder::Ymd => "ymd",
    }
}
