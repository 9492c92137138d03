//! The Grafana dashboard queries exactly the metrics that `/metrics` serves.

use std::collections::HashSet;

use regex::Regex;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::client::call_tool;
use super::metrics::Watched;
use super::{exchange, library};
use crate::convex::fake::{Act, Fake};

fn dashboard() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/grafana-dashboard.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of the metrics of servers on both stores, after a call and a write.
async fn served() -> HashSet<String> {
    let fake = Fake::run(vec![Act::Return(Value::Null)]).await;
    let (_dir, file) = library();
    let on_convex = [("CONVEX_URL", fake.url.as_str()), ("CONVEX_API_KEY", "key")];
    block_in_place(|| {
        let servers = [Watched::start(&file, &[]), Watched::start(&file, &on_convex)];
        let scrapes = servers.map(|watched| {
            let prompt = json!({ "name": "poem", "content": "x" });
            exchange(watched.server.port, "POST", "/api/prompts", Some(&prompt));
            call_tool(watched.server.port, "get_prompt", &json!({ "name": "poem" }));
            watched.scrape()
        });
        scrapes.iter().flat_map(|scrape| scrape.names().map(str::to_owned)).collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_every_metric_and_no_other() {
    let served = served().await;
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let names = Regex::new(r"\b(?:promptdb|process)_[a-z_]+").unwrap();
    let mut queried = HashSet::new();
    for target in targets {
        let expression = target["expr"].as_str().unwrap();
        let of_target: Vec<&str> = names.find_iter(expression).map(|name| name.as_str()).collect();
        assert!(!of_target.is_empty(), "{expression}");
        queried.extend(of_target);
    }
    let missing: Vec<_> = queried.iter().filter(|name| !served.contains(**name)).collect();
    assert!(missing.is_empty() || !cfg!(target_os = "linux"), "{missing:?}");

    let family = |name: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    let shown: HashSet<String> = queried.iter().map(|name| family(name)).collect();
    let ours = served.iter().filter(|name| name.starts_with("promptdb_"));
    let unseen: Vec<_> = ours.filter(|name| !shown.contains(&family(name))).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
}

#[test]
fn the_dashboard_can_be_imported_with_any_data_source() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert_eq!(
        (&variables[0]["name"], &variables[0]["type"]),
        (&json!("datasource"), &json!("datasource"))
    );
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let mut ids = HashSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"], source, "{panel}");
        }
    }
}
