//! The check of a workbook's archive before anything else opens it: what it declares, and what is really inside.
//!
//! A workbook is a zip archive, and one of a kilobyte may unfold into gigabytes or claim a billion strings. Entries are
//! counted, sizes compared with what unfolds, checksums verified, and no piece of XML may be longer than a cell can be.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::records::FIELD_BYTES;
use crate::error::{Error, Result};

const MOST_ENTRIES: u64 = 10_000;
const MOST_BYTES: u64 = 4 << 30;
/// Shared strings are held in memory while the sheets are read.
const MOST_STRINGS: u64 = 512 << 20;
/// Above this size an archive may not unfold more than [`RATIO`] times.
const FREE_BYTES: u64 = 100 << 20;
const RATIO: u64 = 200;
const CHUNK: usize = 1 << 16;

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    header_at: u64,
}

/// Checks a workbook's archive; gives the size of its shared strings.
pub(crate) fn check(path: &Path, file: &str) -> Result<u64> {
    let refuse = |problem: String| Error::Read {
        file: file.to_owned(),
        place: None,
        problem,
        cure: "save the workbook again, or export it as CSV".to_owned(),
    };
    let mut opened = File::open(path).map_err(Error::io(path))?;
    let entries = directory(&mut opened).map_err(&refuse)?;
    let mut inspected: Vec<&Entry> = entries
        .iter()
        .filter(|e| {
            let name = e.name.to_lowercase();
            name.ends_with(".xml") || name.ends_with(".rels")
        })
        .collect();
    // The largest first, turn by turn on two threads.
    inspected.sort_by_key(|e| std::cmp::Reverse(e.packed));
    let work = |turn: usize| -> std::result::Result<(), String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        inspected.iter().skip(turn).step_by(2).try_for_each(|entry| inspect(&mut file, entry))
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(1));
        let mine = work(0);
        let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        mine.and(other)
    })
    .map_err(refuse)?;
    Ok(entries.iter().filter(|e| is_strings(&e.name)).map(|e| e.size).sum())
}

fn is_strings(name: &str) -> bool {
    name.to_lowercase().ends_with("sharedstrings.xml")
}

fn le(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    bytes.get(at..at + width)?.iter().rev().try_fold(0_u64, |value, byte| Some(value << 8 | u64::from(*byte)))
}

/// Reads the central directory and checks what it declares.
fn directory(file: &mut File) -> std::result::Result<Vec<Entry>, String> {
    const CUT: &str = "the workbook's archive is damaged or cut short";
    let cut = || CUT.to_owned();
    let length = file.seek(SeekFrom::End(0)).map_err(|e| e.to_string())?;
    let tail_at = length.saturating_sub(65_557 + 20);
    let tail = at(file, tail_at, length - tail_at)?;
    let end = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|i| {
            tail[*i..].starts_with(b"PK\x05\x06")
                && le(&tail, i + 20, 2).is_some_and(|c| i + 22 + c as usize == tail.len())
        })
        .ok_or_else(cut)?;
    let mut count = le(&tail, end + 10, 2).ok_or_else(cut)?;
    let mut size = le(&tail, end + 12, 4).ok_or_else(cut)?;
    let mut offset = le(&tail, end + 16, 4).ok_or_else(cut)?;
    if end >= 20 && tail[end - 20..].starts_with(b"PK\x06\x07") {
        let record = at(file, le(&tail, end - 12, 8).ok_or_else(cut)?, 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(cut());
        }
        count = le(&record, 32, 8).ok_or_else(cut)?;
        size = le(&record, 40, 8).ok_or_else(cut)?;
        offset = le(&record, 48, 8).ok_or_else(cut)?;
    }
    if count > MOST_ENTRIES {
        return Err(format!("the workbook's archive holds {count} entries; {MOST_ENTRIES} are allowed"));
    }
    if size > MOST_ENTRIES * 1_024 {
        return Err(cut());
    }
    let bytes = at(file, offset, size)?;
    let (mut entries, mut place) = (Vec::new(), 0);
    for _ in 0..count {
        let head = bytes.get(place..place + 46).filter(|h| h.starts_with(b"PK\x01\x02")).ok_or_else(cut)?;
        let field = |at, width| le(head, at, width).unwrap_or_default();
        let (name, extra, comment) = (field(28, 2) as usize, field(30, 2) as usize, field(32, 2) as usize);
        let text = bytes.get(place + 46..place + 46 + name).ok_or_else(cut)?;
        let mut entry = Entry {
            name: String::from_utf8_lossy(text).into_owned(),
            method: field(10, 2) as u16,
            crc: field(16, 4) as u32,
            packed: field(20, 4),
            size: field(24, 4),
            header_at: field(42, 4),
        };
        let extra_bytes = bytes.get(place + 46 + name..place + 46 + name + extra).ok_or_else(cut)?;
        wide(&mut entry, extra_bytes);
        entries.push(entry);
        place += 46 + name + extra + comment;
    }
    let (packed, unfolded) =
        entries.iter().fold((0_u64, 0_u64), |(p, s), e| (p.saturating_add(e.packed), s.saturating_add(e.size)));
    if packed > length {
        return Err("the workbook's archive claims more bytes than it has".to_owned());
    }
    if unfolded > MOST_BYTES {
        return Err(format!("the workbook unfolds to {} MB; {} are allowed", unfolded >> 20, MOST_BYTES >> 20));
    }
    if unfolded > FREE_BYTES && unfolded / RATIO > packed {
        return Err(format!(
            "the workbook unfolds from {} kB to {} MB, more than {RATIO} times: this is how archive bombs are made",
            packed >> 10,
            unfolded >> 20
        ));
    }
    if let Some(strings) = entries.iter().find(|e| is_strings(&e.name))
        && strings.size > MOST_STRINGS
    {
        return Err(format!("the workbook's shared strings take {} MB of memory", strings.size >> 20));
    }
    Ok(entries)
}

