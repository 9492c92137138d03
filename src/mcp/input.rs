//! Forgiving input: arguments of another form than the schema's, where only one reading is possible.
//!
//! Clients and models send numbers as text, arrays as JSON text, `null` and `""` for what is absent,
//! and fields that no schema has. [`Shape::mend`] corrects them in place, driven by the schema alone,
//! before serde reads them, so no tool has code of its own for this. What has two readings stays
//! wrong, and is refused in the words of JSON Schema. Input that the schema accepts never changes.
//!
//! [`mend_message`] does the same for the parameters of requests whose `arguments` rmcp does not parse.
//! REST does not use this module: there, a value of another type is invalid.

mod apart;
mod decoding;
mod mender;
mod message;
mod shape;
#[cfg(test)]
mod tests;

pub(super) use self::mender::{HINT_MAX_BYTES, Rejected};
pub(super) use self::message::{explain_invalid_params, mend_message, parse_texts};
pub(super) use self::shape::{ITEMS_FAIL_ALONE, Shape};
