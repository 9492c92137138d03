//! What the fields of other programs mean: the columns of a table, the keys of JSON and YAML.

/// The part of a prompt that a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Name,
    Title,
    Description,
    Content,
    Tags,
    Variables,
    Favorite,
}

impl Role {
    /// Returns the name of the role's field in an error.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Title => "title",
            Self::Description => "description",
            Self::Content => "content",
            Self::Tags => "tags",
            Self::Variables => "variables",
            Self::Favorite => "favorite",
        }
    }
}

/// The meaning of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A part of the prompt. Of two fields with the same role, the one with the lower rank is read.
    Part(Role, usize),
    /// Bookkeeping of the program, such as an id or a time, which no prompt needs.
    Bookkeeping,
    /// Anything else: it is passed over, and a note says so.
    Unknown,
}

/// The names of each role, without signs and in lower case, those that are read first in front.
const NAMES: [(Role, &[&str]); 7] = [
    (
        Role::Name,
        &[
            "name",
            "cmd",
            "command",
            "slug",
            "abbreviation",
            "trigger",
            "triggers",
            "keyword",
            "shortcut",
        ],
    ),
    (
        Role::Title,
        &["title", "act", "label", "prompttitle", "promptname", "displayname", "heading"],
    ),
    (Role::Description, &["description", "desc", "summary", "teaser", "remark", "remarks", "help"]),
    (
        Role::Content,
        &[
            "content",
            "prompt",
            "text",
            "body",
            "prompttext",
            "promptcontent",
            "plaintext",
            "template",
            "prompttemplate",
            "snippet",
            "replace",
            "messages",
            "steps",
            // Beside steps, how they are used.
            "instructions",
            "instruction",
            "systemprompt",
            "systemmessage",
            "userprompt",
            "markdown",
            "html",
        ],
    ),
    (
        Role::Tags,
        &["tags", "tag", "categories", "category", "folder", "foldername", "topics", "topic"],
    ),
    (Role::Variables, &["variables"]),
    (
        Role::Favorite,
        &["favorite", "favourite", "isfavorite", "isfavourite", "favorited", "starred", "pinned"],
    ),
];

/// The fields that programs keep for themselves.
const BOOKKEEPING: &[&str] = &[
    "id",
    "uuid",
    "uid",
    "key",
    "index",
    "order",
    "position",
    "userid",
    "ownerid",
    "authorid",
    "created",
    "createdat",
    "createdtime",
    "creationtime",
    "createtime",
    "creationdate",
    "date",
    "updated",
    "updatedat",
    "updatedtime",
    "updatetime",
    "modified",
    "modifiedat",
    "lastmodified",
    "lasteditedtime",
    "lastchanged",
    "lastused",
    "lastusedat",
    "timestamp",
    "usecount",
    "usage",
    "version",
    "commitmessage",
    "folderid",
    "parentid",
    "enable",
    "enabled",
    "isactive",
];

/// Returns a field's name without signs and in lower case, by which it is known.
pub(super) fn simplify(field: &str) -> String {
    // No known name is longer; the rest of a longer one is not read.
    const LONGEST: usize = 24;
    let letters = field.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.take(LONGEST).collect()
}

/// Returns the meaning of a field's name, whose case and signs do not matter.
pub(super) fn find_meaning(field: &str) -> Meaning {
    let plain = simplify(field);
    for (role, names) in NAMES {
        if let Some(rank) = names.iter().position(|name| *name == plain) {
            return Meaning::Part(role, rank);
        }
    }
    if BOOKKEEPING.contains(&plain.as_str()) { Meaning::Bookkeeping } else { Meaning::Unknown }
}

/// Returns whether a field holds the text of a prompt.
pub(super) fn is_content(field: &str) -> bool {
    matches!(find_meaning(field), Meaning::Part(Role::Content, _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_in_every_spelling_of_its_name() {
        for (field, role) in [
            ("Prompt Text", Role::Content),
            ("prompt_text", Role::Content),
            ("promptText", Role::Content),
            (" PROMPT ", Role::Content),
            ("is-favorite", Role::Favorite),
            ("act", Role::Title),
            ("cmd", Role::Name),
            ("Category", Role::Tags),
        ] {
            assert!(
                matches!(find_meaning(field), Meaning::Part(found, _) if found == role),
                "{field}"
            );
        }
        assert_eq!(find_meaning("created_at"), Meaning::Bookkeeping);
        for unknown in ["for_devs", "", "contents of it", &"prompt".repeat(10_000)] {
            assert_eq!(find_meaning(unknown), Meaning::Unknown, "{unknown:.20}");
        }
    }

    #[test]
    fn of_two_fields_of_a_role_the_usual_one_is_first() {
        let rank = |field: &str| match find_meaning(field) {
            Meaning::Part(_, rank) => rank,
            Meaning::Bookkeeping | Meaning::Unknown => usize::MAX,
        };
        assert!(rank("content") < rank("prompt") && rank("prompt") < rank("text"));
        assert!(rank("name") < rank("keyword") && rank("title") < rank("label"));
    }
}
