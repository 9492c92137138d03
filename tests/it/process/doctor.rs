//! `promptdb doctor` in a temporary home folder.

mod tls;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection as Sqlite;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::meaning::model_path;

use super::{Process, Server, collect, exchange, promptdb};

/// The program that is tested.
const OWN: &str = env!("CARGO_BIN_EXE_promptdb");

/// A home folder with the folders of data and of Cursor, and a port that is free.
struct Home {
    folder: TempDir,
    port: String,
}

/// A report, and the exit code.
struct Report {
    code: Option<i32>,
    json: Value,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".cursor")).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { port: free.local_addr().unwrap().port().to_string(), folder }
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("promptdb.db")
    }

    /// Makes a library with one prompt.
    fn with_library(self) -> Self {
        let server = Server::start(&self.library(), &[("HOME", self.text())]);
        let prompt = json!({ "name": "one", "content": "x" });
        assert_eq!(exchange(server.port, "POST", "/api/prompts", Some(&prompt)).0, 201);
        assert_eq!(server.stop().0, Some(0));
        self
    }

    fn text(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
        let mut command = promptdb();
        command.env("HOME", self.text()).env("PORT", &self.port);
        command.env("DATABASE_PATH", self.library()).envs(settings.iter().copied());
        let (mut process, stdout) = Process::spawn(command.arg("doctor").args(arguments));
        let text = collect(stdout);
        let (code, stderr) = process.end_within(std::time::Duration::from_mins(1));
        (code, text.recv().unwrap(), stderr)
    }

    #[track_caller]
    fn examine(&self, settings: &[(&str, &str)]) -> Report {
        let (code, stdout, stderr) = self.run(&["--json"], settings);
        let json = serde_json::from_str(&stdout).expect(&stderr);
        let report = Report { code, json, stderr };
        assert_eq!(report.json["ok"], code == Some(0), "{}", report.json);
        report
    }

    fn connect_cursor(&self, server: &Value) {
        let file = json!({ "mcpServers": { "promptdb": server } });
        let path = self.folder.path().join(".cursor/mcp.json");
        fs::write(&path, file.to_string()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Report {
    fn find(&self, name: &str) -> Option<&Value> {
        self.json["checks"].as_array().unwrap().iter().find(|check| check["name"] == name)
    }

    /// The check has this status, its texts hold `words`, and only a failure of it fails the command.
    #[track_caller]
    fn has(&self, name: &str, status: &str, words: &str) {
        let check = self.find(name).unwrap_or_else(|| panic!("{name}: {}", self.json));
        assert_eq!(check["status"], status, "{check}");
        let texts = format!("{} {}", check["detail"], check["advice"]);
        assert!(texts.contains(words), "{texts}");
        assert_eq!(check["advice"].is_string(), status != "ok", "{check}");
        if status == "failed" {
            assert_eq!(self.code, Some(1));
            assert!(self.stderr.contains(name), "{}", self.stderr);
        }
    }
}

/// Every file of a folder with its content.
fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn where_all_works_each_check_is_one_line_and_no_file_changes() {
    let home = Home::new().with_library();
    home.connect_cursor(&json!({ "command": OWN, "args": ["stdio"] }));
    let before = snapshot(home.folder.path());
    let report = home.examine(&[]);
    assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""), "{}", report.json);
    report.has("library", "ok", "undamaged");
    report.has("model", "note", "words alone");
    report.has("port", "ok", "is free");
    report.has("stdio", "ok", "tools");
    report.has("cursor", "ok", "starts this program");
    assert_eq!(report.json["version"], env!("CARGO_PKG_VERSION"));

    let (code, text, _) = home.run(&[], &[]);
    assert_eq!(code, Some(0));
    for name in ["library", "port", "stdio", "cursor"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("✓ {name} "))), "{text}");
    }
    assert!(snapshot(home.folder.path()) == before, "a file changed");
}

#[test]
fn a_library_that_does_not_exist_is_not_created() {
    let home = Home::new();
    let report = home.examine(&[]);
    assert_eq!(report.code, Some(0), "{}", report.json);
    report.has("library", "note", "does not exist yet");
    report.has("stdio", "ok", "tools");
    assert_eq!(snapshot(home.folder.path()), []);

    fs::write(home.library(), "").unwrap();
    home.examine(&[]).has("library", "note", "does not exist yet");
    assert_eq!(fs::metadata(home.library()).unwrap().len(), 0);
}

