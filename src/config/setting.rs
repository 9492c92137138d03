//! One setting as it was given. A command that does not use a setting does not check it, so clap
//! keeps an invalid value until [`required`] or [`optional`] reads it.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};

use super::{ConfigError, Secret};

/// The value of a flag or an environment variable.
#[derive(Debug, Clone)]
pub(super) enum Setting<T> {
    /// The value is empty, and the setting has no default.
    Unset,
    /// The value is valid, or the value is empty and this is the default.
    Valid(T),
    /// The value is invalid, for this reason: one line that begins with the setting's name.
    Invalid(String),
}

impl<T: Clone> Setting<T> {
    fn read(&self) -> Result<Option<T>, ConfigError> {
        match self {
            Self::Unset => Ok(None),
            Self::Valid(value) => Ok(Some(value.clone())),
            Self::Invalid(reason) => Err(ConfigError(reason.clone())),
        }
    }
}

/// Reads a setting that has a default.
pub(super) fn required<T: Clone>(setting: &Setting<T>) -> Result<T, ConfigError> {
    let value = setting.read()?;
    Ok(value.expect("the parser puts the default in the place of an empty value"))
}

/// Reads a setting without a default; `None` if it is absent or empty.
pub(super) fn optional<T: Clone>(setting: Option<&Setting<T>>) -> Result<Option<T>, ConfigError> {
    setting.map_or(Ok(None), Setting::read)
}

/// Parses as `P` does, but succeeds with [`Setting::Invalid`] where `P` fails, and takes an empty
/// value as absent.
#[derive(Debug, Clone)]
pub(super) struct Deferred<P>(P);

/// Parses a setting with `parser`.
pub(super) fn deferred<P: TypedValueParser>(parser: P) -> Deferred<P> {
    Deferred(parser)
}

/// Parses a setting that takes any text.
pub(super) fn text() -> Deferred<StringValueParser> {
    Deferred(StringValueParser::new())
}

/// Parses a secret, which takes any text.
pub(super) fn secret() -> Deferred<impl TypedValueParser<Value = Secret>> {
    Deferred(StringValueParser::new().map(Secret::from))
}

impl<P: TypedValueParser> TypedValueParser for Deferred<P> {
    type Value = Setting<P::Value>;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let value = if value.is_empty() {
            match arg.and_then(|arg| arg.get_default_values().first()) {
                Some(default) => default.as_os_str(),
                None => return Ok(Setting::Unset),
            }
        } else {
            value
        };
        match self.0.parse_ref(command, arg, value) {
            Ok(value) => Ok(Setting::Valid(value)),
            Err(error) => {
                let name = arg.and_then(Arg::get_env).unwrap_or_default().to_string_lossy();
                Ok(Setting::Invalid(format!("{name}: {}", one_line(&error))))
            }
        }
    }

    // Without this method, the help and the completions would not list the values of an enum.
    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

/// Returns clap's message as one line: without its prefix and its usage text, and with signs in the
/// place of its line breaks.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let message = error.to_string();
    let lines = message
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty());
    let mut joined = String::new();
    let mut is_list = false;
    for line in lines {
        let (sign, line) = match line.strip_prefix("tip: ") {
            Some(tip) => ("; ", tip),
            None if is_list && !line.starts_with('[') => (", ", line),
            None => (" ", line),
        };
        // What follows a colon is a list with an item a line.
        is_list = sign == ", " || (sign == " " && joined.ends_with(':'));
        if !joined.is_empty() {
            joined.push_str(sign);
        }
        joined.push_str(line);
    }
    joined
}
