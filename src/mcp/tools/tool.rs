//! What a tool consists of, and the entry of the list that is made of it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Toolset;
use super::metadata::Metadata;
use super::schema::{output_schema_of, schema_of, shallow_output_schema_of, shape_of};
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::http::extract::field_error;
use crate::library::{Library, Meter};
use crate::mcp::apps::View;
use crate::mcp::input::{Rejected, Shape};

/// A tool: its texts, its input and output, and its call.
pub(super) trait Tool: 'static {
    /// The name that clients call, unique in the list.
    const NAME: &'static str;
    /// The name that clients show to people.
    const TITLE: &'static str;
    /// What the tool does and when to use it, for the model.
    const DESCRIPTION: &'static str;
    /// What a call does to the library; a client may ask its user before it.
    const EFFECT: Effect;
    /// Whether another tool's output has the same fields; then only the outermost ones are in the schema
    /// of this one.
    const REPEATS_OUTPUT: bool = false;
    /// Whether a result may be one long text of the user, of more than the 50,000 characters that Claude
    /// Code shows by default.
    const MAY_BE_LONG: bool = false;
    /// How hosts show the [widget](crate::mcp::apps) beside a result; `None` for tools whose
    /// calls need no card.
    const VIEW: Option<View> = None;

    /// The arguments. Their schema is `inputSchema`, with the fields' comments as descriptions. They
    /// are [mended](Shape::mend) by it first: an optional text is never `""` unless the schema says
    /// `minLength: 0`, as `#[schemars(length(min = 0))]` does.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// The structured content, an object. Its schema is `outputSchema`. Each output can have the field
    /// `hint`; a type that has none of its own gets it where arguments were ignored.
    type Output: Serialize + JsonSchema;

    /// The units that a call costs beside its request. They are charged before the call.
    fn cost(_input: &Self::Input) -> u32 {
        0
    }

    /// Calls the use case. An error becomes a result with `isError`, which the model reads.
    fn call(
        library: &Library,
        caller: &Principal,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>, ApiError>> + Send;
}

/// What a call does to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Reads alone.
    Read,
    /// Adds, or settles a proposal; whatever is saved stays available.
    Add,
    /// Removes.
    Remove,
}

/// The result of a call that succeeded.
pub(super) struct Reply<T> {
    /// The content for clients and models that do not read structured content, a block each.
    pub(super) texts: Vec<String>,
    /// The structured content.
    pub(super) structured: T,
}

impl<T> Reply<T> {
    /// A result whose text is the structured content as JSON.
    pub(super) fn json(structured: T) -> Result<Self, ApiError>
    where
        T: Serialize,
    {
        let text =
            serde_json::to_string(&structured).map_err(|error| ApiError::Internal(error.into()))?;
        Ok(Self::new(text, structured))
    }

    /// A result with one block of text.
    pub(super) fn new(text: String, structured: T) -> Self {
        Self { texts: vec![text], structured }
    }
}

/// A tool in the list, without its types.
pub(in crate::mcp) struct ToolEntry {
    pub(in crate::mcp) name: &'static str,
    describe: fn() -> rmcp::model::Tool,
    pub(super) metadata: Metadata,
    /// Returns whether a set has the tool.
    pub(in crate::mcp) is_in: fn(Toolset) -> bool,
    /// What the schema of the input wants.
    input: Shape,
    call: for<'a> fn(&'a Shape, &'a Library, &'a Principal, Meter, JsonObject) -> CallFuture<'a>,
}

type CallFuture<'a> = BoxFuture<'a, Result<CallToolResult, CallError>>;

/// The error of a call.
pub(in crate::mcp) struct CallError {
    error: ApiError,
    /// What else the model needs to know, such as the arguments that were ignored.
    hint: Option<String>,
}

impl CallError {
    /// Logs the cause, and returns the text for the model.
    pub(in crate::mcp) fn tool_message(&self) -> String {
        let message = self.error.tool_message();
        match &self.hint {
            Some(hint) => format!("{message}\n{hint}"),
            None => message,
        }
    }
}

impl From<ApiError> for CallError {
    fn from(error: ApiError) -> Self {
        Self { error, hint: None }
    }
}

