//! `save`, `edit`, `delete` and `restore`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Home, done, failed, parse};

#[test]
fn a_text_is_saved_from_a_file_or_a_pipe_as_a_version() {
    let home = Home::new();
    fs::write(home.path().join("x.md"), "\u{feff}One {{a}}\r\n").unwrap();
    let out = done(&home.run(&["save", "Über uns!", "x.md", "--tag", "A b", "--tag", "c"]));
    assert_eq!(out, "saved uber-uns, version 1\n");
    let prompt = parse(&done(&home.run(&["get", "uber-uns", "--raw", "--json"])));
    assert_eq!((&prompt["content"], &prompt["title"]), (&json!("One {{a}}"), &json!("Über uns!")));
    assert_eq!((&prompt["tags"], &prompt["source"]), (&json!(["a-b", "c"]), &json!("cli")));

    assert_eq!(done(&home.pipe(b"Two\n\n", &["save", "uber-uns"])), "saved uber-uns, version 2\n");
    assert_eq!(home.text("uber-uns"), "Two\n");
    // What was read is no change, whatever ends it.
    let out = done(&home.pipe(b"Two\n", &["save", "uber-uns", "-"]));
    assert_eq!(out, "saved uber-uns; its text is still version 2\n");
    let prompt = parse(&done(&home.run(&["get", "uber-uns", "--raw", "--json"])));
    assert_eq!(prompt["tags"], json!(["a-b", "c"]), "absent fields stay");

    let out = done(&home.run(&["save", "uber-uns", "--title", "About us", "--tag", ""]));
    assert_eq!(out, "saved uber-uns, version 3\n");
    let prompt = parse(&done(&home.run(&["get", "uber-uns", "--raw", "--json"])));
    assert_eq!((&prompt["title"], &prompt["tags"]), (&json!("About us"), &json!([])));
    assert_eq!(prompt["content"], "Two\n");
    done(&home.run(&["save", "uber-uns", "--favorite"]));
    assert_eq!(done(&home.run(&["list", "--favorite"])).lines().count(), 1);
    done(&home.run(&["save", "uber-uns", "--favorite=false"]));
    assert_eq!(done(&home.run(&["list", "--favorite"])), "");
    // The owner in person may mark a skill.
    done(&home.run(&["save", "uber-uns", "--tag", "skill"]));
    assert_eq!(done(&home.run(&["tags"])), "skill\t1\n");
}

