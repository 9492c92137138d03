//! Prompts and their versions. Each rule has its limit and its message here and nowhere else.
//!
//! Parsing is the only way to construct a value from a caller's input, so an invalid value cannot
//! exist. A store returns values through `Stored`, which applies no rule.

mod slug;
mod variable_name;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use self::slug::{read_slug, read_whole_slug};
pub use self::variable_name::FoldedName;
use super::Timestamp;
use super::characters::remove_invisible;
use super::syntax::Syntax;

/// Maximum number of characters of a title.
pub const TITLE_MAX_CHARS: usize = 120;
/// Maximum number of characters of a description, as in the front matter of an Agent Skill.
pub const DESCRIPTION_MAX_CHARS: usize = 1024;
/// Maximum number of bytes of a content in UTF-8.
pub const CONTENT_MAX_BYTES: usize = 65_536;
/// Maximum number of tags of a prompt.
pub const TAGS_MAX: usize = 10;
/// Maximum number of distinct variables of a content.
pub const VARIABLES_MAX: usize = 100;
/// Maximum number of characters of a variable's description.
pub const VARIABLE_DESCRIPTION_MAX_CHARS: usize = 500;
/// Maximum number of bytes of a variable's default.
pub const VARIABLE_DEFAULT_MAX_BYTES: usize = 4096;
/// Maximum size of a whole body in bytes, as by [`Body::bytes`]. The limits of its parts add up to five
/// times as much, nearly all of it in variables; every page, batch and transaction counts on this.
pub const BODY_MAX_BYTES: u64 = 128 * 1024;
/// Days for which a deleted prompt can be restored.
pub const RESTORABLE_DAYS: i64 = 30;

/// The name of the built-in prompt; no saved prompt can have it.
pub const BUILT_IN_NAME: &str = "harvest";

/// Maximum characters of a name.
pub const NAME_MAX_CHARS: usize = 64;
/// Maximum characters of a tag.
pub const TAG_MAX_CHARS: usize = 32;

/// A value as a store returns it: the trust boundary of deserialization.
///
/// The domain's types implement `Serialize` but not `Deserialize`, so no request type can contain
/// them and skip their rules. Only this wrapper deserializes them. It applies no rule, because a
/// stored value must outlive a later, stricter rule. Only stores may use it; an import parses its
/// file like any other input.
#[derive(Debug)]
pub(crate) struct Stored<T>(pub(crate) T);

impl<T> Stored<T> {
    /// The values of a list.
    pub(crate) fn list(items: Vec<Self>) -> Vec<T> {
        items.into_iter().map(|Self(item)| item).collect()
    }
}

/// Deserializes a field of a stored value.
fn stored<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    Stored<T>: Deserialize<'de>,
{
    Stored::<T>::deserialize(deserializer).map(|Stored(value)| value)
}

/// Deserializes a list in a field of a stored value.
fn stored_list<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    Stored<T>: Deserialize<'de>,
{
    Vec::<Stored<T>>::deserialize(deserializer).map(Stored::list)
}

/// Defines a text newtype whose only public constructor is its `parse`.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Wraps a text that a store returned, without checking it; see [`Stored`].
            pub(crate) fn from_store(text: String) -> Self {
                Self(text)
            }
        }

        impl<'de> Deserialize<'de> for Stored<$name> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map($name::from_store).map(Self)
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
    /// One line of 1 to 120 characters without white space around it and without invisible
    /// characters.
    Title
}
text! {
    #[derive(Default)]
    /// 0 to 1,024 characters without white space around them.
    Description
}
text! {
    /// The template: 1 to 65,536 bytes, stored unchanged.
    Content
}
text! {
    /// A slug, `[a-z0-9][a-z0-9-]{0,31}`.
    Tag
}
text! {
    /// A letter of any script or `_`, then letters, marks, digits, `_` and `-`: 1 to 64 characters in
    /// NFC. [`FoldedName`] tells which spellings are one variable.
    VariableName
}

