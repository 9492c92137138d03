//! The file formats of import and export: how an item is written in each, and how a file is split
//! into items. `docs/transfer.md` describes them to users.
//!
//! Reading never touches a library. Each file of this folder owns one format; this one owns the
//! types that they share. The forms of other programs are told apart by what the input holds. A reader
//! makes a `Record` of each prompt, and the record settles what can be settled, with a note on each change.

pub mod archive;
mod data_export;
mod encoding;
mod fields;
mod foreign;
pub mod json;
pub mod markdown;
mod recognise;
mod record;
pub mod skill_md;
pub mod table;
pub mod tree;
mod values;
mod yaml;

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use self::archive::{Folder, name_single_file};
use self::markdown::Naming;
use self::record::Settled;
use super::draft::{Draft, VariableDraft};
use super::excerpt::{Excerpt, Message};
use super::prompt::{Name, PromptId, Tag, Variable, Version};
use super::{FieldError, Invalid, Timestamp, candidate::Candidate};

/// The place of an item that is the whole file.
const WHOLE_FILE: &str = "the file";

/// Maximum number of bytes that a draft holds in memory, more than any valid one does. What is over it
/// is dropped where it is read, so that the items that are read ahead are small.
const DRAFT_MAX_BYTES: usize = 256 * 1024;

/// The formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Everything, with every version. An import of it restores the library.
    Json,
    /// The current version of each living prompt as a Markdown file, in a zip archive.
    Markdown,
    /// The current version of each living prompt as an Agent Skill, in a zip archive.
    Skills,
    /// The current version of each living prompt as a row.
    Csv,
}

impl ExportFormat {
    /// Every format with its name, file extension and media type.
    const ALL: [(Self, &str, &str, &str); 4] = [
        (Self::Json, "json", "json", "application/json"),
        (Self::Markdown, "markdown", "zip", "application/zip"),
        (Self::Skills, "skills", "zip", "application/zip"),
        (Self::Csv, "csv", "csv", "text/csv; charset=utf-8"),
    ];

    /// Parses the name of a format.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known, ..)| *known == name);
        found.map(|found| found.0).ok_or_else(|| "must be json, markdown, skills or csv".to_owned())
    }

    fn row(self) -> (Self, &'static str, &'static str, &'static str) {
        Self::ALL.into_iter().find(|row| row.0 == self).expect("`ALL` has every format")
    }

    /// Returns the media type of the file.
    pub fn media_type(self) -> &'static str {
        self.row().3
    }

    /// Returns a file name with the day of `now` in UTC.
    pub fn file_name(self, now: Timestamp) -> String {
        let text = now.to_string();
        let day = text.split('T').next().unwrap_or_default();
        format!("promptdb-{day}.{}", self.row().2)
    }
}

/// The formats of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// An export, or prompts of another program as a list, an object, a map or lines.
    Json,
    /// A row for each prompt.
    Csv,
    /// A zip archive of Markdown files and folders with a `SKILL.md`.
    Zip,
    /// One Markdown file.
    Markdown,
    /// Matches of Espanso, snippets of TextExpander, or a list of prompts.
    Yaml,
    /// One prompt, all of which is content.
    Text,
    /// The one that the input itself shows.
    Auto,
    /// For the extension `.txt`: a text, unless the input is clearly of another form. Programs give the
    /// extension to tables and to lists in JSON, too.
    Txt,
    /// For an extension that belongs to no form: the form that the input shows, but never a text, because it
    /// may be a program or settings.
    Unknown,
}

/// The extensions of texts. What is in front of the text, if anything, is front matter.
const TEXT_EXTENSIONS: [&str; 13] = [
    "text", "prompt", "prompty", "j2", "jinja", "jinja2", "tmpl", "tpl", "hbs", "mustache",
    "liquid", "rst", "org",
];

impl ImportFormat {
    const ALL: [(Self, &str); 7] = [
        (Self::Json, "json"),
        (Self::Csv, "csv"),
        (Self::Zip, "zip"),
        (Self::Markdown, "markdown"),
        (Self::Yaml, "yaml"),
        (Self::Text, "text"),
        (Self::Auto, "auto"),
    ];

    /// Parses the name of a format.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        let names = "must be json, csv, zip, markdown, yaml, text or auto";
        found.map(|found| found.0).ok_or_else(|| names.to_owned())
    }

    /// Returns the format of a media type without parameters, in any case.
    pub fn from_media_type(essence: &str) -> Option<Self> {
        match essence.to_ascii_lowercase().as_str() {
            "application/json" | "application/jsonl" | "application/x-ndjson" => Some(Self::Json),
            "text/csv" | "text/tab-separated-values" => Some(Self::Csv),
            "application/zip" | "application/x-zip-compressed" => Some(Self::Zip),
            "text/markdown" => Some(Self::Markdown),
            "application/yaml" | "application/x-yaml" | "text/yaml" => Some(Self::Yaml),
            "text/plain" => Some(Self::Text),
            "application/octet-stream" => Some(Self::Auto),
            _ => None,
        }
    }

    /// Returns the format of a file extension without its dot, in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "csv" | "tsv" => Some(Self::Csv),
            "zip" => Some(Self::Zip),
            "md" | "markdown" | "mdc" => Some(Self::Markdown),
            "yaml" | "yml" => Some(Self::Yaml),
            "txt" => Some(Self::Txt),
            extension if TEXT_EXTENSIONS.contains(&extension) => Some(Self::Auto),
            _ => None,
        }
    }

    /// Returns the format of a file by its name, or the one that the input shows.
    pub fn from_file_name(file: &str) -> Self {
        let (stem, extension) = split_extension(file);
        let name = stem.rsplit('/').next().unwrap_or(stem);
        match extension {
            Some(extension) => Self::from_extension(extension).unwrap_or(Self::Unknown),
            // The settings of a program, with its secrets.
            None if name.starts_with(".env") => Self::Unknown,
            None => Self::Auto,
        }
    }
}

