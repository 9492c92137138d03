//! What a person sees: the commands on a pseudo terminal.

use unicode_width::UnicodeWidthStr;

use super::{Home, done};
use crate::support::screen::run_on_terminal;

/// A text without the sequences that set colors.
fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn an_import_in_json_counts_its_items_on_the_terminal_until_it_ends() {
    let home = Home::new();
    let rows: Vec<String> = (0..300).map(|number| format!("p{number},Text {number}\n")).collect();
    let table = format!("name,content\n{}", rows.concat());
    home.write("table.csv", &table);
    let shown = run_on_terminal(&mut home.command(&["import", "table.csv", "--json"]), 80);
    // The first item is shown at once, and each line takes the place of the one before.
    let (first, rest) = shown.split_once("\r\u{1b}[Kimported 1 ...").unwrap();
    assert_eq!(first, "");
    let (lines, report) = rest.rsplit_once("\r\u{1b}[K").unwrap();
    for line in lines.split("\r\u{1b}[K").skip(1) {
        let count = line.strip_prefix("imported ").and_then(|line| line.strip_suffix(" ..."));
        assert!((2..=300).contains(&count.unwrap().parse::<u32>().unwrap()), "{line}");
    }
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["counts"]["created"], 300);
    // The lines of the items are the progress of an import without JSON.
    let shown = run_on_terminal(&mut home.command(&["import", "table.csv"]), 80);
    assert!(shown.starts_with("unchanged row 2 (p0)\n") && !shown.contains('\u{1b}'), "{shown}");
}

fn home() -> Home {
    let home = Home::new();
    home.save(
        "code-review",
        "Review.",
        &["--title", "Review of some code in Rust", "--tag", "rust", "--tag", "work"],
    );
    home.save(
        "gedicht",
        "詩",
        &["--title", "詩を書くための長い題名です、とても長い題名", "--tag", "poems"],
    );
    home
}

#[test]
fn a_table_fits_any_terminal() {
    let home = home();
    for columns in [20, 40, 60, 80, 200] {
        for arguments in [&["list"][..], &["search", "review"], &["history", "gedicht"], &["tags"]]
        {
            let shown = run_on_terminal(&mut home.command(arguments), columns);
            assert!(shown.lines().count() >= 2, "{shown}");
            for line in without_colors(&shown).lines() {
                assert!(line.width() <= usize::from(columns), "{columns} {arguments:?}: {line}");
            }
        }
    }
    let shown = without_colors(&run_on_terminal(&mut home.command(&["list"]), 100));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("NAME         TITLE"), "{shown}");
    assert!(lines[2].starts_with("code-review  Review of some code in Rust"), "{shown}");
    // A terminal that does not state its size has 80 columns.
    let shown = run_on_terminal(&mut home.command(&["list"]), 0);
    assert!(without_colors(&shown).lines().all(|line| line.width() <= 80), "{shown}");
}

#[test]
fn the_id_of_a_deleted_prompt_is_whole_and_restores_it() {
    let home = home();
    for name in ["code-review", "gedicht"] {
        done(&home.run(&["delete", name]));
    }
    for columns in [64, 80, 120] {
        let mut command = home.command(&["list", "--deleted"]);
        let shown = run_on_terminal(command.env("NO_COLOR", "1"), columns);
        assert!(shown.starts_with("NAME"), "{shown}");
        for line in shown.lines().skip(1) {
            assert!(line.width() <= usize::from(columns), "{line}");
            let id = line.split_whitespace().nth(1).unwrap();
            done(&home.run(&["restore", id]));
            done(&home.run(&["delete", id]));
        }
        assert_eq!(shown.lines().count(), 3, "{shown}");
    }
}

#[test]
fn colors_are_for_terminals_that_want_them() {
    let home = home();
    let list = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["list"]);
        run_on_terminal(command.env("TERM", "xterm-256color").envs(variables.iter().copied()), 80)
    };
    assert!(list(&[]).contains("\u{1b}[1mcode-review"), "{}", list(&[]));
    for variables in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
        assert!(!list(&[variables]).contains('\u{1b}'), "{variables:?}");
    }
    assert!(list(&[("NO_COLOR", "")]).contains('\u{1b}'), "an empty value is unset");
    for variable in [("TERM", "xterm"), ("CLICOLOR_FORCE", "1")] {
        let mut command = home.command(&["list"]);
        let piped = done(&command.env(variable.0, variable.1).output().unwrap());
        assert!(!piped.contains('\u{1b}'), "{variable:?}");
    }
}

#[test]
fn no_stored_text_commands_the_terminal() {
    let home = home();
    let hostile = "\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}2J\u{1b}[31mred";
    home.save("evil", &format!("One{hostile}\r\n\tTwo"), &[]);
    // As a library of another release may have it: a title without control characters is a rule.
    let database = rusqlite::Connection::open(home.library()).unwrap();
    database.execute_batch("DROP TRIGGER versions_never_change").unwrap();
    let renamed = "UPDATE versions SET title = ?1, source = ?1 WHERE content LIKE 'One%'";
    assert_eq!(database.execute(renamed, [format!("Bad\n{hostile}")]).unwrap(), 1);
    drop(database);
    for arguments in [
        &["list"][..],
        &["search", "evil"],
        &["history", "evil"],
        &["get", "evil"],
        &["get", "evil", "--raw"],
        &["get", "evil", "--json"],
        &["get", "evil", "--raw", "--json"],
        &["list", "--json"],
        &["get", "evil or another"],
        &["get", "\u{1b}]0;x\u{7}"],
        &["save", "\u{1b}]0;x\u{7}", "none\u{1b}[2J"],
        &["delete", "\u{9b}2J"],
    ] {
        let mut command = home.command(arguments);
        let shown = run_on_terminal(command.env("NO_COLOR", "1"), 80);
        let obeyed: Vec<char> =
            shown.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\t')).collect();
        assert!(obeyed.is_empty(), "{arguments:?}: {shown:?}");
    }
    let shown = run_on_terminal(&mut home.command(&["get", "evil"]), 80);
    assert!(shown.starts_with("One\u{fffd}]52") && shown.ends_with("red\n\tTwo\n"), "{shown:?}");
}

#[test]
fn a_text_is_copied_by_the_program_of_the_platform_or_by_the_terminal() {
    let home = home();
    let mut command = home.command(&["get", "code-review", "--copy"]);
    let shown = run_on_terminal(&mut command, 80);
    assert_eq!(
        shown,
        "\u{1b}]52;c;UmV2aWV3Lg==\u{7}copied code-review to the clipboard of the terminal\n"
    );
    // Over SSH a program here would reach the wrong clipboard.
    let mut command = home.command(&["get", "code-review", "--copy"]);
    command.env("SSH_TTY", "/dev/pts/0").env("WAYLAND_DISPLAY", "wayland-0");
    assert!(run_on_terminal(&mut command, 80).starts_with("\u{1b}]52;"));

    if cfg!(target_os = "linux") {
        let program = home.path().join("wl-copy");
        std::fs::write(&program, "#!/bin/sh\ncat > copied\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let path = format!("{}:/bin:/usr/bin", home.path().display());
        let mut command = home.command(&["get", "code-review", "-c"]);
        let output =
            command.env("WAYLAND_DISPLAY", "wayland-0").env("PATH", path).output().unwrap();
        assert_eq!(done(&output), "");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "copied code-review to the clipboard\n"
        );
        assert_eq!(std::fs::read_to_string(home.path().join("copied")).unwrap(), "Review.");
    }
}
