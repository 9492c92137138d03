//! Changes one server's entry in a client's configuration file: the edit of its text, the backup,
//! and the atomic replacement. It never changes another part of the file.

mod edit;
mod json;
mod lines;
mod project;
mod replace;
mod toml;
mod yaml;

#[cfg(test)]
mod tests;

use std::io;

pub(super) use self::edit::{Effects, Entry, Field, Place, Syntax, has_headers, is_disabled};
pub(super) use self::replace::{Change, read_file, remove_entry, write_entry};
use crate::error::describe_io;

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditError {
    #[error("invalid {syntax}: {reason}; repair the file first")]
    Syntax { syntax: &'static str, reason: String },
    #[error("it is not UTF-8 text; save it as UTF-8 first")]
    Encoding,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("{0}; repair the file first")]
    Shape(String),
    #[error("it is written in a form that this command does not change; edit it by hand")]
    Form,
    #[error("it is read-only; make it writable first")]
    ReadOnly,
    #[error(
        "there is no folder {0}; start the client once, which creates it, or name another file with --file"
    )]
    NoFolder(String),
    #[error(
        "it is in the {system} repository {folder}, where a token could be published; name a file \
         elsewhere with --file or, if the repository ignores this one, add the token to it by hand"
    )]
    InRepository { system: &'static str, folder: String },
    #[error(
        "it is a file of a project, where a token could be published; without --file, the client's own \
         file for all projects gets it"
    )]
    InProject,
    #[error("another program changed it at this moment; run the command again")]
    Raced,
    #[error("permission denied; give yourself access to the file and its folder")]
    NoAccess,
    #[error("{}", describe_io(.0))]
    Io(#[source] io::Error),
}

impl From<io::Error> for EditError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NoAccess,
            _ => Self::Io(error),
        }
    }
}
