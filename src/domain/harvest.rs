//! The pure half of a harvest: the criteria of a good candidate, and the check of a proposed one.
//!
//! The model in the chat proposes candidates. Nothing here reads a conversation.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::candidate::WHY_MAX_CHARS;
use super::draft::{Draft, VariableDraft};
use super::placeholders::find_notes;
use super::prompt::{Body, Name, check_chars, check_no_nul};
use super::redaction::{self, Redactor};
use super::skill::{SKILL_NOTE, withhold_skill};
use super::syntax::Syntax;
use super::template::{self, Piece};
use super::words::split_words;
use super::{Faults, Invalid};

/// The criteria of a good candidate, in words for a model. The input schema of `harvest_session`
/// and the built-in prompt `harvest` both quote them.
pub const RUBRIC: &str = "A good candidate is an instruction that worked in this chat and is worth \
    repeating: it is complete and works in a fresh chat, states the task, the constraints and the \
    form of the answer, and has a {{variable}} in place of whatever changes from one use to the \
    next (the code, the topic, the audience). It is not a question about one case, not a single \
    turn such as 'make it shorter', not a transcript, and contains no names, secrets or file names \
    of this one task.";

/// Minimum number of words in a content.
const WORDS_MIN: usize = 4;
/// Maximum distance between the end of a reference and the variable that resolves it, in bytes.
const REFERENCE_REACH_BYTES: usize = 120;

/// A candidate as the model proposes it, unchecked.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// 1 to 120 characters.
    pub title: String,
    /// The template.
    pub content: String,
    /// At most 1,024 characters.
    pub description: Option<String>,
    /// Descriptions and defaults of variables.
    pub variables: Option<Vec<VariableDraft>>,
    /// At most 10, read as slugs.
    pub tags: Option<Vec<String>>,
    /// The reason to keep it, 1 to 500 characters.
    pub why: String,
}

/// A proposal that passed the check, with secrets and personal data replaced by variables.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The name of the prompt that it would become.
    pub name: Name,
    /// The first version of that prompt.
    pub body: Body,
    /// The reason to keep it.
    pub why: String,
    /// The number of replacements by kind, repetitions included.
    pub redactions: BTreeMap<&'static str, usize>,
    /// Sentences on what a reviewer should correct before saving.
    pub problems: Vec<String>,
}

/// Compiles the patterns of this module. Without this call, the first harvest compiles them.
/// Idempotent.
pub fn compile_patterns() {
    for pattern in [&TURN, &REFERENCE, &HOME_PATH] {
        LazyLock::force(pattern);
    }
}

/// Checks one proposal: its fields, whether it is an instruction at all, and what it must not
/// contain. Secrets and personal data are not an error; they are replaced.
///
/// Takes time linear in the length of the texts, up to tens of milliseconds at their limits, so
/// callers keep it off the threads that serve connections.
pub fn check(proposal: &Proposal) -> Result<Checked, Invalid> {
    let mut faults = Faults::default();
    let why = proposal.why.trim();
    if why.is_empty() {
        faults.push("why", "must not be empty; state in one sentence why it is worth keeping");
    }
    faults.check("why", check_chars(why, WHY_MAX_CHARS).and_then(|()| check_no_nul(why)));
    if split_words(&proposal.content).len() < WORDS_MIN {
        faults.push("content", format!("must have at least {WORDS_MIN} words. {RUBRIC}"));
    } else if is_transcript(&proposal.content) {
        let message = "must not be a transcript: it contains turns of two speakers. Propose the \
            instruction that produced the result instead of the conversation";
        faults.push("content", message);
    }
    // The first check is of the text as proposed, so that errors refer to what the model wrote. The
    // second one follows redaction, because placeholders count as variables and may be longer than
    // the values that they replace.
    if let Err(invalid) = to_draft(proposal).into_new() {
        faults.extend(invalid);
    }
    faults.finish(Some(()))?;

    let mut redactor = new_redactor(proposal);
    let redacted = redact_proposal(proposal, &mut redactor);
    let why = redactor.redact(why);
    let redactions = count_by_kind(&redactor);
    let (name, mut body) = to_draft(&redacted).into_new().map_err(|invalid| {
        let count: usize = redactions.values().sum();
        invalid.with_reason(&format!(
            "after {count} secrets and personal data in this candidate were replaced by variables; \
             leave them out"
        ))
    })?;
    let mut problems = find_problems(&redacted.content);
    problems.extend(find_notes(&body));
    problems.extend(withhold_skill(&mut body, None).then(|| SKILL_NOTE.to_owned()));
    Ok(Checked { name, body, why, redactions, problems })
}

fn to_draft(proposal: &Proposal) -> Draft {
    Draft {
        title: Some(proposal.title.clone()),
        description: proposal.description.clone(),
        content: Some(proposal.content.clone()),
        tags: proposal.tags.clone(),
        variables: proposal.variables.clone(),
        ..Draft::default()
    }
}

