//! What stands around an entry and its fields stays, byte by byte: comments, line ends and other entries.

use proptest::prelude::*;

use super::{check_in, entry, insert, json, named, remove, toml, with_fields, yaml, yaml_list};
use crate::cli::client_file::edit::{Entry, Field, Place};

const URL_LINE: &str = "url = \"http://localhost:3000/mcp\"\n";

/// The edit gives `after`, and its removal `gone`.
#[track_caller]
fn check_both(place: &Place, entry: &Entry, before: &str, after: &str, gone: &str) {
    check_in(place, entry, before, after);
    assert_eq!(remove(place, after).as_deref(), Some(gone));
}

#[test]
fn toml_comments_around_an_entry_and_its_fields_stay() {
    let head =
        "# My configuration\n# Licence: MIT\n\n# [mcp_servers.b]\n# command = \"b\"\n\n# ours\n";
    let tail = "\n# of z\n[z]\na = 1 # one\n";
    let before = format!(
        "{head}[mcp_servers.promptdb] # promptdb\n# the program\ncommand = \"p\"\n# its words\n\
         args = [\n  \"a\", # first\n]\n# how long\ntimeout = 5 # seconds\n{tail}"
    );
    let after = format!(
        "{head}[mcp_servers.promptdb] # promptdb\n# the program\n# its words\n# how long\n\
         timeout = 5 # seconds\n{URL_LINE}{tail}"
    );
    check_both(&toml(), &entry(), &before, &after, &format!("{head}{tail}"));
    let command = with_fields(vec![Field::new("command", "q"), Field::new("args", vec!["b"])]);
    let replaced = before.replace("\"p\"", "\"q\"").replace("[\n  \"a\", # first\n]", "[\"b\"]");
    check_in(&toml(), &command, &before, &replaced);
}

#[test]
fn toml_after_connecting_and_disconnecting_is_what_it_was() {
    for before in [
        "",
        "# mine\n",
        "a = 1\n",
        "[mcp_servers.x]\nurl = 'x'\n# off = 1\n\n# of z\n[z]\na = \"\"\"\r\nq\n\"\"\"\r\n",
        "[mcp_servers]\n# a = { command = \"a\" }\nx = { url = \"x\" } # x\n\n# the end\n",
        "mcp_servers = { x = { url = \"x\" } } # all\n",
        "mcp_servers = { x.url = \"x\" }\n",
        "mcp_servers = {\n  # one\n  x = { url = \"x\" }, # two\n  # three\n}\n",
        "mcp_servers.x.url = \"x\"\nz = 1\n",
        "[[z]]\na = 1\n[mcp_servers]\n",
    ] {
        let after = insert(&toml(), before, &entry()).unwrap();
        check_both(&toml(), &entry(), before, &after, before);
    }
}

#[test]
fn a_toml_entry_in_an_inline_table_or_with_dotted_keys_changes_alone() {
    let url = URL_LINE.trim_end();
    for (before, after, gone) in [
        (
            "[mcp_servers]\n# a = { command = \"x\" }\npromptdb = { command = \"p\", args = [], t = 5 } # p\n",
            format!(
                "[mcp_servers]\n# a = {{ command = \"x\" }}\npromptdb = {{ t = 5, {url} }} # p\n"
            ),
            "[mcp_servers]\n# a = { command = \"x\" }\n",
        ),
        (
            "mcp_servers = { promptdb = { command = \"p\" }, x = {} } # all\n",
            format!("mcp_servers = {{ promptdb = {{ {url} }}, x = {{}} }} # all\n"),
            "mcp_servers = { x = {} } # all\n",
        ),
        (
            "mcp_servers = {\n  x = {}, # x\n  # ours\n  promptdb = { url = \"u\" }, # p\n}\n",
            format!(
                "mcp_servers = {{\n  x = {{}}, # x\n  # ours\n  promptdb = {{ {url} }}, # p\n}}\n"
            ),
            "mcp_servers = {\n  x = {}, # x\n  # ours\n}\n",
        ),
        (
            "mcp_servers = { x = {}, promptdb.command = \"p\", promptdb.t = 5 }\n",
            format!("mcp_servers = {{ x = {{}}, promptdb.t = 5, promptdb.{url} }}\n"),
            "mcp_servers = { x = {} }\n",
        ),
        (
            "# ours\nmcp_servers.promptdb.command = \"p\"\n# long\nmcp_servers.promptdb.t = 5\nz = 1\n",
            format!(
                "# ours\n# long\nmcp_servers.promptdb.t = 5\nmcp_servers.promptdb.{url}\nz = 1\n"
            ),
            "# ours\n# long\nz = 1\n",
        ),
    ] {
        check_both(&toml(), &entry(), before, &after, gone);
    }
}

