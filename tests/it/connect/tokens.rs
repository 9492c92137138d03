//! Access tokens: where they come from, and who can read the files that hold one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use super::cases::cases;
use super::{CLIENTS, Home, Run};
use crate::support::screen::run_with_hidden_keys;

const TOKEN: &str = "tok-7hidden-0123456789abcdef0123456789";
const NAS: &str = "https://nas.example";

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// Runs with a token at standard input.
fn run_with_stdin(home: &Home, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = home.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    Run::of(child.wait_with_output().unwrap())
}

#[test]
fn a_file_with_a_token_and_its_backups_are_private_and_no_output_shows_it() {
    for case in cases() {
        let (home, client) = (Home::new(), case.client);
        let file = case.file(&home);
        home.run(&["connect", client, "--write"]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let arguments = ["connect", client, "--url", NAS, "--token-stdin", "--write"];
        let run = run_with_stdin(&home, &arguments, format!("{TOKEN}\n").as_bytes());
        assert!(!run.out.contains(TOKEN) && !run.error.contains(TOKEN), "{}", run.out);
        if client == "claude-desktop" {
            assert!(!run.ok && run.error.contains("takes no access token"), "{}", run.error);
            continue;
        }
        assert!(run.ok, "{client}: {}", run.error);
        assert!(!run.out.contains("sign in"), "{client}: {}", run.out);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("Bearer {TOKEN}")), "{client}: {text}");
        assert_eq!(mode(&file), 0o600, "{client}");

        // Again, from the environment: nothing changes, but a file that was opened is closed.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let arguments = ["connect", client, "--url", NAS, "--token-env", "--write"];
        let run = home.run_with(&[("ACCESS_TOKEN", TOKEN)], &arguments);
        assert!(run.ok && run.out.contains("already connected"), "{client}: {}", run.error);
        assert_eq!(mode(&file), 0o600, "{client}");

        home.run(&["disconnect", client]);
        assert!(!fs::read_to_string(&file).unwrap().contains(TOKEN), "{client}");
        let own = file.file_name().unwrap().to_str().unwrap();
        for name in Home::beside(&file).into_iter().filter(|name| name.starts_with(own)) {
            let path = file.with_file_name(&name);
            if fs::read_to_string(&path).unwrap().contains(TOKEN) {
                assert_eq!(mode(&path), 0o600, "{client}: {name}");
            }
        }
    }
}

#[test]
fn another_way_to_reach_promptdb_takes_the_token_away() {
    for case in cases().into_iter().filter(|case| case.client != "claude-desktop") {
        let (home, client) = (Home::new(), case.client);
        let file = case.file(&home);
        let token = [("ACCESS_TOKEN", TOKEN)];
        for next in [&["connect", client, "--write"][..], &["connect", client, "--http", "--write"]]
        {
            let arguments = ["connect", client, "--url", NAS, "--token-env", "--write"];
            let run = home.run_with(&token, &arguments);
            assert!(run.ok, "{}", run.error);
            home.run(next);
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains(TOKEN), "{client}: {text}");
        }
    }
}

#[test]
fn a_server_of_this_machine_that_asks_for_a_token_is_not_connected_without_one() {
    let settings = [("ACCESS_TOKEN", TOKEN)];
    for case in cases().into_iter().filter(|case| case.client != "claude-desktop") {
        let (home, client) = (Home::new(), case.client);
        let file = case.file(&home);
        let run = home.run_with(&settings, &["connect", client, "--http", "--write"]);
        assert_eq!(run.code, Some(2), "{client}: {}", run.error);
        assert!(run.error.contains("add --token-env"), "{}", run.error);
        assert!(!file.exists(), "{client}");

        let run = home.run_with(&settings, &["connect", client, "--http"]);
        let command = format!("  promptdb connect {client} --http --token-env --write\n");
        assert!(run.ok && run.out.contains(&command), "{client}: {}{}", run.out, run.error);
        assert!(run.out.contains("Bearer TOKEN"), "{client}: {}", run.out);
        assert!(run.out.contains("in the place of TOKEN"), "{client}: {}", run.out);
        // Neither the command of a client nor a link would send the token.
        for other in ["or run:", "link"] {
            assert!(!run.out.contains(other), "{client}: {}", run.out);
        }
        let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
        let run = home.run_with(&settings, &arguments);
        assert!(run.ok && !run.out.contains(TOKEN), "{client}: {}", run.error);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("Bearer {TOKEN}")), "{client}: {text}");
        assert_eq!(mode(&file), 0o600, "{client}");
    }
}

#[test]
fn a_token_that_is_an_argument_is_asked_for_at_standard_input() {
    let home = Home::new();
    let arguments = ["connect", "cursor", "--http", "--access-token", TOKEN];
    let shown = home.run(&arguments);
    assert!(shown.contains("connect cursor --http --token-stdin --write\n"), "{shown}");
    let error = home.fails(&[&arguments[..], &["--write"]].concat());
    assert!(error.contains("add --token-stdin;") && !error.contains("--token-env"), "{error}");
    let error = home.fails(&[&arguments[..], &["--write", "--token-env"]].concat());
    assert!(error.contains("use --token-stdin"), "{error}");
}

