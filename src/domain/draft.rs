//! Drafts: unchecked input for a save, and the only way to construct a new name and body.

use std::collections::{HashMap, HashSet};

use super::prompt::{
    Body, Content, Description, FoldedName, Name, TAGS_MAX, Tag, Title, VARIABLE_DEFAULT_MAX_BYTES,
    VARIABLE_DESCRIPTION_MAX_CHARS, VARIABLES_MAX, Variable, VariableName, check_bytes,
    check_chars, check_no_nul,
};
use super::syntax::Syntax;
use super::{Faults, FieldError, Invalid, template};

/// An unchecked variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct VariableDraft {
    /// Must be a variable of the content, in any of its spellings.
    pub name: String,
    /// At most 500 characters.
    pub description: Option<String>,
    /// At most 4,096 bytes.
    pub default: Option<String>,
}

/// Unchecked input for a save. In a save over an existing prompt, an absent field keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Draft {
    /// Read as its slug; derived from the title when absent.
    pub name: Option<String>,
    /// Derived from the name, or else from the content, when absent.
    pub title: Option<String>,
    /// Empty when absent.
    pub description: Option<String>,
    /// Required for a new prompt.
    pub content: Option<String>,
    /// Read as their slugs, each once; empty when absent.
    pub tags: Option<Vec<String>>,
    /// Descriptions and defaults; the variables themselves come from the content.
    pub variables: Option<Vec<VariableDraft>>,
}

/// The parsed fields of a draft; absent ones are `None`.
struct Checked {
    name: Option<Name>,
    title: Option<Title>,
    description: Option<Description>,
    content: Option<Content>,
    tags: Option<Vec<Tag>>,
    variables: Option<Vec<Variable>>,
}

impl Draft {
    /// Returns the bytes that it holds in memory: its texts, and the entries of its lists.
    pub(crate) fn held_bytes(&self) -> usize {
        let texts = [&self.name, &self.title, &self.description, &self.content];
        let texts = texts.into_iter().flatten().map(String::len);
        let tags = self.tags.iter().flatten().map(|tag| size_of::<String>() + tag.len());
        let variables = self.variables.iter().flatten().map(|variable| {
            let VariableDraft { name, description, default } = variable;
            let optional = [description, default].into_iter().flatten().map(String::len);
            size_of::<VariableDraft>() + name.len() + optional.sum::<usize>()
        });
        texts.chain(tags).chain(variables).sum()
    }

    /// Parses the name and body of a new prompt; the error lists every fault of the draft.
    pub fn into_new(self) -> Result<(Name, Body), Invalid> {
        self.into_new_in(Syntax::CURRENT)
    }

    /// Parses a body that was written in `syntax`, as an import does.
    pub(super) fn into_new_in(self, syntax: Syntax) -> Result<(Name, Body), Invalid> {
        let mut faults = Faults::default();
        let given_name = self.name.clone().unwrap_or_default();
        if self.content.is_none() {
            faults.push("content", "is missing; pass the text of the prompt");
        }
        let checked = self.check(&mut faults);
        let new = checked.content.map(|content| {
            let title = checked.title.unwrap_or_else(|| match &checked.name {
                Some(name) => Title::from_name(name, &given_name),
                None => Title::from_content(&content),
            });
            let name = checked.name.or_else(|| Name::from_title(&title));
            let name = name.unwrap_or_else(Name::fallback);
            let given = checked.variables.unwrap_or_default();
            let variables = declare(&content, syntax, &given, &mut faults);
            let description = checked.description.unwrap_or_default();
            let tags = checked.tags.unwrap_or_default();
            (name, Body { title, description, content, tags, variables, syntax })
        });
        faults.check_size(new.as_ref().map(|(_, body)| body));
        faults.finish(new)
    }

    /// The name that this draft gets as a new prompt; `None` if it has neither name nor title.
    pub fn name(&self) -> Result<Option<Name>, Invalid> {
        let mut faults = Faults::default();
        let name = match (&self.name, &self.title) {
            (Some(name), _) => faults.check("name", Name::parse(name)),
            (None, Some(title)) => {
                let title = faults.check("title", Title::parse(title));
                title.as_ref().and_then(Name::from_title)
            }
            (None, None) => None,
        };
        faults.finish(Some(name))
    }

