//! The lines of a text, and their ends.

/// The start of the line that holds a position.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The position after the end of the line that holds a position.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// The end of a new line at a position: that of the line before it, or else of the one after it.
pub(super) fn line_ending(text: &str, at: usize) -> &'static str {
    let (before, after) = text.split_at(at);
    let end = before.rfind('\n').or_else(|| after.find('\n').map(|end| at + end));
    if end.is_some_and(|end| text[..end].ends_with('\r')) { "\r\n" } else { "\n" }
}

pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}
