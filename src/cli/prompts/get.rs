//! The command `get`, which writes the text of a prompt for a person, a pipe or the clipboard.

use std::collections::BTreeMap;

use clap::Args;

use super::{Session, explain};
use crate::cli::clipboard;
use crate::cli::terminal::{Screen, clean, make_harmless, to_json};
use crate::cli::{CommandError, print, print_notice};
use crate::config::PromptSettings;
use crate::domain::prompt::{Prompt, PromptRef, VariableName};
use crate::library::LibraryError;
use crate::rest::prompts::{ReadPromptResponse, RenderResponse};

#[derive(Debug, Args)]
pub(in crate::cli) struct GetArgs {
    /// The prompt's name, its id, or words that fit it alone
    #[arg(value_name = "NAME")]
    name: String,

    /// The value of a variable; repeated for several
    #[arg(long = "var", short = 'v', value_name = "NAME=VALUE", conflicts_with = "raw")]
    variables: Vec<String>,

    /// Write the text as it was saved, with its variables as {{name}}
    #[arg(long)]
    raw: bool,

    /// The version; the latest if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,

    /// Copy the text to the clipboard instead of writing it
    #[arg(long, short, conflicts_with = "json")]
    copy: bool,

    /// Write JSON: {text, missing, version}, or with --raw the prompt as GET /api/prompts/{name}
    #[arg(long)]
    json: bool,
}

/// Writes the text of a prompt.
///
/// # Errors
/// Variables without a value, once the text is written in which they stand as they were saved.
pub(super) async fn get_prompt(
    args: GetArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let values = parse_values(&args.variables)?;
    let session = Session::open(settings)?;
    let mut prompt = session.find(&args.name).await?;
    if let Some(version) = args.version {
        // By id, for an older version may have had another name.
        let id = PromptRef::Id(prompt.id);
        let found = session.library.get_version(&session.caller, &id, version).await;
        prompt = found.map_err(explain)?;
    }
    if args.raw {
        // The text is read to be changed or shown, which is not a use.
        return if args.json {
            print(&to_json(&ReadPromptResponse::new(prompt, None))?)
        } else {
            write_text(&args, &prompt, prompt.body.content.as_str())
        };
    }
    let rendered = session.library.render_prompt(&session.caller, &prompt, &values);
    let rendered = rendered.map_err(explain_values)?;
    let missing: Vec<String> = rendered.missing.iter().map(VariableName::to_string).collect();
    if args.json {
        print(&to_json(&RenderResponse::new(rendered, prompt.version))?)?;
    } else {
        write_text(&args, &prompt, &rendered.text)?;
    }
    session.record_uses().await;
    check_complete(&missing)
}

/// Reads the values of variables.
fn parse_values(given: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut values = BTreeMap::new();
    for text in given {
        let Some((name, value)) = text.split_once('=') else {
            let message = format!("--var {}: pass NAME=VALUE", clean(text));
            return Err(CommandError::usage(message));
        };
        if name.trim().is_empty() {
            let message = format!("--var {}: the name is missing; pass NAME=VALUE", clean(text));
            return Err(CommandError::usage(message));
        }
        if values.insert(name.trim().to_owned(), value.to_owned()).is_some() {
            let message = format!("--var {} is given twice; pass it once", clean(name));
            return Err(CommandError::usage(message));
        }
    }
    Ok(values)
}

/// Writes or copies a text: the bytes as they are, but for a terminal without what would command it.
fn write_text(args: &GetArgs, prompt: &Prompt, text: &str) -> Result<(), CommandError> {
    if args.copy {
        let place = clipboard::copy(text)?;
        return print_notice(&format!("copied {} to {place}", prompt.name));
    }
    if !Screen::of_stdout().is_terminal() {
        return print(text);
    }
    let mut text = make_harmless(text);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    print(&text)
}

/// The failure of a rendering, which names values as the command line does.
fn explain_values(error: LibraryError) -> CommandError {
    match error {
        LibraryError::Invalid(invalid) => {
            CommandError::usage(clean(&invalid.to_string().replace("arguments.", "--var ")))
        }
        other => explain(other),
    }
}

fn check_complete(missing: &[String]) -> Result<(), CommandError> {
    let Some(first) = missing.first() else { return Ok(()) };
    Err(CommandError::failed(format!(
        "no value for {}, which stays in the text; pass --var {first}=VALUE{}",
        missing.join(", "),
        if missing.len() > 1 { " and so on" } else { "" },
    )))
}
