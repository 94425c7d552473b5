//! Clients that cost as little as possible: they count the frames that they receive, and parse
//! none of them.

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use crate::{
    child::ServerProcess,
    counter::{Counter, Seen},
    wire::{FrameBoundaries, Wire, masked},
};

/// The most that is read at once: large messages are read in few calls.
const READ: usize = 64 * 1024;

/// A connected client. A task counts its frames. Dropping the client closes its connection.
pub(crate) struct BenchClient {
    writes: OwnedWriteHalf,
    wire: Wire,
    topic: String,
    reader: JoinHandle<()>,
}

impl BenchClient {
    /// Connects and joins `topic`. Returns before the server replies to the join, whose reply is
    /// the first frame that is counted.
    pub(crate) async fn join(
        server: &ServerProcess,
        topic: &str,
        counter: &Counter,
    ) -> anyhow::Result<Self> {
        Self::join_at(server.port, server.wire, topic, counter).await
    }

    /// As [`join`](Self::join), on a port.
    pub(crate) async fn join_at(
        port: u16,
        wire: Wire,
        topic: &str,
        counter: &Counter,
    ) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let target = wire.target();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Answer::read(&mut stream).await?;
        if let Some((before, greeting, after)) = wire.greeting() {
            answer.reach(&mut stream, before).await?;
            stream.write_all(&masked(greeting)).await?;
            answer.reach(&mut stream, after).await?;
        }
        let (reads, writes) = stream.into_split();
        let reader = tokio::task::spawn_local(count(reads, answer.boundaries, counter.clone()));
        let mut client = Self {
            writes,
            wire,
            topic: topic.to_owned(),
            reader,
        };
        client.send(&wire.join(topic)).await?;
        Ok(client)
    }

    /// Sends an event that the server answers with one frame.
    pub(crate) async fn ask(&mut self, event: &str, payload: &str) -> anyhow::Result<()> {
        let message = self.wire.ask(&self.topic, event, payload);
        self.send(&message).await
    }

    /// Sends an event several times in one write. The server answers each with one frame.
    pub(crate) async fn ask_at_once(
        &mut self,
        event: &str,
        payload: &str,
        count: u64,
    ) -> anyhow::Result<()> {
        let message = masked(&self.wire.ask(&self.topic, event, payload));
        let all = message.repeat(count as usize);
        self.writes
            .write_all(&all)
            .await
            .context("the server closed the connection of a client")
    }

    /// Sends an event that the server sends to all members of the topic.
    pub(crate) async fn tell(&mut self, event: &str, payload: &str) -> anyhow::Result<()> {
        let message = self.wire.tell(&self.topic, event, payload);
        self.send(&message).await
    }

    async fn send(&mut self, message: &str) -> anyhow::Result<()> {
        self.writes
            .write_all(&masked(message))
            .await
            .context("the server closed the connection of a client")
    }
}

impl Drop for BenchClient {
    fn drop(&mut self) {
        // It holds the other half of the connection.
        self.reader.abort();
    }
}

/// The server's answer to the handshake, and the frames after it.
struct Answer {
    boundaries: FrameBoundaries,
    frames: u64,
}

impl Answer {
    async fn read(stream: &mut TcpStream) -> anyhow::Result<Self> {
        const END: &[u8] = b"\r\n\r\n";
        let mut response = Vec::with_capacity(512);
        let end = loop {
            if let Some(at) = response.windows(END.len()).position(|part| part == END) {
                break at + END.len();
            }
            if stream.read_buf(&mut response).await? == 0 {
                let response = String::from_utf8_lossy(&response);
                bail!("the handshake failed: {response}");
            }
        };
        if !response.starts_with(b"HTTP/1.1 101") {
            let response = String::from_utf8_lossy(&response);
            bail!("the handshake failed: {response}");
        }
        let mut boundaries = FrameBoundaries::default();
        let frames = boundaries.count(&response[end..]);
        Ok(Self { boundaries, frames })
    }

    /// Reads until `frames` have come.
    async fn reach(&mut self, stream: &mut TcpStream, frames: u64) -> anyhow::Result<()> {
        let mut buffer = [0; 1024];
        while self.frames < frames {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                bail!(
                    "the server closed the connection after {} frames",
                    self.frames
                );
            }
            self.frames += self.boundaries.count(&buffer[..length]);
        }
        Ok(())
    }
}

async fn count(reads: OwnedReadHalf, mut boundaries: FrameBoundaries, counter: Counter) {
    let mut seen = Seen::default();
    // Of the task alone while it reads: thousands of clients share one buffer otherwise unused.
    while reads.readable().await.is_ok() {
        let mut ended = false;
        READ_BUFFER.with_borrow_mut(|buffer| match reads.try_read(buffer) {
            Ok(0) => ended = true,
            Ok(length) => counter.add(boundaries.count(&buffer[..length]), &mut seen),
            Err(error) => ended = error.kind() != std::io::ErrorKind::WouldBlock,
        });
        if ended {
            return;
        }
    }
}

thread_local! {
    /// All clients of the thread read into it, one after another.
    static READ_BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ]);
}
