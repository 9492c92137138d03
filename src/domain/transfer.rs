//! The file formats of import and export, pure: what an item looks like in each, and how a file is
//! cut into items. `docs/transfer.md` describes them to users.

pub mod archive;
pub mod json;
pub mod markdown;
pub mod table;

use std::io::{self, Read, Seek};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::draft::{Draft, VariableDraft};
use super::prompt::{Name, PromptId, Tag, Variable, Version};
use super::{FieldError, Invalid, Timestamp, candidate::Candidate};

/// The forms that an export can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Everything, with every version: what an import turns into the same library again.
    Json,
    /// The living prompts as they stand, a Markdown file each, in a zip archive.
    Markdown,
    /// The living prompts as they stand, a row each.
    Csv,
}

impl ExportFormat {
    /// Every format with its word, the ending of its file and its media type.
    const ALL: [(Self, &str, &str, &str); 3] = [
        (Self::Json, "json", "json", "application/json"),
        (Self::Markdown, "markdown", "zip", "application/zip"),
        (Self::Csv, "csv", "csv", "text/csv; charset=utf-8"),
    ];

    /// Reads the word for a format.
    pub fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known, ..)| *known == word);
        found.map(|found| found.0).ok_or_else(|| "must be json, markdown or csv".to_owned())
    }

    fn row(self) -> (Self, &'static str, &'static str, &'static str) {
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[0])
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        self.row().3
    }

    /// A file name that carries the day.
    pub fn file_name(self, now: Timestamp) -> String {
        let text = now.to_string();
        let day = text.split('T').next().unwrap_or_default();
        format!("promptdb-{day}.{}", self.row().2)
    }
}

/// The forms that an import takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// An export, or a plain array of prompts.
    Json,
    /// A header row and a row for each prompt.
    Csv,
    /// A zip archive of Markdown files and folders with a `SKILL.md`.
    Zip,
    /// One Markdown file.
    Markdown,
}

impl ImportFormat {
    const ALL: [(Self, &str); 4] = [
        (Self::Json, "json"),
        (Self::Csv, "csv"),
        (Self::Zip, "zip"),
        (Self::Markdown, "markdown"),
    ];

    /// Reads the word for a format.
    pub fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map(|found| found.0).ok_or_else(|| "must be json, csv, zip or markdown".to_owned())
    }

    /// The format that the media type of a body names.
    pub fn from_media_type(essence: &str) -> Option<Self> {
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "text/csv" => Some(Self::Csv),
            "application/zip" | "application/x-zip-compressed" => Some(Self::Zip),
            "text/markdown" => Some(Self::Markdown),
            _ => None,
        }
    }

    /// The format that the ending of a file's name tells.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "zip" => Some(Self::Zip),
            "md" | "markdown" => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// Where an import reads from.
pub enum Source {
    /// A file or body of one format; `stem` is the file's name without its ending, if it has one.
    File {
        /// How to read it.
        format: ImportFormat,
        /// The bytes.
        input: Box<dyn Input>,
        /// Names a Markdown file that does not name itself.
        stem: Option<String>,
    },
    /// A folder of Markdown files and folders with a `SKILL.md`.
    Folder(PathBuf),
}

/// Bytes that can be read in any order, on any thread.
pub trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

/// One thing in a file that is to be imported.
#[derive(Debug, Clone)]
pub struct Item {
    /// Where it stands, as a person finds it: `prompts[3]`, `row 7`, `folder/x.md`.
    pub at: String,
    /// What the file has it for.
    pub kind: ItemKind,
    /// What it is called, as far as the file tells.
    pub name: Option<String>,
    /// What it is, or what is wrong with it.
    pub content: Result<ItemContent, Invalid>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A prompt.
    Prompt,
    /// A candidate.
    Candidate,
}

/// What can be imported.
#[derive(Debug, Clone)]
pub enum ItemContent {
    /// A text to save under its name.
    Draft(FoundDraft),
    /// A prompt with all its versions.
    History(History),
    /// A candidate that waits for review.
    Candidate(Candidate),
}

