//! Many vectors in one block of memory, searched by brute force.

use std::cmp::Ordering;

use super::{DIMENSIONS, Vector, cosine_of, dot};

/// Vectors in rows, addressed by their index.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    rows: Vec<[u8; DIMENSIONS]>,
    /// The squared length of each row, so that a search computes one product a row.
    squared_lengths: Vec<i32>,
}

/// A row that a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The index of the row.
    pub row: usize,
    /// The cosine between the row and the query.
    pub cosine: f64,
}

impl Matrix {
    /// Memory of a row, in bytes.
    pub const ROW_BYTES: usize = DIMENSIONS + size_of::<i32>();

    /// Creates an empty matrix with room for `rows` rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), squared_lengths: Vec::with_capacity(rows) }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends a row; its index is the length before.
    pub fn push(&mut self, vector: &Vector) {
        self.rows.push(*vector.as_bytes());
        self.squared_lengths.push(vector.squared_length());
    }

    /// Replaces a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn replace(&mut self, row: usize, vector: &Vector) {
        self.rows[row] = *vector.as_bytes();
        self.squared_lengths[row] = vector.squared_length();
    }

    /// Removes a row. The last one takes its index.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn swap_remove(&mut self, row: usize) {
        self.rows.swap_remove(row);
        self.squared_lengths.swap_remove(row);
    }

    /// Returns the `limit` rows nearest to `query` among those that `keep` accepts, the nearest
    /// first. Of two rows with equal cosines, the one with the lower index comes first.
    pub fn nearest(
        &self,
        query: &Vector,
        limit: usize,
        keep: impl Fn(usize) -> bool,
    ) -> Vec<Neighbour> {
        if limit == 0 {
            return Vec::new();
        }
        let length = query.squared_length();
        let mut found: Vec<Neighbour> = (0..self.len())
            .filter(|row| keep(*row))
            .map(|row| {
                let product = dot(query.as_bytes(), &self.rows[row]);
                Neighbour { row, cosine: cosine_of(product, length, self.squared_lengths[row]) }
            })
            .collect();
        if found.len() > limit {
            found.select_nth_unstable_by(limit - 1, nearest_first);
            found.truncate(limit);
        }
        found.sort_unstable_by(nearest_first);
        found
    }
}

fn nearest_first(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::vector;
    use super::*;

    /// A vector that leans from the first axis towards the second.
    fn leaning(component: f32) -> Vector {
        vector(|index| match index {
            0 => 0.1,
            1 => component,
            _ => 0.0,
        })
    }

    fn matrix(components: &[f32]) -> Matrix {
        let mut matrix = Matrix::with_capacity(components.len());
        for component in components {
            matrix.push(&leaning(*component));
        }
        matrix
    }

    fn rows(found: &[Neighbour]) -> Vec<usize> {
        found.iter().map(|neighbour| neighbour.row).collect()
    }

    #[test]
    fn the_nearest_rows_come_first() {
        let matrix = matrix(&[0.2, 0.0, 0.1, 0.1, -0.2]);
        let query = leaning(0.0);
        assert_eq!(rows(&matrix.nearest(&query, 4, |_| true)), [1, 2, 3, 0]);
        assert_eq!(rows(&matrix.nearest(&query, 2, |row| row != 1)), [2, 3]);
        assert_eq!(rows(&matrix.nearest(&query, 50, |_| true)).len(), 5);
        assert_eq!(matrix.nearest(&query, 0, |_| true), []);
        assert_eq!(Matrix::default().nearest(&query, 5, |_| true), []);
    }

    #[test]
    fn a_row_is_replaced_and_removed() {
        let mut matrix = matrix(&[0.2, 0.1, 0.0]);
        matrix.replace(0, &leaning(-0.1));
        matrix.swap_remove(1);
        assert_eq!(matrix.len(), 2);
        assert_eq!(rows(&matrix.nearest(&leaning(-0.1), 2, |_| true)), [0, 1]);
        assert_eq!(rows(&matrix.nearest(&leaning(0.0), 2, |_| true)), [1, 0]);
    }

    proptest! {
        #[test]
        fn a_search_returns_what_sorting_every_row_returns(
            components in prop::collection::vec(-0.2_f32..0.2, 0..60),
            limit in 1_usize..70,
        ) {
            let (matrix, query) = (matrix(&components), leaning(0.05));
            let mut expected: Vec<Neighbour> = components
                .iter()
                .enumerate()
                .map(|(row, component)| {
                    Neighbour { row, cosine: query.cosine(&leaning(*component)) }
                })
                .collect();
            expected.sort_by(nearest_first);
            expected.truncate(limit);
            prop_assert_eq!(matrix.nearest(&query, limit, |_| true), expected);
        }
    }
}
