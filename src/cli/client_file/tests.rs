//! Edits of texts in each syntax.

mod around;

use std::io;

use super::EditError;
use super::edit::{Effects, Entry, Field, Place, Syntax, is_disabled};

fn place(syntax: Syntax, section: &'static [&'static [&'static str]]) -> Place {
    Place { syntax, sections: section, is_list: false, name: "promptdb", preamble: "" }
}

fn json(allows_comments: bool) -> Place {
    place(Syntax::Json { allows_comments }, &[&["mcpServers"]])
}

fn toml() -> Place {
    place(Syntax::Toml, &[&["mcp_servers"]])
}

fn yaml() -> Place {
    place(Syntax::Yaml, &[&["extensions"]])
}

fn yaml_list() -> Place {
    Place { is_list: true, ..place(Syntax::Yaml, &[&["servers"]]) }
}

fn entry() -> Entry {
    with_fields(vec![Field::new("url", "http://localhost:3000/mcp")])
}

fn named() -> Entry {
    with_fields(vec![Field::new("name", "promptdb"), Field::new("url", "u")])
}

fn with_fields(fields: Vec<Field>) -> Entry {
    Entry { fields, unfit: &[] }
}

#[track_caller]
fn insert(place: &Place, text: &str, entry: &Entry) -> Option<String> {
    place.insert(text, entry).unwrap().map(|edit| edit.text)
}

#[track_caller]
fn remove(place: &Place, text: &str) -> Option<String> {
    place.remove(text).unwrap().map(|edit| edit.text)
}

#[track_caller]
fn check(before: &str, after: &str) {
    check_in(&json(true), &entry(), before, after);
}

/// The edit gives `after`, is done once, and is undone in what the file means.
#[track_caller]
fn check_in(place: &Place, entry: &Entry, before: &str, after: &str) {
    assert_eq!(insert(place, before, entry).as_deref(), Some(after));
    assert_eq!(insert(place, after, entry), None, "a second time");
    let gone = remove(place, after).unwrap();
    assert_eq!(place.read(&gone).unwrap(), None, "{gone}");
    assert_eq!(remove(place, &gone), None, "{gone}");
}

#[track_caller]
fn check_refused(place: &Place, text: &str, why: &str) {
    let error = place.insert(text, &entry()).unwrap_err().to_string();
    assert!(error.contains(why), "{text:?}: {error}");
}

const SMALLEST: &str = r#"{
  "mcpServers": {
    "promptdb": {
      "url": "http://localhost:3000/mcp"
    }
  }
}
"#;

#[test]
fn an_empty_file_gets_the_entry_alone() {
    check("", SMALLEST);
    check("{}\n", SMALLEST);
    check("\u{feff}", &format!("\u{feff}{SMALLEST}"));
    check("// mine\n", &format!("// mine\n{SMALLEST}"));
}

#[test]
fn comments_order_indentation_and_trailing_commas_stay() {
    check(
        r#"{
    // my servers, "promptdb" is none of them yet
    "theme" : "dark", /* odd   spacing */
    "mcpServers": {
        "z": {"command": "z", "args": [ "-v", ]}, // last in the alphabet
        "a": {"url": "https:\/\/a.example\u002fmcp"},
    },
    "number": 1.0e5,
}
// end"#,
        r#"{
    // my servers, "promptdb" is none of them yet
    "theme" : "dark", /* odd   spacing */
    "mcpServers": {
        "z": {"command": "z", "args": [ "-v", ]}, // last in the alphabet
        "a": {"url": "https:\/\/a.example\u002fmcp"},
        "promptdb": {
            "url": "http://localhost:3000/mcp"
        },
    },
    "number": 1.0e5,
}
// end"#,
    );
}

#[test]
fn tabs_crlf_and_a_byte_order_mark_stay() {
    let before = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {}\r\n\t}\r\n}\r\n";
    let after = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {},\r\n\t\t\"promptdb\": {\r\n\
            \t\t\t\"url\": \"http://localhost:3000/mcp\"\r\n\t\t}\r\n\t}\r\n}\r\n";
    check(before, after);
}

