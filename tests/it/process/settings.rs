//! Settings, commands and their exit codes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rusqlite::Connection as Sqlite;
use rustix::process::Signal;

use super::{Process, Server, collect, library, promptdb};

/// Runs the binary to its end: exit code, stdout, stderr.
#[track_caller]
fn run(arguments: &[&str], settings: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let command = &mut promptdb();
    let (mut process, stdout) =
        Process::spawn(command.args(arguments).envs(settings.iter().copied()));
    let text = collect(stdout);
    // One that serves instead never ends, so that even a busy machine has time.
    let (code, stderr) = process.end_within(Duration::from_mins(1));
    (code, text.recv().unwrap(), stderr)
}

const SERVE: &[&str] = &["serve"];
const STDIO: &[&str] = &["stdio"];

/// Every command that ends by itself, for a client that reads `--url` or a local file, and the
/// `stdio` server, whose client is gone at once.
const COMMANDS: [&[&str]; 9] = [
    STDIO,
    &["connect", "cursor"],
    &["disconnect", "cursor"],
    &["export"],
    &["import", "notes"],
    &["backup", "copy.db"],
    &["connect", "cursor", "--url", "https://prompts.example.com"],
    &["connect", "claude-desktop"],
    &["completions", "bash"],
];

/// The command fails with one line that begins with the setting, and holds `words`.
#[track_caller]
fn check_refusal(command: &[&str], settings: &[(&str, &str)], setting: &str, words: &str) {
    let (_dir, file) = library();
    let all = [&[("PORT", "0"), ("DATABASE_PATH", file.to_str().unwrap())], settings].concat();
    let (code, stdout, stderr) = run(command, &all);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{command:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with(&format!("promptdb: {setting}")), "{stderr}");
    assert!(stderr.contains(words), "{stderr}");
}

/// A setting that both servers use stops both.
#[track_caller]
fn check(settings: &[(&str, &str)], setting: &str, words: &str) {
    for command in [SERVE, STDIO] {
        check_refusal(command, settings, setting, words);
    }
}

/// A setting of the HTTP server stops it.
#[track_caller]
fn check_serve(settings: &[(&str, &str)], setting: &str, words: &str) {
    check_refusal(SERVE, settings, setting, words);
}

#[test]
fn a_bad_setting_stops_the_start_with_one_line_that_names_it() {
    check_serve(&[("HOST", "nowhere")], "HOST", "nowhere");
    check_serve(&[("HOST", "0.0.0.0")], "HOST", "WORKOS_CLIENT_ID");
    check_serve(&[("PORT", "http")], "PORT", "http");
    check_serve(&[("PORT", "65536")], "PORT", "65535");
    check_serve(&[("PUBLIC_URL", "localhost")], "PUBLIC_URL", "http://localhost:3000");
    check_serve(&[("PUBLIC_URL", "https://prompts.example.com")], "PUBLIC_URL", "this machine");
    check(&[("APP_ENV", "prod")], "APP_ENV", "production");
    check(&[("REQUEST_TIMEOUT_MS", "99")], "REQUEST_TIMEOUT_MS", "100");
    check(&[("REQUEST_TIMEOUT_MS", "600001")], "REQUEST_TIMEOUT_MS", "600000");
    check(&[("REQUEST_TIMEOUT_MS", "10s")], "REQUEST_TIMEOUT_MS", "10s");
    check_serve(&[("MAX_CONCURRENT_REQUESTS", "0")], "MAX_CONCURRENT_REQUESTS", "1000000");
    check_serve(&[("RATE_LIMIT_PER_MINUTE", "0")], "RATE_LIMIT_PER_MINUTE", "1000000");
    check_serve(&[("RATE_LIMIT_PER_MINUTE", "many")], "RATE_LIMIT_PER_MINUTE", "many");
    check_serve(&[("FLY_MACHINE_ID", "A 1")], "FLY_MACHINE_ID", "lower-case");
    check(&[("LOG_FORMAT", "xml")], "LOG_FORMAT", "json");
    check_serve(&[("METRICS_ADDR", "9091")], "METRICS_ADDR", "127.0.0.1:9091");
    check(
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "x:1")],
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "localhost:4318",
    );
    check(&[("OTEL_TRACES_SAMPLER", "some")], "OTEL_TRACES_SAMPLER", "traceidratio");
    check(&[("OTEL_TRACES_SAMPLER_ARG", "2")], "OTEL_TRACES_SAMPLER_ARG", "from 0 to 1");
    check(&[("RUST_LOG", "promptdb=loud")], "RUST_LOG", "filter");
    check(&[("CONVEX_URL", "https://x.convex.cloud")], "CONVEX_API_KEY", "is missing");
    check(&[("CONVEX_MAX_CONCURRENCY", "0")], "CONVEX_MAX_CONCURRENCY", "4096");
    check_serve(&[("WORKOS_CLIENT_ID", "client_x")], "WORKOS_API_KEY", "WORKOS_CLIENT_ID is set");
    check_serve(&[("WORKOS_API_KEY", "sk_x")], "WORKOS_CLIENT_ID", "WORKOS_API_KEY is set");
    check_serve(&[("FREE_PROMPT_LIMIT", "-1")], "FREE_PROMPT_LIMIT", "-1");
    check_serve(&[("PRO_PROMPT_LIMIT", "0")], "PRO_PROMPT_LIMIT", "0");
    check_serve(&[("PRO_RATE_LIMIT_PER_MINUTE", "many")], "PRO_RATE_LIMIT_PER_MINUTE", "many");
    check_serve(&[("STRIPE_API_URL", "http://x.example")], "STRIPE_API_URL", "https://");
    let page = ("ALLOWED_ORIGINS", "https://chat.example");
    check_serve(&[page], "ALLOWED_ORIGINS", "WORKOS_CLIENT_ID is missing");
}

