//! `promptdb export` into a folder, which holds other files, too.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::{Home, done, failed, parse};

const MANIFEST: &str = ".promptdb-export.json";

/// The files below a folder with their bytes and the number of their inode, which a rewritten file
/// changes.
fn files(root: &Path) -> BTreeMap<String, (Vec<u8>, u64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, (fs::read(&path).unwrap_or_default(), metadata.ino()));
            }
        }
    }
    found
}

fn names(root: &Path) -> Vec<String> {
    files(root).into_keys().collect()
}

/// Exports and returns what the command says.
#[track_caller]
fn export(home: &Home, format: &str, folder: &str) -> String {
    let output = home.run(&["export", "--format", format, "-o", folder]);
    done(&output);
    String::from_utf8(output.stderr).unwrap()
}

fn home() -> Home {
    let home = Home::new();
    home.save("review", "Review {{code}}.", &["--title", "A: review", "--tag", "rust"]);
    home.save("poem", "---\nWrite.\n\n", &["--description", "Use it: always", "--favorite"]);
    home.save("odd--name", "Odd.", &[]);
    home
}

#[test]
fn an_export_into_a_folder_is_read_back_and_a_second_one_writes_nothing() {
    for (format, expected) in [
        ("markdown", [MANIFEST, "odd--name.md", "poem.md", "review.md"]),
        ("skills", [MANIFEST, "odd-name-eb3e23/SKILL.md", "poem/SKILL.md", "review/SKILL.md"]),
    ] {
        let home = home();
        let root = home.path().join("new/notes");
        let said = export(&home, format, "new/notes");
        assert_eq!(said, "exported 3 prompts to new/notes: 3 written, 0 unchanged, 0 removed\n");
        assert_eq!(names(&root).len(), 4);
        for (found, expected) in names(&root).iter().zip(expected) {
            let (start, _) = expected.split_at(expected.len().min(9));
            assert!(found.starts_with(start), "{found}");
        }
        let before = files(&root);
        let said = export(&home, format, "new/notes");
        assert_eq!(said, "exported 3 prompts to new/notes: 0 written, 3 unchanged, 0 removed\n");
        assert!(files(&root) == before, "{format}: a file was written again");

        let json = |home: &Home| {
            let mut list = parse(&done(&home.run(&["list", "--sort", "name", "--json"])));
            for prompt in list["prompts"].as_array_mut().unwrap() {
                for passing in ["id", "created_at", "updated_at"] {
                    prompt[passing].take();
                }
            }
            list
        };
        let other = Home::new();
        let folder = root.to_str().unwrap();
        let out = done(&other.run(&["import", folder]));
        assert!(out.contains("\n3 created, 0 updated"), "{format}: {out}");
        assert_eq!(json(&other), json(&home), "{format}");
        assert!(done(&home.run(&["import", folder])).contains("3 unchanged"), "{format}");
        // The same files as an archive.
        done(&home.run(&["export", "--format", format, "-o", "x.zip"]));
        let archive = home.path().join("x.zip");
        let out = done(&other.run(&["import", archive.to_str().unwrap()]));
        assert!(out.contains("3 unchanged"), "{format}: {out}");
    }
}

#[test]
fn a_change_of_one_prompt_changes_one_file_and_a_deleted_one_takes_its_file_along() {
    for (format, file) in [("markdown", "poem.md"), ("skills", "poem/SKILL.md")] {
        let home = home();
        let root = home.path().join("notes");
        export(&home, format, "notes");
        fs::write(root.join("mine.md"), "mine").unwrap();
        let before = files(&root);
        home.save("poem", "Write more.", &[]);
        let said = export(&home, format, "notes");
        assert!(said.contains("1 written, 2 unchanged, 0 removed"), "{said}");
        let after = files(&root);
        let changed: Vec<&String> =
            after.keys().filter(|name| after[*name] != before[*name]).collect();
        assert_eq!(changed, [MANIFEST, file], "{format}");
        assert!(String::from_utf8_lossy(&after[file].0).contains("Write more."));

        if format == "skills" {
            fs::write(root.join("poem/notes.txt"), "mine").unwrap();
        }
        done(&home.run(&["delete", "poem"]));
        done(&home.run(&["delete", "review"]));
        let said = export(&home, format, "notes");
        assert!(said.contains("0 written, 1 unchanged, 2 removed"), "{said}");
        let left = names(&root);
        assert!(left.contains(&"mine.md".to_owned()), "{left:?}");
        assert_eq!(root.join("poem/notes.txt").exists(), format == "skills", "{left:?}");
        assert_eq!(left.len(), if format == "skills" { 4 } else { 3 }, "{left:?}");
        assert!(!root.join("review").exists(), "an empty folder goes");
    }
}

