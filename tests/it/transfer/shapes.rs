//! What of a file of another program is a prompt, and what it is called.

use serde_json::{Value, json};

use super::forms::check;
use super::{assert_problem, counts, import, send};
use crate::support::TestApp;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const CSV: &str = "text/csv";
const MARKDOWN: &str = "text/markdown";
/// The type of a file whose form its name or content shows.
const ANY: &str = "application/octet-stream";

#[tokio::test]
async fn an_object_may_name_a_prompt_in_one_of_its_fields() {
    let file = json!([
        { "name": "One", "tags": ["outer"], "prompt": {
            "title": "First", "text": "Text of one.", "tags": ["inner"], "model": "x",
        } },
        { "id": 7, "title": "Two", "attributes": { "title": "Other", "body": "Text of two." } },
        { "name": "three", "prompt": { "system": "Be kind.", "user": "Say hi to {{who}}." } },
        { "name": "four", "note": "Made for x.", "systemPrompt": "Be brief.", "userPrompt": "Say bye." },
        { "name": "five", "prompt": { "type": "text", "value": "Text of five." } },
    ]);
    let expected = [
        json!({
            "name": "one", "title": "First", "content": "Text of one.", "tags": ["outer", "inner"],
            "notes": ["The field \"model\" was passed over."],
        }),
        json!({
            "name": "two", "title": "Two", "content": "Text of two.",
            "notes": ["The field \"attributes.title\" was passed over."],
        }),
        json!({
            "name": "three", "content": "System:\nBe kind.\n\nUser:\nSay hi to {{who}}.",
            "notes": ["Its 2 messages were joined."],
        }),
        json!({
            "name": "four", "content": "System:\nBe brief.\n\nUser:\nSay bye.",
            "notes": ["Its 2 messages were joined.", "The field \"note\" was passed over."],
        }),
        json!({ "name": "five", "content": "Text of five." }),
    ];
    check(JSON, file.to_string(), &expected).await;
    let map = json!({
        "prompt": { "title": "A", "text": "Text of a." },
        "review": { "title": "B", "text": "Text of b." },
        "system": { "text": "Text of c." },
    });
    let names = ["a", "b", "system"].map(|name| json!({ "name": name }));
    check(JSON, map.to_string(), &names).await;
    let texts = json!({ "system": "Be kind, always.", "user": "Say it again.", "Third": "Go on." });
    let names = ["third", "system", "user"].map(|name| json!({ "name": name }));
    check(JSON, texts.to_string(), &names).await;
}

#[tokio::test]
async fn what_is_beside_a_list_is_read_or_named() {
    let list = json!([{ "name": "a", "prompt": "Prompt a." }]);
    let beside = |field: &str, value: Value| json!({ "prompts": list, field: value }).to_string();
    for (file, names) in [
        (beside("agents", json!({ "rev": { "prompt": "You review." } })), ["a", "rev"]),
        (beside("meta", json!({ "system": { "prompt": "You are kind." } })), ["a", "system"]),
    ] {
        check(JSON, file, &names.map(|name| json!({ "name": name }))).await;
    }
    let empty = json!({ "prompts": [], "agents": { "rev": { "prompt": "You review." } } });
    check(JSON, empty.to_string(), &[json!({ "name": "rev" })]).await;
    for (field, value) in [
        ("more", json!({ "x": { "name": "b", "prompt": "Prompt b." }, "n": 1, "m": 2 })),
        ("rules", json!(["Answer in short sentences.", { "name": "Style", "rule": "Use tabs." }])),
    ] {
        let report = import(&TestApp::new(), JSON, beside(field, value)).await;
        assert_eq!(counts(&report), [1, 0, 0, 0]);
        assert_eq!(report["notes"], json!([format!("The field \"{field}\" was passed over.")]));
    }
    let author = json!({
        "$schema": "https://example.com/x.json", "author": "Ada Lovelace",
        "prompts": { "review": "Review it with care.", "sum": "Sum it up for me." },
    });
    for content_type in [JSON, YAML] {
        let report = import(&TestApp::new(), content_type, author.to_string()).await;
        assert_eq!(counts(&report), [2, 0, 0, 0], "{report}");
        assert_eq!(report["notes"], json!(["The field \"author\" was passed over."]));
    }
}