/// A prompt as most formats have it: one text, without a past.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FoundDraft {
    /// The fields that the file has.
    pub draft: Draft,
    /// Whether it is marked, where the file says so.
    pub favorite: Option<bool>,
}

/// A prompt as an export in JSON has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The id in the library that it comes from.
    pub id: PromptId,
    /// Its name there.
    pub name: Name,
    /// Whether it was marked.
    pub favorite: bool,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// How often it was used.
    pub use_count: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// At least one, numbered 1, 2, ... in this order.
    pub versions: Vec<Version>,
}

/// A file that cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct ReadError {
    /// Where reading ended.
    pub at: String,
    /// Why, and what to do.
    pub reason: String,
}

impl ReadError {
    /// A file that breaks at `at`.
    pub fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { at: at.into(), reason: reason.into() }
    }
}

/// Takes the items of a file one by one; `false` ends the reading.
pub type Sink<'a> = dyn FnMut(Item) -> bool + 'a;

impl Source {
    /// Cuts the source into items. What one item does wrong is that item's; `Err` is a source that
    /// cannot be read on, after the items that came before.
    pub fn read(self, sink: &mut Sink<'_>) -> Result<(), ReadError> {
        match self {
            Self::Folder(path) => archive::read_folder(&path, sink),
            Self::File { format, mut input, stem } => match format {
                ImportFormat::Json => json::read(without_bom(input)?, sink),
                ImportFormat::Csv => table::read(without_bom(input)?, sink),
                ImportFormat::Zip => archive::read_zip(input, sink),
                ImportFormat::Markdown => {
                    let name = stem.clone().unwrap_or_else(|| "the file".to_owned());
                    let bytes = markdown::read_bytes(&mut input)
                        .map_err(|error| ReadError::new(&name, error.to_string()))?;
                    let content = bytes.and_then(|bytes| markdown::read(&bytes, stem.as_deref()));
                    sink(markdown::item(name, content));
                    Ok(())
                }
            },
        }
    }
}

/// Passes over the mark that some editors put before UTF-8; refuses the marks of UTF-16.
fn without_bom(mut input: Box<dyn Input>) -> Result<io::BufReader<Box<dyn Input>>, ReadError> {
    let fails = |error: io::Error| ReadError::new("the file", error.to_string());
    let mut start = Vec::new();
    input.by_ref().take(3).read_to_end(&mut start).map_err(fails)?;
    if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
        return Err(ReadError::new("the file", "is UTF-16; save it as UTF-8"));
    }
    if start != "\u{feff}".as_bytes() {
        input.rewind().map_err(fails)?;
    }
    Ok(io::BufReader::new(input))
}

/// A variable as every format writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableRecord {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

impl From<&Variable> for VariableRecord {
    fn from(variable: &Variable) -> Self {
        let Variable { name, description, default } = variable;
        Self { name: name.to_string(), description: description.clone(), default: default.clone() }
    }
}

impl From<VariableRecord> for VariableDraft {
    fn from(record: VariableRecord) -> Self {
        let VariableRecord { name, description, default } = record;
        Self { name, description, default }
    }
}

fn variable_records(variables: &[Variable]) -> Vec<VariableRecord> {
    variables.iter().map(VariableRecord::from).collect()
}

fn variable_drafts(records: Vec<VariableRecord>) -> Vec<VariableDraft> {
    records.into_iter().map(VariableDraft::from).collect()
}

fn tag_texts(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::as_str).collect()
}

/// Tags in one text, as people and other programs write them.
fn split_tags(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', ' ', '\n']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// What other programs call a name is often a title: it becomes one where there is none.
fn use_invalid_name_as_title(draft: &mut Draft) {
    let is_no_slug = |name: &mut String| Name::parse(name).is_err();
    if draft.title.is_none() {
        draft.title = draft.name.take_if(is_no_slug);
    }
}

/// The fault of a whole item.
fn invalid_field(field: &str, message: impl Into<String>) -> Invalid {
    FieldError::new(field, message).into()
}

fn not_utf8_message() -> String {
    "is not UTF-8; save the file as UTF-8".to_owned()
}
