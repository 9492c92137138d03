//! Prompts in Convex: the functions of `convex/prompts.ts`, `versions.ts` and `imports.ts`.

use std::collections::HashSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ConvexStore;
use super::paging::{CursorOf, domain_page};
use super::wire::{Whole, WireEmbedding};
use crate::clients::convex::Kind;
use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Body, Name, Prompt, PromptId, PromptRef, Stored, Tag, Version};
use crate::domain::words::split_words;
use crate::store::{
    Change, Counts, Filter, Idempotency, ImportedPrompt, Matches, NewPrompt, Presence, PromptStore,
    Removed, Saved, Search, Sort, StoreResult, TagCount, Use, WriteContext,
};

/// Maximum number of uses that one call records.
pub const USES_MAX: usize = 100;

#[async_trait]
impl PromptStore for ConvexStore {
    async fn create_prompt(
        &self,
        library: &LibraryId,
        new: NewPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let args = json!({
            "id": new.id.as_str(),
            "name": new.name.as_str(),
            "body": new.body,
            "words": index_words(&new.body),
            "favorite": new.favorite,
            "embedding": new.embedding.as_ref().map(WireEmbedding::from),
            "quota": write.quota.prompts,
        });
        let saved: WireSaved = self.mutation(library, "prompts:create", args, write).await?;
        Ok(saved.into())
    }

