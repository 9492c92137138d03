//! Front matter that is not YAML, line by line: `key: value`, with lists and indented lines below.

use serde_json::Value;

use crate::domain::transfer::split_tags;

/// The fields by which known programs and people begin front matter, and which end a text of many lines.
const KNOWN: [&str; 22] = [
    "name",
    "title",
    "description",
    "tags",
    "variables",
    "favorite",
    "model",
    "tools",
    "color",
    "version",
    "license",
    "metadata",
    "mode",
    "agent",
    "allowed-tools",
    "argument-hint",
    "globs",
    "alwaysapply",
    "applyto",
    "aliases",
    "author",
    "date",
];

/// A field, and the lines that belong to it.
struct Field<'a> {
    key: &'a str,
    value: &'a str,
    below: Vec<&'a str>,
    /// Whether prose is below it, where a line such as `user: Hello` belongs to the prose.
    has_prose: bool,
}

/// Reads the fields of a text: the tags as a list, and any other field as a text or, if it has no value, as
/// null. `None` if it has no field, or a line of prose that belongs to none.
pub(super) fn read(text: &str) -> Option<Vec<(&str, Value)>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut is_new_paragraph = true;
    for line in text.lines() {
        let begins_with_known = fields.first().is_some_and(|first| is_known(first.key));
        let field = split_field(line);
        match (field, fields.last_mut()) {
            (Some((key, _)), Some(last)) if last.has_prose && !is_known(key) => {
                last.below.push(line.trim());
            }
            (Some((key, value)), _) => {
                fields.push(Field { key, value, below: Vec::new(), has_prose: false });
            }
            (None, Some(last)) if begins_with_known || !is_new_paragraph || !is_prose(line) => {
                // Below the fields of a known program, a paragraph is what an author wrote into one.
                last.has_prose |= begins_with_known && is_prose(line);
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
    Some(fields.iter().map(|field| (field.key, field.value())).collect())
}

fn is_known(key: &str) -> bool {
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Whether a line that begins a paragraph is neither a comment nor below a field.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '-']) && !line.starts_with(char::is_whitespace)
}

/// Splits a line that begins with the name of a field.
fn split_field(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    // As in YAML, `https://` is not a field.
    if !value.is_empty() && !value.starts_with([' ', '\t']) {
        return None;
    }
    is_key(key).then(|| (key, value.trim()))
}

/// Whether a text is the name of a field. One with a space is the beginning of a sentence.
pub(super) fn is_key(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

impl Field<'_> {
    fn value(&self) -> Value {
        if self.key.eq_ignore_ascii_case("tags") {
            return self.tags().into();
        }
        self.text().into()
    }

    /// Returns the value as one text; `None` if it is empty.
    fn text(&self) -> Option<String> {
        // `>-` and `|` announce the lines below.
        let is_block = self.value.len() <= 2 && self.value.starts_with(['>', '|']);
        let keeps_lines = self.has_prose || self.value.starts_with('|') && is_block;
        let joint = if keeps_lines { "\n" } else { " " };
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
    use serde_json::json;

    use super::*;

    #[test]
    fn values_lists_and_lines_below_are_read() {
        let read = |text: &str| {
            let fields = super::read(text).unwrap().into_iter();
            Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let front = "name: x: y\ntitle: 'A title'\ndescription: >-\n  one\n  two\nglobs:\ntags:\n  - Linux\n  - \"b\"\n\
                     favorite: true\n";
        let expected = json!({
            "name": "x: y", "title": "A title", "description": "one two", "globs": null,
            "tags": ["Linux", "b"], "favorite": "true",
        });
        assert_eq!(read(front), expected);
        assert_eq!(read("tags: [a, 'b c']"), json!({ "tags": ["a", "b c"] }));
        assert_eq!(read("description: |\n  a\n  b"), json!({ "description": "a\nb" }));
        let wrapped = "description: a: b\nwrapped\n\n  indented\n# comment\nname: x";
        let text = "a: b\nwrapped\n\nindented\n# comment";
        assert_eq!(read(wrapped), json!({ "description": text, "name": "x" }));
    }

    #[test]
    fn an_example_in_a_description_belongs_to_it() {
        for gap in ["\n", ""] {
            let text = format!(
                "name: reviewer\ndescription: Use it for: reviews. Examples:\n{gap}<example>\nContext: a user\n\
                 user: 'Look.'\n</example>\n{gap}model: opus\n"
            );
            let fields = read(&text).unwrap();
            assert_eq!(
                fields.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
                ["name", "description", "model"]
            );
            let expected = format!(
                "Use it for: reviews. Examples:\n{gap}<example>\nContext: a user\nuser: 'Look.'\n</example>"
            );
            assert_eq!(fields[1].1, expected, "{text}");
        }
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