#[test]
fn tags_are_added_and_removed_one_version_a_command_and_the_others_stay() {
    let home = Home::new();
    home.save("poem", "Write.", &["--tag", "writing"]);
    let run = |arguments: &[&str]| done(&home.run(&[&["tag"], arguments].concat()));
    assert_eq!(run(&["Poem", "#Rust", "Big Data"]), "tags of poem: writing, rust, big-data\n");
    assert_eq!(run(&["poem", "rust"]), "tags of poem: writing, rust, big-data, as before\n");
    assert_eq!(
        run(&["poem", "skill", "--remove", "Rust", "-r", "big-data"]),
        "tags of poem: writing, skill\n"
    );
    assert_eq!(done(&home.run(&["history", "poem"])).lines().count(), 3);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {} });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "skills/list",
        "params": { "_meta": meta } });
    let list = format!("{list}\n");
    let skills = done(&home.pipe(list.as_bytes(), &["stdio"]));
    assert!(skills.contains("skill://poem/SKILL.md"), "{skills}");
    let prompt = parse(&run(&["poem", "--remove", "skill", "--remove", "writing", "--json"]));
    assert_eq!((&prompt["tags"], &prompt["version"]), (&json!([]), &json!(4)));
    assert_eq!(run(&["poem", "--remove", "gone"]), "tags of poem: none, as before\n");

    for (arguments, code, words) in [
        (&["poem"][..], 2, "TAG"),
        (&["poem", "!!"], 2, "TAG"),
        (&["poem", "a", "--remove", "A"], 2, "a is both added and removed"),
        (&["poems", "a"], 3, "similar names: poem"),
        (&["poem", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"], 2, "tags"),
    ] {
        let message = failed(&home.run(&[&["tag"], arguments].concat()), code);
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(done(&home.run(&["history", "poem"])).lines().count(), 4);
}

#[test]
fn what_stays_text_and_what_is_alike_is_noted_on_standard_error() {
    let home = Home::new();
    let text = "Write a long letter to [NAME] about the weather in the north of the country.";
    let output = home.pipe(text.as_bytes(), &["save", "one"]);
    assert_eq!(done(&output), "saved one, version 1\n");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.starts_with("note: ") && notes.contains("[NAME]"), "{notes}");
    let output = home.pipe(text.as_bytes(), &["save", "two"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("similar: duplicate of one, version 1"), "{notes}");
}

#[test]
fn a_text_that_cannot_be_saved_changes_nothing() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    for (input, options, code, words) in [
        (vec![0xff, 0xfe], &[][..], 2, "standard input: must be UTF-8"),
        (vec![b'x'; 65_537], &[], 2, "content: has 65537 bytes; at most 65536 are allowed"),
        (vec![b'x'; 1_000_000], &[], 2, "standard input: has more than 65536 bytes"),
        (b" \n".to_vec(), &[], 2, "content: must not be empty"),
        (b"a\0b".to_vec(), &[], 2, "NUL"),
        (b"New.".to_vec(), &["--title", "\u{1b}[2J"], 2, "title"),
        (b"New.".to_vec(), &["--expected-version", "9"], 1, "poem is at version 1 now"),
    ] {
        let message = failed(&home.pipe(&input, &[&["save", "poem", "-"], options].concat()), code);
        assert!(message.contains(words), "{message}");
        assert!(message.lines().count() == 1 && !message.contains('\u{1b}'), "{message:?}");
    }
    assert_eq!(done(&home.run(&["history", "poem"])).lines().count(), 1);
    assert!(failed(&home.pipe(b"x", &["save", "harvest", "-"]), 2).contains("built-in"));
}

impl Home {
    /// Runs `edit` with a script in the place of the editor. `$1` is `--wait`, and `$2` the file.
    fn edit(&self, name: &str, script: &str) -> Output {
        self.edit_command(name, script).output().unwrap()
    }

    fn edit_command(&self, name: &str, script: &str) -> Command {
        let editor = self.path().join("my editor");
        fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = self.command(&["edit", name]);
        // Temporary files stay in the home, where the tests find what is left of them.
        let folder = self.path().join("tmp");
        fs::create_dir_all(&folder).unwrap();
        command.env("VISUAL", "'./my editor' --wait").env("TMPDIR", folder);
        command.env("PROMPTDB", env!("CARGO_BIN_EXE_promptdb"));
        command
    }

    /// The files that edits left.
    fn left(&self) -> Vec<String> {
        let folders = fs::read_dir(self.path().join("tmp")).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path().to_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_edit_saves_what_the_editor_wrote() {
    let home = Home::new();
    home.save("poem", "Write.\nOnce.", &[]);
    let output = home.edit("Poem", "[ \"$1\" = --wait ] && echo Twice. >> \"$2\"");
    assert_eq!(done(&output), "saved poem, version 2\n");
    assert_eq!(home.text("poem"), "Write.\nOnce.\nTwice.");
    // An editor that leaves out the last line break, or writes those of Windows.
    done(&home.edit("poem", "printf 'Write.' > \"$2\""));
    assert_eq!(home.text("poem"), "Write.");
    done(&home.edit("poem", "printf 'Again.\\r\\n' > \"$2\""));
    assert_eq!(home.text("poem"), "Again.");
    // The file is named as Markdown, and private.
    let script = "case \"$2\" in *poem.md) ls -l \"$2\" > mode; ls -ld \"${2%/*}\" > folder;; \
                  *) exit 1;; esac";
    done(&home.edit("poem", script));
    for (name, expected) in [("mode", "-rw-------"), ("folder", "drwx------")] {
        let mode = fs::read_to_string(home.path().join(name)).unwrap();
        assert!(mode.starts_with(expected), "{mode}");
    }
    assert_eq!(home.left(), [""; 0]);
}

#[test]
fn an_edit_that_changes_nothing_saves_nothing() {
    let home = Home::new();
    for text in ["Write.", "Write.\n", "Write.\r", "\r\n Write."] {
        let end = if text.ends_with('\n') { "\n" } else { "" };
        home.save("poem", &format!("{text}{end}"), &[]);
        let versions = done(&home.run(&["history", "poem"]));
        assert_eq!(
            done(&home.edit("poem", "true")),
            "poem is as it was; nothing was saved\n",
            "{text:?}"
        );
        assert_eq!(home.text("poem"), text);
        assert_eq!(done(&home.run(&["history", "poem"])), versions);
    }
    let message = failed(&home.edit("poem", "exit 3"), 1);
    assert!(message.contains("ended with") && message.contains("VISUAL"), "{message}");
    assert_eq!(home.left(), [""; 0]);
}

#[test]
fn an_edit_that_cannot_be_saved_is_kept_in_a_file_that_is_named() {
    let home = Home::new();
    home.save("poem", "One.", &[]);
    let meanwhile = |command: &str| format!("echo Mine. > \"$2\"; {command}");
    let save = "echo Theirs. | \"$PROMPTDB\" save poem - > saved";
    for (script, words) in [
        (meanwhile(save), "it is at version 2, and you changed version 1"),
        (meanwhile("exit 1"), "ended with"),
        (meanwhile("\"$PROMPTDB\" delete poem > deleted"), "`promptdb restore poem`"),
    ] {
        let message = failed(&home.edit("poem", &script), 1);
        assert!(message.contains(words), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        let left = home.left();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(message.contains(&format!("your text is in {}", left[0])), "{message}");
        assert_eq!(fs::read_to_string(&left[0]).unwrap(), "Mine.\n");
        fs::remove_dir_all(home.path().join("tmp")).unwrap();
        if words.contains("restore") {
            done(&home.run(&["restore", "poem"]));
        }
        assert_eq!(home.text("poem"), "Theirs.");
    }
    for (script, words) in
        [(": > \"$2\"", "content: must not be empty"), ("printf '\\351' > \"$2\"", "must be UTF-8")]
    {
        let message = failed(&home.edit("poem", script), 2);
        assert!(message.contains(words) && message.contains("your text is in"), "{message}");
    }
    assert_eq!(home.left().len(), 2);
    let output = home.command(&["edit", "poem"]).env("EDITOR", "no-such-editor").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let line = message.lines().last().unwrap();
    assert!(line.starts_with("promptdb: the editor no-such-editor ended with"), "{message}");
}

#[test]
fn an_edit_that_was_also_saved_meanwhile_is_no_conflict() {
    let home = Home::new();
    home.save("poem", "One.", &[]);
    let script = "echo Two. > \"$2\"; echo Two. | \"$PROMPTDB\" save poem - > saved";
    assert_eq!(done(&home.edit("poem", script)), "saved poem; its text is still version 2\n");
    assert_eq!((home.text("poem"), home.left()), ("Two.".to_owned(), Vec::new()));
}

#[test]
fn an_edit_whose_file_is_gone_leaves_no_empty_folder() {
    let home = Home::new();
    home.save("poem", "One.", &[]);
    let folders = || fs::read_dir(home.path().join("tmp")).unwrap().count();
    for (script, words) in [
        ("rm \"$2\"", "No such file"),
        ("rm \"$2\" && mkfifo \"$2\"", "it is not a regular file any more"),
    ] {
        let message = failed(&home.edit("poem", script), 1);
        assert!(message.starts_with("promptdb: nothing was saved: "), "{message}");
        assert!(message.contains(words), "{message}");
        assert_eq!(folders(), 0, "{script}");
    }
    // The text may be in another file of the editor.
    failed(&home.edit("poem", "mv \"$2\" \"$2.bak\""), 1);
    let [left] = &home.left()[..] else { panic!("{:?}", home.left()) };
    assert!(left.ends_with("poem.md.bak"), "{left}");
}

/// An `edit` whose editor has written `Two.`, and then waits.
struct RunningEdit {
    home: Home,
    process: Child,
}

impl RunningEdit {
    fn start() -> Self {
        let home = Home::new();
        home.save("poem", "One.", &[]);
        for pipe in ["ready", "go"] {
            assert!(Command::new("mkfifo").arg(home.path().join(pipe)).status().unwrap().success());
        }
        let script = "echo Two. > \"$2\"; echo > ready; cat go";
        let mut command = home.edit_command("poem", script);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().unwrap();
        fs::read(home.path().join("ready")).unwrap();
        Self { home, process }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Ends the editor.
    fn end_editor(&self) {
        fs::write(self.home.path().join("go"), "").unwrap();
    }
}

#[test]
fn a_key_that_interrupts_the_editor_does_not_end_the_edit() {
    let edit = RunningEdit::start();
    edit.send(Signal::INT);
    edit.send(Signal::QUIT);
    edit.end_editor();
    let RunningEdit { home, process } = edit;
    assert_eq!(done(&process.wait_with_output().unwrap()), "saved poem, version 2\n");
    assert_eq!((home.text("poem"), home.left()), ("Two.".to_owned(), Vec::new()));
}

#[test]
fn an_edit_that_a_signal_ends_is_kept_in_a_file_that_is_named() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let mut edit = RunningEdit::start();
        edit.send(signal);
        // The editor still runs.
        assert_eq!(edit.process.wait().unwrap().code(), Some(1), "{name}");
        edit.end_editor();
        let RunningEdit { home, process } = edit;
        let message = failed(&process.wait_with_output().unwrap(), 1);
        let [left] = &home.left()[..] else { panic!("{:?}", home.left()) };
        let expected = format!(
            "promptdb: nothing was saved, and your text is in {left}: {name} ended the command before \
             the editor\n"
        );
        assert_eq!(message, expected);
        assert_eq!(fs::read_to_string(left).unwrap(), "Two.\n");
        assert_eq!(home.text("poem"), "One.");
    }
}

#[test]
fn a_deleted_prompt_and_an_old_text_come_back() {
    let home = Home::new();
    home.save("poem", "One.", &[]);
    home.save("poem", "Two.", &[]);
    let out = done(&home.run(&["restore", "poem", "--version", "1"]));
    assert_eq!(out, "restored poem, version 3\n");
    assert_eq!(home.text("poem"), "One.");
    let out = done(&home.run(&["restore", "poem", "--version", "1"]));
    assert_eq!(out, "nothing changed: poem has the text of version 1 already\n");
    let out = done(&home.run(&["restore", "poem"]));
    assert!(
        out.contains("poem is not deleted") && out.contains("`promptdb list --deleted`"),
        "{out}"
    );
    let out = done(&home.run(&["delete", "Poem"]));
    assert_eq!(out, "deleted poem; for 30 days `promptdb restore poem` brings it back\n");
    assert_eq!(done(&home.run(&["history", "poem"])).lines().count(), 3);
    assert_eq!(
        done(&home.run(&["restore", "poem", "--version", "2"])),
        "restored poem, version 4\n"
    );
    assert_eq!(home.text("poem"), "Two.");

    // Several of one name, and one whose name was taken.
    done(&home.run(&["delete", "poem"]));
    home.save("poem", "Another.", &[]);
    let out = done(&home.run(&["delete", "poem"]));
    assert!(out.contains("`promptdb restore prm_"), "the name means two prompts: {out}");
    for command in ["get", "edit"] {
        let message = failed(&home.run(&[command, "poem"]), 3);
        assert!(message.contains("`promptdb list --deleted` lists their ids"), "{message}");
        assert!(!message.contains("restore poem"), "{message}");
    }
    let message = failed(&home.run(&["restore", "poem"]), 1);
    assert!(message.contains("several deleted prompts are named poem"), "{message}");
    let id = message.split(['\n', ' ', ',']).find(|word| word.starts_with("prm_")).unwrap();
    let deleted = done(&home.run(&["list", "--deleted"]));
    let ids: Vec<&str> = deleted.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1] && ids.contains(&id), "{deleted}");
    home.save("poem", "A third.", &[]);
    let message = failed(&home.run(&["restore", id]), 1);
    assert!(message.contains("another prompt is named poem now"), "{message}");
    done(&home.run(&["delete", "poem"]));
    done(&home.run(&["restore", id]));
    assert_eq!(home.text("poem"), "Another.");
}