/// A complete sign-in.
const SIGN_IN: [(&str, &str); 4] = [
    ("WORKOS_CLIENT_ID", "client_x"),
    ("WORKOS_API_KEY", "sk_x"),
    ("AUTHKIT_DOMAIN", "https://x.authkit.app"),
    ("COOKIE_SECRET", "0123456789abcdef0123456789abcdef"),
];

#[test]
fn an_unsafe_sign_in_stops_the_start() {
    let with = |setting| [&SIGN_IN[..], &[setting]].concat();
    let why = "a token that this issuer made for another server would open /api";
    for issuers in ["https://x.authkit.app", "https://a.example,https://x.authkit.app/"] {
        check_serve(&with(("WORKOS_ISSUERS", issuers)), "WORKOS_ISSUERS", why);
    }
    for origins in ["*", "http://chat.example", "https://chat.example/mcp"] {
        check_serve(&with(("ALLOWED_ORIGINS", origins)), "ALLOWED_ORIGINS", "one https origin");
    }
    let (_dir, file) = library();
    let server = Server::start(&file, &with(("ALLOWED_ORIGINS", "https://chat.example/")));
    assert_eq!(server.stop().0, Some(0));
}

/// A complete billing.
const BILLING: [(&str, &str); 3] = [
    ("STRIPE_SECRET_KEY", "sk_test_7hidden"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_7hidden"),
    ("STRIPE_PRICE_ID", "price_month"),
];

#[test]
fn half_a_billing_stops_the_start() {
    for (index, (missing, _)) in BILLING.iter().enumerate() {
        let mut settings = [&SIGN_IN[..], &BILLING].concat();
        settings.remove(SIGN_IN.len() + index);
        check_serve(&settings, missing, "is missing, but STRIPE_");
    }
    check_serve(&BILLING, "WORKOS_CLIENT_ID", "STRIPE_SECRET_KEY is set");
    let swapped = [("STRIPE_SECRET_KEY", "whsec_7hidden"), ("STRIPE_WEBHOOK_SECRET", "whsec_x")];
    check_serve(&[&SIGN_IN[..], &swapped, &BILLING[2..]].concat(), "STRIPE_SECRET_KEY", "sk_live_");
    let (_dir, file) = library();
    let server = Server::start(&file, &[&SIGN_IN[..], &BILLING].concat());
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_command_refuses_the_settings_that_it_uses() {
    for command in [&["export"][..], &["import", "notes"], &["backup", "copy.db"]] {
        let (dir, _) = library();
        let notes = dir.path().join("notes");
        std::fs::create_dir(&notes).unwrap();
        let command: Vec<&str> = command
            .iter()
            .map(|word| if *word == "notes" { notes.to_str().unwrap() } else { word })
            .collect();
        for (setting, value) in
            [("LOG_FORMAT", "xml"), ("RUST_LOG", "a=b"), ("REQUEST_TIMEOUT_MS", "1")]
        {
            check_refusal(&command, &[(setting, value)], setting, "");
        }
        check_refusal(&command, &[("CONVEX_API_KEY", "k")], "CONVEX_URL", "is missing");
    }
    check_refusal(&["health"], &[("PORT", "x")], "PORT", "x");
    check_refusal(&["health"], &[("HOST", "nowhere")], "HOST", "nowhere");
    let http = ["connect", "cursor", "--http"];
    check_refusal(&http, &[("PUBLIC_URL", "x")], "PUBLIC_URL", "x");
    check_refusal(&http, &[("PORT", "x")], "PORT", "x");
    check_refusal(&["connect", "cursor"], &[("CONVEX_API_KEY", "k")], "CONVEX_URL", "is missing");
}

/// Runs a command where it finds a library and notes, with some settings.
#[track_caller]
fn run_in_folder(command: &[&str], settings: &[(&str, &str)]) {
    let (dir, file) = library();
    make_library(&file);
    std::fs::create_dir(dir.path().join("notes")).unwrap();
    std::fs::write(dir.path().join("notes/one.md"), "One").unwrap();
    let mut process = promptdb();
    process.current_dir(dir.path()).env("HOME", dir.path()).env("DATABASE_PATH", &file);
    let (mut process, stdout) =
        Process::spawn(process.args(command).envs(settings.iter().copied()));
    // Completions are longer than a pipe holds.
    collect(stdout);
    let (code, stderr) = process.end();
    assert_eq!(code, Some(0), "{command:?} {settings:?}: {stderr}");
}

#[test]
fn a_command_ignores_the_settings_that_it_does_not_use() {
    let settings = [
        ("HOST", "nowhere"),
        ("PORT", "http"),
        ("PUBLIC_URL", "localhost"),
        ("MAX_CONCURRENT_REQUESTS", "0"),
        ("RATE_LIMIT_PER_MINUTE", "many"),
        ("FLY_MACHINE_ID", "A 1"),
        ("METRICS_ADDR", "9091"),
        ("WORKOS_API_KEY", "sk_x"),
        ("AUTHKIT_DOMAIN", "x"),
        ("COOKIE_SECRET", "short"),
        ("WORKOS_API_URL", "x"),
        ("WORKOS_ISSUERS", "x"),
        ("WORKOS_REDIRECT_URI", "x"),
        ("FREE_PROMPT_LIMIT", "-1"),
        ("ALLOWED_ORIGINS", "*"),
        ("STRIPE_SECRET_KEY", "x"),
        ("STRIPE_API_URL", "x"),
        ("PRO_PROMPT_LIMIT", "-1"),
        ("PRO_RATE_LIMIT_PER_MINUTE", "many"),
    ];
    let sign_in = [&settings[..], &[("WORKOS_CLIENT_ID", "client x")]].concat();
    for command in COMMANDS {
        run_in_folder(command, &settings);
        run_in_folder(command, &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "https://example.com")]);
        // With sign-in, a client calls the public URL.
        let calls = command[0] == "connect" && !command.contains(&"--url");
        if !calls {
            run_in_folder(command, &sign_in);
        }
    }
    let others = [
        ("APP_ENV", "prod"),
        ("LOG_FORMAT", "xml"),
        ("REQUEST_TIMEOUT_MS", "1"),
        ("CONVEX_API_KEY", "k"),
        ("OTEL_TRACES_SAMPLER", "some"),
    ];
    run_in_folder(&["completions", "bash"], &others);
    run_in_folder(&["connect", "cursor", "--http"], &others);
    let http = [("HOST", "nowhere"), ("WORKOS_API_KEY", "sk_x")];
    run_in_folder(&["connect", "cursor", "--http"], &http);
    run_in_folder(&["export"], &[("APP_ENV", "prod"), ("OTEL_TRACES_SAMPLER", "some")]);
}