impl Name {
    /// Reads the name of a prompt to save: the slug of any text. Refuses a text without letters and
    /// digits, one of a longer slug than [`NAME_MAX_CHARS`], and [`BUILT_IN_NAME`].
    pub fn parse(text: &str) -> Result<Self, String> {
        match read_whole_slug(text, NAME_MAX_CHARS) {
            Ok(slug) if slug == BUILT_IN_NAME => {
                Err("is the name of the built-in prompt; choose another".to_owned())
            }
            slug => slug.map(Self),
        }
    }

    /// The slug of a title, transliterated to ASCII and cut at [`NAME_MAX_CHARS`]; `None` if nothing can
    /// be transliterated.
    pub fn from_title(title: &Title) -> Option<Self> {
        let slug = read_slug(title.as_str(), NAME_MAX_CHARS)?;
        Some(Self(if slug == BUILT_IN_NAME { format!("{slug}-prompt") } else { slug }))
    }

    /// The name of a prompt whose title cannot be transliterated to ASCII.
    pub(super) fn fallback() -> Self {
        Self("prompt".to_owned())
    }

    /// Reads the name that a text means: a slug means itself, any other text its slug. `None` if
    /// nothing in it can be transliterated, or if it is longer than any name: cut, it would mean another
    /// prompt.
    pub fn read(text: &str) -> Option<Self> {
        read_whole_slug(text, NAME_MAX_CHARS).ok().map(Self)
    }

    /// Appends a number, such as `poem-2`. What is too long is cut before it. `None` if the
    /// result is not a name.
    pub(crate) fn numbered(&self, number: u32) -> Option<Self> {
        let end = format!("-{number}");
        let room = NAME_MAX_CHARS.checked_sub(end.len())?;
        // A name is ASCII.
        let start = self.0.get(..room.min(self.0.len()))?.trim_end_matches('-');
        Self::parse(&format!("{start}{end}")).ok()
    }

    /// Whether a text is a name as it stands.
    pub(super) fn is_exact(text: &str) -> bool {
        slug::is_slug(text, NAME_MAX_CHARS) && text != BUILT_IN_NAME
    }
}

