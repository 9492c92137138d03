//! The production store: the functions of `convex/`, called over Convex's HTTP function API.
//!
//! The functions decide everything in one transaction each; this side makes sure that a call gets
//! through. It keeps the number of calls in flight under the plan's limit with a fair queue, and
//! repeats what failed on the way within the deadline: queries as they are, mutations under an
//! idempotency key that the mutation itself honours, so that none is carried out twice.

mod wire;

use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use backon::BackoffBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use self::wire::{
    Refusal, Whole, WireAccount, WireAuditEntry, WireBody, WireCandidate, WireCounts, WireErased,
    WireFilter, WireGet, WirePage, WirePrompt, WireRef, WireSaved, WireUse, WireVersion, WireWrite,
    imported_versions, index_words,
};
use super::{
    Account, Change, Counts, Filter, Idempotency, ImportedPrompt, NewCandidate, NewPrompt,
    Presence, Saved, Search, Sort, Store, StoreError, Use, WriteContext,
};
use crate::clients::CallError;
use crate::clients::convex::{ConvexClient, FunctionError, Kind};
use crate::domain::Timestamp;
use crate::domain::audit::AuditEntry;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::identity::UserId;
use crate::domain::paging::{Cursor, Page, PageRequest};
use crate::domain::prompt::{Name, Prompt, PromptId, PromptRef, Tag, Version};
use crate::telemetry::metrics::{CONVEX_MUTATIONS_WAITING, CONVEX_QUERIES_WAITING};

/// How often a call is repeated when the deployment cannot be reached or answers nonsense; more
/// would only keep a caller waiting who should hear of it.
const REPEATS_MAX: usize = 2;
/// The pause before the first repetition; it doubles up to [`PAUSE_MAX`], with jitter.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Maximum prompts whose uses one call records.
pub const USES_MAX: usize = 100;
/// The user that readiness is asked for; it owns nothing.
const NOBODY: &str = "health";

type Outcome<T> = Result<T, StoreError>;

/// The store behind the functions of one deployment.
pub struct ConvexStore {
    client: ConvexClient,
    queries: Semaphore,
    mutations: Semaphore,
    wait: Duration,
}

impl ConvexStore {
    /// `wait` bounds a call from its place in the queue to its last repetition, `max_concurrency`
    /// the queries in flight and, apart from them, the mutations: Convex limits the two kinds
    /// apart, too.
    pub fn new(client: ConvexClient, max_concurrency: usize, wait: Duration) -> Self {
        let queries = Semaphore::new(max_concurrency);
        Self { client, queries, mutations: Semaphore::new(max_concurrency), wait }
    }

    async fn query<T: DeserializeOwned>(&self, owner: &str, path: &str, args: Value) -> Outcome<T> {
        self.call(Kind::Query, owner, path, without_nulls(args)).await
    }

