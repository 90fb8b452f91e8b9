//! Words on a picture: how wide they are, where they break, and what may not reach an SVG.
//!
//! kuva draws PNG text with its bundled DejaVu Sans but keeps its metrics private, so the advance widths of that face
//! stand here. In an SVG the reader's font decides; the families named in the theme are as wide as DejaVu or
//! narrower, so nothing clips.

/// First code point after the printable ASCII block that the tables cover.
const LATIN_START: u32 = 0xA0;
/// One past the last code point that the tables cover.
const LATIN_END: u32 = 0x180;
/// How many entries the ASCII block takes.
const ASCII_LEN: u32 = 0x7F - 0x20;
/// Font units per em.
const UNITS_PER_EM: f64 = 2048.0;

/// Width of `text` in pixels at `size` pixels.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let table = if bold { &BOLD } else { &REGULAR };
    let units: u32 = text.chars().map(|c| advance(c, table)).sum();
    f64::from(units) / UNITS_PER_EM * size
}

fn advance(c: char, table: &[u16; 319]) -> u32 {
    let code = u32::from(c);
    let index = match code {
        0x20..0x7F => Some(code - 0x20),
        LATIN_START..LATIN_END => Some(ASCII_LEN + code - LATIN_START),
        _ => None,
    };
    match index.and_then(|i| table.get(i as usize)) {
        Some(units) => u32::from(*units),
        None => match code {
            0x2009 | 0x202F => 409,
            0x2010..=0x2013 => 1024,
            0x2018 | 0x2019 => 800,
            0x2014 | 0x2026 => 2048,
            0x20AC => 1425,
            // Full-width scripts take one em; everything else is close to the widest Latin letter.
            0x2E80.. => 2048,
            _ => 1750,
        },
    }
}

