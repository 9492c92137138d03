//! The files of other programs, as those programs write them.

use serde_json::{Value, json};

use super::{assert_problem, counts, import, send};
use crate::support::TestApp;

/// Imports a file as a dry run, for good, and once more. Compares each prompt with an expected one, which
/// has the fields that matter and the notes of its item.
pub(super) async fn check(content_type: &str, file: impl Into<Vec<u8>>, expected: &[Value]) {
    let (app, file) = (TestApp::new(), file.into());
    let dry = send(&app, "?dry_run=true", content_type, file.clone()).await.json();
    let report = import(&app, content_type, file.clone()).await;
    assert_eq!(report["items"], dry["items"], "a dry run predicts the import");
    assert_eq!(counts(&report), [expected.len() as u64, 0, 0, 0], "{report}");
    let again = import(&app, content_type, file).await;
    assert_eq!(counts(&again), [0, 0, expected.len() as u64, 0], "{again}");
    let items = report["items"].as_array().unwrap();
    for ((item, expected), again) in
        items.iter().zip(expected).zip(again["items"].as_array().unwrap())
    {
        let name = item["name"].as_str().unwrap();
        let prompt = app.get(&format!("/api/prompts/{name}")).await.json();
        for (field, value) in expected.as_object().unwrap() {
            let found = if field == "notes" { &item["notes"] } else { &prompt[field] };
            assert_eq!(found, value, "{field} of {prompt}, {item}");
        }
        if expected.get("notes").is_none() {
            assert_eq!(item.get("notes"), None, "{item}");
        } else {
            let settled = again["notes"].as_array().map_or(0, Vec::len);
            assert!(settled <= item["notes"].as_array().unwrap().len(), "{again}");
        }
    }
}

const CSV: &str = "text/csv";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const MARKDOWN: &str = "text/markdown";

#[tokio::test]
async fn tables_of_prompts_chat() {
    let file = "act,prompt,for_devs,type,contributor\n\
                \"Linux Terminal\",\"I want you to act as a ${Role:linux terminal}.\",TRUE,TEXT,f\n\
                \"Translator\",\"Say \"\"hello\"\" in ${Language}.\",FALSE,TEXT,g\n";
    let first = json!({
        "name": "linux-terminal",
        "title": "Linux Terminal",
        "content": "I want you to act as a {{Role}}.",
        "variables": [{ "name": "Role", "default": "linux terminal" }],
        "notes": [
            "The columns \"for_devs\", \"type\", \"contributor\" were passed over.",
            "`${Role:linux terminal}` became {{Role}}."
        ],
    });
    let second = json!({
        "name": "translator",
        "content": "Say \"hello\" in {{Language}}.",
        "notes": ["`${Language}` became {{Language}}."],
    });
    check(CSV, file, &[first, second]).await;
}

#[tokio::test]
async fn tables_of_notion_prompt_genius_and_lencx() {
    let notion = "\u{feff}Name,Prompt,Tags,Created time\r\n\
                  Code review,Review {{code}}.,\"Dev, Rust\",\"January 5, 2026 9:00 AM\"\r\n";
    let expected = json!({
        "name": "code-review",
        "title": "Code review",
        "tags": ["dev", "rust"],
        "notes": ["A tag has small letters, digits and hyphens: `Dev` became dev, `Rust` became rust."],
    });
    check(CSV, notion, &[expected]).await;
    let genius = "title,text,tags,folder\nPoem,On {{topic}}.,fun;verse,ideas\n";
    check(CSV, genius, &[json!({ "name": "poem", "tags": ["fun", "verse", "ideas"] })]).await;
    let lencx = "\"cmd\",\"act\",\"prompt\"\n\"terminal\",\"Linux Terminal\",\"Act as one.\"\n";
    check(CSV, lencx, &[json!({ "name": "terminal", "title": "Linux Terminal" })]).await;
}

#[tokio::test]
async fn tables_with_other_delimiters_and_encodings() {
    let expected = [json!({ "name": "a", "content": "x, y; \"z\"" })];
    check(CSV, "Name;Prompt\nA;\"x, y; \"\"z\"\"\"\n", &expected).await;
    check(CSV, "sep=;\r\nName;Prompt\r\nA;\"x, y; \"\"z\"\"\"\r\n", &expected).await;
    check(CSV, "Name\tPrompt\nA\t\"x, y; \"\"z\"\"\"\n", &expected).await;
    let table = "\u{feff}Name,Prompt\nÜber uns,Erkläre {{Größe}}.\n";
    let expected = [json!({ "title": "Über uns", "content": "Erkläre {{Größe}}." })];
    let little: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = table.encode_utf16().flat_map(u16::to_be_bytes).collect();
    check(CSV, table, &expected).await;
    check(CSV, little, &expected).await;
    check(CSV, big, &expected).await;
}

