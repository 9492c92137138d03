//! Completions, and whether each is the whole set.

use serde_json::json;

use crate::support::{TestApp, on_both_stores};

on_both_stores! {
    async fn a_completion_reports_whether_there_are_more_values(app: &TestApp) {
        for index in 0..102 {
            let tag = format!("tag-{index:03}");
            app.create(json!({ "name": format!("p-{index:03}"), "content": "x", "tags": [tag] })).await;
        }
        let template = json!({ "type": "ref/resource", "uri": "promptdb://prompts/{name}" });
        let harvest = json!({ "type": "ref/prompt", "name": "harvest" });
        let cases = [
            (&template, "name", "", 100, true),
            (&template, "name", "p-", 25, true),
            (&template, "name", "p-10", 2, false),
            (&harvest, "tag", "", 100, true),
            (&harvest, "tag", "tag-10", 2, false),
        ];
        for (reference, name, typed, count, has_more) in cases {
            let argument = json!({ "name": name, "value": typed });
            let params = json!({ "ref": reference, "argument": argument });
            let completion =
                app.rpc("completion/complete", params).await["result"]["completion"].take();
            let values = completion["values"].as_array().unwrap();
            assert_eq!(values.len(), count, "{name} {typed}");
            assert_eq!(completion["hasMore"], has_more, "{name} {typed}");
        }
    }
}
