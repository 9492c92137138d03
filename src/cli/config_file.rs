//! Changes one server's entry in a client's configuration file: the edit of its text, the backup,
//! and the atomic replacement. It never changes another part of the file.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde::de::IgnoredAny;
use tempfile::NamedTempFile;

use crate::domain::Timestamp;

/// The byte order mark that some editors write first.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Fields of the transport. An edit removes those that the new entry lacks: an entry with both
/// `url` and `command` is ambiguous.
const TRANSPORT_FIELDS: [&str; 5] = ["type", "url", "serverUrl", "command", "args"];

/// JSON with comments and trailing commas, and no other extension of the parser.
const DIALECT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// A server's entry in a client's file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The field of the file that holds all servers.
    pub(super) section: &'static str,
    /// The server's name there.
    pub(super) name: &'static str,
    /// The fields of its transport.
    pub(super) fields: Vec<(&'static str, Field)>,
    /// Whether the client accepts comments and trailing commas.
    pub(super) allows_comments: bool,
}

/// The value of a field.
#[derive(Debug, Clone)]
pub(super) enum Field {
    Text(String),
    List(Vec<String>),
}

/// What happened to the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It had the entry already, and was not written.
    None,
    /// It did not exist.
    Created,
    /// It was replaced; the backup holds its previous content.
    Changed { backup: PathBuf },
}

/// Why the file was not changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditError {
    #[error("invalid JSON: {0}; repair the file first")]
    Syntax(String),
    #[error("it is not UTF-8 text")]
    Encoding,
    #[error("{0}; repair the file first")]
    Shape(String),
    #[error("it is read-only")]
    ReadOnly,
    #[error("it is a link to a file that does not exist")]
    DanglingLink,
    #[error("there is no folder {0}; start the client once, or name its file with --file")]
    NoFolder(String),
    #[error("another program changed it at this moment; run the command again")]
    Raced,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Field {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::List(texts) => texts.clone().into(),
        }
    }

    fn node(&self) -> CstInputValue {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::List(texts) => {
                CstInputValue::Array(texts.iter().map(|t| t.as_str().into()).collect())
            }
        }
    }
}

impl Entry {
    /// The content of a file with this entry only.
    pub(super) fn as_file(&self) -> String {
        let text = self.insert_into("").ok().flatten();
        text.expect("an empty text neither is invalid nor has the entry")
    }

    /// The entry alone, as JSON.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let fields = self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.json()));
        serde_json::Value::Object(fields.collect())
    }

    /// Returns `text` with this entry, or `None` if it has the entry already.
    ///
    /// All other bytes stay, with one exception: an object on one line that gets a new field is
    /// broken into lines.
    pub(super) fn insert_into(&self, text: &str) -> Result<Option<String>, EditError> {
        let (mark, json) = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(json) => (&text[..BYTE_ORDER_MARK.len_utf8()], json),
            None => ("", text),
        };
        if !self.allows_comments && !json.trim().is_empty() {
            serde_json::from_str::<IgnoredAny>(json)
                .map_err(|error| EditError::Syntax(error.to_string()))?;
        }
        let root = CstRootNode::parse(json, &DIALECT)
            .map_err(|error| EditError::Syntax(error.to_string()))?;
        let file = root
            .object_value_or_create()
            .ok_or_else(|| EditError::Shape("its content is not an object".to_owned()))?;
        let servers = get_or_create_object(&file, self.section, self.section)?;
        let path = format!("{}.{}", self.section, self.name);
        let server = get_or_create_object(&servers, self.name, &path)?;
        if !self.write_fields(&server) {
            return Ok(None);
        }
        Ok(Some(format!("{mark}{root}")))
    }

    /// Writes the fields that differ, and returns whether there were any. Other fields of the
    /// entry, such as the permissions that the user granted, stay.
    fn write_fields(&self, server: &CstObject) -> bool {
        let mut changed = false;
        for name in TRANSPORT_FIELDS {
            if let Some(old) = server.get(name)
                && !self.fields.iter().any(|(field, _)| *field == name)
            {
                old.remove();
                changed = true;
            }
        }
        for (name, value) in &self.fields {
            match server.get(name) {
                Some(old) if old.to_serde_value() == Some(value.json()) => {}
                Some(old) => {
                    old.set_value(value.node());
                    changed = true;
                }
                None => {
                    server.append(name, value.node());
                    changed = true;
                }
            }
        }
        changed
    }
}

