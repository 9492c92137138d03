//! A prompt as Markdown: YAML front matter, an empty line, and the content.
//!
//! The empty line and the line feed at the end belong to the form, not to the content: writing adds
//! both, reading takes one of each away. So any content comes back as it was, and a file that was
//! written by hand gives the content that its author sees.

use std::fmt;
use std::io::{self, Read};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::options;

use super::{
    FoundDraft, Item, ItemContent, ItemKind, VariableRecord, invalid_field, not_utf8_message,
    split_tags, tag_texts, use_invalid_name_as_title, variable_drafts,
};
use crate::domain::Invalid;
use crate::domain::draft::Draft;
use crate::domain::prompt::{CONTENT_MAX_BYTES, Name, Prompt};

/// Most bytes of a file. The fields of a prompt at their limits take less, even where front matter
/// spells every character as an escape.
pub(super) const FILE_MAX_BYTES: usize = 64 * CONTENT_MAX_BYTES;

const FENCE: &str = "---";

/// Writes a prompt. JSON strings are YAML strings, whatever they hold.
pub fn write(prompt: &Prompt) -> String {
    let body = &prompt.body;
    let tags: Vec<String> = tag_texts(&body.tags).into_iter().map(quoted).collect();
    let mut lines = vec![
        FENCE.to_owned(),
        format!("name: {}", quoted(prompt.name.as_str())),
        format!("title: {}", quoted(body.title.as_str())),
        format!("description: {}", quoted(body.description.as_str())),
        format!("tags: [{}]", tags.join(", ")),
        format!("version: {}", prompt.version),
    ];
    if prompt.favorite {
        lines.push("favorite: true".to_owned());
    }
    if !body.variables.is_empty() {
        lines.push("variables:".to_owned());
    }
    for variable in &body.variables {
        lines.push(format!("  - name: {}", quoted(variable.name.as_str())));
        let fields = [("description", &variable.description), ("default", &variable.default)];
        for (field, text) in fields {
            lines.extend(text.as_ref().map(|text| format!("    {field}: {}", quoted(text))));
        }
    }
    format!("{}\n{FENCE}\n\n{}\n", lines.join("\n"), body.content)
}

/// A JSON string without the characters that YAML 1.2 (section 5.1) does not count as printable,
/// nor those that are line breaks to readers of YAML 1.1.
fn quoted(text: &str) -> String {
    let must_escape = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let mut quoted = String::new();
    for c in Value::from(text).to_string().chars() {
        if must_escape(c) {
            quoted.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            quoted.push(c);
        }
    }
    quoted
}

/// The fields of front matter that mean something here; all others are passed over.
#[derive(Debug, Default, Deserialize)]
struct FrontMatter {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "tags")]
    tags: Option<Vec<String>>,
    #[serde(default)]
    variables: Option<Vec<VariableRecord>>,
    #[serde(default)]
    favorite: Option<bool>,
}

/// Tags as a list, or in one text.
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Tags;

    impl<'de> Visitor<'de> for Tags {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of tags")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut tags = Vec::new();
            // An element that is asked for as text is one, also where it looks like a number.
            while let Some(tag) = items.next_element::<String>()? {
                tags.push(tag);
            }
            Ok(Some(tags))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(split_tags(text)))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Tags)
}

/// Reads a file whole, if it is not too long for one prompt.
pub(super) fn read_bytes(input: &mut dyn Read) -> io::Result<Result<Vec<u8>, Invalid>> {
    let mut bytes = Vec::new();
    input.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_MAX_BYTES {
        let message = format!("is over {FILE_MAX_BYTES} bytes, too long for a prompt");
        return Ok(Err(invalid_field("file", message)));
    }
    Ok(Ok(bytes))
}

/// Reads a prompt; `stem` names it where it does not name itself.
pub fn read(bytes: &[u8], stem: Option<&str>) -> Result<FoundDraft, Invalid> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid_field("file", not_utf8_message()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (front, content) = match split(text) {
        Some((front, content)) => (parse(front)?, content),
        None => (FrontMatter::default(), text.strip_suffix(line_break(text)).unwrap_or(text)),
    };
    let mut draft = Draft {
        name: front.name,
        title: front.title,
        description: front.description,
        content: Some(content.to_owned()),
        tags: front.tags,
        variables: front.variables.map(variable_drafts),
    };
    use_invalid_name_as_title(&mut draft);
    if draft.name.is_none() && draft.title.is_none() {
        draft.name = stem.and_then(Name::guess).map(|name| name.to_string());
        // The guess may be the name of the built-in prompt, which is a fine title.
        use_invalid_name_as_title(&mut draft);
    }
    Ok(FoundDraft { draft, favorite: front.favorite })
}