#[test]
fn a_library_that_cannot_be_used_fails_with_what_to_do_and_stays_unchanged() {
    let change = |sql: &'static str| {
        move |file: &Path| Sqlite::open(file).unwrap().execute_batch(sql).unwrap()
    };
    let check = |prepare: &dyn Fn(&Path), words: &str| {
        let home = Home::new().with_library();
        prepare(&home.library());
        let before = fs::read(home.library()).unwrap();
        let report = home.examine(&[]);
        report.has("library", "failed", words);
        report.has("stdio", "failed", "First mend the library");
        assert!(fs::read(home.library()).unwrap() == before, "{words}: it was written to");
    };
    check(&change("PRAGMA user_version = 1000"), "Install the newest PromptDB");
    check(&change("PRAGMA application_id = 7"), "another program");
    check(&|file| fs::write(file, "a letter\n".repeat(1000)).unwrap(), "not a database");
    check(
        &|file| {
            let mut bytes = fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle..].fill(0x55);
            fs::write(file, bytes).unwrap();
        },
        "damaged",
    );
    let home = Home::new();
    let below_a_file = home.folder.path().join("file/promptdb.db");
    fs::write(home.folder.path().join("file"), "x").unwrap();
    let path = [("DATABASE_PATH", below_a_file.to_str().unwrap())];
    home.examine(&path).has("library", "failed", "permissions");
    home.examine(&[("CONVEX_API_KEY", "k3y")]).has("library", "failed", "CONVEX_URL is missing");
}

#[test]
fn a_library_of_an_older_release_is_not_migrated() {
    let home = Home::new().with_library();
    let older = Sqlite::open(home.library()).unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    drop(older);
    let report = home.examine(&[]);
    report.has("library", "note", "an older PromptDB wrote it");
    report.has("stdio", "ok", "tools");
    let db = Sqlite::open(home.library()).unwrap();
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
}

#[test]
fn a_model_that_cannot_be_used_fails_with_what_to_do() {
    let home = Home::new().with_library();
    let model = home.folder.path().join("meaning.bin");
    let settings = [("MODEL_PATH", model.to_str().unwrap())];
    home.examine(&settings).has("model", "failed", "make the model with `make model`");
    fs::write(&model, "text").unwrap();
    home.examine(&settings).has("model", "failed", "not a model of PromptDB");
}

#[test]
fn the_progress_of_the_model_is_shown_until_each_prompt_has_a_vector() {
    let home = Home::new().with_library();
    let model = model_path();
    let settings = [("MODEL_PATH", model.to_str().unwrap()), ("HOME", home.text())];
    let report = home.examine(&settings[..1]);
    report.has("model", "ok", "complete, undamaged");
    // The round trip may embed it; it is counted before that.
    report.has("vectors", "note", "0 of 1 prompts");

    let server = Server::start(&home.library(), &settings);
    let is_embedded = || {
        let report = home.examine(&settings[..1]);
        report.find("vectors").unwrap()["status"] == "ok"
    };
    assert!((0..100).any(|_| is_embedded()), "the prompt is never embedded");
    home.examine(&settings[..1]).has("vectors", "ok", "1 of 1 prompts");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn the_port_shows_which_program_has_it_and_fails_no_check() {
    let home = Home::new().with_library();
    let server = Server::start(&home.library(), &[("HOME", home.text())]);
    let port = server.port.to_string();
    home.examine(&[("PORT", &port)]).has("port", "ok", "PromptDB");
    home.examine(&[("PORT", "0")]).has("port", "ok", "any free port");
    assert_eq!(server.stop().0, Some(0));

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut request = [0; 64];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}").unwrap();
    });
    home.examine(&[("PORT", &port)]).has("port", "note", "another program");
    answering.join().unwrap();

    let of_a_build = [("HOST", "x86_64-conda-linux-gnu"), ("PORT", "")];
    let report = home.examine(&of_a_build);
    report.has("port", "note", "HOST is x86_64-conda-linux-gnu");
    assert_eq!(report.code, Some(0), "{}", report.json);
}

