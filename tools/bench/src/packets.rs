//! The packets of this machine's TCP connections.

use anyhow::Context;

/// Returns the number of packets with data that this machine has sent by TCP, retransmissions
/// apart. Over loopback a write of up to 64 KiB is a packet, whatever system call it was.
pub(crate) fn sent() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/net/netstat")?;
    original_data(&text).context("Linux reports no TCPOrigDataSent")
}

/// Each group of the file is a line of names and a line of values.
fn original_data(text: &str) -> Option<u64> {
    let lines: Vec<_> = text.lines().collect();
    let (names, values) = lines.chunks_exact(2).find_map(|pair| {
        let names = pair[0].strip_prefix("TcpExt:")?;
        Some((names, pair[1].strip_prefix("TcpExt:")?))
    })?;
    let at = names
        .split_whitespace()
        .position(|name| name == "TCPOrigDataSent")?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_stands_under_its_name() {
        let text = "IpExt: InNoRoutes\nIpExt: 9\n\
                    TcpExt: A TCPOrigDataSent B\nTcpExt: 1 2345 3\n";
        assert_eq!(original_data(text), Some(2345));
        assert_eq!(original_data("TcpExt: A\nTcpExt: 1\n"), None);
        assert_eq!(original_data(""), None);
    }
}
