//! The sizes of texts: what a body takes of a quota, and an item of a page.

use super::FieldError;
use super::paging::Item;
use super::prompt::{BODY_MAX_BYTES, Body, Prompt, Tag, Variable, Version};

impl Body {
    /// Its size: the bytes of all its texts, in UTF-8.
    pub fn bytes(&self) -> u64 {
        let tags = self.tags.iter().map(Tag::as_str);
        let variables = self.variables.iter().flat_map(Variable::texts);
        [self.title.as_str(), self.description.as_str(), self.content.as_str()]
            .into_iter()
            .chain(tags)
            .chain(variables)
            .map(|text| text.len() as u64)
            .sum()
    }

    /// Checks the size of the whole against [`BODY_MAX_BYTES`].
    ///
    /// A body that a store returns can be larger: it was saved before there was this limit.
    pub fn check_size(&self) -> Result<(), FieldError> {
        let bytes = self.bytes();
        if bytes <= BODY_MAX_BYTES {
            return Ok(());
        }
        // Without its variables no body comes near the limit.
        Err(FieldError::new(
            "variables",
            format!(
                "make the prompt {bytes} bytes with its title, description, content and tags; at \
                 most {BODY_MAX_BYTES} are allowed, so shorten descriptions or defaults"
            ),
        ))
    }

    /// The size of its texts in JSON, in bytes: what it takes in a page.
    pub(crate) fn json_bytes(&self) -> usize {
        /// The field names and quotes of a body or a variable, rounded up.
        const FRAME: usize = 100;
        let tags = self.tags.iter().map(Tag::as_str);
        let variables = self.variables.iter().flat_map(Variable::texts);
        let texts = [self.title.as_str(), self.description.as_str(), self.content.as_str()];
        let texts: usize = texts.into_iter().chain(tags).chain(variables).map(json_bytes).sum();
        texts + FRAME * (1 + self.variables.len())
    }
}

/// The size of a text as a JSON string (RFC 8259, section 7), in bytes.
pub(crate) fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    });
    escaped.sum::<usize>() + 3
}

impl Variable {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let optional = [self.description.as_deref(), self.default.as_deref()];
        [Some(self.name.as_str())].into_iter().chain(optional).flatten()
    }
}

/// What an item of a page takes in JSON beside its texts: field names, ids, numbers and times.
pub(crate) const ITEM_FRAME: usize = 512;

impl Item for Prompt {
    fn page_bytes(&self) -> usize {
        self.body.json_bytes() + json_bytes(&self.source) + ITEM_FRAME
    }
}

impl Item for Version {
    fn page_bytes(&self) -> usize {
        self.body.json_bytes() + json_bytes(&self.source) + ITEM_FRAME
    }
}
