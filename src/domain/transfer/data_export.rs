//! The data exports of ChatGPT and Claude: archives of chats. They hold no prompts as such, so that one
//! sentence answers them, not a refusal for each chat.

use std::io::Read;

use memchr::memmem::find;

/// Number of bytes in which the first chat shows its program.
const SIGN_BYTES: usize = 64 * 1024;

/// Maximum number of files of an archive or a folder in which chats are looked for. Any number may have a name
/// that [`may_be_in`] accepts, and each is unpacked up to [`SIGN_BYTES`].
pub(super) const FILES_MAX: usize = 16;

/// The program whose chats a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataExport {
    ChatGpt,
    Claude,
}

impl DataExport {
    /// Recognises a data export by the start of a file. A file that cannot be read is none.
    pub(super) fn recognise_file(file: impl Read) -> Option<Self> {
        let mut start = Vec::new();
        file.take(SIGN_BYTES as u64).read_to_end(&mut start).ok()?;
        Self::recognise(&start)
    }

    /// Recognises a data export by the start of its JSON.
    pub(super) fn recognise(start: &[u8]) -> Option<Self> {
        // A quotation mark inside a text is escaped in JSON, so that these are keys.
        let has = |key: &[u8]| find(start, key).is_some();
        let is_chat_gpt = has(b"\"mapping\"") && has(b"\"create_time\"");
        let is_claude = has(b"\"chat_messages\"") && has(b"\"uuid\"");
        match () {
            () if is_chat_gpt => Some(Self::ChatGpt),
            () if is_claude => Some(Self::Claude),
            () => None,
        }
    }

    /// Returns what the file is, and what to do instead.
    pub(super) fn explain(self) -> String {
        let name = match self {
            Self::ChatGpt => "ChatGPT",
            Self::Claude => "Claude",
        };
        format!(
            "is a data export of {name}, whose chats hold no prompts as such; connect PromptDB to {name} \
             and run its prompt harvest in a chat to save the prompts that you used there"
        )
    }
}

/// Whether a path of an archive or a folder is that of the chats of a data export.
pub(super) fn may_be_in(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    matches!(file.rsplit_once('.'), Some((stem, "json")) if stem.starts_with("conversations"))
}

/// Whether a path is that of the projects of a data export, whose instructions are prompts.
pub(super) fn has_projects(path: &str) -> bool {
    path.rsplit('/').next() == Some("projects.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_recognised_by_the_keys_of_its_chats() {
        for (start, expected) in [
            (
                r#"[{"title":"A","create_time":1.5,"update_time":2,"mapping":{"x":{"#,
                Some(DataExport::ChatGpt),
            ),
            (
                r#"[{"uuid":"x","name":"A","created_at":"2026","account":{},"chat_messages":[{"#,
                Some(DataExport::Claude),
            ),
            (r#"[{"title":"A","prompt":"Write \"mapping\": and \"create_time\":"}]"#, None),
            (r#"[{"title":"A","prompt":"x"}]"#, None),
            ("", None),
        ] {
            assert_eq!(DataExport::recognise(start.as_bytes()), expected, "{start}");
        }
        assert!(may_be_in("conversations.json") && may_be_in("x/conversations-001.json"));
        assert!(!may_be_in("prompts.json") && !may_be_in("conversations.md"));
    }
}
