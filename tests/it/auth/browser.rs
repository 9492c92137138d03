//! A browser: it keeps cookies, says what it accepts and whose page it shows.

use std::collections::BTreeMap;

use axum::http::{Method, header};
use serde_json::Value;

use super::World;
use crate::support::{Answer, TestApp};

#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Sends a request with the cookies, and keeps those that come back.
    pub(crate) async fn send(
        &mut self,
        app: &TestApp,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut all = headers.to_vec();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        let answer = app.call(method, path, &all, body).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Shows a page.
    pub(crate) async fn visit(&mut self, app: &TestApp, path: &str) -> Answer {
        self.send(app, Method::GET, path, &[("accept", "text/html,*/*;q=0.8")], None).await
    }

    /// Reads as a page's script does.
    pub(crate) async fn get(&mut self, app: &TestApp, path: &str) -> Answer {
        self.send(app, Method::GET, path, &[], None).await
    }

    /// Writes as a script of our own page does.
    pub(crate) async fn write(
        &mut self,
        app: &TestApp,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.send(app, method, path, &[("sec-fetch-site", "same-origin")], body).await
    }

    /// Begins a sign-in, and returns the code and the state that WorkOS sends back.
    pub(crate) async fn begin(
        &mut self,
        world: &World,
        user: &str,
        return_to: &str,
    ) -> (String, String) {
        let path = format!("/auth/login?return_to={return_to}");
        let answer = self.visit(&world.app, &path).await;
        world.workos.approve(answer.header("location"), user)
    }

    /// Signs in, and returns what the callback answers.
    pub(crate) async fn sign_in(&mut self, world: &World, user: &str, return_to: &str) -> Answer {
        let (code, state) = self.begin(world, user, return_to).await;
        self.visit(&world.app, &format!("/auth/callback?code={code}&state={state}")).await
    }
}
