//! The meaning of a text as numbers: a quantised unit vector, and the id of the model that made it.
//!
//! Two texts of similar meaning have vectors of a high cosine. Vectors of different models are not
//! comparable, so a stored vector stands beside its [`ModelId`].

mod matrix;

use std::fmt;

use multiversion::multiversion;

pub use self::matrix::{Matrix, Neighbour};

/// Number of components of a vector: the width of the model's last layer.
pub const DIMENSIONS: usize = 512;

/// Factor from a component of a unit vector to its stored integer. Components of the model's
/// vectors stay below 0.16, and the integers reach 127 / 512 = 0.248. A power of two, so that the
/// multiplication is exact.
const SCALE: f32 = 512.0;

/// Largest magnitude of a stored component. -128 is left out, so that the range is symmetric.
const COMPONENT_MAX: f32 = 127.0;

/// A unit vector of [`DIMENSIONS`] components, each an integer from -127 to 127.
///
/// The scale is the same for every vector, so the dot product of two is an integer: every machine
/// and every store computes the same one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Vector(Box<[u8; DIMENSIONS]>);

impl Vector {
    /// Quantises the components of a unit vector. A component outside the range becomes the nearest
    /// integer of the range, and one that is not a number becomes 0.
    pub fn quantise(components: &[f32; DIMENSIONS]) -> Self {
        let mut bytes = Box::new([0; DIMENSIONS]);
        for (byte, component) in bytes.iter_mut().zip(components) {
            *byte = quantise_component(*component).cast_unsigned();
        }
        Self(bytes)
    }

    /// Reads the form of [`Self::as_bytes`]; `None` if the length is wrong or a byte is out of range.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; DIMENSIONS] = bytes.try_into().ok()?;
        let in_range = bytes.iter().all(|byte| byte.cast_signed() != i8::MIN);
        in_range.then(|| Self(Box::new(*bytes)))
    }

    /// Returns the components in order, each a byte in two's complement.
    pub fn as_bytes(&self) -> &[u8; DIMENSIONS] {
        &self.0
    }

    /// Returns the components of the unit vector. They are approximate: quantising lost the rest.
    pub fn to_components(&self) -> [f32; DIMENSIONS] {
        self.0.map(|byte| f32::from(byte.cast_signed()) / SCALE)
    }

    /// Returns the cosine of the angle between two vectors, from -1 to 1; 0 if one has no length.
    ///
    /// Symmetric, and the same on every machine.
    pub fn cosine(&self, other: &Self) -> f64 {
        cosine_of(dot(&self.0, &other.0), self.squared_length(), other.squared_length())
    }

    /// Returns the cosine to a vector of which only the dot product with this one and the squared length
    /// are known: the same as [`Self::cosine`] of the two.
    pub fn cosine_from(&self, dot: i32, squared_length: i32) -> f64 {
        cosine_of(dot, self.squared_length(), squared_length)
    }

    /// Returns the sum of the squared components.
    fn squared_length(&self) -> i32 {
        dot(&self.0, &self.0)
    }
}

impl fmt::Debug for Vector {
    /// Writes no components: they would reveal what a private text is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vector")
    }
}

fn quantise_component(component: f32) -> i8 {
    let scaled = (component * SCALE).round().clamp(-COMPONENT_MAX, COMPONENT_MAX);
    #[expect(clippy::cast_possible_truncation, reason = "clamped above; not a number becomes 0")]
    let quantised = scaled as i8;
    quantised
}

/// Returns the cosine from a dot product and both squared lengths; 0 if one of them is 0.
fn cosine_of(dot: i32, squared_length: i32, other_squared_length: i32) -> f64 {
    // At most (512 * 127^2)^2 < 2^53, so the product is exact as a floating-point number.
    let product = i64::from(squared_length) * i64::from(other_squared_length);
    if product == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "the product is below 2^53")]
    let lengths = (product as f64).sqrt();
    f64::from(dot) / lengths
}

/// Returns the dot product of two rows of components. No sum overflows: 512 * 127^2 < 2^31.
#[multiversion(targets("x86_64+avx2", "x86_64+sse4.1"))]
fn dot(a: &[u8; DIMENSIONS], b: &[u8; DIMENSIONS]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(x, y)| i32::from(i16::from(x.cast_signed()) * i16::from(y.cast_signed())))
        .sum()
}

/// The id of a model: the first 16 hexadecimal digits of the hash of its file's contents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(String);