#[tokio::test]
async fn a_list_of_lines_is_one_text_and_one_of_pairs_has_titles() {
    let snippet =
        json!({ "Review": { "prefix": "r", "body": ["def f():", "    return 1", "", "f()"] } });
    let note = ["The field \"prefix\" was passed over.", "Its 4 lines were joined."];
    let lines = json!({
        "name": "review", "content": "def f():\n    return 1\n\nf()",
        "notes": [note[1], note[0]],
    });
    check(JSON, snippet.to_string(), &[lines]).await;
    let steps =
        json!({ "title": "Both", "steps": ["Only {{x}}", ""], "instructions": "Fill in x." });
    let note = "The field \"instructions\" was passed over.";
    let one = json!({ "content": "Only {{x}}", "notes": [note] });
    check(JSON, json!([steps]).to_string(), &[one]).await;
    let pairs = json!([["Linux", "Act as a terminal."], ["Poet", "Write in verse."]]);
    let expected = [
        json!({ "name": "linux", "content": "Act as a terminal." }),
        json!({ "name": "poet", "content": "Write in verse." }),
    ];
    check(JSON, pairs.to_string(), &expected).await;
    check(JSON, json!({ "en": pairs }).to_string(), &expected).await;
    let tags =
        json!([{ "title": "A", "content": "a", "tags": [{ "tag": { "name": "Web3 Stuff" } }] }]);
    let report = import(&TestApp::new(), JSON, tags.to_string()).await;
    let note = "A tag has small letters, digits and hyphens: `Web3 Stuff` became web3-stuff.";
    assert_eq!(report["items"][0]["notes"], json!([note]));
}

