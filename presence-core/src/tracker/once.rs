//! The callbacks that run once per cluster: first joins and last leaves of keys.
//!
//! A diff tells which keys came or went by it. The [window] decides which of their callbacks run
//! here. Last leaves are [held] back. The [queues] keep the order. One task does all three, and
//! never waits for a callback.

mod held;
mod queues;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Host;
use super::handle::Shared;
use super::host::wall_clock;
use crate::log_limit::LogLimit;
use crate::presence::Presence;
use crate::replication::shard::KeyChange;
use crate::telemetry;
use held::Held;
use queues::{Call, Queues};
use window::{Event, Window};

/// The time for which changes are kept beyond `down_period`: a node may have been late before it
/// fell silent.
const KEPT_LONGER: Duration = Duration::from_secs(10);
/// The time between two looks at the nodes while changes are kept.
const LOOK: Duration = Duration::from_secs(1);

/// A message to the task.
pub(super) enum Message {
    /// The keys of the topic that came or went by a diff.
    Changes(Arc<str>, Vec<KeyChange>, Due),
    /// An answer is wanted when no callback waits or runs.
    Drain(oneshot::Sender<()>),
}

/// Counts as something under way until it is dropped.
pub(super) struct Due(Arc<Host>);

impl Due {
    pub(super) fn new(host: &Arc<Host>) -> Self {
        host.begins();
        Self(Arc::clone(host))
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.0.ends();
    }
}

/// Waits until the callbacks of all earlier changes have run, or never will.
pub(super) async fn drained(task: &mpsc::UnboundedSender<Message>) {
    let (sender, answer) = oneshot::channel();
    if task.send(Message::Drain(sender)).is_ok() {
        // An error means that the task has ended.
        let _ = answer.await;
    }
}

pub(super) async fn run<P: Presence>(
    shared: Arc<Shared<P>>,
    mut messages: mpsc::UnboundedReceiver<Message>,
) {
    let host = &shared.host;
    let options = &shared.options.node;
    let overlap = 2 * options.broadcast_period;
    let delay = shared.options.last_leave_delay;
    let mut window = Window::new(options.down_period + KEPT_LONGER, overlap, delay);
    let mut held = Held::new(delay);
    let mut queues = Queues::new();
    let mut running = JoinSet::new();
    let mut drains = Vec::new();
    let mut events = host.messenger.events();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let limits = [LogLimit::default(), LogLimit::default()];
    loop {
        let (mut news, mut stops) = (Vec::new(), false);
        let next_due = held.next_due().map(|due| host.at(due));
        tokio::select! {
            _ = host.closed.wait() => return,
            Some(message) = messages.recv() => match message {
                Message::Changes(topic, changes, due) => {
                    let now = (host.now(), wall_clock());
                    news = window.note(&topic, changes, now, &host.roll());
                    drop(due);
                }
                Message::Drain(sender) => {
                    drains.push(sender);
                    stops = true;
                }
            },
            Some(done) = running.join_next() => match done {
                Ok(topic) => queues.done(topic),
                // Cannot happen: the panics of callbacks are caught.
                Err(error) => tracing::error!(%error, presence = P::NAME, "a task for callbacks panicked"),
            },
            // An error means that events were missed: the roll is read anyway.
            _ = events.recv() => news = window.look(host.now(), &host.roll()),
            () = due(next_due) => {}
            _ = looks.tick(), if !window.is_empty() => {
                news = window.look(host.now(), &host.roll());
            }
        }
        let due = ready(&mut held, news, stops, host);
        let pushed = due
            .into_iter()
            .map(|event| queues.push(event, || Due::new(host)));
        let dropped = pushed.filter(|pushed| !pushed).count();
        report(P::NAME, dropped, window.take_dropped(), &limits);
        while running.len() < shared.options.max_concurrent_diffs
            && let Some(next) = queues.next()
        {
            running.spawn(call(Arc::clone(&shared), next));
        }
        if queues.is_empty() {
            for sender in drains.drain(..) {
                // An error means that the caller of `stop` gave up.
                let _ = sender.send(());
            }
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Returns the events to be handled now: joins, and leaves that were held back for long enough, or
/// all leaves if the tracker stops.
fn ready(held: &mut Held, news: Vec<Event>, stops: bool, host: &Host) -> Vec<Event> {
    let now = host.now();
    let joins = news.into_iter().filter_map(|event| held.push(event, now));
    let mut ready: Vec<_> = joins.collect();
    let mut leaves = if stops { held.take() } else { held.due(now) };
    if !leaves.is_empty() {
        let roll = host.roll();
        // After a leave in order, another node handles them.
        leaves.retain(|_| roll.seat(&roll.me).is_some());
    }
    ready.append(&mut leaves);
    ready
}

/// Runs a callback to its end. Returns its topic.
async fn call<P: Presence>(shared: Arc<Shared<P>>, call: Call) -> Arc<str> {
    let (topic, events) = (&*call.topic, &*call.events);
    // In blocks of their own: a hand-written callback may panic before it returns a future.
    if call.came {
        let handled = async { shared.presence.handle_first_joins(topic, events).await };
        shared.call("handle_first_joins", topic, handled).await;
    } else {
        let handled = async { shared.presence.handle_last_leaves(topic, events).await };
        shared.call("handle_last_leaves", topic, handled).await;
    }
    call.topic
}

/// Logs events that were too many to wait, or to be kept.
fn report(presence: &'static str, dropped: usize, forgotten: u64, limits: &[LogLimit; 2]) {
    if dropped > 0 {
        telemetry::key_events_dropped(presence, dropped);
    }
    if dropped > 0
        && let Some(times) = limits[0].pass()
    {
        tracing::error!(
            presence,
            dropped,
            times,
            "first joins or last leaves were dropped, because the callbacks are too slow"
        );
    }
    if forgotten > 0
        && let Some(times) = limits[1].pass()
    {
        tracing::warn!(
            presence,
            forgotten,
            times,
            "users come and go too fast to keep their first joins and last leaves for \
             down_period: those that a node had to handle may be lost with it"
        );
    }
}

#[cfg(test)]
mod tests;
