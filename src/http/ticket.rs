//! [`Ticket`]: what one request holds of the server, from its admission until its answer is written.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::budget::{Budget, Exhausted, Holder, Reservation, Shares};
use crate::domain::identity::Principal;
use crate::error::ApiError;

/// Size in bytes up to which a body needs nothing of a budget, in either direction. The places of
/// requests in flight bound how many there are.
pub(crate) const SMALL_BYTES: usize = 8 * 1024;

const MIB: usize = 1024 * 1024;

/// The memory for request bodies above [`SMALL_BYTES`], from their first byte to the end of the
/// handler. Clients without a user hold at most a quarter of it, so that unsigned webhooks take
/// nothing from users.
const BODIES: Shares =
    Shares { total: 16 * MIB, user: 4 * MIB, addresses: 4 * MIB, address: MIB, is_fair: true };
/// The memory for answers above [`SMALL_BYTES`], until the client has taken them. A list ends at
/// 1 MiB, so that a user may have four of them on the way.
const ANSWERS: Shares =
    Shares { total: 24 * MIB, user: 4 * MIB, addresses: 4 * MIB, address: MIB, is_fair: true };
/// The bytes of uploads in temporary files. An import has at most 16 MiB.
const UPLOADS: Shares =
    Shares { total: 512 * MIB, user: 64 * MIB, addresses: 0, address: 0, is_fair: true };
/// Maximum number of open streams of events. The share of a user is that of their plan.
const STREAMS: Shares = Shares { total: 4096, user: 0, addresses: 0, address: 0, is_fair: false };
/// Maximum number of imports at a time. The share of a user is that of their plan. An import holds a
/// thread, its file, and what was read ahead of it.
const IMPORTS: Shares = Shares { total: 32, user: 0, addresses: 0, address: 0, is_fair: false };
/// Maximum number of files for imports that are being received, each by a thread.
const UPLOADING: Shares = Shares { total: 64, user: 0, addresses: 0, address: 0, is_fair: false };
/// The uploads of a user beside those that their plan lets them import at a time.
const UPLOADS_AHEAD: usize = 1;

/// The budgets that requests share.
///
/// With the default settings the process stays under 256 MB, whatever clients send:
///
/// | what | bound |
/// |---|---|
/// | the process itself, its caches, SQLite | 35 MB |
/// | 4,096 requests in flight, each with its connection, head, future, and small bodies: 22 KB | 90 MB |
/// | 3,072 other connections, each with a stream or an unfinished head: 20 KB | 62 MB |
/// | the buffers of HTTP/2 | 13 MB |
/// | request bodies, answers, heads | 16 + 24 + 4 MiB |
pub(crate) struct Budgets {
    bodies: Arc<Budget>,
    answers: Arc<Budget>,
    uploads: Arc<Budget>,
    streams: Arc<Budget>,
    imports: Arc<Budget>,
    uploading: Arc<Budget>,
}

impl Budgets {
    pub(super) fn new() -> Self {
        Self {
            bodies: Budget::new(BODIES),
            answers: Budget::new(ANSWERS),
            uploads: Budget::new(UPLOADS),
            streams: Budget::new(STREAMS),
            imports: Budget::new(IMPORTS),
            uploading: Budget::new(UPLOADING),
        }
    }
}

/// What a request holds. It travels in the extensions of the request and of its response; the last
/// one to drop it frees everything.
pub(crate) struct Ticket {
    caller: Option<Arc<Principal>>,
    /// The network of the client.
    address: IpAddr,
    /// Maximum size of the body in bytes.
    body_max_bytes: usize,
    budgets: Arc<Budgets>,
    /// Whether the handler waits for the body.
    is_receiving: AtomicBool,
    body: Mutex<BodyHoldings>,
    answer: Mutex<Option<Reservation>>,
    /// The place among the requests in flight, and that among the requests without a user.
    _places: (Option<OwnedSemaphorePermit>, Option<Reservation>),
}

/// The memory and the disk space that a body takes.
#[derive(Default)]
struct BodyHoldings {
    memory: Option<Reservation>,
    disk: Option<Reservation>,
}