#[tokio::test]
async fn tables_of_textexpander_have_no_header() {
    let file =
        ";sig,\"Dear %filltext:name=First name:default=you%,\nthanks.\",Signature\n;x,Text,\n";
    let first = json!({
        "name": "sig",
        "title": "Signature",
        "content": "Dear {{First_name}},\nthanks.",
        "variables": [{ "name": "First_name", "default": "you" }],
        "notes": [
            "The table has no header: its columns were read as name, content and title.",
            "`%filltext:name=First name:default=you%` became {{First_name}}."
        ],
    });
    check(CSV, file, &[first, json!({ "name": "x", "content": "Text" })]).await;
}

#[tokio::test]
async fn json_of_raycast() {
    let snippets = json!([
        { "name": "Reply", "text": "Dear {argument name=\"who\" default=\"all\"}, {cursor}", "keyword": "!re" },
        { "name": "Fix", "text": "Fix {clipboard}" },
    ]);
    let reply = json!({
        "name": "reply",
        "content": "Dear {{who}}, {cursor}",
        "notes": [
            "`{argument name=\"who\" default=\"all\"}` became {{who}}.",
            "The field \"keyword\" was passed over.",
            "`{cursor}` is kept as plain text; write {{cursor}} instead."
        ],
    });
    let fix = json!({
        "name": "fix", "content": "Fix {{clipboard}}", "notes": ["`{clipboard}` became {{clipboard}}."],
    });
    check(JSON, snippets.to_string(), &[reply, fix]).await;
    let commands = json!([{
        "id": "rewrite", "title": "Rewrite", "prompt": "Rewrite: {selection}", "creativity": "low",
        "icon": "pencil", "model": "x",
    }]);
    let rewrite = json!({
        "name": "rewrite",
        "content": "Rewrite: {{selection}}",
        "notes": [
            "`{selection}` became {{selection}}.",
            "The fields \"creativity\", \"icon\", \"model\" were passed over."
        ],
    });
    check(JSON, commands.to_string(), &[rewrite]).await;
}

#[tokio::test]
async fn json_of_langfuse() {
    let text = json!({
        "id": "c1", "projectId": "p1", "name": "movie-critic", "type": "text", "version": 3,
        "prompt": "As a {{level}} critic, do you like {{movie}}?", "labels": ["production"],
        "tags": ["Movies"], "config": null, "createdAt": "2026-01-01T00:00:00.000Z",
    });
    let expected = json!({
        "name": "movie-critic",
        "content": "As a {{level}} critic, do you like {{movie}}?",
        "tags": ["movies"],
        "notes": [
            "A tag has small letters, digits and hyphens: `Movies` became movies.",
            "The fields \"labels\", \"projectId\", \"type\" were passed over."
        ],
    });
    check(JSON, text.to_string(), std::slice::from_ref(&expected)).await;
    check(JSON, json!({ "data": [text], "meta": { "page": 1 } }).to_string(), &[expected]).await;
    let chat = json!({
        "name": "chat", "type": "chat",
        "prompt": [
            { "role": "system", "content": "You are {{who}}." },
            { "type": "placeholder", "name": "history" },
            { "role": "user", "content": "Hello" },
        ],
    });
    let expected = json!({
        "content": "System:\nYou are {{who}}.\n\n{{history}}\n\nUser:\nHello",
        "notes": ["Its 3 messages were joined.", "The field \"type\" was passed over."],
    });
    check(JSON, chat.to_string(), &[expected]).await;
    let one = json!({ "name": "one", "prompt": [{ "role": "system", "content": "Alone." }] });
    check(JSON, one.to_string(), &[json!({ "content": "Alone." })]).await;
}

