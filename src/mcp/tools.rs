//! The tools: one thin function each over the same use cases as REST.

mod types;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::types::{
    DeletePromptInput, DeletePromptOutput, GetPromptInput, GetPromptOutput, HealthCheckInput,
    HealthCheckOutput, ListPromptsInput, ListPromptsOutput, PromptSummary, SavePromptInput,
    SavePromptOutput, schema_of,
};
use crate::domain::FieldError;
use crate::domain::candidate::CandidateId;
use crate::domain::harvest::Proposal;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptId, PromptRef, RESTORABLE_DAYS, VariableName};
use crate::error::ApiError;
use crate::http::extract::field_error;
use crate::library::{Found, Library, LibraryError, ListOptions, SaveOptions};
use crate::rest::candidates::{HarvestRequest, HarvestResponse};

/// Most tokens of a list, structured content and text together: the 25,000 that Claude Code takes,
/// less what stands around the prompts.
const LIST_MAX_TOKENS: usize = 24_500;
/// Most names that are suggested for an unknown one.
const SUGGESTIONS_MAX: usize = 3;

type Outcome = Result<CallToolResult, ApiError>;

/// What tells one tool from another for a client.
struct Hints {
    read_only: bool,
    destructive: bool,
}

/// The tools in the order in which clients show them.
pub(super) fn list() -> Vec<Tool> {
    let read = Hints { read_only: true, destructive: false };
    let write = Hints { read_only: false, destructive: false };
    let destroy = Hints { read_only: false, destructive: true };
    vec![
        tool::<GetPromptInput, GetPromptOutput>(
            "get_prompt",
            "Get a saved prompt",
            "Returns the text of a prompt that the user saved, with its variables filled in. Use \
             this when the user names or describes a saved prompt. Pass exactly one of name, id \
             or query; a query that fits several prompts returns them as matches to choose from.",
            &read,
        ),
        tool::<ListPromptsInput, ListPromptsOutput>(
            "list_prompts",
            "List saved prompts",
            "Lists or searches the prompts that the user saved, without their contents. Use this \
             when the user wants to know what they have saved, or looks for prompts by topic or tag.",
            &read,
        ),
        tool::<SavePromptInput, SavePromptOutput>(
            "save_prompt",
            "Save a prompt",
            "Saves a prompt to the user's library, or a new version of a saved one; earlier \
             versions are kept. Use this when the user wants to keep a prompt. Returns similar \
             prompts that are there already.",
            &write,
        ),
        tool::<HarvestRequest, HarvestResponse>(
            "harvest_session",
            "Harvest prompts from this session",
            "Puts the prompts of this session that are worth keeping up for the user's review: \
             checks them, replaces secrets and personal data by placeholders, and finds duplicates \
             in the library. Use this when the user asks to review a session for reusable prompts. \
             Nothing is in the library until the user has chosen and save_prompt is called with \
             the candidate_id.",
            &write,
        ),
        tool::<DeletePromptInput, DeletePromptOutput>(
            "delete_prompt",
            "Delete a prompt",
            "Deletes a prompt from the user's library; it can be restored for 30 days. Use this \
             when the user asks for a saved prompt to be removed.",
            &destroy,
        ),
        tool::<HealthCheckInput, HealthCheckOutput>(
            "health_check",
            "Check PromptDB",
            "Tells whether PromptDB works. Use this when another tool fails unexpectedly.",
            &read,
        ),
    ]
}

fn tool<I: schemars::JsonSchema, O: schemars::JsonSchema>(
    name: &'static str,
    title: &str,
    description: &'static str,
    hints: &Hints,
) -> Tool {
    let annotations = ToolAnnotations::with_title(title)
        .read_only(hints.read_only)
        .destructive(hints.destructive)
        .open_world(false);
    Tool::new(name, description, schema_of::<I>())
        .with_title(title)
        .with_raw_output_schema(schema_of::<O>())
        .with_annotations(annotations)
}

/// Calls a tool; `None` for a name that no tool has.
pub(super) async fn call(
    library: &Library,
    caller: &Principal,
    name: &str,
    arguments: JsonObject,
) -> Option<Outcome> {
    Some(match name {
        "get_prompt" => get_prompt(library, caller, arguments).await,
        "list_prompts" => list_prompts(library, caller, arguments).await,
        // More than twice as large as the others, which would all take its room.
        "save_prompt" => Box::pin(save_prompt(library, caller, arguments)).await,
        "harvest_session" => harvest_session(library, caller, arguments).await,
        "delete_prompt" => delete_prompt(library, caller, arguments).await,
        "health_check" => health_check(library, arguments).await,
        _ => return None,
    })
}

