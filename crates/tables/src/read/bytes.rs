//! From a file to a stream of text bytes: gzip, byte-order marks, encodings.
//!
//! UTF-16 and other named encodings are transcoded to UTF-8 on the way. UTF-8 and Windows-1252 pass through as they
//! are, since delimiters, quotes and line ends are the same bytes in both; the record decides (see [`Text`]).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

const BLOCK: usize = 1 << 20;

/// How bytes beyond ASCII are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// UTF-8; what is not is refused with its row.
    Utf8,
    /// Windows-1252, in which every byte is a character.
    Windows1252,
    /// Nothing beyond ASCII seen yet: the first text that is decides.
    Open,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) gzip: bool,
    /// Transcoded from here, none where bytes pass as they are.
    pub(crate) transcode: Option<&'static Encoding>,
    pub(crate) bom: usize,
    pub(crate) text: Text,
    /// The encoding and how it is known, for people.
    pub(crate) label: String,
}

/// Does the file begin like gzip?
pub(crate) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

/// Opens the raw, decompressed bytes.
fn raw(path: &Path, gzip: bool) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(Error::io(path))?;
    Ok(if gzip { Box::new(Prefetch::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// Up to `limit` bytes from the front.
fn front(mut input: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.by_ref().take(limit as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Decides how a file's bytes become text. `wanted` is an encoding's name, which then is not doubted.
/// Gives the origin and the first text, at most 1 MB before decoding; the text is empty only where the file is.
pub(crate) fn origin(path: &Path, file: &str, gzip: bool, wanted: Option<&str>) -> Result<(Origin, Vec<u8>)> {
    let input = raw(path, gzip)?;
    let head = front(input, BLOCK).map_err(|e| stream(path, file, gzip, e))?;
    let (bom, marked) = match &head[..] {
        [0xef, 0xbb, 0xbf, ..] => (3, Some(UTF_8)),
        [0xff, 0xfe, ..] => (2, Some(UTF_16LE)),
        [0xfe, 0xff, ..] => (2, Some(UTF_16BE)),
        _ => (0, None),
    };
    let mut origin = Origin { gzip, transcode: None, bom, text: Text::Open, label: String::new() };
    let named = match wanted {
        Some(name) => Some(by_name(name).ok_or_else(|| Error::Read {
            file: file.to_owned(),
            place: None,
            problem: format!("the encoding '{name}' is not known"),
            cure: "use a name such as utf-8, utf-16le, windows-1252, iso-8859-15, shift_jis".to_owned(),
        })?),
        None => None,
    };
    let (encoding, how) = match (named, marked) {
        (Some(encoding), _) => (Some(encoding), "as the setting encoding says"),
        (None, Some(encoding)) => (Some(encoding), "by its byte-order mark"),
        (None, None) => (None, ""),
    };
    match encoding {
        Some(encoding) if encoding == UTF_8 => {
            origin.text = Text::Utf8;
            origin.label = format!("UTF-8, {how}");
        }
        Some(encoding) if encoding == WINDOWS_1252 => {
            origin.text = Text::Windows1252;
            origin.label = format!("windows-1252, {how}");
        }
        Some(encoding) => {
            origin.transcode = Some(encoding);
            origin.text = Text::Utf8;
            origin.label = format!("{}, {how}", encoding.name());
        }
        None => {
            if let Some(name) = looks_like_utf16(&head) {
                return Err(Error::Read {
                    file: file.to_owned(),
                    place: Some("row 1".to_owned()),
                    problem: format!("every other byte is NUL: this looks like {name} without a byte-order mark"),
                    cure: format!("say so in tenure.toml: [data] encoding = \"{name}\", or save the file as UTF-8"),
                });
            }
            (origin.text, origin.label) = guess(&head);
        }
    }
    let text = match origin.transcode {
        Some(encoding) => front(Transcode::new(Box::new(io::Cursor::new(head[bom..].to_vec())), encoding), 2 * BLOCK)
            .map_err(|e| stream(path, file, gzip, e))?,
        None => head[bom..].to_vec(),
    };
    Ok((origin, text))
}

/// Opens the text of a file.
pub(crate) fn open(path: &Path, file: &str, origin: &Origin) -> Result<Box<dyn Read + Send>> {
    let mut input = raw(path, origin.gzip)?;
    let mut mark = vec![0; origin.bom];
    input.read_exact(&mut mark).map_err(|e| stream(path, file, origin.gzip, e))?;
    Ok(match origin.transcode {
        Some(encoding) => Box::new(Transcode::new(input, encoding)),
        None => input,
    })
}

/// An error of the stream: damage where it is compressed, else the file system's.
pub(crate) fn stream(path: &Path, file: &str, gzip: bool, error: io::Error) -> Error {
    let damaged =
        matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
    if gzip && damaged {
        return Error::Read {
            file: file.to_owned(),
            place: None,
            problem: format!("the gzip stream is damaged or cut short ({error})"),
            cure: "fetch or export the file again; 'gzip -t' tells whether it is whole".to_owned(),
        };
    }
    Error::Io { path: path.to_path_buf(), source: error }
}

fn by_name(name: &str) -> Option<&'static Encoding> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let alias = match plain.as_str() {
        "utf8" | "utf8sig" | "utf8bom" => "utf-8",
        "utf16" | "utf16le" => "utf-16le",
        "utf16be" => "utf-16be",
        "latin1" | "cp1252" | "ansi" | "windows1252" => "windows-1252",
        _ => name,
    };
    Encoding::for_label(alias.as_bytes())
}

fn looks_like_utf16(head: &[u8]) -> Option<&'static str> {
    let sample = &head[..head.len().min(2_000) / 2 * 2];
    if sample.len() < 8 {
        return None;
    }
    let nuls = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), sample.len() / 2);
    match (even * 10, odd * 10) {
        (e, o) if e <= half && o >= half * 6 => Some("utf-16le"),
        (e, o) if o <= half && e >= half * 6 => Some("utf-16be"),
        _ => None,
    }
}

