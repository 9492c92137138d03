//! A prompt as a file of another program describes it, and how it is settled into a draft.
//!
//! No prompt is lost over something that can be settled: a tag becomes a slug, a long description is
//! cut, a field without a place is passed over. Each such thing is a note of its item, and nothing else
//! is changed. What cannot be settled, such as a content over its limit, stays for the draft to refuse.

use std::collections::HashSet;

use super::fields::Role;
use super::foreign::Form;
use super::{FoundDraft, invalid_field};
use crate::domain::Invalid;
use crate::domain::draft::{Draft, VariableDraft};
use crate::domain::excerpt::{Excerpt, LISTED_MAX, Message, list_excerpts};
use crate::domain::prompt::{
    DESCRIPTION_MAX_CHARS, Description, FoldedName, Name, TAGS_MAX, TITLE_MAX_CHARS, Tag, Title,
    VARIABLE_DEFAULT_MAX_BYTES, VARIABLE_DESCRIPTION_MAX_CHARS, VARIABLES_MAX, VariableName,
};
use crate::domain::syntax::Syntax;
use crate::domain::template::find_variables;

/// The end of a text that was cut.
const ELLIPSIS: &str = "…";

/// The fields that a file has; the others are absent.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) content: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) variables: Option<Vec<VariableDraft>>,
    pub(super) favorite: Option<bool>,
    /// The names of fields that have no place in a prompt.
    pub(super) passed_over: PassedOver,
    /// What reading the file settled.
    pub(super) notes: Vec<Message>,
}

/// Names of fields, of which a note lists the first ones.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    names: Vec<Excerpt>,
    has_more: bool,
}

impl PassedOver {
    /// Adds a name. A file may have millions, so that only the first ones are kept.
    pub(super) fn add(&mut self, name: &str) {
        let name = Excerpt::new(name);
        if self.names.contains(&name) {
            return;
        }
        if self.names.len() < LISTED_MAX {
            self.names.push(name);
        } else {
            self.has_more = true;
        }
    }

    fn extend(&mut self, others: Self) {
        for name in others.names {
            self.add(name.as_str());
        }
        self.has_more |= others.has_more;
    }

    /// Returns the note on the fields, which are called `noun` in the file.
    pub(super) fn describe(&self, noun: &str) -> Option<Message> {
        let count = self.names.len();
        let list = list_excerpts(self.names.iter().map(Excerpt::as_str), count);
        let others = if self.has_more { " and others" } else { "" };
        match count {
            0 => None,
            1 => Some(format!("The {noun} {list} was passed over.").into()),
            _ => Some(format!("The {noun}s {list}{others} were passed over.").into()),
        }
    }
}

/// A draft, and what was settled on the way to it.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) draft: FoundDraft,
    pub(super) notes: Vec<Message>,
}

impl Record {
    /// Takes what the record lacks from the record of its field `key`, and the tags of both.
    pub(super) fn fill(&mut self, key: &str, inner: Self) {
        for (role, own, other) in [
            (Role::Name, &mut self.name, inner.name),
            (Role::Title, &mut self.title, inner.title),
            (Role::Description, &mut self.description, inner.description),
            (Role::Content, &mut self.content, inner.content),
        ] {
            if own.is_none() {
                *own = other;
            } else if other.is_some() && *own != other {
                self.passed_over.add(&format!("{key}.{}", role.field()));
            }
        }
        if let Some(tags) = inner.tags {
            self.tags.get_or_insert_default().extend(tags);
        }
        self.variables = self.variables.take().or(inner.variables);
        self.favorite = self.favorite.or(inner.favorite);
        self.passed_over.extend(inner.passed_over);
        self.notes.extend(inner.notes);
    }