impl Ticket {
    pub(super) fn new(
        budgets: &Arc<Budgets>,
        caller: Option<Arc<Principal>>,
        address: IpAddr,
        body_max_bytes: usize,
        places: (Option<OwnedSemaphorePermit>, Option<Reservation>),
    ) -> Self {
        Self {
            caller,
            address,
            body_max_bytes,
            budgets: Arc::clone(budgets),
            is_receiving: AtomicBool::new(false),
            body: Mutex::default(),
            answer: Mutex::default(),
            _places: places,
        }
    }

    /// The ticket of a stream of events, which may last for hours and so has no place.
    pub(super) fn of_stream(&self) -> Self {
        Self::new(&self.budgets, self.caller.clone(), self.address, 0, (None, None))
    }

    pub(super) fn body_max_bytes(&self) -> usize {
        self.body_max_bytes
    }

    fn holder(&self) -> Holder {
        match &self.caller {
            Some(caller) => Holder::User(caller.user_id.clone()),
            None => Holder::Address(self.address),
        }
    }

    pub(super) fn set_receiving(&self, is_receiving: bool) {
        self.is_receiving.store(is_receiving, Ordering::Relaxed);
    }

    /// Whether the handler waits for the rest of the body.
    pub(super) fn is_receiving(&self) -> bool {
        self.is_receiving.load(Ordering::Relaxed)
    }

    /// Charges the memory of the body: so many bytes in all.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] if there is no memory for it.
    pub(super) fn charge_body(&self, bytes: usize) -> Result<(), ApiError> {
        if bytes <= SMALL_BYTES {
            return Ok(());
        }
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        self.grow(&self.budgets.bodies, &mut body.memory, bytes)
    }

    /// Charges the disk space of the body: so many bytes in all.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] if there is no space for it.
    pub(super) fn charge_upload(&self, bytes: usize) -> Result<(), ApiError> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        self.grow(&self.budgets.uploads, &mut body.disk, bytes)
    }

    fn grow(
        &self,
        budget: &Arc<Budget>,
        held: &mut Option<Reservation>,
        bytes: usize,
    ) -> Result<(), ApiError> {
        let grown = match held {
            Some(held) => held.grow_to(bytes),
            None => budget.reserve(self.holder(), bytes).map(|made| *held = Some(made)),
        };
        grown.map_err(|_| ApiError::Overloaded)
    }

    /// Frees what the body took. Called when the handler has returned.
    pub(super) fn release_body(&self) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = BodyHoldings::default();
    }

    /// Charges a finished answer of so many bytes in all, until the ticket is dropped. A later call
    /// replaces the amount.
    ///
    /// # Errors
    /// [`ApiError::AnswersUnread`] if too many answers wait for their clients.
    pub(super) fn charge_answer(&self, bytes: usize) -> Result<(), ApiError> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &mut *answer {
            held.shrink_to(bytes);
            return held.grow_to(bytes).map_err(|_| ApiError::AnswersUnread);
        }
        *answer = self.charge_message(bytes)?;
        Ok(())
    }

    /// Charges a part of an answer, until the reservation is dropped.
    pub(super) fn charge_chunk(&self, bytes: usize) -> Result<Option<Reservation>, Exhausted> {
        if bytes <= SMALL_BYTES {
            return Ok(None);
        }
        self.budgets.answers.reserve(self.holder(), bytes).map(Some)
    }

    /// Charges a message that waits in the queue of a stream, until the reservation is dropped.
    ///
    /// # Errors
    /// [`ApiError::AnswersUnread`] if too many answers wait for their clients.
    pub(crate) fn charge_message(&self, bytes: usize) -> Result<Option<Reservation>, ApiError> {
        self.charge_chunk(bytes).map_err(|_| ApiError::AnswersUnread)
    }

    /// Takes a place among the files that are being received for imports.
    ///
    /// # Errors
    /// As [`take_import_place`](Self::take_import_place), so that no file is sent in vain; one more
    /// file than the plan has imports may be on its way.
    pub(crate) fn take_upload_place(&self) -> Result<Reservation, ApiError> {
        drop(self.take_import_place()?);
        let limit = self.plan_imports();
        self.budgets
            .uploading
            .reserve_within(self.holder(), limit + UPLOADS_AHEAD, 1)
            .map_err(|exhausted| refuse_import(exhausted, limit))
    }

    /// Takes a place among the imports at work.
    ///
    /// # Errors
    /// [`ApiError::TooManyImports`] above the number of the caller's plan, and [`ApiError::Busy`]
    /// above the number of the server.
    pub(crate) fn take_import_place(&self) -> Result<Reservation, ApiError> {
        let limit = self.plan_imports();
        let place = self.budgets.imports.reserve_within(self.holder(), limit, 1);
        place.map_err(|exhausted| refuse_import(exhausted, limit))
    }

    fn plan_imports(&self) -> usize {
        self.caller.as_ref().map_or(0, |caller| caller.plan.imports)
    }

    /// Takes a seat among the open streams of events.
    ///
    /// # Errors
    /// [`ApiError::TooManyStreams`] above the number of the caller's plan, and
    /// [`ApiError::Overloaded`] above the number of the server.
    pub(super) fn take_seat(&self) -> Result<Reservation, ApiError> {
        let limit = self.caller.as_ref().map_or(0, |caller| caller.plan.streams);
        let seat = self.budgets.streams.reserve_within(self.holder(), limit, 1);
        seat.map_err(|exhausted| match exhausted {
            Exhausted::Share => ApiError::TooManyStreams { limit },
            Exhausted::Total => ApiError::Overloaded,
        })
    }
}