/// UTF-8 unless hardly a line beyond ASCII is.
fn guess(head: &[u8]) -> (Text, String) {
    if head.is_ascii() {
        return (Text::Open, "ASCII so far".to_owned());
    }
    // The last line may be cut in the middle of a character.
    let end = head.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(head.len(), |at| at + 1);
    let (mut utf8, mut other, mut first) = (0_u64, 0_u64, 0_usize);
    for (line, bytes) in head[..end].split(|b| *b == b'\n').enumerate() {
        if bytes.is_ascii() {
            continue;
        }
        if std::str::from_utf8(bytes).is_ok() {
            utf8 += 1;
        } else {
            other += 1;
            if first == 0 {
                first = line + 1;
            }
        }
    }
    match (utf8, other) {
        (0, 0) => (Text::Open, "ASCII so far".to_owned()),
        (_, 0) => (Text::Utf8, "UTF-8".to_owned()),
        // Text of another encoding is hardly ever valid UTF-8 by chance: a few such lines prove that the file is mixed.
        (utf8, other) if 10 * utf8 >= other => (Text::Utf8, format!("UTF-8, though line {first} is not")),
        _ => (Text::Windows1252, format!("windows-1252, because line {first} is not UTF-8")),
    }
}

/// Turns another encoding into UTF-8. What cannot be decoded becomes the byte 0xFF, which is never UTF-8, so that the
/// record's own check refuses the row.
struct Transcode {
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    source: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    finished: bool,
    ready: Vec<u8>,
    given: usize,
}

impl Transcode {
    fn new(input: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder_without_bom_handling(),
            source: vec![0; 1 << 16],
            at: 0,
            filled: 0,
            ended: false,
            finished: false,
            ready: Vec::new(),
            given: 0,
        }
    }

    fn produce(&mut self) -> io::Result<()> {
        if self.at == self.filled && !self.ended {
            self.filled = self.input.read(&mut self.source)?;
            self.at = 0;
            self.ended = self.filled == 0;
        }
        self.ready.resize(1 << 17, 0);
        self.given = 0;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.source[self.at..self.filled],
            &mut self.ready[..(1 << 17) - 1],
            self.ended,
        );
        self.at += read;
        self.ready.truncate(written);
        match result {
            DecoderResult::InputEmpty => self.finished = self.ended,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => self.ready.push(0xff),
        }
        Ok(())
    }
}

impl Read for Transcode {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() && !self.finished {
            self.produce()?;
        }
        let n = into.len().min(self.ready.len() - self.given);
        into[..n].copy_from_slice(&self.ready[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// Decompresses ahead on its own thread, two blocks at most.
struct Prefetch {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
}

impl Prefetch {
    fn new(mut input: impl Read + Send + 'static) -> Self {
        let (sender, blocks) = sync_channel(2);
        std::thread::spawn(move || {
            loop {
                let mut block = Vec::with_capacity(BLOCK);
                let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut block);
                let last = !matches!(read, Ok(n) if n > 0);
                // What was decompressed before the damage is handed over first.
                if !block.is_empty() && sender.send(Ok(block)).is_err() {
                    return;
                }
                if let Err(error) = read {
                    // The reader may be gone; then nobody asks.
                    let _ = sender.send(Err(error));
                }
                if last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0 }
    }
}

impl Read for Prefetch {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            match self.blocks.recv() {
                Ok(block) => (self.block, self.at) = (block?, 0),
                Err(_) => return Ok(0),
            }
        }
        let n = into.len().min(self.block.len() - self.at);
        into[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn transcoding_crosses_every_border_and_marks_damage() {
        let text = "Größe €, 日本\n".repeat(20_000);
        let mut wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = Vec::new();
        Transcode::new(Box::new(io::Cursor::new(wide.clone())), UTF_16LE).read_to_end(&mut out).unwrap();
        assert_eq!(out, text.as_bytes());
        wide.extend([0x00, 0xd8, 0x41, 0x00]);
        let mut out = Vec::new();
        Transcode::new(Box::new(io::Cursor::new(wide)), UTF_16LE).read_to_end(&mut out).unwrap();
        assert!(out.ends_with(&[0xff, b'A']));
    }

    #[test]
    fn encodings_are_guessed_by_lines() {
        assert_eq!(guess(b"a,b\n1,2\n").0, Text::Open);
        assert_eq!(guess("a,b\ncafé,2\n".as_bytes()).0, Text::Utf8);
        assert_eq!(guess(b"a,b\ncaf\xe9,2\n").0, Text::Windows1252);
        assert_eq!(guess(b"a\ncaf\xc3\xa9\ncaf\xc3\xa9\ncaf\xe9\n").0, Text::Utf8);
        assert_eq!(looks_like_utf16(b"a\0,\0b\0\n\0"), Some("utf-16le"));
        assert_eq!(looks_like_utf16(b"\0a\0,\0b\0\n"), Some("utf-16be"));
        assert_eq!(by_name("Latin-1"), Some(WINDOWS_1252));
        assert_eq!(by_name("nonsense"), None);
    }
}