/// The item that a file makes.
pub(super) fn item(at: String, found: Result<FoundDraft, Invalid>) -> Item {
    let name = found
        .as_ref()
        .ok()
        .and_then(|found| found.draft.name.clone().or_else(|| found.draft.title.clone()));
    Item { at, kind: ItemKind::Prompt, name, content: found.map(ItemContent::Draft) }
}

/// The front matter and the content behind it, where a text has front matter.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next()?;
    if opening.trim_end() != FENCE {
        return None;
    }
    let mut end = opening.len();
    for line in lines {
        if line.trim_end() == FENCE {
            let content = &text[end + line.len()..];
            return Some((&text[opening.len()..end], within_breaks(content, line_break(opening))));
        }
        end += line.len();
    }
    None
}

/// How a file ends its lines, by one of them.
fn line_break(line: &str) -> &str {
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// A text without the one line break before it and the one behind it. Only those of the file's own
/// kind count, for a content may end in a carriage return of its own.
fn within_breaks<'a>(text: &'a str, line_break: &str) -> &'a str {
    let text = text.strip_prefix(line_break).unwrap_or(text);
    text.strip_suffix(line_break).unwrap_or(text)
}

fn parse(front: &str) -> Result<FrontMatter, Invalid> {
    if front.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    // Front matter is a page at most, so nothing that it holds may multiply.
    let options = options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_depth: 16 },
    };
    let fault = |error: serde_saphyr::Error| invalid_field("front matter", error.to_string());
    serde_saphyr::from_str_with_options(front, options).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Draft) {
        assert_eq!(read(text.as_bytes(), Some("The file")).unwrap().draft, *expected, "{text:?}");
    }

    fn draft(name: Option<&str>, title: Option<&str>, content: &str) -> Draft {
        let text = |text: &str| text.to_owned();
        Draft {
            name: name.map(text),
            title: title.map(text),
            content: Some(text(content)),
            ..Draft::default()
        }
    }

    #[test]
    fn a_file_without_front_matter_is_the_content_under_its_own_name() {
        check("Review.\n", &draft(Some("the-file"), None, "Review."));
        check("\u{feff}---\nno end", &draft(Some("the-file"), None, "---\nno end"));
        check("", &draft(Some("the-file"), None, ""));
    }

    #[test]
    fn front_matter_by_hand_is_read_as_it_was_meant() {
        check("---\nname: x\n---\n\nA\n\nB\n", &draft(Some("x"), None, "A\n\nB"));
        check("---\r\nname: x\r\n---\r\n\r\nA\r\n", &draft(Some("x"), None, "A"));
        check("---\nname: 7\nlicense: {a: [b]}\n---\nA", &draft(Some("7"), None, "A"));
        check("---\nname: Code Review\n---\nA", &draft(None, Some("Code Review"), "A"));
        check("---\n---\nA", &draft(Some("the-file"), None, "A"));
        let tagged = Draft {
            tags: Some(vec!["a".to_owned(), "b".to_owned()]),
            description: Some("two lines".to_owned()),
            ..draft(Some("x"), None, "A")
        };
        check("---\nname: x\ntags: a, b\ndescription: >-\n  two\n  lines\n---\nA", &tagged);
        check("---\nname: x\ntags:\n- a\n- b\ndescription: two lines\n---\nA", &tagged);
        let numbers = Draft {
            tags: Some(vec!["2024".to_owned(), "no".to_owned()]),
            ..draft(Some("x"), None, "A")
        };
        check("---\nname: x\ntags: [2024, no]\ndescription:\n---\nA", &numbers);
    }

    #[test]
    fn front_matter_that_is_no_yaml_is_a_fault_of_the_file() {
        let bomb = "---\na: &a [x, x]\nb: [*a, *a]\n---\nA";
        for text in ["---\nname: [x\n---\nA", "---\njust text\n---\nA", bomb] {
            let invalid = read(text.as_bytes(), None).unwrap_err();
            assert_eq!(invalid.errors()[0].field, "front matter", "{invalid}");
        }
        let invalid = read(b"\xff", None).unwrap_err();
        assert_eq!(invalid.to_string(), "file: is not UTF-8; save the file as UTF-8");
    }
}
