//! Delimited records out of a stream of bytes: fields are ranges of one buffer, nothing is copied, memory is bounded
//! by the largest record. RFC 4180 with any line end; what breaks the rules is reported with its line.

use std::io::{self, Read};

/// A field may not be larger.
pub(crate) const FIELD_BYTES: usize = 1 << 20;
const BUFFER_BYTES: usize = 1 << 20;
const QUOTE: u8 = b'"';

/// A field's range in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
    /// Holds doubled quotes.
    escaped: bool,
}

/// A record: bytes without the line end, and where its fields lie.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) spans: &'a [Span],
    /// 1-based line of the record's start.
    pub(crate) line: u64,
    /// Text stands after a closing quote.
    pub(crate) bad_quoting: bool,
    /// The record ends with a line end, not with the file.
    pub(crate) terminated: bool,
}

impl<'a> Record<'a> {
    /// A field's bytes as they stand between its quotes, and whether doubled quotes are in them.
    pub(crate) fn field(&self, index: usize) -> (&'a [u8], bool) {
        let span = self.spans[index];
        (&self.bytes[span.start..span.end], span.escaped)
    }

    /// A field out of the record's text, which must be `bytes` decoded.
    pub(crate) fn text<'t>(&self, whole: &'t str, index: usize) -> &'t str {
        let span = self.spans[index];
        // Delimiters and quotes are ASCII, so the range never cuts a character.
        whole.get(span.start..span.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.iter().all(|s| self.bytes[s.start..s.end].iter().all(u8::is_ascii_whitespace))
    }
}

/// What ends the reading of a file.
#[derive(Debug)]
pub(crate) enum Trouble {
    Io(io::Error),
    /// A NUL byte in this line.
    Nul {
        line: u64,
    },
    /// A quote opened in this line is never closed.
    Unclosed {
        line: u64,
    },
    /// A quote opened in the first line is closed in the second, in the middle of a field.
    Swallowed {
        line: u64,
        until: u64,
    },
    /// A field of more than [`FIELD_BYTES`].
    Huge {
        line: u64,
        field: usize,
    },
}

enum Step {
    /// A record ends; length without and with the line end, lines it spans.
    Record { length: usize, taken: usize, lines: u64, terminated: bool, bad_quoting: bool },
    /// The buffer ends first.
    More,
}

/// The records of a stream.
pub(crate) struct Records {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    line: u64,
    delimiter: u8,
    spans: Vec<Span>,
}

