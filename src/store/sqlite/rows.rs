//! How domain values become columns and columns become domain values.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::prompt::{
    Body, Content, Description, Name, Prompt, PromptId, Tag, Title, Variable, VariableName, Version,
};

/// The columns of [`version`], of the table `versions` as `v`.
pub(super) const VERSION_COLUMNS: &str =
    "v.version, v.title, v.description, v.content, v.tags, v.variables, v.source, v.created_at";

/// The columns of [`prompt`]: those of [`VERSION_COLUMNS`], then those of `prompts` as `p`.
pub(super) const PROMPT_COLUMNS: &str = "v.version, v.title, v.description, v.content, v.tags, v.variables, v.source, v.created_at, \
     p.id, p.name, p.favorite, p.created_at, p.deleted_at, p.use_count, p.last_used_at";

/// A variable as it stands in the column `variables`, a JSON array.
#[derive(Serialize, Deserialize)]
struct StoredVariable {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

/// The columns of [`candidate`], of the table `candidates`.
pub(super) const CANDIDATE_COLUMNS: &str =
    "seq, title, description, content, tags, variables, source, created_at, id, name, why";

/// The body in columns 1 to 5.
fn body(row: &Row<'_>) -> rusqlite::Result<Body> {
    Ok(Body {
        title: Title::from_store(row.get(1)?),
        description: Description::from_store(row.get(2)?),
        content: Content::from_store(row.get(3)?),
        tags: read_tags(row.get_ref(4)?.as_str()?),
        variables: read_variables(row.get_ref(5)?.as_str()?)?,
    })
}

pub(super) fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        body: body(row)?,
        source: row.get(6)?,
        created_at: Timestamp::from_millis(row.get(7)?),
        id: CandidateId::from_store(row.get(8)?),
        name: Name::from_store(row.get(9)?),
        why: row.get(10)?,
    })
}

pub(super) fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        version: row.get(0)?,
        body: body(row)?,
        source: row.get(6)?,
        created_at: Timestamp::from_millis(row.get(7)?),
    })
}

pub(super) fn prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let current = version(row)?;
    Ok(Prompt {
        id: PromptId::from_store(row.get(8)?),
        name: Name::from_store(row.get(9)?),
        favorite: row.get(10)?,
        created_at: Timestamp::from_millis(row.get(11)?),
        deleted_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
        use_count: row.get::<_, i64>(13)?.unsigned_abs(),
        last_used_at: row.get::<_, Option<i64>>(14)?.map(Timestamp::from_millis),
        version: current.version,
        body: current.body,
        source: current.source,
        updated_at: current.created_at,
    })
}

/// Tags as they stand in the column `tags`: joined by spaces, which no tag holds.
pub(super) fn write_tags(tags: &[Tag]) -> String {
    tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(" ")
}

fn read_tags(text: &str) -> Vec<Tag> {
    text.split_whitespace().map(|tag| Tag::from_store(tag.to_owned())).collect()
}

pub(super) fn write_variables(variables: &[Variable]) -> String {
    let stored: Vec<StoredVariable> = variables
        .iter()
        .map(|variable| StoredVariable {
            name: variable.name.as_str().to_owned(),
            description: variable.description.clone(),
            default: variable.default.clone(),
        })
        .collect();
    serde_json::to_string(&stored).expect("strings always make JSON")
}

fn read_variables(text: &str) -> rusqlite::Result<Vec<Variable>> {
    if text == "[]" {
        return Ok(Vec::new());
    }
    let stored: Vec<StoredVariable> = serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, error.into())
    })?;
    let read = |variable: StoredVariable| Variable {
        name: VariableName::from_store(variable.name),
        description: variable.description,
        default: variable.default,
    };
    Ok(stored.into_iter().map(read).collect())
}
