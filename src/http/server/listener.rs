//! [`Listener`]: the sockets on which a server accepts connections.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

/// Number of free ports that are tried until one is free on both loopback addresses.
const PORTS_MAX: usize = 8;

/// One socket, or those of both loopback addresses on the same port.
pub struct Listener {
    first: TcpListener,
    second: Option<TcpListener>,
    /// Whether `localhost` can lead to no other program.
    owns_localhost: bool,
}

impl From<TcpListener> for Listener {
    fn from(first: TcpListener) -> Self {
        Self { first, second: None, owns_localhost: true }
    }
}

impl Listener {
    /// Listens on one address.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::from)
    }

    /// Listens on a loopback address, and on that of the other version of IP where there is one:
    /// `localhost` means both. Port 0 selects a port that is free on both.
    ///
    /// Succeeds on a machine without the other version. Succeeds as well if another program has the
    /// other address; then [`host`](Self::host) is not `localhost`.
    pub async fn bind_loopback(address: SocketAddr) -> io::Result<Self> {
        let other = match address.ip() {
            IpAddr::V4(Ipv4Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => return Self::bind(address).await,
        };
        let mut attempts = 1..PORTS_MAX;
        loop {
            let first = TcpListener::bind(address).await?;
            let port = first.local_addr()?.port();
            match TcpListener::bind(SocketAddr::new(other, port)).await {
                Ok(second) => {
                    return Ok(Self { first, second: Some(second), owns_localhost: true });
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    if address.port() != 0 || attempts.next().is_none() {
                        return Ok(Self { first, second: None, owns_localhost: false });
                    }
                }
                Err(_) => return Ok(Self::from(first)),
            }
        }
    }

    /// The address of the socket that was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.first.local_addr()
    }

    /// The name or address under which a client of this machine reaches the server for certain, as
    /// it stands in a URL.
    pub fn host(&self) -> io::Result<String> {
        if self.owns_localhost {
            return Ok("localhost".to_owned());
        }
        Ok(match self.local_addr()?.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        })
    }

    /// Accepts the next connection on either socket. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.second {
            None => self.first.accept().await,
            Some(second) => tokio::select! {
                accepted = self.first.accept() => accepted,
                accepted = second.accept() => accepted,
            },
        }
    }

    /// The sockets.
    pub(super) fn into_sockets(self) -> impl Iterator<Item = TcpListener> {
        [Some(self.first), self.second].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn port_of(listener: &Listener) -> u16 {
        let port = listener.local_addr().unwrap().port();
        let served = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let (connected, accepted) = tokio::join!(served, listener.accept());
        assert_eq!(connected.unwrap().local_addr().unwrap(), accepted.unwrap().1);
        port
    }

    /// Whether this machine has an IPv6 loopback address.
    async fn has_ipv6() -> bool {
        TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok()
    }

    #[tokio::test]
    async fn both_loopback_addresses_are_served_on_one_port() {
        let listener =
            Listener::bind_loopback(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let port = port_of(&listener).await;
        assert_eq!(listener.host().unwrap(), "localhost");
        let over_ipv6 = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await;
        assert_eq!(over_ipv6.is_ok(), has_ipv6().await);
        if over_ipv6.is_ok() {
            assert!(listener.accept().await.unwrap().1.is_ipv6());
        }
    }

    #[tokio::test]
    async fn an_address_of_another_program_is_not_promised() {
        if !has_ipv6().await {
            return;
        }
        let other = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // The port can be taken on IPv4 as well.
        if let Ok(listener) = Listener::bind_loopback(address).await {
            assert_eq!(listener.host().unwrap(), "127.0.0.1");
            assert_eq!(port_of(&listener).await, port);
        }
    }

    #[tokio::test]
    async fn any_other_address_is_one_socket() {
        let address = SocketAddr::from(([127, 0, 0, 2], 0));
        if let Ok(listener) = Listener::bind_loopback(address).await {
            assert_eq!(listener.local_addr().unwrap().ip(), address.ip());
            assert_eq!(listener.into_sockets().count(), 1);
        }
    }
}
