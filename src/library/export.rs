//! The export: everything in a library, read page by page and written in chunks.

mod files;

use std::collections::VecDeque;
use std::sync::Arc;

pub use self::files::ExportedFiles;

use super::{Library, LibraryError};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::paging::{Cursor, Limit, Page, PageRequest};
use crate::domain::prompt::{Prompt, PromptId, PromptRef, Tag, Version};
use crate::domain::transfer::json::List;
use crate::domain::transfer::tree::TreeFormat;
use crate::domain::transfer::{ExportFormat, archive, json, table};
use crate::error::chain;
use crate::store::{Filter, Presence, Sort, StoreError};

/// Minimum size of a chunk, in bytes, except for the last one.
const CHUNK_BYTES: usize = 32 * 1024;
/// Maximum number of prompts that one export can select.
const SELECTION_MAX: usize = 100;

/// An export in progress. Dropping it ends it.
///
/// A prompt that is saved during the export appears as it is when it is read. One that is deleted or
/// restored during the export may be missing or appear twice.
pub struct Export {
    library: Arc<Library>,
    caller: Principal,
    writer: Writer,
    stage: Stage,
    /// Only living prompts with this tag.
    tag: Option<Tag>,
    /// Prompts of the current page that are not written yet.
    prompts: VecDeque<Prompt>,
    /// The prompt whose versions are being written, and the cursor of the next ones.
    history: Option<(PromptId, Option<Cursor>)>,
    bytes: Vec<u8>,
    written: u64,
}

enum Writer {
    Json(json::Writer),
    Archive(Box<archive::Writer>),
    Csv,
}

impl Writer {
    fn archive(format: TreeFormat) -> Self {
        Self::Archive(Box::new(archive::Writer::new(format)))
    }
}

/// The part that is written next, with the cursor of its list.
enum Stage {
    /// The selected prompts that are not read yet.
    Selected(VecDeque<PromptId>),
    Living(Option<Cursor>),
    Deleted(Option<Cursor>),
    Candidates,
    Audit(Option<Cursor>),
    Clients,
    End,
    Done,
}

impl Library {
    /// Starts an export and reads its first part, so that a store that fails is reported here.
    pub async fn export(
        self: &Arc<Self>,
        caller: &Principal,
        format: ExportFormat,
    ) -> Result<Export, LibraryError> {
        self.start_export(caller, format, Stage::Living(None), None).await
    }

    /// Starts an export of the living prompts with a tag.
    ///
    /// # Errors
    /// A field error for a tag without letters and digits, and for the export of everything.
    pub async fn export_tagged(
        self: &Arc<Self>,
        caller: &Principal,
        format: ExportFormat,
        tag: &str,
    ) -> Result<Export, LibraryError> {
        if format == ExportFormat::Json {
            let message = "selects among current prompts, but json is everything; choose markdown, \
                skills or csv";
            return Err(FieldError::new("tag", message).into());
        }
        let tag = Tag::parse(tag).map_err(|message| FieldError::new("tag", message))?;
        self.start_export(caller, format, Stage::Living(None), Some(tag)).await
    }

    /// Starts an export of some living prompts with their versions, in the order of the selection.
    ///
    /// # Errors
    /// A field error for an empty selection and for one over 100 prompts;
    /// [`StoreError::NotFound`] if one of the prompts does not exist.
    pub async fn export_selection(
        self: &Arc<Self>,
        caller: &Principal,
        format: ExportFormat,
        prompts: &[PromptRef],
    ) -> Result<Export, LibraryError> {
        if !(1..=SELECTION_MAX).contains(&prompts.len()) {
            let message = format!("must be given 1 to {SELECTION_MAX} times");
            return Err(FieldError::new("prompt", message).into());
        }
        // Before the first byte, for a response that has begun cannot report a missing prompt.
        let mut ids = VecDeque::with_capacity(prompts.len());
        for prompt in prompts {
            let id = self.get_prompt(caller, prompt).await?.id;
            if !ids.contains(&id) {
                ids.push_back(id);
            }
        }
        self.start_export(caller, format, Stage::Selected(ids), None).await
    }

