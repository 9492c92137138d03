//! Reading a Markdown file: a note, a skill, a command or an agent of Claude Code, a rule of Cursor, a
//! prompt file of Copilot, a pattern of fabric.

use std::io::{self, Read};

use super::front_matter::FrontMatter;
use super::{FENCE, FILE_MAX_BYTES};
use crate::domain::Invalid;
use crate::domain::draft::Draft;
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::prompt::{Name, Title};
use crate::domain::transfer::encoding::decode;
use crate::domain::transfer::foreign::Form;
use crate::domain::transfer::record::{Record, Settled};
use crate::domain::transfer::{Item, invalid_field, skill_md};

/// What the place of a file says about its prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::domain::transfer) struct Naming {
    /// The name of the prompt if the front matter has neither name nor title.
    pub(in crate::domain::transfer) stem: Option<String>,
    /// A sentence on that name, if it is not that of the file.
    pub(in crate::domain::transfer) note: Option<Message>,
    /// Whether it is a `SKILL.md`.
    pub(in crate::domain::transfer) is_skill: bool,
    /// Whether it lies in a folder of commands.
    pub(in crate::domain::transfer) is_command: bool,
}

/// Reads a whole file. The outer error is one of reading; the inner one is a file that is too long for
/// a prompt, of which no more than the limit is read.
pub(in crate::domain::transfer) fn read_bytes(
    input: &mut dyn Read,
) -> io::Result<Result<Vec<u8>, Invalid>> {
    let mut bytes = Vec::new();
    input.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_MAX_BYTES {
        let message = format!("must have at most {FILE_MAX_BYTES} bytes");
        return Ok(Err(invalid_field("file", message)));
    }
    Ok(Ok(bytes))
}

/// Parses a prompt.
pub(in crate::domain::transfer) fn read(bytes: &[u8], naming: Naming) -> Result<Settled, Invalid> {
    let text = decode(bytes)?;
    if let Some(draft) = skill_md::read_exported(&text) {
        return Ok(Settled { draft, notes: Vec::new() });
    }
    let found = split_front_matter(&text)
        .and_then(|(front, content)| Some((FrontMatter::read(front)?, content)));
    let (front, content) = match found {
        Some(found) => found,
        None => (FrontMatter::default(), text.strip_suffix(line_break(&text)).unwrap_or(&text)),
    };
    let form = select_form(&front, &naming);
    let record = Record { content: Some(content.to_owned()), ..front.into_record() };
    let mut settled = record.settle(form)?;
    name_after(naming, &mut settled);
    Ok(settled)
}

/// Reads a plain text, all of which is the content.
pub(in crate::domain::transfer) fn read_plain(
    bytes: &[u8],
    naming: Naming,
) -> Result<Settled, Invalid> {
    let text = decode(bytes)?;
    let content = text.strip_suffix(line_break(&text)).unwrap_or(&text);
    let record = Record { content: Some(content.to_owned()), ..Record::default() };
    let mut settled = record.settle(Form::Plain)?;
    name_after(naming, &mut settled);
    Ok(settled)
}

/// Names a prompt after its file unless it has a name or a title.
fn name_after(naming: Naming, settled: &mut Settled) {
    let draft = &mut settled.draft.draft;
    let Some(stem) = naming.stem else { return };
    if !name_draft(draft, &stem) {
        return;
    }
    // What is refused has no name.
    let note = naming.note.filter(|_| draft.clone().into_new().is_ok());
    settled.notes.extend(note);
}

/// Names a prompt after a file unless it has a name or a title. Returns whether it had neither.
pub(in crate::domain::transfer) fn name_draft(draft: &mut Draft, stem: &str) -> bool {
    if draft.name.is_some() || draft.title.is_some() {
        return false;
    }
    if Name::parse(stem).is_ok() {
        draft.name = Some(stem.to_owned());
    } else if Title::parse(stem).is_ok() {
        // The name of the built-in prompt is reserved as a name but valid as a title.
        draft.title = Some(stem.to_owned());
    }
    true
}

/// Selects the form whose placeholders a file has.
fn select_form(front: &FrontMatter, naming: &Naming) -> Form {
    let has_hint = front.has("argument-hint");
    match () {
        () if front.is_own() => Form::Plain,
        () if has_hint || naming.is_command => Form::Command,
        // Skills hold scripts.
        () if naming.is_skill => Form::Plain,
        () => Form::Markdown,
    }
}

/// Returns the item of a file.
pub(in crate::domain::transfer) fn item(at: Excerpt, found: Result<Settled, Invalid>) -> Item {
    let draft = found.as_ref().ok().map(|settled| &settled.draft.draft);
    let name = draft.and_then(|draft| draft.name.as_ref().or(draft.title.as_ref()));
    let name = name.map(Excerpt::new);
    Item::of_settled(at, name, found)
}

