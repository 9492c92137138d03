//! [`Budget`]: an amount that is bounded in all, and for each holder.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::identity::UserId;

/// The holder of an amount: a user, or the network of a client without one.
///
/// A user is counted wherever their requests come from, for many users share the addresses of a
/// hosted client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    User(UserId),
    Address(IpAddr),
}

/// The bounds of a budget, in its own unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// Maximum in all.
    pub(crate) total: usize,
    /// Maximum of one user.
    pub(crate) user: usize,
    /// Maximum of all addresses together, so that something is left for users.
    pub(crate) addresses: usize,
    /// Maximum of one address.
    pub(crate) address: usize,
    /// Whether the share of a holder also shrinks with what is free.
    pub(crate) is_fair: bool,
}

/// The part of what is free that one holder may add to a budget of bytes. The fuller the budget, the
/// smaller the share of each: a few holders never leave nothing to the others (dynamic thresholds, as
/// switches use for shared buffers). Eight holders of all that they can take leave a tenth.
const FREE_PART: usize = 4;

/// An amount of bytes or places that requests hold for a while.
///
/// Nothing ever waits for a budget: what does not fit is refused at once.
pub(crate) struct Budget {
    shares: Shares,
    holdings: Mutex<Holdings>,
}

#[derive(Default)]
struct Holdings {
    total: usize,
    addresses: usize,
    /// The holders of more than nothing.
    by_holder: HashMap<Holder, usize>,
}

/// A reservation that does not fit into its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// The holder has its share.
    Share,
    /// The budget as a whole is in use.
    Total,
}

/// A part of a [`Budget`], returned when it is dropped.
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    holder: Holder,
    share: usize,
    amount: usize,
}

impl Budget {
    pub(crate) fn new(shares: Shares) -> Arc<Self> {
        Arc::new(Self { shares, holdings: Mutex::default() })
    }

