//! The plan of one item. It reads the library and writes nothing.

use super::names::{FIRST_NUMBER, Place, number_name};
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

/// Maximum number of names that are tried for a text whose own name is taken.
const NUMBERS_MAX: usize = 1000;

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
                    Some(current) if stands_for(found, &current) => amend(&current, found)?,
                    Some(_) => return self.plan_beside_another(name, hash, found).await,
                };
                Ok(Plan { name: Some((name, hash)), ..plan })
            }
            Place::Taken(first) => {
                let numbers = (first..).take(NUMBERS_MAX);
                self.plan_renamed(name, hash, numbers, found, |_| false).await
            }
        }
    }

    /// Plans to save a text under its name and a number, because another prompt of the library has the name.
    /// An earlier import, of a file in another order, may have given it any number.
    async fn plan_beside_another(&self, wanted: Name, hash: u64, found: &FoundDraft) -> PlanResult {
        let next = self.state().names.next_number(&wanted);
        let numbers = (FIRST_NUMBER..next).take(NUMBERS_MAX).chain((next..).take(NUMBERS_MAX));
        let is_own = |current: &Prompt| stands_for(found, current);
        self.plan_renamed(wanted, hash, numbers, found, is_own).await
    }

    /// Plans to save a text under its name and the first of the `numbers` that is free. The prompt that has
    /// such a name already is that of an earlier import if it has the same text or `is_own`; any other one
    /// stays as it is.
    async fn plan_renamed(
        &self,
        wanted: Name,
        hash: u64,
        numbers: impl Iterator<Item = u32>,
        found: &FoundDraft,
        is_own: impl Fn(&Prompt) -> bool,
    ) -> PlanResult {
        for number in numbers {
            let name = number_name(&wanted, number);
            if self.state().names.differs(&name, hash) {
                continue;
            }
            let plan = match self.find_living(&name).await? {
                None => self.plan_text(name.clone(), found)?,
                Some(current) => match amend(&current, found)? {
                    plan if plan.outcome == ItemOutcome::Unchanged || is_own(&current) => plan,
                    _ => continue,
                },
            };
            let renamed = Some((wanted, number));
            return Ok(Plan { name: Some((name, hash)), renamed, ..plan });
        }
        Err(Failure::Refused(format!(
            "name: {wanted} is the name of others that differ; rename one of them"
        )))
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
            Place::Taken(_) => Err(Failure::Refused(format!(
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

/// Whether an item is a text of the prompt that has its name. A name that was made of a title or of a text
/// does not tell: C# and C++ have one.
fn stands_for(found: &FoundDraft, current: &Prompt) -> bool {
    let Draft { name, title, content, .. } = &found.draft;
    let fold = |title: &str| title.trim().to_lowercase();
    name.is_some()
        || title.as_ref().is_some_and(|title| fold(title) == fold(current.body.title.as_str()))
        || content.as_deref() == Some(current.body.content.as_str())
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
