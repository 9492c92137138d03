//! The forms of other programs whose placeholders are known, and how these become variables.
//!
//! A placeholder is converted in the form that defines it and in no other: `$1` in a command of Claude
//! Code is an argument, and money in a note. What stays text is noted where the library looks at every
//! content (`domain::placeholders`).

mod rules;

use std::ops::Range;

use super::record::describe_replacements;
use crate::domain::draft::VariableDraft;
use crate::domain::excerpt::Message;
use crate::domain::prompt::{CONTENT_MAX_BYTES, VARIABLES_MAX, VariableName};
use crate::domain::syntax::Syntax;
use crate::domain::template::find_variables;

/// The program that a prompt comes from, as far as its placeholders depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// PromptDB, or a program that writes variables as PromptDB does or has none.
    #[default]
    Plain,
    /// A Markdown file: `$ARGUMENTS` of Claude Code and `${input:x}` of Copilot, which mean nothing else.
    Markdown,
    /// A command of Claude Code, which has `$1` as well.
    Command,
    /// prompts.chat: `${Name}` and `${Name:default}`.
    PromptsChat,
    /// Raycast: `{argument name="x"}`, `{clipboard}`, `{selection}`.
    Raycast,
    /// Open WebUI: `{{name | text:placeholder="..."}}`.
    OpenWebUi,
    /// AIPRM: `[PROMPT]`, `[TONE]`, `[VARIABLE1:name]`.
    Aiprm,
    /// A replacement of Espanso, with the fields of a form: `{{form1.name}}`.
    Espanso,
    /// A form of Espanso: `[[name]]`.
    EspansoFields,
    /// TextExpander: `%filltext:name=x%`, `%clipboard`.
    TextExpander,
}

/// A placeholder of a content.
struct Placeholder {
    range: Range<usize>,
    variable: VariableDraft,
}

impl Form {
    /// Writes the placeholders of a content as variables. Returns the content, and what the placeholders
    /// say about their variables; a note lists them.
    ///
    /// A content that would have too many variables then, or be too long, stays as it is.
    pub(super) fn convert(
        self,
        content: String,
        notes: &mut Vec<Message>,
    ) -> (String, Vec<VariableDraft>) {
        let mut found = rules::find(self, &content);
        // A brace or a backslash in front would join the braces of the variable.
        found.retain(|one| !content[..one.range.start].ends_with(['{', '\\']));
        if found.is_empty() {
            return (content, Vec::new());
        }
        let (converted, replaced) = replace(&content, &found);
        let names = find_variables(&converted, Syntax::CURRENT, VARIABLES_MAX).len();
        if names > VARIABLES_MAX || converted.len() > CONTENT_MAX_BYTES {
            if content.len() <= CONTENT_MAX_BYTES {
                let note = "The placeholders stay text, because there are too many for variables.";
                notes.push(note.into());
            }
            return (content, Vec::new());
        }
        notes.extend(describe_replacements(&replaced));
        let variables = found.into_iter().map(|one| one.variable);
        // A variable is declared where something is said about it.
        let variables = variables
            .filter(|variable| variable.default.is_some() || variable.description.is_some());
        (converted, variables.collect())
    }
}

/// Returns the content with its placeholders replaced, and each pair of a text and its name once.
fn replace(content: &str, found: &[Placeholder]) -> (String, Vec<(String, String)>) {
    let mut converted = String::with_capacity(content.len());
    let mut replaced: Vec<(String, String)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut end = 0;
    for Placeholder { range, variable } in found {
        converted.push_str(&content[end..range.start]);
        converted.push_str("{{");
        converted.push_str(&variable.name);
        converted.push_str("}}");
        end = range.end;
        let text = &content[range.clone()];
        if seen.insert(text) {
            replaced.push((text.to_owned(), variable.name.clone()));
        }
    }
    converted.push_str(&content[end..]);
    (converted, replaced)
}