async fn get_prompt(library: &Library, caller: &Principal, arguments: JsonObject) -> Outcome {
    let input: GetPromptInput = read(arguments)?;
    let prompt = match (input.name, input.id, input.query) {
        (Some(name), None, None) => {
            let named = PromptRef::parse(&name).map_err(|fault| FieldError::new("name", fault))?;
            by_ref(library, caller, &named).await?
        }
        (None, Some(id), None) => by_ref(library, caller, &PromptRef::Id(parse_id(&id)?)).await?,
        (None, None, Some(query)) => match library.find_prompt(caller, &query).await? {
            Found::One(prompt) => *prompt,
            Found::Several(prompts) => return matches(prompts),
        },
        _ => return Err(FieldError::new("name", "pass exactly one of name, id and query").into()),
    };
    let prompt = match input.version {
        Some(version) => library.get_version(caller, &PromptRef::Id(prompt.id), version).await?,
        None => prompt,
    };
    let rendered = library.render_prompt(caller, &prompt, &input.arguments.unwrap_or_default())?;
    let mut texts = vec![rendered.text.clone()];
    if !rendered.missing.is_empty() {
        let names: Vec<&str> = rendered.missing.iter().map(VariableName::as_str).collect();
        texts.push(format!("Not filled in: {}. Pass them in arguments.", names.join(", ")));
    }
    respond(texts, &GetPromptOutput::of(prompt, rendered))
}

/// A prompt, or an error that suggests the names that may have been meant.
async fn by_ref(
    library: &Library,
    caller: &Principal,
    prompt: &PromptRef,
) -> Result<Prompt, ApiError> {
    let not_found = match library.get_prompt(caller, prompt).await {
        Err(LibraryError::NotFound(detail)) => detail,
        other => return Ok(other?),
    };
    let mut advice = "list_prompts shows what there is".to_owned();
    if let PromptRef::Name(name) = prompt {
        let options = ListOptions { query: Some(name.to_string()), ..ListOptions::default() };
        let near = library.list_prompts(caller, options).await?.page.items;
        let near: Vec<&str> =
            near.iter().take(SUGGESTIONS_MAX).map(|prompt| prompt.name.as_str()).collect();
        if !near.is_empty() {
            advice = format!("similar names: {}", near.join(", "));
        }
    }
    Err(ApiError::NotFound(format!("{not_found}; {advice}")))
}

/// The answer to a query that means no single prompt.
fn matches(prompts: Vec<Prompt>) -> Outcome {
    let matches: Vec<PromptSummary> = prompts.into_iter().map(PromptSummary::from).collect();
    let matches = within_budget(matches);
    let text = if matches.is_empty() {
        "No saved prompt matches. list_prompts shows what there is.".to_owned()
    } else {
        let lines: Vec<String> = matches.iter().map(PromptSummary::line).collect();
        format!("Several prompts match; get one by name:\n{}", lines.join("\n"))
    };
    respond(vec![text], &GetPromptOutput::matches(matches))
}

async fn list_prompts(library: &Library, caller: &Principal, arguments: JsonObject) -> Outcome {
    let input: ListPromptsInput = read(arguments)?;
    let mut options = input.into_options();
    let (listing, prompts) = loop {
        let mut listing = library.list_prompts(caller, options.clone()).await?;
        let found = listing.page.items.len();
        let summaries = listing.page.items.drain(..).map(PromptSummary::from).collect();
        let prompts = within_budget(summaries);
        if prompts.len() == found {
            break (listing, prompts);
        }
        // Asked again for a page that ends where the budget does, so that its cursor goes on from
        // there. The library may have changed meanwhile, so it is measured again, too.
        options.limit = i64::try_from(prompts.len()).ok();
    };
    let mut lines: Vec<String> = prompts.iter().map(PromptSummary::line).collect();
    if lines.is_empty() {
        lines.push("No prompts.".to_owned());
    }
    let next_cursor = listing.page.next.map(crate::domain::paging::Cursor::into_string);
    if let Some(cursor) = &next_cursor {
        lines.push(format!("More with cursor {cursor}"));
    }
    let output = ListPromptsOutput { prompts, next_cursor, total: listing.total };
    respond(vec![lines.join("\n")], &output)
}

/// The first summaries, at least one, that stay under [`LIST_MAX_TOKENS`].
fn within_budget(summaries: Vec<PromptSummary>) -> Vec<PromptSummary> {
    let mut spent = 0;
    let mut kept = Vec::with_capacity(summaries.len());
    for summary in summaries {
        let summary = summary.shortened();
        spent += most_tokens(&summary) + most_tokens(&summary.line());
        if spent > LIST_MAX_TOKENS && !kept.is_empty() {
            break;
        }
        kept.push(summary);
    }
    kept
}