/// Splits the path of a file from its extension, which is returned without its dot. `Review 1.5` has none, and
/// neither has `.cursorrules`.
pub fn split_extension(file: &str) -> (&str, Option<&str>) {
    let is_extension = |stem: &str, extension: &str| {
        !stem.is_empty()
            && !stem.ends_with('/')
            && extension.contains(|c: char| c.is_ascii_alphabetic())
            && extension.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    match file.rsplit_once('.') {
        Some((stem, extension)) if is_extension(stem, extension) => (stem, Some(extension)),
        _ => (file, None),
    }
}

/// The source of an import.
pub enum Source {
    /// A file or request body of one format.
    File {
        /// The format of the bytes.
        format: ImportFormat,
        /// The bytes.
        input: Box<dyn Input>,
        /// The path of the file with slashes and without its extension, or as much of the end of it as is
        /// known: it names the prompt of a Markdown file whose front matter has no name.
        stem: Option<String>,
    },
    /// A folder of Markdown files and folders with a `SKILL.md`, or of texts.
    Folder(Folder),
}

/// Bytes that can be read at any position and from any thread.
pub trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

/// One item of a source.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its position in words for a person: `prompts[3]`, `row 7`, `folder/x.md`.
    pub at: Excerpt,
    /// Its kind.
    pub kind: ItemKind,
    /// Its name or title, if the file has one; unchecked.
    pub name: Option<Excerpt>,
    /// Its content, or the errors in it.
    pub content: Result<ItemContent, Invalid>,
    /// Sentences on what was settled: what was changed, cut or passed over.
    pub notes: Vec<Message>,
}

impl Item {
    /// Creates a prompt without a history. One that is far over every limit becomes an error.
    fn of_settled(at: Excerpt, name: Option<Excerpt>, found: Result<Settled, Invalid>) -> Self {
        let mut notes = Vec::new();
        let content = found.and_then(|settled| {
            notes = settled.notes;
            check_draft_size(&settled.draft.draft)?;
            Ok(ItemContent::Draft(settled.draft))
        });
        Self { at, kind: ItemKind::Prompt, name, content, notes }
    }
}

fn check_draft_size(draft: &Draft) -> Result<(), Invalid> {
    let bytes = draft.held_bytes();
    if bytes > DRAFT_MAX_BYTES {
        let reason = format!("has {bytes} bytes; no prompt has more than {DRAFT_MAX_BYTES}");
        return Err(invalid_field("item", reason));
    }
    Ok(())
}

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A prompt.
    Prompt,
    /// A candidate.
    Candidate,
}

/// The content of an item.
#[derive(Debug, Clone)]
pub enum ItemContent {
    /// A prompt without a history.
    Draft(FoundDraft),
    /// A prompt with all its versions.
    History(History),
    /// A candidate for the review queue.
    Candidate(Candidate),
}

/// A prompt as most formats describe it: one version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FoundDraft {
    /// The fields that the file has; the others are absent.
    pub draft: Draft,
    /// Whether it is a favorite, if the file has that field.
    pub favorite: Option<bool>,
}

/// A prompt as an export in JSON describes it: all versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The id in the exported library.
    pub id: PromptId,
    /// The name in the exported library.
    pub name: Name,
    /// Whether it was a favorite.
    pub favorite: bool,
    /// The time of its deletion, if it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// The number of its uses.
    pub use_count: u64,
    /// The time of its last use.
    pub last_used_at: Option<Timestamp>,
    /// At least one version, numbered 1, 2, ... in this order.
    pub versions: Vec<Version>,
}

/// A source that cannot be read to its end. Items before the error remain valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct ReadError {
    /// The position of the error, in words for a person.
    pub at: Excerpt,
    /// The reason, and how to correct it.
    pub reason: Message,
}

impl ReadError {
    /// Creates an error at the position `at`. A reason that repeats a text of the source repeats an
    /// [`Excerpt`] of it.
    pub fn new(at: impl Into<Excerpt>, reason: impl Into<Message>) -> Self {
        Self { at: at.into(), reason: reason.into() }
    }
}

/// Receives the items of a source one by one. Returns whether reading should continue.
pub type Sink<'a> = dyn FnMut(Item) -> bool + 'a;