#[test]
fn a_token_of_the_environment_is_shown_for_no_client() {
    let home = Home::new();
    let settings = [("ACCESS_TOKEN", TOKEN)];
    for client in CLIENTS {
        for flags in [&[][..], &["--http"], &["--url", NAS]] {
            let run = home.run_with(&settings, &[&["connect", client], flags].concat());
            assert!(run.ok && !run.out.contains(TOKEN), "{client}: {}{}", run.out, run.error);
            // ChatGPT calls servers only.
            if flags == ["--http"] || (client == "chatgpt" && flags.is_empty()) {
                let has_other_way = ["claude-desktop", "jetbrains"].contains(&client);
                let names_it = run.out.contains("Leave out --http");
                assert_eq!(names_it, has_other_way, "{client}: {}", run.out);
                let words = match client {
                    "claude-desktop" | "chatgpt" => "signs in to a server by OAuth alone",
                    "jetbrains" => "takes no access token",
                    "other" => "  Authorization: Bearer TOKEN\n",
                    _ => "in the place of TOKEN",
                };
                assert!(run.out.contains(words), "{client}: {}", run.out);
            } else {
                assert!(!run.out.contains("TOKEN"), "{client}: {}", run.out);
            }
        }
    }
}

#[test]
fn a_person_at_a_terminal_is_asked_for_the_token() {
    let home = Home::new();
    let arguments = ["connect", "cursor", "--url", NAS, "--token-stdin", "--write"];
    let keys = format!("{TOKEN}\n");
    let (status, shown) = run_with_hidden_keys(&mut home.command(&arguments), &keys);
    assert!(status.success(), "{shown}");
    assert!(shown.contains("paste the access token, which is not shown, and press"), "{shown}");
    assert!(!shown.contains(TOKEN), "{shown}");
    let text = fs::read_to_string(home.cursor()).unwrap();
    assert!(text.contains(&format!("Bearer {TOKEN}")), "{text}");
    // A program gets no line.
    let run = run_with_stdin(&home, &arguments, TOKEN.as_bytes());
    assert_eq!((run.ok, run.error.as_str()), (true, ""));
}

#[test]
fn a_token_goes_into_no_repository() {
    let home = Home::new();
    let project = home.path().join("project");
    fs::create_dir_all(project.join(".git")).unwrap();
    fs::create_dir_all(project.join(".cursor")).unwrap();
    let file = project.join(".cursor/mcp.json");
    let token = [("ACCESS_TOKEN", TOKEN)];
    let arguments = [
        "connect",
        "cursor",
        "--url",
        NAS,
        "--token-env",
        "--write",
        "--file",
        file.to_str().unwrap(),
    ];
    for exists in [false, true] {
        if exists {
            fs::write(&file, "{}").unwrap();
        }
        let run = home.run_with(&token, &arguments);
        assert!(!run.ok && run.error.contains("git repository"), "{}", run.error);
        assert!(run.error.contains(project.to_str().unwrap()), "{}", run.error);
        assert!(run.error.contains("name a file elsewhere with --file"), "{}", run.error);
        assert_eq!(file.exists(), exists);
    }
    // A link from the usual place leads into the repository all the same.
    std::os::unix::fs::symlink(&file, home.cursor()).unwrap();
    let run = home.run_with(&token, &arguments[..6]);
    assert!(!run.ok && run.error.contains("git repository"), "{}", run.error);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[test]
fn a_token_is_refused_where_it_has_no_use_or_is_none() {
    let home = Home::new();
    let check = |arguments: &[&str], input: &[u8], words: &str| {
        let run = run_with_stdin(&home, arguments, input);
        assert!(!run.ok && run.error.contains(words), "{arguments:?}: {}", run.error);
        assert_eq!(run.error.lines().count(), 1, "{}", run.error);
        assert!(!run.error.contains("tok-"), "{}", run.error);
        assert!(!home.cursor().exists());
    };
    let stdin = ["connect", "cursor", "--url", NAS, "--write", "--token-stdin"];
    for bad in [&b""[..], b"\n", b"two words\n", b"tok-\xff", b"tok-1\ntok-2\n"] {
        check(&stdin, bad, "the access token must be one line");
    }
    check(&stdin, "t".repeat(4097).as_bytes(), "the access token must be one line");
    let env = ["connect", "cursor", "--url", NAS, "--write", "--token-env"];
    check(&env, b"", "ACCESS_TOKEN is not set");
    check(&["connect", "cursor", "--write", "--token-stdin"], b"tok-1", "add --http or --url");
    check(&["connect", "cursor", "--url", NAS, "--token-stdin"], b"tok-1", "--write");
    check(&["connect", "cursor", "--url", NAS, "--write", "--token", "tok-1"], b"", "--token");
    let longest = "t".repeat(4096);
    assert!(run_with_stdin(&home, &stdin, longest.as_bytes()).ok);
}