    /// Whether it has no field of a body: at most a name.
    pub(crate) fn keeps_body(&self) -> bool {
        let Self { name: _, title, description, content, tags, variables } = self;
        [title, description, content].into_iter().all(Option::is_none)
            && tags.is_none()
            && variables.is_none()
    }

    /// Applies the draft to `current`; returns the new body, and the new name if the draft has one.
    ///
    /// A draft with any field of a body makes one in the current syntax.
    pub fn amend(self, current: &Body) -> Result<(Option<Name>, Body), Invalid> {
        let mut faults = Faults::default();
        let keeps_body = self.keeps_body();
        let checked = self.check(&mut faults);
        if keeps_body {
            return faults.finish(Some((checked.name, current.clone())));
        }
        let content = checked.content.unwrap_or_else(|| current.content.clone());
        let syntax = Syntax::CURRENT;
        let variables = match checked.variables {
            Some(given) => declare(&content, syntax, &given, &mut faults),
            None => redeclare(&content, syntax, &current.variables, &mut faults),
        };
        let body = Body {
            title: checked.title.unwrap_or_else(|| current.title.clone()),
            description: checked.description.unwrap_or_else(|| current.description.clone()),
            content,
            tags: checked.tags.unwrap_or_else(|| current.tags.clone()),
            variables,
            syntax,
        };
        faults.check_size(Some(&body));
        faults.finish(Some((checked.name, body)))
    }

    fn check(self, faults: &mut Faults) -> Checked {
        fn field<T>(
            faults: &mut Faults,
            name: &str,
            text: Option<String>,
            parse: impl Fn(&str) -> Result<T, String>,
        ) -> Option<T> {
            text.and_then(|text| faults.check(name, parse(&text)))
        }
        Checked {
            name: field(faults, "name", self.name, Name::parse),
            title: field(faults, "title", self.title, Title::parse),
            description: field(faults, "description", self.description, Description::parse),
            content: field(faults, "content", self.content, Content::parse),
            tags: self.tags.map(|tags| check_tags(&tags, faults)),
            variables: self.variables.map(|variables| check_variables(variables, faults)),
        }
    }
}

impl Faults {
    /// Adds the fault of a body that is too large. A body with other faults is not measured, because
    /// their mending changes its size.
    fn check_size(&mut self, body: Option<&Body>) {
        if let (true, Some(Err(error))) = (self.is_empty(), body.map(Body::check_size)) {
            self.extend(error.into());
        }
    }
}

/// Reads tags as their slugs, each once, in the order of their first appearance.
fn check_tags(texts: &[String], faults: &mut Faults) -> Vec<Tag> {
    let (mut said, mut seen) = (HashSet::new(), HashSet::new());
    let tags: Vec<Tag> = texts
        .iter()
        .enumerate()
        .filter(|(_, text)| said.insert(text.as_str()))
        .filter_map(|(index, text)| {
            let refuse =
                |message| faults.push_with(|| FieldError::new(format!("tags[{index}]"), message));
            Tag::parse(text).map_err(refuse).ok()
        })
        .filter(|tag| seen.insert(tag.clone()))
        .collect();
    if tags.len() > TAGS_MAX {
        faults.push("tags", format!("has {} tags; at most {TAGS_MAX} are allowed", tags.len()));
    }
    tags
}

fn check_variables(drafts: Vec<VariableDraft>, faults: &mut Faults) -> Vec<Variable> {
    if drafts.len() > VARIABLES_MAX {
        faults.push("variables", format!("has more than {VARIABLES_MAX} entries"));
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut variables = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        let path = |field: &str| format!("variables[{index}].{field}");
        let name = faults.check(&path("name"), VariableName::parse(&draft.name));
        if let Some(text) = &draft.description {
            let checked = check_chars(text, VARIABLE_DESCRIPTION_MAX_CHARS);
            faults.check(&path("description"), checked.and_then(|()| check_no_nul(text)));
        }
        if let Some(text) = &draft.default {
            let checked = check_bytes(text, VARIABLE_DEFAULT_MAX_BYTES);
            faults.check(&path("default"), checked.and_then(|()| check_no_nul(text)));
        }
        let Some(name) = name else { continue };
        if !seen.insert(name.folded()) {
            faults.push(path("name"), format!("repeats `{name}`; describe each variable once"));
        }
        let description = draft.description.filter(|text| !text.is_empty());
        variables.push(Variable { name, description, default: draft.default });
    }
    variables
}