    /// Calls a mutation with its write context, whose key makes it safe to repeat.
    async fn mutation<T: DeserializeOwned>(
        &self,
        owner: &UserId,
        path: &str,
        mut args: Value,
        write: &WriteContext,
    ) -> Outcome<T> {
        let own_key;
        let (key, fingerprint) = if let Some(idempotency) = &write.idempotency {
            (&idempotency.key, &idempotency.fingerprint)
        } else {
            own_key = uuid::Uuid::new_v4().to_string();
            (&own_key, &own_key)
        };
        let accepts = write.accepts.as_ref().map(CandidateId::as_str);
        args["write"] = json!(WireWrite { client: &write.client, key, fingerprint, accepts });
        self.call(Kind::Mutation, owner.as_str(), path, without_nulls(args)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        kind: Kind,
        owner: &str,
        path: &str,
        args: impl Serialize,
    ) -> Outcome<T> {
        let function = self
            .client
            .prepare(kind, path, owner, args)
            .map_err(|error| StoreError::Internal(error.into()))?;
        let deadline = Instant::now() + self.wait;
        let (in_flight, waiting) = match kind {
            Kind::Query => (&self.queries, &CONVEX_QUERIES_WAITING),
            Kind::Mutation => (&self.mutations, &CONVEX_MUTATIONS_WAITING),
        };
        let waiting = waiting.hold();
        // First come, first served; what waits past its deadline was never sent.
        let Ok(slot) = timeout_at(deadline, in_flight.acquire()).await else {
            return Err(StoreError::Busy);
        };
        drop(waiting);
        let _slot = slot.map_err(|error| StoreError::Internal(error.into()))?;
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times()
            .build();
        let mut repeats = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Half of the time for one attempt leaves room for another when it hangs.
            let attempt = left.min(self.wait / 2);
            let failure = match self.client.send(&function, attempt).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let (error, repeatable) = judge(path, failure);
            repeats += usize::from(matches!(error, StoreError::Unavailable(_)));
            let pause = pauses.next().unwrap_or(PAUSE_MAX);
            if !repeatable || repeats > REPEATS_MAX || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, path, "a call is repeated");
            tokio::time::sleep(pause).await;
        }
    }

    /// Calls a query that returns a page; `fields` are those of its `after`, as the cursor of
    /// `kind` keeps them.
    async fn page<T: DeserializeOwned, const N: usize>(
        &self,
        owner: &UserId,
        path: &str,
        mut args: Value,
        page: &PageRequest,
        listing: CursorOf<'_, N>,
    ) -> Outcome<Option<(Vec<T>, Option<Cursor>)>> {
        args["limit"] = json!(page.limit.get());
        args["after"] = json!(listing.open(page.cursor.as_ref())?);
        let found: Option<WirePage<T>> = self.query(owner.as_str(), path, args).await?;
        Ok(found.map(|found| (found.items, found.next.map(|next| listing.seal(&next)))))
    }
}

/// The cursors of one listing: its kind, and the fields that it keeps of a function's `next`.
struct CursorOf<'a, const N: usize> {
    kind: &'a str,
    fields: [&'a str; N],
}

impl<const N: usize> CursorOf<'_, N> {
    fn open(&self, cursor: Option<&Cursor>) -> Outcome<Option<Map<String, Value>>> {
        let Some(cursor) = cursor else { return Ok(None) };
        let parts = cursor.open::<N>(self.kind).ok_or(StoreError::InvalidCursor)?;
        let mut after = Map::new();
        for (field, part) in self.fields.iter().zip(parts) {
            let value = if *field == "name" {
                Value::from(part)
            } else {
                Value::from(part.parse::<i64>().map_err(|_| StoreError::InvalidCursor)?)
            };
            after.insert((*field).to_owned(), value);
        }
        Ok(Some(after))
    }

    fn seal(&self, next: &Map<String, Value>) -> Cursor {
        let part = |field: &&str| match next.get(*field) {
            Some(Value::String(text)) => text.clone(),
            Some(number) => serde_json::from_value::<Whole>(number.clone())
                .map(|number| number.number().to_string())
                .unwrap_or_default(),
            None => String::new(),
        };
        let parts: Vec<String> = self.fields.iter().map(part).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Cursor::seal(self.kind, &parts)
    }
}

/// Leaves out what is absent: Convex tells that from null.
fn without_nulls(mut args: Value) -> Value {
    if let Value::Object(args) = &mut args {
        args.retain(|_, value| !value.is_null());
    }
    args
}

/// What a failed call means to the caller, and whether it may be repeated.
fn judge(path: &str, failure: FunctionError) -> (StoreError, bool) {
    let unavailable = |cause: &dyn Display| StoreError::Unavailable(format!("Convex: {cause}"));
    match failure {
        FunctionError::Refused(data) => (refusal(path, data), false),
        FunctionError::Failed(message) => {
            (StoreError::Internal(format!("{path}: {message}").into()), false)
        }
        FunctionError::Overloaded | FunctionError::Call(CallError::Timeout) => {
            (StoreError::Busy, true)
        }
        FunctionError::Call(CallError::Status(status)) => {
            (unavailable(&CallError::Status(status)), status.is_server_error())
        }
        FunctionError::Call(error) => (unavailable(&error), true),
    }
}

/// The codes with which a function refuses a call.
pub const FAILURE_CODES: [&str; 10] = [
    "NOT_FOUND",
    "NAME_TAKEN",
    "VERSION_CONFLICT",
    "QUOTA_EXCEEDED",
    "QUEUE_FULL",
    "ACCOUNT_ERASED",
    "IDEMPOTENCY_MISMATCH",
    "INVALID_CURSOR",
    "INVALID_ARGUMENT",
    "UNAUTHORIZED",
];