/// The names of the environment variables that a help lists.
fn listed_settings(command: &[&str]) -> Vec<String> {
    let (_, help, _) = run(&[command, &["--help"]].concat(), &[]);
    // The help breaks lines between words.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let names = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn the_help_of_a_command_lists_the_settings_that_it_uses() {
    let library = [
        "DATABASE_PATH",
        "CONVEX_URL",
        "CONVEX_API_KEY",
        "CONVEX_MAX_CONCURRENCY",
        "REQUEST_TIMEOUT_MS",
        "LOG_FORMAT",
        "RUST_LOG",
    ];
    let mut library: Vec<&str> = library.to_vec();
    library.sort_unstable();
    for command in ["export", "import", "backup", "restore-backup"] {
        let mut listed = listed_settings(&[command]);
        listed.sort_unstable();
        assert_eq!(listed, library, "{command}");
    }
    assert_eq!(listed_settings(&["health"]), ["HOST", "PORT"]);
    let commands =
        ["list", "search", "get", "save", "edit", "delete", "restore", "history", "tags"];
    for command in commands {
        let listed = listed_settings(&[command]);
        assert!(listed.contains(&"MODEL_PATH".to_owned()), "{command}: {listed:?}");
        assert_eq!(listed.len(), library.len() - 1, "a model, and no log: {command}: {listed:?}");
    }
    for command in ["connect", "disconnect", "doctor", "completions", "convert-model"] {
        assert_eq!(listed_settings(&[command]), [""; 0], "{command}");
    }
    let mut all = listed_settings(&[]);
    let mut serve = listed_settings(&["serve"]);
    all.sort_unstable();
    serve.sort_unstable();
    assert_eq!(serve, all);
    let stdio = listed_settings(&["stdio"]);
    assert!(stdio.contains(&"OPENAI_SEARCH".to_owned()), "{stdio:?}");
    for name in ["WORKOS_API_KEY", "STRIPE_SECRET_KEY", "METRICS_ADDR", "RATE_LIMIT_PER_MINUTE"] {
        assert!(!stdio.contains(&name.to_owned()) && all.contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn a_setting_counts_before_and_after_the_name_of_a_command() {
    let (dir, _) = library();
    let home = [("HOME", dir.path().to_str().unwrap())];
    let http = ["connect", "other", "--http"];
    for arguments in
        [[&["--port", "8123"][..], &http].concat(), [&http[..], &["--port", "8123"]].concat()]
    {
        let (code, shown, stderr) = run(&arguments, &home);
        assert_eq!(code, Some(0), "{stderr}");
        assert!(shown.contains("http://localhost:8123/mcp"), "{shown}");
    }
}

#[test]
fn an_empty_environment_variable_is_unset() {
    let names = listed_settings(&[]);
    for name in ["HOST", "PORT", "APP_ENV", "LOG_FORMAT", "RUST_LOG", "COOKIE_SECRET"] {
        assert!(names.iter().any(|listed| listed == name), "{name}: {names:?}");
    }
    assert!(names.len() > 25, "{names:?}");
    let (_dir, file) = library();
    // Not these two, so that the server takes a free port and a file of the test.
    let empty = names.iter().filter(|name| *name != "PORT" && *name != "DATABASE_PATH");
    let empty: Vec<(&str, &str)> = empty.map(|name| (name.as_str(), "")).collect();
    let server = Server::start(&file, &empty);
    assert!(server.start_lines.contains(file.to_str().unwrap()), "{}", server.start_lines);
    assert_eq!(server.stop(), (Some(0), String::new(), String::new()));

    let (dir, _) = library();
    let home = [("HOME", dir.path().to_str().unwrap()), ("PORT", ""), ("DATABASE_PATH", "")];
    let http = ["connect", "cursor", "--http"];
    let (code, shown, stderr) = run(&http, &home);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(shown, run(&http, &home[..1]).1);
    let (code, shown, stderr) = run(&["connect", "claude-desktop"], &home);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(shown.contains("\"args\": [\"stdio\"]"), "{shown}");
}

#[test]
fn a_bad_flag_is_one_line_that_names_it() {
    for (flags, exit_code, words) in [
        (&["--port", "x"][..], 1, "PORT"),
        (&["--port"], 2, "--port"),
        (&["--prot", "1"], 2, "--prot"),
        (&["fetch"], 2, "fetch"),
    ] {
        let (code, stdout, stderr) = run(flags, &[]);
        assert_eq!((code, stdout.as_str()), (Some(exit_code), ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("promptdb: ") && stderr.contains(words), "{stderr}");
    }
}

/// Makes a library, and closes it.
fn make_library(file: &std::path::Path) {
    assert_eq!(Server::start(file, &[]).stop().0, Some(0));
}

#[test]
fn a_file_that_is_not_a_library_stops_the_start_and_stays_unchanged() {
    let check = |prepare: &dyn Fn(&std::path::Path), words: &str| {
        let (_dir, file) = library();
        prepare(&file);
        let before = file.is_file().then(|| {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
            std::fs::read(&file).unwrap()
        });
        check(&[("DATABASE_PATH", file.to_str().unwrap())], "DATABASE_PATH", words);
        if let Some(before) = before {
            assert!(std::fs::read(&file).unwrap() == before, "{words}: it was written to");
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o644, "{words}: its mode was changed");
        }
    };
    check(&|file| std::fs::create_dir(file).unwrap(), "not a regular file");
    check(&|file| std::fs::write(file, "a letter\n".repeat(1000)).unwrap(), "not a database");
    check(&|file| std::fs::write(file, "short").unwrap(), "not a database");
    check(
        &|file| Sqlite::open(file).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap(),
        "another program",
    );
    check(
        &|file| {
            let db = Sqlite::open(file).unwrap();
            db.execute_batch("PRAGMA application_id = 7; PRAGMA user_version = 1").unwrap();
        },
        "another program",
    );
    check(
        &|file| {
            make_library(file);
            Sqlite::open(file).unwrap().pragma_update(None, "user_version", 1000).unwrap();
        },
        "newer",
    );
    check(
        &|file| {
            make_library(file);
            let bytes = std::fs::read(file).unwrap();
            std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        "damaged",
    );
}

#[test]
fn a_path_that_cannot_be_written_stops_the_start() {
    let (_dir, file) = library();
    std::fs::write(&file, "").unwrap();
    let below_a_file = file.join("promptdb.db");
    check(&[("DATABASE_PATH", below_a_file.to_str().unwrap())], "DATABASE_PATH", "folder");
    #[cfg(target_os = "linux")]
    check(&[("DATABASE_PATH", "/proc/promptdb.db")], "DATABASE_PATH", "cannot be opened");
}

#[test]
fn an_empty_file_becomes_a_library() {
    let (_dir, file) = library();
    std::fs::write(&file, "").unwrap();
    make_library(&file);
}

#[test]
fn a_port_in_use_stops_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (_dir, file) = library();
    let (code, stdout, stderr) =
        run(&["serve"], &[("PORT", &port), ("DATABASE_PATH", file.to_str().unwrap())]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("PORT") && stderr.contains(&port), "{stderr}");
    assert!(stderr.contains("PromptDB may already run there"), "{stderr}");
}

#[test]
fn a_port_in_use_for_the_metrics_stops_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_dir, file) = library();
    let settings =
        [("PORT", "0"), ("METRICS_ADDR", &address), ("DATABASE_PATH", file.to_str().unwrap())];
    let (code, stdout, stderr) = run(&["serve"], &settings);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with("promptdb: METRICS_ADDR: ") && stderr.contains(&address),
        "{stderr}"
    );
}

