//! Rendering says what the specification says, in other words: one pass of a regular expression
//! over the content, so that no argument is ever expanded again.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::prompt::{FoldedName, Variable, VariableName};
use promptdb::domain::syntax::Syntax;
use promptdb::domain::template::{self, Arguments, RENDERED_MAX_BYTES};
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// An escape; three braces or more; two braces around what may be a name.
static SYNTAX: LazyLock<Regex> = LazyLock::new(|| {
    let blank = r"[\s&&[^\n\r\x0B\x0C\x{85}\x{2028}\x{2029}]]*";
    let name = r"[\p{L}_][\p{L}\p{M}\p{Nd}_\x{200c}\x{200d}-]*";
    Regex::new(&format!(r"\\\{{\{{|\{{{{3,}}|\{{\{{{blank}({name}){blank}\}}\}}")).unwrap()
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    content: &'a str,
    /// For each variable of the content in its order: a default, and an argument.
    values: Vec<(Option<&'a str>, Option<&'a str>)>,
}

fuzz_target!(|input: Input<'_>| {
    let names = template::find_variables(input.content, Syntax::CURRENT, 100);
    let values = names.iter().zip(&input.values);
    let said = values.clone().map(|(name, (default, _))| VariableDraft {
        name: name.to_string(),
        description: None,
        default: default.map(str::to_owned),
    });
    let draft = Draft {
        content: Some(input.content.to_owned()),
        variables: Some(said.collect()),
        ..Draft::default()
    };
    // What cannot be saved is never rendered.
    let Ok((_, body)) = draft.into_new() else { return };
    let arguments: BTreeMap<String, String> = values
        .filter_map(|(name, (_, argument))| Some((name.to_string(), (*argument)?.to_owned())))
        .collect();
    let content = body.content.as_str();
    let rendered = template::render(&body, &Arguments::of(&arguments));

    let defaults = body
        .variables
        .iter()
        .filter_map(|variable| Some((variable.name.folded(), variable.default.as_deref()?)));
    let given = arguments.iter().map(|(name, text)| (FoldedName::new(name), text.as_str()));
    let known: BTreeMap<FoldedName, &str> = defaults.chain(given).collect();
    let put = |found: &Captures<'_>| -> String {
        match found.get(1) {
            Some(name) if VariableName::parse(name.as_str()).is_ok() => {
                let value = known.get(&FoldedName::new(name.as_str()));
                value.map_or_else(|| found[0].to_owned(), |value| (*value).to_owned())
            }
            None if found[0].starts_with('\\') => "{{".to_owned(),
            _ => found[0].to_owned(),
        }
    };
    let mut length = content.len();
    for found in SYNTAX.captures_iter(content) {
        length = length - found[0].len() + put(&found).len();
    }
    if length > RENDERED_MAX_BYTES {
        assert!(rendered.is_err(), "{length} bytes were rendered");
        return;
    }
    let rendered = rendered.expect("a text within bounds");
    assert_eq!(rendered.text, SYNTAX.replace_all(content, put));
    let is_missing = |variable: &&Variable| !known.contains_key(&variable.name.folded());
    let missing: Vec<_> =
        body.variables.iter().filter(is_missing).map(|v| v.name.clone()).collect();
    assert_eq!(rendered.missing, missing);
});