#[test]
fn each_line_keeps_its_own_end() {
    let mixed = "a = 1\r\nb = 2\nnotify = \"\"\"\r\nq\n\"\"\"\r\n\r\n[mcp_servers.promptdb]\r\n\
        command = \"p\"\nt = 5\r\n\n[z]\r\nc = 3\n";
    let after = mixed
        .replace("command = \"p\"\n", "")
        .replace("t = 5\r\n", &format!("t = 5\r\n{}\r\n", URL_LINE.trim_end()));
    let gone = "a = 1\r\nb = 2\nnotify = \"\"\"\r\nq\n\"\"\"\r\n\n[z]\r\nc = 3\n";
    check_both(&toml(), &entry(), mixed, &after, gone);

    let url = "url: \"http://localhost:3000/mcp\"";
    let mixed = "a: 1\r\nextensions:\n  x: {}\r\n  promptdb: # p\r\n    cmd: q\n    url: old # o\r\n\nz: 1\r\n";
    let after = mixed.replace("    cmd: q\n", "").replace("url: old", url);
    let gone = "a: 1\r\nextensions:\n  x: {}\r\n\nz: 1\r\n";
    check_both(&yaml(), &entry(), mixed, &after, gone);

    let mixed = "{\r\n  \"a\": 1,\n  \"mcpServers\": {\r\n    \"x\": {},\n    \"promptdb\": {\r\n      \
        \"command\": \"p\",\n      \"url\": \"u\"\r\n    }\n  }\r\n}\n";
    let after = mixed
        .replace("      \"command\": \"p\",\n", "")
        .replace("\"u\"", "\"http://localhost:3000/mcp\"");
    check_in(&json(true), &entry(), mixed, &after);
}

#[test]
fn json_comments_around_an_entry_and_its_fields_stay() {
    let before = r#"{"mcpServers": {
  // "b": {"command": "b"},
  "a": {}, // a
  // ours
  "promptdb": { // promptdb
    // the program
    "command": "p",
    // where
    "url": "u", // old
    // how long
    "timeout": 5 // seconds
  }, // p
  // of z
  "z": {}
}}"#;
    let after = before
        .replace("    \"command\": \"p\",\n", "")
        .replace("\"u\"", "\"http://localhost:3000/mcp\"");
    check_in(&json(true), &entry(), before, &after);
    let gone = r#"{"mcpServers": {
  // "b": {"command": "b"},
  "a": {}, // a
  // ours
  // of z
  "z": {}
}}"#;
    assert_eq!(remove(&json(true), &after).as_deref(), Some(gone));
}

#[test]
fn yaml_comments_around_an_entry_and_its_fields_stay() {
    let before = "# mine\nextensions: # all\n  # b:\n  #   cmd: b\n\n  # ours\n  promptdb: # mine\n    # type\n    \
        type: \"sse # one\" # old\n    cmd: it's # p\n    # where\n    url: 'a''b # c' # u\n    args: # words\n      \
        - a # first\n  # of z\n  z: {}\n";
    let entry = with_fields(vec![
        Field::new("type", "http"),
        Field::new("url", "u"),
        Field::new("args", Vec::<String>::new()),
    ]);
    let after = before
        .replace("\"sse # one\"", "\"http\"")
        .replace("    cmd: it's # p\n", "")
        .replace("'a''b # c'", "\"u\"")
        .replace("args: # words\n      - a # first\n", "args: [] # words\n");
    let gone = "# mine\nextensions: # all\n  # b:\n  #   cmd: b\n\n  # ours\n  # of z\n  z: {}\n";
    check_both(&yaml(), &entry, before, &after, gone);
    check_both(
        &yaml(),
        &super::entry(),
        "extensions: # all\n  promptdb: {} # p\n",
        "extensions: # all\n  promptdb: # p\n    url: \"http://localhost:3000/mcp\"\n",
        "extensions: {} # all\n",
    );
    check_in(
        &yaml_list(),
        &named(),
        "servers:\n  - name: promptdb # n\n    url: [a, \"b # c\"] # u\n",
        "servers:\n  - name: promptdb # n\n    url: \"u\" # u\n",
    );
}
/// Blocks of a TOML file that are not the entry; `N` is a number of their own.
const TOML_BLOCKS: [&str; 7] = [
    "# comment N\n",
    "# comment N\n\n",
    "[tN] # comment N\n\n# comment NN\na = \"\"\"\nN # no comment\n\n\"\"\"\n",
    "[mcp_servers.sN]\nurl = 'N' # comment N\n\n",
    "# [mcp_servers.sN]\n# url = 'N'\n[[aN]]\n\n",
    "[\"mcp_servers\".sN.env]\nN = [ # comment N\n  1,\n]\n",
    "\n[tN]\n\n",
];

