//! The size of what is held of a file of another program.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Maximum size of an item in bytes. No prompt has more than a hundredth; what is longer is something else.
const ITEM_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The number of bytes that may be read before the next item; absent for a file without a bound.
#[derive(Debug, Clone)]
pub(super) struct Bound(Rc<Cell<Option<usize>>>);

impl Bound {
    /// A bound on the first item.
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(Some(ITEM_MAX_BYTES))))
    }

    /// Begins the next item.
    pub(super) fn begin_item(&self) {
        if self.0.get().is_some() {
            self.0.set(Some(ITEM_MAX_BYTES));
        }
    }

    /// Ends the bound: a prompt of an export has any number of versions.
    pub(super) fn lift(&self) {
        self.0.set(None);
    }
}

/// An input that fails beyond its bound.
pub(super) struct Bounded<R> {
    pub(super) input: R,
    pub(super) bound: Bound,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if let Some(left) = self.bound.0.get() {
            let left = left.checked_sub(count).ok_or_else(|| {
                io::Error::other(format!("an item has more than {ITEM_MAX_BYTES} bytes"))
            })?;
            self.bound.0.set(Some(left));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_over_the_limit_is_an_error_until_the_bound_is_lifted() {
        let mut input = Bounded { input: io::repeat(b' '), bound: Bound::new() };
        let bound = input.bound.clone();
        let mut read =
            |bytes: usize| io::copy(&mut (&mut input).take(bytes as u64), &mut io::sink());
        read(ITEM_MAX_BYTES).unwrap();
        let error = read(1).unwrap_err();
        assert_eq!(error.to_string(), "an item has more than 16777216 bytes");
        bound.begin_item();
        read(ITEM_MAX_BYTES).unwrap();
        bound.lift();
        read(2 * ITEM_MAX_BYTES).unwrap();
    }
}
