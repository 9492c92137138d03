//! The wire types of prompts. A request with an unknown field is invalid.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::draft::{Draft, VariableDraft};
use crate::domain::paging::{Page, SealedCursor};
pub(crate) use crate::domain::prompt::{Body as BodyResponse, Variable as VariableResponse};
use crate::domain::prompt::{
    Prompt, RESTORABLE_DAYS, VARIABLE_DEFAULT_MAX_BYTES, VARIABLE_DESCRIPTION_MAX_CHARS,
    VariableName, Version,
};
use crate::domain::ranking::Score;
use crate::domain::similarity::Verdict;
use crate::domain::template::Rendered;
use crate::domain::{FieldError, Timestamp};
use crate::library::{
    ListOptions, Listing, RestoredPrompt, SavedPrompt, Similar, SimilarTo, SortOrder,
};
use crate::store::Sort;

/// A variable with its description and default.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariableRequest {
    /// The name between the braces, in any case, with - or _.
    pub(crate) name: String,
    /// What to pass for it, at most 500 characters.
    #[schemars(length(min = 0, max = VARIABLE_DESCRIPTION_MAX_CHARS))]
    pub(crate) description: Option<String>,
    /// What is inserted when nothing is passed, at most 4,096 bytes.
    #[schemars(length(min = 0, max = VARIABLE_DEFAULT_MAX_BYTES))]
    pub(crate) default: Option<String>,
}

impl From<VariableRequest> for VariableDraft {
    fn from(request: VariableRequest) -> Self {
        let VariableRequest { name, description, default } = request;
        Self { name, description, default }
    }
}

