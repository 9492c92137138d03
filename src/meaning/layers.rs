//! The weights of the network, and their section of the file.
//!
//! A dense layer is its weights (one byte each, in panels of [`LANES`] outputs), then a scale and a
//! bias for each output. A normalising layer is its gains, then its biases. They follow one another
//! in the order of [`Layers`].

use super::ModelError;
use super::file::SectionReader;
use super::kernel::{self, LANES, Weights};
use crate::domain::vector::DIMENSIONS;

/// Width of the embedding of a piece.
pub(super) const EMBEDDING: usize = 512;
/// Width of a branch.
pub(super) const BRANCH: usize = 256;
/// Width of the input of all branches.
pub(super) const PROJECTED: usize = BRANCH * WINDOWS.len();
/// Width of a token's features: its embedding, then the output of each branch.
pub(super) const FEATURES: usize = EMBEDDING + PROJECTED;
/// Width of the first block's output.
pub(super) const HIDDEN: usize = 320;

/// The n-grams that the branches look at.
pub(super) const WINDOWS: [Window; 3] =
    [Window { width: 2, left: 0 }, Window { width: 3, left: 1 }, Window { width: 5, left: 2 }];

/// Added to a variance before its root is a divisor.
const EPSILON: f32 = 1e-12;

/// The tokens around one that a convolution combines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Number of tokens.
    pub(super) width: usize,
    /// How many of them stand before the token itself.
    pub(super) left: usize,
}

/// All layers, in their order in the file.
#[derive(Debug)]
pub(super) struct Layers {
    /// From a piece's embedding to the inputs of the branches.
    pub(super) projection: Dense,
    pub(super) projection_norm: Norm,
    pub(super) branches: [Branch; WINDOWS.len()],
    pub(super) feature_norm: Norm,
    /// From the mean of the tokens' features to a vector of the text.
    pub(super) pooling: Dense,
    pub(super) blocks: [Block; 2],
}

/// A branch: two convolutions over the same window.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) window: Window,
    pub(super) convolutions: [Dense; 2],
}

/// Two dense layers, and one that goes past them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) inner: Dense,
    pub(super) outer: Dense,
    pub(super) shortcut: Dense,
}

impl Layers {
    pub(super) fn read(mut section: SectionReader<'_>) -> Result<Self, ModelError> {
        let from = &mut section;
        let projection = Dense::read(from, EMBEDDING, PROJECTED)?;
        let projection_norm = Norm::read(from, PROJECTED)?;
        let [first, second, third] = WINDOWS;
        let branches =
            [Branch::read(from, first)?, Branch::read(from, second)?, Branch::read(from, third)?];
        let feature_norm = Norm::read(from, FEATURES)?;
        let pooling = Dense::read(from, FEATURES, EMBEDDING)?;
        let blocks =
            [Block::read(from, EMBEDDING, HIDDEN)?, Block::read(from, HIDDEN, DIMENSIONS)?];
        section.finish()?;
        Ok(Self { projection, projection_norm, branches, feature_norm, pooling, blocks })
    }
}

impl Branch {
    fn read(section: &mut SectionReader<'_>, window: Window) -> Result<Self, ModelError> {
        let inputs = window.width * BRANCH;
        let convolutions =
            [Dense::read(section, inputs, BRANCH)?, Dense::read(section, inputs, BRANCH)?];
        Ok(Self { window, convolutions })
    }
}

impl Block {
    fn read(
        section: &mut SectionReader<'_>,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            inner: Dense::read(section, inputs, outputs)?,
            outer: Dense::read(section, outputs, outputs)?,
            shortcut: Dense::read(section, inputs, outputs)?,
        })
    }
}

/// A dense layer: `output = weights * input + bias`.
#[derive(Debug)]
pub(super) struct Dense {
    inputs: usize,
    panels: Box<[u8]>,
    scales: Box<[f32]>,
    biases: Box<[f32]>,
}

impl Dense {
    fn read(
        section: &mut SectionReader<'_>,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            inputs,
            panels: section.read_bytes(inputs * outputs)?,
            scales: section.read_floats(outputs)?,
            biases: section.read_floats(outputs)?,
        })
    }

    /// Quantises a layer and writes it. `weights` has a row for each input; `biases` has a number
    /// for each output, a multiple of [`LANES`].
    pub(super) fn encode(weights: &[f32], biases: &[f32]) -> Vec<u8> {
        let outputs = biases.len();
        let magnitude = |output: usize| {
            weights[output..]
                .iter()
                .step_by(outputs)
                .fold(0.0_f32, |max, weight| max.max(weight.abs()))
        };
        let scales: Vec<f32> =
            (0..outputs).map(|output| magnitude(output) / f32::from(i8::MAX)).collect();
        let quantise = |weight: f32, scale: f32| {
            let multiple = if scale > 0.0 { (weight / scale).round() } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, reason = "at most 127, by the scale")]
            let quantised = multiple as i8;
            quantised.cast_unsigned()
        };
        let mut layer = Vec::with_capacity(weights.len() + 8 * outputs);
        for panel in (0..outputs).step_by(LANES) {
            for row in weights.chunks_exact(outputs) {
                layer.extend((panel..panel + LANES).map(|at| quantise(row[at], scales[at])));
            }
        }
        layer.extend(encode_floats(&scales));
        layer.extend(encode_floats(biases));
        layer
    }

    /// Applies the layer to each row of `output`. Row `r` of the input starts at `r * stride`.
    pub(super) fn apply(&self, input: &[f32], stride: usize, output: &mut [f32]) {
        let Self { inputs, panels, scales, biases } = self;
        kernel::multiply(
            Weights { panels, inputs: *inputs, scales, biases },
            input,
            stride,
            output,
        );
    }

    /// Applies the layer to one row.
    pub(super) fn apply_once(&self, input: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.scales.len()];
        self.apply(input, input.len(), &mut output);
        output
    }
}

/// A normalising layer.
#[derive(Debug)]
pub(super) struct Norm {
    gains: Box<[f32]>,
    biases: Box<[f32]>,
}

impl Norm {
    fn read(section: &mut SectionReader<'_>, width: usize) -> Result<Self, ModelError> {
        Ok(Self { gains: section.read_floats(width)?, biases: section.read_floats(width)? })
    }

    /// Applies the layer to a row in place.
    pub(super) fn apply(&self, row: &mut [f32]) {
        kernel::normalise(row, &self.gains, &self.biases, EPSILON);
    }
}

/// Writes numbers as the file holds them.
pub(super) fn encode_floats(numbers: &[f32]) -> impl Iterator<Item = u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes())
}
