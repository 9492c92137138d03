//! The plan of one item. It reads the library and writes nothing.

use std::sync::Arc;

use super::names::{FIRST_NUMBER, Namesakes, Place, fold_title, number_name};
use super::plan::{Plan, Step};
use super::{Failure, ItemOutcome, Run};
use crate::domain::Timestamp;
use crate::domain::audit::Action;
use crate::domain::candidate::Candidate;
use crate::domain::draft::Draft;
use crate::domain::paging::{Limit, PageRequest};
use crate::domain::prompt::{Name, Prompt, PromptId, PromptRef, RESTORABLE_DAYS, Version};
use crate::domain::skill::{equal_but_for_skill, withhold_skill};
use crate::domain::transfer::{FoundDraft, History};
use crate::store::{Change, IMPORT_VERSIONS_MAX, ImportedPrompt, Presence};

/// Maximum number of days by which a time of the file may lie in the future: clocks differ.
const AHEAD_DAYS: i64 = 1;

/// Maximum number of prompts with one name and one text or title that are compared with an item.
const ALIKE_MAX: usize = 32;

/// How the versions of a prompt relate to those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The prompt has all versions of the file.
    Same,
    /// The file has all versions of the prompt, and later ones.
    Behind,
    /// They differ.
    Diverged,
}

type PlanResult = Result<Plan, Failure>;

