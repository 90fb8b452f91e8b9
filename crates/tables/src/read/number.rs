//! Numbers as people write them: `1,234.50`, `1.234,50`, `£5`, `(5.00)`. Which mark is the decimal one is decided by
//! evidence per column; a value that could be read both ways is never guessed.

use serde::Serialize;

/// Values beyond this are refused: money is summed in integers of 1e-4 units, which end at 9.2e14.
pub(crate) const LARGEST: f64 = 1e14;

/// The mark between units and fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecimalMark {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl DecimalMark {
    fn byte(self) -> u8 {
        match self {
            Self::Point => b'.',
            Self::Comma => b',',
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Point => Self::Comma,
            Self::Comma => Self::Point,
        }
    }
}

/// What a text says as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A finite number.
    Is(f64),
    /// Nothing: empty, or a word for nothing (`NULL`, `NA`).
    Missing,
    /// Both readings are possible and differ.
    Either { point: f64, comma: f64 },
    /// Not a number.
    Bad,
    /// NaN, infinite, or beyond what a double holds.
    NotFinite,
    /// Beyond [`LARGEST`].
    TooLarge,
}

/// What a text says about the decimal mark of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sign {
    /// Reads the same either way, or is no number.
    Silent,
    /// Can only be read with this mark.
    Proves(DecimalMark),
    /// Can be read both ways.
    Open { point: f64, comma: f64 },
}

/// Reads a number; `mark` is what the column's evidence settled, none where nothing needed settling.
pub(crate) fn parse(text: &str, mark: Option<DecimalMark>) -> Number {
    if let Some(value) = plain(text.as_bytes(), mark) {
        return within(value);
    }
    match read(text) {
        Shape::Missing => Number::Missing,
        Shape::Bad => Number::Bad,
        Shape::NotFinite => Number::NotFinite,
        Shape::Neutral(value) => within(value),
        Shape::Proof(found, value) => match mark {
            Some(mark) if mark != found => Number::Bad,
            _ => within(value),
        },
        Shape::Open { point, comma } => match mark {
            Some(DecimalMark::Point) => within(point),
            Some(DecimalMark::Comma) => within(comma),
            None => Number::Either { point, comma },
        },
    }
}

/// What a text says about the decimal mark.
pub(crate) fn sign(text: &str) -> Sign {
    match read(text) {
        Shape::Proof(mark, _) => Sign::Proves(mark),
        Shape::Open { point, comma } => Sign::Open { point, comma },
        Shape::Missing | Shape::Bad | Shape::NotFinite | Shape::Neutral(_) => Sign::Silent,
    }
}

/// Words that exports write where there is no value.
pub(crate) fn is_missing(text: &str) -> bool {
    text.is_empty()
        || (text.len() <= 4
            && ["null", "na", "n/a", "none", "\\n", "-"].iter().any(|word| text.eq_ignore_ascii_case(word)))
}

pub(crate) fn within(value: f64) -> Number {
    if !value.is_finite() {
        Number::NotFinite
    } else if value.abs() > LARGEST {
        Number::TooLarge
    } else {
        Number::Is(value + 0.0) // -0 becomes 0, so that equal values are equal bits
    }
}

const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The common shape, `-?digits[mark digits]` with at most 15 digits: both the digits and the power of ten are exact
/// doubles, so their quotient is the correctly rounded value.
fn plain(bytes: &[u8], mark: Option<DecimalMark>) -> Option<f64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let decimal = mark.map(DecimalMark::byte);
    let mut value: u64 = 0;
    let mut decimals: Option<usize> = None;
    let mut count = 0;
    for &byte in digits {
        if byte.is_ascii_digit() {
            value = value * 10 + u64::from(byte - b'0');
            count += 1;
            if let Some(decimals) = decimals.as_mut() {
                *decimals += 1;
            }
        } else if Some(byte) == decimal && decimals.is_none() && count > 0 {
            decimals = Some(0);
        } else {
            return None;
        }
    }
    if count > 15 || decimals == Some(0) {
        return None;
    }
    #[allow(clippy::cast_precision_loss)] // at most 15 digits
    let value = value as f64 / POWERS[decimals.unwrap_or(0)];
    Some(if negative { -value } else { value })
}

enum Shape {
    Missing,
    Bad,
    NotFinite,
    Neutral(f64),
    Proof(DecimalMark, f64),
    Open { point: f64, comma: f64 },
}