impl Body {
    /// Returns the body in the current syntax, whose variables are those that the content has in it.
    ///
    /// # Errors
    /// A content that has too many variables in the current syntax.
    pub fn into_current_syntax(self) -> Result<Self, Invalid> {
        let syntax = Syntax::CURRENT;
        if self.syntax == syntax {
            return Ok(self);
        }
        let mut faults = Faults::default();
        let variables = redeclare(&self.content, syntax, &self.variables, &mut faults);
        faults.finish(Some(Self { variables, syntax, ..self }))
    }
}

/// The variables of `content` with the given descriptions and defaults. A given variable that the
/// content lacks is a fault, because it is nearly always a misspelling.
fn declare(
    content: &Content,
    syntax: Syntax,
    given: &[Variable],
    faults: &mut Faults,
) -> Vec<Variable> {
    let variables = redeclare(content, syntax, given, faults);
    let known: HashSet<FoldedName> =
        variables.iter().map(|variable| variable.name.folded()).collect();
    for (index, variable) in given.iter().enumerate() {
        if !known.contains(&variable.name.folded()) {
            let name = &variable.name;
            faults.push(
                format!("variables[{index}].name"),
                format!("is not in the content; write {{{{{name}}}}} where its value belongs"),
            );
        }
    }
    variables
}

/// The variables of `content`, with the descriptions and defaults of those that are in `known` in any
/// spelling.
fn redeclare(
    content: &Content,
    syntax: Syntax,
    known: &[Variable],
    faults: &mut Faults,
) -> Vec<Variable> {
    let names = template::find_variables(content.as_str(), syntax, VARIABLES_MAX);
    if names.len() > VARIABLES_MAX {
        faults.push("content", format!("has more than {VARIABLES_MAX} variables"));
    }
    let known: HashMap<FoldedName, &Variable> =
        known.iter().map(|variable| (variable.name.folded(), variable)).collect();
    names
        .into_iter()
        .map(|name| {
            let before = known.get(&name.folded());
            let description = before.and_then(|before| before.description.clone());
            let default = before.and_then(|before| before.default.clone());
            Variable { name, description, default }
        })
        .collect()
}

