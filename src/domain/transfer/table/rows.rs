//! The rows of a table by the grammar of RFC 4180, with any delimiter.
//!
//! A row that does not follow the grammar is a fault of that row. Its end is where the next row can begin
//! without a doubt: at the end of the line, unless a quotation mark is open there.

use std::io::{self, BufRead};

/// Maximum size of a row in bytes. A prompt with every field at its limit has less than a fifth.
pub(super) const ROW_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of cells of a row: those of the widest spreadsheets.
const CELLS_MAX: usize = 16_384;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Section 2, rule 5: a cell without quotation marks around it has none inside.
    QuoteInBareCell { cell: usize },
    /// Rule 7: a quotation mark inside a quoted cell is doubled, so that one before anything but a
    /// delimiter or the end of the line closes nothing.
    TextAfterQuote { cell: usize },
    /// The file ends inside a quoted cell.
    Unclosed,
    /// It has more than [`ROW_MAX_BYTES`].
    TooLong,
    /// It has more than [`CELLS_MAX`] cells.
    TooWide,
}

impl Fault {
    /// Describes the fault and its repair.
    pub(super) fn describe(self) -> String {
        match self {
            Self::QuoteInBareCell { cell } => format!(
                "cell {cell} has a quotation mark, but does not begin with one; put the cell in quotation \
                 marks, and double those inside"
            ),
            Self::TextAfterQuote { cell } => format!(
                "cell {cell} goes on after its closing quotation mark; double the quotation marks inside \
                 a quoted cell, and leave no space around it"
            ),
            Self::Unclosed => {
                "a quoted cell of this row is never closed: the file is truncated, or a \
                               quote in a cell is not doubled"
                    .to_owned()
            }
            Self::TooLong => format!("has more than {ROW_MAX_BYTES} bytes"),
            Self::TooWide => format!("has more than {CELLS_MAX} cells"),
        }
    }
}

/// A row.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Its number as in a spreadsheet: the first one is 1, and empty rows count.
    pub(super) number: u64,
    /// The number of its first line in the file.
    pub(super) line: u64,
    pub(super) fault: Option<Fault>,
    /// The cells one after the other, and the end of each.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// Returns the cells.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Returns the number of cells.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether all cells are empty, as in the rows below a table.
    pub(super) fn is_blank(&self) -> bool {
        self.bytes.is_empty() && self.fault.is_none()
    }

    /// Returns where the row is, in words for a person.
    pub(super) fn place(&self) -> String {
        let Self { number, line, .. } = self;
        if number == line { format!("row {number}") } else { format!("row {number} (line {line})") }
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() == ROW_MAX_BYTES {
            self.fault.get_or_insert(Fault::TooLong);
        }
        if self.fault.is_none() {
            self.bytes.push(byte);
        }
    }

    fn end_cell(&mut self) {
        if self.ends.len() == CELLS_MAX {
            self.fault.get_or_insert(Fault::TooWide);
        }
        if self.fault.is_none() {
            self.ends.push(self.bytes.len());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Bare,
    Quoted,
    /// After a quotation mark in a quoted cell, which is its end or the first of two.
    AfterQuote,
    /// In a row that does not follow the grammar, of which only the end is looked for.
    Faulty(Lenient),
}

/// A place in a cell, as a person would read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lenient {
    CellStart,
    Bare,
    Quoted,
    Closed,
}

/// The rows of an input.
pub(super) struct Rows<R> {
    input: R,
    delimiter: u8,
    /// The number of rows and of lines so far.
    count: u64,
    lines: u64,
    /// The last byte, for lines that end with CRLF.
    last: u8,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, count: 0, lines: 0, last: 0 }
    }

    /// Passes over the line that names the delimiter, which no spreadsheet counts.
    pub(super) fn skip_separator_line(&mut self) -> io::Result<()> {
        self.next_row()?;
        self.count = 0;
        Ok(())
    }

    /// Returns the next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Row>> {
        if self.last == b'\r' && self.input.fill_buf()?.first() == Some(&b'\n') {
            self.input.consume(1);
            self.last = b'\n';
        }
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.count += 1;
        self.last = b'\n';
        let mut row = Row { number: self.count, line: self.lines + 1, ..Row::default() };
        let mut state = State::CellStart;
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                self.end_file(&mut row, state);
                return Ok(Some(row));
            }
            let mut used = 0;
            let mut is_ended = false;
            for byte in buffer {
                used += 1;
                is_ended = step(&mut row, &mut state, *byte, self.last, self.delimiter);
                // The second byte of CRLF ends no other line.
                if *byte == b'\r' || *byte == b'\n' && self.last != b'\r' {
                    self.lines += 1;
                }
                self.last = *byte;
                if is_ended {
                    break;
                }
            }
            self.input.consume(used);
            if is_ended {
                return Ok(Some(row));
            }
        }
    }

    fn end_file(&mut self, row: &mut Row, state: State) {
        match state {
            State::Quoted => row.fault = Some(Fault::Unclosed),
            State::Faulty(Lenient::Quoted) if self.last != b'"' => {
                row.fault = Some(Fault::Unclosed);
            }
            State::Faulty(_) => {}
            State::CellStart | State::Bare | State::AfterQuote => row.end_cell(),
        }
    }
}