#[test]
fn only_the_transport_of_an_existing_entry_changes() {
    check(
        r#"{"mcpServers": {
  "promptdb": {
    "command": "npx", // by hand
    "args": ["-y", "mcp-remote"],
    "url": "http://localhost:9/mcp",
    "env": {"A": "1"} // keep
  }
}}"#,
        r#"{"mcpServers": {
  "promptdb": {
    "url": "http://localhost:3000/mcp",
    "env": {"A": "1"} // keep
  }
}}"#,
    );
}

#[test]
fn invalid_json_is_refused_with_its_position() {
    check_refused(&json(true), "{\n  \"a\": \n}", "line 3");
    for text in ["{", "{\"a\": 1 \"b\": 2}", "{'a': 1}", "{a: 1}", "{} {}", "nonsense"] {
        check_refused(&json(true), text, "invalid JSON");
    }
    check_refused(&json(true), &"[".repeat(100_000), "invalid JSON");
    for text in ["{} // comment", "{\"a\": [1,]}"] {
        check_refused(&json(false), text, "invalid JSON");
    }
}

#[test]
fn a_value_of_another_shape_is_refused_by_its_path() {
    check_refused(&json(true), "[1]", "its content is not an object");
    for servers in ["[]", "null", "\"x\"", "7"] {
        let text = format!("{{\"mcpServers\": {servers}}}");
        check_refused(&json(true), &text, "its mcpServers is not an object");
        let text = format!("{{\"mcpServers\": {{\"promptdb\": {servers}}}}}");
        check_refused(&json(true), &text, "its mcpServers.promptdb is not an object");
    }
    let twice = "{\"mcpServers\": {}, \"mcp\\u0053ervers\": {}}";
    check_refused(&json(true), twice, "it has mcpServers more than once");
}