#[cfg(test)]
impl Draft {
    /// The prompt that a valid draft makes, saved once.
    pub(crate) fn into_prompt(self, saved_at: super::Timestamp) -> super::prompt::Prompt {
        let (name, body) = self.into_new().unwrap();
        super::prompt::Prompt {
            id: super::prompt::PromptId::random(),
            name,
            body,
            version: 1,
            source: "test".to_owned(),
            favorite: false,
            created_at: saved_at,
            updated_at: saved_at,
            deleted_at: None,
            use_count: 0,
            last_used_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::prompt::{CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, TITLE_MAX_CHARS};

    fn draft(content: &str) -> Draft {
        Draft { content: Some(content.to_owned()), ..Draft::default() }
    }

    #[track_caller]
    fn check_faults(draft: Draft, expected: &[&str]) {
        let invalid = draft.into_new().unwrap_err();
        let fields: Vec<&str> = invalid.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, expected, "{invalid}");
    }

    #[test]
    fn a_content_alone_gives_title_and_name() {
        let (name, body) = draft("# Code review\n\nReview {{code}}.").into_new().unwrap();
        assert_eq!((name.as_str(), body.title.as_str()), ("code-review", "Code review"));
        assert_eq!(body.variables[0].name.as_str(), "code");
        assert_eq!(draft("🎉").into_new().unwrap().0.as_str(), "tada");
        assert_eq!(draft("\u{2028}…").into_new().unwrap().0.as_str(), "prompt");
    }

    #[test]
    fn a_name_alone_gives_the_title() {
        let draft = Draft { name: Some("code-review".to_owned()), ..draft("x") };
        assert_eq!(draft.into_new().unwrap().1.title.as_str(), "Code review");
    }

    #[test]
    fn every_fault_is_reported_with_its_field() {
        check_faults(Draft::default(), &["content"]);
        let long = |count| "x".repeat(count);
        check_faults(
            Draft {
                name: Some("!!!".to_owned()),
                title: Some(long(TITLE_MAX_CHARS + 1)),
                description: Some(long(DESCRIPTION_MAX_CHARS + 1)),
                content: Some(long(CONTENT_MAX_BYTES + 1)),
                tags: Some(vec!["ok".to_owned(), "#".to_owned()]),
                variables: Some(vec![VariableDraft {
                    name: "a b".to_owned(),
                    ..Default::default()
                }]),
            },
            &["name", "title", "description", "content", "tags[1]", "variables[0].name"],
        );
        check_faults(draft("a\0b"), &["content"]);
        check_faults(draft(" \n"), &["content"]);
        check_faults(Draft { title: Some("a\nb".to_owned()), ..draft("x") }, &["title"]);
        let many: Vec<String> = (0..=VARIABLES_MAX).map(|n| format!("{{{{v{n}}}}}")).collect();
        let many = many.concat();
        check_faults(draft(&many), &["content"]);
        let tags = (0..=TAGS_MAX).map(|n| format!("t{n}")).collect();
        check_faults(Draft { tags: Some(tags), ..draft("x") }, &["tags"]);
    }

    #[test]
    fn a_variable_that_the_content_lacks_is_a_fault() {
        let given = vec![VariableDraft { name: "tone".to_owned(), ..Default::default() }];
        check_faults(
            Draft { variables: Some(given), ..draft("{{topic}}") },
            &["variables[0].name"],
        );
    }

    #[test]
    fn names_and_tags_are_kept_as_their_slugs() {
        let tags = ["Code review", "code_review", "#Rust", "rust", "RUST"].map(str::to_owned);
        let said =
            Draft { name: Some("Code review".to_owned()), tags: Some(tags.to_vec()), ..draft("x") };
        let (name, body) = said.into_new().unwrap();
        assert_eq!((name.as_str(), body.title.as_str()), ("code-review", "Code review"));
        let tags: Vec<&str> = body.tags.iter().map(Tag::as_str).collect();
        assert_eq!(tags, ["code-review", "rust"]);
        let many = (0..4 * TAGS_MAX).map(|n| format!("T {}", n % TAGS_MAX)).collect();
        assert!(Draft { tags: Some(many), ..draft("x") }.into_new().is_ok());
    }

    #[test]
    fn the_title_of_a_name_is_what_was_said() {
        for (name, title) in [
            ("Überblick schreiben", "Überblick schreiben"),
            ("code_review", "Code review"),
            ("Code  Review!", "Code  Review!"),
            ("two\nlines", "Two lines"),
        ] {
            let draft = Draft { name: Some(name.to_owned()), ..draft("x") };
            assert_eq!(draft.into_new().unwrap().1.title.as_str(), title);
        }
    }

    #[test]
    fn a_description_belongs_to_all_spellings_of_its_variable() {
        let given = |name: &str| VariableDraft {
            name: name.to_owned(),
            default: Some("1".to_owned()),
            ..Default::default()
        };
        let content = "{{ First-Name }} {{first_name}}";
        for spelling in ["first_name", "FIRST-NAME", " First-Name "] {
            let draft = Draft { variables: Some(vec![given(spelling)]), ..draft(content) };
            let (_, body) = draft.into_new().unwrap();
            assert_eq!(body.variables.len(), 1);
            assert_eq!(body.variables[0].name.as_str(), "First-Name");
            assert_eq!(body.variables[0].default.as_deref(), Some("1"));
        }
        let twice = Some(vec![given("first_name"), given("First-Name")]);
        check_faults(Draft { variables: twice, ..draft(content) }, &["variables[1].name"]);
    }

    /// A body of the first syntax, with a default for `a`.
    fn old_body() -> Body {
        let a = VariableDraft {
            name: "a".to_owned(),
            default: Some("1".to_owned()),
            ..Default::default()
        };
        let old = Draft { variables: Some(vec![a]), ..draft("{{a}} {{ B }}") };
        old.into_new_in(Syntax::First).unwrap().1
    }

    #[test]
    fn an_amendment_of_an_old_body_is_in_the_current_syntax() {
        let old = old_body();
        assert_eq!(old.variables.len(), 1);
        for change in [
            draft("{{a}} {{ B }}"),
            Draft { title: Some("New".to_owned()), ..Draft::default() },
            Draft { tags: Some(Vec::new()), ..Draft::default() },
        ] {
            let (_, new) = change.amend(&old).unwrap();
            assert_eq!(new.syntax, Syntax::CURRENT);
            let names: Vec<&str> = new.variables.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["a", "B"]);
            assert_eq!(new.variables[0], old.variables[0]);
            assert_ne!(new, old);
        }
        let renamed = Draft { name: Some("other".to_owned()), ..Draft::default() };
        assert_eq!(renamed.amend(&old).unwrap().1, old);
        assert_eq!(Draft::default().amend(&old).unwrap().1, old);
    }