#[test]
fn the_exit_code_of_health_shows_whether_a_server_answers() {
    let health = |port: u16| {
        let (code, stdout, stderr) =
            run(&["health"], &[("PORT", &port.to_string()), ("HOME", "/")]);
        assert_eq!(stdout, "");
        assert_eq!(stderr.lines().count(), usize::from(code != Some(0)), "{stderr}");
        code
    };
    let (_dir, file) = library();
    let server = Server::start(&file, &[]);
    let port = server.port;
    assert_eq!(health(port), Some(0));
    server.process.signal(Signal::STOP);
    assert_eq!(health(port), Some(1), "it hangs");
    server.process.signal(Signal::CONT);
    assert_eq!(health(port), Some(0));
    assert_eq!(server.stop().0, Some(0));
    assert_eq!(health(port), Some(1), "it has ended");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut request = String::new();
        let mut reader = BufReader::new(&stream);
        while !request.ends_with("\r\n\r\n") {
            reader.read_line(&mut request).unwrap();
        }
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap();
    });
    assert_eq!(health(port), Some(1), "it is not healthy");
    answering.join().unwrap();
}

#[test]
fn help_and_version_go_to_stdout_and_make_no_file() {
    let (dir, _) = library();
    let home = [("HOME", dir.path().to_str().unwrap())];
    let (code, stdout, stderr) = run(&["--help"], &home);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for word in
        ["stdio", "health", "--database-path", "REQUEST_TIMEOUT_MS", "http://localhost:4318"]
    {
        assert!(stdout.contains(word), "{stdout}");
    }
    let version = format!("promptdb {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"], &home), (Some(0), version, String::new()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