    /// Settles the record. Fails if it has no content.
    pub(super) fn settle(self, form: Form) -> Result<Settled, Invalid> {
        let Self { name, title, description, content, tags, variables, favorite, .. } = self;
        let mut notes = self.notes;
        let content = content.ok_or_else(|| {
            invalid_field("content", "is missing; no field has the text of a prompt")
        })?;
        let (content, mut found) = form.convert(content, &mut notes);
        let declares = variables.is_some() || !found.is_empty();
        found.splice(0..0, variables.unwrap_or_default());
        let mut draft = Draft {
            name,
            title,
            description: description.map(|text| settle_description(text, &mut notes)),
            tags: tags.map(|tags| settle_tags(tags, &mut notes)),
            variables: declares.then(|| settle_variables(found, &content, &mut notes)),
            content: Some(content),
        };
        settle_names(&mut draft, &mut notes);
        notes.extend(self.passed_over.describe("field"));
        Ok(Settled { draft: FoundDraft { draft, favorite }, notes })
    }
}

/// Leaves a name and a title that a prompt can have.
fn settle_names(draft: &mut Draft, notes: &mut Vec<Message>) {
    draft.title = draft.title.take().and_then(|text| settle_title(text, notes));
    super::use_inexact_name_as_title(draft);
    // A name may have moved.
    draft.title = draft.title.take().and_then(|text| settle_title(text, notes));
    let Some(Err(reason)) = draft.name.as_deref().map(Name::parse) else { return };
    if let Some(name) = draft.name.take()
        && !name.trim().is_empty()
    {
        let name = Excerpt::new(name);
        notes.push(format!("The name `{name}` was left out, because it {reason}.").into());
    }
}

/// Returns a text as a title: one line, and cut to the limit.
fn settle_title(text: String, notes: &mut Vec<Message>) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if Title::parse(&text).is_ok() {
        return Some(text);
    }
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    let cut = cut_chars(&line, TITLE_MAX_CHARS);
    Title::parse(&cut).ok()?;
    notes.push(if cut == line {
        "The title was made one line.".into()
    } else {
        format!("The title was cut to {TITLE_MAX_CHARS} characters.").into()
    });
    Some(cut)
}

fn settle_description(text: String, notes: &mut Vec<Message>) -> String {
    if Description::parse(&text).is_ok() {
        return text;
    }
    let is_allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let plain: String = text.trim().chars().filter(|c| is_allowed(*c)).collect();
    if plain.len() < text.trim().len() {
        notes.push("Control characters were left out of the description.".into());
    }
    let cut = cut_chars(&plain, DESCRIPTION_MAX_CHARS);
    if cut.len() < plain.len() {
        let count = plain.chars().count();
        let note = format!(
            "The description had {count} characters and was cut to {DESCRIPTION_MAX_CHARS}."
        );
        notes.push(note.into());
    }
    cut
}

/// Cuts a text to a number of characters, the last of which is an ellipsis then.
fn cut_chars(text: &str, max: usize) -> String {
    if text.char_indices().nth(max).is_none() {
        return text.to_owned();
    }
    let end = text.char_indices().nth(max - 1).map_or(text.len(), |(end, _)| end);
    format!("{}{ELLIPSIS}", text[..end].trim_end())
}

/// Returns the tags as slugs, each once, and no more than a prompt can have.
fn settle_tags(texts: Vec<String>, notes: &mut Vec<Message>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    let (mut changed, mut unreadable, mut over) = (Listed::new(), Listed::new(), Listed::new());
    for text in texts {
        let Ok(tag) = Tag::parse(&text) else {
            if !text.trim().is_empty() {
                unreadable.push(format!("`{}`", Excerpt::new(text)));
            }
            continue;
        };
        let slug = tag.as_str().to_owned();
        if !seen.insert(slug.clone()) {
            continue;
        }
        if tags.len() == TAGS_MAX {
            over.push(slug);
            continue;
        }
        if slug != text {
            changed.push(format!("`{}` became {slug}", Excerpt::new(text)));
        }
        tags.push(slug);
    }
    notes.extend(
        changed.describe(|list| format!("A tag has small letters, digits and hyphens: {list}.")),
    );
    notes.extend(unreadable.describe(|list| {
        format!("No tag can be made of {list}: a tag has a letter or a digit, and at most 32 characters.")
    }));
    notes.extend(over.describe(|list| {
        format!("The tags {list} were left out: a prompt has at most {TAGS_MAX}.")
    }));
    tags
}

