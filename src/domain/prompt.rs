//! Prompts and their versions. Parsing is the only way to construct a value, so an invalid one
//! cannot exist; every rule has its limit and its message here and nowhere else.

use std::fmt;

use super::Timestamp;

/// Most characters of a title.
pub const TITLE_MAX_CHARS: usize = 120;
/// Most characters of a description.
pub const DESCRIPTION_MAX_CHARS: usize = 500;
/// Most bytes of a content in UTF-8.
pub const CONTENT_MAX_BYTES: usize = 65_536;
/// Most tags of a prompt.
pub const TAGS_MAX: usize = 10;
/// Most distinct variables of a content.
pub const VARIABLES_MAX: usize = 100;
/// Most characters of a variable's description.
pub const VARIABLE_DESCRIPTION_MAX_CHARS: usize = 500;
/// Most bytes of a variable's default.
pub const VARIABLE_DEFAULT_MAX_BYTES: usize = 4096;
/// How long a deleted prompt can be restored.
pub const RESTORABLE_DAYS: i64 = 30;

/// The name of the prompt that is always there; no saved prompt can have it.
pub const BUILT_IN_NAME: &str = "harvest";

/// Maximum characters of a name.
pub const NAME_MAX_CHARS: usize = 64;
/// Maximum characters of a tag.
pub const TAG_MAX_CHARS: usize = 32;

/// A text newtype that only its `parse` can make.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes back what a store was given; only a store may call it. The rules are not
            /// applied again, so that a stored value outlives a later, stricter rule.
            pub(crate) fn from_store(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

super::opaque_id! {
    /// An opaque, unguessable id, `prm_` and 32 hexadecimal digits. A [`Name`] never holds `_`, so
    /// that no name can be taken for an id.
    PromptId, "prm_"
}
text! {
    /// A slug, `[a-z0-9][a-z0-9-]{0,63}`, unique among the living prompts of its owner.
    Name
}
text! {
    /// One line of 1 to 120 characters without white space around it.
    Title
}
text! {
    #[derive(Default)]
    /// 0 to 500 characters without white space around them.
    Description
}
text! {
    /// The template: 1 to 65,536 bytes, kept exactly as it came.
    Content
}
text! {
    /// A slug, `[a-z0-9][a-z0-9-]{0,31}`.
    Tag
}
text! {
    /// `[a-z][a-z0-9_]{0,31}`.
    VariableName
}

impl Name {
    /// Checks a slug.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == BUILT_IN_NAME {
            return Err("is the name of the built-in prompt; choose another".to_owned());
        }
        check_slug(text, NAME_MAX_CHARS).map(Self)
    }

    /// The slug of a title, transliterated to ASCII; `None` when nothing of it can be spelled.
    pub fn from_title(title: &Title) -> Option<Self> {
        let slug = slug(title.as_str(), NAME_MAX_CHARS)?;
        Some(Self(if slug == BUILT_IN_NAME { format!("{slug}-prompt") } else { slug }))
    }

    /// The name of a prompt whose title cannot be spelled in ASCII.
    pub(super) fn fallback() -> Self {
        Self("prompt".to_owned())
    }

    /// The slug that a person means who types `text` for a name.
    pub fn guess(text: &str) -> Option<Self> {
        slug(text, NAME_MAX_CHARS).map(Self)
    }
}

impl Title {
    /// Checks a title; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        check_chars(text, TITLE_MAX_CHARS)?;
        if text.chars().any(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The title of a prompt that came without one: its name in words.
    pub(super) fn from_name(name: &Name) -> Self {
        let mut title = name.as_str().replace('-', " ").trim().to_owned();
        if let Some(first) = title.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self(title)
    }

    /// The title of a prompt that came with neither title nor name: its first line that says
    /// something, without Markdown's heading signs.
    pub(super) fn from_content(content: &Content) -> Self {
        let plain = |line: &str| -> String {
            let line = line.trim().trim_start_matches(['#', '>', '*', '-', ' ']);
            let clean: String = line.chars().filter(|c| !c.is_control()).collect();
            clean.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let line = content.as_str().lines().map(plain).find(|line| !line.is_empty());
        let line = line.unwrap_or_else(|| "Untitled prompt".to_owned());
        let short: String = line.chars().take(TITLE_MAX_CHARS).collect();
        Self(short.trim().to_owned())
    }
}

impl Description {
    /// Checks a description; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        check_chars(text, DESCRIPTION_MAX_CHARS)?;
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Content {
    /// Checks a content.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_bytes(text, CONTENT_MAX_BYTES)?;
        if text.trim().is_empty() {
            return Err("must not be empty".to_owned());
        }
        check_no_nul(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl Tag {
    /// Checks a tag.
    pub fn parse(text: &str) -> Result<Self, String> {
        check_slug(text, TAG_MAX_CHARS).map(Self)
    }
}

impl VariableName {
    /// Maximum characters of a name.
    pub const MAX_CHARS: usize = 32;

    /// Checks a variable's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && Self::prefix_of(text).len() == text.len() {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "must start with a letter a-z and hold only a-z, 0-9 and _, at most {} characters",
            Self::MAX_CHARS
        ))
    }

    /// The longest start of `text` that is a variable's name, or the empty text.
    pub(super) fn prefix_of(text: &str) -> &str {
        let part_of_name =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let length = text.bytes().take(Self::MAX_CHARS).take_while(part_of_name).count();
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts_well { &text[..length] } else { "" }
    }
}

/// A variable of a content, with what the author says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name as it stands between the braces.
    pub name: VariableName,
    /// What to pass for it.
    pub description: Option<String>,
    /// What is inserted when no argument is passed.
    pub default: Option<String>,
}

/// What a save appends: the part of a prompt that has versions. Made by a
/// [`Draft`](super::draft::Draft) only, and given back by a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Body {
    /// What it is called.
    pub title: Title,
    /// What it is for.
    pub description: Description,
    /// The template.
    pub content: Content,
    /// At most [`TAGS_MAX`], without repetition, in the author's order.
    pub tags: Vec<Tag>,
    /// Exactly the variables of the content, in order of appearance.
    pub variables: Vec<Variable>,
}