    /// Reserves an amount. An amount above the holder's share fits only if the holder has nothing
    /// else, and counts as the share.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        holder: Holder,
        amount: usize,
    ) -> Result<Reservation, Exhausted> {
        let share = match holder {
            Holder::User(_) => self.shares.user,
            Holder::Address(_) => self.shares.address,
        };
        self.reserve_within(holder, share, amount)
    }

    /// Reserves an amount for a holder whose share is not that of the budget.
    pub(crate) fn reserve_within(
        self: &Arc<Self>,
        holder: Holder,
        share: usize,
        amount: usize,
    ) -> Result<Reservation, Exhausted> {
        let mut reservation = Reservation { budget: Arc::clone(self), holder, share, amount: 0 };
        reservation.grow_to(amount)?;
        Ok(reservation)
    }

    fn lock(&self) -> MutexGuard<'_, Holdings> {
        // The sums are whole after a panic, too: no critical section leaves them half changed.
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Grows the reservation to an amount. After an error it is as it was.
    pub(crate) fn grow_to(&mut self, amount: usize) -> Result<(), Exhausted> {
        let amount = amount.min(self.share);
        let more = amount.saturating_sub(self.amount);
        if more == 0 {
            return if self.share == 0 { Err(Exhausted::Share) } else { Ok(()) };
        }
        let Shares { total, addresses, is_fair, .. } = self.budget.shares;
        let is_address = matches!(self.holder, Holder::Address(_));
        let mut holdings = self.budget.lock();
        let held = holdings.by_holder.get(&self.holder).copied().unwrap_or_default();
        if held + more > self.share {
            return Err(Exhausted::Share);
        }
        let free = if is_address {
            (addresses - holdings.addresses).min(total - holdings.total)
        } else {
            total - holdings.total
        };
        let is_beyond_part = is_fair && held + more > (free + held) / FREE_PART;
        if more > free || is_beyond_part {
            return Err(Exhausted::Total);
        }
        holdings.total += more;
        if is_address {
            holdings.addresses += more;
        }
        match holdings.by_holder.get_mut(&self.holder) {
            Some(held) => *held += more,
            None => {
                holdings.by_holder.insert(self.holder.clone(), more);
            }
        }
        self.amount = amount;
        Ok(())
    }

    /// Returns what the reservation has above an amount.
    pub(crate) fn shrink_to(&mut self, amount: usize) {
        let less = self.amount.saturating_sub(amount);
        if less == 0 {
            return;
        }
        let mut holdings = self.budget.lock();
        holdings.total -= less;
        if matches!(self.holder, Holder::Address(_)) {
            holdings.addresses -= less;
        }
        if let Some(held) = holdings.by_holder.get_mut(&self.holder) {
            *held -= less;
            if *held == 0 {
                holdings.by_holder.remove(&self.holder);
            }
        }
        self.amount -= less;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SHARES: Shares =
        Shares { total: 100, user: 40, addresses: 30, address: 20, is_fair: false };

    fn user(id: &str) -> Holder {
        Holder::User(UserId::parse(id).unwrap())
    }

    fn address(last: u8) -> Holder {
        Holder::Address(Ipv4Addr::new(192, 0, 2, last).into())
    }

    /// The amounts in use: in all, of addresses, and the number of holders.
    fn in_use(budget: &Budget) -> (usize, usize, usize) {
        let holdings = budget.lock();
        (holdings.total, holdings.addresses, holdings.by_holder.len())
    }

    #[test]
    fn each_holder_has_a_share_and_addresses_leave_room_for_users() {
        let budget = Budget::new(SHARES);
        let first = budget.reserve(address(1), 20).unwrap();
        assert_eq!(budget.reserve(address(1), 1).err(), Some(Exhausted::Share));
        let second = budget.reserve(address(2), 10).unwrap();
        assert_eq!(budget.reserve(address(3), 1).err(), Some(Exhausted::Total));
        let ann = budget.reserve(user("ann"), 40).unwrap();
        assert_eq!(budget.reserve(user("ann"), 1).err(), Some(Exhausted::Share));
        let bob = budget.reserve(user("bob"), 30).unwrap();
        assert_eq!(budget.reserve(user("cyd"), 1).err(), Some(Exhausted::Total));
        assert_eq!(in_use(&budget), (100, 30, 4));
        drop((first, second, ann, bob));
        assert_eq!(in_use(&budget), (0, 0, 0));
    }

    #[test]
    fn a_few_holders_never_leave_nothing_to_the_others() {
        let shares = Shares { total: 24 << 20, user: 4 << 20, is_fair: true, ..SHARES };
        let budget = Budget::new(shares);
        let greedy = (0..8).flat_map(|number| {
            let holder = user(&format!("greedy_{number}"));
            let take = || budget.reserve(holder.clone(), 64 * 1024).ok();
            std::iter::from_fn(take).collect::<Vec<_>>()
        });
        let greedy: Vec<Reservation> = greedy.collect();
        assert!(greedy.len() > 300, "{}", greedy.len());
        let honest: Vec<_> = (0..10)
            .map(|number| budget.reserve(user(&format!("honest_{number}")), 128 * 1024))
            .collect();
        assert!(honest.iter().all(Result::is_ok));
        drop((greedy, honest));
        assert_eq!(in_use(&budget), (0, 0, 0));
        assert!(budget.reserve(user("ann"), 4 << 20).is_ok(), "the whole share while all is free");
    }

    #[test]
    fn a_reservation_grows_within_its_share_or_stays_as_it_was() {
        let budget = Budget::new(SHARES);
        let mut ann = budget.reserve(user("ann"), 10).unwrap();
        ann.grow_to(30).unwrap();
        ann.grow_to(20).unwrap();
        assert_eq!(in_use(&budget), (30, 0, 1));
        let other = budget.reserve(user("ann"), 5).unwrap();
        assert_eq!(ann.grow_to(36), Err(Exhausted::Share));
        assert_eq!(in_use(&budget), (35, 0, 1));
        ann.shrink_to(40);
        assert_eq!(in_use(&budget), (35, 0, 1));
        ann.shrink_to(7);
        assert_eq!(in_use(&budget), (12, 0, 1));
        drop(ann);
        assert_eq!(in_use(&budget), (5, 0, 1));
        drop(other);
    }

    #[test]
    fn an_amount_above_the_share_fits_alone() {
        let budget = Budget::new(SHARES);
        let large = budget.reserve(user("ann"), 1000).unwrap();
        assert_eq!(in_use(&budget), (40, 0, 1));
        assert_eq!(budget.reserve(user("ann"), 1).err(), Some(Exhausted::Share));
        drop(large);
        let small = budget.reserve(user("ann"), 1).unwrap();
        assert_eq!(budget.reserve(user("ann"), 1000).err(), Some(Exhausted::Share));
        drop(small);
        assert_eq!(budget.reserve_within(user("ann"), 0, 1).err(), Some(Exhausted::Share));
    }
}