#[test]
fn a_file_of_a_person_is_neither_replaced_nor_removed() {
    let home = home();
    let root = home.path().join("notes");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("poem.md"), "my own").unwrap();
    fs::create_dir(root.join("review.md")).unwrap();
    let before = files(&root);
    let message = failed(&home.run(&["export", "--format", "markdown", "-o", "notes"]), 1);
    assert!(message.contains("nothing was exported") && message.contains("poem.md"), "{message}");
    assert!(message.contains("review.md") && message.lines().count() == 1, "{message}");
    assert!(files(&root) == before, "nothing is written beside it");

    fs::remove_file(root.join("poem.md")).unwrap();
    fs::remove_dir(root.join("review.md")).unwrap();
    export(&home, "markdown", "notes");
    // A change by hand stops the next export, until it is in the library.
    let text = fs::read_to_string(root.join("review.md")).unwrap();
    fs::write(root.join("review.md"), text.replace("Review {{code}}", "Look at {{code}}")).unwrap();
    home.save("poem", "Write more.", &[]);
    let before = files(&root);
    let message = failed(&home.run(&["export", "--format", "markdown", "-o", "notes"]), 1);
    assert!(
        message.contains("review.md") && message.contains("promptdb import notes"),
        "{message}"
    );
    assert!(files(&root) == before);
    fs::write(root.join("poem.md"), "---\nname: poem\n---\n\nWrite more.\n").unwrap();
    assert!(done(&home.run(&["import", "notes"])).contains("1 updated"));
    let said = export(&home, "markdown", "notes");
    assert!(said.contains("written"), "{said}");
    assert_eq!(home.text("review"), "Look at {{code}}.");

    // A changed file without a prompt stays, and counts as the person's from then on.
    fs::write(root.join("odd--name.md"), "mine now").unwrap();
    done(&home.run(&["delete", "odd--name"]));
    for _ in 0..2 {
        export(&home, "markdown", "notes");
        assert_eq!(fs::read_to_string(root.join("odd--name.md")).unwrap(), "mine now");
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_not_replaced_by_an_archive() {
    let home = home();
    let note = home.path().join("note.md");
    fs::write(&note, "Mine.").unwrap();
    for format in ["markdown", "skills"] {
        let message = failed(&home.run(&["export", "--format", format, "-o", "note.md"]), 2);
        assert!(message.contains("note.md is a file; name a folder"), "{message}");
    }
    assert_eq!(fs::read_to_string(&note).unwrap(), "Mine.");
    fs::write(home.path().join("notes.ZIP"), "").unwrap();
    done(&home.run(&["export", "--format", "markdown", "-o", "notes.ZIP"]));
    assert!(fs::read(home.path().join("notes.ZIP")).unwrap().starts_with(b"PK"));
}

#[test]
fn no_link_leads_an_export_out_of_its_folder() {
    let home = home();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file.md"), "outside").unwrap();
    fs::write(outside.join("SKILL.md"), "outside").unwrap();
    for format in ["markdown", "skills"] {
        let root = home.path().join(format);
        fs::create_dir(&root).unwrap();
        symlink(outside.join("file.md"), root.join("poem.md")).unwrap();
        symlink(&outside, root.join("poem")).unwrap();
        let message = failed(&home.run(&["export", "--format", format, "-o", format]), 1);
        assert!(message.contains("poem"), "{message}");
        // After an export of ours, too.
        fs::remove_file(root.join("poem.md")).unwrap();
        fs::remove_file(root.join("poem")).unwrap();
        export(&home, format, format);
        if format == "markdown" {
            fs::rename(root.join("poem.md"), outside.join("moved.md")).unwrap();
            symlink(outside.join("moved.md"), root.join("poem.md")).unwrap();
        } else {
            fs::rename(root.join("poem"), outside.join("moved")).unwrap();
            symlink(outside.join("moved"), root.join("poem")).unwrap();
        }
        done(&home.run(&["delete", "poem"]));
        let said = export(&home, format, format);
        assert!(said.contains("0 removed"), "{said}");
        done(&home.run(&["restore", "poem"]));
        home.save("poem", "Changed.", &[]);
        failed(&home.run(&["export", "--format", format, "-o", format]), 1);
    }
    let left = names(&outside);
    assert_eq!(left, ["SKILL.md", "file.md", "moved.md", "moved/SKILL.md"]);
    for name in ["file.md", "SKILL.md"] {
        assert_eq!(fs::read_to_string(outside.join(name)).unwrap(), "outside");
    }
    assert!(!fs::read_to_string(outside.join("moved.md")).unwrap().contains("Changed."));
    // The folder itself may be a link, for a person named it.
    symlink(home.path().join("real"), home.path().join("link")).unwrap();
    fs::create_dir(home.path().join("real")).unwrap();
    export(&home, "markdown", "link");
    assert_eq!(names(&home.path().join("real")).len(), 4);
}

#[test]
fn a_manifest_that_no_export_wrote_removes_nothing() {
    let home = home();
    let root = home.path().join("notes");
    fs::create_dir(&root).unwrap();
    fs::write(home.path().join("secret.md"), "secret").unwrap();
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    for (manifest, words) in [
        (format!("{{\"about\":\"\",\"files\":{{\"../secret.md\":\"{digest}\"}}}}"), "lists files"),
        (format!("{{\"about\":\"\",\"files\":{{\"/secret.md\":\"{digest}\"}}}}"), "lists files"),
        ("{\"files\":[".to_owned(), "is not what an export writes"),
        ("\u{0}".repeat(17 * 1024 * 1024), "is too long"),
    ] {
        fs::write(root.join(MANIFEST), &manifest).unwrap();
        let message = failed(&home.run(&["export", "--format", "markdown", "-o", "notes"]), 1);
        assert!(message.contains(words) && message.contains("delete it"), "{message}");
        assert_eq!(names(&root), [MANIFEST]);
    }
    fs::remove_file(root.join(MANIFEST)).unwrap();
    symlink(home.path().join("secret.md"), root.join(MANIFEST)).unwrap();
    let message = failed(&home.run(&["export", "--format", "markdown", "-o", "notes"]), 1);
    assert!(message.contains("is not a file"), "{message}");
    assert_eq!(fs::read_to_string(home.path().join("secret.md")).unwrap(), "secret");
    // A listed file with other bytes is not the one that was written.
    fs::remove_file(root.join(MANIFEST)).unwrap();
    fs::write(root.join("mine.md"), "mine").unwrap();
    let manifest = format!("{{\"about\":\"\",\"files\":{{\"mine.md\":\"{digest}\"}}}}");
    fs::write(root.join(MANIFEST), manifest).unwrap();
    let said = export(&home, "markdown", "notes");
    assert!(said.contains("kept 1 files"), "{said}");
    assert_eq!(fs::read_to_string(root.join("mine.md")).unwrap(), "mine");
}

#[test]
fn an_export_of_nothing_removes_nothing() {
    let home = home();
    export(&home, "skills", "skills");
    let before = files(&home.path().join("skills"));
    let output = home
        .command(&["export", "--format", "skills", "-o", "skills"])
        .env("DATABASE_PATH", home.path().join("empty.db"))
        .output();
    let message = failed(&output.unwrap(), 1);
    assert!(message.contains("there is no prompt to export"), "{message}");
    let skills = ["export", "--format", "skills", "-o", "skills", "--tag"];
    failed(&home.run(&[&skills[..], &["none"]].concat()), 1);
    assert!(files(&home.path().join("skills")) == before);
    // A selection by tag is the whole of the folder.
    done(&home.run(&[&skills[..], &["Rust"]].concat()));
    assert_eq!(names(&home.path().join("skills")), [MANIFEST, "review/SKILL.md"]);
    let csv = done(&home.run(&["export", "--format", "csv", "--tag", "rust"]));
    assert_eq!(csv.lines().count(), 2, "{csv}");
    let message = failed(&home.run(&["export", "--tag", "rust"]), 2);
    assert!(message.contains("tag") && message.contains("skills"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_exports_skills_as_an_archive() {
    let home = home();
    let app = home.app();
    let answer = app.get("/api/export?format=skills&prompt=poem").await;
    assert_eq!(answer.header("content-type"), "application/zip");
    fs::write(home.path().join("one.zip"), &answer.body).unwrap();
    let other = Home::new();
    let archive = home.path().join("one.zip");
    let out = done(&other.run(&["import", archive.to_str().unwrap()]));
    assert!(out.ends_with("\n1 created, 0 updated, 0 unchanged, 0 refused\n"), "{out}");
    assert_eq!(other.text("poem"), home.text("poem"));
}