#[test]
fn a_clients_file_is_checked_for_what_it_names() {
    let home = Home::new().with_library();
    assert!(home.examine(&[]).find("cursor").is_none(), "it has no file");
    let check = |server: Value, status: &str, words: &str| {
        home.connect_cursor(&server);
        home.examine(&[]).has("cursor", status, words);
    };
    check(json!({ "command": "/no/such/promptdb" }), "failed", "promptdb connect cursor");
    check(json!({ "command": home.text() }), "failed", "is not a program");
    check(json!({ "command": "promptdb" }), "note", "its own PATH");
    check(json!({ "command": "/bin/sh" }), "note", "another program than this one");
    let link = home.folder.path().join("link");
    symlink(OWN, &link).unwrap();
    check(json!({ "command": link, "args": ["stdio"] }), "ok", "starts this program");
    let url = format!("http://localhost:{}/mcp", home.port);
    check(json!({ "url": url }), "failed", "where no PromptDB runs");
    check(json!({ "url": "https://x.example/mcp" }), "ok", "https://x.example");
    check(json!({}), "failed", "neither a program nor a URL");

    let file = home.folder.path().join(".cursor/mcp.json");
    let headers = json!({ "Authorization": "Bearer x" });
    let signed = json!({ "url": "https://x.example/mcp", "headers": headers });
    check(signed.clone(), "ok", "https://x.example");
    home.connect_cursor(&signed);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    home.examine(&[]).has("cursor", "failed", "chmod 600");
    fs::write(&file, "{\"mcpServers\": {}}").unwrap();
    home.examine(&[]).has("cursor", "note", "not connected");
    fs::write(&file, "{\"mcpServers\": {").unwrap();
    home.examine(&[]).has("cursor", "failed", "invalid JSON");
    home.examine(&[]).has("cursor", "failed", "Repair or replace the file");

    let server = Server::start(&home.library(), &[("HOME", home.text())]);
    home.connect_cursor(&json!({ "url": format!("http://localhost:{}/mcp", server.port) }));
    home.examine(&[]).has("cursor", "ok", "where PromptDB runs");
    assert_eq!(server.stop().0, Some(0));

    let token = "0123456789abcdef0123456789abcdef";
    let settings = [("HOME", home.text()), ("ACCESS_TOKEN", token)];
    let server = Server::start(&home.library(), &settings);
    let url = format!("http://localhost:{}/mcp", server.port);
    home.connect_cursor(&json!({ "url": url }));
    home.examine(&[]).has("cursor", "failed", "--token-stdin");
    let headers = json!({ "Authorization": format!("Bearer {token}") });
    home.connect_cursor(&json!({ "url": url, "headers": headers }));
    home.examine(&[]).has("cursor", "ok", "where PromptDB runs");
    let (changed, referred) = ("Bearer fedcba9876543210fedcba9876543210", "Bearer ${env:TOKEN}");
    home.connect_cursor(&json!({ "url": url, "headers": { "authorization": changed } }));
    let report = home.examine(&[]);
    report.has("cursor", "failed", "refuses its access token");
    let command = format!("--write --url http://localhost:{} --token-stdin", server.port);
    report.has("cursor", "failed", &command);
    home.connect_cursor(&json!({ "url": url, "headers": { "Authorization": referred } }));
    home.examine(&[]).has("cursor", "ok", "where PromptDB runs");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_token_is_sent_to_no_other_program() {
    let home = Home::new().with_library();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let mut request = [0; 1024];
        let (mut stream, _) = other.accept().unwrap();
        let length = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}").unwrap();
        drop(stream);
        other.set_nonblocking(true).unwrap();
        (String::from_utf8(request[..length].to_vec()).unwrap(), other)
    });
    let headers = json!({ "Authorization": "Bearer s3cret-7hidden" });
    home.connect_cursor(
        &json!({ "url": format!("http://127.0.0.1:{port}/mcp"), "headers": headers }),
    );
    home.examine(&[]).has("cursor", "failed", "where no PromptDB runs");
    let (request, other) = answering.join().unwrap();
    assert!(request.starts_with("GET /health ") && !request.contains("7hidden"), "{request}");
    assert!(other.accept().is_err(), "it is called again");
}

