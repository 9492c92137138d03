//! The writes of an item: planned first, then carried out, or only counted in a dry run.

use super::{Done, Failure, ItemOutcome, Run, over_queue};
use crate::domain::candidate::{Candidate, QUEUE_MAX};
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::plan::Full;
use crate::domain::prompt::{Body, Name, PromptId, Version};
use crate::domain::skill::{SKILL_NOTE, withhold_skill};
use crate::library::Library;
use crate::store::{Change, ImportedPrompt};

/// The effect of an item, and the writes that bring it about.
pub(super) struct Plan {
    /// The effect that is reported.
    pub(super) outcome: ItemOutcome,
    /// The writes in order; empty if nothing changes.
    pub(super) steps: Vec<Step>,
    /// The name that later items of the file must not use for another text, with a hash of the text.
    pub(super) name: Option<(Name, u64)>,
    /// The name of the item in the file and the number that was appended to it, if others have the name
    /// with other texts.
    pub(super) renamed: Option<(Name, u32)>,
    /// The id that later items of the file must not use.
    pub(super) id: Option<String>,
    /// Whether the tag [`skill`](crate::domain::skill) of the file is left out.
    pub(super) is_skill_withheld: bool,
}

/// What an import reports of the text that an item makes the current one.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) variables: Vec<Excerpt>,
    pub(super) notes: Vec<Message>,
}

impl Findings {
    async fn of(body: Body, library: &Library) -> Self {
        let names = body.variables.iter().map(|variable| Excerpt::new(variable.name.as_str()));
        let variables = names.collect();
        let notes = library.find_notes(body).await;
        Self { variables, notes: notes.into_iter().map(Message::from).collect() }
    }
}

impl Plan {
    /// A plan that takes neither a name nor an id.
    pub(super) fn new(outcome: ItemOutcome, steps: Vec<Step>) -> Self {
        Self { outcome, steps, name: None, renamed: None, id: None, is_skill_withheld: false }
    }

    pub(super) fn unchanged() -> Self {
        Self::new(ItemOutcome::Unchanged, Vec::new())
    }

    /// Leaves the tag `skill` out of what is written, unless the text that it replaces has it.
    pub(super) fn withhold_skill(mut self, before: Option<&Body>) -> Self {
        for body in self.steps.iter_mut().flat_map(Step::bodies_mut) {
            self.is_skill_withheld |= withhold_skill(body, before);
        }
        self
    }
}

/// One write.
pub(super) enum Step {
    Import(ImportedPrompt),
    /// Appends to the prompt with the id, or to the one that the step before created.
    Append(Option<PromptId>, Vec<Version>),
    /// Saves a change, which adds so many bytes.
    Save(PromptId, Change, u64),
    Undelete(PromptId),
    Candidate(Candidate),
}

impl Step {
    /// The body that the write makes the current one of its prompt or candidate.
    fn current_body(&self) -> Option<&Body> {
        match self {
            Self::Import(ImportedPrompt { versions, .. }) | Self::Append(_, versions) => {
                versions.last().map(|last| &last.body)
            }
            Self::Save(_, change, _) => Some(&change.body),
            Self::Candidate(candidate) => Some(&candidate.body),
            Self::Undelete(_) => None,
        }
    }

    /// The bodies that the write adds.
    fn bodies_mut(&mut self) -> Vec<&mut Body> {
        match self {
            Self::Import(ImportedPrompt { versions, .. }) | Self::Append(_, versions) => {
                versions.iter_mut().map(|version| &mut version.body).collect()
            }
            Self::Save(_, change, _) => vec![&mut change.body],
            Self::Candidate(candidate) => vec![&mut candidate.body],
            Self::Undelete(_) => Vec::new(),
        }
    }

    /// The bytes by which the write makes the library larger.
    fn added_bytes(&self) -> u64 {
        let of_versions =
            |versions: &[Version]| versions.iter().map(|version| version.body.bytes()).sum();
        match self {
            Self::Import(new) => of_versions(&new.versions),
            Self::Append(_, versions) => of_versions(versions),
            Self::Save(_, _, bytes) => *bytes,
            Self::Candidate(candidate) => candidate.body.bytes(),
            Self::Undelete(_) => 0,
        }
    }
}