/// The entry in several forms, or not there.
const TOML_ENTRIES: [&str; 5] = [
    "",
    "[mcp_servers.promptdb]\ncommand = 'p'\n",
    "[mcp_servers.promptdb]\n\n# inside\ncommand = 'p' # inside\nargs = [\n]\ntimeout = 5\n\n",
    "[mcp_servers.promptdb.env]\nA = 1\n[mcp_servers.promptdb]\nurl = 'old'\n\n",
    "[mcp_servers.promptdb.tools.a]\nb = 1\n",
];

const YAML_BLOCKS: [&str; 5] = [
    "  # comment N\n",
    "\n",
    "  sN: # comment N\n    cmd: \"N # no comment\" # comment\n",
    "  'sN':\n      args:\n      # comment N\n      - N # comment N\n\n",
    "  # sN:\n  #   cmd: N\n\n  tN: {a: 'N'} # comment N\n",
];

const YAML_ENTRIES: [&str; 4] = [
    "",
    "  promptdb: # promptdb\n    cmd: p # inside\n    url: 'u # v' # w\n",
    "  \"promptdb\":\n    env:\n      A: 1\n    # inside\n    args:\n    - a # inside\n\n",
    "  promptdb: {} # promptdb\n",
];

/// Joins blocks, of which one may be the entry, and ends each line as `ends` says.
fn join(head: &str, blocks: &[String], ends: &[bool]) -> Vec<String> {
    let text = [head, &blocks.concat()].concat();
    let lines = text.split_inclusive('\n').zip(ends.iter().cycle());
    lines
        .map(|(line, is_windows)| line.replace('\n', if *is_windows { "\r\n" } else { "\n" }))
        .collect()
}

/// Whatever stands around the entry stays, line by line, when the entry is changed and when it is removed.
fn check_lines_stay(
    place: &Place,
    head: &str,
    mut blocks: Vec<String>,
    at: usize,
    own: &str,
    ends: &[bool],
) {
    let at = at.min(blocks.len());
    let lines = |blocks: &[String]| join(head, blocks, ends).concat();
    let first = join(head, &blocks[..at], ends).len();
    blocks.insert(at, own.to_owned());
    let before = lines(&blocks);
    let own_lines = first..first + own.lines().count();
    let entry = Entry { unfit: &["env"], ..entry() };
    let after = insert(place, &before, &entry).unwrap();
    assert_eq!(insert(place, &after, &entry), None, "{before:?}\n{after:?}");
    let gone = remove(place, &after).unwrap();
    for text in [&after, &gone] {
        let mut found = text.split_inclusive('\n');
        for (index, line) in before.split_inclusive('\n').enumerate() {
            // An empty line may be what separated the entry from its neighbours.
            if !own_lines.contains(&index) && !line.trim().is_empty() {
                assert!(found.any(|one| one == line), "{line:?} of\n{before:?}\n{text:?}");
            }
        }
    }
    if own.is_empty() {
        assert_eq!(gone.trim_end(), before.trim_end());
    }
}

fn numbered(blocks: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(blocks), 0..6).prop_map(|blocks| {
        let blocks = blocks.iter().enumerate();
        blocks.map(|(number, block)| block.replace('N', &number.to_string())).collect()
    })
}

proptest! {
    #[test]
    fn lines_of_toml_around_the_entry_stay(
        blocks in numbered(&TOML_BLOCKS),
        at in 0_usize..6,
        own in prop::sample::select(&TOML_ENTRIES[..]),
        ends in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        check_lines_stay(&toml(), "# head\nroot = 1\n\n", blocks, at, own, &ends);
    }

    #[test]
    fn lines_of_yaml_around_the_entry_stay(
        blocks in numbered(&YAML_BLOCKS),
        at in 0_usize..6,
        own in prop::sample::select(&YAML_ENTRIES[..]),
        ends in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        check_lines_stay(&yaml(), "# head\nroot: 1\nextensions: # all\n  x: {}\n", blocks, at, own, &ends);
    }
}
