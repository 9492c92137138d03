//! What `doctor` reports: one line for each check, or one JSON document.

use std::fmt::Write as _;

use serde::Serialize;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It works.
    Ok,
    /// It works, and there is something to know or to improve.
    Note,
    /// It does not work.
    Failed,
}

/// One check. No text of it holds a secret.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What was checked, in one word.
    name: String,
    status: Status,
    /// What was found.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All checks, in the order in which they are shown.
#[derive(Serialize)]
pub(super) struct Report {
    /// Whether no check failed.
    ok: bool,
    /// The version of this program.
    version: &'static str,
    checks: Vec<Check>,
}

impl Check {
    pub(super) fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, &detail.into(), None)
    }

    /// Something that works, with what to do about it.
    pub(super) fn note(name: &str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Status::Note, &detail.into(), Some(&advice.into()))
    }

    /// Something that does not work, with what to do about it.
    pub(super) fn failed(name: &str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Status::Failed, &detail.into(), Some(&advice.into()))
    }

    fn new(name: &str, status: Status, detail: &str, advice: Option<&String>) -> Self {
        let advice = advice.map(|advice| printable(advice));
        Self { name: name.to_owned(), status, detail: printable(detail), advice }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.status == Status::Failed
    }
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let ok = !checks.iter().any(Check::is_failed);
        Self { ok, version: env!("CARGO_PKG_VERSION"), checks }
    }

    /// The names of the checks that failed.
    pub(super) fn failed_names(&self) -> Vec<&str> {
        let failed = self.checks.iter().filter(|check| check.is_failed());
        failed.map(|check| check.name.as_str()).collect()
    }

    /// The report as JSON, with a line break at its end.
    pub(super) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("texts and flags have JSON") + "\n"
    }

    /// The report as text: a line for each check, and one below it for what to do.
    pub(super) fn to_text(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for Check { name, status, detail, advice } in &self.checks {
            let mark = match status {
                Status::Ok => '✓',
                Status::Note => '!',
                Status::Failed => '✗',
            };
            let _ = writeln!(text, "{mark} {name:width$}  {detail}");
            if let Some(advice) = advice {
                let _ = writeln!(text, "  {:width$}  {advice}", "");
            }
        }
        text
    }
}

/// Replaces characters that a terminal would obey, and line breaks: files of other programs are quoted.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_line_and_advice_one_below_it() {
        let report = Report::new(vec![
            Check::ok("library", "sound"),
            Check::note("port", "taken", "set PORT"),
            Check::failed("cursor", "broken\u{1b}[2J\n", "repair it"),
        ]);
        let text = "✓ library  sound\n! port     taken\n           set PORT\n\
            ✗ cursor   broken\u{fffd}[2J\u{fffd}\n           repair it\n";
        assert_eq!(report.to_text(), text);
        assert_eq!(report.failed_names(), ["cursor"]);
    }

    #[test]
    fn the_document_says_whether_all_is_well() {
        let json = Report::new(vec![Check::note("port", "taken", "set PORT")]).to_json();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let check = serde_json::json!({
            "name": "port", "status": "note", "detail": "taken", "advice": "set PORT",
        });
        assert_eq!((&json["ok"], &json["checks"][0]), (&true.into(), &check));
    }
}