/// Returns the value of the server `name` in the field `section` of a file; `None` if there is none.
pub(super) fn read_server(
    text: &str,
    section: &str,
    name: &str,
) -> Result<Option<serde_json::Value>, EditError> {
    let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let root =
        CstRootNode::parse(json, &DIALECT).map_err(|error| EditError::Syntax(error.to_string()))?;
    let file = root.to_serde_value().unwrap_or_default();
    Ok(file.get(section).and_then(|servers| servers.get(name)).cloned())
}

/// Returns the object in the field `name`, which is created if it is missing. Errors call it
/// `path`.
fn get_or_create_object(
    object: &CstObject,
    name: &str,
    path: &str,
) -> Result<CstObject, EditError> {
    let properties = object.properties();
    // Which of several fields of one name counts is undefined (RFC 8259, section 4), so an edit of
    // one of them may have no effect. Names are compared after their escapes are decoded.
    let same = properties.iter().filter(|field| field.decoded_name().as_deref() == Some(name));
    if same.count() > 1 {
        return Err(EditError::Shape(format!("it has {path} more than once")));
    }
    object
        .object_value_or_create(name)
        .ok_or_else(|| EditError::Shape(format!("its {path} is not an object")))
}

/// Writes an entry into a file. The replacement is atomic: at each moment, and after a failure, the
/// file has its old or its new content.
pub(super) fn write_entry(path: &Path, entry: &Entry, now: Timestamp) -> Result<Change, EditError> {
    // The target of a symbolic link is replaced, so that the link stays a link.
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(EditError::DanglingLink);
            }
            let folder = folder_of(path)?;
            return create(&folder.join(path.file_name().unwrap_or_default()), entry);
        }
        Err(error) => return Err(error.into()),
    };
    let metadata = fs::metadata(&path)?;
    let before = fs::read(&path)?;
    let text = std::str::from_utf8(&before).map_err(|_| EditError::Encoding)?;
    let Some(after) = entry.insert_into(text)? else { return Ok(Change::None) };
    if metadata.permissions().readonly() {
        return Err(EditError::ReadOnly);
    }
    let folder = folder_of(&path)?;
    let backup = back_up(&path, &folder, &before, &metadata, now)?;
    let replacement = write_temporary(&folder, after.as_bytes(), Some(&metadata))?;
    // The client may have written the file since it was read; its change must not be lost.
    if fs::read(&path)? != before {
        return Err(EditError::Raced);
    }
    replacement.persist(&path).map_err(|failed| failed.error)?;
    Ok(Change::Changed { backup })
}

fn folder_of(path: &Path) -> Result<PathBuf, EditError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match fs::canonicalize(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(EditError::NoFolder(folder.display().to_string()))
        }
        other => Ok(other?),
    }
}

fn create(path: &Path, entry: &Entry) -> Result<Change, EditError> {
    let file = write_temporary(&folder_of(path)?, entry.as_file().as_bytes(), None)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(Change::Created),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(EditError::Raced),
        Err(failed) => Err(failed.error.into()),
    }
}