#[tokio::test]
async fn json_of_superpower_open_webui_aiprm_and_lencx() {
    let superpower = json!({ "prompts": [
        { "id": 1, "title": "Chain", "steps": ["First {{a}}.", "Then b."], "is_favorite": true },
    ] });
    let chain = json!({
        "content": "First {{a}}.\n\nThen b.", "favorite": true, "notes": ["Its 2 steps were joined."],
    });
    check(JSON, superpower.to_string(), &[chain]).await;
    let open_webui = json!([{
        "command": "/summary", "user_id": "u", "title": "Summarize",
        "content": "Sum up {{text | textarea:placeholder=\"The text\":required}}", "timestamp": 1,
    }]);
    let summary = json!({
        "name": "summary",
        "title": "Summarize",
        "content": "Sum up {{text}}",
        "variables": [{ "name": "text", "description": "The text" }],
        "notes": ["`{{text | textarea:placeholder=\"The text\":required}}` became {{text}}."],
    });
    check(JSON, open_webui.to_string(), &[summary]).await;
    let aiprm = json!([{
        "ID": "1", "Title": "Article", "Teaser": "Writes an article", "PromptHint": "Topic",
        "Prompt": "Write on [PROMPT] in [TARGETLANGUAGE].",
    }]);
    let article = json!({
        "name": "article",
        "description": "Writes an article",
        "content": "Write on {{prompt}} in {{targetlanguage}}.",
        "notes": [
            "`[PROMPT]` became {{prompt}}, `[TARGETLANGUAGE]` became {{targetlanguage}}.",
            "The field \"PromptHint\" was passed over."
        ],
    });
    check(JSON, aiprm.to_string(), &[article]).await;
    let lencx = json!([
        { "cmd": "term", "act": "Linux Terminal", "prompt": "Be one.", "tags": ["dev"], "enable": true },
    ]);
    let expected = json!({ "name": "term", "title": "Linux Terminal", "tags": ["dev"] });
    check(JSON, lencx.to_string(), &[expected]).await;
    let odd = json!([{ "title": "A", "content": "a", "tags": ["x", { "id": 1 }, ["y"], "z"] }]);
    let note = "Tags that are neither texts nor objects with a name were left out.";
    check(JSON, odd.to_string(), &[json!({ "name": "a", "tags": ["x", "z"], "notes": [note] })])
        .await;
}

#[tokio::test]
async fn json_objects_maps_texts_and_lines() {
    let map = json!({ "Greeting": "Hello {{name}}.", "Parting": { "text": "Bye." } }).to_string();
    let greeting = json!({ "name": "greeting", "title": "Greeting", "content": "Hello {{name}}." });
    let parting = json!({ "name": "parting", "content": "Bye." });
    check(JSON, map, &[greeting.clone(), parting]).await;
    let nested =
        json!({ "version": 4, "history": [], "prompts": { "Greeting": "Hello {{name}}." } });
    check(JSON, nested.to_string(), &[greeting]).await;
    let own_word = json!({ "author": "a", "My library": [{ "title": "A", "prompt": "a" }] });
    check(JSON, own_word.to_string(), &[json!({ "name": "a" })]).await;
    check(
        JSON,
        r#"["Explain this.", "Sum up."]"#,
        &[json!({ "name": "explain-this" }), json!({ "name": "sum-up" })],
    )
    .await;
    // A map with more entries than are held at a time.
    let entries: Vec<String> = (0..200).map(|n| format!("\"n{n:03}\":\"Text {n}\"")).collect();
    let expected: Vec<Value> = (0..200).map(|n| json!({ "name": format!("n{n:03}") })).collect();
    check(JSON, format!("{{{}}}", entries.join(",")), &expected).await;

    let lines = "{\"title\":\"One\",\"prompt\":\"1\"}\n\n{\"title\":\"Two\",\"prompt\":\"2\"}\n{\"title\":\n[3]\n";
    let report = import(&TestApp::new(), "application/x-ndjson", lines).await;
    let found: Vec<(&Value, &Value)> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (&item["at"], item.get("reason").unwrap_or(&item["name"])))
        .collect();
    let expected = [
        ("line 1", "one"),
        ("line 3", "two"),
        ("line 4", "item: the line is cut off"),
        ("line 5", "item: is neither an object nor a text"),
    ];
    assert_eq!(
        found,
        expected.map(|(at, what)| (json!(at), json!(what))).each_ref().map(|(a, b)| (a, b))
    );
}

