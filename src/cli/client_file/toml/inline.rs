//! Edits of an inline table, which may also have several lines and comments (TOML 1.1).

use std::ops::Range;

use toml_edit::{InlineTable, Value};

use super::splice;
use crate::cli::client_file::EditError;
use crate::cli::client_file::lines::{is_blank, line_end, line_start};

/// A path in an inline table: the deepest table on it, and the path from there.
pub(super) struct Inline<'a, 'b> {
    text: &'a str,
    elements: Vec<Element<'a>>,
    /// Where the first element of the table may begin.
    start: usize,
    path: &'b [&'b str],
}

/// A key with its value.
struct Element<'a> {
    /// The path from the table, of several names for a dotted key.
    path: Vec<&'a str>,
    /// From the start of the key to the end of the value.
    span: Range<usize>,
    value: &'a Value,
}

impl<'a, 'b> Inline<'a, 'b> {
    pub(super) fn find(
        text: &'a str,
        table: &'a InlineTable,
        path: &'b [&'b str],
    ) -> Result<Self, EditError> {
        let start = table.span().ok_or(EditError::Form)?.start + 1;
        let elements = elements(text, table, start).ok_or(EditError::Form)?;
        let deeper = elements.iter().find_map(|element| {
            let table = element.value.as_inline_table()?;
            let length = element.path.len();
            (path.starts_with(&element.path) && path.len() > length).then_some((table, length))
        });
        match deeper {
            Some((table, length)) => Self::find(text, table, &path[length..]),
            None => Ok(Self { text, elements, start, path }),
        }
    }

    /// Whether the table has what the path leads to.
    pub(super) fn exists(&self) -> bool {
        self.elements.iter().any(|one| one.path.starts_with(self.path))
    }

    /// Where the value at the path is.
    pub(super) fn value_span(&self) -> Option<Range<usize>> {
        self.elements.iter().find(|one| one.path == self.path)?.value.span()
    }

    /// Returns the text with a value at the path, which has none.
    pub(super) fn add(&self, value: &str) -> String {
        let pair = format!("{} = {value}", self.path.join("."));
        if let Some(last) = self.elements.last() {
            return splice(self.text, last.span.end..last.span.end, &format!(", {pair}"));
        }
        let space = if self.text[self.start..].starts_with('}') { " " } else { "" };
        splice(self.text, self.start..self.start, &format!(" {pair}{space}"))
    }

    /// Returns the text without the last element that the path leads to; of dotted keys, there may be more.
    pub(super) fn remove_last(&self) -> Option<String> {
        let index = self.elements.iter().rposition(|one| one.path.starts_with(self.path))?;
        Some(splice(self.text, self.extent(index), ""))
    }

    /// Returns what is removed with an element: one of the commas beside it, and the rest of its lines if
    /// it stands alone on them.
    fn extent(&self, index: usize) -> Range<usize> {
        let span = self.elements[index].span.clone();
        let next = skip_trivia(self.text, span.end);
        let has_comma = self.text[next..].starts_with(',');
        let end = if has_comma { next + 1 } else { span.end };
        let (first, last) = (line_start(self.text, span.start), line_end(self.text, end));
        let rest = self.text[end..last].trim_start();
        if is_blank(&self.text[first..span.start]) && (rest.is_empty() || rest.starts_with('#')) {
            return first..last;
        }
        let after = &self.text[end..];
        let end = end + (after.len() - after.trim_start_matches([' ', '\t']).len());
        match index.checked_sub(1).map(|before| self.elements[before].span.end) {
            // A comment between the two stays, and so does the comma.
            Some(before) if !has_comma && !self.text[before..span.start].contains('#') => {
                before..span.end
            }
            _ => span.start..end,
        }
    }
}

/// The elements of a table, in the order of the text.
fn elements<'a>(text: &str, table: &'a InlineTable, start: usize) -> Option<Vec<Element<'a>>> {
    let mut elements = Vec::new();
    collect(table, &[], &mut elements)?;
    elements.sort_by_key(|element| element.span.end);
    let mut start = start;
    for element in &mut elements {
        element.span.start = skip_trivia(text, start);
        start = skip_trivia(text, element.span.end);
        if text[start..].starts_with(',') {
            start += 1;
        }
    }
    Some(elements)
}

fn collect<'a>(
    table: &'a InlineTable,
    path: &[&'a str],
    elements: &mut Vec<Element<'a>>,
) -> Option<()> {
    for (name, value) in table {
        let path = [path, &[name]].concat();
        match value.as_inline_table().filter(|table| table.is_dotted()) {
            Some(table) => collect(table, &path, elements)?,
            None => elements.push(Element { path, span: value.span()?, value }),
        }
    }
    Some(())
}

/// Skips spaces, line ends and comments.
fn skip_trivia(text: &str, at: usize) -> usize {
    let mut rest = text[at..].trim_start();
    while rest.starts_with('#') {
        rest = rest[line_end(rest, 0)..].trim_start();
    }
    text.len() - rest.len()
}
