//! The tags of the library.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::paging::SealedCursor;
use crate::error::ApiError;
use crate::http::extract::{Caller, Json, Query};
use crate::state::AppState;
use crate::store::TagCount;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TagsQuery {
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TagListResponse {
    /// In alphabetical order.
    tags: Vec<TagResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TagResponse {
    name: String,
    /// The number of prompts with this tag that are not deleted; counting ends at 10,000.
    count: u64,
}

impl From<TagCount> for TagResponse {
    fn from(TagCount { tag, count }: TagCount) -> Self {
        Self { name: tag.to_string(), count }
    }
}

/// Lists the tags of the prompts that are not deleted, 1,000 in a page.
#[utoipa::path(get, path = "/api/tags", params(TagsQuery), responses(
    (status = 200, description = "A page of tags", body = TagListResponse),
))]
pub(crate) async fn list_tags(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<TagsQuery>,
) -> Result<Json<TagListResponse>, ApiError> {
    let page = state.library().list_tags(&caller, query.cursor).await?;
    Ok(Json(TagListResponse {
        tags: page.items.into_iter().map(TagResponse::from).collect(),
        next_cursor: page.next.map(SealedCursor::into_string),
    }))
}
