//! Random histories at Stripe, of which the server learns late, repeatedly, in any order or not at
//! all: what is kept ends as what Stripe has.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use promptdb::clients::stripe::{StripeClient, StripeError};
use promptdb::domain::Clock;
use promptdb::domain::identity::UserId;
use promptdb::domain::subscription::{CustomerId, EventId, Offer, Subscription, pick_best};
use promptdb::store::CHECK_EVERY;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use serde_json::Value;
use tokio::task::JoinSet;

use super::Shop;
use crate::stripe::fake::faults::{Fault, Kind};
use crate::stripe::fake::{Command, MONTHLY, YEARLY};
use crate::support::TestResponse;

/// The number of histories, unless `BILLING_HISTORIES` is set to another one.
const HISTORIES: u32 = 200;
/// Maximum number of steps of a history.
const STEPS_MAX: usize = 16;
/// A price that is not sold.
const OTHER: &str = "price_other";
/// The statuses that come about otherwise than by a payment.
const STATUSES: [&str; 4] = ["trialing", "paused", "unpaid", "past_due"];
/// What a payment that has failed for good ends in.
const ENDS: [&str; 3] = ["canceled", "unpaid", "past_due"];

/// What happens at Stripe, and on the way from there. A number chooses among what there is.
#[derive(Debug, Clone)]
enum Step {
    Subscribe {
        price: usize,
    },
    PassDays(i64),
    SetCard {
        works: bool,
    },
    PayInvoices(usize),
    CancelAtPeriodEnd(usize),
    Resume(usize),
    CancelNow(usize),
    ChangePrice(usize, usize),
    /// The owner of the account, a trial or the portal changes the status.
    SetStatus(usize, &'static str),
    /// What follows when a payment has failed for some days.
    SetDunning(i64, &'static str),
    DeleteCustomer,
    /// An event arrives; it stays, to arrive again.
    Deliver(usize),
    /// An event arrives, and the state that Stripe has now is received later.
    DeliverSlowly(usize),
    /// Those states are received.
    Receive,
    /// The owner of the subscription looks.
    Sync,
}

/// A history, and what becomes of the events that were not delivered in its course.
#[derive(Debug, Clone)]
struct History {
    steps: Vec<Step>,
    /// The order in which they arrive in the end, and which of them arrive twice.
    order: Vec<(u16, bool)>,
    /// Whether they are lost, and only the comparison is left.
    is_lost: bool,
}

fn histories() -> impl Strategy<Value = History> {
    let one = 0_usize..8;
    let step = prop_oneof![
        4 => (0_usize..5).prop_map(|price| Step::Subscribe { price }),
        4 => (1_i64..40).prop_map(Step::PassDays),
        2 => any::<bool>().prop_map(|works| Step::SetCard { works }),
        1 => one.clone().prop_map(Step::PayInvoices),
        2 => one.clone().prop_map(Step::CancelAtPeriodEnd),
        1 => one.clone().prop_map(Step::Resume),
        1 => one.clone().prop_map(Step::CancelNow),
        1 => (one.clone(), 0_usize..5).prop_map(|(one, price)| Step::ChangePrice(one, price)),
        2 => (one.clone(), prop::sample::select(STATUSES.to_vec()))
            .prop_map(|(one, status)| Step::SetStatus(one, status)),
        1 => (1_i64..40, prop::sample::select(ENDS.to_vec()))
            .prop_map(|(days, end)| Step::SetDunning(days, end)),
        1 => Just(Step::DeleteCustomer),
        4 => one.clone().prop_map(Step::Deliver),
        2 => one.prop_map(Step::DeliverSlowly),
        1 => Just(Step::Receive),
        1 => Just(Step::Sync),
    ];
    let steps = prop::collection::vec(step, 1..=STEPS_MAX);
    let order = prop::collection::vec(any::<(u16, bool)>(), 1..12);
    (steps, order, any::<bool>()).prop_map(|(steps, order, is_lost)| History {
        steps,
        order,
        is_lost,
    })
}

/// The id of a price. What is sold is more frequent.
fn price(choice: usize) -> String {
    [MONTHLY, MONTHLY, MONTHLY, YEARLY, OTHER][choice % 5].to_owned()
}

/// A customer whose history runs.
struct Run<'a> {
    shop: &'a Shop,
    client: &'a StripeClient,
    user: UserId,
    customer: CustomerId,
    subscriptions: Vec<String>,
    events: Vec<Value>,
    /// The number of states that are on their way.
    held: usize,
}

impl Run<'_> {
    /// Acts at Stripe; what makes no sense there does nothing.
    async fn act(&mut self, command: Command) {
        if let Ok(result) = self.shop.stripe.run(command).await {
            let id = result.as_str().filter(|id| id.starts_with("sub_"));
            self.subscriptions.extend(id.map(str::to_owned));
        }
    }

