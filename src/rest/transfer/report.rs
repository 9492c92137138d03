//! The report of an import: an entry for each item, bounded in size.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::transfer::{ItemKind, ReadError};
use crate::library::{Counted, ImportEnd, ItemOutcome, ItemReport};

/// Maximum size of a report in bytes of JSON. An import whose report would be longer ends early. The
/// entries of most files have about 80 bytes.
pub(super) const REPORT_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The size up to which entries have findings: the variables and notes of an item. So they leave room
/// for the outcome of every item, of which no import has more than 50,000.
const FINDINGS_MAX_BYTES: usize = REPORT_MAX_BYTES / 4;
/// The bytes of an entry without its texts.
const ENTRY_BYTES: usize =
    r#"{"at":"","kind":"candidate","name":"","outcome":"unchanged","reason":""},"#.len();
/// The bytes of a list of findings beside its texts.
const LIST_BYTES: usize = r#""variables":[],"#.len();
/// The bytes of a text in a list beside its own.
const LISTED_BYTES: usize = r#""","#.len();

/// The report of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportResponse {
    /// The items in the order of the file.
    items: Vec<ImportedItemResponse>,
    counts: ImportCountsResponse,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether the file was read and imported to its end.
    complete: bool,
    /// Where and why the import ended early. The items above are imported nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenResponse>,
    /// Sentences on what was passed over beside the items, such as tables in an archive; absent if there are
    /// none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportedItemResponse {
    /// The place of the item in the file.
    at: String,
    /// prompt or candidate.
    kind: &'static str,
    /// The name of the item, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// created, updated, unchanged or refused.
    outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The names of the variables that were found; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variables: Vec<String>,
    /// Sentences on what was changed, cut, passed over or left out, and on what stays text although it looks
    /// like a placeholder; absent if there are none. Entries after the first 2 MiB of the report have no
    /// variables and notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// The number of items by outcome.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportCountsResponse {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokenResponse {
    at: String,
    reason: String,
}

impl From<ItemReport> for ImportedItemResponse {
    fn from(report: ItemReport) -> Self {
        let ItemReport { at, kind, name, outcome, reason, variables, notes } = report;
        let kind = match kind {
            ItemKind::Prompt => "prompt",
            ItemKind::Candidate => "candidate",
        };
        let outcome = match outcome {
            ItemOutcome::Created => "created",
            ItemOutcome::Updated => "updated",
            ItemOutcome::Unchanged => "unchanged",
            ItemOutcome::Refused => "refused",
        };
        Self {
            at: at.into_string(),
            kind,
            name: name.map(Excerpt::into_string),
            outcome,
            reason: reason.map(Message::into_string),
            variables: variables.into_iter().map(Excerpt::into_string).collect(),
            notes: notes.into_iter().map(Message::into_string).collect(),
        }
    }
}

impl From<Counted> for ImportCountsResponse {
    fn from(counted: Counted) -> Self {
        let Counted { created, updated, unchanged, refused } = counted;
        Self { created, updated, unchanged, refused }
    }
}

impl From<ReadError> for BrokenResponse {
    fn from(ReadError { at, reason }: ReadError) -> Self {
        Self { at: at.into_string(), reason: reason.into_string() }
    }
}

/// A report that grows with each item.
#[derive(Debug, Default)]
pub(crate) struct Report {
    items: Vec<ImportedItemResponse>,
    counted: Counted,
}

impl Report {
    /// Adds the entry of an item.
    pub(crate) fn add(&mut self, report: ItemReport) {
        self.counted.count(report.outcome);
        self.items.push(report.into());
    }

    /// Adds the entry of an item, without its findings in a long report, and the size of the entry to `bytes`.
    pub(super) fn add_within_limits(&mut self, mut report: ItemReport, bytes: &AtomicUsize) {
        if bytes.load(Ordering::Relaxed) > FINDINGS_MAX_BYTES {
            report.variables.clear();
            report.notes.clear();
        }
        let texts = [Some(&*report.at), report.name.as_deref(), report.reason.as_deref()];
        let texts = texts.into_iter().flatten().map(count_json_bytes).sum::<usize>();
        let variables = count_list_bytes(report.variables.iter().map(Excerpt::as_str));
        let notes = count_list_bytes(report.notes.iter().map(Message::as_str));
        let size = texts + variables + notes + ENTRY_BYTES;
        bytes.fetch_add(size, Ordering::Relaxed);
        self.add(report);
    }

    /// Whether no item was reported.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Ends the report.
    pub(crate) fn finish(self, dry_run: bool, end: ImportEnd) -> ImportResponse {
        let ImportEnd { notes, broken } = end;
        ImportResponse {
            items: self.items,
            counts: self.counted.into(),
            dry_run,
            complete: broken.is_none(),
            broken: broken.map(BrokenResponse::from),
            notes: notes.into_iter().map(Message::into_string).collect(),
        }
    }
}

/// The bytes of a list in JSON, which is absent if it is empty.
fn count_list_bytes<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    let listed: usize = texts.map(|text| count_json_bytes(text) + LISTED_BYTES).sum();
    if listed > 0 { LIST_BYTES + listed } else { 0 }
}

/// The bytes of a text in JSON. It has no control characters, so the only escapes are of two bytes.
fn count_json_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_report_is_not_underestimated() {
        let (mut report, bytes) = (Report::default(), AtomicUsize::new(0));
        for text in ["", "row 7", &"\"\\\u{1}é".repeat(1000)] {
            report.add_within_limits(
                ItemReport {
                    at: text.into(),
                    kind: ItemKind::Candidate,
                    name: Some(text.into()),
                    outcome: ItemOutcome::Unchanged,
                    reason: Some(text.into()),
                    variables: vec![text.into(), text.into()],
                    notes: vec![text.into(), text.into()],
                },
                &bytes,
            );
        }
        let items = serde_json::to_vec(&report.finish(false, ImportEnd::default()).items).unwrap();
        let counted = bytes.into_inner();
        assert!((items.len()..items.len() + 20).contains(&(counted + 2)), "{counted}");
    }
}