fn read(text: &str) -> Shape {
    let text = text.trim();
    if is_missing(text) {
        return Shape::Missing;
    }
    let Some((negative, body)) = undress(text) else { return Shape::Bad };
    let lower = body.trim_start_matches(['+', '-']);
    if ["nan", "inf", "infinity"].iter().any(|word| lower.eq_ignore_ascii_case(word)) {
        return Shape::NotFinite;
    }
    let turn = |value: f64| if negative { -value } else { value };
    if body.bytes().any(|b| matches!(b, b'e' | b'E')) {
        let simple = body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        return match (simple, body.parse::<f64>()) {
            (true, Ok(value)) if value.is_finite() => {
                if body.contains('.') {
                    Shape::Proof(DecimalMark::Point, turn(value))
                } else {
                    Shape::Neutral(turn(value))
                }
            }
            (true, Ok(_)) => Shape::NotFinite,
            _ => Shape::Bad,
        };
    }
    let (points, commas) = (body.matches('.').count(), body.matches(',').count());
    let with = |mark: DecimalMark| assemble(body, mark).map(turn);
    let proof = |mark: DecimalMark| with(mark).map_or(Shape::Bad, |value| Shape::Proof(mark, value));
    let shape = match (points, commas) {
        (0, 0) => with(DecimalMark::Point).map_or(Shape::Bad, Shape::Neutral),
        (0, 1) => single(DecimalMark::Comma, with),
        (1, 0) => single(DecimalMark::Point, with),
        (0, _) => proof(DecimalMark::Point),
        (_, 0) => proof(DecimalMark::Comma),
        _ if body.rfind('.') > body.rfind(',') => proof(DecimalMark::Point),
        _ => proof(DecimalMark::Comma),
    };
    match shape {
        Shape::Neutral(value) | Shape::Proof(_, value) if !value.is_finite() => Shape::NotFinite,
        other => other,
    }
}

/// One mark, once: a decimal mark, unless three digits follow and it could group thousands.
fn single(mark: DecimalMark, with: impl Fn(DecimalMark) -> Option<f64>) -> Shape {
    match (with(mark), with(mark.other())) {
        (None, None) => Shape::Bad,
        (Some(value), None) => Shape::Proof(mark, value),
        (None, Some(value)) => Shape::Proof(mark.other(), value),
        (Some(decimal), Some(grouped)) => match mark {
            DecimalMark::Point => Shape::Open { point: decimal, comma: grouped },
            DecimalMark::Comma => Shape::Open { point: grouped, comma: decimal },
        },
    }
}

/// Takes off sign, brackets and currency; gives (negative, digits and marks).
fn undress(text: &str) -> Option<(bool, &str)> {
    let mut body = text;
    let mut negative = false;
    if let Some(inner) = body.strip_prefix('(').and_then(|b| b.strip_suffix(')')) {
        negative = true;
        body = inner.trim();
        if body.starts_with(['-', '+', '\u{2212}']) {
            return None;
        }
    }
    let (mut signed, mut priced) = (negative, false);
    loop {
        if let Some(rest) = body.strip_prefix(['-', '\u{2212}', '+']) {
            if signed {
                return None;
            }
            signed = true;
            negative = !body.starts_with('+');
            body = rest.trim_start();
        } else if let Some(rest) = body.strip_prefix(['£', '$', '€', '¥']) {
            if priced {
                return None;
            }
            priced = true;
            body = rest.trim_start();
        } else {
            break;
        }
    }
    if let Some(rest) = body.strip_suffix(['£', '$', '€', '¥']) {
        if priced {
            return None;
        }
        body = rest.trim_end();
    }
    (!body.is_empty()).then_some((negative, body))
}

