//! The memory of request heads that have not ended.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::http::budget::{Budget, Holder, Reservation, Shares};

/// Size in bytes up to which an unfinished head needs nothing of the budget: that of the buffer that
/// hyper allocates for each connection anyway.
const FREE_BYTES: usize = 8 * 1024;

/// The memory for unfinished heads above [`FREE_BYTES`]. An address has a quarter, for behind a proxy
/// all clients share one; a proxy forwards heads that have ended.
pub(super) const SHARES: Shares = Shares {
    total: 4 * 1024 * 1024,
    user: 0,
    addresses: 4 * 1024 * 1024,
    address: 1024 * 1024,
    is_fair: true,
};

/// The head that a connection is receiving. It keeps its memory until the next one begins, as hyper
/// does.
pub(super) struct Head {
    budget: Arc<Budget>,
    address: IpAddr,
    bytes: usize,
    reserved: Option<Reservation>,
}

impl Head {
    pub(super) fn new(budget: Arc<Budget>, address: IpAddr) -> Self {
        Self { budget, address, bytes: 0, reserved: None }
    }

    /// Begins the next head.
    pub(super) fn restart(&mut self) {
        self.bytes = 0;
        self.reserved = None;
    }

    /// Counts bytes that arrived. Fails if there is no memory for them.
    pub(super) fn receive(&mut self, bytes: usize) -> io::Result<()> {
        self.bytes += bytes;
        if self.bytes <= FREE_BYTES {
            return Ok(());
        }
        let grown = if let Some(reserved) = &mut self.reserved {
            reserved.grow_to(self.bytes)
        } else {
            let reserved = self.budget.reserve(Holder::Address(self.address), self.bytes);
            reserved.map(|reserved| self.reserved = Some(reserved))
        };
        grown.map_err(|_| io::Error::other("too many unfinished request heads"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn unfinished_heads_share_4_mib_and_those_of_an_address_1_mib() {
        let budget = Budget::new(SHARES);
        let receive = |last: u8, bytes: usize| {
            let mut head = Head::new(Arc::clone(&budget), Ipv4Addr::new(192, 0, 2, last).into());
            head.receive(bytes / 2)?;
            head.receive(bytes - bytes / 2)?;
            Ok::<_, io::Error>(head)
        };
        let small: Vec<_> = (0..1000).map(|_| receive(0, FREE_BYTES).unwrap()).collect();
        let mut held = Vec::new();
        // 1 MiB, then a quarter of what is free.
        for (address, expected) in (1..).zip([64, 48, 36, 27, 20]) {
            let before = held.len();
            held.extend((0..1000).map_while(|_| receive(address, 16 * 1024).ok()));
            assert_eq!(held.len() - before, expected, "address {address}");
        }
        drop(small);
        held[..64].iter_mut().for_each(Head::restart);
        assert!(receive(1, 16 * 1024).is_ok());
    }
}
