//! Clients that cost as little as possible: they count the frames that they receive, and parse
//! none of them.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::Notify,
};

/// The longest wait for frames that are due.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of frames that a group of clients has received.
#[derive(Clone, Default)]
pub(crate) struct Counter(Rc<Count>);

#[derive(Default)]
struct Count {
    frames: Cell<u64>,
    changed: Notify,
}

impl Counter {
    fn add(&self, frames: u64) {
        self.0.frames.set(self.0.frames.get() + frames);
        self.0.changed.notify_one();
    }

    /// Waits until the group has received `frames` since its start.
    pub(crate) async fn reach(&self, frames: u64) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.0.frames.get() < frames {
            let left = until.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, self.0.changed.notified())
                .await
                .is_err()
            {
                bail!(
                    "received {} of {frames} frames within {PATIENCE:?}",
                    self.0.frames.get()
                );
            }
        }
        Ok(())
    }

    /// Returns the number of frames since the start.
    pub(crate) fn get(&self) -> u64 {
        self.0.frames.get()
    }
}

/// A connected client. A task counts its frames.
pub(crate) struct BenchClient {
    writes: OwnedWriteHalf,
}

impl BenchClient {
    /// Connects and joins `room:bench`. Returns before the server replies to the join.
    pub(crate) async fn join(port: u16, counter: &Counter) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut response = Vec::with_capacity(512);
        while !response.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut response).await? == 0 {
                bail!(
                    "the handshake failed: {}",
                    String::from_utf8_lossy(&response)
                );
            }
        }
        if !response.starts_with(b"HTTP/1.1 101") {
            bail!(
                "the handshake failed: {}",
                String::from_utf8_lossy(&response)
            );
        }
        let (mut reads, writes) = stream.into_split();
        let counter = counter.clone();
        tokio::task::spawn_local(async move {
            let mut boundaries = FrameBoundaries::default();
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reads.read(&mut buffer).await {
                counter.add(boundaries.count(&buffer[..length]));
            }
        });
        let mut client = Self { writes };
        client.push("phx_join", "{}").await?;
        Ok(client)
    }

    /// Pushes an event to `room:bench`.
    pub(crate) async fn push(&mut self, event: &str, payload: &str) -> anyhow::Result<()> {
        let body = format!(r#"["1","1","room:bench","{event}",{payload}]"#);
        // The mask is zero, so the body needs no masking.
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend_from_slice(&u16::try_from(body.len())?.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(body.as_bytes());
        self.writes
            .write_all(&frame)
            .await
            .context("the server closed the connection of a client")
    }
}

/// Counts the frames in a stream of bytes.
#[derive(Default)]
struct FrameBoundaries {
    /// The bytes of an incomplete header.
    header: Vec<u8>,
    /// The number of bytes that the current frame's body still lacks.
    body: usize,
}

impl FrameBoundaries {
    /// Returns the number of headers that `bytes` complete.
    fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut count = 0;
        while !bytes.is_empty() {
            let skipped = self.body.min(bytes.len());
            self.body -= skipped;
            bytes = &bytes[skipped..];
            while let Some((byte, rest)) = bytes.split_first().filter(|_| self.body == 0) {
                self.header.push(*byte);
                bytes = rest;
                let length = match self.header[..] {
                    [_, length @ ..126] => usize::from(length),
                    [_, 126, high, low] => usize::from(u16::from_be_bytes([high, low])),
                    _ => continue,
                };
                self.header.clear();
                self.body = length;
                count += 1;
                break;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let mut stream = vec![0x81, 0, 0x81, 3, 1, 2, 3, 0x81, 126, 0, 200];
        stream.extend([7; 200]);
        stream.extend([0x81, 1, 9]);
        for size in 1..stream.len() {
            let mut boundaries = FrameBoundaries::default();
            let count: u64 = stream
                .chunks(size)
                .map(|chunk| boundaries.count(chunk))
                .sum();
            assert_eq!(count, 4, "in pieces of {size}");
        }
    }
}
