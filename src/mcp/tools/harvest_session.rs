//! The tool `harvest_session`.

use super::tool::{Effect, Reply, Tool};
use crate::domain::harvest::Proposal;
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::Library;
use crate::rest::candidates::{HarvestRequest, HarvestResponse, HarvestedResponse};

/// Puts the prompts that a model proposes into the review queue. REST has the same request and
/// response.
pub(super) struct HarvestSession;

impl Tool for HarvestSession {
    const NAME: &'static str = "harvest_session";
    const TITLE: &'static str = "Harvest prompts from this session";
    const DESCRIPTION: &'static str = "Submits the prompts of this session that are worth keeping \
        for the user's review: checks them, replaces secrets and personal data with placeholders, \
        and finds duplicates in the library. Use this when the user asks to review a session for \
        reusable prompts. Nothing is saved until the user has chosen and save_prompt is called \
        with the candidate_id.";
    const EFFECT: Effect = Effect::Add;

    type Input = HarvestRequest;
    type Output = HarvestResponse;

    fn cost(input: &HarvestRequest) -> u32 {
        input.cost()
    }

    async fn call(
        library: &Library,
        caller: &Principal,
        input: HarvestRequest,
    ) -> Result<Reply<HarvestResponse>, ApiError> {
        let HarvestRequest { candidates, focus } = input;
        let proposals = candidates.into_iter().map(Proposal::from).collect();
        let harvested = library.harvest(caller, proposals, focus.as_deref()).await?;
        let output = HarvestResponse::from(harvested);
        let mut lines = vec!["Waiting for review, for 7 days:".to_owned()];
        lines.extend(output.candidates.iter().map(format_line));
        Ok(Reply::new(lines.join("\n"), output))
    }
}

/// Formats a candidate as one line: title, verdict, id, then redactions and problems.
fn format_line(candidate: &HarvestedResponse) -> String {
    let mut line = format!(
        "- {} ({}, candidate_id {})",
        candidate.title, candidate.verdict, candidate.candidate_id
    );
    let redactions =
        candidate.redactions.iter().map(|one| format!("replaced {} {}", one.count, one.kind));
    for note in redactions.chain(candidate.problems.iter().cloned()) {
        line.push_str("; ");
        line.push_str(&note);
    }
    line
}
