//! Imports run one way: `src/lib.rs` lists the modules from the lowest to the highest, and a module
//! imports only those above its own line. So no circle of files leaves its folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in the order of `src/lib.rs`.
fn declared_modules(lib: &str) -> Vec<&str> {
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect()
}

/// The top-level modules that a file names in its code, comments aside.
fn named_modules(source: &str) -> BTreeSet<String> {
    let code: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ");
    let mut modules = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => modules.extend(first_segments(group)),
            None => modules.extend(identifier(after)),
        }
    }
    modules
}

/// The first segment of each path of a `use` group, whose opening brace is gone.
fn first_segments(group: &str) -> Vec<String> {
    let (mut depth, mut segments, mut at_start) = (0, Vec::new(), true);
    for (index, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            _ if at_start && !character.is_whitespace() => {
                segments.extend(identifier(&group[index..]));
                at_start = false;
            }
            _ => {}
        }
    }
    segments
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    // An item of the crate root, such as a macro, is no module.
    let name = &text[..end];
    name.starts_with(|c: char| c.is_ascii_lowercase()).then(|| name.to_owned())
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every import of a module that stands at or below the importing module's own line.
fn upward_imports(order: &[&str], files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in files {
        let own = path.split(['/', '.']).next().unwrap_or_default();
        let Some(own_rank) = order.iter().position(|module| *module == own) else { continue };
        for module in named_modules(source) {
            let rank = order.iter().position(|declared| *declared == module);
            if module != own && rank.is_some_and(|rank| rank > own_rank) {
                found.push(format!("{path} imports {module}"));
            }
        }
    }
    found
}

fn sources() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    rust_files(&src)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn no_module_imports_one_above_it() {
    let files = sources();
    let lib = &files.iter().find(|(path, _)| path == "lib.rs").unwrap().1;
    let order = declared_modules(lib);
    for (path, _) in &files {
        let module = path.split(['/', '.']).next().unwrap();
        assert!(
            matches!(module, "lib" | "main") || order.contains(&module),
            "{path} is in no module"
        );
    }
    assert_eq!(upward_imports(&order, &files), [""; 0]);
}

#[test]
fn only_the_composition_root_names_the_stores() {
    for (path, source) in sources() {
        let names = ["store::sqlite", "store::convex"].iter().any(|store| source.contains(store));
        assert!(
            !names || path.starts_with("cli/") || path.starts_with("store"),
            "{path} names an implementation of the store"
        );
    }
}

#[test]
fn an_import_upward_is_found_in_every_form() {
    let order = ["low", "middle", "high"];
    for (source, expected) in [
        ("use crate::low::X;", &[][..]),
        ("use crate::high::X;", &["middle.rs imports high"]),
        ("use crate::{low, high};", &["middle.rs imports high"]),
        ("use crate::{low::{a, high}, middle::b};", &[]),
        ("use crate::{\n    low::{a, b},\n    high::c,\n};", &["middle.rs imports high"]),
        ("fn f() { crate::high::g(); }", &["middle.rs imports high"]),
        ("// crate::high is above.\nuse crate::low::X;", &[]),
        ("crate::macro_of_the_root!();", &[]),
    ] {
        let files = [("middle.rs".to_owned(), source.to_owned())];
        assert_eq!(upward_imports(&order, &files), expected, "{source}");
    }
}