#[test]
fn an_entry_with_arguments_that_serve_no_client_fails() {
    let home = Home::new().with_library();
    let check = |arguments: &[&str], words: &str| {
        home.connect_cursor(&json!({ "command": OWN, "args": arguments }));
        let report = home.examine(&[]);
        report.has("cursor", "failed", words);
        report.has("cursor", "failed", "promptdb connect cursor --write");
    };
    check(&[], "without the command `stdio`");
    check(&["serve"], "without the command `stdio`");
    check(&["--port", "3000"], "without the command `stdio`");
    for arguments in [&["wrong"][..], &["stdio", "wrong"], &["stdio", "--nonsense"], &["--help"]] {
        check(arguments, "with arguments that it does not take");
    }
    for arguments in [&["--port", "3000", "stdio"][..], &["stdio", "--log-format", "json"]] {
        home.connect_cursor(&json!({ "command": OWN, "args": arguments }));
        home.examine(&[]).has("cursor", "ok", "starts this program");
    }
}

#[test]
fn an_entry_is_checked_for_the_library_that_it_names() {
    let home = Home::new().with_library();
    let check = |library: &Path, status: &str, words: &str| {
        let library = library.to_str().unwrap();
        let equal = format!("--database-path={library}");
        for entry in [
            json!({ "command": OWN, "args": ["stdio", "--database-path", library] }),
            json!({ "command": OWN, "args": [equal, "stdio"] }),
            json!({ "command": OWN, "args": ["stdio"], "env": { "DATABASE_PATH": library } }),
        ] {
            home.connect_cursor(&entry);
            home.examine(&[]).has("cursor", status, words);
        }
    };
    let path = |path: &str| home.folder.path().join(path);
    check(&home.library(), "ok", "program\" null");
    check(&path("other.db"), "ok", "other.db");
    check(&path("none/other.db"), "note", "whose folder does not exist");
    fs::write(path("file"), "x").unwrap();
    check(&path("file/other.db"), "failed", "takes no file");
    fs::write(path("text"), "text ".repeat(1000)).unwrap();
    check(&path("text"), "failed", "it is not a database");
    check(home.folder.path(), "failed", "not a regular file");
    // The client starts the program in a folder of its own.
    check(Path::new("none/other.db"), "ok", "none/other.db");
}

#[test]
fn an_entry_with_another_path_than_those_of_mcp_fails() {
    let home = Home::new().with_library();
    let server = Server::start(&home.library(), &[("HOME", home.text())]);
    let origin = format!("http://localhost:{}", server.port);
    let check = |url: &str, status: &str, words: &str| {
        home.connect_cursor(&json!({ "url": url }));
        home.examine(&[]).has("cursor", status, words);
    };
    for path in ["/mcp", "/mcp/", "/sse", "/mcp?x=y"] {
        check(&format!("{origin}{path}"), "ok", "where PromptDB runs");
    }
    for path in ["", "/", "/wrong", "/MCP", "/mcp/x", "/sse/"] {
        let url = format!("{origin}{path}");
        check(&url, "failed", "at another path than /mcp");
        check(&url, "failed", &format!("promptdb connect cursor --write --url {origin}"));
    }
    assert_eq!(server.stop().0, Some(0));
    check("https://x.example/prompts/mcp", "ok", "https://x.example");
    check("https://x.example/wrong", "note", "--url https://x.example");
}

#[test]
fn an_entry_that_is_switched_off_is_reported() {
    let home = Home::new().with_library();
    for flag in [json!({ "enabled": false }), json!({ "disabled": true })] {
        let mut entry = json!({ "command": OWN, "args": ["stdio"] });
        entry.as_object_mut().unwrap().extend(flag.as_object().unwrap().clone());
        home.connect_cursor(&entry);
        let report = home.examine(&[]);
        report.has("cursor", "note", "switched off");
        report.has("cursor", "note", "promptdb connect cursor --write");
    }
    let entry = json!({ "command": OWN, "args": ["stdio"], "enabled": true, "disabled": false });
    home.connect_cursor(&entry);
    home.examine(&[]).has("cursor", "ok", "starts this program");

    fs::create_dir(home.folder.path().join(".gemini")).unwrap();
    let gemini = |excluded: &str| {
        let entry = json!({ "command": OWN, "args": ["stdio"] });
        let file = json!({
            "mcp": { "excluded": [excluded] },
            "mcpServers": { "promptdb": entry },
        });
        fs::write(home.folder.path().join(".gemini/settings.json"), file.to_string()).unwrap();
        home.examine(&[])
    };
    gemini("promptdb").has("gemini", "note", "mcp.excluded");
    gemini("other").has("gemini", "ok", "starts this program");
}