#[tokio::test]
async fn json_of_chats_with_parts_and_of_langchain() {
    let parts = json!([
        { "type": "text", "text": "Look at {{thing}}." },
        { "type": "image_url", "image_url": { "url": "data:" } },
    ]);
    let chat = json!({ "name": "look", "messages": [
        { "role": "system", "content": "Be kind." }, { "role": "user", "content": parts },
    ] });
    let look = json!({
        "content": "System:\nBe kind.\n\nUser:\nLook at {{thing}}.",
        "notes": ["1 part without text was left out.", "Its 2 messages were joined."],
    });
    check(JSON, chat.to_string(), std::slice::from_ref(&look)).await;
    let wrapped = json!({ "name": "look", "prompt": { "messages": chat["messages"] } });
    check(JSON, wrapped.to_string(), &[look]).await;
    let template =
        |text: &str| json!({ "lc": 1, "kwargs": { "prompt": { "kwargs": { "template": text } } } });
    let manifest = json!({
        "lc": 1, "type": "constructor", "id": ["langchain", "prompts"],
        "kwargs": { "messages": [template("You are kind."), template("Help.")] },
    });
    let joined = json!({
        "content": "You are kind.\n\nHelp.", "notes": ["Its 2 messages were joined."],
    });
    check(JSON, manifest.to_string(), &[joined]).await;
    let persona =
        json!({ "name": "Pirate", "tags": ["fun", "sea"], "systemPrompt": "Be a pirate." });
    let pirate = json!({ "name": "pirate", "tags": ["fun", "sea"], "content": "Be a pirate." });
    check(JSON, persona.to_string(), &[pirate]).await;
    check(JSON, "\"Only a text.\"", &[json!({ "content": "Only a text." })]).await;
    let empty = json!([{ "title": "A", "content": " ", "prompt": "Hello" }, { "text": "", "steps": ["x"] }]);
    check(JSON, empty.to_string(), &[json!({ "content": "Hello" }), json!({ "content": "x" })])
        .await;
}

#[tokio::test]
async fn json_of_folders_beside_a_list() {
    let file = json!({
        "prompts": [{ "title": "A", "prompt": "a" }],
        "folders": [
            { "id": 1, "name": "Work", "prompts": [{ "title": "B", "prompt": "b" }] },
            { "id": 2, "name": "Empty" },
        ],
        "My list": [{ "title": "C", "prompt": "c" }],
        "settings": { "theme": "dark" },
    });
    let work = json!({
        "name": "b", "tags": ["work"], "notes": ["A tag has small letters, digits and hyphens: `Work` became work."],
    });
    check(JSON, file.to_string(), &[json!({ "name": "a" }), json!({ "name": "c" }), work]).await;
    let beside = r#"{"review":"Review the code.","prompts":["List them."],"more":["Six of them."],"size":3}"#;
    let report = import(&TestApp::new(), JSON, beside).await;
    assert_eq!(report["notes"], json!(["The fields \"review\", \"more\" were passed over."]));
    let mixed =
        json!({ "prompts": { "a": { "prompt": "A" }, "b": "B", "c": ["x", "y"], "d": {} } });
    let report = import(&TestApp::new(), JSON, mixed.to_string()).await;
    let places: Vec<_> =
        report["items"].as_array().unwrap().iter().map(|item| &item["at"]).collect();
    assert_eq!(places, ["prompts.a", "prompts.b", "prompts.c[0]", "prompts.c[1]", "prompts.d"]);
    assert_eq!(counts(&report), [4, 0, 0, 1]);
}

#[tokio::test]
async fn json_and_yaml_without_prompts_are_answered_with_a_sentence() {
    let sentence =
        "the file: holds no prompts: neither a list of them, nor a field with the text of one";
    for file in [
        json!({ "name": "app", "version": "1.0.0", "license": "MIT", "files": ["a", "b"] }),
        json!({ "theme": "dark", "fontSize": 12, "mcpServers": { "x": { "command": "npx", "args": ["y"] } } }),
        json!({ "title": "Draft", "description": "Not done", "prompt": null }),
        json!({ "services": { "web": { "image": "nginx" } }, "version": "3" }),
        json!(7),
        json!(null),
    ] {
        // JSON is YAML.
        for content_type in [JSON, YAML] {
            let answer = send(&TestApp::new(), "", content_type, file.to_string()).await;
            let problem = assert_problem(&answer, 400, "malformed");
            assert_eq!(problem["detail"], sentence, "{content_type} {file}");
        }
    }
}