fn refusal(path: &str, data: Value) -> StoreError {
    let Ok(refusal) = serde_json::from_value::<Refusal>(data) else {
        return StoreError::Internal(format!("{path} refused without a code").into());
    };
    match refusal.code.as_str() {
        "NOT_FOUND" => StoreError::NotFound,
        "NAME_TAKEN" => StoreError::NameTaken {
            current_version: refusal.version(),
            name: Name::from_store(refusal.name.unwrap_or_default()),
        },
        "VERSION_CONFLICT" => StoreError::VersionConflict { current_version: refusal.version() },
        "QUOTA_EXCEEDED" => StoreError::QuotaExceeded { limit: refusal.limit() },
        "QUEUE_FULL" => StoreError::QueueFull { limit: refusal.limit() },
        "ACCOUNT_ERASED" => StoreError::AccountErased,
        "IDEMPOTENCY_MISMATCH" => StoreError::IdempotencyMismatch,
        "INVALID_CURSOR" => StoreError::InvalidCursor,
        "UNAUTHORIZED" => StoreError::Unavailable(
            "Convex: CONVEX_API_KEY is not the key of this deployment".to_owned(),
        ),
        code => StoreError::Internal(format!("{path} refused with {code}").into()),
    }
}

#[async_trait]
impl Store for ConvexStore {
    async fn create_prompt(
        &self,
        owner: &UserId,
        new: NewPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let args = json!({
            "id": new.id.as_str(),
            "name": new.name.as_str(),
            "body": WireBody::from(&new.body),
            "words": index_words(&new.body),
            "favorite": new.favorite,
            "quota": quota,
        });
        let saved: WireSaved = self.mutation(owner, "prompts:create", args, write).await?;
        Ok(saved.into())
    }

