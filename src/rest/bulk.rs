//! One action on many prompts.

use axum::extract::{FromRequest, Request, State};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::domain::FieldError;
use crate::domain::excerpt::Excerpt;
use crate::domain::prompt::Tag;
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, Metered};
use crate::library::{BULK_MAX, BulkAction, BulkOutcome};
use crate::rest::owner::check_removal;
use crate::state::AppState;
use crate::telemetry::Record;

/// The tenths of a request's time after which no further prompt is begun: the answer says what was done,
/// and has to be written before the deadline of the edge.
const WORK_TENTHS: u32 = 9;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRequest {
    action: ActionRequest,
    /// Ids or names, 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    names: Vec<String>,
    /// The tag to add or remove; only with tag and untag.
    tag: Option<String>,
}

/// What to do to each prompt. purge removes deleted prompts for good: it takes the session cookie or a
/// web token.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ActionRequest {
    Delete,
    Restore,
    Tag,
    Untag,
    Favorite,
    Unfavorite,
    Purge,
}

impl BulkRequest {
    fn parse_action(&self) -> Result<BulkAction, FieldError> {
        let tag = || {
            let missing = || FieldError::new("tag", "is missing; name the tag to add or remove");
            let text = self.tag.as_deref().ok_or_else(missing)?;
            Tag::parse(text).map_err(|message| FieldError::new("tag", message))
        };
        let action = match self.action {
            ActionRequest::Tag => return tag().map(BulkAction::Tag),
            ActionRequest::Untag => return tag().map(BulkAction::Untag),
            ActionRequest::Delete => BulkAction::Delete,
            ActionRequest::Restore => BulkAction::Restore,
            ActionRequest::Favorite => BulkAction::Mark(true),
            ActionRequest::Unfavorite => BulkAction::Mark(false),
            ActionRequest::Purge => BulkAction::Purge,
        };
        match self.tag {
            Some(_) => Err(FieldError::new("tag", "is only for the actions tag and untag")),
            None => Ok(action),
        }
    }

    fn check_names(&self) -> Result<(), FieldError> {
        if (1..=BULK_MAX).contains(&self.names.len()) {
            return Ok(());
        }
        Err(FieldError::new("names", format!("must have 1 to {BULK_MAX} names or ids")))
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkResponse {
    /// The outcome for each of the names, in their order.
    results: Vec<BulkResultResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct BulkResultResponse {
    /// The name or id as it was sent.
    prompt: String,
    /// done, unchanged (it was so already) or refused.
    outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Does one action to many prompts. A prompt that is refused stops no other.
///
/// A prompt that is left when the time of the request is over is refused as `timeout`. Each prompt
/// counts as a request for the rate limit.
#[utoipa::path(post, path = "/api/prompts/bulk", request_body = BulkRequest, responses(
    (status = 200, description = "The outcome for each prompt", body = BulkResponse),
))]
pub(crate) async fn change_prompts(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    request: Request,
) -> Result<Json<BulkResponse>, ApiError> {
    // Before the body is read, which takes of the same time.
    let deadline = Instant::now() + state.request_timeout() * WORK_TENTHS / 10;
    let Json(request) = Json::<BulkRequest>::from_request(request, &()).await?;
    request.check_names()?;
    let action = request.parse_action()?;
    if action == BulkAction::Purge {
        check_removal(&state, &caller)?;
    }
    // The request itself has paid for the first one.
    meter.charge(u32::try_from(request.names.len() - 1).unwrap_or(u32::MAX))?;
    let names = request.names;
    let outcomes = state.library().change_in_bulk(&caller, &action, &names, deadline).await?;
    let request_id = Record::current().map(|record| record.id().to_owned()).unwrap_or_default();
    let results = names.into_iter().zip(outcomes).map(|(prompt, outcome)| {
        let (outcome, problem) = match outcome {
            BulkOutcome::Done => ("done", None),
            BulkOutcome::Unchanged => ("unchanged", None),
            BulkOutcome::Refused(error) => ("refused", Some(error.report(request_id.clone()))),
        };
        BulkResultResponse { prompt: Excerpt::new(&prompt).to_string(), outcome, problem }
    });
    Ok(Json(BulkResponse { results: results.collect() }))
}