#[tokio::test]
async fn the_first_filled_column_of_a_role_is_read() {
    let table = "Title,Content,Prompt,Prompt\nA,,Do A,\nB,Do B,Do B,Other\n";
    let expected = [
        json!({ "name": "a", "content": "Do A" }),
        json!({
            "name": "b", "content": "Do B", "notes": ["The field \"Prompt\" was passed over."],
        }),
    ];
    check(CSV, table, &expected).await;
    let short = "name,content,tags\na,Do A\n";
    let note = "The row has 2 cells of 3; the others are empty.";
    check(CSV, short, &[json!({ "content": "Do A", "notes": [note] })]).await;
    let report = import(&TestApp::new(), CSV, "content,name\nA line\n").await;
    assert_eq!(report["items"][0]["reason"], "row: has 1 cells; the first row has 2");
    let apostrophe = "title,content\nThumbs,'+1' is a thumbs up\n";
    check(CSV, apostrophe, &[json!({ "content": "'+1' is a thumbs up" })]).await;
    check(CSV, "sep=;\rName;Prompt\rA;x\r", &[json!({ "name": "a", "content": "x" })]).await;
    let tabs = "Name\tPrompt\nA\tSay \"hi\" now\n";
    check(CSV, tabs, &[json!({ "content": "Say \"hi\" now" })]).await;
}

#[tokio::test]
async fn yaml_of_espanso_and_textexpander() {
    let espanso = "global_vars: []\nmatches:\n  - trigger: \":sig\"\n    replace: |\n      Best,\n      {{name}}\n    \
                   vars: [{name: name, type: echo, params: {echo: Ann}}, {name: day, type: date}]\n  - triggers: [\":a\", \":b\"]\n    label: Two ways\n    \
                   replace: 0123\n  - trigger: \":form\"\n    form: \"Dear [[who]],\"\n    \
                   form_fields: {who: {type: choice, values: [Ann, Ben], default: Ben}}\n";
    check(YAML, espanso, &[
        json!({
            "name": "sig",
            "content": "Best,\n{{name}}\n",
            "variables": [{ "name": "name", "default": "Ann" }],
            "notes": ["The field \"vars.day\" was passed over."],
        }),
        json!({
            "name": "a",
            "title": "Two ways",
            "content": "0123",
            "notes": ["The first of its 2 triggers became its name."],
        }),
        json!({
            "name": "form",
            "content": "Dear {{who}},",
            "variables": [{ "name": "who", "description": "One of: Ann, Ben", "default": "Ben" }],
            "notes": ["`[[who]]` became {{who}}."],
        }),
    ])
    .await;
    let textexpander = "snippets:\n  - abbreviation: ;hi\n    label: Greeting\n    \
                        plainText: \"Hi %filltext:name=who%\"\n";
    check(
        YAML,
        textexpander,
        &[json!({
            "name": "hi",
            "title": "Greeting",
            "content": "Hi {{who}}",
            "notes": ["`%filltext:name=who%` became {{who}}."],
        })],
    )
    .await;
    let list = "- title: A\n  prompt: a\n  tags: [x, y]\n- title: B\n  prompt: b\n  model: z\n";
    check(
        YAML,
        list,
        &[
            json!({ "name": "a", "tags": ["x", "y"] }),
            json!({ "name": "b", "notes": ["The field \"model\" was passed over."] }),
        ],
    )
    .await;
    check(YAML, "name: one\nprompt: Alone.\n", &[json!({ "name": "one", "content": "Alone." })])
        .await;
}

#[tokio::test]
async fn yaml_is_read_as_json_is_with_its_scalars_as_they_are_written() {
    let written = "# one per version\n- name: yes\n  prompt: 1.50\n  tags: [3.10, 0x1F, true, ~]\n\
                   - name: chat\n  messages:\n    - {role: system, content: Be kind.}\n    - {role: user, content: Hi}\n\
                   - Only a text, with 007.\n";
    let number = json!({
        "name": "yes",
        "content": "1.50",
        "tags": ["3-10", "0x1f", "true"],
        "notes": ["A tag has small letters, digits and hyphens: `3.10` became 3-10, `0x1F` became 0x1f."],
    });
    let chat = json!({
        "name": "chat",
        "content": "System:\nBe kind.\n\nUser:\nHi",
        "notes": ["Its 2 messages were joined."],
    });
    let text = json!({ "content": "Only a text, with 007." });
    check(YAML, written, &[number, chat, text]).await;
    let stream = "---\nname: one\nprompt: First.\n---\n- name: two\n  prompt: Second.\n...\n";
    check(YAML, stream, &[json!({ "name": "one" }), json!({ "name": "two" })]).await;
    let map = "Greeting: Hello {{name}}.\nParting:\n  text: Bye.\nversion: 3\n";
    check(YAML, map, &[json!({ "name": "greeting" }), json!({ "name": "parting" })]).await;
    let variables = "prompt: On {{topic}} in {{tone}}.\nvariables:\n  topic: {description: What}\n  tone: warm\n";
    let variables_of = json!([
        { "name": "topic", "description": "What" },
        { "name": "tone", "default": "warm" },
    ]);
    check(YAML, format!("name: v\n{variables}"), &[json!({ "variables": variables_of })]).await;
}

