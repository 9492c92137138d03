//! The pure half of a harvest: what a good candidate is, and what is wrong with a proposed one.
//!
//! The model in the chat proposes candidates; nothing here reads a conversation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::candidate::WHY_MAX_CHARS;
use super::draft::{Draft, VariableDraft};
use super::prompt::{Body, Name, check_chars, check_no_nul};
use super::redaction::{self, Redactor};
use super::words::words;
use super::{Faults, Invalid};

/// What a good candidate is. The input schema of `harvest_session` and the built-in prompt
/// `harvest` say the same, because both say this.
pub const RUBRIC: &str = "A good candidate is an instruction that worked in this chat and is worth \
    repeating: it is complete and works in a fresh chat, says the task, the constraints and the \
    form of the answer, and has a {{variable}} in place of whatever changes from one use to the \
    next (the code, the topic, the audience). It is not a question about one case, not a single \
    turn such as 'make it shorter', not a transcript, and holds no names, secrets or file names \
    of this one task.";

/// Fewest words of a content that can be worth keeping.
const WORDS_MIN: usize = 4;
/// How far behind a reference its variable may stand, in bytes.
const REFERENCE_REACH_BYTES: usize = 120;

/// A candidate as the model proposes it, unchecked.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// 1 to 120 characters.
    pub title: String,
    /// The template.
    pub content: String,
    /// At most 500 characters.
    pub description: Option<String>,
    /// Descriptions and defaults of variables.
    pub variables: Option<Vec<VariableDraft>>,
    /// At most 10 slugs.
    pub tags: Option<Vec<String>>,
    /// 1 to 500 characters.
    pub why: String,
}

/// A proposal that passed, cleaned of secrets and personal data.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What it will be called.
    pub name: Name,
    /// What it will say.
    pub body: Body,
    /// Why it is worth keeping.
    pub why: String,
    /// What was replaced, and how often.
    pub redactions: BTreeMap<&'static str, usize>,
    /// What a reviewer should mend before saving.
    pub problems: Vec<String>,
}

/// Checks one proposal: its fields, that it is an instruction at all, and what it gives away.
pub fn check(proposal: &Proposal) -> Result<Checked, Invalid> {
    let mut faults = Faults::default();
    let why = proposal.why.trim();
    if why.is_empty() {
        faults.push("why", "must not be empty; say in a sentence what makes it worth keeping");
    }
    faults.check("why", check_chars(why, WHY_MAX_CHARS).and_then(|()| check_no_nul(why)));
    if words(&proposal.content).len() < WORDS_MIN {
        faults.push("content", format!("is too short to be worth keeping. {RUBRIC}"));
    } else if is_transcript(&proposal.content) {
        let message = "is a transcript: it holds turns of two speakers. Propose the instruction \
            that produced the result instead of the conversation";
        faults.push("content", message);
    }
    let why = why.to_owned();
    // Checked as it came first, so that limits and faults are told of the text that the model
    // knows; then again, because placeholders are variables and may be longer than what they hide.
    if let Err(invalid) = draft_of(proposal).into_new() {
        faults.extend(invalid);
    }
    faults.finish(Some(()))?;

    let mut redactor = redactor_of(proposal);
    let clean = clean(proposal, &mut redactor);
    let why = redactor.redact(&why);
    let redactions = counts(&redactor);
    let problems = problems(&clean.content);
    let (name, body) = draft_of(&clean).into_new().map_err(|invalid| {
        let count: usize = redactions.values().sum();
        invalid.explained(&format!(
            "after {count} secrets and personal data in this candidate became variables; leave \
             them out"
        ))
    })?;
    Ok(Checked { name, body, why, redactions, problems })
}

fn draft_of(proposal: &Proposal) -> Draft {
    Draft {
        name: None,
        title: Some(proposal.title.clone()),
        description: proposal.description.clone(),
        content: Some(proposal.content.clone()),
        tags: proposal.tags.clone(),
        variables: proposal.variables.clone(),
    }
}

/// One redactor for all texts of a proposal, so that a value has one name in all of them.
fn redactor_of(proposal: &Proposal) -> Redactor {
    let variables = proposal.variables.iter().flatten();
    let texts = [&proposal.content, &proposal.title, &proposal.why].into_iter();
    let texts = texts.chain(&proposal.description).map(String::as_str);
    Redactor::new(texts, variables.map(|variable| variable.name.as_str()))
}