#[test]
fn headers_stay_while_the_url_does_and_go_with_it() {
    let with = |url: &str| {
        format!(r#"{{"mcpServers":{{"promptdb":{{"url":"{url}","headers":{{"A":"secret"}}}}}}}}"#)
    };
    let place = json(true);
    assert_eq!(insert(&place, &with("http://localhost:3000/mcp"), &entry()), None);
    let after = insert(&place, &with("https://x.example/mcp"), &entry()).unwrap();
    assert!(!after.contains("secret"), "{after}");
}

#[test]
fn toml_keeps_comments_order_and_line_ends() {
    let before = "# mine\na = 1 # one\n\n[mcp_servers.x] # x\nurl = 'x'\n\n[z]\nb = [1,  2]\n";
    let after = insert(&toml(), before, &entry()).unwrap();
    for line in before.lines() {
        assert!(after.lines().any(|found| found == line), "{line:?}: {after}");
    }
    assert!(
        after.contains("[mcp_servers.promptdb]\nurl = \"http://localhost:3000/mcp\"\n"),
        "{after}"
    );
    check_in(&toml(), &entry(), before, &after);

    let windows = before.replace('\n', "\r\n");
    check_in(&toml(), &entry(), &windows, &after.replace('\n', "\r\n"));
    let marked = format!("\u{feff}{before}");
    check_in(&toml(), &entry(), &marked, &format!("\u{feff}{after}"));
    check_in(
        &toml(),
        &entry(),
        "",
        "[mcp_servers.promptdb]\nurl = \"http://localhost:3000/mcp\"\n",
    );
}

#[test]
fn toml_of_any_form_of_table_is_changed() {
    for before in [
        "mcp_servers = { x = { url = \"x\" } }\n",
        "[mcp_servers]\nx = { url = \"x\" }\n",
        "mcp_servers.x.url = \"x\"\n",
        "[mcp_servers.promptdb]\ncommand = \"npx\" # by hand\nargs = []\ntimeout = 5\n",
        "[mcp_servers.promptdb.tools.save]\napproval = \"auto\"\n",
    ] {
        let after = insert(&toml(), before, &entry()).unwrap();
        let read = toml().read(&after).unwrap().unwrap();
        assert_eq!(read["url"], "http://localhost:3000/mcp", "{after}");
        assert!(read.get("command").is_none(), "{after}");
        for kept in ["timeout", "tools"] {
            assert_eq!(read.get(kept).is_some(), before.contains(kept), "{after}");
        }
        assert_eq!(insert(&toml(), &after, &entry()), None, "{after}");
    }
    check_refused(&toml(), "a = \nb = 1\n", "line 1");
    check_refused(&toml(), "a = 1\na = 2\n", "invalid TOML");
    check_refused(&toml(), "mcp_servers = 7\n", "its mcp_servers is not an object");
}

#[test]
fn yaml_keeps_comments_order_quotes_and_line_ends() {
    let line = "    url: \"http://localhost:3000/mcp\"\n";
    let before = "# mine\na: 'x' # one\nextensions: # all\n  y:\n    cmd: y\n\n  # x\n  x:\n    \
        args:\n    - a\n    - b\n\n# the end\nz: |\n  extensions:\n    promptdb: 1\n";
    let after = before.replace("    - b\n", &format!("    - b\n  promptdb:\n{line}"));
    check_in(&yaml(), &entry(), before, &after);
    check_in(&yaml(), &entry(), &before.replace('\n', "\r\n"), &after.replace('\n', "\r\n"));
    let new = format!("extensions:\n  promptdb:\n{line}");
    check_in(&yaml(), &entry(), "", &new);
    check_in(&yaml(), &entry(), "a: 1", &format!("a: 1\n{new}"));
    let commented = new.replacen(':', ": # none", 1);
    check_in(&yaml(), &entry(), "extensions: {} # none\na: 1\n", &format!("{commented}a: 1\n"));
    check_in(&yaml(), &entry(), "extensions:\n", &new);
    let four = "extensions:\n    x: {cmd: x}\n";
    let url = "url: \"http://localhost:3000/mcp\"";
    check_in(&yaml(), &entry(), four, &format!("{four}    promptdb:\n      {url}\n"));
}

#[test]
fn a_yaml_entry_changes_field_by_field() {
    let before = "extensions:\n  \"promptdb\":\n    # by hand\n    cmd: npx # old\n    args:\n    - a\n    \
        timeout: 9 # long\n    url: old\n  z: {}\n";
    let after = "extensions:\n  \"promptdb\":\n    # by hand\n    timeout: 9 # long\n    \
        url: \"http://localhost:3000/mcp\"\n  z: {}\n";
    check_in(&yaml(), &entry(), before, after);
}

#[test]
fn a_yaml_list_gets_an_item() {
    let item = "- name: \"promptdb\"\n    url: \"u\"\n";
    let nested = "servers:\n  - name: x # first\n    args:\n      - a\n\nz: 1\n";
    let after = nested.replace("      - a\n", &format!("      - a\n  {item}"));
    check_in(&yaml_list(), &named(), nested, &after);
    let flat = "servers:\n- name: x\nz: 1\n";
    let after = "servers:\n- name: x\n- name: \"promptdb\"\n  url: \"u\"\nz: 1\n";
    check_in(&yaml_list(), &named(), flat, after);
    check_in(&yaml_list(), &named(), "servers: []\n", &format!("servers:\n  {item}"));
    let old = "servers:\n  - name: 'promptdb'\n    command: npx\n    cwd: /x\n  - name: y\n";
    let after = "servers:\n  - name: 'promptdb'\n    cwd: /x\n    url: \"u\"\n  - name: y\n";
    check_in(&yaml_list(), &named(), old, after);
}

#[test]
fn yaml_in_a_form_that_lines_do_not_show_is_left_to_the_user() {
    for text in [
        "extensions: {x: {cmd: x}}\n",
        "{extensions: {}}\n",
        "  extensions:\n    x: {cmd: x}\n",
        "extensions:\n  promptdb: {cmd: x}\n",
        "base: &base\n  x: {cmd: x}\nextensions: *base\n",
    ] {
        check_refused(&yaml(), text, "edit it by hand");
    }
    check_refused(&yaml(), "a: [1\n", "invalid YAML");
    check_refused(&yaml(), "a: 1\na: 2\n", "invalid YAML");
    check_refused(&yaml(), "extensions: 7\n", "its extensions is not an object");
    check_refused(
        &yaml(),
        "extensions:\n  promptdb: 7\n",
        "its extensions.promptdb is not an object",
    );
    let error = yaml_list().insert("servers: {}\n", &named()).unwrap_err().to_string();
    assert!(error.contains("its servers is not a list"), "{error}");
}

#[test]
fn a_default_is_written_once_and_then_the_users() {
    let entry = with_fields(vec![
        Field::new("url", "u"),
        Field::default("tools", serde_json::json!(["*"])),
    ]);
    let place = json(true);
    let text = insert(&place, "", &entry).unwrap();
    assert_eq!(place.read(&text).unwrap().unwrap()["tools"], serde_json::json!(["*"]));
    let own = text.replace("\"*\"", "\"get_prompt\"");
    assert_eq!(insert(&place, &own, &entry), None);
}

#[test]
fn fields_that_do_not_fit_go_and_the_others_stay() {
    let entry = Entry { unfit: &["env", "cwd"], ..entry() };
    let url = "http://localhost:3000/mcp";
    for (place, before, after) in [
        (
            json(true),
            r#"{"mcpServers": {"promptdb": {"command": "p", "env": {"A": "1"}, "cwd": "/", "trust": true}}}"#
                .to_owned(),
            format!(r#"{{"mcpServers": {{"promptdb": {{"trust": true, "url": "{url}"}}}}}}"#),
        ),
        (
            toml(),
            "[mcp_servers.promptdb]\ncommand = \"p\"\ncwd = \"/\"\ntimeout = 5\n\n\
             [mcp_servers.promptdb.env]\nA = \"1\"\n\n[z]\n"
                .to_owned(),
            format!("[mcp_servers.promptdb]\ntimeout = 5\nurl = \"{url}\"\n\n[z]\n"),
        ),
        (
            yaml(),
            "extensions:\n  promptdb:\n    cmd: p\n    env:\n      A: 1\n    cwd: /\n    timeout: 5\n"
                .to_owned(),
            format!("extensions:\n  promptdb:\n    timeout: 5\n    url: \"{url}\"\n"),
        ),
    ] {
        let edit = place.insert(&before, &entry).unwrap().unwrap();
        assert_eq!(place.read(&edit.text).unwrap(), place.read(&after).unwrap(), "{}", edit.text);
        let effects = Effects { removed: vec!["env", "cwd"], is_switched_on: false };
        assert_eq!(edit.effects, effects, "{before}");
        // An entry with both is repaired, too.
        let both = insert(&place, &before, &Entry { unfit: &[], ..entry.clone() }).unwrap();
        assert_eq!(insert(&place, &both, &entry).as_deref(), Some(edit.text.as_str()));
        check_in(&place, &entry, &before, &edit.text);
    }
}

#[test]
fn an_entry_that_is_switched_off_is_switched_on() {
    let url = "http://localhost:3000/mcp";
    for (place, text, off, on) in [
        (
            toml(),
            format!("[mcp_servers.promptdb]\nurl = \"{url}\"\nenabled = false # why\n"),
            "false",
            "true",
        ),
        (
            yaml(),
            format!("extensions:\n  promptdb:\n    enabled: false\n    url: {url}\n"),
            "false",
            "true",
        ),
        (
            json(true),
            format!(
                r#"{{"mcpServers": {{"promptdb": {{"url": "{url}", "disabled": true /* why */}}}}}}"#
            ),
            "true",
            "false",
        ),
        (
            json(true),
            format!(r#"{{"mcpServers": {{"promptdb": {{"isActive": false, "url": "{url}"}}}}}}"#),
            "false",
            "true",
        ),
    ] {
        assert!(is_disabled(&place.read(&text).unwrap().unwrap()), "{text}");
        let edit = place.insert(&text, &entry()).unwrap().unwrap();
        assert!(edit.effects.is_switched_on, "{text}");
        check_in(&place, &entry(), &text, &text.replace(off, on));
        assert!(!is_disabled(&place.read(&edit.text).unwrap().unwrap()), "{text}");
    }
    let on = format!(r#"{{"mcpServers": {{"promptdb": {{"url": "{url}", "enabled": true}}}}}}"#);
    assert_eq!(insert(&json(true), &on, &entry()), None);
}

#[test]
fn a_failure_says_what_to_do_and_names_no_temporary_file() {
    let denied = EditError::from(io::Error::from(io::ErrorKind::PermissionDenied)).to_string();
    assert!(denied.contains("give yourself access to the file and its folder"), "{denied}");
    let folder = tempfile::tempdir().unwrap().path().join("none");
    let failed = EditError::from(tempfile::NamedTempFile::new_in(&folder).unwrap_err()).to_string();
    assert!(!failed.contains("none"), "{failed}");
}
