//! Shared newtypes and the [`Clock`]. Nothing under `domain/` knows HTTP, SQL or Convex.

pub mod audit;
pub mod candidate;
pub mod draft;
pub mod harvest;
pub mod identity;
pub mod paging;
pub mod prompt;
pub mod ranking;
pub mod redaction;
pub mod similarity;
pub mod template;
pub mod transfer;
pub mod words;

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A moment in UTC with a resolution of one millisecond, written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `millis` milliseconds after the Unix epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Reads RFC 3339 with any offset; what is finer than a millisecond is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self(time.as_millisecond()))
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment `days` days later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days * 24 * 60 * 60 * 1000))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every moment that a clock can give lies inside jiff's range of 20,000 years.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

/// An opaque id: a prefix that says of what, and 122 random bits in hexadecimal digits.
macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A fresh one.
            pub fn random() -> Self {
                Self(format!("{}{}", $prefix, uuid::Uuid::new_v4().simple()))
            }

            /// Reads one as `random` writes it.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix)?;
                let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let well_formed = digits.len() == 32 && digits.bytes().all(is_digit);
                well_formed.then(|| Self(text.to_owned()))
            }

            /// The one id that stands for this one in the library of `owner`: the same at each
            /// call, so that what was imported under it is found again.
            #[must_use]
            pub fn derived(&self, owner: &$crate::domain::identity::UserId) -> Self {
                use sha2::Digest;
                let seed = format!("{owner}\n{}", self.0);
                let digest = sha2::Sha256::digest(seed.as_bytes());
                let digits: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
                Self(format!("{}{digits}", $prefix))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes back what a store was given; only a store may call it.
            pub(crate) fn from_store(text: String) -> Self {
                Self(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use opaque_id;

/// Where the time comes from; tests set their own.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// How long it is since a moment that stays the same while the process lives. Unlike `now`, it
    /// does not jump when somebody sets the clock of the machine.
    fn elapsed(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// Longest path of a field in a fault, and longest name that a refusal repeats.
pub(crate) const FIELD_MAX_CHARS: usize = 200;
/// Longest message of a fault.
const MESSAGE_MAX_CHARS: usize = 1000;

/// What is wrong with one field of the input, in words that say how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field as the caller wrote it: `title`, `tags[2]`, `arguments.topic`.
    pub field: String,
    /// One sentence without the field's name.
    pub message: String,
}

impl FieldError {
    /// A fault of the field at `path`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: shorten(field.into(), FIELD_MAX_CHARS),
            message: shorten(message.into(), MESSAGE_MAX_CHARS),
        }
    }
}

/// The text without its middle if it is long: what repeats the words of a caller may be as long as
/// a body.
pub(crate) fn shorten(text: String, max_chars: usize) -> String {
    if text.len() <= max_chars {
        return text;
    }
    let mut starts = text.char_indices().map(|(at, _)| at).skip(max_chars / 2);
    let mut ends = text.char_indices().rev().map(|(at, _)| at).skip(max_chars / 2);
    match (starts.next(), ends.next()) {
        (Some(start), Some(end)) if start < end => {
            format!("{}…{}", &text[..start], &text[end..])
        }
        _ => text,
    }
}

/// Input that breaks at least one rule; holds every fault that was found, never none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// The same faults inside the field at `path`.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        let inside = |error: FieldError| FieldError {
            field: format!("{path}.{}", error.field),
            message: error.message,
        };
        Self(self.0.into_iter().map(inside).collect())
    }

    /// The same faults with what else the caller must know of them, a part of a sentence.
    #[must_use]
    pub fn with_reason(self, why: &str) -> Self {
        let explain = |error: FieldError| FieldError {
            field: error.field,
            message: format!("{}, {why}", error.message.trim_end_matches('.')),
        };
        Self(self.0.into_iter().map(explain).collect())
    }

    /// The faults, in the order of the fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.0
    }
}

impl From<FieldError> for Invalid {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

/// Gathers the faults of several fields, so that a caller learns of all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes the fault of a failed result and passes a good value on.
    pub(crate) fn check<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.0.push(FieldError::new(field, message))).ok()
    }

    /// Adds the faults of a part.
    pub(crate) fn extend(&mut self, invalid: Invalid) {
        self.0.extend(invalid.0);
    }

    pub(crate) fn push(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(field, message));
    }

    /// The value, when it is there and no fault was noted.
    ///
    /// # Panics
    /// When the value is missing although no fault was noted: a rule that forgot its message.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        if self.0.is_empty() {
            Ok(value.expect("a missing value always comes with a noted fault"))
        } else {
            Err(Invalid(self.0))
        }
    }
}
