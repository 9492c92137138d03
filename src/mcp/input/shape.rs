//! [`Shape`]: what a schema wants, in the form that mending reads.

use serde_json::{Map, Value};

/// The keyword of a list's schema by which a type reports each faulty item by itself. It is not
/// published.
pub(in crate::mcp) const ITEMS_FAIL_ALONE: &str = "x-items-fail-alone";

/// What a JSON Schema accepts, as far as mending distinguishes it.
///
/// Lengths, and the number of items, are not part of it: the domain checks them, in its own words.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mcp) enum Shape {
    /// Any value, which stays as it is.
    Any,
    Text(Text),
    Integer {
        min: i128,
        max: i128,
    },
    Number,
    Boolean,
    List(List),
    Record(Record),
    /// An object with a value of this shape for each of any names.
    Map(Box<Shape>),
}

/// A text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::mcp) struct Text {
    /// The only texts there are; empty if there are others.
    pub(super) choices: Vec<String>,
    /// Whether `""` is a value. Otherwise it stands for the absence of an optional field.
    pub(super) accepts_empty: bool,
}

/// A list.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mcp) struct List {
    pub(super) item: Box<Shape>,
    /// Whether an item that stays wrong is left for its type to report, so that the others are served.
    pub(super) items_fail_alone: bool,
}

/// An object with known fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::mcp) struct Record {
    pub(super) fields: Vec<Field>,
    /// Whether fields without a shape stay. Otherwise they are ignored.
    pub(super) keeps_unknown: bool,
}

/// A field of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mcp) struct Field {
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) shape: Shape,
}

impl Shape {
    /// Reads a schema: an object of JSON Schema 2020-12 without `$ref`, whose optional fields do not
    /// list `null` among their types. What it does not understand is [`Shape::Any`].
    ///
    /// `""` is a value of an optional text only where the schema says `minLength: 0`: most clients
    /// that send it leave a field out in this way, and hardly any field has an empty value.
    pub(in crate::mcp) fn from_schema(schema: &Value) -> Self {
        if let Some(choices) = read_choices(schema) {
            return Self::Text(Text { choices, accepts_empty: false });
        }
        match schema["type"].as_str() {
            Some("string") => {
                let accepts_empty = schema["minLength"] == 0;
                Self::Text(Text { choices: Vec::new(), accepts_empty })
            }
            Some("integer") => {
                let (min, max) = format_range(schema["format"].as_str().unwrap_or_default());
                Self::Integer {
                    min: read_bound(&schema["minimum"]).map_or(min, |bound| bound.max(min)),
                    max: read_bound(&schema["maximum"]).map_or(max, |bound| bound.min(max)),
                }
            }
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            Some("array") => Self::List(List {
                item: Box::new(Self::from_schema(&schema["items"])),
                items_fail_alone: schema[ITEMS_FAIL_ALONE] == true,
            }),
            Some("object") => Self::from_object_schema(schema),
            _ => Self::Any,
        }
    }

    fn from_object_schema(schema: &Value) -> Self {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let others = &schema["additionalProperties"];
        if properties.is_empty() && others.is_object() {
            return Self::Map(Box::new(Self::from_schema(others)));
        }
        let required: &[Value] = schema["required"].as_array().map_or(&[], Vec::as_slice);
        let fields = properties.iter().map(|(name, schema)| Field {
            name: name.clone(),
            is_required: required.iter().any(|required| required == name),
            shape: Self::from_schema(schema),
        });
        let keeps_unknown = *others == true || others.is_object();
        Self::Record(Record { fields: fields.collect(), keeps_unknown })
    }

    /// Returns whether it is a list whose items are refused one by one.
    pub(super) fn fails_item_by_item(&self) -> bool {
        matches!(self, Self::List(list) if list.items_fail_alone)
    }

    /// Returns whether every text is of this shape.
    pub(super) fn is_free_text(&self) -> bool {
        matches!(self, Self::Text(text) if text.choices.is_empty())
    }
}

impl Record {
    pub(super) fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.is_required)
    }

    /// Returns the field that a bare text in place of the object can only mean: `name`, if it is a
    /// text and the only field that is required.
    pub(super) fn shorthand(&self) -> Option<&Field> {
        let mut required = self.required();
        let only = required.next().filter(|_| required.next().is_none())?;
        (only.name == "name" && only.shape.is_free_text()).then_some(only)
    }
}

/// Reads the texts that a schema lists, as `enum` or as alternatives of one text each.
fn read_choices(schema: &Value) -> Option<Vec<String>> {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    }
    let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array())?;
    let choice = |alternative: &Value| match alternative["enum"].as_array().map(Vec::as_slice) {
        Some([only]) => only.as_str().map(str::to_owned),
        _ => alternative["const"].as_str().map(str::to_owned),
    };
    alternatives.iter().map(choice).collect()
}

/// Returns the range of the integers of a format that schemars writes.
fn format_range(format: &str) -> (i128, i128) {
    match format {
        "uint8" => (0, u8::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint" | "uint64" => (0, u64::MAX.into()),
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

fn read_bound(bound: &Value) -> Option<i128> {
    bound.as_i64().map(i128::from).or_else(|| bound.as_u64().map(i128::from))
}
