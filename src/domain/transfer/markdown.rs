//! A prompt as Markdown: YAML front matter, an empty line, and the content.
//!
//! `CommonMark` does not define front matter; the convention of static site generators applies: the first
//! line is `---`, and the next such line ends the YAML. The empty line and the line feed at the end
//! belong to the format, not to the content: writing adds both, reading removes one of each. So any
//! content survives a round trip, and a file that was written by hand has the content that its
//! author sees.

use std::fmt;
use std::io::{self, Read};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::options;

use super::{
    FoundDraft, Item, VariableRecord, invalid_field, not_utf8_message, skill_md, split_tags,
    tag_texts, use_inexact_name_as_title, variable_drafts,
};
use crate::domain::Invalid;
use crate::domain::draft::Draft;
use crate::domain::excerpt::{Excerpt, cut_serde_error};
use crate::domain::prompt::{CONTENT_MAX_BYTES, Name, Prompt};

/// Maximum size of a file, in bytes. A prompt with every field at its limit is smaller, even if the
/// front matter escapes every character.
pub(super) const FILE_MAX_BYTES: usize = 64 * CONTENT_MAX_BYTES;

/// The line around front matter.
pub(super) const FENCE: &str = "---";

/// Writes a prompt. Its texts are JSON strings, which are YAML 1.2 strings as well (section 1.2 of that
/// specification), so that no text is read as a number, a date or an anchor.
pub fn write(prompt: &Prompt) -> String {
    let body = &prompt.body;
    let tags: Vec<String> = tag_texts(&body.tags).into_iter().map(quote).collect();
    let mut lines = vec![
        FENCE.to_owned(),
        format!("name: {}", quote(prompt.name.as_str())),
        format!("title: {}", quote(body.title.as_str())),
        format!("description: {}", quote(body.description.as_str())),
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
        lines.push(format!("  - name: {}", quote(variable.name.as_str())));
        let fields = [("description", &variable.description), ("default", &variable.default)];
        for (field, text) in fields {
            lines.extend(text.as_ref().map(|text| format!("    {field}: {}", quote(text))));
        }
    }
    format!("{}\n{FENCE}\n\n{}\n", lines.join("\n"), body.content)
}

/// Returns a JSON string in which more characters are escaped than JSON requires: those that YAML 1.2
/// (section 5.1) does not count as printable, and the line breaks of YAML 1.1.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for c in Value::from(text).to_string().chars() {
        let must_escape = c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        if must_escape {
            quoted.extend(format!("\\u{:04x}", u32::from(c)).chars());
        } else {
            quoted.push(c);
        }
    }
    quoted
}

/// The fields of front matter that are read. Others are ignored: files of other programs have many.
#[derive(Debug, Default, Deserialize)]
struct FrontMatter {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "deserialize_tags")]
    tags: Option<Vec<String>>,
    #[serde(default)]
    variables: Option<Vec<VariableRecord>>,
    #[serde(default)]
    favorite: Option<bool>,
}

/// Reads tags from a list or from one text.
fn deserialize_tags<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    struct Tags;

    impl<'de> Visitor<'de> for Tags {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of tags")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut tags = Vec::new();
            // The type `String` makes `2024` and `no` texts, which YAML would read as other types.
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

/// Reads a whole file. The outer error is one of reading; the inner one is a file that is too long for
/// a prompt, of which no more than the limit is read.
pub(super) fn read_bytes(input: &mut dyn Read) -> io::Result<Result<Vec<u8>, Invalid>> {
    let mut bytes = Vec::new();
    input.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_MAX_BYTES {
        let message = format!("must have at most {FILE_MAX_BYTES} bytes");
        return Ok(Err(invalid_field("file", message)));
    }
    Ok(Ok(bytes))
}

/// Parses a prompt. `stem` is its name if the front matter has neither name nor title.
pub fn read(bytes: &[u8], stem: Option<&str>) -> Result<FoundDraft, Invalid> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid_field("file", not_utf8_message()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(found) = skill_md::read_exported(text) {
        return Ok(found);
    }
    let (front, content) = match split_front_matter(text) {
        Some((front, content)) => (parse_front_matter(front)?, content),
        None => (FrontMatter::default(), text.strip_suffix(line_break(text)).unwrap_or(text)),
    };
    let mut draft = Draft {
        title: front.title,
        description: front.description,
        content: Some(content.to_owned()),
        tags: front.tags,
        variables: front.variables.map(variable_drafts),
        ..Draft::default()
    };
    draft.name = front.name;
    use_inexact_name_as_title(&mut draft);
    if draft.name.is_none() && draft.title.is_none() {
        draft.name = stem.and_then(Name::read).map(|name| name.to_string());
        // The guess may be the name of the built-in prompt, which is reserved as a name but valid as
        // a title.
        use_inexact_name_as_title(&mut draft);
    }
    Ok(FoundDraft { draft, favorite: front.favorite })
}

/// Returns the item of a file.
pub(super) fn item(at: Excerpt, found: Result<FoundDraft, Invalid>) -> Item {
    let draft = found.as_ref().ok().map(|found| &found.draft);
    let name = draft.and_then(|draft| draft.name.as_ref().or(draft.title.as_ref()));
    let name = name.map(Excerpt::new);
    Item::draft(at, name, found)
}

/// Returns the front matter and the content after it; `None` for a text without front matter.
pub(super) fn split_front_matter(text: &str) -> Option<(&str, &str)> {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next()?;
    if opening.trim_end() != FENCE {
        return None;
    }
    let mut end = opening.len();
    for line in lines {
        if line.trim_end() == FENCE {
            let content = &text[end + line.len()..];
            return Some((&text[opening.len()..end], trim_breaks(content, line_break(opening))));
        }
        end += line.len();
    }
    None
}

/// Returns the line break of a file, given one of its lines.
fn line_break(line: &str) -> &str {
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// Returns a text without one line break at its start and one at its end. Only the file's own line
/// break counts, because a content may end with a carriage return.
fn trim_breaks<'a>(text: &'a str, line_break: &str) -> &'a str {
    let text = text.strip_prefix(line_break).unwrap_or(text);
    text.strip_suffix(line_break).unwrap_or(text)
}

fn parse_front_matter(front: &str) -> Result<FrontMatter, Invalid> {
    if front.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    // Aliases could expand a page to gigabytes ("billion laughs"), so they are refused, and nesting is
    // limited.
    let options = options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_depth: 16 },
    };
    serde_saphyr::from_str_with_options(front, options)
        .map_err(|error| invalid_field("front matter", cut_serde_error(&error.to_string())))
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
    fn front_matter_by_hand_is_read_as_its_author_sees_it() {
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
    fn front_matter_that_is_not_yaml_is_an_error_of_the_file() {
        let bomb = "---\na: &a [x, x]\nb: [*a, *a]\n---\nA";
        for text in ["---\nname: [x\n---\nA", "---\njust text\n---\nA", bomb] {
            let invalid = read(text.as_bytes(), None).unwrap_err();
            assert_eq!(invalid.errors()[0].field, "front matter", "{invalid}");
        }
        let invalid = read(b"\xff", None).unwrap_err();
        assert_eq!(invalid.to_string(), "file: must be UTF-8; save the file as UTF-8");
    }
}