fn clean(proposal: &Proposal, redactor: &mut Redactor) -> Proposal {
    Proposal {
        content: redactor.redact(&proposal.content),
        title: redactor.redact(&proposal.title),
        description: proposal.description.as_deref().map(|text| redactor.redact(text)),
        variables: proposal.variables.as_ref().map(|variables| {
            let clean = |variable: &VariableDraft| VariableDraft {
                name: variable.name.clone(),
                description: variable.description.as_deref().map(|text| redactor.redact(text)),
                default: variable
                    .default
                    .as_deref()
                    .and_then(|text| redacted_default(text, redactor)),
            };
            variables.iter().map(clean).collect()
        }),
        tags: proposal.tags.clone(),
        why: String::new(),
    }
}

/// A default is text, in which a placeholder would stay one for ever; so a default that is nothing
/// but a secret goes, and its variable becomes a required one.
fn redacted_default(text: &str, redactor: &mut Redactor) -> Option<String> {
    let is_secret =
        matches!(&*redaction::find(text.trim()), [(span, _)] if span.len() == text.trim().len());
    let redacted = redactor.redact(text);
    (!is_secret).then_some(redacted)
}

fn counts(redactor: &Redactor) -> BTreeMap<&'static str, usize> {
    redactor.found().iter().map(|finding| (finding.kind.as_str(), finding.count)).collect()
}

/// A line that opens a turn: a speaker, perhaps in Markdown, and a colon.
static TURN: LazyLock<Regex> = LazyLock::new(|| {
    let speakers = [
        (
            "user",
            "user|human|me|you|customer|utilisateur|benutzer|nutzer|usuario|utente|пользователь|用户|ユーザー|사용자",
        ),
        (
            "model",
            "assistant|ai|bot|model|chatgpt|gpt(?:-\\d\\w*)?|claude|gemini|copilot|system|asistente|ассистент|助手|アシスタント|어시스턴트",
        ),
    ];
    let [(user, users), (model, models)] = speakers;
    let pattern = format!(
        r"(?im)^[\s>#*_\-\[]*(?:(?P<{user}>{users})|(?P<{model}>{models}))[\]*_]*\s*[:：][*_]*(?P<said>.*)$"
    );
    Regex::new(&pattern).expect("the pattern is well formed")
});

/// Whether turns of both sides are quoted. Turns that consist of a variable or of nothing are a
/// template for an example, not a conversation.
fn is_transcript(content: &str) -> bool {
    let (mut users, mut models) = (0, 0);
    let turns: Vec<_> = TURN.captures_iter(content).collect();
    for (index, turn) in turns.iter().enumerate() {
        let start = turn.name("said").map_or(0, |said| said.start());
        let end =
            turns.get(index + 1).and_then(|next| next.get(0)).map_or(content.len(), |n| n.start());
        let said = VARIABLE.replace_all(&content[start..end], "");
        if words(&said).is_empty() {
            continue;
        }
        if turn.name("user").is_some() {
            users += 1;
        } else {
            models += 1;
        }
    }
    users > 0 && models > 0
}

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{\{[a-z][a-z0-9_]*\}\}").expect("the pattern is well formed"));

/// Words that point at something which only this chat has.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let thing = "file|code|snippet|function|class|document|text|article|image|picture|screenshot|photo|\
                 table|spreadsheet|repo|repository|project|error|log|output|email|message|chat|\
                 conversation|thread|session|answer|response|draft|pdf|link|page|diff|pr|pull request";
    let pattern = format!(
        r"(?i)\b(?:(?:this|that|these|those|the (?:above|attached|previous|preceding|earlier|uploaded|pasted)|(?:my|your) (?:last|previous|earlier)|attached|above) (?:{thing})s?|as (?:discussed|mentioned|described|shown) (?:above|before|earlier)|what (?:we|you|i) (?:just )?(?:discussed|said|did|wrote)|(?:from|in) (?:this|our) (?:chat|conversation|session))\b"
    );
    Regex::new(&pattern).expect("the pattern is well formed")
});

/// A path into one person's home folder.
static HOME_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:/Users/|/home/|[A-Za-z]:\\Users\\)[^\s/\\]+[/\\]")
        .expect("the pattern is well formed")
});