impl Title {
    /// Parses a title without invisible characters and without white space around it. A title that
    /// has nothing else is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        let clean = remove_invisible(text);
        let text = clean.trim();
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        check_chars(text, TITLE_MAX_CHARS)?;
        if text.chars().any(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The title of a prompt that was given only a name: the text that was given if it has words of
    /// its own, else the name in words.
    pub(super) fn from_name(name: &Name, given: &str) -> Self {
        let has_words = given.contains(char::is_whitespace) || !given.is_ascii();
        if has_words && let Ok(title) = Self::parse(given) {
            return title;
        }
        let mut title = name.as_str().replace('-', " ").trim().to_owned();
        if let Some(first) = title.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self(title)
    }

    /// The title of a prompt with neither title nor name: its first line with text, without
    /// Markdown's markers.
    pub(super) fn from_content(content: &Content) -> Self {
        let lines = || content.as_str().lines().map(plain_line).filter(|line| !line.is_empty());
        let line = lines().find(|line| !is_role(line)).or_else(|| lines().next());
        let line = line.unwrap_or_else(|| "Untitled prompt".to_owned());
        let short: String = line.chars().take(TITLE_MAX_CHARS).collect();
        Self(short.trim().to_owned())
    }
}

/// Whether a line says who speaks in the chat that a prompt is.
fn is_role(line: &str) -> bool {
    let role = line.strip_suffix(':').unwrap_or_default();
    ["system", "developer", "user", "assistant"]
        .iter()
        .any(|known| role.eq_ignore_ascii_case(known))
}

/// A line without Markdown's markers, control and invisible characters and repeated white space.
fn plain_line(line: &str) -> String {
    let line = remove_invisible(line);
    let line = line.trim().trim_start_matches(['#', '>', '*', '-', ' ']);
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Description {
    /// Parses a description and trims white space.
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
    /// Parses a content.
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
    /// Reads a tag: a slug is itself, any other text its slug. Refuses a text without letters and
    /// digits, and one of a longer slug than [`TAG_MAX_CHARS`].
    pub fn parse(text: &str) -> Result<Self, String> {
        read_whole_slug(text, TAG_MAX_CHARS).map(Self)
    }
}

/// A variable of a content.
// The description is part of published schemas, as are the ones of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(remote = "Self")]
#[schemars(remote = "Variable")]
#[schema(as = VariableResponse)]
pub struct Variable {
    /// The name as it stands between the braces.
    #[serde(deserialize_with = "stored")]
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub name: VariableName,
    /// What to pass for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is inserted when nothing is passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The part of a prompt that has versions, in the one form of all stores, exports and responses.
///
/// Constructed by a [`Draft`](super::draft::Draft) only, and returned by a store through
/// `Stored`.
// Descriptions of fields are part of published schemas, which have none for the obvious ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(remote = "Self")]
#[schemars(remote = "Body")]
#[schema(as = BodyResponse)]
#[non_exhaustive]
pub struct Body {
    #[serde(deserialize_with = "stored")]
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub title: Title,
    #[serde(deserialize_with = "stored")]
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub description: Description,
    /// The template.
    #[serde(deserialize_with = "stored")]
    #[schemars(with = "String")]
    #[schema(value_type = String)]
    pub content: Content,
    // At most `TAGS_MAX`, without repetition, in the author's order.
    #[serde(deserialize_with = "stored_list")]
    #[schemars(with = "Vec<String>")]
    #[schema(value_type = Vec<String>)]
    pub tags: Vec<Tag>,
    /// The variables of the content, in order of appearance.
    #[serde(deserialize_with = "stored_list")]
    pub variables: Vec<Variable>,
    /// The syntax of the content: 2, or absent in old versions, where only `{{lower_case}}` is a
    /// variable.
    #[serde(
        default = "Syntax::unstated",
        skip_serializing_if = "Syntax::is_unstated",
        deserialize_with = "stored"
    )]
    #[schemars(with = "Option<u32>")]
    #[schema(value_type = Option<u32>)]
    pub syntax: Syntax,
}

impl Body {
    /// Returns whether title, description and content are those of another body: they have one meaning.
    pub fn has_texts_of(&self, other: &Self) -> bool {
        self.title == other.title
            && self.description == other.description
            && self.content == other.content
    }
}

/// Implements `Serialize` for a type whose derived functions are inherent (`remote = "Self"`), and
/// `Deserialize` for its [`Stored`] form alone.
macro_rules! stored_struct {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for Stored<$name> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $name::deserialize(deserializer).map(Self)
            }
        }
    )*};
}

stored_struct!(Variable, Body);

/// A prompt with its current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Never changes.
    pub id: PromptId,
    /// Unique among the living prompts of the library.
    pub name: Name,
    /// The body of the current version.
    pub body: Body,
    /// The number of the current version: 1, 2, ...
    pub version: u32,
    /// The client that saved the current version.
    pub source: String,
    /// Whether it is marked as a favourite.
    pub favorite: bool,
    /// When version 1 was saved.
    pub created_at: Timestamp,
    /// When the current version was saved.
    pub updated_at: Timestamp,
    /// When it was deleted; `None` for a living prompt.
    pub deleted_at: Option<Timestamp>,
    /// How often it was rendered; counted with a delay of some seconds.
    pub use_count: u64,
    /// When it was last rendered.
    pub last_used_at: Option<Timestamp>,
}

/// One saved version of a prompt. It never changes, and exists as long as its prompt unless the owner
/// prunes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// 1, 2, ... without a gap; pruned ones are missing from the start.
    pub version: u32,
    /// Its body.
    pub body: Body,
    /// The client that saved it.
    pub source: String,
    /// When it was saved.
    pub created_at: Timestamp,
}

impl Prompt {
    /// The prompt with another of its versions as the current one.
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

/// A caller's reference to a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PromptRef {
    /// By id.
    Id(PromptId),
    /// By name.
    Name(Name),
}

