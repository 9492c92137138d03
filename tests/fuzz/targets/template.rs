//! Rendering says what the specification says, in other words: one pass of a regular expression
//! over the content, so that no argument is ever expanded again.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::prompt::Variable;
use promptdb::domain::template::{self, RENDERED_MAX_BYTES};
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static SYNTAX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\\\{\{|\{\{([a-z][a-z0-9_]{0,31})\}\}").unwrap());

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    content: &'a str,
    /// For each variable of the content in its order: a default, and an argument.
    values: Vec<(Option<&'a str>, Option<&'a str>)>,
}

fuzz_target!(|input: Input<'_>| {
    let names = template::find_variables(input.content, 100);
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
    let arguments: BTreeMap<&str, &str> =
        values.filter_map(|(name, (_, argument))| Some((name.as_str(), (*argument)?))).collect();
    let content = body.content.as_str();
    let rendered =
        template::render(content, &body.variables, |name| arguments.get(name.as_str()).copied());

    let defaults: BTreeMap<&str, &str> = body
        .variables
        .iter()
        .filter_map(|variable| Some((variable.name.as_str(), variable.default.as_deref()?)))
        .collect();
    let value = |name: &str| arguments.get(name).or_else(|| defaults.get(name)).copied();
    let mut length = content.len();
    for found in SYNTAX.captures_iter(content) {
        let put = match found.get(1) {
            Some(name) => value(name.as_str()).map_or(found[0].len(), str::len),
            None => 2,
        };
        length = length - found[0].len() + put;
    }
    if length > RENDERED_MAX_BYTES {
        assert!(rendered.is_err(), "{length} bytes were rendered");
        return;
    }
    let expected = SYNTAX.replace_all(content, |found: &Captures<'_>| match found.get(1) {
        Some(name) => value(name.as_str()).unwrap_or(&found[0]).to_owned(),
        None => "{{".to_owned(),
    });
    let rendered = rendered.expect("a text within bounds");
    assert_eq!(rendered.text, expected);
    let is_missing = |variable: &&Variable| value(variable.name.as_str()).is_none();
    let missing: Vec<_> =
        body.variables.iter().filter(is_missing).map(|v| v.name.clone()).collect();
    assert_eq!(rendered.missing, missing);
});