/// What keeps a content from working in a fresh chat.
fn problems(content: &str) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    for found in REFERENCE.find_iter(content) {
        let after = &content[found.end()..];
        let reach =
            after.char_indices().map(|(at, _)| at).take_while(|at| *at <= REFERENCE_REACH_BYTES);
        let near = &after[..reach.last().unwrap_or(0)];
        // "Review this code: {{code}}" brings along what it points at.
        if near.contains("{{") {
            continue;
        }
        let phrase = found.as_str().to_lowercase();
        let problem = format!(
            "\"{phrase}\" points at something that a later chat cannot see; name it or use a variable"
        );
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if HOME_PATH.is_match(content) {
        problems.push("it names a folder of one person's machine; use a variable".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(content: &str) -> Proposal {
        Proposal {
            title: "A title".to_owned(),
            content: content.to_owned(),
            why: "It worked.".to_owned(),
            ..Proposal::default()
        }
    }

    #[track_caller]
    fn refused(proposal: &Proposal, field: &str, part: &str) {
        let invalid = check(proposal).unwrap_err();
        let fault = &invalid.errors()[0];
        assert_eq!(fault.field, field, "{invalid}");
        assert!(fault.message.contains(part), "{invalid}");
    }

    #[test]
    fn a_poor_candidate_is_told_what_a_good_one_is() {
        for content in ["", "fix it", "make it shorter", "{{code}}"] {
            refused(&proposal(content), "content", "A good candidate is");
        }
        let no_reason =
            Proposal { why: " ".to_owned(), ..proposal("Translate {{text}} into {{language}}.") };
        refused(&no_reason, "why", "must not be empty");
    }

    #[test]
    fn a_transcript_is_refused_in_any_dress() {
        for content in [
            "User: how do I sort a list?\nAssistant: use sort().",
            "**Human:** please explain monads\n\n**Claude:** they are burritos",
            "### User:\nwrite a poem about spring\n### Assistant:\nRoses are red",
            "用户：请翻译这句话吧\n助手：好的，没问题。",
        ] {
            refused(&proposal(content), "content", "transcript");
        }
    }

    #[test]
    fn an_example_made_of_variables_is_no_transcript() {
        for content in [
            "Answer in the form below.\nUser: {{question}}\nAssistant:",
            "You are a reviewer. Note to the user: be kind and brief in all you say.",
            "Summarise {{text}} for an audience of children, in three sentences.",
        ] {
            assert!(check(&proposal(content)).is_ok(), "{content}");
        }
    }

    #[test]
    fn references_to_this_chat_are_problems_unless_a_variable_brings_what_they_mean() {
        let found = |content: &str| check(&proposal(content)).unwrap().problems.len();
        assert_eq!(found("Refactor this file so that it has no globals, as discussed above."), 2);
        assert_eq!(found("Review this code for bugs and style:\n\n{{code}}"), 0);
        assert_eq!(found("Read /Users/alex/notes/todo.md and sort it by urgency."), 1);
        assert_eq!(found("Write a haiku about {{topic}} in plain words."), 0);
    }

    #[test]
    fn secrets_become_variables_and_are_counted() {
        let text = "Send the weekly report to maria.lopez@acme-corp.io and jo@acme-corp.io today.";
        let checked = check(&proposal(text)).unwrap();
        assert_eq!(checked.redactions.values().sum::<usize>(), 2);
        assert!(!checked.body.content.as_str().contains('@'));
        assert_eq!(checked.body.variables.len(), 2);
    }

    #[test]
    fn a_value_has_one_name_in_all_fields_of_a_candidate() {
        let variable = |name: &str, default: &str| VariableDraft {
            name: name.to_owned(),
            description: Some("Such as ann@acme-corp.io".to_owned()),
            default: Some(default.to_owned()),
        };
        let checked = check(&Proposal {
            title: "Ask ann@acme-corp.io".to_owned(),
            description: Some("Mails ann@acme-corp.io and eve@acme-corp.io".to_owned()),
            variables: Some(vec![
                variable("email", "eve@acme-corp.io"),
                variable("tone", "as kind as ann@acme-corp.io"),
            ]),
            ..proposal("Write to {{email}} in a {{tone}} tone, with a copy to ann@acme-corp.io.")
        });
        let body = checked.unwrap().body;
        assert!(body.content.as_str().ends_with("a copy to {{email_2}}."));
        assert_eq!(body.title.as_str(), "Ask {{email_2}}");
        assert_eq!(body.description.as_str(), "Mails {{email_2}} and {{email_3}}");
        let defaults: Vec<_> = body.variables.iter().map(|v| v.default.as_deref()).collect();
        assert_eq!(defaults, [None, Some("as kind as {{email_2}}"), None]);
    }

    #[test]
    fn a_candidate_full_of_personal_data_is_told_to_leave_it_out() {
        let addresses: Vec<String> = (0..101).map(|n| format!("a{n}@acme-corp.io")).collect();
        let content = format!("Write to everybody in turn: {}", addresses.join(", "));
        refused(&proposal(&content), "content", "100");
        refused(&proposal(&content), "content", "101 secrets and personal data in this candidate");
    }
}
