//! Buying and managing a subscription, on Stripe's own pages.

use std::time::Duration;

use super::customers::ATTEMPTS;
use super::{Billing, Found, convert_store_error, convert_stripe_error};
use crate::clients::stripe::{Checkout, StripeError};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::subscription::{CustomerId, Interval};
use crate::error::ApiError;

/// How long a checkout page is opened again instead of another one. Stripe closes it after 24 hours.
const USED_FOR: Duration = Duration::from_hours(23);

/// The outcome of an attempt to open a page.
enum Opened {
    /// The URL of the page.
    Page(String),
    /// Stripe has deleted the customer.
    CustomerGone,
    /// No user has the customer any more, and no page is open.
    NoOwner,
}

impl Billing {
    /// Opens a page on which the caller subscribes, and returns its URL; that of
    /// [`open_portal`](Self::open_portal) for a caller who has a subscription already, so that nobody
    /// pays twice.
    ///
    /// At most one page of a user is open. It is opened again while it is for the same price, and closed
    /// otherwise; parallel calls lead to the same page. None is open after an erasure.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for an interval that is not sold, [`ApiError::AccountErased`] after an
    /// erasure, [`ApiError::BillingUnavailable`] if Stripe fails, or if what it charges is not what the
    /// interval says.
    pub async fn open_checkout(
        &self,
        caller: &Principal,
        interval: Interval,
    ) -> Result<String, ApiError> {
        let price = self.find_price(interval).ok_or_else(|| {
            FieldError::new("interval", "is not sold here; leave it out for a month")
        })?;
        self.offers.check(price).await.map_err(convert_stripe_error)?;
        // Each of many parallel calls would create a page, and close those of all others.
        let _turn = self.turns.take(&caller.user_id).await;
        let mut gone = Vec::new();
        for _ in 0..ATTEMPTS {
            let customer = self.ensure_customer(caller, &gone).await?;
            match self.open_page(&customer, price).await? {
                Opened::Page(url) => return Ok(url),
                Opened::CustomerGone => {
                    self.forget_customer(&customer).await?;
                    gone.push(customer);
                }
                // A parallel call forgot it, or the account was erased. The next attempt finds out.
                Opened::NoOwner => {}
            }
        }
        Err(convert_stripe_error(StripeError::NoCustomer))
    }

    /// Opens a page on which the caller manages their subscription, and returns its URL.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] for a caller who never subscribed, [`ApiError::BillingUnavailable`] if
    /// Stripe fails.
    pub async fn open_portal(&self, caller: &Principal) -> Result<String, ApiError> {
        let kept = self.store.get_billing(&caller.user_id).await.map_err(convert_store_error)?;
        let Some(kept) = kept else { return Err(nothing_to_manage()) };
        if let Opened::Page(url) = self.open_portal_of(&kept.customer).await? {
            return Ok(url);
        }
        self.forget_customer(&kept.customer).await?;
        self.authenticator.note_subscription_change(&caller.user_id);
        Err(nothing_to_manage())
    }

    /// Opens the page on which a customer subscribes, or manages the subscription that there is.
    async fn open_page(&self, customer: &CustomerId, price: &str) -> Result<Opened, ApiError> {
        // What Stripe says now counts, for a payment of a moment ago may not have been delivered yet.
        let (found, open) = tokio::join!(
            self.sync_customer(customer, None),
            self.stripe.list_open_checkouts(customer)
        );
        let Some(open) = self.unless_gone(customer, open).await? else {
            return Ok(Opened::CustomerGone);
        };
        match found? {
            Found::NoOwner => Ok(Opened::NoOwner),
            found if is_to_be_managed(&found) => {
                self.expire_checkouts(&open).await?;
                self.open_portal_of(customer).await
            }
            Found::Subscription(_) => match self.find_usable(&open, price) {
                Some(page) => self.keep_only(page, &open).await.map(Opened::Page),
                None => self.create_page(customer, price).await,
            },
        }
    }

    async fn open_portal_of(&self, customer: &CustomerId) -> Result<Opened, ApiError> {
        let created = self.stripe.create_portal(customer, &self.page_url).await;
        let url = self.unless_gone(customer, created).await?;
        Ok(url.map_or(Opened::CustomerGone, Opened::Page))
    }

    /// Creates a checkout page and closes every other one. In this order, and by what Stripe lists
    /// afterwards, so that of parallel calls of several processes one page stays, to which all lead.
    async fn create_page(&self, customer: &CustomerId, price: &str) -> Result<Opened, ApiError> {
        let success_url = format!("{}?checkout=done", self.page_url);
        let created = self.stripe.create_checkout(customer, price, &success_url, &self.page_url);
        let Some(page) = self.unless_gone(customer, created.await).await? else {
            return Ok(Opened::CustomerGone);
        };
        // An erasure may have listed the pages to close before this one was created. The list is read
        // before the state, so that a page is either in it, or was paid and its subscription is in the
        // state.
        let open = self.stripe.list_open_checkouts(customer).await;
        let Some(open) = self.unless_gone(customer, open).await? else {
            self.expire_checkouts(&[page]).await?;
            return Ok(Opened::CustomerGone);
        };
        match self.sync_customer(customer, None).await? {
            Found::NoOwner => {
                self.expire_checkouts(&[page]).await?;
                Ok(Opened::NoOwner)
            }
            found if is_to_be_managed(&found) => {
                self.expire_checkouts(&open).await?;
                self.open_portal_of(customer).await
            }
            Found::Subscription(_) => {
                let newest = open.iter().max_by_key(|page| (page.created_at, page.id.as_str()));
                self.keep_only(newest.unwrap_or(&page), &open).await.map(Opened::Page)
            }
        }
    }

    /// Returns the newest page for a price that stays open for long enough.
    fn find_usable<'a>(&self, open: &'a [Checkout], price: &str) -> Option<&'a Checkout> {
        let now = self.clock.now();
        let usable = open.iter().filter(|page| {
            !page.url.is_empty()
                && page.price.as_deref() == Some(price)
                && now < page.created_at.plus(USED_FOR)
        });
        usable.max_by_key(|page| (page.created_at, page.id.as_str()))
    }

    /// Closes every page but one, and returns its URL.
    async fn keep_only(&self, kept: &Checkout, open: &[Checkout]) -> Result<String, ApiError> {
        let others: Vec<Checkout> =
            open.iter().filter(|page| page.id != kept.id).cloned().collect();
        self.expire_checkouts(&others).await?;
        Ok(kept.url.clone())
    }

    async fn expire_checkouts(&self, pages: &[Checkout]) -> Result<(), ApiError> {
        for page in pages {
            self.stripe.expire_checkout(&page.id).await.map_err(convert_stripe_error)?;
        }
        Ok(())
    }
}

/// Returns whether any subscription of the customer is to be managed: then the one that counts is.
fn is_to_be_managed(found: &Found) -> bool {
    matches!(found, Found::Subscription(Some(subscription)) if subscription.is_to_be_managed())
}

fn nothing_to_manage() -> ApiError {
    ApiError::NotFound("there is no subscription to manage; subscribe first".to_owned())
}
