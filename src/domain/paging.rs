//! Pages of a listing: their size, and the cursor of the next one.

/// The maximum number of items of a page; 20 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The largest limit.
    pub const MAX: Self = Self(100);

    /// Checks a limit, from 1 to 100.
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

/// The position from which a listing continues; a store chooses its parts. It never leaves the process
/// as it is: the library seals it for its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Makes a cursor for the listing `kind`. No part may contain a line feed.
    pub fn encode(kind: &str, parts: &[&str]) -> Self {
        let text = std::iter::once(kind).chain(parts.iter().copied()).collect::<Vec<_>>();
        Self(text.join("\n"))
    }

    /// Returns the parts of a cursor of `kind` with `N` parts, and `None` for any other cursor.
    pub fn decode<const N: usize>(&self, kind: &str) -> Option<[String; N]> {
        let mut parts = self.0.split('\n').map(str::to_owned);
        if parts.next()? != kind {
            return None;
        }
        parts.collect::<Vec<_>>().try_into().ok()
    }

    /// Wraps a text. Only [`Cursor::decode`] checks it.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text of the cursor.
    pub fn as_text(&self) -> &str {
        &self.0
    }
}

/// A cursor as its caller gets it: it shows nothing, and opens for the caller's own library alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCursor(String);

impl SealedCursor {
    /// Wraps the text of a sealed cursor.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// Returns the text to send to the caller.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Maximum size of the items of a page in bytes of JSON, so that few requests do not take much memory.
/// An item that is larger alone is a page of its own.
pub const PAGE_MAX_BYTES: usize = 1024 * 1024;

/// The items that fit a page, by number and by size.
#[derive(Debug)]
pub(crate) struct Room {
    places: usize,
    bytes: usize,
    is_empty: bool,
}

impl Room {
    /// The room of an empty page.
    pub(crate) fn new(limit: Limit) -> Self {
        Self { places: limit.get(), bytes: PAGE_MAX_BYTES, is_empty: true }
    }

    /// Takes the room of an item of `bytes`; returns whether there was enough. The first item of a
    /// page always fits.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = self.places > 0 && (self.is_empty || bytes <= self.bytes);
        if fits {
            self.places -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.is_empty = false;
        }
        fits
    }
}

/// What takes room in a page.
pub trait Item {
    /// Its size as JSON in bytes, not below the true one.
    fn page_bytes(&self) -> usize;
}

/// A page of a listing, as the store makes it or, with a [`SealedCursor`], as its caller gets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// At most as many as the limit of the request, and not more than [`PAGE_MAX_BYTES`] of them.
    pub items: Vec<T>,
    /// The cursor of the next page; absent on the last one.
    pub next: Option<C>,
}

/// A request for a page.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// The maximum number of items.
    pub limit: Limit,
    /// The cursor of the page before; absent for the first page.
    pub cursor: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_full_by_number_or_by_size_but_never_empty() {
        let mut few = Room::new(Limit::parse(2).unwrap());
        assert_eq!([few.take(1), few.take(1), few.take(1)], [true, true, false]);
        let mut small = Room::new(Limit::MAX);
        let taken = [PAGE_MAX_BYTES - 1, 2, 1].map(|bytes| small.take(bytes));
        assert_eq!(taken, [true, false, true]);
        let mut large = Room::new(Limit::MAX);
        assert_eq!([large.take(PAGE_MAX_BYTES * 2), large.take(1)], [true, false]);
    }

    #[test]
    fn a_cursor_decodes_only_for_its_own_listing() {
        let cursor = Cursor::encode("recent", &["7", "a b"]);
        assert_eq!(cursor.decode::<2>("recent"), Some(["7".to_owned(), "a b".to_owned()]));
        assert_eq!(cursor.decode::<2>("name"), None);
        assert_eq!(cursor.decode::<1>("recent"), None);
        assert_eq!(Cursor::from_text("recent".to_owned()).decode::<1>("recent"), None);
        assert_eq!(Cursor::from_text(String::new()).decode::<1>("recent"), None);
    }
}
