//! The placeholders of each form, as the program that defines them writes them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Form, Placeholder, make_name};
use crate::domain::draft::VariableDraft;
use crate::domain::placeholders::find_numbered_arguments;

/// A pattern, and what it says about its variable. One without a name leaves the text as it is.
type Rule = (&'static LazyLock<Regex>, fn(&Captures<'_>) -> VariableDraft);

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("the pattern is constant and tested"));
    };
}

pattern!(ARGUMENTS, r"\$ARGUMENTS\b(?:\[([0-9]{1,3})\])?");
pattern!(INPUT, r"\$\{input:([^}:\n]+)(?::([^}\n]*))?\}");
// Any other sign is that of an expression in a program, such as `${i + 1}`.
pattern!(DOLLAR_BRACES, r"\$\{([\p{L}\p{N} _-]+)(?::([^{}\n]*))?\}");
pattern!(ARGUMENT, r#"\{argument((?:\s+\w+="[^"\n]*")*)\s*(?:\|[^{}\n]*)?\}"#);
pattern!(
    DYNAMIC,
    r"\{(clipboard|selection|date|time|datetime|day|uuid|browser-tab)(?:[\s|][^{}\n]*)?\}"
);
pattern!(ATTRIBUTE, r#"(\w+)="([^"\n]*)""#);
pattern!(TYPED, r"\{\{\s*([^{}|\n]+?)\s*\|([^{}\n]*)\}\}");
pattern!(PROPERTY, r#":(default|placeholder|options)=("[^"\n]*"|\[[^\]\n]*\]|[^:\n]*)"#);
pattern!(
    CAPITALS,
    r"\[(PROMPT|TARGETLANGUAGE|TONE|WRITINGSTYLE|CRAWLEDTEXT|VARIABLE[0-9]*)(?::([^\]\n]*))?\]"
);
pattern!(FORM_FIELD, r"\[\[\s*([^\[\]{}\n]+?)\s*\]\]");
pattern!(FORM_VALUE, r"\{\{\s*\w+\.(\w+)\s*\}\}");
pattern!(FILL, r"%fill(text|area|popup|):([^%\n]+)%");
pattern!(CLIPBOARD, r"%clipboard\b");

/// Finds the placeholders of a form in a content, in their order and without overlap.
pub(super) fn find(form: Form, content: &str) -> Vec<Placeholder> {
    let rules: &[Rule] = match form {
        Form::Plain => &[],
        Form::Markdown | Form::Command => &[(&ARGUMENTS, read_arguments), (&INPUT, read_input)],
        Form::PromptsChat => &[(&DOLLAR_BRACES, read_dollar_braces)],
        Form::Raycast => &[(&ARGUMENT, read_argument), (&DYNAMIC, read_named)],
        Form::OpenWebUi => &[(&TYPED, read_typed)],
        Form::Aiprm => &[(&CAPITALS, read_capitals)],
        Form::Espanso => &[(&FORM_VALUE, read_named)],
        Form::EspansoFields => &[(&FORM_FIELD, read_named)],
        Form::TextExpander => &[(&FILL, read_fill), (&CLIPBOARD, read_clipboard)],
    };
    let mut found = Vec::new();
    for (pattern, read) in rules {
        for captures in pattern.captures_iter(content) {
            let variable = read(&captures);
            if let Some(whole) = captures.get(0).filter(|_| !variable.name.is_empty()) {
                found.push(Placeholder { range: whole.range(), variable });
            }
        }
    }
    let is_command = form == Form::Command || form == Form::Markdown && ARGUMENTS.is_match(content);
    if is_command {
        for (range, name) in find_numbered_arguments(content) {
            found.push(Placeholder { range, variable: named(name) });
        }
    }
    found.sort_by_key(|one| one.range.start);
    let mut end = 0;
    found.retain(|one| {
        let is_free = one.range.start >= end;
        if is_free {
            end = one.range.end;
        }
        is_free
    });
    found
}

fn named(name: String) -> VariableDraft {
    VariableDraft { name, ..VariableDraft::default() }
}

/// The text of a group, without white space around it; absent if it is empty.
fn text_of(captures: &Captures<'_>, group: usize) -> Option<String> {
    let text = captures.get(group)?.as_str().trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A variable with the name in the first group.
fn read_named(captures: &Captures<'_>) -> VariableDraft {
    named(make_name(&captures[1]).unwrap_or_default())
}

fn read_arguments(captures: &Captures<'_>) -> VariableDraft {
    let name = match captures.get(1) {
        Some(number) => format!("argument_{}", number.as_str()),
        None => "arguments".to_owned(),
    };
    named(name)
}

/// `${input:name:what to type}`.
fn read_input(captures: &Captures<'_>) -> VariableDraft {
    VariableDraft { description: text_of(captures, 2), ..read_named(captures) }
}

/// `${name:default}`.
fn read_dollar_braces(captures: &Captures<'_>) -> VariableDraft {
    VariableDraft { default: text_of(captures, 2), ..read_named(captures) }
}

/// `{argument name="x" default="y" options="a, b"}`, all of it optional.
fn read_argument(captures: &Captures<'_>) -> VariableDraft {
    let attributes = &captures[1];
    let find = |wanted: &str| {
        let mut all = ATTRIBUTE.captures_iter(attributes);
        all.find(|one| &one[1] == wanted).map(|one| one[2].to_owned())
    };
    let name = find("name").as_deref().and_then(make_name).unwrap_or_else(|| "argument".to_owned());
    VariableDraft { name, default: find("default"), description: find("options") }
}

/// `{{name | type:placeholder="x":default="y":options=["a","b"]}}`.
fn read_typed(captures: &Captures<'_>) -> VariableDraft {
    let mut variable = read_named(captures);
    for property in PROPERTY.captures_iter(&captures[2]) {
        let value = property[2].trim();
        let value =
            value.trim_matches(['"', '[', ']']).replace("\",\"", ", ").replace("\", \"", ", ");
        let value = Some(value).filter(|value| !value.is_empty());
        match &property[1] {
            "default" => variable.default = value,
            _ => variable.description = value.or(variable.description),
        }
    }
    variable
}

/// `[VARIABLE1:what it is]`.
fn read_capitals(captures: &Captures<'_>) -> VariableDraft {
    let name = captures[1].to_lowercase();
    VariableDraft { description: text_of(captures, 2), ..named(name) }
}

/// `%filltext:name=x:default=y%`, `%fillpopup:name=x:default=a:b:c%`, and `%fill:x%` of old versions.
fn read_fill(captures: &Captures<'_>) -> VariableDraft {
    let mut variable = VariableDraft::default();
    let mut choices = Vec::new();
    for part in captures[2].split(':') {
        match part.split_once('=') {
            Some(("name", name)) => variable.name = make_name(name).unwrap_or_default(),
            Some(("default", text)) => {
                variable.default = Some(text.to_owned()).filter(|text| !text.is_empty());
                choices.push(text);
            }
            Some(("width" | "height", _)) => {}
            _ if &captures[1] == "popup" => choices.push(part),
            _ if variable.name.is_empty() => variable.name = make_name(part).unwrap_or_default(),
            _ => {}
        }
    }
    if &captures[1] == "popup" && !choices.is_empty() {
        variable.description = Some(choices.join(", "));
    }
    variable
}

fn read_clipboard(_: &Captures<'_>) -> VariableDraft {
    named("clipboard".to_owned())
}
