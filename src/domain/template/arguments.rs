//! The arguments of a rendering, matched with variables as their spellings are.

use std::collections::BTreeMap;

use crate::domain::prompt::{FoldedName, Prompt, VariableName};
use crate::domain::{Faults, FieldError, Invalid};

/// Maximum number of variables that an error lists.
const LISTED_MAX: usize = 20;

/// The values of variables.
#[derive(Debug, Default)]
pub struct Arguments<'a>(BTreeMap<FoldedName, &'a str>);

impl<'a> Arguments<'a> {
    /// Takes values by name. Of several spellings of one name, the last counts.
    pub fn of(given: &'a BTreeMap<String, String>) -> Self {
        let folded = given.iter().map(|(name, text)| (FoldedName::new(name.trim()), text.as_str()));
        Self(folded.collect())
    }

    /// Matches values with the variables of a prompt.
    ///
    /// # Errors
    /// A name that is not a variable, and a variable that has two spellings with different values.
    pub fn of_prompt(
        prompt: &Prompt,
        given: &'a BTreeMap<String, String>,
    ) -> Result<Self, Invalid> {
        if given.is_empty() {
            return Ok(Self::default());
        }
        let variables = &prompt.body.variables;
        let known: Vec<FoldedName> =
            variables.iter().map(|variable| variable.name.folded()).collect();
        let mut faults = Faults::default();
        let mut values: BTreeMap<FoldedName, &str> = BTreeMap::new();
        for (name, text) in given {
            let folded = FoldedName::new(name.trim());
            let refuse = |message: String| FieldError::new(format!("arguments.{name}"), message);
            let Some(index) = known.iter().position(|known| *known == folded) else {
                faults.push_with(|| {
                    let variables = names(prompt);
                    refuse(format!("is not a variable of `{}`; {variables}", prompt.name))
                });
                continue;
            };
            if values.insert(folded, text).is_some_and(|other| other != text) {
                faults.push_with(|| {
                    let variable = &variables[index].name;
                    refuse(format!(
                        "is another spelling of the variable {variable}, which has another value; \
                         pass one of them"
                    ))
                });
            }
        }
        faults.finish(Some(Self(values)))
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &VariableName) -> Option<&'a str> {
        // Most renderings of the hot path have no arguments, and fold no name.
        if self.0.is_empty() { None } else { self.0.get(&name.folded()).copied() }
    }
}

/// The variables of a prompt, for the message about an unknown one.
fn names(prompt: &Prompt) -> String {
    let variables = &prompt.body.variables;
    let names: Vec<&str> =
        variables.iter().take(LISTED_MAX).map(|variable| variable.name.as_str()).collect();
    match variables.len() - names.len() {
        _ if names.is_empty() => "it has none".to_owned(),
        0 => format!("it has {}", names.join(", ")),
        others => format!("it has {} and {others} more", names.join(", ")),
    }
}
