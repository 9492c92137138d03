//! What the tools take and give, and the JSON schemas that clients are shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::draft::Draft;
use crate::domain::prompt::{Body, Prompt, Tag, VariableName};
use crate::domain::template::Rendered;
use crate::library::{ListOptions, SavedPrompt, SortOrder};
use crate::rest::prompts::{SimilarResponse, VariableRequest, VariableResponse, draft_variables};
use crate::store::Sort;

/// Most bytes that the variables of one summary take before their details are left out.
const SUMMARY_VARIABLES_MAX_BYTES: usize = 2000;

/// The schema of a type as MCP clients understand it best: one self-contained object without
/// `null` as a type, for an optional field is one that may be absent.
pub(super) fn schema_of<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    simplify(&mut schema);
    if let Value::Object(object) = &mut schema {
        object.remove("title");
        object.remove("description");
        object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    match schema {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

/// Drops `null` alternatives and number formats that JSON Schema does not define.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative["type"] != "null");
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            object.remove("format");
            object.retain(|key, value| key != "default" || !value.is_null());
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetPromptInput {
    /// The prompt's name, such as code-review.
    pub(super) name: Option<String>,
    /// The prompt's id.
    pub(super) id: Option<String>,
    /// Words to find the prompt by: its name, its title, a tag or what it is about.
    pub(super) query: Option<String>,
    /// An older version; the latest when absent.
    #[schemars(range(min = 1))]
    pub(super) version: Option<u32>,
    /// A value for each variable of the prompt, by name.
    pub(super) arguments: Option<BTreeMap<String, String>>,
}

/// Either one prompt, with every field but matches, or matches alone.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct GetPromptOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// The version that is returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Vec<VariableResponse>>,
    /// The prompt as it was saved, with its variables as {{name}}.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// The prompt with its variables filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Variables that were not filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
    /// Prompts that a query may mean, the best match first.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<PromptSummary>>,
}

impl GetPromptOutput {
    pub(super) fn of(prompt: Prompt, rendered: Rendered) -> Self {
        let Body { title, description, content, tags, variables } = prompt.body;
        Self {
            id: Some(prompt.id.to_string()),
            name: Some(prompt.name.to_string()),
            title: Some(title.to_string()),
            description: Some(description.to_string()),
            tags: Some(tags.iter().map(Tag::to_string).collect()),
            version: Some(prompt.version),
            variables: Some(variables),
            content: Some(content.to_string()),
            text: Some(rendered.text),
            missing: Some(rendered.missing.iter().map(VariableName::to_string).collect()),
            matches: None,
        }
    }

    pub(super) fn matches(matches: Vec<PromptSummary>) -> Self {
        Self { matches: Some(matches), ..Self::default() }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListPromptsInput {
    /// Words to look for in names, titles, tags, descriptions and contents.
    query: Option<String>,
    /// Only prompts with this tag.
    tag: Option<String>,
    /// Only prompts that the user marked as favorites, or only the others.
    favorite: Option<bool>,
    /// The order: relevance with a query and recent without one, when absent.
    sort: Option<SortInput>,
    /// Most prompts to return; 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SortInput {
    Relevance,
    Recent,
    Name,
    Used,
}

impl ListPromptsInput {
    pub(super) fn into_options(self) -> ListOptions {
        let sort = self.sort.map(|sort| match sort {
            SortInput::Relevance => SortOrder::Relevance,
            SortInput::Recent => SortOrder::By(Sort::Recent),
            SortInput::Name => SortOrder::By(Sort::Name),
            SortInput::Used => SortOrder::By(Sort::Used),
        });
        ListOptions {
            query: self.query,
            tag: self.tag,
            favorite: self.favorite,
            deleted: false,
            sort,
            limit: self.limit,
            cursor: self.cursor,
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListPromptsOutput {
    pub(super) prompts: Vec<PromptSummary>,
    /// Pass it as cursor for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    /// How many prompts a query found on all pages, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<usize>,
}

/// A prompt without its content.
#[derive(Serialize, JsonSchema)]
pub(super) struct PromptSummary {
    id: String,
    name: String,
    title: String,
    description: String,
    tags: Vec<String>,
    variables: Vec<VariableResponse>,
    version: u32,
}

impl PromptSummary {
    /// One line for people and models.
    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.name, self.title)
    }

    /// The same without what is said of its variables, if that is much.
    pub(super) fn shortened(mut self) -> Self {
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let size: usize = self
            .variables
            .iter()
            .map(|variable| bytes(&variable.description) + bytes(&variable.default))
            .sum();
        if size > SUMMARY_VARIABLES_MAX_BYTES {
            for variable in &mut self.variables {
                variable.description = None;
                variable.default = None;
            }
        }
        self
    }
}

impl From<Prompt> for PromptSummary {
    fn from(prompt: Prompt) -> Self {
        Self {
            id: prompt.id.to_string(),
            name: prompt.name.to_string(),
            title: prompt.body.title.to_string(),
            description: prompt.body.description.to_string(),
            tags: prompt.body.tags.iter().map(Tag::to_string).collect(),
            variables: prompt.body.variables,
            version: prompt.version,
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SavePromptInput {
    /// The text of the prompt, at most 65,536 bytes, with {{name}} wherever a value is filled in.
    /// Needed unless `candidate_id` is given.
    content: Option<String>,
    /// A short title, at most 120 characters.
    title: Option<String>,
    /// A unique name of a-z, 0-9 and -, at most 64 characters; made from the title when absent.
    name: Option<String>,
    /// What the prompt is for, at most 500 characters.
    description: Option<String>,
    /// At most 10 topics, each of a-z, 0-9 and -.
    tags: Option<Vec<String>>,
    /// Descriptions and defaults for the variables in the content.
    variables: Option<Vec<VariableRequest>>,
    /// To save over an existing prompt: its current version, as it was read.
    #[schemars(range(min = 1))]
    pub(super) expected_version: Option<u32>,
    /// A candidate of `harvest_session` to save as it was reviewed; other fields change it.
    pub(super) candidate_id: Option<String>,
}

impl SavePromptInput {
    pub(super) fn into_draft(self) -> Draft {
        Draft {
            name: self.name,
            title: self.title,
            description: self.description,
            content: self.content,
            tags: self.tags,
            variables: draft_variables(self.variables),
        }
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SavePromptOutput {
    id: String,
    name: String,
    version: u32,
    /// Whether the prompt is new, rather than a new version.
    created: bool,
    /// At most three saved prompts that it resembles, the closest first.
    similar: Vec<SimilarResponse>,
}

impl From<SavedPrompt> for SavePromptOutput {
    fn from(saved: SavedPrompt) -> Self {
        Self {
            id: saved.prompt.id.to_string(),
            name: saved.prompt.name.to_string(),
            version: saved.prompt.version,
            created: saved.created,
            similar: saved.similar.into_iter().map(SimilarResponse::from).collect(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeletePromptInput {
    /// The prompt's name.
    pub(super) name: Option<String>,
    /// The prompt's id, instead of its name.
    pub(super) id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeletePromptOutput {
    pub(super) id: String,
    pub(super) name: String,
    /// Until when it can be restored, in RFC 3339.
    pub(super) restorable_until: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthCheckInput {}

#[derive(Serialize, JsonSchema)]
pub(super) struct HealthCheckOutput {
    /// ok, or degraded when the library cannot be reached.
    pub(super) status: &'static str,
}