impl ToolEntry {
    /// Makes the entry. This computes the schema of the input; keep the result.
    pub(super) fn new<T: Tool>() -> Self {
        let input = shape_of::<T::Input>();
        let (metadata, is_in) = (Metadata::of::<T>(), |_| true);
        Self { name: T::NAME, describe: describe::<T>, metadata, is_in, input, call: call::<T> }
    }

    /// Limits the tool to the sets for which `is_in` returns true.
    pub(super) fn only_if(self, is_in: fn(Toolset) -> bool) -> Self {
        Self { is_in, ..self }
    }

    /// Builds the tool's description in `tools/list`, without its `_meta`. This computes the schemas;
    /// keep the result.
    pub(in crate::mcp) fn describe(&self) -> rmcp::model::Tool {
        (self.describe)()
    }

    /// Returns what the schema of the input wants.
    pub(in crate::mcp) fn input(&self) -> &Shape {
        &self.input
    }

    /// Mends the arguments, charges `meter` and calls the tool.
    ///
    /// The future is boxed at its own size. Unboxed, each call would take the room of the largest
    /// tool's future, and thousands of calls may be in flight.
    pub(in crate::mcp) fn call<'a>(
        &'a self,
        library: &'a Library,
        caller: &'a Principal,
        meter: Meter,
        arguments: JsonObject,
    ) -> CallFuture<'a> {
        (self.call)(&self.input, library, caller, meter, arguments)
    }
}

fn describe<T: Tool>() -> rmcp::model::Tool {
    // Clients assume the worst where a hint is absent (MCP 2025-11-25, schema, `ToolAnnotations`),
    // so all are given. The library is a closed world: no tool reaches the network.
    let annotations = ToolAnnotations::with_title(T::TITLE)
        .read_only(T::EFFECT == Effect::Read)
        .destructive(T::EFFECT == Effect::Remove)
        .open_world(false);
    let output = if T::REPEATS_OUTPUT {
        shallow_output_schema_of::<T::Output>()
    } else {
        output_schema_of::<T::Output>()
    };
    rmcp::model::Tool::new(T::NAME, T::DESCRIPTION, schema_of::<T::Input>())
        .with_title(T::TITLE)
        .with_raw_output_schema(output)
        .with_annotations(annotations)
}

fn call<'a, T: Tool>(
    shape: &'a Shape,
    library: &'a Library,
    caller: &'a Principal,
    meter: Meter,
    mut arguments: JsonObject,
) -> CallFuture<'a> {
    async move {
        let hint = match shape.mend(&mut arguments) {
            Ok(mended) => mended.ignored.hint(),
            Err(Rejected { invalid, ignored }) => {
                return Err(CallError { error: invalid.into(), hint: ignored.hint() });
            }
        };
        let input = parse_arguments(arguments)?;
        let replied = reply::<T>(library, caller, &meter, input).await;
        let Reply { texts, structured } = match replied {
            Ok(reply) => reply,
            Err(error) => return Err(CallError { error, hint }),
        };
        let mut structured =
            serde_json::to_value(structured).map_err(|error| ApiError::Internal(error.into()))?;
        let mut blocks: Vec<_> = texts.into_iter().map(ContentBlock::text).collect();
        if let Some(hint) = hint {
            add_hint(&mut structured, &hint);
            blocks.push(ContentBlock::text(hint));
        }
        let mut result = CallToolResult::success(blocks);
        result.structured_content = Some(structured);
        Ok(result)
    }
    .boxed()
}

async fn reply<T: Tool>(
    library: &Library,
    caller: &Principal,
    meter: &Meter,
    input: T::Input,
) -> Result<Reply<T::Output>, ApiError> {
    meter.charge(T::cost(&input))?;
    T::call(library, caller, input).await
}

/// Adds a sentence to the hint of structured content. Some clients show a model nothing else.
fn add_hint(structured: &mut Value, hint: &str) {
    let Value::Object(members) = structured else { return };
    match members.get_mut("hint") {
        Some(Value::String(own)) => {
            own.push(' ');
            own.push_str(hint);
        }
        _ => {
            members.insert("hint".to_owned(), Value::from(hint));
        }
    }
}

/// Parses mended arguments. They fit the schema, and so the type, unless its schema says less than the
/// type does.
fn parse_arguments<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Value::Object(arguments))
        .map_err(|error| field_error(&error.path().to_string(), error.inner()))
}