/// Returns the variables that the content has, each once and within the limits.
fn settle_variables(
    drafts: Vec<VariableDraft>,
    content: &str,
    notes: &mut Vec<Message>,
) -> Vec<VariableDraft> {
    let known: HashSet<FoldedName> = find_variables(content, Syntax::CURRENT, VARIABLES_MAX)
        .iter()
        .map(VariableName::folded)
        .collect();
    let mut seen = HashSet::new();
    let (mut unknown, mut cut) = (Listed::new(), Listed::new());
    let mut variables = Vec::new();
    for VariableDraft { name, description, default } in drafts {
        let folded = VariableName::parse(&name).ok().map(|name| name.folded());
        let Some(folded) = folded.filter(|folded| known.contains(folded)) else {
            if description.is_some() || default.is_some() {
                unknown.push(format!("`{}`", Excerpt::new(name)));
            }
            continue;
        };
        if !seen.insert(folded) {
            continue;
        }
        let fits_description = description.as_deref().is_none_or(|text| {
            text.chars().count() <= VARIABLE_DESCRIPTION_MAX_CHARS && !text.contains('\0')
        });
        let fits_default = default
            .as_deref()
            .is_none_or(|text| text.len() <= VARIABLE_DEFAULT_MAX_BYTES && !text.contains('\0'));
        if !fits_description || !fits_default {
            cut.push(format!("`{}`", Excerpt::new(&name)));
        }
        variables.push(VariableDraft {
            name,
            description: description.filter(|_| fits_description),
            default: default.filter(|_| fits_default),
        });
    }
    notes.extend(unknown.describe(|list| {
        format!("The content has no variable {list}, so that its description was left out.")
    }));
    notes.extend(cut.describe(|list| {
        format!("The description or the default of {list} was left out, because it is too long.")
    }));
    variables
}

/// Texts of which a note lists the first ones.
struct Listed {
    texts: Vec<String>,
    count: usize,
}

impl Listed {
    /// Maximum number of texts in a note, which has an excerpt for each.
    const MAX: usize = 4;

    fn new() -> Self {
        Self { texts: Vec::new(), count: 0 }
    }

    fn push(&mut self, text: String) {
        self.count += 1;
        if self.texts.len() < Self::MAX {
            self.texts.push(text);
        }
    }

    fn describe(self, sentence: impl FnOnce(String) -> String) -> Option<Message> {
        if self.count == 0 {
            return None;
        }
        let others = self.count - self.texts.len();
        let list = self.texts.join(", ");
        let list = if others == 0 { list } else { format!("{list} and {others} more") };
        Some(sentence(list).into())
    }
}