/// A prompt as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Never changes.
    pub id: PromptId,
    /// What its owner calls it.
    pub name: Name,
    /// What the current version says.
    pub body: Body,
    /// The number of the current version: 1, 2, ...
    pub version: u32,
    /// The client that saved the current version.
    pub source: String,
    /// Whether the owner marked it.
    pub favorite: bool,
    /// When version 1 was saved.
    pub created_at: Timestamp,
    /// When the current version was saved.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// How often it was rendered; counted with a delay of some seconds.
    pub use_count: u64,
    /// When it was last rendered.
    pub last_used_at: Option<Timestamp>,
}

/// One save of a prompt; never changed and never lost while its prompt lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// 1, 2, ... without a gap.
    pub version: u32,
    /// What it said.
    pub body: Body,
    /// The client that saved it.
    pub source: String,
    /// When it was saved.
    pub created_at: Timestamp,
}

impl Prompt {
    /// The prompt as it read at another version.
    #[must_use]
    pub fn at(self, version: Version) -> Self {
        Self {
            version: version.version,
            body: version.body,
            source: version.source,
            updated_at: version.created_at,
            ..self
        }
    }
}

/// How a caller names a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PromptRef {
    /// By id.
    Id(PromptId),
    /// By name.
    Name(Name),
}

impl PromptRef {
    /// Reads `text` as an id if it has the form of one, else as a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match PromptId::parse(text) {
            Some(id) => Ok(Self::Id(id)),
            None => Name::parse(text).map(Self::Name),
        }
    }

    /// The id or name as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }
}

fn check_slug(text: &str, max_chars: usize) -> Result<String, String> {
    let is_slug_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed = (1..=max_chars).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(is_slug_byte);
    if well_formed {
        return Ok(text.to_owned());
    }
    let short_enough = (text.len() <= 4 * max_chars).then_some(text);
    let hint = short_enough.and_then(|text| slug(text, max_chars));
    let hint = hint.map(|slug| format!("; try `{slug}`")).unwrap_or_default();
    Err(format!(
        "must hold only a-z, 0-9 and -, not start with -, and have 1 to {max_chars} characters{hint}"
    ))
}

/// `text` spelled in ASCII words joined by `-`, cut at `max_chars`.
fn slug(text: &str, max_chars: usize) -> Option<String> {
    let ascii = deunicode::deunicode_with_tofu(text, "");
    let lower = ascii.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-");
    slug.truncate(max_chars);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

pub(super) fn check_chars(text: &str, max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if count > max {
        return Err(format!("has {count} characters; at most {max} are allowed"));
    }
    Ok(())
}

pub(super) fn check_bytes(text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("has {} bytes; at most {max} are allowed", text.len()));
    }
    Ok(())
}

pub(super) fn check_no_nul(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("must not contain the character NUL (U+0000)".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_never_a_name() {
        let id = PromptId::random();
        assert_eq!(PromptId::parse(id.as_str()), Some(id.clone()));
        assert!(Name::parse(id.as_str()).is_err());
        assert_eq!(PromptRef::parse(id.as_str()), Ok(PromptRef::Id(id)));
    }

    proptest! {
        #[test]
        fn a_slug_reads_back_as_itself(title in "\\PC{1,150}") {
            if let Some(name) = Name::guess(&title) {
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(Name::guess(name.as_str()), Some(name));
            }
        }

        #[test]
        fn every_name_is_its_own_slug(name in "[a-z0-9][a-z0-9-]{0,63}") {
            prop_assert!(Name::parse(&name).is_ok());
        }
    }
}
