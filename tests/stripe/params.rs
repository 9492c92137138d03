//! Parameters of a request, and what each endpoint takes.

use serde_json::{Value, json};

use super::requests::Refusal;

/// The parameters of a request by their names, such as `line_items[0][price]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Params(Vec<(String, String)>);

/// The type of a parameter.
pub(super) enum Type {
    Text,
    Url,
    Email,
    /// An integer from 1 to this.
    Count(u32),
    OneOf(&'static [&'static str]),
}

/// A parameter that an endpoint takes.
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) is_required: bool,
}

pub(super) const fn required(name: &'static str, kind: Type) -> Param {
    Param { name, kind, is_required: true }
}

pub(super) const fn optional(name: &'static str, kind: Type) -> Param {
    Param { name, kind, is_required: false }
}

impl Params {
    /// Parses a form or a query.
    pub(super) fn parse(form: &str) -> Self {
        Self(form_urlencoded::parse(form.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that [`Self::check`] has found.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, value)| json!([name, value])).collect()
    }

    /// Checks every parameter against those that an endpoint takes.
    pub(super) fn check(&self, taken: &[Param]) -> Result<(), Refusal> {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let Some(param) = taken.iter().find(|param| param.name == name) else {
                let message = format!("Received unknown parameter: {name}");
                return Err(Refusal::bad("parameter_unknown", name, &message));
            };
            let is_repeated = self.0[..index].iter().any(|(other, _)| other == name);
            if is_repeated && !name.ends_with("[]") {
                let message = format!("Received a parameter twice: {name}");
                return Err(Refusal::bad("parameter_invalid", name, &message));
            }
            param.kind.check(name, value)?;
        }
        for param in taken.iter().filter(|param| param.is_required) {
            if self.get(param.name).is_none() {
                let message = format!("Missing required param: {}.", param.name);
                return Err(Refusal::bad("parameter_missing", param.name, &message));
            }
        }
        Ok(())
    }
}

impl Type {
    fn check(&self, name: &str, value: &str) -> Result<(), Refusal> {
        let (code, is_valid) = match self {
            _ if value.is_empty() => ("parameter_invalid_empty", false),
            Self::Text => ("", true),
            Self::Url => ("url_invalid", is_url(value)),
            Self::Email => ("email_invalid", value.contains('@') && value.len() <= 512),
            Self::Count(max) => {
                let number = value.parse::<u32>();
                (
                    "parameter_invalid_integer",
                    number.is_ok_and(|number| (1..=*max).contains(&number)),
                )
            }
            Self::OneOf(words) => ("parameter_invalid_string", words.contains(&value)),
        };
        if is_valid {
            return Ok(());
        }
        Err(Refusal::bad(code, name, &format!("Invalid {name}: {value}")))
    }
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
