//! Ports that stay a node's own while it is down.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Below those that the system gives to connections: a node's port must be free when it is started
/// again, and thousands of clients connect meanwhile.
const RANGE: std::ops::Range<u16> = 20_000..30_000;
const TRIES: usize = 100;

/// A port that nobody uses now.
pub(crate) fn free_port() -> Result<u16> {
    let mut drawn = std::iter::repeat_with(|| fastrand::u16(RANGE)).take(TRIES);
    drawn
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .with_context(|| format!("none of {TRIES} ports from {RANGE:?} is free"))
}
