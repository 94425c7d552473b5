//! Ports for servers under test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// The ports to choose from.
///
/// They are below the ports that systems give to outgoing connections. Otherwise a connection could
/// take a port between its choice and its use, or while the server that owns it is down.
const RANGE: Range<u16> = 10_000..30_000;

/// The number of different ports at which processes begin to look.
const STARTS: u16 = 100;

/// The longest time that [`is_listening`] waits for a connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Returns a port of 127.0.0.1 that is free. No two calls in one process return the same port.
///
/// Processes that run side by side begin at different ports.
///
/// # Errors
///
/// Returns the last error of the operating system if no port can be bound.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = RANGE.end - RANGE.start;
    let first = (std::process::id() % u32::from(STARTS)) as u16 * (count / STARTS);
    let mut last_error = None;
    for _ in 0..count {
        let next = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let port = RANGE.start + (first + next) % count;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// Returns whether a server accepts connections on this port of 127.0.0.1.
pub fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, CONNECT).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_different_and_below_the_ephemeral_range() {
        let ports: Vec<_> = (0..50).map(|_| free_port().unwrap()).collect();
        let different: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), ports.len());
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
    }

    #[test]
    fn a_listener_is_seen() {
        let port = free_port().unwrap();
        assert!(!is_listening(port));
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(is_listening(port));
    }
}
