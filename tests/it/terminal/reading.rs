//! `list`, `search`, `get`, `history` and `tags` in a pipe.

use std::process::Stdio;

use serde_json::json;

use super::{Home, done, failed, parse};

#[test]
fn get_writes_the_text_and_nothing_else() {
    let home = Home::new();
    let text = "Review {{code}} in {{tone}}.\r\n\u{1b}[1mBold\u{1b}[0m 標\n\n";
    // The line break that ends a file is not of the text; the one before it is.
    home.save("review", &format!("{text}\n"), &[]);
    for (arguments, expected) in [
        (&["--raw"][..], text.to_owned()),
        (
            &["--var", "code=x", "--var", "Tone=a=b"],
            text.replace("{{code}}", "x").replace("{{tone}}", "a=b"),
        ),
        (
            &["-v", "code=", "-v", "tone={{code}}"],
            text.replace("{{code}}", "").replace("{{tone}}", "{{code}}"),
        ),
    ] {
        let output = home.run(&[&["get", "review"], arguments].concat());
        assert_eq!(done(&output), expected);
        assert_eq!(output.stderr, b"");
    }
    home.save("review", "Second.", &[]);
    assert_eq!(done(&home.run(&["get", "review", "--version", "1", "--raw"])), text);
    assert_eq!(done(&home.run(&["get", "review"])), "Second.");
    assert!(failed(&home.run(&["get", "review", "--version", "9"]), 3).contains("the latest is 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_value_is_named_and_the_text_is_that_of_mcp_and_rest() {
    let home = Home::new();
    let app = home.app();
    app.create(json!({
        "name": "letter",
        "content": "Dear {{name}}, {{what}}, {{greeting}}.",
        "variables": [{ "name": "greeting", "default": "yours" }],
    }))
    .await;
    let rest =
        app.post("/api/prompts/letter/render", json!({ "arguments": { "name": "Ada" } })).await;
    let output = home.run(&["get", "letter", "--var", "name=Ada"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), rest.json()["text"].as_str().unwrap());
    assert_eq!(
        failed(&output, 1),
        "promptdb: no value for what, which stays in the text; pass --var what=VALUE\n"
    );
    let message = failed(&home.run(&["get", "letter"]), 1);
    assert!(message.contains("no value for name, what,"), "{message}");
}

#[test]
fn a_prompt_is_found_as_people_name_it() {
    let home = Home::new();
    home.save("code-review", "Review the code.", &["--title", "Review of code"]);
    home.save("poem", "Write about autumn leaves.", &["--title", "Autumn leaves"]);
    home.save("poem-short", "Write a haiku.", &["--title", "Short poem"]);
    home.save("poem-long", "Write a ballad.", &["--title", "Long poem"]);
    let id = parse(&done(&home.run(&["get", "poem", "--raw", "--json"])))["id"].clone();
    for name in ["code-review", "Code review", "#code_REVIEW", " code review "] {
        let output = home.run(&["get", name]);
        assert_eq!(done(&output), "Review the code.", "{name}");
        assert_eq!(output.stderr, b"", "{name}");
    }
    assert_eq!(done(&home.run(&["get", id.as_str().unwrap()])), "Write about autumn leaves.");
    let output = home.run(&["get", "autumn leaves"]);
    assert_eq!(done(&output), "Write about autumn leaves.");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "found poem: Autumn leaves\n");

    let output = home.run(&["get", "poem s and ballads"]);
    let message = failed(&output, 3);
    assert!(output.stdout.is_empty());
    let first = "promptdb: no prompt is named poem s and ballads; it may be one of these:";
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], first);
    assert!(lines.contains(&"  poem-short  Short poem"), "{message}");
    // Words never choose what is changed.
    for command in ["delete", "edit", "restore", "history"] {
        let message = failed(&home.run(&[command, "autumn leaves"]), 3);
        assert!(message.contains("there is no prompt named autumn-leaves"), "{message}");
        assert!(message.contains("similar names: poem"), "{message}");
    }
}

