//! The format's constants: its name and version, its lists, and the counts at its end.

use serde::{Deserialize, Serialize};

/// The value of `format`.
pub(super) const FORMAT: &str = "promptdb";
/// The version of the format that is written, and the only one that is read.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The lists of an export, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Living and deleted prompts, the oldest save first.
    Prompts,
    /// Waiting candidates, the oldest first.
    Candidates,
    /// The audit trail, the newest entry first.
    Audit,
    /// The programs that called, the latest call first.
    Clients,
}

impl List {
    const ALL: [(Self, &str); 4] = [
        (Self::Prompts, "prompts"),
        (Self::Candidates, "candidates"),
        (Self::Audit, "audit"),
        (Self::Clients, "clients"),
    ];

    /// The field that holds the list.
    pub(super) fn field(self) -> &'static str {
        Self::ALL.iter().find(|(list, _)| *list == self).map_or("", |(_, field)| field)
    }

    /// The list in a field; `None` for a field without a list.
    pub(super) fn of_field(field: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == field).map(|(list, _)| *list)
    }
}

/// The number of items of each list.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) prompts: u64,
    pub(super) candidates: u64,
    pub(super) audit: u64,
    /// Absent in older exports.
    #[serde(default)]
    pub(super) clients: u64,
}

impl Counts {
    pub(super) fn of(&mut self, list: List) -> &mut u64 {
        match list {
            List::Prompts => &mut self.prompts,
            List::Candidates => &mut self.candidates,
            List::Audit => &mut self.audit,
            List::Clients => &mut self.clients,
        }
    }
}
