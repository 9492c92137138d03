//! The use cases that remove texts for good. They cannot be undone, so only the owner in person has
//! them, and no program that the owner connected.

use super::prompts::{check_expected, unknown_prompt};
use super::{Library, LibraryError, write_context};
use crate::domain::FieldError;
use crate::domain::excerpt::LISTED_MAX;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptRef};
use crate::store::{Presence, StoreError};

impl Library {
    /// Removes a deleted prompt for good.
    ///
    /// By its name only if no other deleted prompt has it
    /// ([`Ambiguous`](LibraryError::Ambiguous)).
    pub async fn purge_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        expected_version: Option<u32>,
    ) -> Result<(), LibraryError> {
        check_in_person(caller)?;
        let deleted = self.find_deleted(caller, prompt).await?;
        check_expected(&deleted, expected_version)?;
        let write = write_context(caller, None);
        self.store.purge_prompt(&caller.library_id, &deleted.id, &write).await?;
        self.removals.notify_one();
        Ok(())
    }

    /// Removes all deleted prompts for good; returns their number.
    pub async fn empty_trash(&self, caller: &Principal) -> Result<u64, LibraryError> {
        check_in_person(caller)?;
        let write = write_context(caller, None);
        let mut purged = 0;
        loop {
            let removed = self.store.empty_trash(&caller.library_id, &write).await?;
            purged += removed.count;
            self.removals.notify_one();
            if !removed.has_more {
                return Ok(purged);
            }
        }
    }

    /// Removes the versions of a living prompt before `before` for good; returns their number.
    pub async fn prune_versions(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        before: u32,
    ) -> Result<u64, LibraryError> {
        check_in_person(caller)?;
        let current = self.get_prompt(caller, prompt).await?;
        if !(2..=current.version).contains(&before) {
            let version = current.version;
            let message = if version == 1 {
                "the prompt has only its current version, which always stays".to_owned()
            } else {
                format!("must be from 2 to {version}; the current version, {version}, always stays")
            };
            return Err(FieldError::new("before", message).into());
        }
        let (library, write) = (&caller.library_id, write_context(caller, None));
        let mut purged = 0;
        loop {
            let removed = self.store.prune_versions(library, &current.id, before, &write).await?;
            purged += removed.count;
            self.removals.notify_one();
            if !removed.has_more {
                return Ok(purged);
            }
        }
    }

    /// Finds the deleted prompt that a reference names.
    pub(super) async fn find_deleted(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<Prompt, LibraryError> {
        let found = self.get_living_or_deleted(caller, prompt).await?;
        if found.deleted_at.is_none() {
            return Err(StoreError::NotDeleted.into());
        }
        Ok(found)
    }

    /// Returns a living prompt, or a deleted one that can be restored. By name, a living prompt
    /// precedes deleted ones; several deleted ones are [`Ambiguous`](LibraryError::Ambiguous).
    pub async fn get_living_or_deleted(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<Prompt, LibraryError> {
        let library = &caller.library_id;
        let found = self.store.get_prompt(library, prompt, Presence::LivingOrDeleted).await?;
        let found = found.ok_or_else(|| unknown_prompt(prompt))?;
        if let (PromptRef::Name(name), Some(_)) = (prompt, found.deleted_at) {
            let ids = self.store.list_deleted_ids(library, name, LISTED_MAX).await?;
            if ids.len() > 1 {
                return Err(LibraryError::Ambiguous { name: name.clone(), ids });
            }
        }
        Ok(found)
    }
}

fn check_in_person(caller: &Principal) -> Result<(), LibraryError> {
    if caller.via.is_in_person() { Ok(()) } else { Err(LibraryError::NotInPerson) }
}