    #[test]
    fn a_body_can_have_too_many_variables_in_the_current_syntax() {
        let many: Vec<String> = (0..=VARIABLES_MAX).map(|n| format!("{{{{V{n}}}}}")).collect();
        let (_, old) = draft(&many.concat()).into_new_in(Syntax::First).unwrap();
        assert!(old.into_current_syntax().is_err());
        let current = old_body().into_current_syntax().unwrap();
        assert_eq!(current.clone().into_current_syntax().unwrap(), current);
        assert_eq!(current.variables.len(), 2);
    }

    #[test]
    fn limits_are_inclusive() {
        let full = Draft {
            name: Some("a".repeat(64)),
            title: Some("é".repeat(TITLE_MAX_CHARS)),
            description: Some("é".repeat(DESCRIPTION_MAX_CHARS)),
            content: Some("x".repeat(CONTENT_MAX_BYTES)),
            tags: Some((0..TAGS_MAX).map(|n| format!("t{n}")).collect()),
            variables: None,
        };
        assert!(full.into_new().is_ok());
    }

    #[test]
    fn an_amendment_keeps_what_it_does_not_name() {
        let given = VariableDraft {
            name: "a".to_owned(),
            description: Some("first".to_owned()),
            default: Some("1".to_owned()),
        };
        let (_, before) =
            Draft { variables: Some(vec![given]), ..draft("{{a}} {{b}}") }.into_new().unwrap();
        let (name, after) = draft("{{c}} {{a}}").amend(&before).unwrap();
        assert_eq!(name, None);
        assert_eq!(after.title, before.title);
        assert_eq!(after.variables[1], before.variables[0]);
        assert_eq!(after.variables[0].name.as_str(), "c");
    }

    /// Contents of the parts that a title, a name and variables are made from, and any others.
    fn content() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "{{a}}",
            "{{ B-c }}",
            "{{b_C}}",
            "{{é}}",
            "{{E\u{301}}}",
            r"\{{",
            "{{",
            "\u{ad}",
            "# ",
            "- ",
            "\n",
            "\r\n",
            "\t",
            " ",
            "\u{1}",
            "\u{2028}",
            "…",
            "harvest",
            "Review",
            "é",
            "標題",
            "🎉",
            "_",
        ]);
        let long = "[a-z ]{100,140}";
        let any = "\\PC{1,20}";
        let part = prop_oneof![6 => part.prop_map(str::to_owned), 1 => long, 1 => any];
        prop::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_content_within_the_limit_makes_a_prompt(content in content()) {
            if !content.trim().is_empty() {
                let (name, body) = draft(&content).into_new().unwrap();
                prop_assert_eq!(body.content.as_str(), content.as_str());
                prop_assert!(Title::parse(body.title.as_str()).is_ok());
                prop_assert!(Name::parse(name.as_str()).is_ok());
                let names = template::find_variables(&content, Syntax::CURRENT, VARIABLES_MAX);
                let declared: Vec<_> = body.variables.iter().map(|v| v.name.clone()).collect();
                prop_assert_eq!(declared, names);
            }
        }
    }
}
