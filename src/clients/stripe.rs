//! A client of Stripe: the endpoints in use, typed, without policy.
//!
//! It reads the state of subscriptions and never believes that of an event.

mod objects;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use self::objects::CheckoutId;
use self::objects::{CheckoutObject, Created, Page, PriceObject, SubscriptionObject};
use super::{Call, CallError, Failure, Upstream, place_of, read_body};
use crate::config::Secret;
use crate::domain::subscription::{CustomerId, Price, Subscription, SubscriptionId};

/// The version of the API whose formats this client writes and reads.
pub const API_VERSION: &str = "2026-09-30.endive";
/// The timeout of a call. A webhook waits for one, and Stripe waits for the webhook.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a response in bytes. A page of 100 subscriptions with their invoices has about
/// 1 MB.
const RESPONSE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The number of objects on a page of a list: Stripe's maximum.
const PAGE_OBJECTS: usize = 100;
/// Maximum number of pages of a list, 2,000 objects of one customer.
const PAGES_MAX: usize = 20;
/// Maximum length of an error code of Stripe in bytes.
const CODE_MAX_BYTES: usize = 64;

/// A client of one Stripe account.
pub struct StripeClient {
    upstream: Upstream,
    base_url: String,
    secret_key: Secret,
}

/// A failed call of Stripe. It names neither the key nor anything of the request.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The object does not exist, or no longer.
    #[error("Stripe has no such object")]
    NotFound,
    /// The customer that the request names does not exist, or no longer.
    #[error("Stripe has no such customer")]
    NoCustomer,
    /// Stripe refused the request; holds the status and the error code.
    #[error("Stripe refused the request: {0}")]
    Refused(String),
    /// Stripe is unavailable, or its response is unusable.
    #[error("Stripe is unavailable: {0}")]
    Call(#[from] CallError),
}

impl From<reqwest::Error> for StripeError {
    fn from(error: reqwest::Error) -> Self {
        Self::Call(error.into())
    }
}

impl Failure for StripeError {
    fn kind(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoCustomer | Self::Refused(_) => "refused",
            Self::Call(error) => error.kind(),
        }
    }
}

/// The body of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

/// What is read of an error. Its message may quote the request, and is not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

/// A request of Stripe's API.
struct Request<'a> {
    /// The name in the metrics.
    kind: &'static str,
    method: Method,
    path: String,
    /// The parameters: of the body of a POST, else of the query.
    params: &'a [(&'a str, &'a str)],
    /// The key under which Stripe carries a POST out once; `None` for other methods.
    idempotency_key: Option<&'a str>,
}

impl StripeClient {
    /// Builds a client of the API at `base_url`, an origin without a trailing slash. `http` has
    /// [`TIMEOUT`].
    pub fn new(http: Client, base_url: String, secret_key: Secret) -> Self {
        Self { upstream: Upstream::new(http, "stripe"), base_url, secret_key }
    }

    /// Creates a customer. Calls with one `key` and one address create one customer, for at least 24
    /// hours.
    pub async fn create_customer(
        &self,
        email: Option<&str>,
        key: &str,
    ) -> Result<CustomerId, StripeError> {
        let params: Vec<(&str, &str)> = email.map(|email| ("email", email)).into_iter().collect();
        let created: Created =
            self.post("create_customer", "/v1/customers".to_owned(), &params, key).await?;
        CustomerId::parse(&created.id).ok_or_else(|| garbled("the id of the customer is not one"))
    }

    /// Opens a page on which a customer subscribes to a price, and returns its URL. It is open for 24
    /// hours.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for an unknown or deleted customer.
    pub async fn create_checkout(
        &self,
        customer: &CustomerId,
        price: &str,
        success_url: &str,
        cancel_url: &str,
    ) -> Result<String, StripeError> {
        let params = [
            ("mode", "subscription"),
            ("customer", customer.as_str()),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            ("success_url", success_url),
            ("cancel_url", cancel_url),
        ];
        let path = "/v1/checkout/sessions".to_owned();
        let created: Created = self.post("create_checkout", path, &params, &new_key()).await?;
        created.url()
    }

