//! The files of projects, which get no token: other people may receive them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Home, Run};

const TOKEN: &str = "tok-7hidden-0123456789abcdef0123456789";

/// Connects a client to a server by a token, in this file or else in its usual one.
fn connect(home: &Home, client: &str, file: Option<&Path>) -> Run {
    let mut arguments =
        vec!["connect", client, "--url", "https://nas.example", "--token-env", "--write"];
    arguments.extend(file.iter().flat_map(|file| ["--file", file.to_str().unwrap()]));
    home.run_with(&[("ACCESS_TOKEN", TOKEN)], &arguments)
}

#[track_caller]
fn refused(home: &Home, client: &str, file: &Path, words: &str) {
    for exists in [false, true] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        if exists {
            fs::write(file, "{}").unwrap();
        }
        let run = connect(home, client, Some(file));
        assert!(!run.ok && run.error.contains(words), "{}: {}", file.display(), run.error);
        assert_eq!(run.error.lines().count(), 1, "{}", run.error);
        assert_eq!(file.exists(), exists);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "{}");
}

#[test]
fn a_token_goes_into_no_repository_of_any_version_control() {
    for (mark, system) in [
        (".git", "git"),
        (".hg", "Mercurial"),
        (".jj", "Jujutsu"),
        (".sl", "Sapling"),
        (".svn", "Subversion"),
        (".bzr", "Bazaar"),
        (".pijul", "Pijul"),
        ("_darcs", "Darcs"),
    ] {
        let home = Home::new();
        let project = home.path().join("project");
        fs::create_dir_all(project.join(mark)).unwrap();
        // A client reads no file of this name for a project.
        let words = format!("the {system} repository {}", project.display());
        refused(&home, "vscode", &project.join("settings/servers.json"), &words);
    }
}

#[test]
fn a_token_goes_into_no_file_that_a_client_reads_for_a_project() {
    let home = Home::new();
    let project = home.path().join("project");
    for (client, file) in [
        ("vscode", ".vscode/mcp.json"),
        ("cursor", ".cursor/mcp.json"),
        ("claude-code", ".mcp.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("zed", ".zed/settings.json"),
        ("opencode", "opencode.json"),
        // The file of another client.
        ("cursor", ".kiro/settings/mcp.json"),
    ] {
        refused(&home, client, &project.join(file), "a file of a project");
    }
    refused(&home, "claude-code", &home.path().join(".mcp.json"), "a file of a project");

    let link = home.path().join("servers.json");
    symlink(project.join(".cursor/mcp.json"), &link).unwrap();
    let run = connect(&home, "cursor", Some(&link));
    assert!(!run.ok && run.error.contains("a file of a project"), "{}", run.error);
}

#[test]
fn a_token_goes_into_the_files_of_the_user() {
    let home = Home::new();
    let check = |client, file: Option<&Path>, written: &Path| {
        let run = connect(&home, client, file);
        assert!(run.ok, "{client}: {}", run.error);
        assert!(fs::read_to_string(written).unwrap().contains(TOKEN), "{client}");
    };
    check("cursor", None, &home.cursor());
    check("cursor", Some(&home.cursor()), &home.cursor());
    let insiders = home.config().join("Code - Insiders/User/mcp.json");
    fs::create_dir_all(insiders.parent().unwrap()).unwrap();
    check("vscode", Some(&insiders), &insiders);

    // Dotfiles behind links have hidden folders, too.
    let kept = home.path().join("dotfiles/vscode/.config/mcp.json");
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, "{}").unwrap();
    symlink(&kept, home.vscode()).unwrap();
    check("vscode", None, &kept);
}

#[test]
fn a_file_of_a_project_is_connected_without_a_token() {
    let home = Home::new();
    let file = home.path().join("project/.cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    home.run(&["connect", "cursor", "--write", "--file", file.to_str().unwrap()]);
    assert!(fs::read_to_string(&file).unwrap().contains("stdio"));
}
