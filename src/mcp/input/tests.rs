//! Tables of what clients send, and the laws of mending.

mod laws;

use serde_json::{Value, json};

use super::Shape;
use super::mender::HINT_MAX_BYTES;

/// A schema with a field of each shape, as tools have them.
fn sample() -> Shape {
    let variable = json!({
        "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": {
            "name": { "type": "string" },
            "default": { "type": "string", "minLength": 0 },
        },
    });
    let candidate = json!({
        "type": "object", "required": ["title", "content"], "additionalProperties": false,
        "properties": {
            "title": { "type": "string" },
            "content": { "type": "string" },
            "tags": { "type": "array", "items": { "type": "string" } },
            "variables": { "type": "array", "items": variable },
        },
    });
    Shape::from_schema(&json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "name": { "type": "string" },
            "description": { "type": "string", "minLength": 0 },
            "limit": { "type": "integer", "format": "int64", "minimum": 1, "maximum": 100 },
            "version": { "type": "integer", "format": "uint32", "minimum": 1 },
            "ratio": { "type": "number" },
            "favorite": { "type": "boolean" },
            "sort": { "type": "string", "enum": ["recent", "name"] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "variables": { "type": "array", "items": variable },
            "candidates": { "type": "array", "items": candidate },
            "arguments": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    }))
}

/// Mends a value, and returns it with the hint, or the errors.
fn mend(shape: &Shape, value: &Value) -> Result<(Value, Option<String>), String> {
    let mut members = value.as_object().unwrap().clone();
    let mended = shape.mend(&mut members).map_err(|rejected| rejected.invalid.to_string())?;
    let members = Value::Object(members);
    assert_eq!(mended.is_changed, members != *value, "{value}");
    Ok((members, mended.ignored.hint()))
}

#[track_caller]
fn check(value: &Value, expected: Value) {
    assert_eq!(mend(&sample(), value), Ok((expected, None)), "{value}");
}

#[track_caller]
fn check_refused(value: &Value, expected: &str) {
    assert_eq!(mend(&sample(), value), Err(expected.to_owned()), "{value}");
}

#[test]
fn text_is_a_number_or_a_boolean_if_that_is_its_only_spelling() {
    for (text, integer) in [("20", 20), ("1", 1), ("100", 100), ("20.0", 20)] {
        check(&json!({ "limit": text }), json!({ "limit": integer }));
    }
    for (text, number) in [("0.5", json!(0.5)), ("-3", json!(-3)), ("0", json!(0))] {
        check(&json!({ "ratio": text }), json!({ "ratio": number }));
    }
    check(&json!({ "favorite": "true" }), json!({ "favorite": true }));
    check(&json!({ "favorite": "false" }), json!({ "favorite": false }));
    let texts = [
        "020",
        " 20",
        "20x",
        "2e1",
        "+20",
        "20.50",
        "twenty",
        "-0",
        "0x14",
        "1_0",
        "٢٠",
        "20,0",
        "[20]",
        "\"20\"",
        "true",
        "NaN",
        "1e999",
        "9".repeat(300).as_str(),
    ]
    .map(str::to_owned);
    for text in texts {
        check_refused(&json!({ "limit": text }), "limit: must be integer");
    }
    for text in ["yes", "True", "TRUE", "1", "0", "on", " true", "\"true\""] {
        check_refused(&json!({ "favorite": text }), "favorite: must be boolean");
    }
    check_refused(&json!({ "favorite": 1 }), "favorite: must be boolean");
    check_refused(&json!({ "ratio": "1e3" }), "ratio: must be number");
    check_refused(&json!({ "ratio": true }), "ratio: must be number");
}