    async fn save_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let args = json!({
            "id": id.as_str(),
            "expectedVersion": change.expected_version,
            "body": WireBody::from(&change.body),
            "words": index_words(&change.body),
            "name": change.name.as_ref().map(Name::as_str),
            "favorite": change.favorite,
            "action": change.action.as_str(),
        });
        let saved: WireSaved = self.mutation(owner, "prompts:save", args, write).await?;
        Ok(saved.into())
    }

    async fn delete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let args = json!({ "id": id.as_str(), "expectedVersion": expected_version });
        let saved: WireSaved = self.mutation(owner, "prompts:remove", args, write).await?;
        Ok(saved.into())
    }

    async fn undelete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let args = json!({ "id": id.as_str(), "quota": quota });
        let saved: WireSaved = self.mutation(owner, "prompts:undelete", args, write).await?;
        Ok(saved.into())
    }

    async fn recall(&self, owner: &UserId, idempotency: &Idempotency) -> Outcome<Option<Saved>> {
        let args = json!({ "key": idempotency.key, "fingerprint": idempotency.fingerprint });
        let done: Option<WireSaved> = self.query(owner.as_str(), "prompts:recall", args).await?;
        Ok(done.map(Saved::from))
    }

    async fn get_prompt(
        &self,
        owner: &UserId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> Outcome<Option<Prompt>> {
        let or_deleted = presence == Presence::LivingOrDeleted;
        let args = WireGet { prompt: WireRef::from(prompt), or_deleted };
        let owner = owner.as_str();
        let found: Option<WirePrompt> = self.call(Kind::Query, owner, "prompts:get", args).await?;
        Ok(found.map(Prompt::from))
    }

    async fn get_version(
        &self,
        owner: &UserId,
        id: &PromptId,
        version: u32,
    ) -> Outcome<Option<Version>> {
        let args = json!({ "id": id.as_str(), "version": version });
        let found: Option<WireVersion> = self.query(owner.as_str(), "versions:get", args).await?;
        Ok(found.map(Version::from))
    }

    async fn list_prompts(
        &self,
        owner: &UserId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> Outcome<Page<Prompt>> {
        let args = json!(WireFilter::from(filter));
        let found = match sort {
            _ if filter.deleted => {
                let cursor = CursorOf { kind: "deleted", fields: ["deletedAt", "seq"] };
                self.page(owner, "prompts:listDeleted", args, page, cursor).await?
            }
            Sort::Recent => {
                let cursor = CursorOf { kind: "recent", fields: ["watermark", "seq"] };
                self.page(owner, "prompts:listRecent", args, page, cursor).await?
            }
            Sort::Oldest => {
                let cursor = CursorOf { kind: "oldest", fields: ["watermark", "seq"] };
                self.page(owner, "prompts:listOldest", args, page, cursor).await?
            }
            Sort::Name => {
                let cursor = CursorOf { kind: "name", fields: ["name"] };
                self.page(owner, "prompts:listByName", args, page, cursor).await?
            }
            Sort::Used => {
                let cursor = CursorOf { kind: "used", fields: ["useCount", "seq"] };
                self.page(owner, "prompts:listByUse", args, page, cursor).await?
            }
        };
        Ok(domain_page::<WirePrompt, _>(found))
    }

    async fn search_prompts(
        &self,
        owner: &UserId,
        search: &Search,
        filter: &Filter,
    ) -> Outcome<Vec<Prompt>> {
        let mut args = json!(WireFilter::from(filter));
        let path = match search {
            Search::Query(query) => {
                args["name"] = json!(query.name.as_ref().map(Name::as_str));
                args["words"] = json!(query.words);
                "prompts:search"
            }
            Search::Alike { words, most } => {
                args["words"] = json!(words);
                args["most"] = json!(most);
                "prompts:alike"
            }
        };
        let found: Vec<WirePrompt> = self.query(owner.as_str(), path, args).await?;
        Ok(found.into_iter().map(Prompt::from).collect())
    }

    async fn list_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        page: &PageRequest,
    ) -> Outcome<Option<Page<Version>>> {
        let kind = format!("versions {id}");
        let cursor = CursorOf { kind: &kind, fields: ["version"] };
        let args = json!({ "id": id.as_str() });
        let found = self.page(owner, "versions:list", args, page, cursor).await?;
        Ok(found.map(|found| domain_page::<WireVersion, _>(Some(found))))
    }

    async fn import_prompt(
        &self,
        owner: &UserId,
        prompt: ImportedPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let (versions, words) = imported_versions(&prompt.versions);
        let (derived, fresh) = (prompt.id.derived(owner), PromptId::random());
        let args = json!({
            "ids": [prompt.id.as_str(), derived.as_str(), fresh.as_str()],
            "name": prompt.name.as_str(),
            "favorite": prompt.favorite,
            "deletedAt": prompt.deleted_at.map(Timestamp::as_millis),
            "useCount": prompt.use_count,
            "lastUsedAt": prompt.last_used_at.map(Timestamp::as_millis),
            "versions": versions,
            "words": words,
            "quota": quota,
        });
        let saved: WireSaved = self.mutation(owner, "imports:addPrompt", args, write).await?;
        Ok(saved.into())
    }

    async fn append_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let (versions, words) = imported_versions(&versions);
        let args = json!({ "id": id.as_str(), "versions": versions, "words": words });
        let saved: WireSaved = self.mutation(owner, "imports:appendVersions", args, write).await?;
        Ok(saved.into())
    }

    async fn import_candidate(
        &self,
        owner: &UserId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> Outcome<Candidate> {
        let (derived, fresh) = (candidate.id.derived(owner), CandidateId::random());
        let args = json!({
            "ids": [candidate.id.as_str(), derived.as_str(), fresh.as_str()],
            "name": candidate.name.as_str(),
            "body": WireBody::from(&candidate.body),
            "why": candidate.why,
            "source": candidate.source,
            "createdAt": candidate.created_at.as_millis(),
        });
        let added: WireCandidate =
            self.mutation(owner, "imports:addCandidate", args, write).await?;
        Ok(added.into())
    }

    async fn add_candidates(
        &self,
        owner: &UserId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> Outcome<Vec<Candidate>> {
        let candidate = |new: &NewCandidate| {
            json!({
                "id": new.id.as_str(),
                "name": new.name.as_str(),
                "body": WireBody::from(&new.body),
                "why": new.why,
            })
        };
        let args = json!({ "candidates": candidates.iter().map(candidate).collect::<Vec<_>>() });
        let added: Vec<WireCandidate> = self.mutation(owner, "candidates:add", args, write).await?;
        Ok(added.into_iter().map(Candidate::from).collect())
    }

    async fn list_candidates(
        &self,
        owner: &UserId,
        page: &PageRequest,
    ) -> Outcome<Page<Candidate>> {
        let cursor = CursorOf { kind: "candidates", fields: ["seq"] };
        let found = self.page(owner, "candidates:list", json!({}), page, cursor).await?;
        Ok(domain_page::<WireCandidate, _>(found))
    }

    async fn get_candidate(&self, owner: &UserId, id: &CandidateId) -> Outcome<Option<Candidate>> {
        let args = json!({ "id": id.as_str() });
        let found: Option<WireCandidate> =
            self.query(owner.as_str(), "candidates:get", args).await?;
        Ok(found.map(Candidate::from))
    }

    async fn reject_candidate(
        &self,
        owner: &UserId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> Outcome<()> {
        let args = json!({ "id": id.as_str() });
        self.mutation(owner, "candidates:reject", args, write).await
    }

    async fn list_tags(&self, owner: &UserId, prefix: &str, most: usize) -> Outcome<Vec<Tag>> {
        let args = json!({ "prefix": prefix, "most": most });
        let tags: Vec<String> = self.query(owner.as_str(), "prompts:listTags", args).await?;
        Ok(tags.into_iter().map(Tag::from_store).collect())
    }

    async fn list_audit(&self, owner: &UserId, page: &PageRequest) -> Outcome<Page<AuditEntry>> {
        let cursor = CursorOf { kind: "audit", fields: ["seq"] };
        let found = self.page::<WireAuditEntry, 1>(owner, "audit:list", json!({}), page, cursor);
        let (items, next) = found.await?.unwrap_or_default();
        let entry = |entry: WireAuditEntry| {
            let unknown = || StoreError::Internal("an audit entry of a later release".into());
            entry.into_entry(owner).ok_or_else(unknown)
        };
        let items = items.into_iter().map(entry).collect::<Outcome<_>>()?;
        Ok(Page { items, next })
    }

    async fn count_prompts(&self, owner: &UserId) -> Outcome<Counts> {
        let counts: WireCounts = self.query(owner.as_str(), "accounts:counts", json!({})).await?;
        Ok(counts.into())
    }

    async fn record_uses(&self, owner: &UserId, uses: &[Use]) -> Outcome<()> {
        let write =
            WriteContext { client: "promptdb".to_owned(), idempotency: None, accepts: None };
        for some in uses.chunks(USES_MAX) {
            let uses: Vec<_> = some.iter().map(WireUse::from).collect();
            let args = json!({ "uses": uses });
            self.mutation::<()>(owner, "prompts:recordUses", args, &write).await?;
        }
        Ok(())
    }

    async fn ensure_account(&self, owner: &UserId) -> Outcome<Account> {
        let path = "accounts:ensure";
        let account: WireAccount =
            self.call(Kind::Mutation, owner.as_str(), path, json!({})).await?;
        Ok(account.into())
    }

    async fn erase_account(&self, owner: &UserId) -> Outcome<()> {
        // A transaction of Convex removes a bounded batch; the first one closes the account.
        loop {
            let path = "accounts:erase";
            let erased: WireErased =
                self.call(Kind::Mutation, owner.as_str(), path, json!({})).await?;
            if !erased.more {
                return Ok(());
            }
        }
    }

    async fn end_session(&self, owner: &UserId, session_id: &str) -> Outcome<()> {
        let args = json!({ "sessionId": session_id });
        self.call(Kind::Mutation, owner.as_str(), "sessions:end", args).await
    }

    async fn is_session_ended(&self, owner: &UserId, session_id: &str) -> Outcome<bool> {
        self.query(owner.as_str(), "sessions:isEnded", json!({ "sessionId": session_id })).await
    }

    async fn ping(&self) -> Outcome<()> {
        self.query(NOBODY, "health:ping", json!({})).await
    }
}

/// A page of wire values as a page of domain values; an empty one for `None`.
fn domain_page<W: Into<T>, T>(found: Option<(Vec<W>, Option<Cursor>)>) -> Page<T> {
    let (items, next) = found.unwrap_or_default();
    Page { items: items.into_iter().map(W::into).collect(), next }
}
