//! Columns of text and wrapped sentences.

/// Rows of cells in columns two spaces apart: the first column to the left, the others to the right; each line is
/// indented by two. Trailing blanks are cut.
pub(super) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n).map(width).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - length(cell));
                line.push_str("  ");
                if column == 0 {
                    line.push_str(&format!("{cell}{padding}"));
                } else {
                    line.push_str(&format!("{padding}{cell}"));
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// A sentence in lines of at most `width`, each indented by `indent`, at most `most` of them.
pub(super) fn wrap(sentence: &str, indent: usize, width: usize, most: usize) -> Vec<String> {
    let room = width - indent;
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        // A word longer than a line can only be a path or an id: its start tells the most.
        let word: String =
            if length(word) > room { word.chars().take(room - 1).chain(['…']).collect() } else { word.to_owned() };
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(&word) <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(room - 2).chain([' ', '…']).collect();
        }
    }
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(indent))).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".into(), "1,000".into()], vec!["long".into(), "–".into()], vec!["x".into()]];
        assert_eq!(columns(&rows), ["  a     1,000", "  long      –", "  x"]);
        assert!(columns(&[]).is_empty());
    }

    #[test]
    fn sentences_wrap_and_end() {
        assert_eq!(wrap("one two three four", 2, 11, 9), ["  one two", "  three", "  four"]);
        assert_eq!(wrap("one two three four", 2, 11, 2), ["  one two", "  three …"]);
        assert_eq!(wrap("abcdefghijkl", 0, 5, 3), ["abcd…"]);
        assert!(wrap("", 0, 5, 3).is_empty());
    }
}