    fn subscription(&self, choice: usize) -> String {
        let ids = &self.subscriptions;
        if ids.is_empty() { "sub_none".to_owned() } else { ids[choice % ids.len()].clone() }
    }

    /// Does a step at Stripe; one of the server does nothing there.
    async fn step(&mut self, step: &Step) {
        let customer = self.customer.as_str().to_owned();
        let command = match *step {
            Step::Subscribe { price: choice } => {
                Command::Subscribe { customer, price: price(choice) }
            }
            Step::PassDays(days) => {
                self.shop.world.clock.advance_days(days);
                Command::Advance { seconds: 0 }
            }
            Step::SetCard { works } => Command::SetCard { customer, works },
            Step::PayInvoices(one) => Command::PayInvoices { subscription: self.subscription(one) },
            Step::CancelAtPeriodEnd(one) => {
                Command::CancelAtPeriodEnd { subscription: self.subscription(one) }
            }
            Step::Resume(one) => Command::Resume { subscription: self.subscription(one) },
            Step::CancelNow(one) => Command::CancelNow { subscription: self.subscription(one) },
            Step::ChangePrice(one, choice) => {
                self.change_price(one, choice).await;
                return;
            }
            Step::SetStatus(one, status) => Command::SetStatus {
                subscription: self.subscription(one),
                status: status.to_owned(),
            },
            Step::SetDunning(days, end) => Command::SetDunning { days, end: end.to_owned() },
            Step::DeleteCustomer => Command::DeleteCustomer { customer },
            Step::Deliver(_) | Step::DeliverSlowly(_) | Step::Receive | Step::Sync => return,
        };
        self.act(command).await;
    }

    async fn change_price(&mut self, one: usize, choice: usize) {
        let id = self.subscription(one);
        let Ok(object) = self.shop.stripe.run(Command::Show { id: id.clone() }).await else {
            return;
        };
        let price = self.shop.run(Command::Show { id: price(choice) }).await;
        let mut items = object["items"].clone();
        items["data"][0]["price"] = price;
        let changes = serde_json::json!({ "items": items });
        self.act(Command::Update { subscription: id, changes }).await;
    }

    async fn deliver(&self, event: &Value) {
        let answer: TestResponse = self.shop.deliver(event).await;
        assert_eq!(answer.status, StatusCode::OK, "{event}");
    }

    /// The best subscription at Stripe, and the one that is kept.
    async fn compare(&self, offer: &Offer) -> [Option<Subscription>; 2] {
        let all = match self.client.list_subscriptions(&self.customer).await {
            Err(StripeError::NoCustomer) => Vec::new(),
            listed => listed.unwrap().subscriptions,
        };
        let stated = pick_best(all, offer, self.shop.world.clock.now());
        let kept = self.shop.store.get_billing(&self.user).await.unwrap().unwrap();
        [stated, kept.subscription]
    }
}

