//! The complete export as JSON, from which an import restores the same library.
//!
//! One object: `format` and `version` first, then the lists with one item a line, and `end` with
//! the counts as the last field, so that a truncated file is detected.

mod format;
mod reading;
mod writing;

pub use self::format::List;
pub(super) use self::reading::read;
pub use self::writing::Writer;