#[tokio::test]
async fn aliases_of_yaml_stand_for_what_they_name() {
    let file = "defaults: &work\n  tags: [work]\n  favorite: true\nprompts:\n  - &first\n    <<: *work\n    \
                name: one\n    prompt: &text Say 1.50 of it.\n  - <<: *first\n    name: two\n    tags: [own]\n  \
                - {name: three, prompt: *text}\n";
    let one =
        json!({ "name": "one", "content": "Say 1.50 of it.", "tags": ["work"], "favorite": true });
    let two =
        json!({ "name": "two", "content": "Say 1.50 of it.", "tags": ["own"], "favorite": true });
    let three =
        json!({ "name": "three", "content": "Say 1.50 of it.", "tags": [], "favorite": false });
    check(YAML, file, &[one, two, three]).await;
}

#[tokio::test]
async fn an_odd_item_of_a_yaml_list_is_refused_alone() {
    let file = "matches:\n  - trigger: a\n    replace: first\n  - 7\n  - [b]\n  - replace: {c: d}\n  \
                - trigger: e\n    trigger: f\n    replace: twice\n  - trigger: g\n    replace: last\n";
    let report = import(&TestApp::new(), YAML, file).await;
    assert_eq!(counts(&report), [2, 0, 0, 4]);
    let reasons: Vec<&Value> =
        report["items"].as_array().unwrap().iter().filter_map(|item| item.get("reason")).collect();
    let expected = [
        "item: is neither an object nor a text",
        "item: is neither an object nor a text",
        "content: is missing; no field has the text of a prompt",
        "trigger: is given more than once in the same object; send it once",
    ];
    assert_eq!(reasons, expected);
}

#[tokio::test]
async fn markdown_of_coding_assistants() {
    let lines = "The front matter is not valid YAML, so it was read line by line.";
    let command = "---\nname: fix-issue\nallowed-tools: Bash(git:*)\nargument-hint: [issue] [priority]\n\
                   description: Fix it. Use when: asked\n---\n\nFix issue $ARGUMENTS for $1.\n";
    check(
        MARKDOWN,
        command,
        &[json!({
            "name": "fix-issue",
            "description": "Fix it. Use when: asked",
            "content": "Fix issue {{arguments}} for {{argument_1}}.",
            "notes": [
                lines,
                "`$ARGUMENTS` became {{arguments}}, `$1` became {{argument_1}}.",
                "The fields \"allowed-tools\", \"argument-hint\" were passed over."
            ],
        })],
    )
    .await;
    let long = "word ".repeat(400);
    let agent = format!(
        "---\nname: reviewer\ndescription: {long}\ntools: Read\nmodel: opus\n---\nYou review."
    );
    check(
        MARKDOWN,
        agent,
        &[json!({
            "name": "reviewer",
            "content": "You review.",
            "notes": [
                "The description had 1999 characters and was cut to 1024.",
                "The fields \"model\", \"tools\" were passed over."
            ],
        })],
    )
    .await;
    let skill = format!("---\nname: pdf\ndescription: {}\n---\nUse it.", "x".repeat(749));
    check(MARKDOWN, skill, &[json!({ "name": "pdf", "description": "x".repeat(749) })]).await;
    let prompt_file = "---\nname: form\nagent: agent\ntools: ['search']\n---\nA form named ${input:name:its name}.";
    check(
        MARKDOWN,
        prompt_file,
        &[json!({
            "content": "A form named {{name}}.",
            "variables": [{ "name": "name", "description": "its name" }],
            "notes": [
                "`${input:name:its name}` became {{name}}.",
                "The fields \"agent\", \"tools\" were passed over."
            ],
        })],
    )
    .await;
}

#[tokio::test]
async fn plain_text_is_all_content() {
    let text = "---\nname: no front matter\n---\nThe price is $1.";
    check("text/plain", format!("{text}\n"), &[json!({ "content": text })]).await;
}
