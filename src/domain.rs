//! Shared newtypes and the [`Clock`]. Nothing under `domain/` knows HTTP, SQL or Convex.

pub mod audit;
pub mod draft;
pub mod identity;

pub mod library;
pub mod paging;
pub mod prompt;
pub mod ranking;
pub mod similarity;
pub mod template;

pub mod usage;
pub mod words;

use std::fmt;

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

/// Where the time comes from; tests set their own.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

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
        Self { field: field.into(), message: message.into() }
    }
}

/// Input that breaks at least one rule; holds every fault that was found, never none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
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
