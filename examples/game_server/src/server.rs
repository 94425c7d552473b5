//! The server: it takes connections, and stops in order.

use std::future::Future;
use std::io;
use std::time::Duration;

use presence_core::{PubSub, Tracker};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::lobby::{Hello, Line, Players, Seat};

/// The longest first line, in bytes, and the longest wait for it.
const MAX_LINE: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// A node of the game.
pub(crate) struct Server {
    pubsub: PubSub,
    players: Tracker<Players>,
}

impl Server {
    pub(crate) fn start(pubsub: PubSub) -> Self {
        let players = Tracker::start(&pubsub, Players);
        Self { pubsub, players }
    }

    /// Serves players until `stop` is ready, and then stops in order.
    pub(crate) async fn serve<T>(
        self,
        listener: TcpListener,
        stop: impl Future<Output = T>,
    ) -> io::Result<()> {
        let mut stop = std::pin::pin!(stop);
        // A player who is let in sees the players of all nodes.
        tokio::select! {
            () = self.players.caught_up() => {}
            _ = &mut stop => {}
        }
        let (stopping, _) = watch::channel(false);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    // A line is sent at once, and does not wait for an acknowledgement.
                    stream.set_nodelay(true)?;
                    connections.spawn(play(stream, self.players.clone(), stopping.subscribe()));
                }
            }
        }
        drop(listener);
        // First the other nodes are told, so that players who move there are never seen to leave.
        self.players.leave(Duration::ZERO);
        let _ = stopping.send(true);
        while connections.join_next().await.is_some() {}
        self.players.stop().await;
        self.pubsub.stop().await;
        Ok(())
    }
}

/// Serves one player until one of the two sides ends.
async fn play(stream: TcpStream, players: Tracker<Players>, mut stopping: watch::Receiver<bool>) {
    let (reads, mut writes) = stream.into_split();
    let mut reads = BufReader::new(reads);
    let mut seat = match sit_down(&mut reads, &players).await {
        Ok(seat) => seat,
        Err(reason) => {
            // A player who has gone does not read it.
            let _ = write(&mut writes, &Line::Refused(reason)).await;
            return;
        }
    };
    let mut rest = [0; 64];
    loop {
        tokio::select! {
            line = seat.next() => {
                let Some(line) = line else { return };
                if write(&mut writes, &line).await.is_err() {
                    return;
                }
            }
            // Further lines are ignored. None come from a player who has gone.
            read = reads.read(&mut rest) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
            }
            _ = stopping.changed() => return,
        }
    }
}

async fn sit_down(
    reads: &mut (impl AsyncBufReadExt + Unpin),
    players: &Tracker<Players>,
) -> Result<Seat, String> {
    let mut line = String::new();
    let mut first = reads.take(MAX_LINE);
    match tokio::time::timeout(PATIENCE, first.read_line(&mut line)).await {
        Ok(Ok(_)) if line.ends_with('\n') => {}
        _ => return Err(format!("expected a line of at most {MAX_LINE} bytes")),
    }
    let hello: Hello = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    let seat = Seat::take(players, &hello).await;
    seat.map_err(|error| error.to_string())
}

async fn write(writes: &mut (impl AsyncWriteExt + Unpin), line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    writes.write_all(&bytes).await
}

#[cfg(test)]
mod tests;
