//! Cursors of listings, and the cut of rows to a page.

use crate::domain::paging::{Cursor, Page, PageRequest};
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

/// Cuts the rows of a query, which reads one row more than the page holds. That row becomes no item;
/// it shows that there is a next page.
pub(super) fn cut<T>(
    mut rows: Vec<(T, i64)>,
    limit: usize,
    seal: impl Fn(&T, i64) -> Cursor,
) -> Page<T> {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|(item, key)| seal(item, *key));
    Page { items: rows.into_iter().map(|(item, _)| item).collect(), next }
}
