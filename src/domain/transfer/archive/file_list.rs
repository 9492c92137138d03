//! A list of files in a sentence of a report.

use std::fmt;

use crate::domain::excerpt::Excerpt;

/// Maximum number of files that a sentence names.
const NAMED_MAX: usize = 4;

/// The paths of files, of which the first ones are kept. An archive may have thousands.
#[derive(Debug, Default)]
pub(super) struct FileList {
    first: Vec<Excerpt>,
    count: usize,
}

impl FileList {
    pub(super) fn push(&mut self, path: &str) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(Excerpt::new(path));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for FileList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.first.iter().map(Excerpt::as_str).collect();
        f.write_str(&names.join(", "))?;
        match self.count - names.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
