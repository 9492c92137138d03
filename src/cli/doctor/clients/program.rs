//! The check of a program that a client starts.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Connection;
use crate::cli::doctor::library::{LOCK_WAIT, find_obstacle, repair};
use crate::cli::doctor::report::Check;
use crate::cli::parse_stdio;
use crate::config::{DoctorSettings, Storage};
use crate::store::sqlite::inspection::inspect;

/// Checks that the program exists, and that this one serves a client with these arguments.
pub(super) fn check_program(
    connection: &Connection,
    path: &str,
    arguments: &[String],
    settings: &DoctorSettings,
) -> Check {
    let Connection { name, connect, .. } = connection;
    let again = format!("Connect it again: {connect}");
    let program = Path::new(path);
    if !program.is_absolute() {
        let detail = format!("starts {path}, which the client looks for in its own PATH");
        return Check::note(name, detail, again);
    }
    let found = match fs::canonicalize(program) {
        Ok(found) if is_executable(&found) => found,
        Ok(_) => {
            return Check::failed(name, format!("starts {path}, which is not a program"), again);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Check::failed(name, format!("starts {path}, which does not exist"), again);
        }
        Err(error) => return Check::failed(name, format!("starts {path}: {error}"), again),
    };
    let own = std::env::current_exe().and_then(fs::canonicalize);
    if own.is_ok_and(|own| own != found) {
        let detail = format!("starts another program than this one: {path}");
        return Check::note(name, detail, format!("If that is not what you want: {connect}"));
    }
    let library = match parse_stdio(arguments) {
        Ok(library) => library.or_else(|| connection.variable("DATABASE_PATH").map(PathBuf::from)),
        Err(fault) => return Check::failed(name, format!("starts this program {fault}"), again),
    };
    match library.filter(|library| !is_own(library, settings)) {
        Some(library) => check_library(name, &library, again),
        None => Check::ok(name, "starts this program"),
    }
}

/// Whether the library is that of the settings, which has a check of its own.
fn is_own(library: &Path, settings: &DoctorSettings) -> bool {
    let Ok(Storage::File(own)) = settings.storage.validate() else { return false };
    std::path::absolute(own).is_ok_and(|own| own == library)
}

/// Checks that a start with a library can open or create its file.
fn check_library(name: &str, library: &Path, again: String) -> Check {
    let place = library.display();
    let works = Check::ok(name, format!("starts this program on {place}"));
    // The client starts the program in another folder than this one.
    if library.is_relative() {
        return works;
    }
    if library.exists() {
        return inspect(library, LOCK_WAIT).map_or_else(
            |error| {
                let detail = format!("starts this program, which cannot open {place}: {error}");
                Check::failed(name, detail, repair(&error))
            },
            |_| works,
        );
    }
    if let Some(obstacle) = find_obstacle(library) {
        return Check::failed(name, format!("starts this program, but {obstacle}"), again);
    }
    if library.parent().is_some_and(Path::exists) {
        return works;
    }
    let detail = format!("starts this program on {place}, whose folder does not exist");
    let advice = format!("The first start creates an empty library there. {again}");
    Check::note(name, detail, advice)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let file = fs::metadata(path);
    file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
