//! Pages: how many items, and the opaque cursor to go on from.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// How many items a page may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// Most items of a page.
    pub const MAX: Self = Self(100);

    /// Checks a limit of 1 to 100.
    pub fn parse(limit: i64) -> Result<Self, String> {
        match usize::try_from(limit) {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err("must be from 1 to 100".to_owned()),
        }
    }

    /// The number of items.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

/// Where a listing goes on: opaque to callers, made of the parts that a store puts into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Longest cursor that is looked at.
    const MAX_BYTES: usize = 1024;

    /// Seals parts of text into a cursor for the listing `kind`.
    pub fn seal(kind: &str, parts: &[&str]) -> Self {
        let text = std::iter::once(kind).chain(parts.iter().copied()).collect::<Vec<_>>();
        Self(BASE64_URL_SAFE_NO_PAD.encode(text.join("\n")))
    }

    /// The parts of a cursor that was sealed for `kind` with `N` parts.
    pub fn open<const N: usize>(&self, kind: &str) -> Option<[String; N]> {
        if self.0.len() > Self::MAX_BYTES {
            return None;
        }
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&self.0).ok()?).ok()?;
        let mut parts = text.split('\n').map(str::to_owned);
        if parts.next()? != kind {
            return None;
        }
        parts.collect::<Vec<_>>().try_into().ok()
    }

    /// Takes a cursor as a caller hands it back; only [`Cursor::open`] judges it.
    pub fn from_caller(text: String) -> Self {
        Self(text)
    }

    /// The cursor as a caller sees it.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page<T> {
    /// At most the limit that was asked for.
    pub items: Vec<T>,
    /// Where to go on; absent on the last page.
    pub next: Option<Cursor>,
}

/// Which page is asked for.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// Most items.
    pub limit: Limit,
    /// From where; absent for the first page.
    pub cursor: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_for_its_own_listing() {
        let cursor = Cursor::seal("recent", &["7", "a b"]);
        assert_eq!(cursor.open::<2>("recent"), Some(["7".to_owned(), "a b".to_owned()]));
        assert_eq!(cursor.open::<2>("name"), None);
        assert_eq!(cursor.open::<1>("recent"), None);
        assert_eq!(Cursor::from_caller("%%%".to_owned()).open::<1>("recent"), None);
        assert_eq!(Cursor::from_caller("A".repeat(9999)).open::<1>("recent"), None);
    }
}
