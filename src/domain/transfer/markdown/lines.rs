//! Front matter that is not YAML, line by line: `key: value`, with lists and indented lines below.

use super::front_matter::FrontMatter;
use crate::domain::transfer::split_tags;

/// A field, and the lines that belong to it.
struct Field<'a> {
    key: &'a str,
    value: &'a str,
    below: Vec<&'a str>,
}

/// Reads the fields of a text; `None` if it has none, or a line of prose, which belongs to no field.
pub(super) fn read(text: &str) -> Option<FrontMatter> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut is_new_paragraph = true;
    for line in text.lines() {
        match (split_field(line), fields.last_mut()) {
            (Some((key, value)), _) => fields.push(Field { key, value, below: Vec::new() }),
            (None, Some(last)) if !is_new_paragraph || !is_prose(line) => {
                last.below.push(line.trim());
            }
            (None, _) if is_prose(line) => return None,
            (None, _) => {}
        }
        is_new_paragraph = line.trim().is_empty();
    }
    if fields.is_empty() {
        return None;
    }
    let mut front = FrontMatter::default();
    for field in fields {
        let mut is_read = true;
        match field.key.to_ascii_lowercase().as_str() {
            "name" => front.name = field.text(),
            "title" => front.title = field.text(),
            "description" => front.description = field.text(),
            "favorite" => front.favorite = field.text(),
            "tags" => front.tags = Some(field.tags()),
            _ => is_read = false,
        }
        front.add_key(field.key, is_read);
    }
    Some(front)
}

/// Whether a line that begins a paragraph is neither a comment nor below a field.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '-']) && !line.starts_with(char::is_whitespace)
}

/// Splits a line that begins with the name of a field.
fn split_field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    is_key.then(|| (key, value.trim()))
}

impl Field<'_> {
    /// Returns the value as one text; `None` if it is empty.
    fn text(&self) -> Option<String> {
        // `>-` and `|` announce the lines below.
        let is_block = self.value.len() <= 2 && self.value.starts_with(['>', '|']);
        let joint = if self.value.starts_with('|') && is_block { "\n" } else { " " };
        let first = (!is_block && !self.value.is_empty()).then_some(self.value);
        let lines: Vec<&str> = first.into_iter().chain(self.below.iter().copied()).collect();
        let text = lines.join(joint);
        let text = unquote(text.trim());
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn tags(&self) -> Vec<String> {
        let value = self.value.strip_prefix('[').unwrap_or(self.value);
        let mut tags = split_tags(value.strip_suffix(']').unwrap_or(value));
        let below = self.below.iter().filter_map(|line| line.strip_prefix('-'));
        tags.extend(below.map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()));
        tags.into_iter().map(|tag| unquote(&tag).to_owned()).collect()
    }
}

/// Returns a text without the quotation marks around it. One with marks inside keeps all of them.
fn unquote(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|mark| {
            let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
            (!inner.contains([mark, '\\'])).then_some(inner)
        })
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lists_and_lines_below_are_read() {
        let front = read(
            "name: x: y\ntitle: 'A title'\ndescription: >-\n  one\n  two\ntags:\n  - Linux\n  - \"b\"\n\
             favorite: true\nmodel: a\n",
        )
        .unwrap();
        assert_eq!(front.name.as_deref(), Some("x: y"));
        assert_eq!(front.title.as_deref(), Some("A title"));
        assert_eq!(front.description.as_deref(), Some("one two"));
        assert_eq!(front.tags, Some(vec!["Linux".to_owned(), "b".to_owned()]));
        assert!(front.has("model"));
        let read = |text: &str| super::read(text).unwrap();
        assert_eq!(read("tags: [a, 'b c']").tags, Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(read("description: |\n  a\n  b").description.as_deref(), Some("a\nb"));
        let wrapped = read("description: a: b\nwrapped\n\n  indented\n# comment\nname: x");
        assert_eq!(wrapped.name.as_deref(), Some("x"));
    }

    #[test]
    fn prose_is_not_fields() {
        for text in [
            "Some text",
            "no field\n: x\n - y",
            "- a\n- b",
            "# Heading",
            "\nNote: this\n\nMore text.\n",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
