//! What commands show: tables that fit a terminal, lines for programs, and JSON.
//!
//! A stored text may hold characters that a terminal obeys, such as those that move its cursor, set its
//! clipboard or reorder a line. None of them gets to a terminal.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use serde::Serialize;
use terminal_size::Width;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::CommandError;

/// The columns of a terminal that does not state them.
const COLUMNS_DEFAULT: usize = 80;
/// The space between two columns.
const GAP: &str = "  ";
/// Stands for the rest of a text that is cut.
const ELLIPSIS: &str = "…";
/// Stands for a character that a terminal would obey.
const REPLACEMENT: char = '\u{fffd}';

/// Standard output, as far as the form of the output depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    /// The columns of the terminal; `None` where the output goes to a file or another program.
    columns: Option<usize>,
    has_colors: bool,
}

impl Screen {
    /// Looks at standard output. `NO_COLOR`, `CLICOLOR` and `TERM` count as they do for other programs.
    pub(super) fn of_stdout() -> Self {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Self { columns: None, has_colors: false };
        }
        let size = terminal_size::terminal_size_of(&stdout);
        // A pseudo terminal that nobody has sized has 0 columns.
        let columns = size.map_or(0, |(Width(columns), _)| usize::from(columns));
        let columns = if columns == 0 { COLUMNS_DEFAULT } else { columns };
        let has_colors = AutoStream::choice(&stdout) != ColorChoice::Never;
        Self { columns: Some(columns), has_colors }
    }

    /// Whether a person reads the output.
    pub(super) fn is_terminal(self) -> bool {
        self.columns.is_some()
    }

    fn paint(self, text: &str, style: Style) -> String {
        if self.has_colors { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its header, on a terminal.
    pub(super) title: &'static str,
    /// The width that it keeps where the table is too wide; `None` if it is never narrowed.
    pub(super) min_width: Option<usize>,
}

/// Rows of texts under some columns.
pub(super) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column. The first cell names what the row is about.
    pub(super) fn push<const N: usize>(&mut self, cells: [&str; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.iter().map(|cell| clean(cell)).collect());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Formats the table: for a terminal with a header, aligned and cut to its width; for a program one
    /// line a row, whole, with a tab between cells.
    pub(super) fn format(&self, screen: Screen) -> String {
        let Some(columns) = screen.columns else {
            return self.rows.iter().flat_map(|row| [row.join("\t"), "\n".to_owned()]).collect();
        };
        let widths = self.fit(columns);
        let header: Vec<String> =
            self.columns.iter().map(|column| column.title.to_owned()).collect();
        let dimmed = Style::new().dimmed();
        let mut text = format_row(&header, &widths, columns, |_, cell| screen.paint(cell, dimmed));
        for row in &self.rows {
            text += &format_row(row, &widths, columns, |index, cell| match index {
                0 => screen.paint(cell, Style::new().bold()),
                _ => cell.to_owned(),
            });
        }
        text
    }

    /// Returns the width of each column, in all no wider than the terminal if the columns can be
    /// narrowed so far. The widest one gives way first.
    fn fit(&self, columns: usize) -> Vec<usize> {
        let width = |index: usize| {
            let cells = self.rows.iter().map(|row| row[index].width());
            cells.chain([self.columns[index].title.width()]).max().unwrap_or_default()
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(columns);
        while excess > 0 {
            let narrowable = self.columns.iter().enumerate().filter(|(index, column)| {
                column.min_width.is_some_and(|min_width| widths[*index] > min_width)
            });
            let Some((widest, _)) = narrowable.max_by_key(|(index, _)| widths[*index]) else {
                break;
            };
            widths[widest] -= 1;
            excess -= 1;
        }
        widths
    }
}

/// Formats one line. `paint` styles a cell, which has its final width by then.
fn format_row(
    cells: &[String],
    widths: &[usize],
    columns: usize,
    paint: impl Fn(usize, &str) -> String,
) -> String {
    let mut line = String::new();
    let mut used = 0;
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = if index == 0 { "" } else { GAP };
        // What is left of a terminal that is narrower than the columns can be.
        let room = columns.saturating_sub(used + gap.len()).min(*width);
        let cell = cut(cell, room);
        if cell.is_empty() && index + 1 == cells.len() {
            break;
        }
        let is_last = index + 1 == cells.len();
        let padding = if is_last { 0 } else { room.saturating_sub(cell.width()) };
        used += gap.len() + cell.width() + padding;
        line.extend([gap, &paint(index, &cell), &" ".repeat(padding)]);
    }
    format!("{}\n", line.trim_end())
}

/// Cuts a text to `room` columns, between two characters as a reader counts them.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(ELLIPSIS.width()) else { return String::new() };
    let mut kept = String::new();
    let mut used = 0;
    for character in text.graphemes(true) {
        used += character.width();
        if used > room {
            break;
        }
        kept += character;
    }
    kept + ELLIPSIS
}