/// Returns notes on all replacements of a conversion, each on a few of them.
pub(super) fn describe_replacements(
    replaced: &[(String, String)],
) -> impl Iterator<Item = Message> {
    replaced.chunks(Listed::MAX).map(|few| {
        let few = few.iter();
        let few = few.map(|(text, name)| format!("`{}` became {{{{{name}}}}}", Excerpt::new(text)));
        format!("{}.", few.collect::<Vec<_>>().join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record { content: Some("Review {{code}}.".to_owned()), ..Record::default() }
    }

    #[track_caller]
    fn check(record: Record, notes: &[&str]) -> Draft {
        let settled = record.settle(Form::Plain).unwrap();
        assert_eq!(settled.notes, notes);
        settled.draft.draft.clone().into_new().unwrap();
        settled.draft.draft
    }

    #[test]
    fn what_a_prompt_can_have_is_not_touched() {
        let text = |text: &str| Some(text.to_owned());
        let given = Record {
            name: text("review"),
            title: text(" Review\u{ad} "),
            description: text(" Two\r\nlines \t"),
            tags: Some(vec!["a".to_owned(), "b-2".to_owned()]),
            ..record()
        };
        let draft = check(given, &[]);
        assert_eq!(draft.title.as_deref(), Some(" Review\u{ad} "));
        assert_eq!(draft.description.as_deref(), Some(" Two\r\nlines \t"));
    }

    #[test]
    fn tags_become_slugs_and_a_note_says_which() {
        let tags = ["Linux", "#ai", "linux", " ", "…", &"x".repeat(200_000)];
        let tags = tags.map(str::to_owned).to_vec();
        let settled = Record { tags: Some(tags), ..record() }.settle(Form::Plain).unwrap();
        assert_eq!(settled.draft.draft.tags, Some(vec!["linux".to_owned(), "ai".to_owned()]));
        assert_eq!(
            settled.notes[0],
            "A tag has small letters, digits and hyphens: `Linux` became linux, `#ai` became ai."
        );
        assert!(
            settled.notes[1].starts_with("No tag can be made of `…`, `xxx"),
            "{}",
            settled.notes[1]
        );
        let many = (0..=TAGS_MAX).map(|n| format!("t{n}")).collect();
        let draft = check(
            Record { tags: Some(many), ..record() },
            &["The tags t10 were left out: a prompt has at most 10."],
        );
        assert_eq!(draft.tags.unwrap().len(), TAGS_MAX);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let draft = check(
            Record {
                title: Some("Wörter ".repeat(40)),
                description: Some("é".repeat(DESCRIPTION_MAX_CHARS + 1)),
                ..record()
            },
            &[
                "The description had 1025 characters and was cut to 1024.",
                "The title was cut to 120 characters.",
            ],
        );
        assert!(draft.title.unwrap().ends_with('…'));
        assert_eq!(draft.description.unwrap().chars().count(), DESCRIPTION_MAX_CHARS);
        let lines = Record { title: Some("two\n lines".to_owned()), ..record() };
        let draft = check(lines, &["The title was made one line."]);
        assert_eq!(draft.title.as_deref(), Some("two lines"));
        let control = Record { description: Some("a\u{1}b".to_owned()), ..record() };
        let draft = check(control, &["Control characters were left out of the description."]);
        assert_eq!(draft.description.as_deref(), Some("ab"));
    }

    #[test]
    fn a_name_that_no_prompt_can_have_is_the_title_or_left_out() {
        let named = |name: &str, title: Option<&str>| Record {
            name: Some(name.to_owned()),
            title: title.map(str::to_owned),
            ..record()
        };
        let draft = check(named("Code Review", None), &[]);
        assert_eq!((draft.name, draft.title.as_deref()), (None, Some("Code Review")));
        let note = "The name `…` was left out, because it must contain a letter or a digit, as \
                    code-review does.";
        assert_eq!(check(named("…", Some("A")), &[note]).name, None);
        assert_eq!(check(named(" ", None), &[]).name, None);
        let long =
            check(named(&"word ".repeat(40_000), None), &["The title was cut to 120 characters."]);
        assert_eq!(long.name, None);
    }

    #[test]
    fn variables_that_the_content_lacks_are_left_out() {
        let variable = |name: &str, default: &str| VariableDraft {
            name: name.to_owned(),
            description: None,
            default: Some(default.to_owned()),
        };
        let long = "x".repeat(VARIABLE_DEFAULT_MAX_BYTES + 1);
        let given = vec![variable("CODE", "1"), variable("code", "2"), variable("other", "3")];
        let note = "The content has no variable `other`, so that its description was left out.";
        let draft = check(Record { variables: Some(given), ..record() }, &[note]);
        assert_eq!(draft.variables.unwrap()[0].default.as_deref(), Some("1"));
        let note = "The description or the default of `code` was left out, because it is too long.";
        check(Record { variables: Some(vec![variable("code", &long)]), ..record() }, &[note]);
    }

    #[test]
    fn fields_without_a_place_are_listed_and_counted() {
        let mut passed_over = PassedOver::default();
        passed_over.add("model");
        let one = Record { passed_over, ..record() };
        check(one, &["The field \"model\" was passed over."]);
        let mut passed_over = PassedOver::default();
        (0..1000).for_each(|number| passed_over.add(&format!("f{number}")));
        let note = passed_over.describe("column").unwrap();
        assert!(
            note.starts_with("The columns \"f0\", ")
                && note.ends_with("\"f9\" and others were passed over.")
        );
    }
}