fn refuse_import(exhausted: Exhausted, limit: usize) -> ApiError {
    match exhausted {
        Exhausted::Share => ApiError::TooManyImports { limit },
        Exhausted::Total => ApiError::Busy,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::identity::{Client, UserId};
    use crate::domain::plan::Plan;

    /// The ticket of a request of a free user.
    fn ticket_of(budgets: &Arc<Budgets>, user: usize) -> Ticket {
        let caller = Principal {
            user_id: UserId::parse(&format!("user_{user}")).unwrap(),
            plan: Plan::free(25, None),
            ..Principal::local(Client::named("test"))
        };
        let address = Ipv4Addr::LOCALHOST.into();
        Ticket::new(budgets, Some(Arc::new(caller)), address, 0, (None, None))
    }

    #[test]
    fn no_few_users_take_all_streams() {
        let budgets = Arc::new(Budgets::new());
        let ticket = |user: usize| ticket_of(&budgets, user);
        let mut seats = Vec::new();
        for user in 0..256 {
            let ticket = ticket(user);
            seats.extend((0..16).map(|_| ticket.take_seat().map_err(|_| user).unwrap()));
            let refused = ticket.take_seat().err();
            assert!(matches!(refused, Some(ApiError::TooManyStreams { limit: 16 })), "{user}");
        }
        let refused = ticket(256).take_seat().err();
        assert!(matches!(refused, Some(ApiError::Overloaded)));
        seats.pop();
        assert!(ticket(256).take_seat().is_ok());
    }

    #[test]
    fn no_few_users_take_all_places_of_imports_and_uploads() {
        let budgets = Arc::new(Budgets::new());
        let ticket = |user: usize| ticket_of(&budgets, user);
        let is_own = |refused: Option<ApiError>| {
            matches!(refused, Some(ApiError::TooManyImports { limit: 1 }))
        };
        let is_full = |refused: Option<ApiError>| matches!(refused, Some(ApiError::Busy));

        let mut uploads = Vec::new();
        for user in 0..32 {
            uploads.extend((0..2).map(|_| ticket(user).take_upload_place().map_err(|_| user)));
            assert!(is_own(ticket(user).take_upload_place().err()), "{user}");
        }
        assert!(uploads.iter().all(Result::is_ok));
        assert!(is_full(ticket(32).take_upload_place().err()));
        // Files that are on their way take nothing from the imports at work.
        let mut imports: Vec<_> =
            (0..32).map(|user| ticket(user).take_import_place().map_err(|_| user)).collect();
        assert!(imports.iter().all(Result::is_ok));
        assert!(is_own(ticket(0).take_import_place().err()));
        assert!(is_full(ticket(32).take_import_place().err()));
        uploads.clear();
        assert!(is_own(ticket(0).take_upload_place().err()), "no file is sent in vain");
        assert!(is_full(ticket(32).take_upload_place().err()));
        imports.pop();
        assert!(ticket(32).take_upload_place().is_ok() && ticket(32).take_import_place().is_ok());
    }

    #[test]
    fn a_request_without_a_user_has_no_stream() {
        let budgets = Arc::new(Budgets::new());
        let ticket = Ticket::new(&budgets, None, Ipv4Addr::LOCALHOST.into(), 0, (None, None));
        assert!(ticket.take_seat().is_err());
    }
}
