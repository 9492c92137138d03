//! The syntaxes of templates. Each version keeps the one that it was written in, so that a saved text
//! renders as before whatever a later syntax makes of it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::prompt::Stored;

/// What is a variable in a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `{{name}}` without white space, where a name is `[a-z][a-z0-9_]{0,31}`. Versions of before
    /// there was another syntax have it, and nothing new is written in it.
    First,
    /// `{{ Name }}`: names of letters of any script, digits, `_` and `-`, of which spellings that
    /// differ only in case or in `-` and `_` are one; and never three braces.
    Second,
}

impl Syntax {
    /// The syntax of every new version.
    pub const CURRENT: Self = Self::Second;

    /// Returns the syntax of a text that does not state one.
    pub(super) fn unstated() -> Self {
        Self::First
    }

    /// Whether a text in this syntax does not state it.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_unstated(&self) -> bool {
        *self == Self::unstated()
    }

    /// Returns its number, by which stores and exports keep it.
    pub fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }

    /// Returns the syntax of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::First, Self::Second].into_iter().find(|syntax| syntax.number() == number)
    }
}

impl Serialize for Syntax {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.number())
    }
}

impl<'de> Deserialize<'de> for Stored<Syntax> {
    /// Reads the number, possibly written as a float: Convex has no others.
    #[expect(clippy::float_cmp, reason = "a float has each small whole number exactly")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        let known = [Syntax::First, Syntax::Second];
        let found = known.into_iter().find(|syntax| f64::from(syntax.number()) == number);
        found.map(Self).ok_or_else(|| serde::de::Error::custom("unknown syntax of templates"))
    }
}
