//! The pure rules: what a prompt is, and what is computed from one.
//!
//! Parsing is the only way to construct a value, so an invalid one cannot exist. Nothing under
//! `domain/` does I/O but for the files of an import, and nothing imports HTTP, SQL, Convex or any
//! other module of this crate. This file owns the types that the rules share.

pub mod audit;
pub mod candidate;
pub(crate) mod characters;
pub mod draft;
pub mod excerpt;
pub mod harvest;
pub mod identity;
pub(crate) mod json_faults;
pub mod paging;
pub mod placeholders;
pub mod plan;
pub mod prompt;
pub mod ranking;
pub mod redaction;
pub mod similarity;
pub(crate) mod size;
pub mod skill;
pub mod subscription;
pub mod syntax;
pub mod template;
pub mod transfer;
pub mod trigrams;
pub mod vector;
pub mod words;

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use self::excerpt::{Excerpt, LISTED_MAX, Message};

/// A point in time with a resolution of one millisecond, displayed in UTC as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Creates the time `millis` milliseconds after the Unix epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Parses RFC 3339 with any offset. Digits below a millisecond are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(Self(time.as_millisecond()))
    }

    /// Returns the time `duration` later; saturates at the latest one.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time `days` days of 24 hours later; saturates at the latest one.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days * 24 * 60 * 60 * 1000))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every time that a clock returns is inside the range of jiff, which is 20,000 years.
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

/// Defines an opaque id: a prefix that names its type, then 32 hexadecimal digits of a random UUID
/// (version 4 of RFC 9562, 122 random bits).
macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Generates an id.
            pub fn random() -> Self {
                Self(format!("{}{}", $prefix, uuid::Uuid::new_v4().simple()))
            }

            /// Parses the form of [`Self::random`]; `None` for any other text.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix)?;
                // Upper case is refused, so that each id has one spelling.
                let well_formed = digits.len() == 32
                    && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                well_formed.then(|| Self(text.to_owned()))
            }

            /// The id that stands for this one in another library. It is the same on every call,
            /// so a repeated import finds its first result.
            #[must_use]
            pub fn derived(&self, library: &$crate::domain::identity::LibraryId) -> Self {
                use sha2::Digest;
                let seed = format!("{library}\n{}", self.0);
                let digest = sha2::Sha256::digest(seed.as_bytes());
                Self(format!("{}{}", $prefix, $crate::domain::to_hex(&digest[..16])))
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Restores a stored id without a check. Only stores call this.
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

/// Compiles every regular expression of the rules, which takes tens of milliseconds.
///
/// The program calls this once at its start; otherwise the first request that needs a pattern pays
/// for it. Idempotent and safe to call from any thread: a request that needs a pattern meanwhile
/// waits for it.
pub fn compile_patterns() {
    redaction::compile_rules();
    harvest::compile_patterns();
}

/// A source of time; tests use a fixed one.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns the time since a fixed point in the life of the process. Monotonic: unlike `now`, it
    /// does not jump when the clock of the machine is set.
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

/// Maximum number of errors that one [`Invalid`] holds; the others are counted.
const ERRORS_MAX: usize = 50;

/// An error in one field of the input, with a message that says how to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field as the caller wrote it: `title`, `tags[2]`, `arguments.topic`.
    pub field: Excerpt,
    /// One sentence without the field's name.
    pub message: Message,
}

impl FieldError {
    /// Creates an error. A message that repeats a caller's words repeats an [`Excerpt`] of them.
    pub fn new(field: impl Into<Excerpt>, message: impl Into<Message>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Input that breaks at least one rule, with the errors that were found: at most 50, and the number
/// of the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid {
    errors: Vec<FieldError>,
    others: usize,
}

impl Invalid {
    /// Returns the same errors with `path` and a dot before their fields. An error without a field is
    /// of `path` itself.
    #[must_use]
    pub fn within(mut self, path: &str) -> Self {
        for error in &mut self.errors {
            error.field = if error.field.is_empty() {
                path.into()
            } else {
                format!("{path}.{}", error.field).into()
            };
        }
        self
    }

