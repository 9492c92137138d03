//! Finding one prompt by a query: a clear winner, or the prompts to choose from.

use serde_json::json;

use crate::support::{TestApp, on_both_stores};

async fn fill(app: &TestApp) {
    for (title, content) in [
        ("Explain like I am five", "Explain the topic as to a child of five who asks all year."),
        ("Rooftop pool", "A person with a tattoo relaxes beside the water at sunset."),
        ("Code review", "Read the diff and report bugs first, then style."),
        ("Kubernetes checklist", "List the checks before a rollout."),
    ] {
        app.create(json!({ "title": title, "content": content })).await;
    }
}

on_both_stores! {
    async fn a_weak_match_that_is_alone_is_no_winner(app: &TestApp) {
        fill(app).await;
        for query in ["year end tax", "tattoo removal", "tattoo", "child", "sunset yoga", "like", "to a"] {
            let result = app.tool("get_prompt", json!({ "query": query })).await;
            let structured = TestApp::structured(&result);
            assert!(structured.get("name").is_none(), "{query}: {structured}");
            assert!(structured["matches"].is_array(), "{query}: {structured}");
        }
    }

    async fn a_clear_match_wins_despite_typos_and_filling_words(app: &TestApp) {
        fill(app).await;
        for (query, name) in [
            ("code review", "code-review"),
            ("use my code review prompt", "code-review"),
            ("the code review one please", "code-review"),
            ("kubernetes", "kubernetes-checklist"),
            ("rooftop pol", "rooftop-pool"),
            ("explain like five", "explain-like-i-am-five"),
        ] {
            let result = app.tool("get_prompt", json!({ "query": query })).await;
            assert_eq!(TestApp::structured(&result)["name"], name, "{query}: {result}");
        }
    }

    async fn at_most_five_matches_are_returned_to_choose_from(app: &TestApp) {
        for number in 0..8 {
            app.create(json!({ "title": format!("Plan {number}"), "content": "Plan a week." })).await;
        }
        let result = app.tool("get_prompt", json!({ "query": "week" })).await;
        assert_eq!(TestApp::structured(&result)["matches"].as_array().unwrap().len(), 5, "{result}");
    }

    async fn an_unknown_name_suggests_what_resembles_it(app: &TestApp) {
        fill(app).await;
        for name in ["code-reveiw", "code-review-prompt", "kubernets-checklist"] {
            let result = app.tool("get_prompt", json!({ "name": name })).await;
            let message = TestApp::mistake(&result);
            let expected = if name.starts_with('c') { "code-review" } else { "kubernetes-checklist" };
            assert!(message.contains(&format!("similar names: {expected}")), "{name}: {message}");
        }
    }
}
