//! From the embeddings of a text's tokens to its vector.
//!
//! Three branches of convolutions combine each token with its neighbours. The tokens' features are
//! averaged, so the rest runs once a text (a deep averaging network: Iyyer et al., 2015,
//! doi:10.3115/v1/P15-1162).

use super::layers::{BRANCH, Block, Branch, Dense, EMBEDDING, FEATURES, Layers, PROJECTED, Window};
use crate::domain::vector::DIMENSIONS;

/// Computes the unit vector of a text.
///
/// `features` has a row of [`FEATURES`] numbers for each token, and at least one. Each starts with
/// the token's embedding, and the rest is overwritten.
pub(super) fn compute(layers: &Layers, mut features: Vec<f32>) -> [f32; DIMENSIONS] {
    let tokens = features.len() / FEATURES;
    let mut projected = vec![0.0; tokens * PROJECTED];
    layers.projection.apply(&features, FEATURES, &mut projected);
    projected.chunks_exact_mut(PROJECTED).for_each(|row| layers.projection_norm.apply(row));
    for (index, branch) in layers.branches.iter().enumerate() {
        let input = projected.chunks_exact(PROJECTED).map(|row| &row[index * BRANCH..][..BRANCH]);
        let output = run_branch(branch, input);
        let columns = features.chunks_exact_mut(FEATURES);
        for (row, output) in columns.zip(output.rows()) {
            row[EMBEDDING + index * BRANCH..][..BRANCH].copy_from_slice(output);
        }
    }
    features.chunks_exact_mut(FEATURES).for_each(|row| layers.feature_norm.apply(row));
    let pooled = pool(&layers.pooling, &features);
    let [first, second] = &layers.blocks;
    let hidden = run_block(first, &pooled, relu);
    let output = run_block(second, &hidden, libm::tanhf);
    to_unit(&output)
}

/// Rows of [`BRANCH`] numbers, with rows of zeros around them where a window leaves the text.
struct Padded {
    numbers: Vec<f32>,
    before: usize,
    after: usize,
}

impl Padded {
    fn zeros(tokens: usize, window: Window) -> Self {
        let (before, after) = (window.left * BRANCH, (window.width - 1 - window.left) * BRANCH);
        Self { numbers: vec![0.0; before + tokens * BRANCH + after], before, after }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers[self.before..self.numbers.len() - self.after].chunks_exact(BRANCH)
    }

    fn tokens_mut(&mut self) -> &mut [f32] {
        let end = self.numbers.len() - self.after;
        &mut self.numbers[self.before..end]
    }
}

/// Runs both convolutions, each with what it was given added to its output.
fn run_branch<'a>(branch: &Branch, input: impl ExactSizeIterator<Item = &'a [f32]>) -> Padded {
    let mut current = Padded::zeros(input.len(), branch.window);
    for (to, from) in current.tokens_mut().chunks_exact_mut(BRANCH).zip(input) {
        to.copy_from_slice(from);
    }
    for convolution in &branch.convolutions {
        let mut next = Padded::zeros(current.rows().count(), branch.window);
        // The window of a token is one slice: its rows follow one another.
        convolution.apply(&current.numbers, BRANCH, next.tokens_mut());
        let inputs = current.rows().flatten();
        next.tokens_mut().iter_mut().zip(inputs).for_each(|(output, input)| {
            *output = relu(*output) + input;
        });
        current = next;
    }
    current
}

/// Combines the features of all tokens. The sum is divided by the root of their number, so that
/// longer texts weigh more.
fn pool(pooling: &Dense, features: &[f32]) -> Vec<f32> {
    let mut mean = vec![0.0; FEATURES];
    for row in features.chunks_exact(FEATURES) {
        mean.iter_mut().zip(row).for_each(|(sum, feature)| *sum += feature);
    }
    #[expect(clippy::cast_precision_loss, reason = "a text has at most 512 tokens")]
    let tokens = (features.len() / FEATURES) as f32;
    for sum in &mut mean {
        *sum /= tokens;
    }
    let mut pooled = pooling.apply_once(&mean);
    let root = tokens.sqrt();
    for component in &mut pooled {
        *component *= root;
    }
    pooled
}

fn run_block(block: &Block, input: &[f32], activate: impl Fn(f32) -> f32) -> Vec<f32> {
    let mut inner = block.inner.apply_once(input);
    for component in &mut inner {
        *component = relu(*component);
    }
    let mut output = block.outer.apply_once(&inner);
    let shortcut = block.shortcut.apply_once(input);
    output.iter_mut().zip(shortcut).for_each(|(sum, past)| *sum = activate(*sum + past));
    output
}

fn relu(number: f32) -> f32 {
    number.max(0.0)
}

/// Scales a vector to length 1; one without a length stays as it is.
pub(super) fn to_unit(components: &[f32]) -> [f32; DIMENSIONS] {
    let squares: f32 = components.iter().map(|component| component * component).sum();
    let length = if squares > 0.0 { squares.sqrt() } else { 1.0 };
    let mut unit = [0.0; DIMENSIONS];
    unit.iter_mut().zip(components).for_each(|(to, from)| *to = from / length);
    unit
}