impl Run<'_> {
    /// Plans to save a text under its name.
    pub(super) async fn plan_draft(&self, found: &FoundDraft) -> PlanResult {
        let draft = &found.draft;
        let name = match draft.name()? {
            Some(name) => name,
            None => draft.clone().into_new()?.0,
        };
        let hash = self.state().names.hash(found);
        let place = self.state().names.find(&name, hash);
        match place {
            Place::Same(known) => Ok(Plan { name: Some((known, hash)), ..Plan::unchanged() }),
            Place::Free => {
                let plan = match self.find_living(&name).await? {
                    None => self.plan_text(name.clone(), found)?,
                    // A name that was made of a title or a text does not identify a prompt: C# and C++ have the same.
                    Some(current) if draft.name.is_some() || has_text_of(draft, &current) => {
                        amend(&current, found)?
                    }
                    current => return self.plan_beside(name, hash, found, current).await,
                };
                Ok(Plan { name: Some((name, hash)), ..plan })
            }
            Place::Taken => self.plan_beside(name, hash, found, None).await,
        }
    }

    /// Plans to save a text whose name an earlier item or a prompt of the library has, which is `current`
    /// then. It is the text of `current`, or of a prompt that an earlier import, maybe of a file in another
    /// order, gave a number; else it gets a number. Any other prompt stays as it is.
    async fn plan_beside(
        &self,
        wanted: Name,
        hash: u64,
        found: &FoundDraft,
        current: Option<Prompt>,
    ) -> PlanResult {
        let draft = &found.draft;
        let namesakes = self.find_namesakes(&wanted).await?;
        let text = draft.content.as_deref().unwrap_or_default();
        for number in self.unused(&wanted, hash, namesakes.of_text(text)) {
            match self.plan_numbered(&wanted, number, hash, found).await? {
                Some(plan) if plan.outcome == ItemOutcome::Unchanged => return Ok(plan),
                _ => {}
            }
        }
        if let Some(current) = current {
            if has_title_of(draft, &current) {
                return Ok(Plan { name: Some((wanted, hash)), ..amend(&current, found)? });
            }
            // Several prompts of one title are told apart by their texts alone.
            let of_title = match draft.title.as_deref().map(|title| namesakes.of_title(title)) {
                Some([only]) => std::slice::from_ref(only),
                _ => &[],
            };
            for alike in [namesakes.of_text(text), of_title] {
                for number in self.unused(&wanted, hash, alike) {
                    if let Some(plan) = self.plan_numbered(&wanted, number, hash, found).await? {
                        return Ok(plan);
                    }
                }
            }
        }
        let next = self.state().names.next_number(&wanted);
        for number in (next..).filter(|number| !namesakes.has(*number)) {
            let Some(name) = wanted.numbered(number) else { break };
            let is_free = !self.state().names.has(name.as_str());
            if is_free && self.find_living(&name).await?.is_none() {
                let plan = self.plan_text(name.clone(), found)?;
                return Ok(Plan {
                    name: Some((name, hash)),
                    renamed: Some((wanted, number)),
                    ..plan
                });
            }
        }
        Err(Failure::Refused(format!(
            "name: {wanted} is the name of others that differ; rename one of them"
        )))
    }

    /// Returns the first of the `numbers` whose prompt is that of no earlier item with another text.
    fn unused(&self, wanted: &Name, hash: u64, numbers: &[u32]) -> Vec<u32> {
        let state = self.state();
        let is_unused = |number: &u32| !state.names.differs(&number_name(wanted, *number), hash);
        numbers.iter().copied().filter(is_unused).take(ALIKE_MAX).collect()
    }

    /// Plans to save a text to the prompt that has its name and a number, if it is still there.
    async fn plan_numbered(
        &self,
        wanted: &Name,
        number: u32,
        hash: u64,
        found: &FoundDraft,
    ) -> Result<Option<Plan>, Failure> {
        let name = number_name(wanted, number);
        let Some(prompt) = self.find_living(&name).await? else { return Ok(None) };
        let plan = amend(&prompt, found)?;
        let renamed = Some((wanted.clone(), number));
        Ok(Some(Plan { name: Some((name, hash)), renamed, ..plan }))
    }

    /// Finds the prompts that have a name and a number, once an import.
    async fn find_namesakes(&self, name: &Name) -> Result<Arc<Namesakes>, Failure> {
        if let Some(known) = self.state().namesakes.get(name) {
            return Ok(Arc::clone(known));
        }
        let mut namesakes = Namesakes::default();
        for number in FIRST_NUMBER.. {
            let Some(numbered) = name.numbered(number) else { break };
            match self.find_living(&numbered).await? {
                Some(prompt) => namesakes.add(number, &prompt.body),
                None if namesakes.ends_before(number) => break,
                None => {}
            }
        }
        let namesakes = Arc::new(namesakes);
        self.state().namesakes.insert(name.clone(), Arc::clone(&namesakes));
        Ok(namesakes)
    }

    /// Plans to create a prompt of one version.
    fn plan_text(&self, name: Name, found: &FoundDraft) -> PlanResult {
        let FoundDraft { draft, favorite } = found;
        let (_, body) = draft.clone().into_new()?;
        let source = self.write.client.clone();
        let first = Version { version: 1, body, source, created_at: self.now };
        let new = ImportedPrompt {
            id: PromptId::random(),
            name,
            favorite: favorite.unwrap_or_default(),
            deleted_at: None,
            use_count: 0,
            last_used_at: None,
            versions: vec![first],
        };
        Ok(Plan::new(ItemOutcome::Created, vec![Step::Import(new)]).withhold_skill(None))
    }

    /// Plans to create a prompt with its versions, or to append the missing ones.
    pub(super) async fn plan_history(&self, history: &History) -> PlanResult {
        self.check_times(history)?;
        let last =
            history.versions.last().ok_or_else(|| Failure::Refused("has no version".into()))?;
        let hash = self.state().names.hash(last.body.content.as_str());
        let name = history.deleted_at.is_none().then(|| (history.name.clone(), hash));
        if name.is_some() && self.is_repeated(&history.name, hash)? {
            return Ok(Plan::unchanged());
        }
        if self.state().ids.contains(history.id.as_str()) {
            return Err(Failure::Refused(format!(
                "repeats the id {} of an earlier item",
                history.id
            )));
        }
        let plan = match self.find_counterpart(history).await? {
            None => plan_new(history),
            Some(current) => self.extend(&current, history, last).await?,
        };
        Ok(Plan { name, id: Some(history.id.to_string()), ..plan })
    }

    /// Finds the prompt of the library that a prompt of the file stands for: by id, or by name if both
    /// are living.
    async fn find_counterpart(&self, history: &History) -> Result<Option<Prompt>, Failure> {
        let own = self.find_by_id(&history.id).await?;
        let is_settled = own.as_ref().is_some_and(|own| own.deleted_at.is_none());
        if is_settled || history.deleted_at.is_some() {
            return Ok(own);
        }
        // A living prompt with the name precedes the deleted one with the id.
        Ok(self.find_living(&history.name).await?.or(own))
    }

    /// Finds a prompt by the id of the file, or by the id that replaces it in this library.
    async fn find_by_id(&self, id: &PromptId) -> Result<Option<Prompt>, Failure> {
        for id in [id.clone(), id.derived(&self.caller.library_id)] {
            let found = self.get(&PromptRef::Id(id), Presence::LivingOrDeleted).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn find_living(&self, name: &Name) -> Result<Option<Prompt>, Failure> {
        self.get(&PromptRef::Name(name.clone()), Presence::Living).await
    }

    async fn get(&self, prompt: &PromptRef, presence: Presence) -> Result<Option<Prompt>, Failure> {
        Ok(self.library.store.get_prompt(&self.caller.library_id, prompt, presence).await?)
    }

    /// Plans to append the versions that a prompt lacks. Where the histories differ, the current text
    /// of the file becomes a new version; no version of the library is ever replaced.
    async fn extend(&self, current: &Prompt, history: &History, last: &Version) -> PlanResult {
        let relation = self.compare(current, &history.versions).await?;
        if relation == Relation::Diverged && history.deleted_at.is_some() {
            let reason = "was deleted in the file, and has other versions here";
            return Err(Failure::Refused(reason.to_owned()));
        }
        let mut plan = match relation {
            Relation::Same => Plan::unchanged(),
            Relation::Behind => {
                let missing = &history.versions[current.version as usize..];
                let chunks = missing.chunks(IMPORT_VERSIONS_MAX).map(<[Version]>::to_vec);
                let id = Some(current.id.clone());
                let steps = chunks.map(|chunk| Step::Append(id.clone(), chunk)).collect();
                Plan::new(ItemOutcome::Updated, steps).withhold_skill(Some(&current.body))
            }
            Relation::Diverged => {
                let change = Change {
                    expected_version: current.version,
                    body: last.body.clone(),
                    name: None,
                    favorite: None,
                    action: Action::Imported,
                    embedding: None,
                };
                plan_change(current, change)
            }
        };
        if current.deleted_at.is_some() && history.deleted_at.is_none() {
            plan.steps.insert(0, Step::Undelete(current.id.clone()));
            plan.outcome = ItemOutcome::Updated;
        }
        Ok(plan)
    }

    /// Compares the texts of a prompt's versions with those of the file.
    async fn compare(&self, current: &Prompt, theirs: &[Version]) -> Result<Relation, Failure> {
        let mut cursor = None;
        loop {
            let page = PageRequest { limit: Limit::default(), cursor };
            let (library, store) = (&self.caller.library_id, &self.library.store);
            let page = store.list_versions(library, &current.id, &page).await?;
            let page = page.ok_or(Failure::Overtaken)?;
            for own in &page.items {
                let their = theirs.get(own.version as usize - 1);
                if their.is_some_and(|their| !equal_but_for_skill(&their.body, &own.body)) {
                    return Ok(Relation::Diverged);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                let holds = current.version as usize >= theirs.len();
                return Ok(if holds { Relation::Same } else { Relation::Behind });
            }
        }
    }

    /// Plans to add a candidate that still waits.
    pub(super) async fn plan_candidate(&self, candidate: &Candidate) -> PlanResult {
        self.check_time("created_at", candidate.created_at)?;
        if candidate.expires_at() <= self.now {
            return Err(Failure::Refused("waited for more than 7 days and has expired".to_owned()));
        }
        let (library, store) = (&self.caller.library_id, &self.library.store);
        for id in [candidate.id.clone(), candidate.id.derived(library)] {
            if store.get_candidate(library, &id).await?.is_some() {
                return Ok(Plan::unchanged());
            }
        }
        let id = candidate.id.to_string();
        if self.state().ids.contains(&id) {
            return Ok(Plan::unchanged());
        }
        let plan = Plan::new(ItemOutcome::Created, vec![Step::Candidate(candidate.clone())])
            .withhold_skill(None);
        Ok(Plan { id: Some(id), ..plan })
    }

    /// Whether an earlier item of the file had the name and the same text. With another text the prompt,
    /// which has its name for good, is refused: at each import the two would replace each other.
    fn is_repeated(&self, name: &Name, hash: u64) -> Result<bool, Failure> {
        match self.state().names.find(name, hash) {
            Place::Free => Ok(false),
            Place::Same(_) => Ok(true),
            Place::Taken => Err(Failure::Refused(format!(
                "name: {name} is the name of an earlier item with another text; rename one of them"
            ))),
        }
    }

    fn check_times(&self, history: &History) -> Result<(), Failure> {
        for version in &history.versions {
            self.check_time(
                &format!("versions[version {}].created_at", version.version),
                version.created_at,
            )?;
        }
        for (field, at) in
            [("deleted_at", history.deleted_at), ("last_used_at", history.last_used_at)]
        {
            at.map_or(Ok(()), |at| self.check_time(field, at))?;
        }
        if history.deleted_at.is_some_and(|at| at.plus_days(RESTORABLE_DAYS) <= self.now) {
            let reason =
                format!("was deleted more than {RESTORABLE_DAYS} days ago and cannot be restored");
            return Err(Failure::Refused(reason));
        }
        Ok(())
    }

    fn check_time(&self, field: &str, at: Timestamp) -> Result<(), Failure> {
        if at > self.now.plus_days(AHEAD_DAYS) {
            return Err(Failure::Refused(format!("{field}: is in the future")));
        }
        Ok(())
    }
}

/// The plan of a new prompt with all its versions.
fn plan_new(history: &History) -> Plan {
    let mut chunks = history.versions.chunks(IMPORT_VERSIONS_MAX).map(<[Version]>::to_vec);
    let new = ImportedPrompt {
        id: history.id.clone(),
        name: history.name.clone(),
        favorite: history.favorite,
        deleted_at: history.deleted_at,
        use_count: history.use_count,
        last_used_at: history.last_used_at,
        versions: chunks.next().unwrap_or_default(),
    };
    let mut steps = vec![Step::Import(new)];
    steps.extend(chunks.map(|chunk| Step::Append(None, chunk)));
    Plan::new(ItemOutcome::Created, steps).withhold_skill(None)
}

fn has_text_of(draft: &Draft, prompt: &Prompt) -> bool {
    draft.content.as_deref() == Some(prompt.body.content.as_str())
}

fn has_title_of(draft: &Draft, prompt: &Prompt) -> bool {
    let title = prompt.body.title.as_str();
    draft.title.as_ref().is_some_and(|own| fold_title(own) == fold_title(title))
}

/// The plan of a text over a prompt of its name.
fn amend(current: &Prompt, found: &FoundDraft) -> PlanResult {
    let FoundDraft { draft, favorite } = found;
    let (_, body) = Draft { name: None, ..draft.clone() }.amend(&current.body)?;
    let change = Change {
        expected_version: current.version,
        body,
        name: None,
        favorite: *favorite,
        action: Action::Imported,
        embedding: None,
    };
    Ok(plan_change(current, change))
}

/// The plan of a new version or mark, if the text or the mark differs.
fn plan_change(current: &Prompt, mut change: Change) -> Plan {
    let is_skill_withheld = withhold_skill(&mut change.body, Some(&current.body));
    let marks = change.favorite.is_some_and(|favorite| favorite != current.favorite);
    if change.body == current.body && !marks {
        return Plan { is_skill_withheld, ..Plan::unchanged() };
    }
    // A change of the mark alone appends no version.
    let bytes = if change.body == current.body { 0 } else { change.body.bytes() };
    let steps = vec![Step::Save(current.id.clone(), change, bytes)];
    Plan { is_skill_withheld, ..Plan::new(ItemOutcome::Updated, steps) }
}
