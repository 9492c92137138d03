//! One client of the soak: it does everything that people do with their prompts, each in its turn,
//! and never believes an answer without looking.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::calls::{self, Door, Reply};
use super::client::{Client, Shared};
use super::ledger::{Entry, Origin, State};
use crate::texts::{Author, Random};

/// How many prompts a client keeps.
const PROMPTS: usize = 40;

type Done = Result<&'static str, String>;

/// A client with prompts of its own.
pub(super) struct Lane {
    number: usize,
    client: Client,
    author: Author,
    random: Random,
    entries: Vec<Entry>,
    made: usize,
}

/// When a client asks.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// As soon as it was answered.
    AtOnce,
    /// Every so often, whether or not it was answered in between.
    Every(Duration),
}

impl Lane {
    pub(super) fn new(number: usize, shared: Arc<Shared>) -> Self {
        let seed = 100 + number as u64;
        Self {
            number,
            client: Client::new(shared),
            author: Author::new(seed),
            random: Random::new(seed),
            entries: Vec::new(),
            made: 0,
        }
    }

    /// Makes the first prompts.
    pub(super) async fn prepare(&mut self) -> Result<(), String> {
        for door in Door::ALL {
            self.create(door).await?;
        }
        Ok(())
    }

    /// Asks until it is over, or `until`.
    pub(super) async fn run(&mut self, pace: Pace, until: Option<Instant>) {
        let mut due = Instant::now();
        if let Pace::Every(interval) = pace {
            // Not all at the same moment.
            due += interval.mul_f64(self.random.fraction());
        }
        let is_over =
            |shared: &Shared, now| shared.is_over() || until.is_some_and(|end| now >= end);
        while !is_over(&self.client.shared, due) {
            match pace {
                Pace::AtOnce => due = Instant::now(),
                Pace::Every(_) => sleep_until(due).await,
            }
            let outcome = self.step().await;
            let took = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
            match outcome {
                Ok(what) => self.client.shared.report_done(what, Some(took)),
                Err(broken) => {
                    self.client.shared.report_broken(format!("client {}: {broken}", self.number));
                }
            }
            if let Pace::Every(interval) = pace {
                due += interval;
            }
        }
    }

    /// One thing of many.
    async fn step(&mut self) -> Done {
        if let Some(unsure) = self.entries.iter().position(|entry| entry.unsure.is_some()) {
            self.settle(unsure).await?;
            return Ok("look what became of a write");
        }
        let door = Door::ALL[self.random.below(Door::ALL.len())];
        let Some(living) = self.pick(State::is_living) else {
            return self.create(door).await;
        };
        match self.random.below(1000) {
            0..450 => self.read(door, living).await,
            450..600 => self.render(door, living).await,
            600..700 => self.search(door, living).await,
            700..800 => self.list(door).await,
            800..940 => self.read_version(living).await,
            940..955 if self.entries.len() < PROMPTS => self.create(door).await,
            955..965 if self.entries.len() < PROMPTS => self.harvest(door).await,
            940..980 => self.save(door, living).await,
            980..990 => self.delete(door, living).await,
            _ => match self.pick(|state| state.is_deleted) {
                Some(deleted) => self.restore(deleted).await,
                None => self.save(door, living).await,
            },
        }
    }

    /// A prompt in such a state, any of them.
    fn pick(&mut self, is_fit: impl Fn(State) -> bool) -> Option<usize> {
        let fit = |index: &usize| is_fit(self.entries[*index].state);
        let count = (0..self.entries.len()).filter(fit).count();
        let nth = (count > 0).then(|| self.random.below(count))?;
        (0..self.entries.len()).filter(fit).nth(nth)
    }

    async fn read(&mut self, door: Door, index: usize) -> Done {
        let case = calls::read(door, &self.entries[index].name);
        if let Reply::Done(found) = self.living(door, &case, index).await? {
            self.entries[index].check(&found)?;
        }
        Ok("read")
    }

    async fn render(&mut self, door: Door, index: usize) -> Done {
        let topic = format!("topic {}", self.random.below(1000));
        let case = calls::render(door, &self.entries[index].name, &topic);
        if let Reply::Done(found) = self.living(door, &case, index).await? {
            let text = found["text"].as_str().unwrap_or_default();
            if !text.contains(&format!("You help with {topic} in a {{{{tone}}}} tone.")) {
                return Err(format!("{} is rendered as {text:?}", self.entries[index].name));
            }
        }
        Ok("render")
    }

