//! The inner loops of the network, compiled for several processors and chosen at run time.
//!
//! Every sum has a fixed order, and no product is fused with a sum, so each processor computes the
//! same bits.

use multiversion::multiversion;

/// Number of outputs that are computed side by side: two vectors of AVX2, or four of SSE2 and NEON.
pub(super) const LANES: usize = 16;

/// Number of rows that share a pass over the weights: as many as the registers hold.
const BLOCK: usize = 4;

/// A layer's weights as bytes in two's complement, [`LANES`] outputs after another: for each input,
/// the weights of the lanes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights<'a> {
    pub(super) panels: &'a [u8],
    pub(super) inputs: usize,
    /// What a weight of 1 stands for, by output.
    pub(super) scales: &'a [f32],
    pub(super) biases: &'a [f32],
}

/// Computes `bias + scale * sum(weight * input)` for each output of each row.
///
/// Row `r` of the input starts at `r * stride`; rows may overlap. The rows of `output` follow one
/// another, and their number is that of the rows.
#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
pub(super) fn multiply(weights: Weights<'_>, input: &[f32], stride: usize, output: &mut [f32]) {
    let Weights { panels, inputs, scales, biases } = weights;
    let outputs = scales.len();
    let rows = output.len() / outputs;
    for (index, panel) in panels.chunks_exact(inputs * LANES).enumerate() {
        let columns = index * LANES..(index + 1) * LANES;
        let (scales, biases) = (&scales[columns.clone()], &biases[columns.clone()]);
        let mut write = |row: usize, sums: &[f32; LANES]| {
            let output = &mut output[row * outputs..][columns.clone()];
            for lane in 0..LANES {
                output[lane] = biases[lane] + scales[lane] * sums[lane];
            }
        };
        let row_of = |row: usize| &input[row * stride..][..inputs];
        let mut row = 0;
        while row + BLOCK <= rows {
            let block: [&[f32]; BLOCK] = std::array::from_fn(|offset| row_of(row + offset));
            let sums = sum_products(panel, block);
            for (offset, sums) in sums.iter().enumerate() {
                write(row + offset, sums);
            }
            row += BLOCK;
        }
        while row < rows {
            write(row, &sum_products(panel, [row_of(row)])[0]);
            row += 1;
        }
    }
}

/// Sums the products of a panel's weights and the inputs of some rows, in the order of the inputs.
#[expect(
    clippy::inline_always,
    reason = "compiled for the processor of the caller only if inlined"
)]
#[inline(always)]
fn sum_products<const ROWS: usize>(panel: &[u8], rows: [&[f32]; ROWS]) -> [[f32; LANES]; ROWS] {
    let panel = panel.as_chunks::<LANES>().0;
    let mut sums = [[0.0; LANES]; ROWS];
    // Counters instead of iterators: without optimisation, as in tests, they take a fifth of the
    // time. With it, both are the same.
    let mut index = 0;
    while index < panel.len() {
        let mut weights = [0.0; LANES];
        let mut lane = 0;
        while lane < LANES {
            weights[lane] = f32::from(panel[index][lane].cast_signed());
            lane += 1;
        }
        let mut row = 0;
        while row < ROWS {
            let (input, sums) = (rows[row][index], &mut sums[row]);
            let mut lane = 0;
            while lane < LANES {
                sums[lane] += input * weights[lane];
                lane += 1;
            }
            row += 1;
        }
        index += 1;
    }
    sums
}

/// Normalises a row to mean 0 and variance 1, then applies a gain and a bias to each component
/// (Ba et al., 2016, arXiv:1607.06450). The length is a multiple of [`LANES`].
#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
pub(super) fn normalise(row: &mut [f32], gains: &[f32], biases: &[f32], epsilon: f32) {
    #[expect(clippy::cast_precision_loss, reason = "a row has at most 1,280 components")]
    let length = row.len() as f32;
    let mean = sum(row, |component| component) / length;
    let variance = sum(row, |component| (component - mean) * (component - mean)) / length;
    let factor = 1.0 / (variance + epsilon).sqrt();
    for ((component, gain), bias) in row.iter_mut().zip(gains).zip(biases) {
        *component = (*component - mean) * factor * gain + bias;
    }
}

/// Sums a function of each component: each lane from the start to the end, then the lanes.
#[expect(
    clippy::inline_always,
    reason = "compiled for the processor of the caller only if inlined"
)]
#[inline(always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    for components in row.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += term(components[lane]);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computes each output on its own, compiled for every processor.
    fn multiply_one_by_one(
        weights: Weights<'_>,
        input: &[f32],
        stride: usize,
        rows: usize,
    ) -> Vec<f32> {
        let Weights { panels, inputs, scales, biases } = weights;
        let mut output = Vec::new();
        for row in 0..rows {
            for column in 0..scales.len() {
                let panel = &panels[column / LANES * inputs * LANES..];
                let mut sum = 0.0;
                for index in 0..inputs {
                    let weight = panel[index * LANES + column % LANES].cast_signed();
                    sum += input[row * stride + index] * f32::from(weight);
                }
                output.push(biases[column] + scales[column] * sum);
            }
        }
        output
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn every_processor_computes_the_same_bits(
            panels in prop::collection::vec(any::<u8>(), 2 * LANES * 7),
            input in prop::collection::vec(-2.0_f32..2.0, 10 * 5 + 7),
            factors in prop::collection::vec(-2.0_f32..2.0, 4 * LANES),
            rows in 0_usize..=10,
            stride in 1_usize..=5,
        ) {
            let (scales, biases) = factors.split_at(2 * LANES);
            let weights = Weights { panels: &panels, inputs: 7, scales, biases };
            let mut output = vec![f32::NAN; rows * 2 * LANES];
            multiply(weights, &input, stride, &mut output);
            let expected = multiply_one_by_one(weights, &input, stride, rows);
            prop_assert_eq!(bits(&output), bits(&expected));
        }

        #[test]
        fn a_normalised_row_has_mean_0_and_variance_1(
            mut row in prop::collection::vec(-100.0_f32..100.0, 4 * LANES),
        ) {
            let (gains, biases) = ([1.0; 4 * LANES], [0.0; 4 * LANES]);
            normalise(&mut row, &gains, &biases, 1e-12);
            let mean = row.iter().sum::<f32>() / 64.0;
            let variance = row.iter().map(|component| component * component).sum::<f32>() / 64.0;
            prop_assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-3, "{} {}", mean, variance);
        }
    }

    #[test]
    fn a_row_without_variance_becomes_the_biases() {
        let (mut row, biases) = ([3.0; LANES], [0.25; LANES]);
        normalise(&mut row, &[2.0; LANES], &biases, 1e-12);
        assert_eq!(bits(&row), bits(&biases));
    }
}