/// The most tokens that a value can be as JSON. Models take at least two bytes of ASCII a token; of
/// a script that a tokenizer has hardly seen, every byte may be one.
fn most_tokens(value: &impl Serialize) -> usize {
    let json = serde_json::to_string(value).unwrap_or_default();
    let ascii = json.bytes().filter(u8::is_ascii).count();
    ascii / 2 + (json.len() - ascii)
}

async fn save_prompt(library: &Library, caller: &Principal, arguments: JsonObject) -> Outcome {
    let input: SavePromptInput = read(arguments)?;
    let options =
        SaveOptions { expected_version: input.expected_version, ..SaveOptions::default() };
    let saved = match &input.candidate_id {
        None => library.save_by_name(caller, input.into_draft(), options).await?,
        Some(id) => {
            let message = "is no id of a candidate; pass one as harvest_session returned it";
            let id =
                CandidateId::parse(id).ok_or_else(|| FieldError::new("candidate_id", message))?;
            library.accept_candidate(caller, &id, input.into_draft(), options).await?
        }
    };
    let (name, version) = (&saved.prompt.name, saved.prompt.version);
    let mut lines = vec![format!("Saved {name} (version {version}).")];
    for similar in &saved.similar {
        lines.push(format!("It is a {} of {}.", similar.verdict.as_str(), similar.label()));
    }
    respond(vec![lines.join("\n")], &SavePromptOutput::from(saved))
}

async fn harvest_session(library: &Library, caller: &Principal, arguments: JsonObject) -> Outcome {
    let input: HarvestRequest = read(arguments)?;
    let proposals = input.candidates.into_iter().map(Proposal::from).collect();
    let harvested = library.harvest(caller, proposals, input.focus.as_deref()).await?;
    let output = HarvestResponse::from(harvested);
    let mut lines = vec!["Waiting for review, for 7 days:".to_owned()];
    for candidate in &output.candidates {
        let mut line = format!(
            "- {} ({}, candidate_id {})",
            candidate.title, candidate.verdict, candidate.candidate_id
        );
        let replaced = candidate.redactions.iter();
        let replaced = replaced.map(|one| format!("replaced {} {}", one.count, one.kind));
        for note in replaced.chain(candidate.problems.iter().cloned()) {
            line.push_str("; ");
            line.push_str(&note);
        }
        lines.push(line);
    }
    respond(vec![lines.join("\n")], &output)
}

async fn delete_prompt(library: &Library, caller: &Principal, arguments: JsonObject) -> Outcome {
    let input: DeletePromptInput = read(arguments)?;
    let prompt = match (input.name, input.id) {
        (Some(name), None) => {
            PromptRef::parse(&name).map_err(|fault| FieldError::new("name", fault))?
        }
        (None, Some(id)) => PromptRef::Id(parse_id(&id)?),
        _ => return Err(FieldError::new("name", "pass either name or id").into()),
    };
    // Looked up first for the suggestions that an unknown name is answered with.
    let id = PromptRef::Id(by_ref(library, caller, &prompt).await?.id);
    let deleted = library.delete_prompt(caller, &id, None, None).await?;
    let until = deleted.deleted_at.map(|at| at.plus_days(RESTORABLE_DAYS));
    let output = DeletePromptOutput {
        id: deleted.id.to_string(),
        name: deleted.name.to_string(),
        restorable_until: until.map(|until| until.to_string()).unwrap_or_default(),
    };
    let text =
        format!("Deleted {}; it can be restored until {}.", output.name, output.restorable_until);
    respond(vec![text], &output)
}

async fn health_check(library: &Library, arguments: JsonObject) -> Outcome {
    let HealthCheckInput {} = read(arguments)?;
    let status = if library.check_store().await.works { "ok" } else { "degraded" };
    respond(vec![format!("PromptDB: {status}")], &HealthCheckOutput { status })
}

fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(serde_json::Value::Object(arguments))
        .map_err(|error| field_error(&error.path().to_string(), error.inner()))
}

fn parse_id(text: &str) -> Result<PromptId, FieldError> {
    let message = "is no id of a prompt; pass an id as list_prompts gives it, or a name";
    PromptId::parse(text).ok_or_else(|| FieldError::new("id", message))
}

fn respond(texts: Vec<String>, output: &impl Serialize) -> Outcome {
    let structured =
        serde_json::to_value(output).map_err(|error| ApiError::Internal(error.into()))?;
    let mut result = CallToolResult::success(texts.into_iter().map(ContentBlock::text).collect());
    result.structured_content = Some(structured);
    Ok(result)
}
