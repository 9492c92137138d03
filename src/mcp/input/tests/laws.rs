//! What holds for every schema: valid input is unchanged, mending twice is mending once, what passes is
//! valid, and what clients do to valid input is undone.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::{Shape, mend};

/// Texts, with many that look like other types.
fn any_text() -> impl Strategy<Value = String> {
    let readings = select(vec![
        "20",
        "020",
        "20.0",
        "1e3",
        "true",
        "False",
        "null",
        "a, b",
        "a",
        "[]",
        "{}",
        "[\"a\"]",
        "{\"name\": \"a\"}",
        "\"a\"",
        "[[",
        " ",
        ",",
        "-1",
    ]);
    prop_oneof![3 => readings.prop_map(str::to_owned), 1 => "\\PC{1,8}"]
}

/// Schemas of the kinds that tools have. `null` is never among their types.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "string", "minLength": 0 })),
        Just(json!({ "type": "string", "enum": ["recent", "name"] })),
        (-5i64..5, 0i64..20).prop_map(|(min, more)| {
            json!({ "type": "integer", "minimum": min, "maximum": min + more })
        }),
        Just(json!({ "type": "number" })),
        Just(json!({ "type": "boolean" })),
        Just(json!({ "type": "object", "additionalProperties": { "type": "string" } })),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            object_schema(inner),
        ]
    })
}

fn object_schema(fields: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let names = select(vec!["name", "title", "limit", "tags"]).prop_map(str::to_owned);
    let fields = btree_map(names, (fields, any::<bool>()), 0..4);
    fields.prop_map(|fields| {
        let required: Vec<&String> =
            fields.iter().filter(|(_, (_, required))| *required).map(|(name, _)| name).collect();
        let properties: Map<String, Value> =
            fields.iter().map(|(name, (schema, _))| (name.clone(), schema.clone())).collect();
        json!({
            "type": "object", "additionalProperties": false,
            "required": required, "properties": properties,
        })
    })
}

/// Values that a schema accepts, but for `""` where the domain accepts none.
fn valid_value(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(choices) = schema["enum"].as_array() {
        return select(choices.clone()).boxed();
    }
    match schema["type"].as_str().unwrap() {
        "string" if schema["minLength"] == 0 => {
            prop_oneof![Just(json!("")), any_text().prop_map(Value::from)].boxed()
        }
        "string" => any_text().prop_map(Value::from).boxed(),
        "integer" => {
            let bound = |name: &str| schema[name].as_i64().unwrap();
            (bound("minimum")..=bound("maximum")).prop_map(Value::from).boxed()
        }
        "number" => {
            prop_oneof![any::<i32>().prop_map(Value::from), (-1e6..1e6f64).prop_map(Value::from),]
                .boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "array" => vec(valid_value(&schema["items"]), 0..4).prop_map(Value::from).boxed(),
        _ => valid_object(schema),
    }
}

fn valid_object(schema: &Value) -> BoxedStrategy<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        let texts = prop_oneof![Just(String::new()), any_text()];
        return btree_map("[a-z ]{0,3}", texts, 0..3).prop_map(|texts| json!(texts)).boxed();
    };
    let required = schema["required"].as_array().unwrap().clone();
    let mut object = Just(Map::new()).boxed();
    for (name, schema) in properties.clone() {
        let is_required = required.contains(&json!(name));
        let field = (object, valid_value(&schema), any::<bool>());
        object = field
            .prop_map(move |(mut object, value, is_given)| {
                if is_required || is_given {
                    object.insert(name.clone(), value);
                }
                object
            })
            .boxed();
    }
    object.prop_map(Value::Object).boxed()
}

