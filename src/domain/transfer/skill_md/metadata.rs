//! The fields of a prompt that a skill has no place for, as its metadata: one line each, so that a
//! change shows as one line.
//!
//! Values are texts, as the Agent Skills specification requires. The prefix keeps the keys apart from
//! those of other programs.

use serde::Deserialize;

use super::{VARIABLES_HEAD, describe, skill_name};
use crate::domain::draft::Draft;
use crate::domain::prompt::Prompt;
use crate::domain::transfer::markdown::{quote, split_front_matter};
use crate::domain::transfer::{
    FoundDraft, VariableRecord, split_tags, tag_texts, variable_drafts, variable_records, yaml,
};

/// The key that an exported skill has in any case.
const TITLE: &str = "promptdb-title";

/// The front matter of an exported skill.
#[derive(Deserialize)]
struct FrontMatter {
    name: String,
    description: String,
    metadata: Metadata,
}

/// The keys under `metadata`. Others are ignored.
#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "promptdb-title")]
    title: String,
    /// The prompt's name, where a skill cannot have it.
    #[serde(default, rename = "promptdb-name")]
    name: Option<String>,
    /// Empty for a prompt without a description.
    #[serde(default, rename = "promptdb-description")]
    description: Option<String>,
    #[serde(default, rename = "promptdb-tags")]
    tags: Option<String>,
    #[serde(default, rename = "promptdb-favorite")]
    favorite: Option<String>,
    /// A list in JSON.
    #[serde(default, rename = "promptdb-variables")]
    variables: Option<String>,
}

/// Writes the lines of front matter.
pub(super) fn write(prompt: &Prompt) -> String {
    let body = &prompt.body;
    let mut lines = vec![("title", body.title.to_string())];
    if skill_name(&prompt.name) != prompt.name.as_str() {
        lines.push(("name", prompt.name.to_string()));
    }
    if body.description.as_str().is_empty() {
        lines.push(("description", String::new()));
    }
    if !body.tags.is_empty() {
        lines.push(("tags", tag_texts(&body.tags).join(", ")));
    }
    if prompt.favorite {
        lines.push(("favorite", "true".to_owned()));
    }
    if !body.variables.is_empty() {
        let records = serde_json::json!(variable_records(&body.variables));
        lines.push(("variables", records.to_string()));
    }
    let lines = lines.iter().map(|(key, value)| format!("  promptdb-{key}: {}\n", quote(value)));
    format!("metadata:\n{}", lines.collect::<String>())
}

/// Reads a skill that an export wrote; `None` for any other text.
pub(in crate::domain::transfer) fn read_exported(text: &str) -> Option<FoundDraft> {
    let (front, content) = split_front_matter(text)?;
    if !front.contains(TITLE) {
        return None;
    }
    let options = yaml::front_matter_options();
    let front: FrontMatter = serde_saphyr::from_str_with_options(front, options).ok()?;
    let FrontMatter { name, description, metadata } = front;
    let variables = match &metadata.variables {
        Some(list) => serde_json::from_str::<Vec<VariableRecord>>(list).ok()?,
        None => Vec::new(),
    };
    let has_none = metadata.description.is_some_and(|none| none.is_empty());
    let description = if has_none && description == describe(&metadata.title) {
        String::new()
    } else {
        description
    };
    let content = if variables.is_empty() { content } else { without_variables(content) };
    let draft = Draft {
        name: Some(metadata.name.unwrap_or(name)),
        title: Some(metadata.title),
        description: Some(description),
        content: Some(content.to_owned()),
        tags: Some(metadata.tags.as_deref().map(split_tags).unwrap_or_default()),
        variables: Some(variable_drafts(variables)),
    };
    Some(FoundDraft { draft, favorite: metadata.favorite.map(|mark| mark == "true") })
}

/// Returns a content without the section on its variables, if that is still what ends it.
fn without_variables(content: &str) -> &str {
    let head = format!("\n\n{VARIABLES_HEAD}");
    match content.rfind(&head) {
        Some(at) if content[at + head.len()..].lines().all(is_variable_line) => &content[..at],
        _ => content,
    }
}

/// Whether a line can be of the list that follows the head of the section.
fn is_variable_line(line: &str) -> bool {
    line.is_empty() || line.starts_with("- `")
}

#[cfg(test)]
mod tests {
    use super::super::Skill;
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::draft::VariableDraft;

    fn prompt() -> Prompt {
        let text = |text: &str| Some(text.to_owned());
        let variable = VariableDraft {
            name: "tone".to_owned(),
            description: text("How it\nsounds"),
            default: text("kind: \"very\""),
        };
        let draft = Draft {
            name: text("poem--of"),
            title: text("A: poem"),
            description: None,
            content: text("Write {{tone}}.\n"),
            tags: Some(vec!["a".to_owned(), "b".to_owned()]),
            variables: Some(vec![variable]),
        };
        Prompt { favorite: true, ..draft.into_prompt(Timestamp::from_millis(0)) }
    }

    #[test]
    fn the_fields_are_lines_of_metadata_as_texts() {
        let text = Skill::exported(&prompt()).text;
        let metadata = "\nmetadata:\n  promptdb-title: \"A: poem\"\n  promptdb-name: \"poem--of\"\n  \
            promptdb-description: \"\"\n  promptdb-tags: \"a, b\"\n  promptdb-favorite: \"true\"\n  \
            promptdb-variables: \"[{\\\"default\\\":\\\"kind: \\\\\\\"very\\\\\\\"\\\",\\\"description\\\":\\\"How \
            it\\\\nsounds\\\",\\\"name\\\":\\\"tone\\\"}]\"\n---\n";
        assert!(text.contains(metadata), "{text}");
        // The only keys of front matter that the specification allows here.
        let keys = text.lines().skip(1).take_while(|line| *line != "---");
        for line in keys.filter(|line| !line.starts_with(' ')) {
            let key = line.split(':').next().unwrap();
            assert!(["name", "description", "metadata"].contains(&key), "{line}");
        }
    }

    #[test]
    fn what_a_person_changes_in_the_file_is_read() {
        let text = Skill::exported(&prompt()).text;
        let whole = read_exported(&text).unwrap();
        assert_eq!(whole.draft.content.as_deref(), Some("Write {{tone}}.\n"));
        assert_eq!(whole.draft.description.as_deref(), Some(""));
        let changed = text
            .replace("The user's own prompt \\\"A: poem\\\"", "My own words")
            .replace("Write {{tone}}.", "Write it in {{tone}}.")
            .replace("(default: ", "(or else: ");
        let draft = read_exported(&changed).unwrap().draft;
        assert_eq!(draft.content.as_deref(), Some("Write it in {{tone}}.\n"));
        let description = draft.description.unwrap();
        assert!(description.starts_with("My own words"), "{description}");
        // A text of the person's own after the list is not lost.
        let longer = format!("{text}\nAnd more.\n");
        let draft = read_exported(&longer).unwrap().draft;
        assert!(draft.content.unwrap().ends_with("\nAnd more."));
    }

    #[test]
    fn another_skill_is_not_an_exported_one() {
        for text in [
            "promptdb-title: x",
            "---\nname: x\ndescription: y\n---\nz",
            "---\nname: x\ndescription: promptdb-title\nmetadata: {author: x}\n---\nz",
            "---\nname: x\nmetadata:\n  promptdb-title: T\n---\nz",
            "---\nname: x\ndescription: y\nmetadata:\n  promptdb-title: T\n  promptdb-variables: \"{\"\n---\nz",
        ] {
            assert_eq!(read_exported(text), None, "{text}");
        }
    }
}
