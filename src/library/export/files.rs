//! The export as files of single prompts, for a folder.

use std::sync::Arc;

use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::paging::{Cursor, Limit, PageRequest};
use crate::domain::prompt::Tag;
use crate::domain::transfer::tree::{TreeFile, TreeFormat};
use crate::library::{Library, LibraryError};
use crate::store::{Filter, Sort};

/// The files of the living prompts, read page by page.
pub struct ExportedFiles {
    library: Arc<Library>,
    caller: Principal,
    format: TreeFormat,
    filter: Filter,
    /// The next page; `None` after the last one.
    next: Option<PageRequest>,
}

impl Library {
    /// Begins to read the files of the living prompts, or of those with a tag.
    ///
    /// # Errors
    /// A field error for a tag without letters and digits.
    pub fn export_files(
        self: &Arc<Self>,
        caller: &Principal,
        format: TreeFormat,
        tag: Option<&str>,
    ) -> Result<ExportedFiles, LibraryError> {
        let tag = tag.map(Tag::parse).transpose();
        let tag = tag.map_err(|message| FieldError::new("tag", message))?;
        Ok(ExportedFiles {
            library: Arc::clone(self),
            caller: caller.clone(),
            format,
            filter: Filter { tag, ..Filter::default() },
            next: Some(PageRequest { limit: Limit::default(), cursor: None }),
        })
    }
}

impl ExportedFiles {
    /// Returns the files of the next page; `None` after the last one. After an `Err` some are missing.
    pub async fn next_page(&mut self) -> Result<Option<Vec<TreeFile>>, LibraryError> {
        let Some(request) = self.next.take() else { return Ok(None) };
        let (store, library) = (&self.library.store, &self.caller.library_id);
        let page = store.list_prompts(library, &self.filter, Sort::Oldest, &request).await?;
        let next = |cursor: Cursor| PageRequest { limit: Limit::default(), cursor: Some(cursor) };
        self.next = page.next.map(next);
        Ok(Some(page.items.iter().map(|prompt| self.format.write(prompt)).collect()))
    }
}
