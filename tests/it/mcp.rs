//! The MCP front door, message by message.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn arguments_are_inserted_as_text_and_never_expanded_again() {
    let app = TestApp::new();
    let content = "{{a}} {{b}} \\{{a}}";
    TestApp::structured(&app.tool("save_prompt", json!({ "name": "x", "content": content })).await);
    let arguments = json!({ "a": "{{b}}", "b": "\\{{a}} {{c}}" });
    let got = app.tool("get_prompt", json!({ "name": "x", "arguments": arguments })).await;
    let structured = TestApp::structured(&got);
    assert_eq!(structured["text"], "{{b}} \\{{a}} {{c}} {{a}}");
    assert_eq!(structured["missing"], json!([]));
    assert_eq!(got["content"][0]["text"], structured["text"]);
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_names_that_may_be_meant() {
    let app = TestApp::new();
    for name in ["code-review", "code-review-rust", "poem"] {
        app.clock.tick();
        app.create(json!({ "name": name, "content": name })).await;
    }
    for tool in ["get_prompt", "delete_prompt"] {
        let result = app.tool(tool, json!({ "name": "code-reviews" })).await;
        let expected =
            "there is no prompt named code-reviews; similar names: code-review-rust, code-review";
        assert_eq!(TestApp::mistake(&result), expected);
        let result = app.tool(tool, json!({ "name": "zzz" })).await;
        let expected = "there is no prompt named zzz; list_prompts shows what there is";
        assert_eq!(TestApp::mistake(&result), expected);
    }
}
