//! Vectors from the package itself (`golden.py` made them) hold the encoder and the conversion.

use promptdb::domain::vector::Vector;
use serde::Deserialize;

use super::{embed, encoder};

/// What the vectors of `weights` must agree to. Both sides are rounded, which costs 0.00008.
const ENCODER_COSINE: f64 = 0.9999;

/// What the vectors of `package` must agree to: its table has 6 bits and its layers are not
/// quantised. The least of the measured texts has 0.975, and their median is 0.992.
const CONVERSION_COSINE: f64 = 0.97;

/// A text with its vectors in hexadecimal.
#[derive(Deserialize)]
struct Golden {
    text: String,
    /// The package's own code with the weights of our file.
    weights: String,
    /// The package as it is.
    package: String,
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn parse(hex: &str) -> Vector {
    let digits = hex.as_bytes().chunks_exact(2);
    let bytes: Vec<u8> =
        digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    Vector::from_bytes(&bytes).unwrap()
}

#[test]
fn vectors_are_those_of_the_package_with_the_same_weights() {
    let encoder = encoder();
    for Golden { text, weights, .. } in golden() {
        let cosine = embed(&encoder, &text).cosine(&parse(&weights));
        assert!(cosine >= ENCODER_COSINE, "{cosine} for {text:?}");
    }
}

#[test]
fn quantising_the_weights_keeps_the_vectors_of_the_package() {
    let encoder = encoder();
    let mut cosines: Vec<f64> = golden()
        .iter()
        .map(|golden| embed(&encoder, &golden.text).cosine(&parse(&golden.package)))
        .collect();
    cosines.sort_unstable_by(f64::total_cmp);
    assert!(cosines[0] >= CONVERSION_COSINE, "{cosines:?}");
    assert!(cosines[cosines.len() / 2] >= 0.99, "{cosines:?}");
}

#[test]
fn the_golden_texts_are_of_many_scripts() {
    let texts: String = golden().into_iter().map(|golden| golden.text).collect();
    for sample in
        ["é", "ö", "ł", "ш", "ı", "ر", "こ", "请", "請", "요", "ช", "ﬁ", "🙂", "ꙮ", "\u{7}"]
    {
        assert!(texts.contains(sample), "{sample}");
    }
}
