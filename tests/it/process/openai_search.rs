//! The setting `OPENAI_SEARCH` of both servers.

use serde_json::{Value, json};

use super::client::{call_tool, exchange};
use super::stdio::Client;
use super::{Server, library};

fn names(tools: &Value) -> Vec<&str> {
    let tools = tools["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn the_setting_adds_search_and_fetch_to_both_servers() {
    let (_dir, file) = library();
    for (settings, count) in [(&[][..], 0), (&[("OPENAI_SEARCH", "on")], 2)] {
        let server = Server::start(&file, settings);
        let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let over_http = exchange(server.port, "POST", "/mcp", Some(&list)).1;
        let mut client = Client::connect(&file, settings);
        let over_stdio = client.ask(2, "tools/list", &json!({}));
        let found = |names: Vec<&str>| {
            names.into_iter().filter(|name| ["search", "fetch"].contains(name)).count()
        };
        assert_eq!((found(names(&over_http)), found(names(&over_stdio))), (count, count));
    }
}

#[test]
fn a_result_has_the_address_of_the_server_at_hand() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("OPENAI_SEARCH", "on")]);
    let saved = call_tool(server.port, "save_prompt", &json!({ "name": "pear", "content": "x" }));
    let id = &saved["structuredContent"]["id"];
    let query = json!({ "query": "pear" });
    let found = call_tool(server.port, "search", &query);
    let expected = format!("http://localhost:{}/app/p/pear", server.port);
    assert_eq!(found["structuredContent"]["results"][0]["url"], expected);

    for (settings, expected) in [
        (&[][..], json!("http://localhost:3000/app/p/pear")),
        (&[("PORT", "4000")], json!("http://localhost:4000/app/p/pear")),
        (&[("PUBLIC_URL", "http://localhost:5000")], json!("http://localhost:5000/app/p/pear")),
        // Every start has another port, so no address is right for long.
        (&[("PORT", "0")], Value::Null),
    ] {
        let mut client = Client::connect(&file, &[settings, &[("OPENAI_SEARCH", "on")]].concat());
        let found = client.call(2, "search", &query)["structuredContent"]["results"].take();
        assert_eq!((&found[0]["id"], &found[0]["url"]), (id, &expected));
        let fetched = client.call(3, "fetch", &json!({ "id": id }));
        assert_eq!(fetched["structuredContent"]["url"], expected);
    }
}
