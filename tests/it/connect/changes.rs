//! How a file is changed: atomically, after a backup, or not at all.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::{CLIENTS, Home};

#[test]
fn connecting_a_client_twice_writes_its_file_once() {
    let home = Home::new();
    let file = home.cursor();
    let output = home.run(&["connect", "cursor", "--write"]);
    assert!(output.contains(&format!("created {}", file.display())), "{output}");
    assert!(output.contains("no server needs to run"), "{output}");
    let (inode, names) = (fs::metadata(&file).unwrap().ino(), Home::beside(&file));
    let output = home.run(&["connect", "cursor", "--write"]);
    assert!(output.contains("already connected"), "{output}");
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
    assert_eq!(Home::beside(&file), names);
}

#[test]
fn a_change_preserves_the_rest_of_the_file_its_mode_and_its_link() {
    let home = Home::new();
    let dotfiles = home.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    let real = dotfiles.join("cursor.json");
    let before =
        "{\r\n  // mine\r\n  \"mcpServers\": {\"a\": {\"url\": \"https://a.io\",}},\r\n}\r\n";
    fs::write(&real, before).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, home.cursor()).unwrap();

    home.run(&["connect", "cursor", "--write"]);
    assert!(fs::symlink_metadata(home.cursor()).unwrap().is_symlink());
    let after = fs::read_to_string(&real).unwrap();
    assert!(after.starts_with("{\r\n  // mine\r\n"), "{after}");
    assert!(after.contains("\"a\": {\"url\": \"https://a.io\",}"), "{after}");
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);

    let names = Home::beside(&real);
    assert_eq!(names.len(), 2, "{names:?}");
    let backup = dotfiles.join(&names[1]);
    assert!(names[1].starts_with("cursor.json.bak-2"), "{names:?}");
    assert_eq!(fs::read_to_string(&backup).unwrap(), before);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_file_and_its_backup_keep_the_owner_and_the_group() {
    let home = Home::new();
    let file = home.cursor();
    fs::write(&file, "{}").unwrap();
    let own = fs::metadata(&file).unwrap();
    // Only root, as by `sudo`, can give a file away. Another user can change its group, given a second
    // one; without it, this shows only that an edit succeeds.
    let owner = if own.uid() == 0 {
        (12_345, 12_346)
    } else {
        let groups = rustix::process::getgroups().unwrap();
        let mut others = groups.iter().map(|group| group.as_raw()).filter(|&id| id != own.gid());
        let other = others.find(|&id| chown(&file, None, Some(id)).is_ok());
        (own.uid(), other.unwrap_or(own.gid()))
    };
    let folder = file.parent().unwrap();
    chown(folder, Some(owner.0), Some(owner.1)).unwrap();
    chown(&file, Some(owner.0), Some(owner.1)).unwrap();
    home.run(&["connect", "cursor", "--write"]);
    let new = folder.join("new.json");
    home.run(&["connect", "cursor", "--write", "--file", new.to_str().unwrap()]);
    assert_eq!(Home::beside(&file).len(), 3);
    for name in Home::beside(&file) {
        let found = fs::metadata(folder.join(&name)).unwrap();
        assert_eq!((found.uid(), found.gid()), owner, "{name}");
    }
}

#[test]
fn every_change_makes_a_separate_backup() {
    let home = Home::new();
    let mut versions = Vec::new();
    for port in ["3001", "3002", "3003", "3004"] {
        home.run(&["connect", "cursor", "--http", "--write", "--port", port]);
        versions.push(fs::read_to_string(home.cursor()).unwrap());
        assert!(versions.last().unwrap().contains(port));
    }
    let names = Home::beside(&home.cursor());
    let backups = names.iter().filter(|name| name.contains(".bak-"));
    let folder = home.cursor().parent().unwrap().to_owned();
    let mut kept: Vec<String> =
        backups.map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect();
    kept.sort();
    assert_eq!(kept, versions[..3]);
}

#[test]
fn a_file_that_cannot_be_changed_is_named_and_stays_unchanged() {
    let home = Home::new();
    let file = home.claude_code();
    let cases: [(&[u8], &str); 5] = [
        (b"{\"mcpServers\": {", "invalid JSON"),
        (b"{} // comment", "invalid JSON"),
        (b"{\"mcpServers\": []}", "its mcpServers is not an object"),
        (b"{\"mcpServers\": {\"promptdb\": 1}}", "its mcpServers.promptdb is not an object"),
        (b"{\"a\": \"\xff\"}", "not UTF-8"),
    ];
    for (content, why) in cases {
        fs::write(&file, content).unwrap();
        let names = Home::beside(&file);
        let error = home.fails(&["connect", "claude-code", "--write"]);
        assert!(error.contains(why) && error.contains(".claude.json is left as it is"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), content);
        assert_eq!(Home::beside(&file), names);
    }
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(home.fails(&["connect", "claude-code", "--write"]).contains("read-only"));
    assert_eq!(fs::read(&file).unwrap(), b"{}");
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let home = Home::new();
    fs::remove_dir(home.cursor().parent().unwrap()).unwrap();
    let error = home.fails(&["connect", "cursor", "--write"]);
    assert!(error.contains("there is no folder") && error.contains(".cursor"), "{error}");

    symlink("nowhere.json", home.claude_code()).unwrap();
    let error = home.fails(&["connect", "claude-code", "--write"]);
    assert!(error.contains("a link to a file that does not exist"), "{error}");

    let folder = home.path().to_str().unwrap();
    let error = home.fails(&["connect", "cursor", "--write", "--file", folder]);
    assert!(error.contains(folder), "{error}");

    let error = home.fails(&["connect", "chatgpt", "--write"]);
    assert!(error.contains("ChatGPT has no configuration file"), "{error}");
    let error = home.fails(&["connect", "cursor", "--http", "--port", "0"]);
    assert!(error.contains("PORT is 0"), "{error}");
    let error = home.fails(&["connect", "emacs"]);
    assert!(error.contains(&CLIENTS.join(", ")), "{error}");
}

#[test]
fn no_key_is_written_for_claude_desktop_and_a_hint_names_it() {
    let home = Home::new();
    let settings =
        [("CONVEX_URL", "https://happy-animal-123.convex.cloud"), ("CONVEX_API_KEY", "k3y")];
    let run = home.run_with(&settings, &["connect", "claude-desktop", "--write"]);
    assert!(run.ok && run.out.contains("CONVEX_API_KEY into an \"env\""), "{}", run.out);
    let run = home.run_with(&settings, &["connect", "goose"]);
    assert!(run.out.contains("into an \"envs\""), "{}", run.out);
    let written = fs::read_to_string(home.claude_desktop()).unwrap();
    assert!(!written.contains("k3y") && !run.out.contains("k3y"), "{written}");
}
