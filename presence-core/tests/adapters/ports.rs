//! Ports for servers and nodes under test.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ports that systems give to outgoing connections, which would else be taken between the
/// choice of one and its use. Runs side by side begin at different ones.
const RANGE: std::ops::Range<u16> = 10_000..30_000;

/// A port that nobody uses, and that is given to nobody else in this process.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = RANGE.end - RANGE.start;
    let first = (std::process::id() % 100) as u16 * (count / 100);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut ports = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        RANGE.start + (first + next % count) % count
    });
    ports
        .find(free)
        .expect("an endless row of ports holds a free one")
}
