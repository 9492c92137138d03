//! The bounds of one transaction of a background job, so that it delays no write for long.

/// Maximum number of rows with texts in one batch.
const ROWS_MAX: usize = 500;
/// Maximum size of the texts in one batch, in bytes. To delete 4 MiB takes about 20 ms.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is left of a batch.
pub(super) struct Batch {
    rows: usize,
    bytes: u64,
    is_empty: bool,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { rows: ROWS_MAX, bytes: BYTES_MAX, is_empty: true }
    }

    /// Takes a row; returns whether there was room. The first row always fits, so that none blocks
    /// those after it.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let fits = self.rows > 0 && (self.is_empty || bytes <= self.bytes);
        if fits {
            self.rows -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.is_empty = false;
        } else {
            self.rows = 0;
        }
        fits
    }

    /// The number of rows for which there is room.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}