    async fn start_export(
        self: &Arc<Self>,
        caller: &Principal,
        format: ExportFormat,
        stage: Stage,
        tag: Option<Tag>,
    ) -> Result<Export, LibraryError> {
        // The uses that were counted so far belong to the export. It is complete without them.
        if let Err(error) = self.flush_uses().await {
            tracing::warn!(error = %chain(&error), "an export lacks the latest uses");
        }
        let mut export = Export {
            library: Arc::clone(self),
            caller: caller.clone(),
            writer: match format {
                ExportFormat::Json => Writer::Json(json::Writer::default()),
                ExportFormat::Markdown => Writer::archive(TreeFormat::Markdown),
                ExportFormat::Skills => Writer::archive(TreeFormat::Skills),
                ExportFormat::Csv => Writer::Csv,
            },
            stage,
            tag,
            prompts: VecDeque::new(),
            history: None,
            bytes: Vec::new(),
            written: 0,
        };
        export.begin()?;
        export.step().await?;
        Ok(export)
    }

    /// The file name of an export that starts now.
    pub fn export_file_name(&self, format: ExportFormat) -> String {
        format.file_name(self.clock.now())
    }
}

impl Export {
    /// Returns the next chunk; `None` at the end. After an `Err` the export is incomplete.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, LibraryError> {
        while self.bytes.len() < CHUNK_BYTES && !matches!(self.stage, Stage::Done) {
            self.step().await?;
        }
        let chunk = std::mem::take(&mut self.bytes);
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// The number of prompts that were written so far.
    pub fn prompts_written(&self) -> u64 {
        self.written
    }

    fn begin(&mut self) -> Result<(), LibraryError> {
        match &mut self.writer {
            Writer::Json(json) => {
                self.bytes.extend(json.head(self.library.clock.now()).bytes());
                self.bytes.extend(json::Writer::plan(self.caller.plan.name).bytes());
                self.bytes.extend(json.begin_list(List::Prompts).bytes());
            }
            Writer::Archive(_) => {}
            Writer::Csv => self.bytes.extend(table::write_header().map_err(write_error)?),
        }
        Ok(())
    }