fn at(file: &mut File, offset: u64, length: u64) -> std::result::Result<Vec<u8>, String> {
    file.seek(SeekFrom::Start(offset)).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err("the workbook's archive is damaged or cut short".to_owned())
    }
}

/// Sizes beyond 32 bits stand in an extra field, in this order, only where the short field is full.
fn wide(entry: &mut Entry, mut extra: &[u8]) {
    while let (Some(id), Some(length)) = (le(extra, 0, 2), le(extra, 2, 2)) {
        let end = (4 + length as usize).min(extra.len());
        if id == 1 {
            let (body, mut place) = (&extra[4..end], 0);
            for value in [&mut entry.size, &mut entry.packed, &mut entry.header_at] {
                if *value == u64::from(u32::MAX)
                    && let Some(long) = le(body, place, 8)
                {
                    *value = long;
                    place += 8;
                }
            }
        }
        extra = &extra[end..];
    }
}

/// Unfolds an entry and compares it with what was declared.
fn inspect(file: &mut File, entry: &Entry) -> std::result::Result<(), String> {
    let name = entry.name.chars().take(80).collect::<String>();
    let damaged = |what: &str| format!("'{name}' in the workbook's archive {what}");
    let header = at(file, entry.header_at, 30)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(damaged("has no header"));
    }
    let skip = 30 + le(&header, 26, 2).unwrap_or_default() + le(&header, 28, 2).unwrap_or_default();
    file.seek(SeekFrom::Start(entry.header_at + skip)).map_err(|e| e.to_string())?;
    let packed = file.by_ref().take(entry.packed);
    let mut unfolded: Box<dyn Read + '_> = match entry.method {
        0 => Box::new(packed),
        8 => Box::new(DeflateDecoder::new(packed)),
        _ => return Err(damaged("is compressed in a way that workbooks do not use")),
    };
    let strings = is_strings(&name);
    let (mut crc, mut size, mut gap) = (Crc::new(), 0_u64, 0_usize);
    let mut chunk = vec![0; CHUNK];
    let mut carried = Vec::new();
    loop {
        let read = unfolded.read(&mut chunk).map_err(|_| damaged("is damaged"))?;
        if read == 0 {
            break;
        }
        let bytes = &chunk[..read];
        size += read as u64;
        if size > entry.size {
            return Err(damaged("holds more than it declares"));
        }
        crc.update(bytes);
        let mut rest = bytes;
        while let Some(next) = rest.iter().position(|b| *b == b'<') {
            if gap + next > FIELD_BYTES {
                break;
            }
            gap = 0;
            rest = &rest[next + 1..];
        }
        gap += rest.len();
        if gap > FIELD_BYTES {
            return Err(damaged("holds a piece of more than 1 MB, which no cell can be"));
        }
        if size == read as u64 && bytes.windows(9).take(4_096).any(|w| w.eq_ignore_ascii_case(b"<!DOCTYPE")) {
            return Err(damaged("declares a document type, which workbooks never do"));
        }
        if strings {
            carried.extend_from_slice(bytes);
            if let Some(claim) = largest_claim(&carried)
                && claim > entry.size
            {
                return Err(damaged("claims more strings than it has bytes"));
            }
            carried.drain(..carried.len().saturating_sub(64));
        }
    }
    if size != entry.size || crc.sum() != entry.crc {
        return Err(damaged("is damaged: its size or checksum is not what it declares"));
    }
    Ok(())
}

/// The largest number in a `uniqueCount` attribute: the reader reserves that many strings.
fn largest_claim(bytes: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"uniqueCount";
    bytes
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == NAME)
        .map(|(at, _)| {
            let digits = bytes[at + NAME.len()..].iter().copied();
            digits
                .skip_while(|b| matches!(b, b' ' | b'=' | b'"' | b'\'' | b'\t' | b'\n' | b'\r' | b'+' | b'0'))
                .take_while(u8::is_ascii_digit)
                .fold(0_u64, |value, b| value.saturating_mul(10).saturating_add(u64::from(b - b'0')))
        })
        .max()
}
