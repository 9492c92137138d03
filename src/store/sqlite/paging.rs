//! Cursors of listings, and the reading of rows up to the end of a page.

use crate::domain::paging::{Cursor, Item, Limit, Page, PageRequest, Room};
use crate::store::{StoreError, StoreResult};

/// The parts of a cursor of the listing `kind`; `None` without a cursor.
pub(super) fn open<const N: usize>(
    cursor: Option<&Cursor>,
    kind: &str,
) -> StoreResult<Option<[String; N]>> {
    cursor.map(|cursor| cursor.decode(kind).ok_or(StoreError::InvalidCursor)).transpose()
}

pub(super) fn number(text: &str) -> StoreResult<i64> {
    text.parse().map_err(|_| StoreError::InvalidCursor)
}

/// The start of a page of a listing by one falling number.
pub(super) fn falling_number(page: &PageRequest, kind: &str) -> StoreResult<i64> {
    match open(page.cursor.as_ref(), kind)? {
        Some([key]) => number(&key),
        None => Ok(i64::MAX),
    }
}

/// The start of a page of a listing by two falling numbers.
pub(super) fn falling_numbers(cursor: Option<&Cursor>, kind: &str) -> StoreResult<(i64, i64)> {
    match open(cursor, kind)? {
        Some([first, second]) => Ok((number(&first)?, number(&second)?)),
        None => Ok((i64::MAX, i64::MAX)),
    }
}

/// Reads the page at the start of `rows`, an item and its key each. Stops at the first row that does
/// not fit, so that no more texts are in memory than the page holds; that there is one shows that
/// there is a next page.
pub(super) fn read_page<T: Item>(
    rows: impl Iterator<Item = rusqlite::Result<(T, i64)>>,
    limit: Limit,
    seal: impl Fn(&T, i64) -> Cursor,
) -> StoreResult<Page<T>> {
    let mut room = Room::new(limit);
    let mut items = Vec::new();
    let mut last = None;
    for row in rows {
        let (item, key) = row?;
        if !room.take(item.page_bytes()) {
            return Ok(Page { items, next: last });
        }
        last = Some(seal(&item, key));
        items.push(item);
    }
    Ok(Page { items, next: None })
}