/// Breaks `text` into lines no wider than `limit` pixels. A per cent sign stays with its number; a single word wider
/// than the limit is cut with an ellipsis rather than drawn past the edge.
pub(super) fn wrap(text: &str, size: f64, bold: bool, limit: f64) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if word.starts_with('%') || matches!(word, "·" | "–" | "×") => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let word = fit(&word, size, bold, limit);
        match lines.last_mut() {
            Some(line) if width(line, size, bold) + width(" ", size, bold) + width(&word, size, bold) <= limit => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// `text` itself when it is at most `limit` pixels wide, else its longest beginning that fits with an ellipsis.
pub(super) fn fit(text: &str, size: f64, bold: bool, limit: f64) -> String {
    if width(text, size, bold) <= limit {
        return text.to_owned();
    }
    let room = limit - width("…", size, bold);
    let mut kept = String::new();
    let mut used = 0.0;
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size, bold);
        if used > room {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// `text` with every character that XML 1.0 forbids, and every line break, replaced by a space: names come from the
/// data.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c }).collect()
}

/// `text` escaped for the content of an XML element.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Advance widths of DejaVu Sans for U+0020..=U+007E, then U+00A0..=U+017F, in 1/2048 em.
const REGULAR: [u16; 319] = [
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690, 1303, 1303, 1303, 1303, 1303,
    1303, 1303, 1303, 1303, 1303, 690, 690, 1716, 1716, 1716, 1087, 2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587,
    1540, 604, 604, 1343, 1141, 1767, 1532, 1612, 1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403,
    799, 690, 799, 1716, 1024, 1024, 1255, 1300, 1126, 1300, 1260, 721, 1300, 1298, 569, 569, 1186, 569, 1995, 1298,
    1253, 1300, 1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690, 1303, 1716, 651, 821, 1303, 1303,
    1303, 1303, 690, 1024, 1024, 2048, 965, 1253, 1716, 739, 2048, 1024, 1024, 1716, 821, 821, 1024, 1303, 1303, 651,
    1024, 821, 965, 1253, 1985, 1985, 1985, 1087, 1401, 1401, 1401, 1401, 1401, 1401, 1995, 1430, 1294, 1294, 1294,
    1294, 604, 604, 604, 604, 1587, 1532, 1612, 1612, 1612, 1612, 1612, 1716, 1612, 1499, 1499, 1499, 1499, 1251, 1239,
    1290, 1255, 1255, 1255, 1255, 1255, 1255, 2011, 1126, 1260, 1260, 1260, 1260, 569, 569, 569, 569, 1253, 1298, 1253,
    1253, 1253, 1253, 1253, 1716, 1253, 1298, 1298, 1298, 1298, 1212, 1300, 1212, 1401, 1255, 1401, 1255, 1401, 1255,
    1430, 1126, 1430, 1126, 1430, 1126, 1430, 1126, 1577, 1300, 1587, 1300, 1294, 1260, 1294, 1260, 1294, 1260, 1294,
    1260, 1294, 1260, 1587, 1300, 1587, 1300, 1587, 1300, 1587, 1300, 1540, 1298, 1876, 1423, 604, 569, 604, 569, 604,
    569, 604, 569, 604, 569, 1208, 1138, 604, 569, 1343, 1186, 1186, 1141, 569, 1141, 569, 1141, 768, 1141, 700, 1151,
    582, 1532, 1298, 1532, 1298, 1532, 1298, 1666, 1532, 1298, 1612, 1253, 1612, 1253, 1612, 1253, 2191, 2095, 1423,
    842, 1423, 842, 1423, 842, 1300, 1067, 1300, 1067, 1300, 1067, 1300, 1067, 1251, 803, 1251, 803, 1251, 803, 1499,
    1298, 1499, 1298, 1499, 1298, 1499, 1298, 1499, 1298, 1499, 1298, 2025, 1675, 1251, 1212, 1251, 1403, 1075, 1403,
    1075, 1403, 1075, 721,
];

/// The same for DejaVu Sans Bold.
const BOLD: [u16; 319] = [
    713, 934, 1067, 1716, 1425, 2052, 1786, 627, 936, 936, 1071, 1716, 778, 850, 778, 748, 1425, 1425, 1425, 1425,
    1425, 1425, 1425, 1425, 1425, 1425, 819, 819, 1716, 1716, 1716, 1188, 2048, 1585, 1561, 1503, 1700, 1399, 1399,
    1681, 1714, 762, 762, 1587, 1305, 2038, 1714, 1741, 1501, 1741, 1577, 1475, 1397, 1663, 1585, 2259, 1579, 1483,
    1485, 936, 748, 936, 1716, 1024, 1024, 1382, 1466, 1214, 1466, 1389, 891, 1466, 1458, 702, 702, 1362, 702, 2134,
    1458, 1407, 1466, 1466, 1010, 1219, 979, 1458, 1335, 1892, 1321, 1335, 1192, 1458, 748, 1458, 1716, 713, 934, 1425,
    1425, 1303, 1425, 748, 1024, 1024, 2048, 1155, 1323, 1716, 850, 2048, 1024, 1024, 1716, 897, 897, 1024, 1507, 1303,
    778, 1024, 897, 1155, 1323, 2120, 2120, 2120, 1188, 1585, 1585, 1585, 1585, 1585, 1585, 2222, 1503, 1399, 1399,
    1399, 1399, 762, 762, 762, 762, 1716, 1714, 1741, 1741, 1741, 1741, 1741, 1716, 1741, 1663, 1663, 1663, 1663, 1483,
    1511, 1473, 1382, 1382, 1382, 1382, 1382, 1382, 2146, 1214, 1389, 1389, 1389, 1389, 702, 702, 702, 702, 1407, 1458,
    1407, 1407, 1407, 1407, 1407, 1716, 1407, 1458, 1458, 1458, 1458, 1335, 1466, 1335, 1585, 1382, 1585, 1382, 1585,
    1382, 1503, 1214, 1503, 1214, 1503, 1214, 1503, 1214, 1700, 1466, 1716, 1466, 1399, 1389, 1399, 1389, 1399, 1389,
    1399, 1389, 1399, 1389, 1681, 1466, 1681, 1466, 1681, 1466, 1681, 1466, 1714, 1458, 1994, 1618, 762, 702, 762, 702,
    762, 702, 762, 702, 762, 702, 1524, 1404, 762, 702, 1587, 1362, 1362, 1305, 702, 1305, 702, 1305, 982, 1305, 1140,
    1315, 760, 1714, 1458, 1714, 1458, 1714, 1458, 2013, 1714, 1458, 1741, 1407, 1741, 1407, 1741, 1407, 2390, 2241,
    1577, 1010, 1577, 1010, 1577, 1010, 1475, 1219, 1475, 1219, 1475, 1219, 1475, 1219, 1397, 979, 1397, 979, 1397,
    979, 1663, 1458, 1663, 1458, 1663, 1458, 1663, 1458, 1663, 1458, 1663, 1458, 2259, 1892, 1483, 1335, 1483, 1485,
    1192, 1485, 1192, 1485, 1192, 891,
];

#[cfg(test)]
mod tests {
    use super::{clean, escape, fit, width, wrap};

    #[test]
    fn digits_have_one_width_and_bold_is_wider() {
        // DejaVu Sans sets every digit on 1303/2048 em.
        assert!((width("0123456789", 10.0, false) - 10.0 * 10.0 * 1303.0 / 2048.0).abs() < 1e-9);
        assert!(width("Champions", 11.0, true) > width("Champions", 11.0, false));
    }

    #[test]
    fn lines_stay_within_the_limit_and_keep_every_word() {
        let text = "The Champions segment holds 14 % of customers and 62 % of revenue";
        let lines = wrap(text, 11.0, false, 150.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| width(line, 11.0, false) <= 150.0));
        assert!(lines.iter().all(|line| !line.starts_with('%')));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn long_words_are_cut_and_short_ones_left_alone() {
        assert_eq!(fit("Lost", 11.0, false, 100.0), "Lost");
        let cut = fit("Potential Loyalist of the north", 11.0, false, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 11.0, false) <= 80.0);
    }

    #[test]
    fn what_xml_forbids_is_gone() {
        assert_eq!(clean("a\u{1}b\nc"), "a b c");
        assert_eq!(escape("a<b & c>d"), "a&lt;b &amp; c&gt;d");
    }
}
