//! Changes one server's entry in a client's configuration file and nothing else in it: the edit of
//! its text, the backup, and the replacement in one step.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde::de::IgnoredAny;
use tempfile::NamedTempFile;

use crate::domain::Timestamp;

/// The mark that some editors put before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Fields that say how a server is reached; of one entry's, those that the new one lacks go.
const TRANSPORT_FIELDS: [&str; 5] = ["type", "url", "serverUrl", "command", "args"];

/// JSON with comments and trailing commas, and nothing else that the parser could read.
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

/// What a client is told of a server, and where in its file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The field of the file that holds all servers.
    pub(super) section: &'static str,
    /// The server's name there.
    pub(super) name: &'static str,
    /// How it is reached.
    pub(super) fields: Vec<(&'static str, Field)>,
    /// Whether the client reads comments and trailing commas.
    pub(super) allows_comments: bool,
}

/// The value of a field.
#[derive(Debug, Clone)]
pub(super) enum Field {
    Text(String),
    List(Vec<String>),
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It says all that already.
    None,
    /// There was none.
    Created,
    /// It is changed, and what it said before stands there.
    Changed { backup: PathBuf },
}

/// Why a file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditError {
    #[error("it is not valid JSON: {0}; mend it first")]
    Syntax(String),
    #[error("it is not UTF-8 text")]
    Encoding,
    #[error("{0}; mend it first")]
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
    /// The smallest file with this entry.
    pub(super) fn as_file(&self) -> String {
        let written = self.written_into("").ok().flatten();
        written.expect("an empty text has nothing that could be in the way")
    }

    /// The entry alone, as JSON.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let fields = self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.json()));
        serde_json::Value::Object(fields.collect())
    }

    /// The text with this entry, or `None` if it has it already. Everything else stays, byte for
    /// byte, but for line breaks in an object on one line that gets a new field.
    pub(super) fn written_into(&self, text: &str) -> Result<Option<String>, EditError> {
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
        let shape = |what: &str| EditError::Shape(format!("{what} in it is not an object"));
        let file = root.object_value_or_create().ok_or_else(|| shape("what stands"))?;
        let servers = object_in(&file, self.section, self.section)?;
        let path = format!("{}.{}", self.section, self.name);
        let server = object_in(&servers, self.name, &path)?;
        if !self.write_fields(&server) {
            return Ok(None);
        }
        Ok(Some(format!("{mark}{root}")))
    }

    /// Whether anything had to be written. What else the user told the client of this server, such
    /// as what it may do unasked, stays.
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

/// The object in a field, made if there is none.
fn object_in(object: &CstObject, name: &str, path: &str) -> Result<CstObject, EditError> {
    let is_it = |found: Option<String>| found.as_deref() == Some(name);
    if object.properties().iter().filter(|field| is_it(field.decoded_name())).count() > 1 {
        return Err(EditError::Shape(format!("{path} stands in it more than once")));
    }
    let not_an_object = || EditError::Shape(format!("{path} in it is not an object"));
    object.object_value_or_create(name).ok_or_else(not_an_object)
}

/// Writes an entry into a file. The file is always either as it was or as it should be.
pub(super) fn write_entry(path: &Path, entry: &Entry, now: Timestamp) -> Result<Change, EditError> {
    // A link stays one: the file that it means is replaced.
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
    let Some(after) = entry.written_into(text)? else { return Ok(Change::None) };
    if metadata.permissions().readonly() {
        return Err(EditError::ReadOnly);
    }
    let folder = folder_of(&path)?;
    let backup = back_up(&path, &folder, &before, &metadata, now)?;
    let replacement = filled(&folder, after.as_bytes(), Some(&metadata))?;
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
    let file = filled(&folder_of(path)?, entry.as_file().as_bytes(), None)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(Change::Created),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(EditError::Raced),
        Err(failed) => Err(failed.error.into()),
    }
}

/// A file on disk, not yet in its place; readable by nobody else unless the old one was.
fn filled(folder: &Path, content: &[u8], like: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    if let Some(like) = like {
        file.as_file().set_permissions(like.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Puts what a file says beside it, under a name that no file has.
fn back_up(
    path: &Path,
    folder: &Path,
    content: &[u8],
    like: &Metadata,
    now: Timestamp,
) -> io::Result<PathBuf> {
    let digits = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect::<String>();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut copy = filled(folder, content, Some(like))?;
    let mut number = 1;
    loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let backup = folder.join(format!("{name}.bak-{digits}{again}"));
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
        assert_eq!(entry.written_into(before).unwrap().as_deref(), Some(after));
        assert_eq!(entry.written_into(after).unwrap(), None, "a second time");
    }

    #[track_caller]
    fn refused(entry: &Entry, text: &str, why: &str) {
        let error = entry.written_into(text).unwrap_err().to_string();
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
    fn a_file_that_says_nothing_gets_the_entry_alone() {
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
    fn tabs_line_ends_of_windows_and_a_byte_order_mark_stay() {
        let before = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {}\r\n\t}\r\n}\r\n";
        let after = "\u{feff}{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {},\r\n\t\t\"promptdb\": {\r\n\
            \t\t\t\"url\": \"http://localhost:3000/mcp\"\r\n\t\t}\r\n\t}\r\n}\r\n";
        check(before, after);
    }

    #[test]
    fn of_another_entry_only_how_the_server_is_reached_changes() {
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
    fn what_is_no_json_is_refused_where_it_stops_being_some() {
        refused(&entry(true), "{\n  \"a\": \n}", "line 3");
        for text in ["{", "{\"a\": 1 \"b\": 2}", "{'a': 1}", "{a: 1}", "{} {}", "nonsense"] {
            refused(&entry(true), text, "not valid JSON");
        }
        refused(&entry(true), &"[".repeat(100_000), "not valid JSON");
        for text in ["{} // comment", "{\"a\": [1,]}"] {
            refused(&entry(false), text, "not valid JSON");
        }
    }

    #[test]
    fn a_value_of_another_shape_is_refused_by_its_path() {
        refused(&entry(true), "[1]", "what stands in it is not an object");
        for servers in ["[]", "null", "\"x\"", "7"] {
            let text = format!("{{\"mcpServers\": {servers}}}");
            refused(&entry(true), &text, "mcpServers in it is not an object");
            let text = format!("{{\"mcpServers\": {{\"promptdb\": {servers}}}}}");
            refused(&entry(true), &text, "mcpServers.promptdb in it is not an object");
        }
        let twice = "{\"mcpServers\": {}, \"mcp\\u0053ervers\": {}}";
        refused(&entry(true), twice, "mcpServers stands in it more than once");
    }
}
