//! Candidates in the results of tools: their size, and their text for hosts that show only text.

use std::fmt::Write;

use super::shares::{FRAME_BYTES, STRUCTURE_MAX_BYTES, cut_to_shares};
use super::summary::shorten_variables;
use crate::rest::candidates::{CandidateResponse, SuggestedResponse};

/// Maximum size of the variables of one candidate, in bytes of JSON, where it is one of several.
const VARIABLES_MAX_BYTES: usize = 1000;

/// Minimum room for the texts of one candidate of several, in bytes of JSON: enough to recognise a
/// prompt.
const TEXTS_MIN_BYTES: usize = 600;

/// Describes a candidate without what only its owner's pages show.
pub(super) fn describe(candidate: impl Into<CandidateResponse>) -> CandidateResponse {
    CandidateResponse { source: None, created_at: None, ..candidate.into() }
}

/// Cuts the texts of candidates until they fit into one result, and drops the last candidates if even
/// then there are too many. One with a cut text says so.
pub(super) fn fit_candidates(candidates: &mut Vec<CandidateResponse>) {
    let room = STRUCTURE_MAX_BYTES - FRAME_BYTES;
    let mut are_cut: Vec<bool> = candidates.iter_mut().map(cut_variables).collect();
    let texts: Vec<Vec<String>> = candidates.iter_mut().map(take_texts).collect();
    let (mut fixed, mut count) = (0, 0);
    for candidate in candidates.iter() {
        let size = json_bytes(candidate) + 1;
        if count > 0 && fixed + size + (count + 1) * TEXTS_MIN_BYTES > room {
            break;
        }
        fixed += size;
        count += 1;
    }
    candidates.truncate(count);
    let mut texts: Vec<Vec<String>> = texts.into_iter().take(count).collect();
    let mut all: Vec<&mut String> = texts.iter_mut().flatten().collect();
    let mut cut = cut_to_shares(&mut all, room.saturating_sub(fixed)).into_iter();
    for ((candidate, texts), is_cut) in candidates.iter_mut().zip(texts).zip(&mut are_cut) {
        let own: Vec<bool> = cut.by_ref().take(texts.len()).collect();
        put_texts(candidate, texts);
        candidate.content_cut = (*is_cut || own.contains(&true)).then_some(true);
    }
}

/// Returns what to do about cut texts, if there are any. Some clients show a model only the structure.
pub(super) fn explain_cuts(candidates: &[CandidateResponse]) -> Option<String> {
    let is_cut = candidates.iter().any(|candidate| candidate.content_cut.is_some());
    is_cut.then(|| {
        "Some texts are cut (content_cut); list_candidates with a candidate_id returns all of one."
            .to_owned()
    })
}

/// Leaves out what the variables have over their limit; returns whether that is anything.
fn cut_variables(candidate: &mut CandidateResponse) -> bool {
    let Some(suggested) = &mut candidate.suggested else { return false };
    if json_bytes(&suggested.variables) <= VARIABLES_MAX_BYTES {
        return false;
    }
    shorten_variables(&mut suggested.variables, 0);
    let mut bytes = 0;
    suggested.variables.retain(|variable| {
        bytes += json_bytes(variable) + 1;
        bytes <= VARIABLES_MAX_BYTES
    });
    true
}

/// Takes the texts that may be cut out of a candidate, in an order that [`put_texts`] reverses.
fn take_texts(candidate: &mut CandidateResponse) -> Vec<String> {
    texts_of(candidate).map(std::mem::take).collect()
}

fn put_texts(candidate: &mut CandidateResponse, texts: Vec<String>) {
    texts_of(candidate).zip(texts).for_each(|(place, text)| *place = text);
}

fn texts_of(candidate: &mut CandidateResponse) -> impl Iterator<Item = &mut String> {
    let CandidateResponse { why, problems, suggested, .. } = candidate;
    let suggested = suggested.iter_mut().flat_map(|suggested| {
        let SuggestedResponse { description, content, .. } = suggested;
        [description, content]
    });
    std::iter::once(why).chain(problems).chain(suggested)
}

fn json_bytes(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |json| json.len())
}

/// Formats candidates: for each its verdict and id, what it resembles, what was replaced, its problems,
/// and its text.
pub(super) fn format_candidates(candidates: &[CandidateResponse]) -> impl Iterator<Item = String> {
    candidates.iter().enumerate().map(|(index, candidate)| format_candidate(index, candidate))
}

fn format_candidate(index: usize, candidate: &CandidateResponse) -> String {
    let CandidateResponse { title, why, redactions, problems, similar, .. } = candidate;
    // One that was refused may have no title, and is found by its place.
    let title = match title.trim() {
        "" => format!("Candidate {}", index + 1),
        title => title.to_owned(),
    };
    let mut text = match (&candidate.candidate_id, candidate.verdict) {
        (Some(id), Some(verdict)) => format!("## {title} ({verdict}, candidate_id {id})"),
        _ => format!("## {title} (not added)"),
    };
    if !why.is_empty() {
        push_line(&mut text, format_args!("Why: {why}"));
    }
    for similar in similar {
        push_line(&mut text, format_args!("Resembles: {similar}"));
    }
    for one in redactions {
        push_line(&mut text, format_args!("Replaced: {} {}", one.count, one.kind));
    }
    for problem in problems {
        push_line(&mut text, format_args!("Problem: {problem}"));
    }
    if let Some(expires_at) = &candidate.expires_at {
        push_line(&mut text, format_args!("Waits until {expires_at}"));
    }
    let Some(suggested) = &candidate.suggested else { return text };
    push_line(&mut text, format_args!("{}", format_suggestion(suggested)));
    let content = &suggested.content;
    push_line(&mut text, format_args!("\n{content}"));
    if candidate.content_cut.is_some() {
        let id = candidate.candidate_id.as_deref().unwrap_or_default();
        push_line(
            &mut text,
            format_args!("\n(cut; list_candidates with candidate_id {id} returns all of it)"),
        );
    }
    text
}

fn format_suggestion(suggested: &SuggestedResponse) -> String {
    let SuggestedResponse { action, name, expected_version, .. } = suggested;
    match expected_version {
        // The name is that of a prompt that nothing is to be done to.
        _ if *action == "skip" => {
            "Suggested: skip; this text is already saved or waiting".to_owned()
        }
        Some(version) => format!("Suggested: {action} {name}, with expected_version {version}"),
        None => format!("Suggested: {action}, as {name}"),
    }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    write!(text, "\n{line}").expect("writing to a String never fails");
}
