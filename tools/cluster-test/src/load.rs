//! An app's own messages: clients of several nodes send to a room, and a client of another node
//! counts and times what arrives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_tungstenite::tungstenite::Message;

use crate::client::open;

/// The room of the messages.
pub(crate) const ROOM: &str = "room:app";
/// The bytes of a message without the engine's and the protocol's own.
pub(crate) const MESSAGE: usize = 2000;
/// The wait before another attempt to connect or to join.
const AGAIN: Duration = Duration::from_millis(20);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The time after a join, beside a round trip, from which on messages count: a subscription has to
/// reach their senders, from and to busy processes. zenoh sends all messages over a link that is
/// new, then those that the other node has subscribed to. So if a node subscribes while it links, a
/// few messages arrive, and those of some milliseconds after them do not.
const SUBSCRIBING: Duration = Duration::from_millis(100);

/// A message, as its sender numbers it.
#[derive(Debug, Deserialize)]
struct Shout {
    from: usize,
    number: u64,
}

/// The times at which each sender has sent its messages, in order of their numbers.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<BTreeMap<usize, Vec<Instant>>>>);

/// The sender on one node. Dropping it ends the sending.
pub(crate) struct Sender {
    task: JoinHandle<Result<()>>,
    paused: Arc<AtomicBool>,
}

impl Sender {
    /// Connects to a node and sends `per_second` messages from then on.
    pub(crate) async fn start(
        node: SocketAddr,
        from: usize,
        per_second: f64,
        sent: Sent,
    ) -> Result<Self> {
        let mut stream = open(node, &format!("sender-{from}")).await?;
        let join = json!(["1", "1", ROOM, "phx_join", {}]).to_string();
        stream.send(Message::text(join)).await?;
        let (mut sink, mut frames) = stream.split();
        let pad = "x".repeat(MESSAGE);
        let paused = Arc::<AtomicBool>::default();
        let pauses = Arc::clone(&paused);
        let sending = async move {
            let mut due = interval(Duration::from_secs_f64(1.0 / per_second));
            // A burst after a pause would be more than the load that was asked for.
            due.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut number = 0_u64;
            loop {
                due.tick().await;
                if pauses.load(Ordering::Relaxed) {
                    continue;
                }
                let text = json!(["1", null, ROOM, "shout",
                    { "from": from, "number": number, "pad": pad }]);
                sent.lock().entry(from).or_default().push(Instant::now());
                sink.send(Message::text(text.to_string())).await?;
                number += 1;
            }
        };
        let reading = async move {
            while let Some(Ok(_)) = frames.next().await {}
            anyhow::bail!("a sender's connection was closed")
        };
        let task = tokio::spawn(async {
            tokio::select! {
                ended = sending => ended,
                ended = reading => ended,
            }
        });
        Ok(Self { task, paused })
    }

    /// Returns whether its connection is open.
    pub(crate) fn is_connected(&self) -> bool {
        !self.task.is_finished()
    }

    /// Pauses the sending, or goes on with it.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sent {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Vec<Instant>>> {
        self.0.lock().expect("nobody panics with the times")
    }
}

/// The messages of each sender that have arrived, and when.
#[derive(Debug, Default)]
struct Arrivals {
    of: BTreeMap<usize, BTreeMap<u64, Instant>>,
    count: u64,
    /// The time at which the room was first joined.
    joined: Option<Instant>,
}

/// A client in the room that counts what arrives. Dropping it aborts the connection.
pub(crate) struct Watcher {
    arrivals: Arc<Mutex<Arrivals>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Connects as soon as the node accepts clients, and again after the connection is closed.
    pub(crate) fn start(node: SocketAddr, key: String) -> Self {
        let arrivals = Arc::<Mutex<Arrivals>>::default();
        let watching = watch(node, key, Arc::clone(&arrivals));
        Self {
            arrivals,
            task: tokio::spawn(watching),
        }
    }

