//! A browser that stores cookies and sends the headers of navigations and scripts.

use std::collections::BTreeMap;

use axum::http::{Method, header};
use serde_json::Value;

use super::World;
use crate::support::{TestApp, TestResponse};

#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Sends a request with the cookies, and stores those of the response.
    pub(crate) async fn send(
        &mut self,
        app: &TestApp,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> TestResponse {
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

    /// Navigates to a page.
    pub(crate) async fn visit(&mut self, app: &TestApp, path: &str) -> TestResponse {
        self.send(app, Method::GET, path, &[("accept", "text/html,*/*;q=0.8")], None).await
    }

    /// Sends a GET as a script of a page does.
    pub(crate) async fn get(&mut self, app: &TestApp, path: &str) -> TestResponse {
        self.send(app, Method::GET, path, &[], None).await
    }

    /// Sends a write as a script of a page of this server does.
    pub(crate) async fn write(
        &mut self,
        app: &TestApp,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> TestResponse {
        self.send(app, method, path, &[("sec-fetch-site", "same-origin")], body).await
    }

    /// Begins a sign-in, and returns the code and the state that WorkOS sends back.
    pub(crate) async fn begin_sign_in(
        &mut self,
        world: &World,
        user: &str,
        return_to: &str,
    ) -> (String, String) {
        let path = format!("/auth/login?return_to={return_to}");
        let answer = self.visit(&world.app, &path).await;
        world.workos.approve(answer.header("location"), user)
    }

    /// Signs in, and returns the response to the callback.
    pub(crate) async fn sign_in(
        &mut self,
        world: &World,
        user: &str,
        return_to: &str,
    ) -> TestResponse {
        let (code, state) = self.begin_sign_in(world, user, return_to).await;
        self.visit(&world.app, &format!("/auth/callback?code={code}&state={state}")).await
    }
}