impl ModelId {
    /// Number of hexadecimal digits.
    pub const DIGITS: usize = 16;

    /// Parses 16 lower-case hexadecimal digits; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == Self::DIGITS
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A vector with the model that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding {
    /// The model.
    pub model: ModelId,
    /// The vector.
    pub vector: Vector,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A vector of the components that `component` returns for each index.
    pub(super) fn vector(component: impl Fn(usize) -> f32) -> Vector {
        Vector::quantise(&std::array::from_fn(component))
    }

    fn any_vector() -> impl Strategy<Value = Vector> {
        prop::collection::vec(-127_i8..=127, DIMENSIONS).prop_map(|components| {
            let bytes: Vec<u8> = components.into_iter().map(i8::cast_unsigned).collect();
            Vector::from_bytes(&bytes).unwrap()
        })
    }

    #[test]
    fn a_component_becomes_the_nearest_integer_of_the_range() {
        for (component, expected) in [
            (0.0, 0),
            (0.1, 51),
            (-0.1, -51),
            (0.248, 127),
            (0.25, 127),
            (-0.25, -127),
            (f32::INFINITY, 127),
            (f32::NEG_INFINITY, -127),
            (f32::NAN, 0),
        ] {
            assert_eq!(quantise_component(component), expected, "{component}");
        }
    }

    #[test]
    fn bytes_of_another_length_or_range_are_no_vector() {
        assert!(Vector::from_bytes(&[0; DIMENSIONS]).is_some());
        assert!(Vector::from_bytes(&[0; DIMENSIONS - 1]).is_none());
        assert!(Vector::from_bytes(&[0; DIMENSIONS + 1]).is_none());
        assert!(Vector::from_bytes(&[]).is_none());
        let mut bytes = [0; DIMENSIONS];
        bytes[511] = 0x80;
        assert!(Vector::from_bytes(&bytes).is_none());
    }

    #[test]
    fn the_cosine_is_that_of_the_angle() {
        let first = vector(|index| if index == 0 { 0.2 } else { 0.0 });
        let second = vector(|index| if index == 1 { 0.2 } else { 0.0 });
        let between = vector(|index| if index < 2 { 0.1 } else { 0.0 });
        let opposite = vector(|index| if index == 0 { -0.1 } else { 0.0 });
        let zero = vector(|_| 0.0);
        for (a, b, expected) in [
            (&first, &first, 1.0),
            (&first, &second, 0.0),
            (&first, &between, std::f64::consts::FRAC_1_SQRT_2),
            (&first, &opposite, -1.0),
            (&first, &zero, 0.0),
            (&zero, &zero, 0.0),
        ] {
            assert!((a.cosine(b) - expected).abs() < 1e-15, "{}", a.cosine(b));
        }
    }

    #[test]
    fn a_vector_in_a_log_reveals_no_component() {
        assert_eq!(format!("{:?}", vector(|_| 0.1)), "Vector");
    }

    #[test]
    fn an_id_is_sixteen_lower_case_digits() {
        assert_eq!(ModelId::parse("0123456789abcdef").unwrap().to_string(), "0123456789abcdef");
        for text in
            ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg"]
        {
            assert!(ModelId::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_bytes_of_a_vector_are_its_own(vector in any_vector()) {
            prop_assert_eq!(Vector::from_bytes(vector.as_bytes()), Some(vector.clone()));
            prop_assert_eq!(Vector::quantise(&vector.to_components()), vector);
        }

        #[test]
        fn the_cosine_is_symmetric_and_bounded(a in any_vector(), b in any_vector()) {
            prop_assert_eq!(a.cosine(&b).to_bits(), b.cosine(&a).to_bits());
            prop_assert!((-1.0..=1.0).contains(&a.cosine(&b)));
        }

        #[test]
        fn the_cosine_follows_from_the_products(a in any_vector(), b in any_vector()) {
            let from_products = a.cosine_from(dot(&a.0, &b.0), b.squared_length());
            prop_assert_eq!(from_products.to_bits(), a.cosine(&b).to_bits());
        }

        #[test]
        fn the_dot_product_is_the_sum_of_the_products(a in any_vector(), b in any_vector()) {
            let mut sum = 0;
            for index in 0..DIMENSIONS {
                sum += i32::from(a.as_bytes()[index].cast_signed())
                    * i32::from(b.as_bytes()[index].cast_signed());
            }
            prop_assert_eq!(dot(a.as_bytes(), b.as_bytes()), sum);
        }
    }
}
