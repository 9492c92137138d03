//! A prompt as Markdown: YAML front matter, an empty line, and the content.
//!
//! `CommonMark` does not define front matter; the convention of static site generators applies: the first
//! line is `---`, and the next such line ends the YAML. The empty line and the line feed at the end
//! belong to the format, not to the content: writing adds both, reading removes one of each. So any
//! content survives a round trip, and a file that was written by hand has the content that its
//! author sees.

mod front_matter;
mod lines;
mod reading;

use serde_json::Value;

pub(super) use self::reading::{
    Naming, item, name_draft, read, read_bytes, read_plain, split_front_matter,
};
use super::tag_texts;
use crate::domain::prompt::{CONTENT_MAX_BYTES, Prompt};

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