    async fn search(&mut self, door: Door, index: usize) -> Done {
        let name = &self.entries[index].name;
        let case = calls::search(door, name);
        if let Reply::Done(found) = self.client.ask(door, &case).await? {
            let first = &found["prompts"][0]["name"];
            let name = &self.entries[index].name;
            if first != name.as_str() {
                return Err(format!("the search for {name} finds {first} first"));
            }
        }
        Ok("search")
    }

    async fn list(&mut self, door: Door) -> Done {
        if let Reply::Done(found) = self.client.ask(door, &calls::list(door)).await? {
            // There is one of this client at the least.
            if found["prompts"].as_array().is_none_or(Vec::is_empty) {
                return Err(format!("the list is {found}"));
            }
        }
        Ok("list")
    }

    async fn read_version(&mut self, index: usize) -> Done {
        let latest = self.entries[index].state.version as usize;
        let version = 1 + u32::try_from(self.random.below(latest)).unwrap_or_default();
        let case = calls::read_version(&self.entries[index].id, version);
        if let Reply::Done(found) = self.living(Door::Rest, &case, index).await? {
            self.entries[index].check_version(&found, version)?;
        }
        Ok("read a version")
    }

    async fn create(&mut self, door: Door) -> Done {
        let text = self.author.prompt(self.made * 1000 + self.number);
        self.made += 1;
        let key = format!("{}-{}", self.number, self.made);
        let case = calls::create(door, &text.name, &text.content, &key);
        let origin = if matches!(door, Door::Rest) { Origin::Keyed(key) } else { Origin::Saved };
        self.entries.push(Entry::new(&text, text.content.clone(), origin));
        let index = self.entries.len() - 1;
        let reply = self.client.ask(door, &case).await?;
        self.note_write(index, State::at(1), reply)?;
        Ok("create")
    }

    async fn save(&mut self, door: Door, index: usize) -> Done {
        let entry = &self.entries[index];
        let version = entry.state.version;
        let case = calls::save(door, &entry.name, &entry.content(version + 1), version);
        let reply = self.client.ask(door, &case).await?;
        self.note_write(index, State::at(version + 1), reply)?;
        Ok("save a version")
    }

    async fn delete(&mut self, door: Door, index: usize) -> Done {
        let case = calls::delete(door, &self.entries[index].name);
        let reply = self.client.ask(door, &case).await?;
        let after = State { is_deleted: true, ..self.entries[index].state };
        self.note_write(index, after, reply)?;
        Ok("delete")
    }

    async fn restore(&mut self, index: usize) -> Done {
        let entry = &self.entries[index];
        let (case, after) = (calls::restore(&entry.id), State::at(entry.state.version));
        let reply = self.client.ask(Door::Rest, &case).await?;
        self.note_write(index, after, reply)?;
        Ok("restore")
    }

    /// Proposes a prompt and accepts it. What was proposed and acknowledged can be accepted, now or
    /// after the end of the server.
    async fn harvest(&mut self, door: Door) -> Done {
        let text = self.author.prompt(self.made * 1000 + self.number);
        self.made += 1;
        let case = calls::harvest(door, &text.title, &text.content);
        if let Reply::Done(found) = self.client.ask(door, &case).await? {
            let found = &found["candidates"][0];
            let (id, content) = (&found["candidate_id"], &found["suggested"]["content"]);
            let (Some(id), Some(content)) = (id.as_str(), content.as_str()) else {
                return Err(format!("a harvest is answered by {found}"));
            };
            let origin = Origin::Accepted(id.to_owned());
            self.entries.push(Entry::new(&text, content.to_owned(), origin));
            self.begin(self.entries.len() - 1, door).await?;
        }
        Ok("harvest and accept")
    }

    /// Brings a prompt into the library that is not there, by what was acknowledged of it.
    async fn begin(&mut self, index: usize, door: Door) -> Result<(), String> {
        let entry = &self.entries[index];
        let case = match &entry.origin {
            Origin::Saved => calls::create(door, &entry.name, &entry.content(1), ""),
            Origin::Keyed(key) => calls::create(door, &entry.name, &entry.content(1), key),
            Origin::Accepted(candidate) => calls::accept(door, candidate, &entry.name),
        };
        let reply = self.client.ask(door, &case).await?;
        self.note_write(index, State::at(1), reply)
    }