impl Records {
    pub(crate) fn new(input: Box<dyn Read + Send>, delimiter: u8) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            ended: false,
            line: 1,
            delimiter,
            spans: Vec::new(),
        }
    }

    /// The next record; blank lines give a record with one empty field.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, Trouble> {
        loop {
            if self.start == self.end && self.ended {
                return Ok(None);
            }
            if let Step::Record { length, taken, lines, terminated, bad_quoting } = self.step()? {
                let (start, line) = (self.start, self.line);
                self.start += taken;
                self.line += lines;
                let bytes = &self.buffer[start..start + length];
                return Ok(Some(Record { bytes, spans: &self.spans, line, bad_quoting, terminated }));
            }
            self.fill().map_err(Trouble::Io)?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end * 2 > self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        while self.end < self.buffer.len() {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Splits the record that begins at `start`.
    fn step(&mut self) -> Result<Step, Trouble> {
        let data = &self.buffer[self.start..self.end];
        let (ended, delimiter) = (self.ended, self.delimiter);
        self.spans.clear();
        let (mut at, mut lines, mut bad_quoting) = (0, 0, false);
        let mut opened = self.line;
        loop {
            let begin = at;
            if data.get(at) == Some(&QUOTE) {
                opened = self.line + lines;
                at += 1;
                let mut escaped = false;
                let close = loop {
                    at += data[at..]
                        .iter()
                        .position(|b| matches!(b, b'"' | b'\n' | b'\r' | 0))
                        .unwrap_or(data.len() - at);
                    if at - begin > FIELD_BYTES {
                        return Err(Trouble::Huge { line: opened, field: self.spans.len() + 1 });
                    }
                    let Some(&byte) = data.get(at) else {
                        return if ended { Err(Trouble::Unclosed { line: opened }) } else { Ok(Step::More) };
                    };
                    let next = data.get(at + 1).copied();
                    if next.is_none() && !ended && byte != 0 {
                        return Ok(Step::More);
                    }
                    match (byte, next) {
                        (0, _) => return Err(Trouble::Nul { line: self.line + lines }),
                        (QUOTE, Some(QUOTE)) => {
                            escaped = true;
                            at += 2;
                        }
                        (QUOTE, _) => break at,
                        (b'\r', Some(b'\n')) => {
                            lines += 1;
                            at += 2;
                        }
                        _ => {
                            lines += 1;
                            at += 1;
                        }
                    }
                };
                at += 1;
                let clean = data.get(at).is_none_or(|b| *b == delimiter || matches!(b, b'\n' | b'\r'));
                if clean {
                    self.spans.push(Span { start: begin + 1, end: close, escaped });
                } else {
                    bad_quoting = true;
                    at += data[at..].iter().position(|b| plain_stop(*b, delimiter)).unwrap_or(data.len() - at);
                    self.spans.push(Span { start: begin, end: at, escaped: false });
                }
            } else {
                at += data[at..].iter().position(|b| plain_stop(*b, delimiter)).unwrap_or(data.len() - at);
                self.spans.push(Span { start: begin, end: at, escaped: false });
            }
            if at - begin > FIELD_BYTES {
                return Err(Trouble::Huge { line: self.line + lines, field: self.spans.len() });
            }
            let Some(&byte) = data.get(at) else {
                return if ended { self.record(at, at, lines, false, bad_quoting, opened) } else { Ok(Step::More) };
            };
            match byte {
                b if b == delimiter => at += 1,
                0 => return Err(Trouble::Nul { line: self.line + lines }),
                b'\r' => match data.get(at + 1) {
                    None if !ended => return Ok(Step::More),
                    Some(b'\n') => return self.record(at, at + 2, lines + 1, true, bad_quoting, opened),
                    _ => return self.record(at, at + 1, lines + 1, true, bad_quoting, opened),
                },
                _ => return self.record(at, at + 1, lines + 1, true, bad_quoting, opened),
            }
        }
    }

    /// A record whose closing quote stands in the wrong place is a bad row; over several lines it may have swallowed
    /// good ones, and then nothing after it can be trusted.
    fn record(
        &self,
        length: usize,
        taken: usize,
        lines: u64,
        terminated: bool,
        bad_quoting: bool,
        opened: u64,
    ) -> Result<Step, Trouble> {
        let breaks = lines - u64::from(terminated);
        if bad_quoting && breaks > 0 {
            return Err(Trouble::Swallowed { line: opened.min(self.line + breaks), until: self.line + breaks });
        }
        Ok(Step::Record { length, taken, lines, terminated, bad_quoting })
    }
}

fn plain_stop(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || matches!(byte, b'\n' | b'\r' | 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Gives its bytes one, two, three ... at a time, to cross every buffer border.
    struct Trickle(Vec<u8>, usize, usize);

    impl Read for Trickle {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.2 = self.2 % 3 + 1;
            let n = self.2.min(self.0.len() - self.1).min(into.len());
            into[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    fn all(text: &[u8], delimiter: u8) -> Result<Vec<(u64, Vec<String>, bool)>, Trouble> {
        let mut records = Records::new(Box::new(Trickle(text.to_vec(), 0, 0)), delimiter);
        records.buffer.truncate(4);
        let mut found = Vec::new();
        while let Some(record) = records.next()? {
            let fields = (0..record.spans.len())
                .map(|i| {
                    let (bytes, escaped) = record.field(i);
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    if escaped { text.replace("\"\"", "\"") } else { text }
                })
                .collect();
            found.push((record.line, fields, record.bad_quoting));
        }
        Ok(found)
    }

    fn rows(text: &str) -> Vec<(u64, Vec<String>, bool)> {
        all(text.as_bytes(), b',').unwrap()
    }

    #[test]
    fn line_ends_quotes_and_line_numbers() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "\"x,\"\"y\"\"\",2", "\"two\nlines\",3", "", "last,"].join(end);
            let found = rows(&text);
            let lines: Vec<u64> = found.iter().map(|r| r.0).collect();
            assert_eq!(lines, [1, 2, 3, 5, 6], "{end:?}");
            assert_eq!(found[1].1, ["x,\"y\"", "2"]);
            assert_eq!(found[2].1, ["two\nlines", "3"]);
            assert_eq!(found[3].1, [""]);
            assert_eq!(found[4].1, ["last", ""]);
        }
    }

    #[test]
    fn trouble_names_its_line() {
        assert!(matches!(all(b"a,b\n\"x,2\n3,4\n", b','), Err(Trouble::Unclosed { line: 2 })));
        assert!(matches!(all(b"a,b\n1,2\n3,\x004\n", b','), Err(Trouble::Nul { line: 3 })));
        assert!(matches!(all(b"a,b\n\"1\n2\"x,3\n", b','), Err(Trouble::Swallowed { line: 2, until: 3 })));
        let mut huge = b"a,b\n1,".to_vec();
        huge.extend(std::iter::repeat_n(b'x', FIELD_BYTES + 2));
        let mut records = Records::new(Box::new(io::Cursor::new(huge)), b',');
        records.next().unwrap();
        assert!(matches!(records.next(), Err(Trouble::Huge { line: 2, field: 2 })));
        let found = rows("a,b\n\"7\" disc\",2\n3,4\n");
        assert_eq!((found[1].2, found[2].1.as_slice()), (true, &["3".to_owned(), "4".to_owned()][..]));
    }

    /// Draws below `bound` from a fixed stream (Knuth's MMIX constants).
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % bound
        }
    }

    /// The csv crate is the oracle wherever quotes are used by the rules.
    #[test]
    fn agrees_with_the_csv_crate() {
        let letters = ["a", "b", "z", ",", "\"", "\r", "\n", " ", "é"];
        let mut draws = Draws(1);
        for _ in 0..500 {
            let table: Vec<Vec<String>> = (0..=draws.below(5))
                .map(|_| {
                    (0..2 + draws.below(2))
                        .map(|_| (0..draws.below(7)).map(|_| letters[draws.below(letters.len())]).collect())
                        .collect()
                })
                .collect();
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let ours: Vec<Vec<String>> = all(&bytes, b',').unwrap().into_iter().map(|r| r.1).collect();
            assert_eq!(ours, table);
        }
    }

    #[test]
    fn never_panics() {
        let mut draws = Draws(2);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..draws.below(40)).map(|_| b"a,\"\r\n\0;"[draws.below(7)]).collect();
            let _ = all(&bytes, b',');
        }
    }
}