/// Returns one redactor for all texts of a proposal, so that a value has the same name in all of
/// them.
fn new_redactor(proposal: &Proposal) -> Redactor {
    let variables = proposal.variables.iter().flatten();
    let texts = [&proposal.content, &proposal.title, &proposal.why].into_iter();
    let texts = texts.chain(&proposal.description).map(String::as_str);
    Redactor::new(texts, variables.map(|variable| variable.name.as_str()))
}

/// Redacts every text but the reason. The content comes first, so that its values get the lowest
/// numbers.
fn redact_proposal(proposal: &Proposal, redactor: &mut Redactor) -> Proposal {
    Proposal {
        content: redactor.redact(&proposal.content),
        title: redactor.redact(&proposal.title),
        description: redact_optional(proposal.description.as_deref(), redactor),
        variables: proposal.variables.as_ref().map(|variables| {
            variables.iter().map(|variable| redact_variable(variable, redactor)).collect()
        }),
        tags: proposal.tags.clone(),
        why: String::new(),
    }
}

fn redact_optional(text: Option<&str>, redactor: &mut Redactor) -> Option<String> {
    text.map(|text| redactor.redact(text))
}

fn redact_variable(variable: &VariableDraft, redactor: &mut Redactor) -> VariableDraft {
    VariableDraft {
        name: variable.name.clone(),
        description: redact_optional(variable.description.as_deref(), redactor),
        default: variable.default.as_deref().and_then(|text| redact_default(text, redactor)),
    }
}

/// Redacts a default. Rendering inserts a default as text, so a placeholder in it would never be
/// filled in. A default that consists of a secret alone is therefore dropped, and its variable
/// becomes a required one.
fn redact_default(text: &str, redactor: &mut Redactor) -> Option<String> {
    let trimmed = text.trim();
    let is_secret =
        matches!(&*redaction::find(trimmed), [(span, _)] if span.len() == trimmed.len());
    let redacted = redactor.redact(text);
    (!is_secret).then_some(redacted)
}

fn count_by_kind(redactor: &Redactor) -> BTreeMap<&'static str, usize> {
    redactor.findings().iter().map(|finding| (finding.kind.as_str(), finding.count)).collect()
}

/// A line that opens a turn: a speaker, perhaps in Markdown, and a colon.
static TURN: LazyLock<Regex> = LazyLock::new(|| {
    let users = "user|human|me|you|customer|utilisateur|benutzer|nutzer|usuario|utente|\
                 пользователь|用户|ユーザー|사용자";
    let models = r"assistant|ai|bot|model|chatgpt|gpt(?:-\d\w*)?|claude|gemini|copilot|system|asistente|ассистент|助手|アシスタント|어시스턴트";
    // The text after the colon is a group of its own: it is the start of what the speaker said.
    let pattern = format!(
        r"(?im)^[\s>#*_\-\[]*(?:(?P<user>{users})|(?P<model>{models}))[\]*_]*\s*[:：][*_]*(?P<said>.*)$"
    );
    Regex::new(&pattern).expect("the pattern is well formed")
});

/// Whether the content quotes turns of both sides. A turn that consists of variables or of nothing
/// belongs to the template of an example, not to a conversation, and does not count.
fn is_transcript(content: &str) -> bool {
    let (mut users, mut models) = (0, 0);
    let turns: Vec<_> = TURN.captures_iter(content).collect();
    for (index, turn) in turns.iter().enumerate() {
        let start = turn.name("said").map_or(0, |said| said.start());
        let end =
            turns.get(index + 1).and_then(|next| next.get(0)).map_or(content.len(), |n| n.start());
        if !has_literal_words(&content[start..end]) {
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

/// Whether a template contains words outside its variables.
fn has_literal_words(template: &str) -> bool {
    template::pieces(template, Syntax::CURRENT).any(|piece| match piece {
        Piece::Text(text) => !split_words(text).is_empty(),
        Piece::Variable { .. } => false,
    })
}

/// Phrases that refer to something outside the prompt, such as "the attached file".
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let thing = "file|code|snippet|function|class|document|text|article|image|picture|screenshot|photo|\
                 table|spreadsheet|repo|repository|project|error|log|output|email|message|chat|\
                 conversation|thread|session|answer|response|draft|pdf|link|page|diff|pr|pull request";
    let pattern = format!(
        r"(?i)\b(?:(?:this|that|these|those|the (?:above|attached|previous|preceding|earlier|uploaded|pasted)|(?:my|your) (?:last|previous|earlier)|attached|above) (?:{thing})s?|as (?:discussed|mentioned|described|shown) (?:above|before|earlier)|what (?:we|you|i) (?:just )?(?:discussed|said|did|wrote)|(?:from|in) (?:this|our) (?:chat|conversation|session))\b"
    );
    Regex::new(&pattern).expect("the pattern is well formed")
});

/// A path into a home folder of Linux, macOS or Windows.
static HOME_PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:/Users/|/home/|[A-Za-z]:\\Users\\)[^\s/\\]+[/\\]")
        .expect("the pattern is well formed")
});

