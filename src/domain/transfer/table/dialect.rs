//! How a table is written: its delimiter, and whether its first row names the columns.

use crate::domain::transfer::fields::{Meaning, find_meaning, is_content};

/// The delimiters in use, the usual one first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Maximum characters of the abbreviation by which a table without a header is recognised.
const ABBREVIATION_MAX_CHARS: usize = 40;
/// Maximum bytes of the name of a column by which a table is recognised.
const COLUMN_MAX_BYTES: usize = 64;

/// The dialect of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether a line `sep=;` of Excel precedes the table.
    pub(super) has_separator_line: bool,
    /// Whether the first row is a prompt: abbreviation, content, and perhaps a label, as TextExpander
    /// writes them.
    pub(super) is_headerless: bool,
}

impl Dialect {
    /// Recognises the dialect by the start of a table.
    pub(super) fn recognise(start: &[u8]) -> Self {
        let (line, _) = split_line(start);
        let declared = line.trim_ascii_start().to_ascii_lowercase();
        if let [b's', b'e', b'p', b'=', delimiter] = declared[..] {
            return Self { delimiter, has_separator_line: true, is_headerless: false };
        }
        let known = |delimiter: &u8| {
            first_row(start, *delimiter).iter().filter(|cell| is_known(cell)).count()
        };
        // Of several with the same count, the usual one.
        let (delimiter, count) = DELIMITERS
            .iter()
            .map(|delimiter| (*delimiter, known(delimiter)))
            .fold((b',', 0), |best, next| if next.1 > best.1 { next } else { best });
        let headerless = if count == 0 {
            [b',', b'\t'].into_iter().find(|delimiter| is_snippet(start, *delimiter))
        } else {
            None
        };
        Self {
            delimiter: headerless.unwrap_or(delimiter),
            has_separator_line: false,
            is_headerless: headerless.is_some(),
        }
    }
}

/// Returns whether the start of a text is that of a table with a header, which names the content and one
/// more part of a prompt. A sentence has such words as well, so that no other column may be long.
pub(in crate::domain::transfer) fn looks_like_table(start: &[u8]) -> bool {
    let dialect = Dialect::recognise(start);
    let (_, rest) = split_line(start);
    let table = if dialect.has_separator_line { rest } else { start };
    let cells = first_row(table, dialect.delimiter);
    cells.iter().filter(|cell| is_known(cell)).count() > 1
        && cells.iter().all(|cell| cell.len() <= COLUMN_MAX_BYTES)
        && cells.iter().any(|cell| str::from_utf8(cell).is_ok_and(is_content))
}

fn is_known(cell: &[u8]) -> bool {
    str::from_utf8(cell).is_ok_and(|cell| matches!(find_meaning(cell), Meaning::Part(..)))
}

/// Whether the first row is an abbreviation and a text.
fn is_snippet(start: &[u8], delimiter: u8) -> bool {
    let cells = first_row(start, delimiter);
    let [abbreviation, content, ..] = &cells[..] else { return false };
    let word = str::from_utf8(abbreviation).unwrap_or_default();
    cells.len() <= 3
        && (1..=ABBREVIATION_MAX_CHARS).contains(&word.chars().count())
        && !word.contains(char::is_whitespace)
        // One word is the name of a column.
        && !content.iter().all(u8::is_ascii_alphabetic)
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    let rest = &text[end..];
    (&text[..end], rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default())
}

/// Returns the cells of the first row, as far as the start of the table has them.
fn first_row(start: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    let mut rows = super::rows::Rows::new(start, delimiter);
    let Ok(Some(row)) = rows.next_row() else { return Vec::new() };
    row.cells().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, delimiter: char, has_separator_line: bool, is_headerless: bool) {
        let delimiter = u8::try_from(delimiter).unwrap();
        let expected = Dialect { delimiter, has_separator_line, is_headerless };
        assert_eq!(Dialect::recognise(start.as_bytes()), expected, "{start:?}");
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        check("act,prompt,for_devs\na,b,c", ',', false, false);
        check("Name;Prompt;Tags, many\n", ';', false, false);
        check("title\tcontent\n", '\t', false, false);
        check("title|content\n", '|', false, false);
        check("\"title\";\"content\"\r\n", ';', false, false);
        check("sep=;\r\na;b\r\n", ';', true, false);
        check("sep=\t\r\na\tb\r\n", '\t', true, false);
        check("content\nx", ',', false, false);
        check("", ',', false, false);
    }

    #[test]
    fn a_table_of_abbreviations_has_no_header() {
        check(";sig,\"Best regards,\nAda\",Signature\n", ',', false, true);
        check("ddate\t%Y-%m-%d\n", '\t', false, true);
        check("a sentence, and another one\n", ',', false, false);
        check("ID,Question,Answer\n1,What is it?,That.\n", ',', false, false);
        check("a,b,c,d\n", ',', false, false);
    }

    #[test]
    fn a_text_is_no_table() {
        for text in ["", "Prompt, write a text", "content", "name,title\n"] {
            assert!(!looks_like_table(text.as_bytes()), "{text}");
        }
        for text in ["act,prompt\n", "sep=;\nName;Prompt\n"] {
            assert!(looks_like_table(text.as_bytes()), "{text}");
        }
    }
}