/// Returns the name of a variable in place of a placeholder: the text itself where that is a name, else
/// its words joined by `_`. `None` for a text without a letter or a digit.
fn make_name(text: &str) -> Option<String> {
    if let Ok(name) = VariableName::parse(text) {
        return Some(name.to_string());
    }
    let mut name = String::new();
    for c in text.chars().take(VariableName::MAX_CHARS - 1) {
        let is_part = c.is_alphanumeric() || matches!(c, '_' | '-');
        if is_part && name.is_empty() && c.is_numeric() {
            name.push('_');
        }
        if is_part {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    VariableName::parse(name.trim_matches(['_', '-']))
        .or_else(|_| VariableName::parse(&name))
        .ok()
        .map(|name| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, content: &str, converted: &str, variables: &[(&str, &str, &str)]) {
        let mut notes = Vec::new();
        let (found, drafts) = form.convert(content.to_owned(), &mut notes);
        assert_eq!(found, converted, "{content}");
        let drafts: Vec<_> = drafts
            .iter()
            .map(|draft| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                (draft.name.clone(), text(&draft.default), text(&draft.description))
            })
            .collect();
        let expected: Vec<_> = variables
            .iter()
            .map(|(name, default, description)| {
                ((*name).to_owned(), (*default).to_owned(), (*description).to_owned())
            })
            .collect();
        assert_eq!(drafts, expected, "{content}");
        assert_eq!(notes.is_empty(), content == converted, "{notes:?}");
    }

    #[test]
    fn placeholders_of_each_form_become_variables() {
        check(
            Form::Markdown,
            "Fix $ARGUMENTS, then ${input:scope:the part, if any} and ${input:x}.",
            "Fix {{arguments}}, then {{scope}} and {{x}}.",
            &[("scope", "", "the part, if any")],
        );
        check(
            Form::Command,
            "Move $1 to $2, then show $1. $ARGUMENTS[3]",
            "Move {{argument_1}} to {{argument_2}}, then show {{argument_1}}. {{argument_3}}",
            &[],
        );
        check(
            Form::PromptsChat,
            "For ${Position:Software Engineer} at ${Company Name}.",
            "For {{Position}} at {{Company_Name}}.",
            &[("Position", "Software Engineer", "")],
        );
        check(
            Form::Raycast,
            "{argument name=\"tone\" default=\"kind\"} {argument} {clipboard | trim} {selection}",
            "{{tone}} {{argument}} {{clipboard}} {{selection}}",
            &[("tone", "kind", "")],
        );
        check(
            Form::OpenWebUi,
            "{{plain}} {{ who | text:placeholder=\"Who?\":required}} {{n | number:min=1:default=5}} \
             {{p | select:options=[\"a\",\"b\"]:default=\"a\"}}",
            "{{plain}} {{who}} {{n}} {{p}}",
            &[("who", "", "Who?"), ("n", "5", ""), ("p", "a", "a, b")],
        );
        check(
            Form::Aiprm,
            "Write [PROMPT] in [TARGETLANGUAGE] [VARIABLE1:Word count:100|200]. [NOTE]",
            "Write {{prompt}} in {{targetlanguage}} {{variable1}}. [NOTE]",
            &[("variable1", "", "Word count:100|200")],
        );
        check(Form::Espanso, "Hi {{form1.city}}", "Hi {{city}}", &[]);
        check(Form::EspansoFields, "Hi [[name]]", "Hi {{name}}", &[]);
        check(
            Form::TextExpander,
            "Dear %filltext:name=First name:default=you%, %fillarea:name=text% %clipboard \
             %fillpopup:name=tone:default=kind:short% 100%",
            "Dear {{First_name}}, {{text}} {{clipboard}} {{tone}} 100%",
            &[("First_name", "you", ""), ("tone", "kind", "kind, short")],
        );
    }

    #[test]
    fn what_a_form_does_not_define_stays() {
        for (form, content) in [
            (Form::Plain, "$ARGUMENTS ${input:x} ${Name:a} {argument name=\"x\"} [PROMPT] [[x]]"),
            (Form::Markdown, "It costs $1 and $2. ${HOME} ${selection} [PROMPT] $ARGUMENTSX"),
            (Form::Command, "It costs $100."),
            (Form::Raycast, "{cursor} {topic} {{clipboard}}"),
            (Form::OpenWebUi, "{{a}} {{{b | text:default=1}}}"),
            (Form::Espanso, "{{a}} [x] see [[Daily note]] and [[{{a}}]]"),
            (Form::EspansoFields, "{{a}} [x] [[{{a}}]]"),
            (Form::PromptsChat, "`${i + 1}` ${props.children} ${a?b:c} ${ }"),
            (Form::TextExpander, "100% of %Y-%m and %|"),
        ] {
            check(form, content, content, &[]);
        }
    }

    #[test]
    fn too_many_placeholders_stay_text() {
        let many: Vec<String> = (0..=VARIABLES_MAX).map(|n| format!("${{n{n}}}")).collect();
        let mut notes = Vec::new();
        let (content, variables) = Form::PromptsChat.convert(many.concat(), &mut notes);
        assert_eq!((content, variables.len()), (many.concat(), 0));
        assert_eq!(
            notes,
            ["The placeholders stay text, because there are too many for variables."]
        );
    }

    #[test]
    fn a_name_is_made_of_words() {
        for (text, name) in [
            ("tone", Some("tone")),
            ("First name", Some("First_name")),
            (" Größe (cm) ", Some("Größe_cm")),
            ("1st", Some("_1st")),
            ("…", None),
            ("", None),
        ] {
            assert_eq!(make_name(text).as_deref(), name, "{text:?}");
        }
        assert!(make_name(&"long words ".repeat(20_000)).is_some());
    }
}
