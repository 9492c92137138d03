//! The first day: what a person has elsewhere is imported into one library, and comes out in a pipe and
//! in a connected client, with no server running.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Home, done, parse};
use crate::process::stdio::Client;

/// Writes what four programs have, and returns each path with lines that its import prints.
fn write_exports(home: &Home) -> [(&'static str, &'static [&'static str]); 4] {
    home.write(
        ".claude/commands/review.md",
        "---\ndescription: Review code. Use when: a change is done\nargument-hint: [file] [focus]\n\
         model: opus\n---\n\nReview $1 for $2.\n",
    );
    home.write(".claude/commands/git/commit.md", "Commit what $ARGUMENTS says.\n");
    home.write("vault/.obsidian/workspace.json", "{\"prompts\":[{\"prompt\":\"Not one.\"}]}");
    home.write("vault/.obsidian/plugin.md", "Not one either.");
    home.write("vault/Work/Weekly.md", "---\ntags: [work, Über uns]\n---\nSum up {{week}}.\n");
    home.write("vault/Home/Weekly.md", "Plan {{week}} at home.\n");
    home.write("vault/Home/photo.png", "PNG");
    home.write(
        "prompts.csv",
        "act,prompt,for_devs\n\
         \"Travel Guide\",\"Suggest places near ${City:Rome}, \"\"off\"\" the track.\",FALSE\n",
    );
    let text = "Translate {argument name=\"text\"} to {argument name=\"to\" default=\"French\"}.";
    home.write("Snippets.json", &json!([{ "name": "Translate", "text": text }]).to_string());
    [
        (
            ".claude/commands",
            &[
                "created review.md (review)",
                "  note: The front matter is not valid YAML, so it was read line by line.",
                "  note: `$1` became {{argument_1}}, `$2` became {{argument_2}}.",
                "  note: The fields \"argument-hint\", \"model\" were passed over.",
                "created git/commit.md (commit)",
                "  note: `$ARGUMENTS` became {{arguments}}.",
                "2 created, 0 updated, 0 unchanged, 0 refused",
            ],
        ),
        (
            "vault",
            &[
                "created Home/Weekly.md (home-weekly)",
                "created Work/Weekly.md (work-weekly)",
                "  note: It is named after its folder, because several files have the name weekly.",
                "  note: A tag has small letters, digits and hyphens: `Über uns` became uber-uns.",
                "2 created, 0 updated, 0 unchanged, 0 refused",
            ],
        ),
        (
            "prompts.csv",
            &[
                "created row 2 (travel-guide)",
                "  note: The column \"for_devs\" was passed over.",
                "  note: `${City:Rome}` became {{City}}.",
                "1 created, 0 updated, 0 unchanged, 0 refused",
            ],
        ),
        (
            "Snippets.json",
            &[
                "created [0] (translate)",
                "  note: `{argument name=\"text\"}` became {{text}}, \
                 `{argument name=\"to\" default=\"French\"}` became {{to}}.",
                "1 created, 0 updated, 0 unchanged, 0 refused",
            ],
        ),
    ]
}

#[test]
fn prompts_of_four_programs_come_out_in_a_pipe_and_in_a_connected_client() {
    let home = Home::new();
    let exports = write_exports(&home);
    for (input, expected) in exports {
        let out = done(&home.run(&["import", input]));
        for line in expected {
            assert!(out.lines().any(|found| found == *line), "{input}: {line:?}\n{out}");
        }
    }
    for (input, expected) in exports {
        let created = expected.iter().filter(|line| line.starts_with("created ")).count();
        let out = done(&home.run(&["import", input]));
        let summary = format!("0 created, 0 updated, {created} unchanged, 0 refused");
        assert_eq!(out.lines().last(), Some(summary.as_str()), "{input}: {out}");
    }
    assert_eq!(done(&home.run(&["list"])).lines().count(), 6);
    let review = parse(&done(&home.run(&["get", "review", "--raw", "--json"])));
    assert_eq!(review["description"], "Review code. Use when: a change is done");

    // Standard output is a pipe.
    let output = home.run(&["get", "travel-guide", "--var", "city=Oslo"]);
    assert_eq!(done(&output), "Suggest places near Oslo, \"off\" the track.");
    assert_eq!(output.stderr, b"");

    fs::create_dir(home.path().join(".cursor")).unwrap();
    done(&home.run(&["connect", "cursor", "--write"]));
    let file = fs::read_to_string(home.path().join(".cursor/mcp.json")).unwrap();
    // Nothing but this file says how the client starts the server.
    let entry: Value = parse(&file)["mcpServers"]["promptdb"].take();
    let arguments = entry["args"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    let mut server = Command::new(entry["command"].as_str().unwrap());
    let mut client = Client::connect_to(server.env_clear().args(arguments));
    let prompt = json!({ "name": "Translate", "arguments": { "text": "the menu" } });
    let got = client.call(2, "get_prompt", &prompt);
    assert_eq!(got["structuredContent"]["text"], "Translate the menu to French.", "{got}");
    let arguments = json!({ "argument_1": "a.rs", "argument_2": "speed" });
    let prompt = json!({ "name": "review", "arguments": arguments });
    let got = client.call(3, "get_prompt", &prompt);
    assert_eq!(got["structuredContent"]["text"], "Review a.rs for speed.", "{got}");
    client.close();
}