/// Makes one line of a text that nothing in a terminal obeys.
pub(super) fn clean(text: &str) -> String {
    let clean = text.chars().map(|c| match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() || is_direction(c) => REPLACEMENT,
        c => c,
    });
    clean.collect()
}

/// Returns a text of several lines as a terminal may show it: its lines and tabs stay.
pub(super) fn make_harmless(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { REPLACEMENT } else { c })
        .collect()
}

/// Whether a character reorders what stands around it (Unicode Standard Annex #9, section 2).
fn is_direction(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes a value as one line of JSON, in ASCII where a terminal obeys a character.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, CommandError> {
    let json = serde_json::to_string(value)
        .map_err(|error| CommandError::failed(format!("the output is not JSON: {error}")))?;
    // JSON leaves U+007F to U+009F as they are, the last 32 of which are controls of terminals.
    let (mut line, mut rest) = (String::with_capacity(json.len() + 1), json.as_str());
    while let Some(at) = rest.find(char::is_control) {
        let (before, from) = rest.split_at(at);
        let mut characters = from.chars();
        let code = characters.next().map_or(0, u32::from);
        line.extend([before, &format!("\\u{code:04x}")]);
        rest = characters.as_str();
    }
    line.extend([rest, "\n"]);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { title: "NAME", min_width: None },
        Column { title: "TITLE", min_width: Some(6) },
        Column { title: "TAGS", min_width: Some(4) },
    ];

    fn table(rows: &[[&str; 3]]) -> Table {
        let mut table = Table::new(COLUMNS);
        for row in rows {
            table.push(*row);
        }
        table
    }

    fn screen(columns: usize) -> Screen {
        Screen { columns: Some(columns), has_colors: false }
    }

    #[test]
    fn a_table_is_aligned_and_no_line_is_wider_than_the_terminal() {
        let table = table(&[
            ["review", "Review of code", "code, rust"],
            ["poem", "詩を書く、とても長い題名", ""],
            ["family", "👨‍👩‍👧‍👦 é\u{301} family", "x"],
        ]);
        assert_eq!(
            table.format(screen(60)),
            "NAME    TITLE                     TAGS\n\
             review  Review of code            code, rust\n\
             poem    詩を書く、とても長い題名\n\
             family  👨‍👩‍👧‍👦 é\u{301} family               x\n"
        );
        for columns in 1..60 {
            let text = table.format(screen(columns));
            assert_eq!(text.lines().count(), 4, "{columns}");
            for line in text.lines() {
                assert!(line.width() <= columns, "{columns}: {line:?}");
            }
        }
        assert!(table.format(screen(30)).contains("詩を書く…"), "{}", table.format(screen(30)));
    }

    #[test]
    fn a_program_gets_whole_rows_with_tabs() {
        let screen = Screen { columns: None, has_colors: false };
        let long = "x".repeat(300);
        assert_eq!(
            table(&[["a", &long, "one, two"], ["b", "B\tb", ""]]).format(screen),
            format!("a\t{long}\tone, two\nb\tB b\t\n")
        );
    }

    #[test]
    fn no_text_commands_a_terminal() {
        let hostile = "a\u{1b}]52;c;aGk=\u{7}b\u{9b}2Jc\u{202e}d\r\ne\u{7f}";
        let cleaned = "a\u{fffd}]52;c;aGk=\u{fffd}b\u{fffd}2Jc\u{fffd}d  e\u{fffd}";
        assert_eq!(clean(hostile), cleaned);
        let text = table(&[["n", hostile, "t"]]).format(screen(80));
        assert!(text.contains(cleaned), "{text:?}");
        let text = make_harmless(hostile);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        let json = to_json(&hostile).unwrap();
        assert!(!json.trim_end().chars().any(char::is_control), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn colors_surround_cells_and_change_no_width() {
        let screen = Screen { columns: Some(40), has_colors: true };
        let text = table(&[["review", "Review", "x"]]).format(screen);
        assert!(text.contains("\u{1b}[1mreview\u{1b}[0m  Review"), "{text:?}");
        assert!(
            !table(&[["review", "Review", "x"]])
                .format(super::Screen { has_colors: false, ..screen })
                .contains('\u{1b}')
        );
    }
}