impl Source {
    /// Passes the items of the source to `sink`, in the order of the source.
    ///
    /// An error in one item is part of that item. `Err` means that the source cannot be read any
    /// further; the items before were passed.
    pub fn read(self, sink: &mut Sink<'_>) -> Result<(), ReadError> {
        self.read_with_notes(sink, &mut Vec::new())
    }

    /// Passes the items to `sink` as [`read`](Self::read) does, and adds sentences on what was passed over
    /// beside them to `notes`.
    pub fn read_with_notes(
        self,
        sink: &mut Sink<'_>,
        notes: &mut Vec<Message>,
    ) -> Result<(), ReadError> {
        match self {
            Self::Folder(folder) => folder.read(sink, notes),
            Self::File { format, mut input, stem } => {
                let format = match format {
                    ImportFormat::Auto | ImportFormat::Txt | ImportFormat::Unknown => {
                        recognise::find_format(&mut *input, format)?
                    }
                    // What is a zip archive is nothing else.
                    _ if recognise::is_zip(&mut *input)? => ImportFormat::Zip,
                    known => known,
                };
                read_file(format, input, stem.as_deref(), sink, notes)
            }
        }
    }
}

fn read_file(
    format: ImportFormat,
    mut input: Box<dyn Input>,
    stem: Option<&str>,
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    let own_name = stem.map(|stem| stem.rsplit('/').next().unwrap_or(stem));
    // A prompt that is the whole file is named after it, as that of a text is.
    let mut named = |mut item: Item| {
        if let (true, Some(name), Ok(ItemContent::Draft(found))) =
            (item.at.as_str() == WHOLE_FILE, own_name, &mut item.content)
        {
            markdown::name_draft(&mut found.draft, strip_marks(name));
        }
        sink(item)
    };
    match format {
        ImportFormat::Json => json::read(encoding::read_text(input)?, &mut named, notes),
        ImportFormat::Csv => table::read(encoding::read_text(input)?, sink),
        ImportFormat::Yaml => yaml::read(encoding::read_text(input)?, &mut named, notes),
        ImportFormat::Zip => archive::read_zip(input, own_name.unwrap_or_default(), sink, notes),
        ImportFormat::Markdown
        | ImportFormat::Text
        | ImportFormat::Auto
        | ImportFormat::Txt
        | ImportFormat::Unknown => {
            let at = own_name.unwrap_or(WHOLE_FILE);
            let bytes = markdown::read_bytes(&mut input)
                .map_err(|error| ReadError::new(at, error.to_string()))?;
            let read = bytes.and_then(|bytes| match format {
                ImportFormat::Text => {
                    let stem = own_name.map(|name| strip_marks(name).to_owned());
                    markdown::read_plain(&bytes, Naming { stem, ..Naming::default() })
                }
                _ => markdown::read(&bytes, stem.map_or_else(Naming::default, name_single_file)),
            });
            sink(markdown::item(at.into(), read));
            Ok(())
        }
    }
}

/// Returns what a file is called: its name without the extension and the marks of programs.
fn name_of_file(file: &str) -> &str {
    strip_marks(file.rsplit_once('.').map_or(file, |(stem, _)| stem))
}

/// Returns the name of a file without the mark of Copilot, as in `new.prompt.md`, and without the id that
/// Notion adds to the name of a page.
fn strip_marks(stem: &str) -> &str {
    let stem = [".prompt", ".instructions", ".chatmode", ".agent"]
        .into_iter()
        .find_map(|mark| stem.strip_suffix(mark))
        .unwrap_or(stem);
    match stem.rsplit_once(' ') {
        Some((name, id)) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            name
        }
        _ => stem,
    }
}

fn unreadable_file(error: &io::Error) -> ReadError {
    ReadError::new(WHOLE_FILE, error.to_string())
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

/// Splits a list of tags as people and other programs write it: at commas, semicolons and line feeds, and
/// at spaces between words that all begin with `#`. Any other text is one tag.
fn split_tags(text: &str) -> Vec<String> {
    let is_hashed = |text: &str| text.split_whitespace().all(|word| word.starts_with('#'));
    let parts = text.split([',', ';', '\n']).flat_map(|part| {
        let words = if is_hashed(part) { part.split(' ') } else { part.split('\n') };
        words.map(str::trim)
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Parses the spellings of a mark, in any case. The error is a note on what was passed over.
fn parse_favorite(text: &str) -> Result<bool, Message> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" | "" => Ok(false),
        _ => {
            let text = Excerpt::new(text);
            Err(format!("The favorite `{text}` was passed over: it must be true or false.").into())
        }
    }
}

/// Moves a name that is not a slug as it stands to the title, if there is no title. Other programs
/// often write a title as the name.
fn use_inexact_name_as_title(draft: &mut Draft) {
    if draft.title.is_none() {
        draft.title = draft.name.take_if(|name| !Name::is_exact(name));
    }
}

/// Returns the error of a whole item.
fn invalid_field(field: &str, message: impl Into<Message>) -> Invalid {
    FieldError::new(field, message).into()
}