    /// Opens a page on which a customer manages subscriptions, and returns its URL.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for an unknown or deleted customer.
    pub async fn create_portal(
        &self,
        customer: &CustomerId,
        return_url: &str,
    ) -> Result<String, StripeError> {
        let params = [("customer", customer.as_str()), ("return_url", return_url)];
        let path = "/v1/billing_portal/sessions".to_owned();
        let created: Created = self.post("create_portal", path, &params, &new_key()).await?;
        created.url()
    }

    /// Lists the subscriptions of a customer in every status, the newest first. A deleted or unknown
    /// customer has none.
    ///
    /// A subscription to several recurring prices is listed once for each of them; one without a
    /// price for a month or a year is left out.
    pub async fn list_subscriptions(
        &self,
        customer: &CustomerId,
    ) -> Result<Vec<Subscription>, StripeError> {
        let params = [
            ("customer", customer.as_str()),
            ("status", "all"),
            ("expand[]", "data.latest_invoice"),
        ];
        let objects: Vec<SubscriptionObject> =
            self.list("list_subscriptions", "/v1/subscriptions", &params).await?;
        let mut subscriptions = Vec::new();
        for object in &objects {
            subscriptions.extend(object.subscriptions()?);
        }
        Ok(subscriptions)
    }

    /// Lists the checkout pages of a customer that are open. A deleted or unknown customer has none.
    pub async fn list_open_checkouts(
        &self,
        customer: &CustomerId,
    ) -> Result<Vec<CheckoutId>, StripeError> {
        let params = [("customer", customer.as_str()), ("status", "open")];
        let objects: Vec<CheckoutObject> =
            self.list("list_checkouts", "/v1/checkout/sessions", &params).await?;
        objects.iter().map(CheckoutObject::id).collect()
    }