    /// Reads and writes one part.
    async fn step(&mut self) -> Result<(), LibraryError> {
        if let Some((id, cursor)) = self.history.take() {
            return self.write_versions(id, cursor).await;
        }
        if let Some(prompt) = self.prompts.pop_front() {
            return self.write_prompt(prompt).await;
        }
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Selected(mut ids) => {
                if let Some(id) = ids.pop_front() {
                    let (library, prompt) = (&self.caller.library_id, PromptRef::Id(id));
                    let found =
                        self.library.store.get_prompt(library, &prompt, Presence::Living).await?;
                    // Deleted since the export began: the file would lack it.
                    self.prompts.push_back(found.ok_or(StoreError::NotFound)?);
                    self.stage = Stage::Selected(ids);
                } else {
                    if let Writer::Json(json) = &mut self.writer {
                        self.bytes.extend(json.end_list(List::Prompts).bytes());
                    }
                    self.stage = Stage::End;
                }
            }
            Stage::Living(cursor) => {
                let page = self.list_prompts(false, cursor).await?;
                let after = match self.writer {
                    Writer::Json(_) => Stage::Deleted(None),
                    Writer::Archive(_) | Writer::Csv => Stage::End,
                };
                self.stage = page.next.map_or(after, |next| Stage::Living(Some(next)));
                self.prompts.extend(page.items);
            }
            Stage::Deleted(cursor) => {
                let page = self.list_prompts(true, cursor).await?;
                self.stage = page.next.map_or(Stage::Candidates, |next| Stage::Deleted(Some(next)));
                self.prompts.extend(page.items);
            }
            Stage::Candidates => {
                self.write_candidates().await?;
                self.stage = Stage::Audit(None);
            }
            Stage::Audit(cursor) => {
                let next = self.write_audit(cursor).await?;
                self.stage = next.map_or(Stage::Clients, |next| Stage::Audit(Some(next)));
            }
            Stage::Clients => {
                self.write_clients().await?;
                self.stage = Stage::End;
            }
            Stage::End => self.finish()?,
            Stage::Done => {}
        }
        Ok(())
    }

    async fn list_prompts(
        &self,
        deleted: bool,
        cursor: Option<Cursor>,
    ) -> Result<Page<Prompt>, LibraryError> {
        let filter = Filter { tag: self.tag.clone(), deleted, ..Filter::default() };
        let page = PageRequest { limit: Limit::default(), cursor };
        let library = &self.caller.library_id;
        // From the oldest save to the latest: an import keeps this order.
        Ok(self.library.store.list_prompts(library, &filter, Sort::Oldest, &page).await?)
    }

    async fn write_prompt(&mut self, prompt: Prompt) -> Result<(), LibraryError> {
        match &mut self.writer {
            Writer::Json(json) => {
                // Read before the prompt is written: without a history the prompt was purged.
                let page = read_versions(&self.library, &self.caller, &prompt.id, None).await?;
                let Some(page) = page else { return Ok(()) };
                self.bytes.extend(json.begin_prompt(&prompt).bytes());
                self.written += 1;
                self.put_versions(prompt.id, page, true);
            }
            Writer::Archive(_) => {
                // Its place is taken by a writer without state while it is on another thread.
                let writer = std::mem::replace(&mut self.writer, Writer::Csv);
                let Writer::Archive(mut archive) = writer else { return Ok(()) };
                // Compression takes up to a millisecond for each 32 KiB.
                let write = move || (archive.write(&prompt), archive);
                let (bytes, archive) = self.library.pool.run(write).await?;
                self.writer = Writer::Archive(archive);
                self.bytes.extend(bytes.map_err(write_error)?);
                self.written += 1;
            }
            Writer::Csv => {
                self.bytes.extend(table::write_row(&prompt).map_err(write_error)?);
                self.written += 1;
            }
        }
        Ok(())
    }

    async fn write_versions(
        &mut self,
        id: PromptId,
        cursor: Option<Cursor>,
    ) -> Result<(), LibraryError> {
        let page = read_versions(&self.library, &self.caller, &id, cursor).await?;
        let page = page.ok_or(StoreError::NotFound)?;
        self.put_versions(id, page, false);
        Ok(())
    }

    fn put_versions(&mut self, id: PromptId, page: Page<Version>, is_first_page: bool) {
        for (index, version) in page.items.iter().enumerate() {
            let is_first = is_first_page && index == 0;
            self.bytes.extend(json::Writer::version(version, is_first).bytes());
        }
        let oldest = page.items.last().map_or(1, |version| version.version);
        match page.next {
            Some(next) => self.history = Some((id, Some(next))),
            None if oldest > 1 => {
                self.bytes.extend(json::Writer::end_pruned_prompt(oldest).bytes());
            }
            None => self.bytes.extend(json::Writer::end_prompt().bytes()),
        }
    }

    async fn write_candidates(&mut self) -> Result<(), LibraryError> {
        let queue = self.library.whole_queue(&self.caller).await?;
        let Writer::Json(json) = &mut self.writer else { return Ok(()) };
        self.bytes.extend(json.end_list(List::Prompts).bytes());
        self.bytes.extend(json.begin_list(List::Candidates).bytes());
        for candidate in queue.iter().rev() {
            self.bytes.extend(json.candidate(candidate).bytes());
        }
        self.bytes.extend(json.end_list(List::Candidates).bytes());
        self.bytes.extend(json.begin_list(List::Audit).bytes());
        Ok(())
    }

    async fn write_audit(
        &mut self,
        cursor: Option<Cursor>,
    ) -> Result<Option<Cursor>, LibraryError> {
        let page = PageRequest { limit: Limit::MAX, cursor };
        let page = self.library.store.list_audit(&self.caller.library_id, &page).await?;
        if let Writer::Json(json) = &mut self.writer {
            for entry in &page.items {
                self.bytes.extend(json.audit_entry(entry).bytes());
            }
        }
        Ok(page.next)
    }

    async fn write_clients(&mut self) -> Result<(), LibraryError> {
        let clients = self.library.list_clients(&self.caller).await?;
        let Writer::Json(json) = &mut self.writer else { return Ok(()) };
        self.bytes.extend(json.end_list(List::Audit).bytes());
        self.bytes.extend(json.begin_list(List::Clients).bytes());
        for client in &clients {
            self.bytes.extend(json.client(client).bytes());
        }
        self.bytes.extend(json.end_list(List::Clients).bytes());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), LibraryError> {
        match std::mem::replace(&mut self.writer, Writer::Csv) {
            Writer::Json(json) => {
                self.bytes.extend(json.tail().bytes());
            }
            Writer::Archive(archive) => {
                self.bytes.extend(archive.finish().map_err(write_error)?);
            }
            Writer::Csv => {}
        }
        Ok(())
    }
}

/// Reads a page of a prompt's versions, the newest first; `None` if the prompt was purged.
async fn read_versions(
    library: &Library,
    caller: &Principal,
    id: &PromptId,
    cursor: Option<Cursor>,
) -> Result<Option<Page<Version>>, LibraryError> {
    let page = PageRequest { limit: Limit::default(), cursor };
    Ok(library.store.list_versions(&caller.library_id, id, &page).await?)
}

/// The error of a writer into memory, which fails only if the format cannot represent a value.
fn write_error(error: std::io::Error) -> LibraryError {
    StoreError::Internal(error.into()).into()
}