impl PromptRef {
    /// Reads `text` as an id if it has the form of one, else as a name. Refuses a text without letters
    /// and digits, and one that is longer than any name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match PromptId::parse(text.trim()) {
            Some(id) => Ok(Self::Id(id)),
            None => read_whole_slug(text, NAME_MAX_CHARS).map(Name).map(Self::Name),
        }
    }

    /// Whether it is the name of the built-in prompt, which no saved prompt has.
    pub fn is_built_in(&self) -> bool {
        self.as_str() == BUILT_IN_NAME
    }

    /// The id or name as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Name(name) => name.as_str(),
        }
    }
}

pub(crate) fn check_chars(text: &str, max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if count > max {
        return Err(format!("has {count} characters; at most {max} are allowed"));
    }
    Ok(())
}

pub(crate) fn check_bytes(text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("has {} bytes; at most {max} are allowed", text.len()));
    }
    Ok(())
}

pub(crate) fn check_no_nul(text: &str) -> Result<(), String> {
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
        assert_ne!(Name::parse(id.as_str()).unwrap().as_str(), id.as_str());
        assert_eq!(PromptRef::parse(id.as_str()), Ok(PromptRef::Id(id)));
    }

    #[test]
    fn a_stored_body_reads_back_as_it_was_written() {
        let json = serde_json::json!({
            "title": "A title that a later rule may refuse\n",
            "description": "",
            "content": "Say {{this}}.",
            "tags": ["one", "two"],
            "variables": [{ "name": "this", "default": "x" }],
        });
        let Stored(body) = serde_json::from_value::<Stored<Body>>(json.clone()).unwrap();
        assert_eq!(body.tags[1].as_str(), "two");
        assert_eq!(serde_json::to_value(&body).unwrap(), json);
    }

    #[test]
    fn a_body_without_a_syntax_is_of_the_first_one() {
        let json = |syntax: &str| {
            format!(
                r#"{{"title":"T","description":"","content":"c","tags":[],"variables":[]{syntax}}}"#
            )
        };
        let read = |syntax: &str| {
            let read = serde_json::from_str::<Stored<Body>>(&json(syntax));
            read.map(|Stored(body)| body.syntax).ok()
        };
        assert_eq!(read(""), Some(Syntax::First));
        assert_eq!(read(r#","syntax":1"#), Some(Syntax::First));
        assert_eq!(read(r#","syntax":2"#), Some(Syntax::Second));
        assert_eq!(read(r#","syntax":2.0"#), Some(Syntax::Second));
        // A body of a later release would be rendered wrong, so it is not read at all.
        assert_eq!(read(r#","syntax":3"#), None);
    }

    #[test]
    fn a_title_has_no_invisible_characters() {
        let title = |text: &str| Title::parse(text).map(|title| title.to_string());
        assert_eq!(title(" Re\u{ad}view\u{200b}\u{202e} "), Ok("Review".to_owned()));
        assert_eq!(title("one\u{2028}two"), Ok("one two".to_owned()));
        assert_eq!(title("\u{200b}\u{feff}"), title(""));
        let long = format!("{}\u{200b}", "é".repeat(TITLE_MAX_CHARS));
        assert!(title(&long).is_ok());
        assert!(title("a\nb").is_err());
    }

    #[test]
    fn the_built_in_name_is_reserved_for_saving_alone() {
        for text in ["harvest", "Harvest", " #harvest! "] {
            assert!(Name::parse(text).unwrap_err().contains("built-in"), "{text}");
            assert_eq!(PromptRef::parse(text).unwrap().as_str(), BUILT_IN_NAME);
        }
        assert!(Name::parse("!!!").unwrap_err().contains("a letter or a digit"));
    }

    proptest! {
        #[test]
        fn a_slug_reads_back_as_itself(title in "\\PC{1,150}") {
            if let Some(name) = Name::read(&title) {
                prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(Name::read(name.as_str()), Some(name));
            }
        }

        #[test]
        fn every_name_is_its_own_slug(name in "[a-z0-9][a-z0-9-]{0,63}") {
            prop_assume!(name != BUILT_IN_NAME);
            let parsed = Name::parse(&name).unwrap();
            prop_assert_eq!(parsed.as_str(), name);
        }
    }
}