/// Writes a temporary file and syncs it to disk. Only its owner can read it, unless `like` gives
/// other permissions.
fn write_temporary(
    folder: &Path,
    content: &[u8],
    like: Option<&Metadata>,
) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    if let Some(like) = like {
        file.as_file().set_permissions(like.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes the content of a file beside it, under a new name with the time.
fn back_up(
    path: &Path,
    folder: &Path,
    content: &[u8],
    like: &Metadata,
    now: Timestamp,
) -> io::Result<PathBuf> {
    // Year to second of RFC 3339, without separators.
    let digits = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect::<String>();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut copy = write_temporary(folder, content, Some(like))?;
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let backup = folder.join(format!("{name}.bak-{digits}{suffix}"));
        match copy.persist_noclobber(&backup) {
            Ok(_) => return Ok(backup),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                copy = failed.file;
                number += 1;
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(allows_comments: bool) -> Entry {
        let url = Field::Text("http://localhost:3000/mcp".to_owned());
        Entry {
            section: "mcpServers",
            name: "promptdb",
            fields: vec![("url", url)],
            allows_comments,
        }
    }

    #[track_caller]
    fn check(before: &str, after: &str) {
        let entry = entry(true);
        assert_eq!(entry.insert_into(before).unwrap().as_deref(), Some(after));
        assert_eq!(entry.insert_into(after).unwrap(), None, "a second time");
    }

    #[track_caller]
    fn check_refused(entry: &Entry, text: &str, why: &str) {
        let error = entry.insert_into(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }

    const SMALLEST: &str = r#"{
  "mcpServers": {
    "promptdb": {
      "url": "http://localhost:3000/mcp"
    }
  }
}
"#;

    #[test]
    fn an_empty_file_gets_the_entry_alone() {
        check("", SMALLEST);
        check("{}\n", SMALLEST);
        check(&format!("{BYTE_ORDER_MARK}"), &format!("{BYTE_ORDER_MARK}{SMALLEST}"));
        check("// mine\n", &format!("// mine\n{SMALLEST}"));
    }

    #[test]
    fn comments_order_indentation_and_trailing_commas_stay() {
        check(
            r#"{
    // my servers, "promptdb" is none of them yet
    "theme" : "dark", /* odd   spacing */
    "mcpServers": {
        "z": {"command": "z", "args": [ "-v", ]}, // last in the alphabet
        "a": {"url": "https:\/\/a.example\u002fmcp"},
    },
    "number": 1.0e5,
}
// end"#,
            r#"{
    // my servers, "promptdb" is none of them yet
    "theme" : "dark", /* odd   spacing */
    "mcpServers": {
        "z": {"command": "z", "args": [ "-v", ]}, // last in the alphabet
        "a": {"url": "https:\/\/a.example\u002fmcp"},
        "promptdb": {
            "url": "http://localhost:3000/mcp"
        },
    },
    "number": 1.0e5,
}
// end"#,
        );
    }

    #[test]
    fn tabs_crlf_and_a_byte_order_mark_stay() {
        let before = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {}\r\n\t}\r\n}\r\n";
        let after = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {},\r\n\t\t\"promptdb\": {\r\n\
            \t\t\t\"url\": \"http://localhost:3000/mcp\"\r\n\t\t}\r\n\t}\r\n}\r\n";
        check(before, after);
    }

    #[test]
    fn only_the_transport_of_an_existing_entry_changes() {
        check(
            r#"{"mcpServers": {
  "promptdb": {
    "command": "npx", // by hand
    "args": ["-y", "mcp-remote"],
    "url": "http://localhost:9/mcp",
    "env": {"A": "1"} // keep
  }
}}"#,
            r#"{"mcpServers": {
  "promptdb": {
    "url": "http://localhost:3000/mcp",
    "env": {"A": "1"} // keep
  }
}}"#,
        );
    }

    #[test]
    fn invalid_json_is_refused_with_its_position() {
        check_refused(&entry(true), "{\n  \"a\": \n}", "line 3");
        for text in ["{", "{\"a\": 1 \"b\": 2}", "{'a': 1}", "{a: 1}", "{} {}", "nonsense"] {
            check_refused(&entry(true), text, "invalid JSON");
        }
        check_refused(&entry(true), &"[".repeat(100_000), "invalid JSON");
        for text in ["{} // comment", "{\"a\": [1,]}"] {
            check_refused(&entry(false), text, "invalid JSON");
        }
    }

    #[test]
    fn a_value_of_another_shape_is_refused_by_its_path() {
        check_refused(&entry(true), "[1]", "its content is not an object");
        for servers in ["[]", "null", "\"x\"", "7"] {
            let text = format!("{{\"mcpServers\": {servers}}}");
            check_refused(&entry(true), &text, "its mcpServers is not an object");
            let text = format!("{{\"mcpServers\": {{\"promptdb\": {servers}}}}}");
            check_refused(&entry(true), &text, "its mcpServers.promptdb is not an object");
        }
        let twice = "{\"mcpServers\": {}, \"mcp\\u0053ervers\": {}}";
        check_refused(&entry(true), twice, "it has mcpServers more than once");
    }
}
