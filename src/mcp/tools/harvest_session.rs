//! The tool `harvest_session`.

use schemars::JsonSchema;
use serde::Serialize;

use super::candidates::{describe, explain_cuts, fit_candidates, format_candidates};
use super::tool::{Effect, Reply, Tool};
use crate::domain::candidate::CANDIDATE_DAYS;
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::Library;
use crate::mcp::apps::View;
use crate::rest::candidates::{CandidateResponse, HarvestRequest};

/// Puts the prompts that a model proposes into the review queue. REST has the same request.
pub(super) struct HarvestSession;

#[derive(Serialize, JsonSchema)]
pub(super) struct HarvestSessionOutput {
    /// One entry for each candidate, in their order.
    candidates: Vec<CandidateResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Tool for HarvestSession {
    const NAME: &'static str = "harvest_session";
    const TITLE: &'static str = "Harvest prompts from this session";
    const DESCRIPTION: &'static str = "Submits the prompts of this session that are worth keeping \
        for the user's review: checks them, replaces secrets and personal data with placeholders, \
        and finds duplicates in the library. Use this when the user asks to review a session for \
        reusable prompts. Nothing is saved yet: each candidate waits for 7 days, until save_prompt \
        or reject_candidate is called with its candidate_id.";
    const EFFECT: Effect = Effect::Add;
    const VIEW: Option<View> = Some(View::new("Checking the prompts", "Prompts to review"));

    type Input = HarvestRequest;
    type Output = HarvestSessionOutput;

    fn cost(input: &HarvestRequest) -> u32 {
        input.cost()
    }

    async fn call(
        library: &Library,
        caller: &Principal,
        input: HarvestRequest,
    ) -> Result<Reply<HarvestSessionOutput>, ApiError> {
        let HarvestRequest { candidates, focus } = input;
        let harvested = library.harvest(caller, candidates.into(), focus.as_deref()).await?;
        // The description of the tool says how long all of them wait.
        let describe = |one| CandidateResponse { expires_at: None, ..describe(one) };
        let mut candidates = harvested.into_iter().map(describe).collect();
        fit_candidates(&mut candidates);
        let mut parts = vec![summarize(&candidates)];
        parts.extend(format_candidates(&candidates));
        let hint = explain_cuts(&candidates);
        Ok(Reply::new(parts.join("\n\n"), HarvestSessionOutput { candidates, hint }))
    }
}

/// Summarizes how many of the candidates wait for review.
fn summarize(candidates: &[CandidateResponse]) -> String {
    let all = candidates.len();
    match candidates.iter().filter(|candidate| candidate.candidate_id.is_some()).count() {
        0 => "No candidate was added: each has problems to fix first.".to_owned(),
        added if added == all => format!("Waiting for review, for {CANDIDATE_DAYS} days:"),
        added => format!(
            "{added} of {all} candidates are waiting for review, for {CANDIDATE_DAYS} days; the \
             others have problems to fix first:"
        ),
    }
}