/// Reads a byte after `last`. Returns whether the row ends with it.
fn step(row: &mut Row, state: &mut State, byte: u8, last: u8, delimiter: u8) -> bool {
    let is_break = matches!(byte, b'\r' | b'\n');
    let cell = row.len() + 1;
    match *state {
        State::Quoted if byte == b'"' => *state = State::AfterQuote,
        State::Quoted => row.push(byte),
        State::AfterQuote if byte == b'"' => {
            row.push(byte);
            *state = State::Quoted;
        }
        State::CellStart if byte == b'"' => *state = State::Quoted,
        State::CellStart | State::Bare | State::AfterQuote if byte == delimiter => {
            row.end_cell();
            *state = State::CellStart;
        }
        State::CellStart | State::Bare | State::AfterQuote if is_break => {
            row.end_cell();
            return true;
        }
        // RFC 4180 is about commas. In a table with tabs, such a mark is a sign like any other.
        State::CellStart | State::Bare if byte != b'"' || delimiter == b'\t' => {
            row.push(byte);
            *state = State::Bare;
        }
        State::CellStart | State::Bare => {
            row.fault.get_or_insert(Fault::QuoteInBareCell { cell });
            let start = row.ends.last().copied().unwrap_or_default();
            let is_quoted = row.bytes[start..].iter().all(u8::is_ascii_whitespace);
            *state = State::Faulty(if is_quoted { Lenient::Quoted } else { Lenient::Bare });
        }
        State::AfterQuote => {
            row.fault.get_or_insert(Fault::TextAfterQuote { cell });
            *state = State::Faulty(Lenient::Closed);
        }
        State::Faulty(at) => {
            let is_quote = byte == b'"';
            let next = match at {
                // A line that ends with a quotation mark ends with a closed cell, as far as anything can
                // be said about a row with an odd number of them.
                Lenient::Quoted if is_break && last == b'"' => return true,
                Lenient::Quoted if is_quote => Lenient::Closed,
                Lenient::Quoted => Lenient::Quoted,
                _ if is_break => return true,
                _ if byte == delimiter => Lenient::CellStart,
                Lenient::CellStart | Lenient::Closed if is_quote => Lenient::Quoted,
                Lenient::CellStart if byte.is_ascii_whitespace() => Lenient::CellStart,
                Lenient::Closed => Lenient::Closed,
                Lenient::CellStart | Lenient::Bare => Lenient::Bare,
            };
            *state = State::Faulty(next);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8], delimiter: u8, capacity: usize) -> Vec<Row> {
        let mut rows = Rows::new(BufReader::with_capacity(capacity, text), delimiter);
        std::iter::from_fn(|| rows.next_row().unwrap()).collect()
    }

    /// The rows of a text with their places: `!` in front of the number of a faulty cell.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &[&str])]) {
        for capacity in [1, 2, 1000] {
            let found: Vec<(String, Vec<String>)> = rows(text.as_bytes(), b',', capacity)
                .iter()
                .map(|row| {
                    let cells = row.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap());
                    let cells = match row.fault {
                        None => cells.collect(),
                        Some(fault) => vec![format!("{fault:?}")],
                    };
                    (row.place(), cells)
                })
                .collect();
            let expected: Vec<(String, Vec<String>)> = expected
                .iter()
                .map(|(place, cells)| {
                    ((*place).to_owned(), cells.iter().map(|cell| (*cell).to_owned()).collect())
                })
                .collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    const BARE_2: &str = "QuoteInBareCell { cell: 2 }";
    const AFTER_2: &str = "TextAfterQuote { cell: 2 }";

    #[test]
    fn cells_are_read_by_the_grammar() {
        check("a,b\r\nc,d", &[("row 1", &["a", "b"]), ("row 2", &["c", "d"])]);
        check("a,\"b \"\"c\"\"\r\n,d\"\n", &[("row 1", &["a", "b \"c\"\r\n,d"])]);
        check(
            " a , b\n,\n\"\"\n",
            &[("row 1", &[" a ", " b"]), ("row 2", &["", ""]), ("row 3", &[""])],
        );
        check(
            "a\rb\r\r\nc",
            &[("row 1", &["a"]), ("row 2", &["b"]), ("row 3", &[""]), ("row 4", &["c"])],
        );
        check("", &[]);
    }

    #[test]
    fn rows_count_as_in_a_spreadsheet_and_lines_as_in_an_editor() {
        check(
            "a\n\n\n\"b\r\nc\"\nd",
            &[
                ("row 1", &["a"]),
                ("row 2", &[""]),
                ("row 3", &[""]),
                ("row 4", &["b\r\nc"]),
                ("row 5 (line 6)", &["d"]),
            ],
        );
    }

    #[test]
    fn a_row_that_breaks_the_grammar_is_refused_alone() {
        let rest = ("row 2", &["x", "y"][..]);
        check("\"Spaced\", \"hello there\"\nx,y", &[("row 1", &[BARE_2]), rest]);
        check("a,\"say \"hi\" to all\"\nx,y", &[("row 1", &[AFTER_2]), rest]);
        check("a,say \"hi\" to\nx,y", &[("row 1", &[BARE_2]), rest]);
        check("a,5\" pipe\nx,y", &[("row 1", &[BARE_2]), rest]);
        check("a,\"b\" \nx,y", &[("row 1", &[AFTER_2]), rest]);
        check("a,\"5\" pipe\"\r\nx,y", &[("row 1", &[AFTER_2]), rest]);
        check("a,\"5\" pipe\"", &[("row 1", &[AFTER_2])]);
        // The row goes on where a quotation mark is open.
        let inner = "a,\"one \"two\" three\nb,c\nfour\"\nx,y";
        check(inner, &[("row 1", &[AFTER_2]), ("row 2 (line 4)", &["x", "y"])]);
    }

    #[test]
    fn between_tabs_a_quotation_mark_inside_a_cell_is_text() {
        let found = rows(b"a\tsay \"hi\" now\n\"b\tc\"\t5\"\n", b'\t', 1000);
        let cells = found.iter().map(|row| row.cells().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let expected = [[&b"a"[..], b"say \"hi\" now"], [b"b\tc", b"5\""]];
        assert!(cells.eq(expected.map(|row| row.map(<[u8]>::to_vec))));
    }

    #[test]
    fn a_cell_that_is_never_closed_is_a_truncated_file() {
        check("a,\"b\nc", &[("row 1", &["Unclosed"])]);
        check("a,\"", &[("row 1", &["Unclosed"])]);
        check("a,\"b \"c", &[("row 1", &[AFTER_2])]);
        check("a, \"c", &[("row 1", &["Unclosed"])]);
        check("a,b \"c", &[("row 1", &[BARE_2])]);
    }

    #[test]
    fn a_row_is_bounded() {
        let long = format!("{}\nb", "x".repeat(ROW_MAX_BYTES + 1));
        let found = rows(long.as_bytes(), b',', 8192);
        assert_eq!(
            found.iter().map(|row| row.fault).collect::<Vec<_>>(),
            [Some(Fault::TooLong), None]
        );
        let wide = format!("{}\nb", ",".repeat(CELLS_MAX));
        let found = rows(wide.as_bytes(), b',', 8192);
        assert_eq!(
            found.iter().map(|row| row.fault).collect::<Vec<_>>(),
            [Some(Fault::TooWide), None]
        );
    }

    proptest! {
        #[test]
        fn what_a_writer_of_the_format_writes_is_read(
            table in prop::collection::vec(prop::collection::vec("[a\",;\r\n \u{e9}]{0,6}", 2..4), 1..5),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            for capacity in [1, 3, 1000] {
                let read: Vec<Vec<String>> = rows(&text, b',', capacity)
                    .iter()
                    .map(|row| {
                        assert_eq!(row.fault, None);
                        row.cells().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect()
                    })
                    .collect();
                prop_assert_eq!(&read, &table);
            }
        }

        #[test]
        fn no_text_is_read_as_other_text(text in "[a\",\r\n]{0,40}") {
            // What the grammar accepts is what another reader of it reads.
            let found = rows(text.as_bytes(), b',', 5);
            if found.iter().all(|row| row.fault.is_none()) {
                let mut other = csv::ReaderBuilder::new();
                let mut other = other.has_headers(false).flexible(true).from_reader(text.as_bytes());
                let theirs: Vec<Vec<Vec<u8>>> = other
                    .byte_records()
                    .map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect())
                    .collect();
                let blank = |row: &Vec<Vec<u8>>| row.len() > 1 || !row[0].is_empty();
                let ours: Vec<Vec<Vec<u8>>> =
                    found.iter().map(|row| row.cells().map(<[u8]>::to_vec).collect()).collect();
                let ours: Vec<_> = ours.into_iter().filter(blank).collect();
                let theirs: Vec<_> = theirs.into_iter().filter(blank).collect();
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