#[test]
fn a_whole_float_is_an_integer_within_its_limits() {
    check(&json!({ "limit": 20.0 }), json!({ "limit": 20 }));
    check(&json!({ "version": 4_294_967_295.0 }), json!({ "version": u32::MAX }));
    for (value, expected) in [
        (json!(0.5), "must be integer"),
        (json!(1e300), "must be integer"),
        (json!(true), "must be integer"),
        (json!([1]), "must be integer"),
        (json!({}), "must be integer"),
        (json!(0), "must be >= 1"),
        (json!("-7"), "must be >= 1"),
        (json!(-3.0), "must be >= 1"),
        (json!(4_294_967_296_u64), "must be <= 4294967295"),
        (json!(u64::MAX), "must be <= 4294967295"),
    ] {
        check_refused(&json!({ "version": value }), &format!("version: {expected}"));
    }
    check_refused(&json!({ "limit": "101" }), "limit: must be <= 100");
}

#[test]
fn json_text_is_the_array_or_the_object_that_is_wanted() {
    let tags = json!({ "tags": ["a", "b"] });
    let once = r#"["a", "b"]"#;
    for text in [once, &json!(once).to_string(), &format!("\n {once} ")] {
        check(&json!({ "tags": text }), tags.clone());
    }
    let arguments = json!({ "arguments": { "who": "Ada", "count": "3" } });
    let once = r#"{"who": "Ada", "count": 3}"#;
    for text in [once, &json!(once).to_string()] {
        check(&json!({ "arguments": text }), arguments.clone());
    }
    for empty in [json!("{}"), json!("[]"), json!([])] {
        check(&json!({ "arguments": empty }), json!({ "arguments": {} }));
    }
    check(&json!({ "tags": "[]" }), json!({ "tags": [] }));
    check(
        &json!({ "variables": r#"[{"name": "who"}, "what"]"# }),
        json!({ "variables": [{ "name": "who" }, { "name": "what" }] }),
    );
    // A list as text, of candidates as text, with lists as text.
    let candidate = json!({
        "title": "T", "content": "C", "tags": "a, b", "variables": "[\"who\"]",
    });
    let mended = json!({ "candidates": [{
        "title": "T", "content": "C", "tags": ["a", "b"], "variables": [{ "name": "who" }],
    }] });
    for candidates in [
        json!([candidate]),
        json!([candidate.to_string()]),
        json!(json!([candidate]).to_string()),
        json!(json!([candidate.to_string()]).to_string()),
        json!(candidate.to_string()),
        candidate,
    ] {
        check(&json!({ "candidates": candidates }), mended.clone());
    }
}

#[test]
fn json_text_of_another_type_or_in_too_many_layers_is_refused() {
    let three = json!(json!(json!(["a"]).to_string()).to_string()).to_string();
    for text in [r#"["a""#, "[a]", "['a', 'b']", r#""a""#, r#"{"a": 1}"#, "{a}", &three] {
        check_refused(&json!({ "tags": text }), "tags: must be array");
    }
    for text in ["Ada", "who=Ada", r#"["who"]"#, "3", "true", "{who: Ada}", r#"[{"who": 1}]"#] {
        check_refused(&json!({ "arguments": text }), "arguments: must be object");
    }
    check_refused(&json!({ "arguments": ["who"] }), "arguments: must be object");
    for text in ["who", "who, what", "3", r#"{"name": "who"}"#] {
        check_refused(&json!({ "variables": text }), "variables: must be array");
    }
}

#[test]
fn half_a_character_in_json_text_is_named_by_its_field() {
    let message = "contains half of a character (a lone surrogate), such as an emoji that was cut \
        in two; send the whole character, or leave it out";
    for (value, field) in [
        (json!({ "arguments": r#"{"content": "\ud83d"}"# }), "arguments.content"),
        (json!({ "tags": r#"["a", "\ude00"]"# }), "tags[1]"),
        (json!({ "variables": [r#"{"name": "\ud83d"}"#] }), "variables[0].name"),
    ] {
        check_refused(&value, &format!("{field}: {message}"));
    }
    check_refused(&json!({ "tags": r#"["\ud83d""# }), "tags: must be array");
}

#[test]
fn text_is_a_list_of_texts_at_its_commas() {
    for (text, tags) in [
        ("rust", json!(["rust"])),
        ("rust, code review,b", json!(["rust", "code review", "b"])),
        ("a,,b,", json!(["a", "b"])),
        ("2024", json!(["2024"])),
        ("true", json!(["true"])),
    ] {
        check(&json!({ "tags": text }), json!({ "tags": tags }));
    }
    check(&json!({ "tags": 2024 }), json!({ "tags": ["2024"] }));
    check(&json!({ "tags": ["a,b", 2024, true] }), json!({ "tags": ["a,b", "2024", "true"] }));
    for value in [json!(","), json!("null"), json!(true), json!({ "a": "b" }), json!({})] {
        check_refused(&json!({ "tags": value }), "tags: must be array");
    }
    check_refused(&json!({ "tags": ["a", null] }), "tags[1]: must be string");
    check_refused(&json!({ "tags": ["a", ["b"]] }), "tags[1]: must be string");
}

#[test]
fn a_number_or_a_boolean_is_text_where_text_is_wanted() {
    for (value, text) in [
        (json!(3), "3"),
        (json!(-2), "-2"),
        (json!(2.5), "2.5"),
        (json!(3.0), "3"),
        (json!(true), "true"),
    ] {
        check(&json!({ "name": value }), json!({ "name": text }));
        check(&json!({ "arguments": { "x": value } }), json!({ "arguments": { "x": text } }));
    }
    check(&json!({ "name": u64::MAX }), json!({ "name": u64::MAX.to_string() }));
    // Of a longer number not all digits were kept.
    for value in [json!(1e17), json!({ "a": 1 }), json!(["a"])] {
        check_refused(&json!({ "name": value }), "name: must be string");
        check_refused(&json!({ "arguments": { "x": value } }), "arguments.x: must be string");
    }
    check_refused(&json!({ "sort": 1 }), "sort: must be one of recent, name");
    check_refused(&json!({ "sort": "newest" }), "sort: must be one of recent, name");
}

#[test]
fn a_bare_name_is_an_object_whose_name_alone_is_required() {
    let variables = json!({ "variables": [{ "name": "who" }, { "name": "what", "default": "" }] });
    check(&json!({ "variables": ["who", { "name": "what", "default": "" }] }), variables);
    check_refused(&json!({ "candidates": ["who"] }), "candidates[0]: must be object");
    check_refused(&json!({ "variables": ["{{who}}"] }), "variables[0]: must be object");
    check_refused(&json!({ "variables": [3] }), "variables[0]: must be object");
    // A map of descriptions, of defaults, or one variable.
    for map in [json!({ "who": "Ada" }), json!({ "name": "who" })] {
        check_refused(&json!({ "variables": map }), "variables: must be array");
    }
}

#[test]
fn null_and_empty_text_leave_an_optional_field_out() {
    let fields = ["name", "limit", "version", "favorite", "sort", "tags", "variables", "arguments"];
    for field in fields {
        check(&json!({ field: null }), json!({}));
        check(&json!({ field: "" }), json!({}));
    }
    for field in ["limit", "favorite", "sort", "variables", "arguments"] {
        check(&json!({ field: "null" }), json!({}));
    }
    check(&json!({ "tags": "  " }), json!({}));
    check(&json!({ "description": null }), json!({}));
    check(&json!({ "arguments": { "who": null } }), json!({ "arguments": {} }));
    let nested =
        json!({ "candidates": [{ "title": "", "content": "C", "tags": "", "variables": null }] });
    check(&nested, json!({ "candidates": [{ "title": "", "content": "C" }] }));
}

#[test]
fn empty_text_stays_where_it_is_a_value() {
    for valid in [
        json!({ "description": "" }),
        json!({ "arguments": { "who": "" } }),
        json!({ "variables": [{ "name": "", "default": "" }] }),
        json!({ "name": " " }),
        json!({ "name": "null" }),
        json!({ "tags": [""] }),
    ] {
        check(&valid, valid.clone());
    }
}

#[test]
fn unknown_fields_are_left_out_and_named() {
    let value = json!({
        "name": "n", "wait_for_previous": true, "Limit": 3,
        "variables": [{ "name": "v", "type": "string" }],
    });
    let expected = json!({ "name": "n", "variables": [{ "name": "v" }] });
    let hint = r#"Ignored unknown fields: "Limit", "variables[0].type", "wait_for_previous"."#;
    assert_eq!(mend(&sample(), &value), Ok((expected, Some(hint.to_owned()))));
    let many: serde_json::Map<_, _> =
        (0..5000).map(|number| ("x".repeat(900) + &number.to_string(), json!(1))).collect();
    let (mended, hint) = mend(&sample(), &Value::Object(many)).unwrap();
    assert_eq!(mended, json!({}));
    let hint = hint.unwrap();
    assert!(hint.ends_with("and 4990 more.") && hint.len() < 2200, "{hint}");
    // In other scripts fewer names fit.
    let wide = |number: usize| ("\u{1f937}".repeat(900) + &number.to_string(), json!(1));
    for count in [1, 5000] {
        let many: serde_json::Map<_, _> = (0..count).map(wide).collect();
        let hint = mend(&sample(), &Value::Object(many)).unwrap().1.unwrap();
        assert!(json!(hint).to_string().len() <= HINT_MAX_BYTES, "{hint}");
        assert!(hint.contains("\"\u{1f937}"), "{hint}");
        assert_eq!(hint.ends_with(" more."), count > 1, "{hint}");
    }
}

#[test]
fn every_fault_is_named_by_its_path() {
    let value = json!({
        "limit": "many", "candidates": [{ "title": "T", "content": "C" }, { "title": [], "tags": [[]] }],
    });
    let expected = "candidates[1].tags[0]: must be string; candidates[1].title: must be string; \
        candidates[1].content: is required; limit: must be integer";
    check_refused(&value, expected);
    check_refused(&json!({ "candidates": [null] }), "candidates[0]: must be object");
    check_refused(
        &json!({ "candidates": [{ "title": null, "content": "" }] }),
        "candidates[0].title: must be string",
    );
}

#[test]
fn hostile_text_is_refused_without_recursion() {
    for text in ["[".repeat(256 * 1024), "{\"a\":".repeat(50_000), "\"[".repeat(100_000)] {
        check_refused(&json!({ "tags": text }), "tags: must be array");
        check_refused(&json!({ "arguments": text }), "arguments: must be object");
        check_refused(&json!({ "candidates": [text] }), "candidates[0]: must be object");
    }
    let many = format!("[{}[]]", "[],".repeat(100_000));
    let mut members = json!({ "tags": many }).as_object().unwrap().clone();
    let rejected = sample().mend(&mut members).unwrap_err();
    assert_eq!(rejected.invalid.errors().len(), 50);
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    check_refused(&json!({ "tags": nested }), "tags[0]: must be string");
}

#[test]
fn an_item_that_fails_alone_leaves_the_others_to_be_served() {
    let item = json!({
        "type": "object", "required": ["title"], "additionalProperties": false,
        "properties": { "title": { "type": "string" }, "count": { "type": "integer" } },
    });
    let list = json!({ "type": "array", "items": item, "x-items-fail-alone": true });
    let shape = Shape::from_schema(&json!({
        "type": "object", "properties": { "candidates": list, "limit": { "type": "integer" } },
    }));
    let value =
        json!({ "candidates": [{ "title": 1, "count": "2" }, { "count": "x", "why": 3 }, 7] });
    let expected = json!({ "candidates": [{ "title": "1", "count": 2 }, { "count": "x" }, 7] });
    let hint = "Ignored unknown fields: \"candidates[1].why\".";
    assert_eq!(mend(&shape, &value), Ok((expected, Some(hint.to_owned()))));
    for (value, expected) in [
        (json!({ "candidates": 7 }), "candidates: must be array"),
        (json!({ "candidates": [7], "limit": "x" }), "limit: must be integer"),
    ] {
        assert_eq!(mend(&shape, &value), Err(expected.to_owned()));
    }
}
