//! The caller's subscription: its state, and the pages of Stripe on which it is bought and managed.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::billing::{Billing, Standing};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::subscription::{Interval, Price};
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, Metered};
use crate::library::Meter;
use crate::state::AppState;

/// The cost of a page of Stripe in units of the caller's rate: about as many calls of Stripe, which
/// limits those of this server.
const PAGE_UNITS: u32 = 10;
/// The cost of a reading at Stripe in units of the caller's rate, for the same reason.
const SYNC_UNITS: u32 = 5;

/// The status of a caller without a subscription.
const NO_SUBSCRIPTION: &str = "none";

#[derive(Serialize, ToSchema)]
pub(crate) struct BillingResponse {
    /// The name of the plan that counts now: free or pro.
    plan: &'static str,
    /// The status of the subscription in Stripe's words, such as active or `past_due`; none without
    /// one.
    status: &'static str,
    /// The price of the subscription; absent if it is not of one amount for every month or every year.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceResponse>,
    /// When the subscription renews itself, in RFC 3339; absent if it ends instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    renews_at: Option<String>,
    /// When the subscription ends or has ended, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    /// Since when a payment is due, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    past_due_since: Option<String>,
    /// Until when the plan stays although a payment is due, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    grace_until: Option<String>,
    /// Whether there is something to manage on Stripe's pages.
    can_manage: bool,
    /// Whether a checkout sells a subscription. It leads to the page of Stripe for a subscription that
    /// there is already, as long as that is to be managed.
    can_buy: bool,
    /// What can be bought: a price for each interval. Empty while Stripe does not state it.
    offers: Vec<PriceResponse>,
}

#[derive(Serialize, ToSchema)]
struct PriceResponse {
    /// The amount in minor units of the currency, such as cents.
    amount: i64,
    /// The currency: ISO 4217 in lower case.
    currency: String,
    /// The interval at which it is paid: month or year.
    interval: &'static str,
}

impl From<Price> for PriceResponse {
    fn from(price: Price) -> Self {
        let Price { amount, currency, interval, .. } = price;
        Self { amount, currency, interval: interval.as_str() }
    }
}

impl From<Standing> for BillingResponse {
    fn from(standing: Standing) -> Self {
        let Standing { plan, subscription, offers, can_manage, can_buy } = standing;
        let offers = offers.into_iter().map(PriceResponse::from).collect();
        let Some(subscription) = subscription else {
            return Self {
                plan,
                status: NO_SUBSCRIPTION,
                price: None,
                renews_at: None,
                ends_at: None,
                past_due_since: None,
                grace_until: None,
                can_manage,
                can_buy,
                offers,
            };
        };
        Self {
            plan,
            status: subscription.status.as_str(),
            renews_at: subscription.renews_at().map(|at| at.to_string()),
            ends_at: subscription.ends_at.map(|at| at.to_string()),
            past_due_since: subscription.past_due_since.map(|at| at.to_string()),
            grace_until: subscription.grace_until().map(|at| at.to_string()),
            price: subscription.price.map(PriceResponse::from),
            can_manage,
            can_buy,
            offers,
        }
    }
}

/// What to buy.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutRequest {
    /// The interval of the payments: month, which is the default, or year where it is sold.
    interval: Option<String>,
}

/// A page of Stripe for the caller's browser.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageResponse {
    /// The URL of the page. It is for this caller, and expires.
    url: String,
}

/// The caller's plan and subscription.
#[utoipa::path(get, path = "/api/billing", responses(
    (status = 200, description = "The plan and the subscription", body = BillingResponse),
    (status = 404, description = "Nothing is sold here (billing-off)", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_billing(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Json<BillingResponse>, ApiError> {
    Ok(Json(find_billing(&state)?.standing(&caller).await?.into()))
}

/// Opens a page of Stripe on which the caller subscribes; for one who has a subscription, the page on
/// which it is managed.
///
/// Takes the session cookie or a web token; an MCP client's token is refused. The body is optional. It
/// counts as 10 requests for the rate limit.
#[utoipa::path(post, path = "/api/billing/checkout",
    request_body(content = Option<CheckoutRequest>, description = "What to buy"),
    responses(
        (status = 200, description = "The page", body = PageResponse),
        (status = 404, description = "Nothing is sold here (billing-off)", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn open_checkout(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    request: Request,
) -> Result<Json<PageResponse>, ApiError> {
    let billing = find_own_billing(&state, &caller)?;
    let interval = read_interval(request).await?;
    charge(&meter, PAGE_UNITS)?;
    Ok(Json(PageResponse { url: billing.open_checkout(&caller, interval).await? }))
}

/// Opens a page of Stripe on which the caller manages payments and invoices, and ends the subscription.
///
/// Takes the session cookie or a web token; an MCP client's token is refused. It counts as 10 requests
/// for the rate limit.
#[utoipa::path(post, path = "/api/billing/portal", responses(
    (status = 200, description = "The page", body = PageResponse),
    (status = 404, description = "The caller has nothing to manage, or nothing is sold here (billing-off)", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open_portal(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
) -> Result<Json<PageResponse>, ApiError> {
    let billing = find_own_billing(&state, &caller)?;
    charge(&meter, PAGE_UNITS)?;
    Ok(Json(PageResponse { url: billing.open_portal(&caller).await? }))
}

/// Asks Stripe for the state of the caller's subscription, and returns what follows.
///
/// Takes the session cookie or a web token; an MCP client's token is refused. It counts as 5 requests
/// for the rate limit.
#[utoipa::path(post, path = "/api/billing/sync", responses(
    (status = 200, description = "The plan and the subscription", body = BillingResponse),
    (status = 404, description = "Nothing is sold here (billing-off)", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn sync_billing(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
) -> Result<Json<BillingResponse>, ApiError> {
    let billing = find_own_billing(&state, &caller)?;
    charge(&meter, SYNC_UNITS)?;
    Ok(Json(billing.sync(&caller).await?.into()))
}

/// Charges what a request costs in all, of which the edge has taken one unit.
fn charge(meter: &Meter, units: u32) -> Result<(), ApiError> {
    meter.charge(units - 1)
}

fn find_billing(state: &AppState) -> Result<&Arc<Billing>, ApiError> {
    state.billing().ok_or(ApiError::BillingOff)
}

/// Returns the service for what only a person does: an MCP client's token buys nothing.
fn find_own_billing<'a>(
    state: &'a AppState,
    caller: &Principal,
) -> Result<&'a Arc<Billing>, ApiError> {
    let billing = find_billing(state)?;
    if !caller.via.is_in_person() {
        let detail =
            "only a person in a browser changes a subscription: sign in to this server there";
        return Err(ApiError::Forbidden(detail));
    }
    Ok(billing)
}

async fn read_interval(request: Request) -> Result<Interval, ApiError> {
    if request.body().is_end_stream() {
        return Ok(Interval::Month);
    }
    let Json(CheckoutRequest { interval }) = Json::from_request(request, &()).await?;
    match interval {
        None => Ok(Interval::Month),
        Some(word) => Interval::parse(&word)
            .ok_or_else(|| FieldError::new("interval", "must be month or year").into()),
    }
}
