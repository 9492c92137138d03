//! The tool `reject_candidate`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::parse_candidate_id;
use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::Library;

/// Removes a candidate from the review queue.
pub(super) struct RejectCandidate;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RejectCandidateInput {
    /// A candidate of `harvest_session` or `list_candidates`.
    candidate_id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct RejectCandidateOutput {
    candidate_id: String,
}

impl Tool for RejectCandidate {
    const NAME: &'static str = "reject_candidate";
    const TITLE: &'static str = "Reject a candidate";
    const DESCRIPTION: &'static str = "Removes a candidate of harvest_session from the review queue; \
        saved prompts do not change. Use this when the user does not want to keep it.";
    // A candidate is a proposal, which expires in any case and can be proposed again.
    const EFFECT: Effect = Effect::Add;

    type Input = RejectCandidateInput;
    type Output = RejectCandidateOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: RejectCandidateInput,
    ) -> Result<Reply<RejectCandidateOutput>, ApiError> {
        let candidate = parse_candidate_id(&input.candidate_id)?;
        library.reject_candidate(caller, &candidate).await?;
        let candidate_id = candidate.to_string();
        let text = format!("Rejected {candidate_id}.");
        Ok(Reply::new(text, RejectCandidateOutput { candidate_id }))
    }
}