    /// Returns the number of messages that have arrived so far.
    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals
            .lock()
            .expect("nobody panics with the arrivals")
    }

    /// Returns the time at which a message arrived from each of `senders` that was sent after
    /// `since`, once there is one of each.
    pub(crate) fn linked(&self, sent: &Sent, since: Instant, senders: usize) -> Option<Instant> {
        let (arrivals, sent) = (self.lock(), sent.lock());
        let firsts = arrivals.of.iter().filter_map(|(from, messages)| {
            let times = sent.get(from)?;
            let late = |number: &u64| times.get(*number as usize).is_some_and(|at| *at >= since);
            messages
                .iter()
                .find(|(number, _)| late(number))
                .map(|(_, at)| *at)
        });
        let firsts: Vec<_> = firsts.collect();
        (firsts.len() == senders).then(|| firsts.into_iter().max())?
    }

    /// Returns what became of the messages sent between `since` and `until`, from the time on at
    /// which their senders knew of the subscription.
    ///
    /// The engine may need until `linked_by` to make its links. A message that a sender sends
    /// before then is not counted if none of its earlier messages arrived. The messages of a sender
    /// of which none arrives are all lost.
    pub(crate) fn outcome(
        &self,
        sent: &Sent,
        since: Instant,
        until: Instant,
        linked_by: Instant,
        round_trip: Duration,
    ) -> Outcome {
        let (arrivals, sent) = (self.lock(), sent.lock());
        let mut outcome = Outcome::default();
        let Some(joined) = arrivals.joined else {
            return outcome;
        };
        let known = since.max(joined + round_trip + SUBSCRIBING);
        let none = BTreeMap::new();
        for (from, times) in sent.iter() {
            let arrived = arrivals.of.get(from).unwrap_or(&none);
            let wanted = times
                .iter()
                .enumerate()
                .filter(|(_, at)| (known..until).contains(at));
            let of_wanted: Vec<_> = wanted
                .map(|(number, at)| (*at, arrived.get(&(number as u64))))
                .collect();
            let is_linked = of_wanted.iter().any(|(_, arrival)| arrival.is_some());
            let unlinked =
                |(at, arrival): &(Instant, Option<_>)| arrival.is_none() && *at < linked_by;
            let counted = of_wanted
                .into_iter()
                .skip_while(|message| is_linked && unlinked(message));
            for (at, arrival) in counted {
                outcome.sent += 1;
                match arrival {
                    Some(arrival) => {
                        let took = arrival.saturating_duration_since(at);
                        outcome.latest = outcome.latest.max(took);
                    }
                    None => {
                        let at = at.saturating_duration_since(since);
                        let first = outcome.lost_within.map_or(at, |(first, _)| first.min(at));
                        let last = outcome.lost_within.map_or(at, |(_, last)| last.max(at));
                        outcome.lost += 1;
                        outcome.lost_within = Some((first, last));
                    }
                }
            }
        }
        outcome
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The fate of an app's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    /// The longest time from the sender to the client.
    pub(crate) latest: Duration,
    /// The times at which the first and the last of those that were lost were sent, counted from
    /// the begin.
    pub(crate) lost_within: Option<(Duration, Duration)>,
}

async fn watch(node: SocketAddr, key: String, arrivals: Arc<Mutex<Arrivals>>) {
    loop {
        // An error means that the node is not there yet, or that it has closed the connection.
        let _ = watch_once(node, &key, &arrivals).await;
        sleep(AGAIN).await;
    }
}

async fn watch_once(node: SocketAddr, key: &str, arrivals: &Mutex<Arrivals>) -> Result<()> {
    let mut stream = open(node, key).await?;
    let join = json!(["1", "1", ROOM, "phx_join", {}]).to_string();
    stream.send(Message::text(join)).await?;
    let mut due = interval(HEARTBEAT);
    let beat = json!([null, "heartbeat", "phoenix", "heartbeat", {}]).to_string();
    loop {
        let frame = tokio::select! {
            frame = stream.next() => frame,
            _ = due.tick() => {
                stream.send(Message::text(beat.clone())).await?;
                continue;
            }
        };
        let Some(frame) = frame else { return Ok(()) };
        let Message::Text(text) = frame? else {
            continue;
        };
        let now = Instant::now();
        let (_, _, _, event, payload): Frame<'_> = serde_json::from_str(&text)?;
        if event == "phx_reply" {
            let mut arrivals = arrivals.lock().expect("nobody panics with the arrivals");
            arrivals.joined.get_or_insert(now);
        } else if event == "shout" {
            let shout: Shout = serde_json::from_str(payload.get())?;
            let mut arrivals = arrivals.lock().expect("nobody panics with the arrivals");
            arrivals.count += 1;
            let of_sender = arrivals.of.entry(shout.from).or_default();
            of_sender.entry(shout.number).or_insert(now);
        }
    }
}

/// The members of every frame.
type Frame<'a> = (
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
    &'a str,
    &'a RawValue,
);

#[cfg(test)]
mod tests;
