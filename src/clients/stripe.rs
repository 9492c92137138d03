//! A client of Stripe: the endpoints in use, typed, without policy.
//!
//! It reads the state of subscriptions and never believes that of an event.

mod error;
mod objects;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde::de::{DeserializeOwned, IgnoredAny};

pub use self::error::StripeError;
use self::error::check_status;
use self::objects::{
    CheckoutObject, Created, CustomerObject, InvoiceObject, Page, PriceObject, RawObject,
    SubscriptionObject,
};
use super::{Call, CallError, Upstream, place_of, read_body};
use crate::config::Secret;
use crate::domain::Timestamp;
use crate::domain::subscription::{CheckoutId, CustomerId, Price, Subscription, SubscriptionId};

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

/// A client of one Stripe account.
pub struct StripeClient {
    upstream: Upstream,
    base_url: String,
    secret_key: Secret,
}

/// A page of Stripe on which a customer subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The id of the page.
    pub id: CheckoutId,
    /// Its URL; empty for one that is part of another page.
    pub url: String,
    /// The id of the price, as [`StripeClient::create_checkout`] noted it.
    pub price: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The subscriptions of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionList {
    /// Those that can be read, the newest first.
    pub subscriptions: Vec<Subscription>,
    /// Whether these are all. A later release of Stripe may have statuses that are not known here.
    pub is_complete: bool,
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

    /// Creates a customer without any data. Calls with one `key` create one customer, for at least 24
    /// hours, and all of them have the result of the first; one of them that runs at the same time
    /// [conflicts](StripeError::is_conflict).
    pub async fn create_customer(&self, key: &str) -> Result<CustomerId, StripeError> {
        let created: Created =
            self.post("create_customer", "/v1/customers".to_owned(), &[], key).await?;
        CustomerId::parse(&created.id).ok_or_else(|| garbled("the id of the customer is not one"))
    }

    /// Sets the address to which Stripe sends a customer's receipts.
    pub async fn set_customer_email(
        &self,
        customer: &CustomerId,
        email: &str,
    ) -> Result<(), StripeError> {
        let params = [("email", email)];
        let path = customer_path(customer);
        self.post::<IgnoredAny>("update_customer", path, &params, &new_key()).await.map(drop)
    }

    /// Returns whether Stripe has deleted a customer.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for one that never existed in this account and mode.
    pub async fn is_customer_deleted(&self, customer: &CustomerId) -> Result<bool, StripeError> {
        match self.get::<CustomerObject>("get_customer", customer_path(customer), &[]).await {
            Ok(customer) => Ok(customer.deleted),
            Err(StripeError::NotFound) => Err(StripeError::NoCustomer),
            Err(error) => Err(error),
        }
    }

    /// Opens a page on which a customer subscribes to a price. It is open for 24 hours.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for an unknown or deleted customer.
    pub async fn create_checkout(
        &self,
        customer: &CustomerId,
        price: &str,
        success_url: &str,
        cancel_url: &str,
    ) -> Result<Checkout, StripeError> {
        let params = [
            ("mode", "subscription"),
            ("customer", customer.as_str()),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", "1"),
            // A list of pages has no line items.
            ("metadata[price]", price),
            ("success_url", success_url),
            ("cancel_url", cancel_url),
        ];
        let path = "/v1/checkout/sessions".to_owned();
        let created: CheckoutObject =
            self.post("create_checkout", path, &params, &new_key()).await?;
        let created = created.checkout()?;
        if created.url.is_empty() { Err(garbled("the page has no URL")) } else { Ok(created) }
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

    /// Lists the subscriptions of a customer in every status, the newest first.
    ///
    /// A subscription to several prices is listed once for each that is a [`Price`], and once without a
    /// price if none is. A payment is due since the earliest invoice that is open; of a subscription
    /// without an open invoice, since the latest one.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for a deleted or unknown customer.
    pub async fn list_subscriptions(
        &self,
        customer: &CustomerId,
    ) -> Result<SubscriptionList, StripeError> {
        let params = [
            ("customer", customer.as_str()),
            ("status", "all"),
            ("expand[]", "data.latest_invoice"),
        ];
        let objects: Vec<RawObject> =
            self.list("list_subscriptions", "/v1/subscriptions", &params).await?;
        let mut list = SubscriptionList { subscriptions: Vec::new(), is_complete: true };
        for object in objects {
            match self.read_subscriptions(object).await {
                Ok(read) => list.subscriptions.extend(read),
                Err(StripeError::Call(error @ CallError::Garbled(_))) => {
                    tracing::warn!(%error, "a subscription cannot be read");
                    list.is_complete = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }

    /// Reads one subscription, which is several where it has several prices.
    async fn read_subscriptions(
        &self,
        object: RawObject,
    ) -> Result<Vec<Subscription>, StripeError> {
        let object: SubscriptionObject = object.read()?;
        let due_since =
            if object.is_past_due() { self.find_due_since(&object.id()?).await? } else { None };
        object.subscriptions(due_since)
    }

    /// Returns the date of the earliest invoice of a subscription that is open.
    async fn find_due_since(&self, id: &SubscriptionId) -> Result<Option<Timestamp>, StripeError> {
        let params = [("subscription", id.as_str()), ("status", "open")];
        let open: Vec<InvoiceObject> = self.list("list_invoices", "/v1/invoices", &params).await?;
        Ok(open.iter().map(InvoiceObject::due_at).min())
    }

    /// Lists the checkout pages of a customer that are open.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] for a deleted or unknown customer.
    pub async fn list_open_checkouts(
        &self,
        customer: &CustomerId,
    ) -> Result<Vec<Checkout>, StripeError> {
        let params = [("customer", customer.as_str()), ("status", "open")];
        let objects: Vec<CheckoutObject> =
            self.list("list_checkouts", "/v1/checkout/sessions", &params).await?;
        objects.into_iter().map(CheckoutObject::checkout).collect()
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
        self.delete("delete_customer", customer_path(customer)).await
    }

    /// Reads a price.
    ///
    /// # Errors
    /// [`StripeError::NotFound`] for an unknown price, [`StripeError::UnsuitablePrice`] for one that is
    /// not of one amount for every month or every year.
    pub async fn get_price(&self, id: &str) -> Result<Price, StripeError> {
        // Encoded, so that no character of an id can end its path segment.
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let object: PriceObject = self.get("get_price", format!("/v1/prices/{id}"), &[]).await?;
        object.price().ok_or(StripeError::UnsuitablePrice)
    }

    /// Reads every page of a list.
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
            let page: Page<T> = self.get(kind, path.to_owned(), &params).await?;
            let has_more = page.has_more && !page.data.is_empty();
            objects.extend(page.data);
            if !has_more {
                return Ok(objects);
            }
        }
        Err(garbled(&format!("a list has over {} objects", PAGES_MAX * PAGE_OBJECTS)))
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
        match self.read::<IgnoredAny>(request).await {
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

fn customer_path(customer: &CustomerId) -> String {
    format!("/v1/customers/{}", customer.as_str())
}

/// A key under which no other request was sent.
fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn garbled(fault: &str) -> StripeError {
    CallError::Garbled(fault.to_owned()).into()
}