#[test]
fn a_file_with_a_secret_setting_must_be_closed_to_others() {
    let home = Home::new().with_library();
    let file = home.folder.path().join(".cursor/mcp.json");
    let check = |entry: &Value, is_secret: bool| {
        home.connect_cursor(entry);
        home.examine(&[]).has("cursor", "ok", "starts this program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let (status, words) = if is_secret { ("failed", "chmod 600") } else { ("ok", "starts") };
        home.examine(&[]).has("cursor", status, words);
    };
    for field in ["env", "environment", "envs"] {
        for name in ["CONVEX_API_KEY", "ACCESS_TOKEN", "COOKIE_SECRET"] {
            let entry = json!({ "command": OWN, "args": ["stdio"], field: { name: "s3cret" } });
            check(&entry, true);
        }
    }
    for arguments in [["stdio", "--convex-api-key=s3cret"], ["stdio", "--access-token=s3cret"]] {
        check(&json!({ "command": OWN, "args": arguments }), true);
    }
    let entry = json!({
        "command": OWN,
        "args": ["stdio"],
        "env": { "LOG_FORMAT": "json", "CONVEX_API_KEY": "", "ACCESS_TOKEN": "${env:TOKEN}" },
    });
    check(&entry, false);
}

#[test]
fn a_client_with_two_files_needs_the_entry_in_one() {
    let home = Home::new().with_library();
    let folder = home.folder.path().join(".gemini");
    for name in ["config", "antigravity"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("mcp_config.json"), "{}").unwrap();
    }
    let found = |report: &Report| {
        let checks = report.json["checks"].as_array().unwrap();
        checks.iter().filter(|check| check["name"] == "antigravity").count()
    };
    let report = home.examine(&[]);
    report.has("antigravity", "note", "config/mcp_config.json");
    assert_eq!(found(&report), 1, "{}", report.json);

    let entry = json!({ "command": OWN, "args": ["stdio"] });
    let file = json!({ "mcpServers": { "promptdb": entry } });
    fs::write(folder.join("antigravity/mcp_config.json"), file.to_string()).unwrap();
    let report = home.examine(&[]);
    report.has("antigravity", "ok", "starts this program");
    assert_eq!(found(&report), 1, "{}", report.json);
}

#[test]
fn a_round_trip_that_fails_says_why() {
    let home = Home::new().with_library();
    home.examine(&[("APP_ENV", "prod")]).has("stdio", "failed", "APP_ENV");
    home.examine(&[("REQUEST_TIMEOUT_MS", "1")]).has("stdio", "failed", "REQUEST_TIMEOUT_MS");
}

#[test]
fn settings_that_are_flags_reach_the_round_trip() {
    let home = Home::new();
    let library = home.folder.path().join("flag.db");
    drop(Server::start(&library, &[("HOME", home.text())]).stop());
    let (code, json, _) = home.run(&["--json", "--database-path", library.to_str().unwrap()], &[]);
    assert_eq!(code, Some(0), "{json}");
    assert!(json.contains("flag.db: readable") && !home.library().exists(), "{json}");
}

#[test]
fn no_report_holds_a_secret() {
    let home = Home::new().with_library();
    let secret = "s3cret-7hidden";
    home.connect_cursor(&json!({
        "url": format!("https://u:{secret}@x.example/mcp?key={secret}"),
        "headers": { "Authorization": format!("Bearer {secret}") },
    }));
    let settings = [
        ("CONVEX_URL", "http://127.0.0.1:1"),
        ("CONVEX_API_KEY", secret),
        ("WORKOS_API_KEY", secret),
        ("COOKIE_SECRET", secret),
    ];
    for arguments in [&["--json"][..], &[]] {
        for settings in [&settings[..], &settings[2..]] {
            let (_, stdout, stderr) = home.run(arguments, settings);
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
            assert!(stdout.contains("https://x.example"), "{stdout}");
        }
    }
}