impl Run<'_> {
    /// Carries a plan out. The first write is handed to the store when this is first polled.
    pub(super) async fn carry_out(&self, plan: Result<Plan, Failure>) -> Result<Done, Failure> {
        let plan = plan?;
        let body = plan.steps.iter().rev().find_map(Step::current_body).cloned();
        let mut imported = None;
        for step in plan.steps {
            if self.writes_nothing {
                self.count(&step)?;
            } else {
                self.write(step, &mut imported).await?;
                self.state().wrote = true;
            }
        }
        {
            let mut state = self.state();
            state.ids.extend(plan.id);
            if let Some((name, hash)) = &plan.name {
                let renamed = plan.renamed.as_ref().map(|(wanted, number)| (wanted, *number));
                state.names.add(name, *hash, renamed);
            }
        }
        let renamed =
            plan.renamed.as_ref().zip(plan.name.as_ref()).map(|((wanted, _), (name, _))| {
                Message::from(format!(
                    "It is named {name}, because another one that differs has the name {wanted}."
                ))
            });
        let name = plan.name.map(|(name, _)| name);
        let mut findings = match body {
            Some(body) => Findings::of(body, self.library).await,
            None => Findings::default(),
        };
        findings.notes.splice(0..0, renamed);
        findings.notes.extend(plan.is_skill_withheld.then(|| Message::from(SKILL_NOTE)));
        Ok(Done { outcome: plan.outcome, name, findings })
    }

    async fn write(&self, step: Step, imported: &mut Option<PromptId>) -> Result<(), Failure> {
        let (library, store, write) = (&self.caller.library_id, &self.library.store, &self.write);
        match step {
            Step::Import(new) => {
                let saved = store.import_prompt(library, new, write).await?;
                *imported = Some(saved.prompt.id);
            }
            Step::Append(id, versions) => {
                let id = id.as_ref().or(imported.as_ref()).ok_or(Failure::Overtaken)?;
                store.append_versions(library, id, versions, write).await?;
            }
            Step::Save(id, change, _) => {
                store.save_prompt(library, &id, change, write).await?;
            }
            Step::Undelete(id) => {
                store.undelete_prompt(library, &id, write).await?;
            }
            Step::Candidate(candidate) => {
                store.import_candidate(library, candidate, write).await?;
            }
        }
        Ok(())
    }

    /// Counts what a write would add against the limits.
    fn count(&self, step: &Step) -> Result<(), Failure> {
        let mut state = self.state();
        let quota = self.caller.plan.quota;
        let bytes = state.bytes.map(|bytes| bytes + step.added_bytes());
        let exceeded = quota.bytes.filter(|limit| bytes.is_some_and(|bytes| bytes > *limit));
        match step {
            Step::Import(ImportedPrompt { deleted_at: None, .. }) | Step::Undelete(_) => {
                let full = quota.prompts.filter(|limit| state.living >= u64::from(*limit));
                if let Some(limit) = full {
                    return Err(Failure::Full(Full::Prompts(limit)));
                }
            }
            Step::Candidate(_) if state.waiting >= u64::from(QUEUE_MAX) => {
                return Err(Failure::Refused(over_queue(QUEUE_MAX)));
            }
            Step::Import(_) | Step::Append(..) | Step::Save(..) | Step::Candidate(_) => {}
        }
        // Taking a deletion back adds no bytes, so it is never refused for them.
        if let Some(limit) = exceeded.filter(|_| step.added_bytes() > 0) {
            return Err(Failure::Full(Full::Bytes(limit)));
        }
        state.bytes = bytes;
        match step {
            Step::Import(ImportedPrompt { deleted_at: None, .. }) | Step::Undelete(_) => {
                state.living += 1;
            }
            Step::Candidate(_) => state.waiting += 1,
            Step::Import(_) | Step::Append(..) | Step::Save(..) => {}
        }
        Ok(())
    }
}