/// Returns the front matter and the content after it; `None` for a text without front matter.
pub(in crate::domain::transfer) fn split_front_matter(text: &str) -> Option<(&str, &str)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::draft::{Draft, VariableDraft};

    fn read_as(text: &str, naming: Naming) -> Settled {
        read(text.as_bytes(), naming).unwrap()
    }

    fn named(stem: &str) -> Naming {
        Naming { stem: Some(stem.to_owned()), ..Naming::default() }
    }

    #[track_caller]
    fn check(text: &str, expected: &Draft, notes: &[&str]) {
        let settled = read_as(text, named("The file"));
        assert_eq!(settled.draft.draft, *expected, "{text:?}");
        assert_eq!(settled.notes, notes, "{text:?}");
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
        check("Review.\n", &draft(Some("The file"), None, "Review."), &[]);
        check("\u{feff}---\nno end", &draft(Some("The file"), None, "---\nno end"), &[]);
        check("", &draft(Some("The file"), None, ""), &[]);
        let reserved = read_as("x", named("harvest"));
        assert_eq!(reserved.draft.draft, draft(None, Some("harvest"), "x"));
        assert_eq!(read_as("x", named("…")).draft.draft, draft(None, Some("…"), "x"));
    }

    #[test]
    fn front_matter_by_hand_is_read_as_its_author_sees_it() {
        check("---\nname: x\n---\n\nA\n\nB\n", &draft(Some("x"), None, "A\n\nB"), &[]);
        check("---\r\nname: x\r\n---\r\n\r\nA\r\n", &draft(Some("x"), None, "A"), &[]);
        let note = "The field \"license\" was passed over.";
        check("---\nname: 7\nlicense: {a: [b]}\n---\nA", &draft(Some("7"), None, "A"), &[note]);
        check("---\nname: Code Review\n---\nA", &draft(None, Some("Code Review"), "A"), &[]);
        check("---\n---\nA", &draft(Some("The file"), None, "A"), &[]);
        let tagged = Draft {
            tags: Some(vec!["a".to_owned(), "b".to_owned()]),
            description: Some("two lines".to_owned()),
            ..draft(Some("x"), None, "A")
        };
        check("---\nname: x\ntags: a, b\ndescription: >-\n  two\n  lines\n---\nA", &tagged, &[]);
        check("---\nname: x\ntags:\n- a\n- b\ndescription: two lines\n---\nA", &tagged, &[]);
        let numbers = Draft {
            tags: Some(vec!["2024".to_owned(), "no".to_owned()]),
            ..draft(Some("x"), None, "A")
        };
        check("---\nname: x\ntags: [2024, no]\ndescription:\n---\nA", &numbers, &[]);
    }

    #[test]
    fn front_matter_that_is_not_yaml_is_read_line_by_line() {
        let lines = "The front matter is not valid YAML, so it was read line by line.";
        for (front, description) in [
            ("description: Review code. Use when: x", "Review code. Use when: x"),
            ("description: Fix\nargument-hint: [a] [b]", "Fix"),
            ("description: Rules\nglobs: *.ts\nalwaysApply: false", "Rules"),
            ("description: \"Said \"hi\"\"", "\"Said \"hi\"\""),
            ("description: 'it''s' so", "'it''s' so"),
            ("description: [x", "[x"),
            ("a: &a [x, x]\nb: [*a, *a]\ndescription: Bomb", "Bomb"),
            ("description: two\n  lines: here\nmodel: x: y", "two lines: here"),
        ] {
            let settled = read_as(&format!("---\n{front}\n---\nA"), named("f"));
            assert_eq!(settled.draft.draft.description.as_deref(), Some(description), "{front}");
            assert_eq!(settled.notes[0], lines, "{front}");
        }
    }

    #[test]
    fn a_text_that_is_a_list_or_a_map_in_yaml_is_taken_as_it_is_written() {
        for (field, written) in [
            ("description: [Draft]", "[Draft]"),
            ("description: {code} review", "{code} review"),
            ("description: Fix #3 in it", "Fix #3 in it"),
            ("description: !important read it", "!important read it"),
        ] {
            let settled = read_as(&format!("---\nname: x\n{field}\n---\nA"), named("f"));
            assert_eq!(settled.draft.draft.description.as_deref(), Some(written), "{field}");
        }
        let tags = read_as("---\nname: x\ntags: #a, #b\n---\nA", named("f"));
        assert_eq!(tags.draft.draft.tags, Some(vec!["a".to_owned(), "b".to_owned()]));
        let quoted = read_as("---\nname: x # the name\ntitle: \"A # B\" # why\n---\nA", named("f"));
        assert_eq!(quoted.draft.draft.name.as_deref(), Some("x"));
        assert_eq!(quoted.draft.draft.title.as_deref(), Some("A # B"));
        let title = read_as("---\ntitle: [Draft]\ntags: {a: b}\n---\nA", named("f"));
        assert_eq!(title.draft.draft.title.as_deref(), Some("[Draft]"));
        let notes = [
            "The field `title` is another value in YAML, so it was taken as it is written.",
            "The field \"tags\" was passed over.",
        ];
        assert_eq!(title.notes, notes);
        let variables = "variables:\n  x: {description: What, required: true}\n  y: 1.50";
        let settled = read_as(&format!("---\n{variables}\n---\n{{{{x}}}} {{{{y}}}}"), named("f"));
        let described =
            |name: &str, description: Option<&str>, default: Option<&str>| VariableDraft {
                name: name.to_owned(),
                description: description.map(str::to_owned),
                default: default.map(str::to_owned),
            };
        let expected = vec![described("x", Some("What"), None), described("y", None, Some("1.50"))];
        assert_eq!(settled.draft.draft.variables, Some(expected));
        assert_eq!(settled.notes, ["The field \"variables.required\" was passed over."]);
    }

    #[test]
    fn fields_are_read_in_any_case_and_variables_as_people_list_them() {
        let expected =
            Draft { tags: Some(vec!["a".to_owned()]), ..draft(None, Some("A title"), "{{x}}") };
        check("---\nTitle: A title\nTAGS: [a]\n---\n{{x}}", &expected, &[]);
        let lines = "The front matter is not valid YAML, so it was read line by line.";
        check("---\nTitle: A title\nTags: a\nTags: a\n---\n{{x}}", &expected, &[lines]);

        let front = "name: f\nvariables:\n  - y\n  - name: x\n    default: 1.50\n    required: yes";
        let settled = read_as(&format!("---\n{front}\n---\n{{{{x}}}} {{{{y}}}}"), named("f"));
        let variable = |name: &str, default: Option<&str>| VariableDraft {
            name: name.to_owned(),
            description: None,
            default: default.map(str::to_owned),
        };
        let variables = vec![variable("y", None), variable("x", Some("1.50"))];
        assert_eq!(settled.draft.draft.variables, Some(variables));
        assert_eq!(settled.notes, ["The field \"variables.required\" was passed over."]);
    }

    #[test]
    fn text_between_two_rules_belongs_to_the_content() {
        for between in [
            "just text",
            "\nSome text: here.\n\nAnd more.\n",
            "\nA note: this.\n",
            "- a\n- b",
            "# A heading",
        ] {
            let text = format!("---\n{between}\n---\n\nmore");
            check(&text, &draft(Some("The file"), None, &text), &[]);
        }
    }

    #[test]
    fn fields_of_other_tools_are_passed_over_with_a_note() {
        let settled = read_as(
            "---\ndescription: Fix\nallowed-tools: Bash(git:*)\nmodel: opus\nversion: 2\n---\nA",
            named("f"),
        );
        assert_eq!(settled.notes, ["The fields \"allowed-tools\", \"model\" were passed over."]);
    }

    #[test]
    fn placeholders_are_those_of_the_file() {
        let content = "Run $1 and $ARGUMENTS.";
        let check = |front: &str, naming: Naming, expected: &str| {
            let settled = read_as(&format!("{front}{content}"), naming);
            assert_eq!(settled.draft.draft.content.as_deref(), Some(expected), "{front}");
        };
        let converted = "Run {{argument_1}} and {{arguments}}.";
        check("", named("f"), converted);
        check("---\nargument-hint: [a]\n---\n", Naming { is_skill: true, ..named("f") }, converted);
        check("", Naming { is_skill: true, ..named("f") }, content);
        let own = "---\nname: f\ntitle: F\ndescription: \"\"\ntags: []\nversion: 3\n---\n";
        check(own, Naming { is_command: true, ..named("f") }, content);
        let in_folder = Naming { is_command: true, ..named("f") };
        let settled = read_as("Move $1 to $2", in_folder);
        let moved = "Move {{argument_1}} to {{argument_2}}";
        assert_eq!(settled.draft.draft.content.as_deref(), Some(moved));
        assert_eq!(settled.notes, ["`$1` became {{argument_1}}, `$2` became {{argument_2}}."]);
    }

    #[test]
    fn another_encoding_is_an_error_of_the_file() {
        let invalid = read(b"\xff", Naming::default()).unwrap_err();
        assert_eq!(invalid.to_string(), "file: must be UTF-8; save the file as UTF-8");
        let utf16: Vec<u8> = "\u{feff}Ä".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let settled = read(&utf16, Naming::default()).unwrap();
        assert_eq!(settled.draft.draft.content.as_deref(), Some("Ä"));
    }
}
