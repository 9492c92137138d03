//! The files that get no token: those of a project, which other people may receive.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::EditError;
use super::replace::real_path;
use crate::config;

/// What a system of version control keeps in the top folder of a working copy, and the system's name.
const MARKS: [(&str, &str); 11] = [
    (".git", "git"),
    (".hg", "Mercurial"),
    (".jj", "Jujutsu"),
    (".sl", "Sapling"),
    (".svn", "Subversion"),
    (".bzr", "Bazaar"),
    (".pijul", "Pijul"),
    ("_darcs", "Darcs"),
    (".fslckout", "Fossil"),
    ("_FOSSIL_", "Fossil"),
    ("CVS/Root", "CVS"),
];

/// Files of a project that its hidden folders do not show: their name is not hidden, or the project is the
/// home folder.
const PROJECT_FILES: [&str; 4] =
    [".mcp.json", ".vscode/mcp.json", "opencode.json", "opencode.jsonc"];

/// Refuses a file in a repository, and one that a client reads for a project.
///
/// `file` has no link in its path. `own` are the files in which the client keeps the servers of all
/// projects; a repository with one of them is refused all the same.
pub(super) fn refuse_project(file: &Path, own: &[PathBuf]) -> Result<(), EditError> {
    for folder in file.ancestors().skip(1) {
        if let Some((_, system)) = MARKS.iter().find(|(mark, _)| folder.join(mark).exists()) {
            return Err(EditError::InRepository { system, folder: folder.display().to_string() });
        }
    }
    let is_own = |own: &PathBuf| real_path(own).is_ok_and(|own| own == file);
    if own.iter().any(is_own) {
        return Ok(());
    }
    let home = config::home_folder().and_then(|home| home.canonicalize().ok());
    if is_in_project(file, home.as_deref()) { Err(EditError::InProject) } else { Ok(()) }
}

/// Whether the file belongs to a project by its path: clients read those of a project from a hidden
/// folder in it, such as `.cursor`, and those of a user from one directly in the home folder.
fn is_in_project(file: &Path, home: Option<&Path>) -> bool {
    let below_home = home.and_then(|home| file.strip_prefix(home).ok());
    let is_hidden = |name: &&OsStr| name.as_encoded_bytes().starts_with(b".");
    let mut names = below_home.unwrap_or(file).iter();
    if below_home.is_some() {
        names.next();
    }
    names.any(|name| is_hidden(&name)) || PROJECT_FILES.iter().any(|name| file.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_folder_belongs_to_a_project_unless_it_is_directly_in_the_home_folder() {
        for (file, expected) in [
            ("/home/u/.cursor/mcp.json", false),
            ("/home/u/.config/Code - Insiders/User/mcp.json", false),
            ("/home/u/Library/Application Support/Code/User/mcp.json", false),
            ("/home/u/other.json", false),
            ("/opt/editor/data/User/mcp.json", false),
            ("/home/u/project/.cursor/mcp.json", true),
            ("/home/u/project/.vscode/mcp.json", true),
            ("/home/u/project/.kiro/settings/mcp.json", true),
            ("/home/u/project/.mcp.json", true),
            ("/home/u/project/opencode.json", true),
            ("/home/u/.config/nvim/.vscode/mcp.json", true),
            ("/home/u/.mcp.json", true),
            ("/home/u/.vscode/mcp.json", true),
            ("/srv/project/.zed/settings.json", true),
            ("/srv/project/.mcp.json", true),
        ] {
            assert_eq!(
                is_in_project(Path::new(file), Some(Path::new("/home/u"))),
                expected,
                "{file}"
            );
        }
        assert!(is_in_project(Path::new("/srv/p/.cursor/mcp.json"), None));
    }
}