    /// Asks for something of a prompt that is there.
    async fn living(
        &mut self,
        door: Door,
        case: &crate::client::Case,
        index: usize,
    ) -> Result<Reply, String> {
        match self.client.ask(door, case).await? {
            Reply::Missing => Err(format!("{} is lost", self.entries[index].name)),
            reply => Ok(reply),
        }
    }

    fn note_write(&mut self, index: usize, after: State, reply: Reply) -> Result<(), String> {
        let entry = &mut self.entries[index];
        match reply {
            Reply::Done(saved) => {
                // A deletion over MCP says no version.
                let version = saved["version"].as_u64().unwrap_or(after.version.into());
                if version != u64::from(after.version) || saved["name"] != entry.name.as_str() {
                    return Err(format!("{} is to be at {after:?}, but is {saved}", entry.name));
                }
                if let Some(id) = saved["id"].as_str() {
                    id.clone_into(&mut entry.id);
                }
                entry.note(after, true);
                Ok(())
            }
            Reply::Trouble(_) | Reply::Cut => {
                entry.note(after, false);
                Ok(())
            }
            Reply::Missing => Err(format!("{} is lost before a write", entry.name)),
        }
    }

    /// Looks what became of a write whose outcome is not known; what is not there is brought in.
    async fn settle(&mut self, index: usize) -> Result<(), String> {
        let entry = &self.entries[index];
        let was = entry.state;
        if was == State::ABSENT && matches!(entry.origin, Origin::Keyed(_)) {
            // Whether it was done or not, the repetition with its key does it once.
            return self.begin(index, Door::Rest).await;
        }
        // By its id it is found whatever it is called.
        let by = if entry.id.is_empty() { &entry.name } else { &entry.id };
        let case = calls::read(Door::Rest, by);
        let found = match self.client.ask(Door::Rest, &case).await? {
            Reply::Done(found) => {
                let entry = &mut self.entries[index];
                found["id"].as_str().unwrap_or_default().clone_into(&mut entry.id);
                let version = found["version"].as_u64().unwrap_or_default();
                let version = u32::try_from(version).unwrap_or_default();
                entry.check_version(&found, version)?;
                State::at(version)
            }
            Reply::Missing if was.version == 0 => State::ABSENT,
            Reply::Missing => State { is_deleted: true, ..was },
            Reply::Trouble(_) | Reply::Cut => return Ok(()),
        };
        self.entries[index].settle(found)?;
        if found == State::ABSENT {
            self.begin(index, Door::ALL[1]).await?;
        }
        Ok(())
    }

    /// Reads every prompt back, and every version of it; how many of both there are. Nothing stands
    /// in the way any more.
    pub(super) async fn verify(&mut self) -> Result<(usize, usize), String> {
        let (mut prompts, mut versions) = (0, 0);
        for index in 0..self.entries.len() {
            self.settle(index).await?;
            if self.entries[index].state.is_deleted {
                self.restore(index).await?;
            }
            self.read(Door::Rest, index).await?;
            let Entry { id, state, .. } = &self.entries[index];
            let (id, latest) = (id.clone(), state.version);
            for version in 1..=latest {
                let case = calls::read_version(&id, version);
                match self.living(Door::Rest, &case, index).await? {
                    Reply::Done(found) => self.entries[index].check_version(&found, version)?,
                    other => return Err(format!("{id} cannot be read back: {other:?}")),
                }
            }
            prompts += 1;
            versions += latest as usize;
        }
        Ok((prompts, versions))
    }
}

impl Entry {
    /// Whether this is what was acknowledged.
    fn check(&self, found: &Value) -> Result<(), String> {
        self.check_version(found, self.state.version)
    }

    fn check_version(&self, found: &Value, version: u32) -> Result<(), String> {
        // Over MCP the content, read raw, is `text`.
        let content = found.get("content").unwrap_or(&found["text"]);
        let is_it = found["version"] == version
            && found["name"] == self.name.as_str()
            && content == self.content(version).as_str();
        if is_it { Ok(()) } else { Err(format!("{} at {version} is read as {found}", self.name)) }
    }
}