    async fn save_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let args = json!({
            "id": id.as_str(),
            "expectedVersion": change.expected_version,
            "body": change.body,
            "words": index_words(&change.body),
            "name": change.name.as_ref().map(Name::as_str),
            "favorite": change.favorite,
            "action": change.action.as_str(),
            "embedding": change.embedding.as_ref().map(WireEmbedding::from),
        });
        let saved: WireSaved = self.mutation(library, "prompts:save", args, write).await?;
        Ok(saved.into())
    }

    async fn mark_favorite(
        &self,
        library: &LibraryId,
        id: &PromptId,
        favorite: bool,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let args = json!({ "id": id.as_str(), "favorite": favorite });
        let saved: WireSaved = self.mutation(library, "prompts:mark", args, write).await?;
        Ok(saved.into())
    }

    async fn delete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let args = json!({ "id": id.as_str(), "expectedVersion": expected_version });
        let saved: WireSaved = self.mutation(library, "prompts:remove", args, write).await?;
        Ok(saved.into())
    }

    async fn undelete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let args = json!({ "id": id.as_str(), "quota": write.quota.prompts });
        let saved: WireSaved = self.mutation(library, "prompts:undelete", args, write).await?;
        Ok(saved.into())
    }

    async fn purge_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<()> {
        self.mutation(library, "trash:purge", json!({ "id": id.as_str() }), write).await
    }

    async fn empty_trash(&self, library: &LibraryId, write: &WriteContext) -> StoreResult<Removed> {
        let removed: WireRemoved = self.mutation(library, "trash:empty", json!({}), write).await?;
        Ok(removed.into())
    }

    async fn prune_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        before: u32,
        write: &WriteContext,
    ) -> StoreResult<Removed> {
        let args = json!({ "id": id.as_str(), "before": before });
        let removed: WireRemoved = self.mutation(library, "versions:prune", args, write).await?;
        Ok(removed.into())
    }

    async fn recall(
        &self,
        library: &LibraryId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<Saved>> {
        let args = json!({ "key": idempotency.key, "fingerprint": idempotency.fingerprint });
        let done: Option<WireSaved> = self.query(library.as_str(), "prompts:recall", args).await?;
        Ok(done.map(Saved::from))
    }

    async fn get_prompt(
        &self,
        library: &LibraryId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> StoreResult<Option<Prompt>> {
        let or_deleted = presence == Presence::LivingOrDeleted;
        let args = WireGet { prompt: WireRef::from(prompt), or_deleted };
        let path = "prompts:get";
        let found: Option<WirePrompt> =
            self.call(Kind::Query, library.as_str(), path, args).await?;
        Ok(found.map(Prompt::from))
    }

    async fn get_version(
        &self,
        library: &LibraryId,
        id: &PromptId,
        version: u32,
    ) -> StoreResult<Option<Version>> {
        let args = json!({ "id": id.as_str(), "version": version });
        let found: Option<WireVersion> = self.query(library.as_str(), "versions:get", args).await?;
        Ok(found.map(Version::from))
    }

    async fn list_prompts(
        &self,
        library: &LibraryId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> StoreResult<Page<Prompt>> {
        let args = json!(WireFilter::from(filter));
        let found = match sort {
            _ if filter.deleted => {
                let cursor = CursorOf { kind: "deleted", fields: ["deletedAt", "seq"] };
                self.page(library, "prompts:listDeleted", args, page, cursor).await?
            }
            Sort::Recent => {
                let cursor = CursorOf { kind: "recent", fields: ["watermark", "seq"] };
                self.page(library, "prompts:listRecent", args, page, cursor).await?
            }
            Sort::Oldest => {
                let cursor = CursorOf { kind: "oldest", fields: ["watermark", "seq"] };
                self.page(library, "prompts:listOldest", args, page, cursor).await?
            }
            Sort::Name => {
                let cursor = CursorOf { kind: "name", fields: ["name"] };
                self.page(library, "prompts:listByName", args, page, cursor).await?
            }
            Sort::Used => {
                let cursor = CursorOf { kind: "used", fields: ["useCount", "seq"] };
                self.page(library, "prompts:listByUse", args, page, cursor).await?
            }
        };
        Ok(domain_page::<WirePrompt, _>(found))
    }

    async fn search_prompts(
        &self,
        library: &LibraryId,
        search: &Search,
        filter: &Filter,
    ) -> StoreResult<Matches> {
        self.search(library, search, filter).await
    }

    async fn list_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        page: &PageRequest,
    ) -> StoreResult<Option<Page<Version>>> {
        let kind = format!("versions {id}");
        let cursor = CursorOf { kind: &kind, fields: ["version"] };
        let args = json!({ "id": id.as_str() });
        let found = self.page(library, "versions:list", args, page, cursor).await?;
        Ok(found.map(|found| domain_page::<WireVersion, _>(Some(found))))
    }

    async fn import_prompt(
        &self,
        library: &LibraryId,
        prompt: ImportedPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let (versions, words) = imported_versions(&prompt.versions);
        let (derived, fresh) = (prompt.id.derived(library), PromptId::random());
        let args = json!({
            "ids": [prompt.id.as_str(), derived.as_str(), fresh.as_str()],
            "name": prompt.name.as_str(),
            "favorite": prompt.favorite,
            "deletedAt": prompt.deleted_at.map(Timestamp::as_millis),
            "useCount": prompt.use_count,
            "lastUsedAt": prompt.last_used_at.map(Timestamp::as_millis),
            "versions": versions,
            "words": words,
            "quota": write.quota.prompts,
        });
        let saved: WireSaved = self.mutation(library, "imports:addPrompt", args, write).await?;
        Ok(saved.into())
    }

    async fn append_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let (versions, words) = imported_versions(&versions);
        let args = json!({ "id": id.as_str(), "versions": versions, "words": words });
        let saved: WireSaved =
            self.mutation(library, "imports:appendVersions", args, write).await?;
        Ok(saved.into())
    }

    async fn list_tags(
        &self,
        library: &LibraryId,
        prefix: &str,
        most: usize,
    ) -> StoreResult<Vec<Tag>> {
        let args = json!({ "prefix": prefix, "most": most });
        let tags: Vec<String> = self.query(library.as_str(), "prompts:listTags", args).await?;
        Ok(tags.into_iter().map(Tag::from_store).collect())
    }

    async fn count_tags(
        &self,
        library: &LibraryId,
        after: Option<&Tag>,
        most: usize,
    ) -> StoreResult<Vec<TagCount>> {
        let mut tags: Vec<TagCount> = Vec::new();
        // A call counts as many rows as a transaction can read.
        loop {
            let last = tags.last().map(|last| &last.tag).or(after).map(Tag::as_str);
            let args = json!({ "after": last });
            let counted: WireTags = self.query(library.as_str(), "prompts:countTags", args).await?;
            tags.extend(counted.tags.into_iter().map(TagCount::from));
            if !counted.more || tags.len() >= most {
                tags.truncate(most);
                return Ok(tags);
            }
        }
    }

    async fn count_library(&self, library: &LibraryId) -> StoreResult<Counts> {
        let counts: WireCounts = self.query(library.as_str(), "accounts:counts", json!({})).await?;
        Ok(counts.into())
    }

    async fn record_uses(&self, library: &LibraryId, uses: &[Use]) -> StoreResult<()> {
        let write = WriteContext { client: "promptdb".to_owned(), ..WriteContext::default() };
        for some in uses.chunks(USES_MAX) {
            let uses: Vec<_> = some.iter().map(WireUse::from).collect();
            let args = json!({ "uses": uses });
            self.mutation::<()>(library, "prompts:recordUses", args, &write).await?;
        }
        Ok(())
    }
}

