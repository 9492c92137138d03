//! YAML: matches of Espanso, snippets of TextExpander, and prompts as JSON has them.
//!
//! YAML says the same as JSON in other signs, so that a file is read as JSON once it is parsed: the same
//! lists, maps and fields are known, and a fault of one item is reported for that item alone.

mod node;

use std::io::{BufRead, Read};

use serde::Serialize;
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{
    DuplicateKeyPolicy, Error, NonFiniteFloatPolicy, Options, UserMessageFormatter, options,
};

use self::node::{Node, Written};
use super::encoding::NOT_UTF8;
use super::{ReadError, Sink, WHOLE_FILE, json, unreadable_file};
use crate::domain::excerpt::{Message, cut_serde_error};

/// Maximum size of a file in bytes. A file is read as a whole.
const FILE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum depth of nesting, more than any known program has.
const DEPTH_MAX: usize = 32;
/// Maximum number of values, with those that an alias repeats: a prompt has a dozen.
const NODES_MAX: usize = 500_000;
/// Maximum size of all texts in bytes, with those that an alias repeats.
const TEXTS_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of anchors and of aliases in a file.
const ALIASES_MAX: usize = 10_000;

/// Reads a file.
pub(super) fn read(
    input: Box<dyn BufRead>,
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    let mut bytes = Vec::new();
    let limit = FILE_MAX_BYTES as u64 + 1;
    input.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable_file(&error))?;
    let fail = |reason: String| Err(ReadError::new(WHOLE_FILE, reason));
    if bytes.len() > FILE_MAX_BYTES {
        return fail(format!("has more than {FILE_MAX_BYTES} bytes; divide it"));
    }
    let Ok(text) = str::from_utf8(&bytes) else { return fail(NOT_UTF8.to_owned()) };
    if text.trim().is_empty() {
        return fail("is empty".to_owned());
    }
    match write_json(text) {
        Ok(json) => json::read_value(&json, sink, notes),
        Err(error) => fail(describe(&error)),
    }
}

/// Writes a file as JSON. The documents of a stream are the elements of a list.
fn write_json(text: &str) -> Result<Vec<u8>, Error> {
    // A repeated key is a fault of its item, as in JSON.
    let options = options(DuplicateKeyPolicy::PassThrough, ALIASES_MAX);
    let mut documents: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options)?;
    let document = match documents.pop() {
        None => Node::Null,
        Some(only) if documents.is_empty() => only,
        last => documents.into_iter().chain(last).collect(),
    };
    serde_json::to_vec(&Written { node: &document, source: text }).map_err(serde::de::Error::custom)
}

/// Parses front matter: a number or a mark whose text is not how JSON writes it is a text.
pub(super) fn parse_front_matter(text: &str) -> Result<Value, Error> {
    let node: Node = serde_saphyr::from_str_with_options(text, front_matter_options())?;
    Written { node: &node, source: text }
        .serialize(serde_json::value::Serializer)
        .map_err(serde::de::Error::custom)
}

/// Returns the options of a parser of front matter. It has no aliases: people write `*` and `&` there as text.
pub(super) fn front_matter_options() -> Options {
    options(DuplicateKeyPolicy::Error, 0)
}

/// Returns the options of a parser. Aliases of aliases could expand a page to gigabytes ("billion laughs"), so
/// that all limits count what an alias repeats.
fn options(duplicate_keys: DuplicateKeyPolicy, aliases_max: usize) -> Options {
    options! {
        with_snippet: false,
        duplicate_keys: duplicate_keys,
        // `y` is a name, as in YAML 1.2.
        strict_booleans: true,
        // `.inf` is a text.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        budget: serde_saphyr::budget! {
            max_aliases: aliases_max,
            max_anchors: aliases_max,
            // One anchor may serve a hundred prompts.
            enforce_alias_anchor_ratio: false,
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_total_scalar_bytes: TEXTS_MAX_BYTES,
        },
    }
}

/// Describes why a file cannot be read, to a person who does not know the parser.
fn describe(error: &Error) -> String {
    let mut cause = error;
    // What is wrong at an alias.
    while let Error::AliasError { error, .. } = cause {
        cause = error;
    }
    let breach = match cause {
        Error::Budget { breach, .. } => Some(breach),
        _ => None,
    };
    let found = error.render_with_formatter(&UserMessageFormatter);
    match breach {
        Some(BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }) => {
            format!("has more than {ALIASES_MAX} anchors or aliases; divide it")
        }
        Some(BudgetBreach::Depth { .. }) => format!("is nested deeper than {DEPTH_MAX} levels"),
        // What the parser says of lists in brackets, whose depth it limits before it counts.
        None if found.contains("recursion limit") => {
            format!("is nested deeper than {DEPTH_MAX} levels")
        }
        Some(BudgetBreach::Nodes { .. }) => {
            format!("has more than {NODES_MAX} values, with those that aliases repeat; divide it")
        }
        Some(BudgetBreach::ScalarBytes { .. }) => {
            format!(
                "has more than {TEXTS_MAX_BYTES} bytes of text, with those that aliases repeat; divide it"
            )
        }
        Some(_) => "is too large or has too many documents; divide it".to_owned(),
        None => format!(
            "invalid YAML: {}; a text with a colon, # or a bracket must be in quotation marks, or below `|`",
            cut_serde_error(&found)
        ),
    }
}