    /// Returns the same errors with `reason`, a clause, at the end of their messages.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        for error in &mut self.errors {
            error.message = format!("{}, {reason}", error.message.trim_end_matches('.')).into();
        }
        self
    }

    /// Returns the errors in the order of the checks; at least one.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

impl From<FieldError> for Invalid {
    fn from(error: FieldError) -> Self {
        Self { errors: vec![error], others: 0 }
    }
}

impl fmt::Display for Invalid {
    /// Writes the first errors, and the number of the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().take(LISTED_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", error.field, error.message)?;
        }
        match self.errors.len().saturating_sub(LISTED_MAX) + self.others {
            0 => Ok(()),
            others => write!(f, "; and {others} more errors"),
        }
    }
}

/// Collects the errors of several fields, so that a caller gets them at once.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    errors: Vec<FieldError>,
    others: usize,
}

impl Faults {
    /// Returns the value of a result; adds its error to those of `field`.
    pub(crate) fn check<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.push(field, message)).ok()
    }

    /// Adds the errors of a part of the input.
    pub(crate) fn extend(&mut self, invalid: Invalid) {
        self.others += invalid.others;
        invalid.errors.into_iter().for_each(|error| self.add(error));
    }

    pub(crate) fn push(&mut self, field: impl Into<Excerpt>, message: impl Into<Message>) {
        self.add(FieldError::new(field, message));
    }

    /// Adds the error that `make` builds, or counts it without building it.
    pub(crate) fn push_with(&mut self, make: impl FnOnce() -> FieldError) {
        if self.is_full() {
            self.others += 1;
        } else {
            self.add(make());
        }
    }

    /// Adds an error, or counts it: a file may have a fault in each of its millions of parts.
    fn add(&mut self, error: FieldError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        } else {
            self.others += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Returns whether further errors would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS_MAX
    }

    /// Returns the value, or the errors if there are any.
    ///
    /// # Panics
    /// If there is neither a value nor an error, which is a check without a message.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        let Self { errors, others } = self;
        if errors.is_empty() {
            Ok(value.expect("a missing value always comes with an error"))
        } else {
            Err(Invalid { errors, others })
        }
    }
}

/// Writes bytes as lower-case hexadecimal digits, two for each.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;

    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("writing to a String never fails");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::excerpt::{EXCERPT_MAX_CHARS, MESSAGE_MAX_CHARS};
    use super::*;

    #[test]
    fn a_fault_that_is_only_counted_is_not_built() {
        let (mut faults, mut built) = (Faults::default(), 0);
        for _ in 0..1000 {
            faults.push_with(|| {
                built += 1;
                FieldError::new("f", "is wrong")
            });
        }
        assert_eq!(built, ERRORS_MAX);
        let text = faults.finish::<()>(None).unwrap_err().to_string();
        assert!(text.ends_with("; and 990 more errors"), "{text}");
    }

    #[test]
    fn faults_beyond_the_maximum_are_counted_and_not_kept() {
        let mut faults = Faults::default();
        for number in 0..1000 {
            faults.push(format!("f{number}"), "x".repeat(5000));
        }
        let mut outer = Faults::default();
        outer.extend(faults.finish::<()>(None).unwrap_err().within(&"p".repeat(5000)));
        let invalid = outer.finish::<()>(None).unwrap_err();
        assert_eq!(invalid.errors().len(), ERRORS_MAX);
        let bounded = |error: &FieldError| {
            error.field.chars().count() == EXCERPT_MAX_CHARS
                && error.message.chars().count() == MESSAGE_MAX_CHARS
        };
        assert!(invalid.errors().iter().all(bounded));
        let text = invalid.with_reason("so it goes").to_string();
        assert!(text.ends_with("; and 990 more errors"), "{text}");
        assert!(
            text.chars().count() < LISTED_MAX * (EXCERPT_MAX_CHARS + MESSAGE_MAX_CHARS + 4) + 30
        );
    }
}