#[test]
fn exit_codes_tell_failures_apart_and_each_has_one_line() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    home.save("gone", "x", &[]);
    done(&home.run(&["delete", "gone"]));
    let too_long = "x".repeat(5000);
    for (arguments, code, words) in [
        (&["get", "nothing"][..], 3, "`promptdb list` lists every prompt"),
        (&["get", "???"], 3, "no prompt is named ???"),
        (&["get", &too_long], 3, "no prompt is named xxx"),
        (&["get", "prm_00000000000000000000000000000000"], 3, "no prompt"),
        (&["get", "gone"], 3, "`promptdb restore gone` brings it back"),
        (&["delete", "gone"], 3, "`promptdb restore gone` brings it back"),
        (&["history", "nothing"], 3, "there is no prompt named nothing"),
        (&["restore", "poem", "--version", "7"], 3, "has no version 7"),
        (&["save", "other", "--expected-version", "1", "--title", "T"], 3, "no prompt named other"),
        (&["get"], 2, "<NAME>"),
        (&["get", "poem", "--var", "x"], 2, "NAME=VALUE"),
        (&["get", "poem", "--var", "=x"], 2, "--var =x: the name is missing; pass NAME=VALUE"),
        (&["get", "poem", "--var", "x=1"], 2, "x: is not a variable"),
        (&["get", "poem", "--var", "a=1", "--raw"], 2, "--raw"),
        (&["get", "poem", "--version", "0"], 2, "--version"),
        (&["list", "--tag", "!"], 2, "tag"),
        (&["list", "--tag", "!", "--json"], 2, "tag"),
        (&["list", "--sort", "size"], 2, "[possible values: relevance, recent, name, used]"),
        (&["list", "--sort", "relevance"], 2, "WORDS"),
        (&["list", "--limit", "0"], 2, "--limit"),
        (&["list", "words", "--deleted"], 2, "--deleted"),
        (&["search"], 2, "<WORDS>"),
        (&["delete", "!!"], 2, "NAME"),
        (&["save", "poem"], 2, "there is no text"),
        (&["save", "poem", "none.txt"], 1, "none.txt: No such file"),
        (&["lst"], 2, "lst"),
    ] {
        let output = home.run(arguments);
        let message = failed(&output, code);
        assert!(message.contains(words), "{arguments:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.len() < 500, "{} bytes", message.len());
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_list_is_whole_with_a_tab_between_its_columns() {
    let home = Home::new();
    assert_eq!(done(&home.run(&["list"])), "");
    assert_eq!(done(&home.run(&["list", "--json"])), "{\"prompts\":[\n]}\n");
    assert!(String::from_utf8_lossy(&home.run(&["list"]).stderr).contains("no prompts yet"));
    let rows: Vec<String> = (0..230).map(|n| format!("p{n},Title {n},text {n},a;b\r\n")).collect();
    let rows = rows.concat();
    std::fs::write(home.path().join("x.csv"), format!("name,title,content,tags\r\n{rows}"))
        .unwrap();
    done(&home.run(&["import", "x.csv"]));
    home.save("last", "word", &["--title", "Last", "--tag", "only"]);

    let list = done(&home.run(&["list"]));
    assert_eq!(list.lines().count(), 231);
    let first: Vec<&str> = list.lines().next().unwrap().split('\t').collect();
    assert_eq!(first[..3], ["last", "Last", "only"]);
    assert!(first[3].ends_with('Z'), "{first:?}");
    assert!(list.lines().any(|line| line.starts_with("p7\tTitle 7\ta, b\t")), "{list}");
    assert_eq!(done(&home.run(&["list", "-n", "150"])).lines().count(), 150);
    assert_eq!(done(&home.run(&["list", "--tag", "Only"])).lines().count(), 1);
    assert_eq!(done(&home.run(&["list", "--sort", "name"])).lines().next().unwrap()[..4], *"last");
    assert_eq!(done(&home.run(&["search", "text"])).lines().count(), 20);
    assert_eq!(done(&home.run(&["list", "text", "--limit", "30"])).lines().count(), 30);
    assert_eq!(done(&home.run(&["search", "nowhere"])), "");
    let json = parse(&done(&home.run(&["list", "--json"])));
    assert_eq!(json["prompts"].as_array().unwrap().len(), 231);
    assert_eq!(done(&home.run(&["tags"])), "a\t230\nb\t230\nonly\t1\n");
    let history = done(&home.run(&["history", "last"]));
    assert!(history.starts_with("1\t2") && history.ends_with("\tcli\tLast\n"), "{history}");
    done(&home.run(&["delete", "last"]));
    assert!(done(&home.run(&["list", "--deleted"])).starts_with("last\t"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    home.save("poem", &"Write.\n".repeat(5000), &["--tag", "a"]);
    std::fs::write(home.path().join("other.csv"), "name,content\na,A\nb,B\n").unwrap();
    for arguments in [
        &["get", "poem"][..],
        &["get", "poem", "--json"],
        &["list"],
        &["list", "--json"],
        &["history", "poem"],
        &["tags"],
        &["export"],
        &["export", "--format", "skills"],
        &["import", "other.csv"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = home.command(arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    assert_eq!(home.text("b"), "B", "the import went on");
    // Nor does standard error change an exit code.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = home.command(&["get", "nothing"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_setting_that_a_command_does_not_use_stops_nothing() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    let output = home
        .command(&["get", "poem"])
        .envs([
            ("HOST", "x86_64-conda-linux-gnu"),
            ("PORT", "none"),
            ("RUST_LOG", "!"),
            ("MODEL_PATH", "/none"),
        ])
        .output();
    assert_eq!(done(&output.unwrap()), "Write.");
}
