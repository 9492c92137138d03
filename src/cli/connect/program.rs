//! The path of this program that a client keeps: absolute, and the same after an upgrade wherever there
//! is such a path.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config;

/// Beginnings of the names of folders in which npm, pnpm, Yarn and Bun unpack a package to run it once.
const CACHES: [&str; 3] = ["_npx", "dlx", "bunx-"];

/// How long a path of this program leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// Until the program is removed.
    Lasting,
    /// Until the next version: the path names this one.
    Version,
    /// Until a package manager empties its cache.
    Cache,
}

/// Returns the path by which this process was started, or else that of its executable.
///
/// Homebrew, Nix and others keep each version in a folder of its own, behind a link that an upgrade
/// changes. Linux resolves the links in the path of the executable, so that the path would end with the
/// version.
pub(super) fn program_path() -> io::Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let started = std::env::args_os().next().and_then(|name| {
        let search_path = config::search_path().unwrap_or_default();
        find_started(Path::new(&name), &search_path, &executable)
    });
    Ok(started.unwrap_or(executable))
}

/// Finds the path that a shell finds for the name of a command; `None` if it does not lead to the
/// executable. A parent process may pass any name.
fn find_started(name: &Path, search_path: &OsStr, executable: &Path) -> Option<PathBuf> {
    let executable = fs::canonicalize(executable).ok()?;
    let is_bare = name.parent().is_none_or(|folder| folder.as_os_str().is_empty());
    let paths: Vec<PathBuf> = if is_bare {
        std::env::split_paths(search_path).map(|folder| folder.join(name)).collect()
    } else {
        vec![name.to_owned()]
    };
    let leads_to_executable = |path: &PathBuf| {
        // Some clients would take `..` out without regard to links.
        let is_plain = !path.components().any(|part| part == Component::ParentDir);
        is_plain && fs::canonicalize(path).is_ok_and(|found| found == executable)
    };
    paths.iter().filter_map(|path| std::path::absolute(path).ok()).find(leads_to_executable)
}

impl Lifetime {
    /// Estimates from its folders how long a path of this version stays.
    pub(super) fn of(path: &str) -> Self {
        let names = || Path::new(path).iter().map(OsStr::to_string_lossy);
        if names().any(|name| CACHES.iter().any(|cache| name.starts_with(cache))) {
            Self::Cache
        } else if names().any(|name| contains_version(&name, env!("CARGO_PKG_VERSION"))) {
            Self::Version
        } else {
            Self::Lasting
        }
    }
}

/// Whether a name contains a version, and not as a part of another number.
fn contains_version(name: &str, version: &str) -> bool {
    name.match_indices(version).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let after = name[at + version.len()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.')
            && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_as_a_whole_number_only() {
        for (name, expected) in [
            ("1.2.0", true),
            ("v1.2.0", true),
            ("promptdb-1.2.0-x86_64", true),
            ("@promptdb+linux-x64@1.2.0", true),
            ("11.2.0", false),
            ("0.1.2.0", false),
            ("1.2.01", false),
            ("1.2", false),
            ("promptdb", false),
        ] {
            assert_eq!(contains_version(name, "1.2.0"), expected, "{name}");
        }
    }

    #[test]
    fn a_path_lasts_unless_it_names_a_version_or_a_cache() {
        let version = env!("CARGO_PKG_VERSION");
        for (path, expected) in [
            ("/opt/homebrew/opt/promptdb/libexec/promptdb".to_owned(), Lifetime::Lasting),
            ("/home/u/.local/bin/promptdb".to_owned(), Lifetime::Lasting),
            (format!("/nix/store/q1w2-promptdb-{version}/bin/promptdb"), Lifetime::Version),
            (format!("/home/u/.asdf/installs/promptdb/{version}/bin/promptdb"), Lifetime::Version),
            ("/home/u/.npm/_npx/1a2b/node_modules/p/promptdb".to_owned(), Lifetime::Cache),
            (format!("/c/pnpm/dlx/a/p@{version}/promptdb"), Lifetime::Cache),
            ("/tmp/bunx-1000-promptdb@latest/promptdb".to_owned(), Lifetime::Cache),
        ] {
            assert_eq!(Lifetime::of(&path), expected, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_first_path_of_a_search_that_leads_to_the_program_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["store", "other", "bin", "later"] {
            fs::create_dir(path(name)).unwrap();
        }
        fs::write(path("store/promptdb"), "").unwrap();
        fs::write(path("other/promptdb"), "").unwrap();
        for name in ["bin/promptdb", "later/promptdb"] {
            std::os::unix::fs::symlink(path("store/promptdb"), path(name)).unwrap();
        }
        let folders = ["missing", "other", "bin", "later"].map(path);
        let search_path = std::env::join_paths(folders).unwrap();
        let find = |name: &Path| find_started(name, &search_path, &path("store/promptdb"));
        assert_eq!(find(Path::new("promptdb")), Some(path("bin/promptdb")));
        assert_eq!(find(&path("later/promptdb")), Some(path("later/promptdb")));
        for name in [path("other/promptdb"), path("bin/../bin/promptdb"), "-promptdb".into()] {
            assert_eq!(find(&name), None, "{}", name.display());
        }
    }
}