/// Reads digits with thousands separators under one decimal mark; none where the separators do not stand every three
/// digits.
fn assemble(body: &str, mark: DecimalMark) -> Option<f64> {
    let decimal = char::from(mark.byte());
    let (whole, fraction) = match body.split_once(decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (body, None),
    };
    if let Some(fraction) = fraction
        && !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let groups = char::from(mark.other().byte());
    let separator = whole.chars().find(|c| !c.is_ascii_digit());
    let mut digits = String::with_capacity(body.len() + 1);
    match separator {
        None => digits.push_str(whole),
        Some(separator) => {
            if separator != groups && !matches!(separator, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '\u{2019}') {
                return None;
            }
            for (index, group) in whole.split(separator).enumerate() {
                let fits = if index == 0 {
                    (1..=3).contains(&group.len()) && !group.starts_with('0')
                } else {
                    group.len() == 3
                };
                if !fits || !group.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                digits.push_str(group);
            }
        }
    }
    match fraction {
        Some("") if mark == DecimalMark::Comma => return None,
        Some(fraction) => {
            digits.push('.');
            digits.push_str(fraction);
        }
        None => {}
    }
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use DecimalMark::{Comma, Point};

    #[test]
    fn every_shape_has_its_reading() {
        let open = |point, comma| Number::Either { point, comma };
        for (text, mark, expected) in [
            ("12", None, Number::Is(12.0)),
            ("-12", None, Number::Is(-12.0)),
            ("+12", None, Number::Is(12.0)),
            ("6.95", None, Number::Is(6.95)),
            ("6,95", None, Number::Is(6.95)),
            ("6,95", Some(Point), Number::Bad),
            ("6.95", Some(Comma), Number::Bad),
            ("1,234.50", None, Number::Is(1234.5)),
            ("1.234,50", None, Number::Is(1234.5)),
            ("1.234,50", Some(Point), Number::Bad),
            ("1,234,567", None, Number::Is(1_234_567.0)),
            ("1.234.567", None, Number::Is(1_234_567.0)),
            ("1,234", None, open(1234.0, 1.234)),
            ("1.234", None, open(1.234, 1234.0)),
            ("1,234", Some(Point), Number::Is(1234.0)),
            ("1,234", Some(Comma), Number::Is(1.234)),
            ("1.234", Some(Point), Number::Is(1.234)),
            ("1.234", Some(Comma), Number::Is(1234.0)),
            ("0.125", None, Number::Is(0.125)),
            ("1234.125", None, Number::Is(1234.125)),
            (".5", None, Number::Is(0.5)),
            ("5.", None, Number::Is(5.0)),
            ("5,", None, Number::Bad),
            ("1,23,456", None, Number::Bad),
            ("12,34.5", None, Number::Bad),
            ("1 234,50", None, Number::Is(1234.5)),
            ("1\u{a0}234", None, Number::Is(1234.0)),
            ("1'234.50", None, Number::Is(1234.5)),
            ("£6.95", None, Number::Is(6.95)),
            ("-£6.95", None, Number::Is(-6.95)),
            ("£-6.95", None, Number::Is(-6.95)),
            ("6,95 €", None, Number::Is(6.95)),
            ("$ 1,234.50", None, Number::Is(1234.5)),
            ("(5.00)", None, Number::Is(-5.0)),
            ("($5.00)", None, Number::Is(-5.0)),
            ("(-5.00)", None, Number::Bad),
            ("--5", None, Number::Bad),
            ("$$5", None, Number::Bad),
            ("-11,062.06", None, Number::Is(-11062.06)),
            ("\u{2212}5", None, Number::Is(-5.0)),
            ("1e3", None, Number::Is(1000.0)),
            ("1.5e3", None, Number::Is(1500.0)),
            ("1e308", None, Number::TooLarge),
            ("1e309", None, Number::NotFinite),
            ("NaN", None, Number::NotFinite),
            ("-inf", None, Number::NotFinite),
            ("Infinity", None, Number::NotFinite),
            ("", None, Number::Missing),
            ("  ", None, Number::Missing),
            ("NULL", None, Number::Missing),
            ("n/a", None, Number::Missing),
            ("abc", None, Number::Bad),
            ("12abc", None, Number::Bad),
            ("1.2.3", None, Number::Bad),
            ("0x10", None, Number::Bad),
            ("9223372036854775808", None, Number::TooLarge),
            ("£", None, Number::Bad),
            ("()", None, Number::Bad),
        ] {
            assert_eq!(parse(text, mark), expected, "{text:?} {mark:?}");
        }
    }

    #[test]
    fn the_fast_shape_equals_the_standard_library() {
        for text in ["0.1", "2.1", "6.95", "11062.06", "0.001", "123456789012345", "99999999.9999999", "-0.29"] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(plain(text.as_bytes(), Some(Point)), Some(expected), "{text}");
        }
        assert_eq!(plain(b"1234567890123456", Some(Point)), None);
    }
}