    /// Closes a checkout page. Idempotent: a page that is closed, completed or unknown counts as
    /// closed.
    pub async fn expire_checkout(&self, id: &CheckoutId) -> Result<(), StripeError> {
        let path = format!("/v1/checkout/sessions/{}", id.as_str());
        let expire = format!("{path}/expire");
        let refusal =
            match self.post::<CheckoutObject>("expire_checkout", expire, &[], &new_key()).await {
                Ok(_) | Err(StripeError::NotFound) => return Ok(()),
                Err(StripeError::Refused(refusal)) => refusal,
                Err(error) => return Err(error),
            };
        // Only open pages can be expired, and the refusal of any other has no code.
        match self.get::<CheckoutObject>("get_checkout", path, &[]).await {
            Ok(checkout) if checkout.is_open() => Err(StripeError::Refused(refusal)),
            Ok(_) | Err(StripeError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Cancels a subscription at once. Idempotent: a canceled or unknown one counts as canceled.
    pub async fn cancel_subscription(&self, id: &SubscriptionId) -> Result<(), StripeError> {
        self.delete("cancel_subscription", format!("/v1/subscriptions/{}", id.as_str())).await
    }

    /// Deletes a customer, and cancels its subscriptions at once. Idempotent: an unknown customer
    /// counts as deleted.
    pub async fn delete_customer(&self, customer: &CustomerId) -> Result<(), StripeError> {
        self.delete("delete_customer", format!("/v1/customers/{}", customer.as_str())).await
    }

    /// Reads a price.
    ///
    /// # Errors
    /// [`StripeError::NotFound`] for an unknown price; [`CallError::Garbled`] for one that is not
    /// paid every month or every year.
    pub async fn get_price(&self, id: &str) -> Result<Price, StripeError> {
        // Encoded, so that no character of an id can end its path segment.
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let object: PriceObject = self.get("get_price", format!("/v1/prices/{id}"), &[]).await?;
        object.price().ok_or_else(|| garbled("the price is not paid every month or every year"))
    }

    /// Reads every page of a list of what belongs to a customer.
    async fn list<T: DeserializeOwned + objects::Listed>(
        &self,
        kind: &'static str,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<Vec<T>, StripeError> {
        let limit = PAGE_OBJECTS.to_string();
        let mut objects: Vec<T> = Vec::new();
        for _ in 0..PAGES_MAX {
            let cursor = objects.last().map(|last| last.cursor().to_owned());
            let mut params = [params, &[("limit", &limit)]].concat();
            params.extend(cursor.as_deref().map(|cursor| ("starting_after", cursor)));
            let page: Page<T> = match self.get(kind, path.to_owned(), &params).await {
                // Also in the middle of the list, when the customer is deleted meanwhile.
                Err(StripeError::NotFound | StripeError::NoCustomer) => return Ok(Vec::new()),
                page => page?,
            };
            let has_more = page.has_more && !page.data.is_empty();
            objects.extend(page.data);
            if !has_more {
                return Ok(objects);
            }
        }
        Err(garbled(&format!("a customer has over {} objects", PAGES_MAX * PAGE_OBJECTS)))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        path: String,
        params: &[(&str, &str)],
    ) -> Result<T, StripeError> {
        self.read(Request { kind, method: Method::GET, path, params, idempotency_key: None }).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        path: String,
        params: &[(&str, &str)],
        key: &str,
    ) -> Result<T, StripeError> {
        self.read(Request { kind, method: Method::POST, path, params, idempotency_key: Some(key) })
            .await
    }

    /// Deletes an object; one that does not exist counts as deleted.
    async fn delete(&self, kind: &'static str, path: String) -> Result<(), StripeError> {
        let request =
            Request { kind, method: Method::DELETE, path, params: &[], idempotency_key: None };
        match self.read::<serde::de::IgnoredAny>(request).await {
            Ok(_) | Err(StripeError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request and reads the object of the response.
    async fn read<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T, StripeError> {
        let url = format!("{}{}", self.base_url, request.path);
        self.upstream
            .call(request.kind, async |call: Call<'_>| {
                let response = call
                    .send(request.method.clone(), &url, |builder| self.complete(builder, &request));
                let response = check_status(response.await?).await?;
                let body = read_body(response, RESPONSE_MAX_BYTES).await?;
                // Only the place of the error: its text could quote a person.
                let object = serde_json::from_slice(&body)
                    .map_err(|error| CallError::Garbled(place_of(&error)))?;
                Ok(object)
            })
            .await
    }

    fn complete(&self, builder: RequestBuilder, request: &Request<'_>) -> RequestBuilder {
        let builder =
            builder.bearer_auth(self.secret_key.expose()).header("stripe-version", API_VERSION);
        let Some(key) = request.idempotency_key else {
            return if request.params.is_empty() { builder } else { builder.query(request.params) };
        };
        let body =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(request.params).finish();
        builder
            .header("idempotency-key", key)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }
}

/// A key under which no other request was sent.
fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn garbled(fault: &str) -> StripeError {
    CallError::Garbled(fault.to_owned()).into()
}

/// Returns a successful response, and reads the error of any other.
async fn check_status(response: Response) -> Result<Response, StripeError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    // Stripe itself is in trouble, wants fewer requests, or works on the same object: the request is
    // not at fault, and may be repeated.
    let is_passing = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    if is_passing || !status.is_client_error() {
        return Err(CallError::Status(status).into());
    }
    let body = read_body(response, RESPONSE_MAX_BYTES).await?;
    let ErrorBody { error } = serde_json::from_slice(&body).unwrap_or_default();
    let is_missing = error.code.as_deref() == Some("resource_missing");
    if is_missing && error.param.as_deref() == Some("customer") {
        return Err(StripeError::NoCustomer);
    }
    if status == StatusCode::NOT_FOUND {
        // Any other server answers 404 too, and an object must not count as gone for that.
        let is_stripe = error.r#type.as_deref() == Some("invalid_request_error");
        return Err(if is_stripe {
            StripeError::NotFound
        } else {
            CallError::Status(status).into()
        });
    }
    let code = error.code.or(error.r#type).filter(|code| is_code(code));
    Err(StripeError::Refused(match code {
        Some(code) => format!("{status}, {code}"),
        None => status.to_string(),
    }))
}

/// Returns whether a text is a word of a fixed set, and so quotes nothing.
fn is_code(text: &str) -> bool {
    text.len() <= CODE_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