#[tokio::test]
async fn a_text_file_is_one_prompt_unless_it_clearly_holds_others() {
    let picture =
        json!({ "subject": "A red fox in snow", "style": "film look, 35 mm" }).to_string();
    for text in [&picture, "{\"a\": 1} is an example, {{x}}.", "[\"a\", \"b\"] sorts as a list."] {
        let app = TestApp::new();
        let report = send(&app, "?file_name=fox.txt", ANY, text.to_owned()).await.json();
        assert_eq!(counts(&report), [1, 0, 0, 0], "{report}");
        assert_eq!(app.get("/api/prompts/fox").await.json()["content"], *text);
    }
    for (text, names) in [
        (r#"[{"title": "A", "prompt": "a"}, {"title": "B", "prompt": "b"}]"#, ["a", "b"]),
        (r#"{"prompts": ["First one.", "Second one."]}"#, ["first-one", "second-one"]),
        (
            "{\"title\": \"A\", \"prompt\": \"a\"}\n{\"title\": \"B\", \"prompt\": \"b\"}\n",
            ["a", "b"],
        ),
        ("act,prompt\nA,a\nB,b\n", ["a", "b"]),
    ] {
        let mut utf16 = vec![0xFF, 0xFE];
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        for file in [text.as_bytes().to_vec(), utf16] {
            let report = send(&TestApp::new(), "?file_name=x.txt", ANY, file).await.json();
            let items = report["items"].as_array().unwrap();
            let found: Vec<&Value> = items.iter().map(|item| &item["name"]).collect();
            assert_eq!(found, names, "{report}");
        }
    }
    // Without a name, what is sent may be a map.
    let report = send(&TestApp::new(), "", ANY, picture).await.json();
    assert_eq!(counts(&report), [2, 0, 0, 0]);
}

#[tokio::test]
async fn a_file_of_an_unknown_kind_is_a_prompt_only_if_it_is_said_to_be_a_text() {
    for name in
        ["plan.toml", "x.py", "notes.enex", "x.code-snippets", ".env", ".env.local", "a/b.html"]
    {
        let app = TestApp::new();
        let answer =
            send(&app, &format!("?file_name={name}"), ANY, "key = \"a word or two\"").await;
        let problem = assert_problem(&answer, 400, "malformed");
        assert_eq!(
            problem["detail"],
            "the file: is a text of a kind that is not known; if all of it is one prompt, give its name the \
             ending .txt, or pass the format text"
        );
        let query = format!("?file_name={name}&format=text");
        assert_eq!(counts(&send(&app, &query, ANY, "key = 1").await.json()), [1, 0, 0, 0]);
    }
    for (file, name) in [
        (".cursorrules", "cursorrules"),
        ("Modelfile", "modelfile"),
        ("Review 1.5", "review-1-5"),
        ("notes.2024-01-01", "notes-2024-01-01"),
        ("x.j2", "x"),
        ("a/x.prompt", "x"),
        ("Dr. Who", "dr-who"),
    ] {
        let query = format!("?file_name={}", file.replace(' ', "%20"));
        let report = send(&TestApp::new(), &query, ANY, "Review it.").await.json();
        assert_eq!(report["items"][0]["name"], name, "{report}");
    }
    let answer = send(&TestApp::new(), "?file_name=w.txt", ANY, b"\xDCbersetze das".to_vec()).await;
    let problem = assert_problem(&answer, 400, "malformed");
    assert_eq!(problem["detail"], "the file: must be UTF-8; save the file as UTF-8");
}

/// Imports files one after the other and then once more, which changes nothing. Returns the names and
/// contents of the library.
async fn library_of(content_type: &str, files: &[(&str, &str)]) -> Vec<(String, String)> {
    let app = TestApp::new();
    for (pass, changed) in [(0, files.len() as u64), (1, 0)] {
        let mut all = 0;
        for (query, file) in files {
            let dry = format!("{query}{}dry_run=true", if query.is_empty() { "?" } else { "&" });
            let dry = send(&app, &dry, content_type, (*file).to_owned()).await.json();
            let report = send(&app, query, content_type, (*file).to_owned()).await.json();
            assert_eq!(report["items"], dry["items"], "a dry run predicts the import");
            let [created, updated, _, refused] = counts(&report);
            assert_eq!((updated, refused), (0, 0), "pass {pass}: {report}");
            all += created;
        }
        assert!(pass == 0 || all == changed, "pass {pass}");
    }
    let list = app.get("/api/prompts?sort=name").await.json();
    let mut prompts = Vec::new();
    for item in list["prompts"].as_array().unwrap() {
        let name = item["name"].as_str().unwrap();
        let prompt = app.get(&format!("/api/prompts/{name}")).await.json();
        prompts.push((name.to_owned(), prompt["content"].as_str().unwrap().to_owned()));
    }
    prompts.sort();
    prompts
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(name, content)| (name.to_owned(), content.to_owned())).to_vec()
}

#[tokio::test]
async fn a_name_that_was_made_of_a_title_or_a_text_replaces_no_other_prompt() {
    let agents = [
        ("", "---\nname: \"C# Expert\"\n---\nWrite C#."),
        ("", "---\nname: 'C++ Expert'\n---\nWrite C++."),
    ];
    let expected = pairs([("c-expert", "Write C#."), ("c-expert-2", "Write C++.")]);
    assert_eq!(library_of(MARKDOWN, &agents).await, expected);
    let patterns = [
        ("?file_name=system.md", "# IDENTITY\n\nYou sum up."),
        ("?file_name=system.md", "# IDENTITY\n\nYou extract."),
    ];
    let expected = pairs([
        ("identity", "# IDENTITY\n\nYou sum up."),
        ("identity-2", "# IDENTITY\n\nYou extract."),
    ]);
    assert_eq!(library_of(MARKDOWN, &patterns).await, expected);
    let tables = [
        ("", "act,prompt\nC# review,Review C#\nC++ review,Review C++\n"),
        ("", "act,prompt\nC++ review,Review C++\nC# review,Review C#\n"),
    ];
    let expected = pairs([("c-review", "Review C#"), ("c-review-2", "Review C++")]);
    assert_eq!(library_of(CSV, &tables).await, expected);
    let chat = |words: &str| {
        json!({ "messages": [
        { "role": "system", "content": words }, { "role": "user", "content": "On {{topic}}." },
    ] })
        .to_string()
    };
    let (poet, lawyer) = (chat("You are a poet."), chat("You are a lawyer."));
    let chats = [("", &*poet), ("", &*lawyer)];
    let text = |words: &str| format!("System:\n{words}\n\nUser:\nOn {{{{topic}}}}.");
    let (poets, lawyers) = (text("You are a poet."), text("You are a lawyer."));
    let expected = pairs([("you-are-a-lawyer", &lawyers), ("you-are-a-poet", &poets)]);
    assert_eq!(library_of(JSON, &chats).await, expected);
    let named = [("?file_name=one.prompt.yml", &*poet), ("?file_name=two.prompt.yml", &*lawyer)];
    assert_eq!(library_of(YAML, &named).await, pairs([("one", &poets), ("two", &lawyers)]));
}

#[tokio::test]
async fn texts_of_one_title_keep_their_numbers_whatever_the_order_of_the_file() {
    let app = TestApp::new();
    app.create(json!({ "name": "summary", "title": "TL;DR", "content": "mine" })).await;
    let texts: Vec<Value> = (0..50)
        .map(|n| json!({ "title": if n % 2 == 0 { "Summary" } else { "Summary!" }, "prompt": format!("Text {n}.") }))
        .collect();
    assert_eq!(counts(&import(&app, JSON, json!(texts).to_string()).await), [50, 0, 0, 0]);
    let reversed: Vec<&Value> = texts.iter().rev().collect();
    for file in [json!(texts), json!(reversed), json!([texts[7]]), json!([texts[49], texts[0]])] {
        let count = file.as_array().unwrap().len() as u64;
        for query in ["?dry_run=true", ""] {
            let report = send(&app, query, JSON, file.to_string()).await.json();
            assert_eq!(counts(&report), [0, 0, count, 0], "{report}");
        }
    }
    assert_eq!(app.get("/api/prompts/summary").await.json()["content"], "mine");
    // One that is gone leaves a gap, and the others are still found.
    app.delete("/api/prompts/summary-5").await;
    let report = import(&app, JSON, json!(reversed).to_string()).await;
    assert_eq!(counts(&report), [1, 0, 49, 0], "{report}");
}

#[tokio::test]
async fn a_text_of_the_same_title_or_name_is_the_next_version() {
    let app = TestApp::new();
    for (file, version) in [
        ("---\nname: C# Expert\n---\nWrite C#.", 1),
        ("---\nname: C# expert\n---\nWrite C# 13.", 2),
        ("---\nname: c-expert\n---\nWrite C# 14.", 3),
    ] {
        import(&app, MARKDOWN, file).await;
        assert_eq!(app.get("/api/prompts/c-expert").await.json()["version"], version);
    }
    // The other prompt of that name is found by its title, too.
    import(&app, MARKDOWN, "---\nname: C++ Expert\n---\nWrite C++.").await;
    let report = import(&app, MARKDOWN, "---\nname: C++ Expert\n---\nWrite C++ 23.").await;
    assert_eq!(counts(&report), [0, 1, 0, 0]);
    let note = "It is named c-expert-2, because another one that differs has the name c-expert.";
    assert_eq!(report["items"][0]["notes"], json!([note]));
    assert_eq!(app.get("/api/prompts/c-expert-2").await.json()["version"], 2);
}
