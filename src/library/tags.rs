//! The tags of a library.

use super::{Library, LibraryError};
use crate::domain::identity::Principal;
use crate::domain::paging::{Cursor, Page, SealedCursor};
use crate::domain::prompt::Tag;
use crate::store::{StoreError, TagCount};

/// Maximum number of tags in a page: about 60 KB of JSON, and all tags of nearly every library.
const TAGS_PAGE: usize = 1000;

/// The kind of the cursors.
const CURSOR: &str = "tags";

impl Library {
    /// Lists the tags of the living prompts in alphabetical order, with the number of their prompts.
    pub async fn list_tags(
        &self,
        caller: &Principal,
        cursor: Option<String>,
    ) -> Result<Page<TagCount, SealedCursor>, LibraryError> {
        let after = match self.page_request(caller, None, cursor)?.cursor {
            Some(cursor) => {
                let [tag] = cursor.decode(CURSOR).ok_or(StoreError::InvalidCursor)?;
                Some(Tag::parse(&tag).map_err(|_| StoreError::InvalidCursor)?)
            }
            None => None,
        };
        let library = &caller.library_id;
        let mut items = self.store.count_tags(library, after.as_ref(), TAGS_PAGE + 1).await?;
        let has_more = items.len() > TAGS_PAGE;
        items.truncate(TAGS_PAGE);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|last| Cursor::encode(CURSOR, &[last.tag.as_str()]));
        Ok(self.seal_page(caller, Page { items, next }))
    }
}
