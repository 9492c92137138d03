//! What a client knows of its prompts: what the server acknowledged must be there, and what it did not
//! may be there or not, but as a whole.

use crate::texts::Text;

/// Where a prompt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// 0 for one that is not there.
    pub(super) version: u32,
    pub(super) is_deleted: bool,
}

impl State {
    pub(super) const ABSENT: Self = Self { version: 0, is_deleted: false };

    pub(super) fn at(version: u32) -> Self {
        Self { version, is_deleted: false }
    }

    pub(super) fn is_living(self) -> bool {
        self.version > 0 && !self.is_deleted
    }
}

/// How a prompt came, or is to come, into the library.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// By a save.
    Saved,
    /// By a save with this idempotency key, so that it may be repeated.
    Keyed(String),
    /// From this candidate.
    Accepted(String),
}

/// A prompt of one client, which alone writes to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Known once a save was acknowledged or the prompt was read.
    pub(super) id: String,
    content: String,
    pub(super) origin: Origin,
    /// As it was last acknowledged.
    pub(super) state: State,
    /// As it is if the write was done whose outcome nobody knows.
    pub(super) unsure: Option<State>,
}

impl Entry {
    pub(super) fn new(text: &Text, content: String, origin: Origin) -> Self {
        Self {
            name: text.name.clone(),
            id: String::new(),
            content,
            origin,
            state: State::ABSENT,
            unsure: None,
        }
    }

    /// The content of a version: every version says which it is.
    pub(super) fn content(&self, version: u32) -> String {
        match version {
            1 => self.content.clone(),
            later => format!("{}\n\nRevision {later}.", self.content),
        }
    }

    /// Takes note of a write: what it came to if it was acknowledged.
    pub(super) fn note(&mut self, after: State, is_acknowledged: bool) {
        if is_acknowledged {
            self.state = after;
            self.unsure = None;
        } else {
            self.unsure = Some(after);
        }
    }

    /// Takes note of what was found. It is what was acknowledged, or what one more write makes of it.
    pub(super) fn settle(&mut self, found: State) -> Result<(), String> {
        if found != self.state && Some(found) != self.unsure {
            let Self { name, state, unsure, .. } = self;
            return Err(format!(
                "{name} is found as {found:?}, was acknowledged as {state:?}, perhaps {unsure:?}"
            ));
        }
        self.state = found;
        self.unsure = None;
        Ok(())
    }
}