/// Converts the variables of a request.
pub(crate) fn draft_variables(
    requests: Option<Vec<VariableRequest>>,
) -> Option<Vec<VariableDraft>> {
    requests.map(|requests| requests.into_iter().map(VariableDraft::from).collect())
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePromptRequest {
    /// The template: 1 to 65,536 bytes, with variables as `{{name}}`: a letter of any script or _, then
    /// letters, digits, _ and -, at most 64 characters.
    content: String,
    /// Unique in the library, kept as its slug; made from the title if absent.
    name: Option<String>,
    /// 1 to 120 characters; made from the name or the content if absent.
    title: Option<String>,
    /// At most 1,024 characters.
    description: Option<String>,
    /// At most 10, kept as their slugs.
    tags: Option<Vec<String>>,
    /// Descriptions and defaults of variables in the content.
    variables: Option<Vec<VariableRequest>>,
    /// Whether the prompt is a favourite.
    favorite: Option<bool>,
}

impl CreatePromptRequest {
    pub(crate) fn into_draft(self) -> (Draft, Option<bool>) {
        let draft = Draft {
            name: self.name,
            title: self.title,
            description: self.description,
            content: Some(self.content),
            tags: self.tags,
            variables: draft_variables(self.variables),
        };
        (draft, self.favorite)
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavePromptRequest {
    /// The new content.
    content: Option<String>,
    /// A new name.
    name: Option<String>,
    /// The new title.
    title: Option<String>,
    /// The new description.
    description: Option<String>,
    /// The new tags, in place of all old ones.
    tags: Option<Vec<String>>,
    /// Descriptions and defaults of variables in the content.
    variables: Option<Vec<VariableRequest>>,
    /// Whether the prompt is a favourite; a change of it alone saves no version.
    favorite: Option<bool>,
    /// The version that was read; alternatively send it as If-Match.
    pub(crate) expected_version: Option<u32>,
}

impl SavePromptRequest {
    pub(crate) fn into_draft(self) -> (Draft, Option<bool>) {
        let draft = Draft {
            name: self.name,
            title: self.title,
            description: self.description,
            content: self.content,
            tags: self.tags,
            variables: draft_variables(self.variables),
        };
        (draft, self.favorite)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadPromptQuery {
    /// The version; the current one if absent.
    pub(crate) version: Option<u32>,
    /// Whether to add the prompts that this one resembles.
    pub(crate) similar: Option<bool>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeletePromptQuery {
    /// Whether to remove a deleted prompt for good, with its versions. It cannot be undone.
    pub(crate) permanently: Option<bool>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PruneQuery {
    /// The first version that stays, at most the current one.
    #[param(minimum = 2)]
    pub(crate) before: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PurgedResponse {
    /// The number of prompts or versions that were removed for good.
    pub(crate) purged: u64,
}

#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreRequest {
    /// The old version to save as a new one; if absent, only a deletion is undone.
    pub(crate) version: Option<u32>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenderRequest {
    /// The values of variables by name; a variable without one has its default.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, String>,
    /// The version; the current one if absent.
    pub(crate) version: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RenderResponse {
    /// The content with its variables replaced.
    pub(crate) text: String,
    /// Variables with neither argument nor default, which stay in the text.
    pub(crate) missing: Vec<String>,
    /// The version that was rendered.
    pub(crate) version: u32,
}

impl RenderResponse {
    /// Describes the rendering of a version.
    pub(crate) fn new(rendered: Rendered, version: u32) -> Self {
        let missing = rendered.missing.iter().map(VariableName::to_string).collect();
        Self { text: rendered.text, missing, version }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListPromptsQuery {
    /// What to search for: words of names, titles, tags, descriptions and contents, or their meaning.
    query: Option<String>,
    /// Only prompts with this tag, read as its slug.
    tag: Option<String>,
    /// true: only favourites; false: only the others.
    favorite: Option<bool>,
    /// Whether to list the deleted prompts that can be restored, instead of the others.
    deleted: Option<bool>,
    /// relevance (only with a query), recent, name or used.
    sort: Option<String>,
    /// Maximum number of prompts, 1 to 100; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Whether each prompt has the score by which it was ranked. Needs a query.
    explain: Option<bool>,
}

impl ListPromptsQuery {
    /// Returns whether the response has scores.
    pub(crate) fn explains(&self) -> Result<bool, FieldError> {
        let explains = self.explain.unwrap_or_default();
        if explains && self.query.is_none() {
            return Err(FieldError::new("explain", "needs a query"));
        }
        Ok(explains)
    }

    pub(crate) fn into_options(self) -> Result<ListOptions, FieldError> {
        Ok(ListOptions {
            query: self.query,
            tag: self.tag,
            favorite: self.favorite,
            deleted: self.deleted.unwrap_or_default(),
            sort: self.sort.as_deref().map(parse_sort).transpose()?,
            limit: self.limit,
            cursor: self.cursor,
        })
    }
}

/// Parses the order of a listing.
fn parse_sort(word: &str) -> Result<SortOrder, FieldError> {
    match word {
        "relevance" => Ok(SortOrder::Relevance),
        "recent" => Ok(SortOrder::By(Sort::Recent)),
        "name" => Ok(SortOrder::By(Sort::Name)),
        "used" => Ok(SortOrder::By(Sort::Used)),
        _ => Err(FieldError::new("sort", "must be relevance, recent, name or used")),
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromptResponse {
    /// Never changes.
    id: String,
    /// A slug, unique in the library; can change.
    name: String,
    #[serde(flatten)]
    body: BodyResponse,
    /// 1, 2, ...
    version: u32,
    /// The client that saved this version.
    source: String,
    favorite: bool,
    /// When version 1 was saved, in RFC 3339.
    created_at: String,
    /// When this version was saved.
    updated_at: String,
    /// When the prompt was deleted, in RFC 3339.
    deleted_at: Option<String>,
    /// The end of the time in which a deleted prompt can be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    restorable_until: Option<String>,
    /// The number of renderings; updated with a delay of some seconds.
    use_count: u64,
    /// When the prompt was last rendered.
    last_used_at: Option<String>,
    /// How well the prompt matches the query; absent unless it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<ScoreResponse>,
}

/// The score of a prompt: the higher, the better it matches.
#[derive(Debug, Serialize, ToSchema)]
struct ScoreResponse {
    /// The sum of the parts. A prompt without a vector among others with one has `words` and `title` in
    /// it twice, in place of `cosine`.
    total: f64,
    /// How near the prompt is to the query in meaning, -1 to 1; absent without a model, or while the
    /// prompt has no vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    cosine: Option<f64>,
    /// The words of the query in the prompt, the rare ones most: 0 to 0.3.
    words: f64,
    /// The resemblance of the title to the query: 0 to 0.2.
    title: f64,
    /// 1 if the query is the name, 0.1 if the name begins with it, else 0.
    name: f64,
}

impl From<Score> for ScoreResponse {
    fn from(score: Score) -> Self {
        let Score { meaning, words, title, name, .. } = score;
        Self { total: score.total(), cosine: meaning, words, title, name }
    }
}

impl From<Prompt> for PromptResponse {
    fn from(prompt: Prompt) -> Self {
        let restorable_until = prompt.deleted_at.map(|at| at.plus_days(RESTORABLE_DAYS));
        Self {
            id: prompt.id.to_string(),
            name: prompt.name.to_string(),
            body: prompt.body,
            version: prompt.version,
            source: prompt.source,
            favorite: prompt.favorite,
            created_at: prompt.created_at.to_string(),
            updated_at: prompt.updated_at.to_string(),
            deleted_at: prompt.deleted_at.as_ref().map(Timestamp::to_string),
            restorable_until: restorable_until.as_ref().map(Timestamp::to_string),
            use_count: prompt.use_count,
            last_used_at: prompt.last_used_at.as_ref().map(Timestamp::to_string),
            score: None,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadPromptResponse {
    #[serde(flatten)]
    prompt: PromptResponse,
    /// At most three similar prompts, the most similar first; absent unless they were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<Vec<SimilarResponse>>,
}

impl ReadPromptResponse {
    pub(crate) fn new(prompt: Prompt, similar: Option<Vec<Similar>>) -> Self {
        let similar = similar.map(|all| all.into_iter().map(SimilarResponse::from).collect());
        Self { prompt: prompt.into(), similar }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedPromptResponse {
    #[serde(flatten)]
    prompt: PromptResponse,
    /// What stays plain text although it looks like a placeholder, and what was left out.
    notes: Vec<String>,
    /// At most three similar prompts, the most similar first.
    similar: Vec<SimilarResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RestoredPromptResponse {
    #[serde(flatten)]
    prompt: PromptResponse,
    /// What stays plain text although it looks like a placeholder, and what was left out, in a version
    /// that was saved again.
    notes: Vec<String>,
}

/// A similar prompt, or a similar candidate in the review queue.
#[derive(Debug, Serialize, ToSchema, schemars::JsonSchema)]
pub(crate) struct SimilarResponse {
    /// The saved prompt's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The saved prompt's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The candidate's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_id: Option<String>,
    title: String,
    /// The saved prompt's current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// duplicate (equal but for case, white space and punctuation), variant, or related (other words of a
    /// near meaning).
    verdict: &'static str,
}

impl fmt::Display for SimilarResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, candidate_id, title, version, verdict, .. } = self;
        let to = if *verdict == Verdict::Related.as_str() { "to" } else { "of" };
        match (name, version, candidate_id) {
            (Some(name), Some(version), _) => {
                write!(f, "{verdict} {to} {name}, version {version} ({title})")
            }
            (_, _, Some(id)) => write!(f, "{verdict} {to} the candidate {id} ({title})"),
            _ => write!(f, "{verdict} {to} {title}"),
        }
    }
}

impl From<Similar> for SimilarResponse {
    fn from(similar: Similar) -> Self {
        let Similar { to, title, verdict, .. } = similar;
        let nothing = Self {
            id: None,
            name: None,
            candidate_id: None,
            title,
            version: None,
            verdict: verdict.as_str(),
        };
        match to {
            SimilarTo::Prompt { id, name, version } => Self {
                id: Some(id.to_string()),
                name: Some(name.to_string()),
                version: Some(version),
                ..nothing
            },
            SimilarTo::Candidate(id) => Self { candidate_id: Some(id.to_string()), ..nothing },
        }
    }
}

impl From<RestoredPrompt> for RestoredPromptResponse {
    fn from(restored: RestoredPrompt) -> Self {
        let RestoredPrompt { prompt, notes } = restored;
        Self { prompt: prompt.into(), notes }
    }
}

impl From<SavedPrompt> for SavedPromptResponse {
    fn from(saved: SavedPrompt) -> Self {
        Self {
            prompt: saved.prompt.into(),
            notes: saved.notes,
            similar: saved.similar.into_iter().map(SimilarResponse::from).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PromptListResponse {
    prompts: Vec<PromptResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// The number of results on all pages; absent without a query or if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

impl PromptListResponse {
    /// A page of matches, each with its score.
    pub(crate) fn explained(mut listing: Listing) -> Self {
        let scores = std::mem::take(&mut listing.scores);
        let mut response = Self::from(listing);
        for (prompt, score) in response.prompts.iter_mut().zip(scores) {
            prompt.score = Some(score.into());
        }
        response
    }
}

impl From<Listing> for PromptListResponse {
    fn from(listing: Listing) -> Self {
        Self {
            prompts: listing.page.items.into_iter().map(PromptResponse::from).collect(),
            next_cursor: listing.page.next.map(SealedCursor::into_string),
            total: listing.total,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionListResponse {
    /// The newest first.
    versions: Vec<VersionResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionResponse {
    /// 1, 2, ...
    version: u32,
    #[serde(flatten)]
    body: BodyResponse,
    /// The client that saved the version.
    source: String,
    /// When the version was saved, in RFC 3339.
    created_at: String,
}

impl From<Version> for VersionResponse {
    fn from(version: Version) -> Self {
        Self {
            version: version.version,
            body: version.body,
            source: version.source,
            created_at: version.created_at.to_string(),
        }
    }
}

impl From<Page<Version, SealedCursor>> for VersionListResponse {
    fn from(page: Page<Version, SealedCursor>) -> Self {
        Self {
            versions: page.items.into_iter().map(VersionResponse::from).collect(),
            next_cursor: page.next.map(SealedCursor::into_string),
        }
    }
}