/// Any JSON, with the names that the schemas have.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-30i64..30).prop_map(Value::from),
        select(vec![20.0, 0.5, -1.0, 1e20]).prop_map(Value::from),
        any_text().prop_map(Value::from),
        Just(json!("")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = select(vec!["name", "title", "limit", "tags", "extra"]).prop_map(str::to_owned);
        let object = btree_map(names, inner.clone(), 0..4).prop_map(|members| json!(members));
        let list = vec(inner, 0..4).prop_map(Value::from);
        let structure = prop_oneof![object, list].boxed();
        prop_oneof![structure.clone(), structure.prop_map(|value| json!(value.to_string()))]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let names = select(vec!["name", "title", "limit", "tags", "extra"]).prop_map(str::to_owned);
    btree_map(names, any_json(), 0..5).prop_map(|members| json!(members))
}

/// Does to a value what clients do: encodes it as text, writes an integer as a float, adds `null` and
/// unknown fields. `choices` decide what happens to each part.
fn distort(value: &Value, schema: &Value, choices: &mut impl Iterator<Item = usize>) -> Value {
    let choice = choices.next().unwrap_or_default();
    match schema["type"].as_str().unwrap() {
        "integer" if choice % 3 == 1 => {
            let integer = i32::try_from(value.as_i64().unwrap()).unwrap();
            json!(f64::from(integer))
        }
        "integer" | "number" | "boolean" if choice % 3 == 2 => json!(value.to_string()),
        "array" => {
            let items = value.as_array().unwrap().iter();
            let items = items.map(|item| distort(item, &schema["items"], choices)).collect();
            encode(Value::Array(items), choice)
        }
        "object" => {
            let mut members = value.as_object().unwrap().clone();
            if let Some(properties) = schema["properties"].as_object() {
                for (name, member) in &mut members {
                    *member = distort(member, &properties[name], choices);
                }
                let absent: Vec<&String> =
                    properties.keys().filter(|name| !members.contains_key(*name)).collect();
                let nulls: Vec<(String, Value)> =
                    absent.into_iter().map(|name| (name.clone(), Value::Null)).collect();
                members.extend(nulls);
                members.insert("random_string".to_owned(), json!("x"));
            }
            encode(Value::Object(members), choice)
        }
        _ => value.clone(),
    }
}

fn encode(value: Value, choice: usize) -> Value {
    match choice % 3 {
        0 => value,
        1 => json!(value.to_string()),
        _ => json!(json!(value.to_string()).to_string()),
    }
}

fn schema_and_value() -> impl Strategy<Value = (Value, Value)> {
    object_schema(any_schema()).prop_flat_map(|schema| {
        let value = valid_object(&schema);
        (Just(schema), value)
    })
}

proptest! {
    #[test]
    fn valid_input_is_unchanged((schema, value) in schema_and_value()) {
        let mended = mend(&Shape::from_schema(&schema), &value);
        prop_assert_eq!(mended, Ok((value, None)));
    }

    #[test]
    fn what_clients_do_to_valid_input_is_undone(
        (schema, value) in schema_and_value(),
        choices in vec(any::<Index>(), 0..40),
    ) {
        let mut choices = choices.into_iter().map(|choice| choice.index(6));
        // The arguments as a whole are an object; the message is mended elsewhere.
        choices.next();
        let mut distorted = distort(&value, &schema, &mut std::iter::once(0).chain(choices));
        distorted["wait_for_previous"] = json!(false);
        let (mended, hint) = mend(&Shape::from_schema(&schema), &distorted).unwrap();
        prop_assert_eq!(mended, value);
        prop_assert!(hint.unwrap().contains("wait_for_previous"));
    }

    #[test]
    fn what_passes_is_valid_and_passes_again_unchanged(
        schema in object_schema(any_schema()),
        value in any_object(),
    ) {
        let shape = Shape::from_schema(&schema);
        if let Ok((mended, _)) = mend(&shape, &value) {
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            prop_assert!(validator.is_valid(&mended), "{}", mended);
            prop_assert_eq!(mend(&shape, &mended), Ok((mended, None)));
        }
    }
}