/// The distinct words of title, description and content, for the full-text index.
fn index_words(body: &Body) -> String {
    let mut seen = HashSet::new();
    let mut distinct = Vec::new();
    for text in [body.title.as_str(), body.description.as_str(), body.content.as_str()] {
        for word in split_words(text) {
            if seen.insert(word.clone()) {
                distinct.push(word);
            }
        }
    }
    distinct.join(" ")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePrompt {
    id: String,
    name: String,
    body: Stored<Body>,
    version: Whole,
    source: String,
    favorite: bool,
    created_at: Whole,
    updated_at: Whole,
    deleted_at: Option<Whole>,
    use_count: Whole,
    last_used_at: Option<Whole>,
}

impl From<WirePrompt> for Prompt {
    fn from(prompt: WirePrompt) -> Self {
        Self {
            id: PromptId::from_store(prompt.id),
            name: Name::from_store(prompt.name),
            body: prompt.body.0,
            version: prompt.version.version(),
            source: prompt.source,
            favorite: prompt.favorite,
            created_at: prompt.created_at.at(),
            updated_at: prompt.updated_at.at(),
            deleted_at: prompt.deleted_at.map(Whole::at),
            use_count: prompt.use_count.number().unsigned_abs(),
            last_used_at: prompt.last_used_at.map(Whole::at),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireVersion {
    version: Whole,
    body: Stored<Body>,
    source: String,
    created_at: Whole,
}

impl From<WireVersion> for Version {
    fn from(version: WireVersion) -> Self {
        Self {
            version: version.version.version(),
            body: version.body.0,
            source: version.source,
            created_at: version.created_at.at(),
        }
    }
}

#[derive(Deserialize)]
struct WireSaved {
    prompt: WirePrompt,
    changed: bool,
}

impl From<WireSaved> for Saved {
    fn from(saved: WireSaved) -> Self {
        Self { prompt: saved.prompt.into(), changed: saved.changed }
    }
}

/// An imported version.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireImportedVersion<'a> {
    version: u32,
    body: &'a Body,
    source: &'a str,
    created_at: i64,
}

impl<'a> From<&'a Version> for WireImportedVersion<'a> {
    fn from(version: &'a Version) -> Self {
        Self {
            version: version.version,
            body: &version.body,
            source: &version.source,
            created_at: version.created_at.as_millis(),
        }
    }
}

/// The versions of an import, and the words of the last one.
fn imported_versions(versions: &[Version]) -> (Vec<WireImportedVersion<'_>>, String) {
    let words = versions.last().map(|last| index_words(&last.body)).unwrap_or_default();
    (versions.iter().map(WireImportedVersion::from).collect(), words)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRemoved {
    count: Whole,
    has_more: bool,
}

impl From<WireRemoved> for Removed {
    fn from(removed: WireRemoved) -> Self {
        Self { count: removed.count.number().unsigned_abs(), has_more: removed.has_more }
    }
}

#[derive(Deserialize)]
struct WireCounts {
    prompts: Whole,
    deleted: Whole,
    candidates: Whole,
    bytes: Option<Whole>,
}

impl From<WireCounts> for Counts {
    fn from(counts: WireCounts) -> Self {
        Self {
            prompts: counts.prompts.number().unsigned_abs(),
            deleted: counts.deleted.number().unsigned_abs(),
            candidates: counts.candidates.number().unsigned_abs(),
            bytes: counts.bytes.map(|bytes| bytes.number().unsigned_abs()),
        }
    }
}

/// The arguments of `prompts:get`. The most frequent call builds no JSON value first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireGet<'a> {
    prompt: WireRef<'a>,
    or_deleted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum WireRef<'a> {
    Id(&'a str),
    Name(&'a str),
}

impl<'a> From<&'a PromptRef> for WireRef<'a> {
    fn from(prompt: &'a PromptRef) -> Self {
        match prompt {
            PromptRef::Id(id) => Self::Id(id.as_str()),
            PromptRef::Name(name) => Self::Name(name.as_str()),
        }
    }
}

/// The filter of a listing of living prompts.
#[derive(Serialize)]
pub(super) struct WireFilter<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favorite: Option<bool>,
}

impl<'a> From<&'a Filter> for WireFilter<'a> {
    fn from(filter: &'a Filter) -> Self {
        Self { tag: filter.tag.as_ref().map(Tag::as_str), favorite: filter.favorite }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireUse<'a> {
    id: &'a str,
    count: u64,
    last_used_at: i64,
}

impl<'a> From<&'a Use> for WireUse<'a> {
    fn from(one: &'a Use) -> Self {
        Self { id: one.id.as_str(), count: one.count, last_used_at: one.last_used_at.as_millis() }
    }
}

/// Some tags, and whether there are more.
#[derive(Deserialize)]
struct WireTags {
    tags: Vec<WireTag>,
    more: bool,
}

#[derive(Deserialize)]
struct WireTag {
    name: String,
    count: Whole,
}

impl From<WireTag> for TagCount {
    fn from(WireTag { name, count }: WireTag) -> Self {
        Self { tag: Tag::from_store(name), count: count.number().unsigned_abs() }
    }
}