/// Returns sentences on what would keep a content from working in a fresh chat, each once.
fn find_problems(content: &str) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    let variables: Vec<Range<usize>> =
        template::variable_ranges(content, Syntax::CURRENT).collect();
    for found in REFERENCE.find_iter(content) {
        // In "Review this code: {{code}}", the argument supplies what the phrase refers to.
        let next = variables.partition_point(|variable| variable.start < found.end());
        let reach = found.end() + REFERENCE_REACH_BYTES;
        if variables.get(next).is_some_and(|variable| variable.start < reach) {
            continue;
        }
        let phrase = found.as_str().to_lowercase();
        let problem = format!(
            "\"{phrase}\" refers to something that a later chat does not contain; name it or use a \
             variable"
        );
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if HOME_PATH.is_match(content) {
        problems.push(
            "the content contains a path into one person's home folder; use a variable".to_owned(),
        );
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
    fn check_refused(proposal: &Proposal, field: &str, part: &str) {
        let invalid = check(proposal).unwrap_err();
        let fault = &invalid.errors()[0];
        assert_eq!(fault.field, field, "{invalid}");
        assert!(fault.message.contains(part), "{invalid}");
    }

    #[test]
    fn the_error_of_a_poor_candidate_quotes_the_criteria() {
        for content in ["", "fix it", "make it shorter", "{{code}}"] {
            check_refused(&proposal(content), "content", "A good candidate is");
        }
        let no_reason =
            Proposal { why: " ".to_owned(), ..proposal("Translate {{text}} into {{language}}.") };
        check_refused(&no_reason, "why", "must not be empty");
    }

    #[test]
    fn a_transcript_is_refused_in_any_markup_and_language() {
        for content in [
            "User: how do I sort a list?\nAssistant: use sort().",
            "**Human:** please explain monads\n\n**Claude:** they are burritos",
            "### User:\nwrite a poem about spring\n### Assistant:\nRoses are red",
            "用户：请翻译这句话吧\n助手：好的，没问题。",
        ] {
            check_refused(&proposal(content), "content", "transcript");
        }
    }

    #[test]
    fn an_example_made_of_variables_is_not_a_transcript() {
        for content in [
            "Answer in the form below.\nUser: {{question}}\nAssistant:",
            "You are a reviewer. Note to the user: be kind and brief in all you say.",
            "Summarise {{text}} for an audience of children, in three sentences.",
        ] {
            assert!(check(&proposal(content)).is_ok(), "{content}");
        }
    }

    #[test]
    fn references_to_this_chat_are_problems_unless_a_variable_follows() {
        for (content, count) in [
            ("Refactor this file so that it has no globals, as discussed above.", 2),
            ("Review this code for bugs and style:\n\n{{code}}", 0),
            ("Read /Users/alex/notes/todo.md and sort it by urgency.", 1),
            ("Write a haiku about {{topic}} in plain words.", 0),
        ] {
            assert_eq!(check(&proposal(content)).unwrap().problems.len(), count, "{content}");
        }
    }

    #[test]
    fn only_a_variable_of_the_template_resolves_a_reference() {
        for (content, count) in [
            ("Review this code for bugs and style: {{code}}", 0),
            ("Review this code for bugs and style: {{{code}}}", 2),
            (r"Review this code for bugs and style: \{{code}}", 1),
            ("Review this code for bugs and style: {{ code }}", 0),
            ("Review this code for bugs and style: {{Code}}", 0),
            ("Review this code for bugs and style: {{the code}}", 2),
            ("Review this code for bugs and style, and write {{ with care.", 1),
            ("{{code}} is what you get. Review this code for bugs and style.", 1),
        ] {
            assert_eq!(check(&proposal(content)).unwrap().problems.len(), count, "{content}");
        }
    }

    #[test]
    fn only_a_variable_of_the_template_is_left_out_of_a_turn() {
        let long = "a".repeat(65);
        for (said, transcript) in [
            ("{{question}}".to_owned(), false),
            ("{{ Question }}".to_owned(), false),
            ("{{{question}}}".to_owned(), true),
            (r"\{{question}}".to_owned(), true),
            (r"{{a}}\{{question}}".to_owned(), true),
            (format!("{{{{{long}}}}}"), true),
        ] {
            let content = format!("Answer in this form.\nUser: {said}\nAssistant: Certainly, sir.");
            assert_eq!(is_transcript(&content), transcript, "{content}");
        }
    }

    #[test]
    fn every_pattern_compiles() {
        compile_patterns();
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
    fn a_candidate_full_of_personal_data_is_refused_with_the_reason() {
        let addresses: Vec<String> = (0..101).map(|n| format!("a{n}@acme-corp.io")).collect();
        let content = format!("Write to each of these people: {}", addresses.join(", "));
        check_refused(&proposal(&content), "content", "100");
        check_refused(
            &proposal(&content),
            "content",
            "101 secrets and personal data in this candidate",
        );
    }
}