/// Runs the steps of a history. Deliveries whose states are on their way run beside the rest.
async fn run_steps(run: &mut Run<'_>, steps: &[Step]) {
    let mut slow = JoinSet::new();
    for step in steps {
        run.step(step).await;
        run.events.extend(run.shop.take_events().await);
        let chosen = |choice: usize| (!run.events.is_empty()).then(|| choice % run.events.len());
        match *step {
            Step::Deliver(choice) => {
                if let Some(index) = chosen(choice) {
                    run.deliver(&run.events[index]).await;
                }
            }
            Step::DeliverSlowly(choice) => {
                let Some(index) = chosen(choice) else { continue };
                let event = run.events[index].clone();
                let id = EventId::parse(event["id"].as_str().unwrap()).unwrap();
                if run.shop.store.is_event_processed(&id).await.unwrap() {
                    continue;
                }
                let event: promptdb::billing::Event = serde_json::from_value(event).unwrap();
                let kind = Kind::Hold;
                let path = "/v1/subscriptions".to_owned();
                let times = Some(1);
                let fault = Fault { path, times, kind, has_effect: true, ..Fault::default() };
                run.shop.run(Command::Fail { fault }).await;
                let reads = run.shop.count("GET", "/v1/subscriptions").await;
                let billing = run.shop.billing().clone();
                let delivery =
                    async move { billing.receive(&event).await.map_err(|error| error.to_string()) };
                slow.spawn(delivery);
                run.shop.wait_for("GET", "/v1/subscriptions", reads + 1).await;
                run.held += 1;
            }
            Step::Receive => receive(run, &mut slow).await,
            Step::Sync => {
                let billing = run.shop.billing();
                let principal = run.shop.principal(&run.user);
                billing.sync(&principal).await.unwrap();
            }
            _ => {}
        }
    }
    receive(run, &mut slow).await;
}

/// Lets every state that is on its way arrive.
async fn receive(run: &mut Run<'_>, slow: &mut JoinSet<Result<(), String>>) {
    run.shop.run(Command::Release { answers: std::mem::take(&mut run.held) }).await;
    while let Some(done) = slow.join_next().await {
        done.unwrap().unwrap();
    }
}

async fn run_history(
    shop: &Shop,
    client: &StripeClient,
    number: u32,
    history: &History,
) -> TestCaseResult {
    shop.run(Command::Reset).await;
    shop.delivered.store(0, Ordering::SeqCst);
    let [id, currency, interval] = [OTHER, "usd", "month"].map(str::to_owned);
    shop.run(Command::AddPrice { id, amount: 1, currency, interval }).await;
    let customer = client.create_customer("key").await.unwrap();
    let user = UserId::parse(&format!("user_{number}")).unwrap();
    shop.store.bind_customer(&user, &customer).await.unwrap();
    let (subscriptions, events) = (Vec::new(), Vec::new());
    let mut run = Run { shop, client, user, customer, subscriptions, events, held: 0 };
    run_steps(&mut run, &history.steps).await;

    if history.is_lost {
        shop.world.clock.advance_by(CHECK_EVERY);
        shop.billing().compare_customers().await.unwrap();
    } else {
        // Each event arrives at last, some of them once more.
        let order = |index: usize| history.order[index % history.order.len()];
        let mut arrivals: Vec<(u16, usize)> = Vec::new();
        for index in 0..run.events.len() {
            let (rank, is_repeated) = order(index);
            arrivals.push((rank, index));
            arrivals.extend(is_repeated.then_some((rank.rotate_left(5), index)));
        }
        arrivals.sort_unstable();
        for (_, index) in arrivals {
            run.deliver(&run.events[index]).await;
        }
    }
    let offer = super::sell(&shop.stripe).offer();
    let [stated, kept] = run.compare(&offer).await;
    shop.store.forget_customer(&run.customer).await.unwrap();
    let now = shop.world.clock.now();
    let is_paid = |state: &Option<Subscription>| {
        state.as_ref().is_some_and(|subscription| subscription.is_paid(&offer, now))
    };
    prop_assert_eq!(is_paid(&kept), is_paid(&stated));
    prop_assert_eq!(kept, stated);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the number is for the test, not the server")]
#[test]
fn whatever_arrives_in_whatever_order_the_end_is_what_stripe_has() {
    let cases = std::env::var("BILLING_HISTORIES")
        .map_or(HISTORIES, |number| number.parse().expect("a number of histories"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (shop, client) = runtime.block_on(async {
        let shop = Shop::open().await;
        let client = shop.client();
        (shop, client)
    });
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&histories(), |history| {
        number.set(number.get() + 1);
        let run = run_history(&shop, &client, number.get(), &history);
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_mins(2), run).await.expect("the history ends")
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
