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

/// The longest first line, in bytes.
const MAX_LINE: u64 = 1024;
/// The longest wait for a player, who sends the first line or takes one.
const PATIENCE: Duration = Duration::from_secs(5);
/// The wait after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

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
    pub(crate) async fn serve<T>(self, listener: TcpListener, stop: impl Future<Output = T>) {
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.take_players(listener, &mut connections, stopped) => {}
            _ = stop => {}
        }
        // First the other nodes are told, so that players who move there are never seen to leave.
        self.players.leave(Duration::ZERO);
        let _ = stopping.send(true);
        while connections.join_next().await.is_some() {}
        self.players.stop().await;
        self.pubsub.stop().await;
    }

    /// Takes connections, and never returns.
    async fn take_players(
        &self,
        listener: TcpListener,
        connections: &mut JoinSet<()>,
        stopped: watch::Receiver<bool>,
    ) {
        // A player who is let in sees the players of all nodes.
        self.players.caught_up().await;
        loop {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let players = self.players.clone();
                        connections.spawn(serve_player(stream, players, stopped.clone()));
                    }
                    Err(error) => {
                        // As when all files that the process may open are in use.
                        tracing::warn!(%error, "cannot take a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }
}

/// Serves one player until one of the two sides ends, or the node stops.
async fn serve_player(
    stream: TcpStream,
    players: Tracker<Players>,
    mut stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        // A player whose connection has failed needs no further answer.
        _ = play(stream, players) => {}
        _ = stopped.changed() => {}
    }
}

async fn play(stream: TcpStream, players: Tracker<Players>) -> io::Result<()> {
    // A line is sent at once, and does not wait for an acknowledgement.
    stream.set_nodelay(true)?;
    let (reads, mut writes) = stream.into_split();
    let mut reads = BufReader::new(reads);
    let mut seat = match sit_down(&mut reads, &players).await {
        Ok(seat) => seat,
        Err(reason) => return write(&mut writes, &Line::Refused(reason)).await,
    };
    let mut rest = [0; 64];
    loop {
        tokio::select! {
            line = seat.next() => match line {
                Some(line) => write(&mut writes, &line).await?,
                None => return Ok(()),
            },
            // Further lines are ignored. None come from a player who has gone.
            read = reads.read(&mut rest) => {
                if read? == 0 {
                    return Ok(());
                }
            }
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
    tokio::time::timeout(PATIENCE, writes.write_all(&bytes)).await?
}

#[cfg(test)]
mod tests;
