//! A user with an open page. It joins a topic, follows its presences, and reconnects when the
//! connection breaks.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::PATIENCE;
use crate::balancer::Balancer;
use crate::client::{JoiningClient, ServerFrame};
use crate::presence::{Diff, Presence, Shift, State};

/// The default of phoenix.js.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The default times of phoenix.js before each attempt to reconnect, in milliseconds.
const WAITS: [u64; 9] = [10, 50, 100, 150, 200, 250, 500, 1000, 2000];
const LONGEST_WAIT: u64 = 5000;

/// The node or nodes to which a user connects.
#[derive(Clone)]
pub(crate) enum Home {
    /// Always the same node.
    Node(SocketAddr),
    /// The node that a balancer picks.
    Any(Arc<Balancer>),
}

/// A user in a topic. Dropping it aborts the connection.
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) topic: String,
    shared: Arc<Shared>,
    task: JoinHandle<Result<()>>,
}

struct Shared {
    page: Mutex<Page>,
    changed: Notify,
    leave: Notify,
}

/// The presences that a user's page shows, and their history.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) presence: Presence,
    /// Every change of the keys that are shown.
    log: Vec<(Instant, Shift)>,
    /// The node of the present connection.
    pub(crate) node: Option<SocketAddr>,
    /// The number of connections so far.
    pub(crate) connections: usize,
    /// The time without a list after each broken connection.
    pub(crate) away: Vec<Duration>,
    /// The begin of the present time without a list.
    lost: Option<Instant>,
    /// The time of the last join.
    pub(crate) asked: Option<Instant>,
}

impl Page {
    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        self.presence.shown().keys().map(String::as_str).collect()
    }

    /// Returns the time at which `key` was first shown.
    pub(crate) fn first_saw(&self, key: &str) -> Option<Instant> {
        let came = |shift: &Shift| shift.came.iter().any(|other| other == key);
        let change = self.log.iter().find(|(_, shift)| came(shift));
        change.map(|(at, _)| *at)
    }

    /// Returns the keys that were removed, each with its time.
    pub(crate) fn departures(&self) -> impl Iterator<Item = (&str, Instant)> {
        self.log.iter().flat_map(|(at, shift)| {
            let went = shift.went.iter();
            went.map(move |key| (key.as_str(), *at))
        })
    }

    fn take(&mut self, frame: &ServerFrame) -> Result<()> {
        let shift = match frame.event.as_str() {
            "presence_state" => {
                let state: State = serde_json::from_str(frame.payload.get())?;
                self.away
                    .extend(self.lost.take().map(|lost| lost.elapsed()));
                self.presence.state(&state)
            }
            "presence_diff" => {
                let diff: Diff = serde_json::from_str(frame.payload.get())?;
                self.presence.diff(diff)
            }
            _ => return Ok(()),
        };
        if shift != Shift::default() {
            self.log.push((Instant::now(), shift));
        }
        Ok(())
    }
}

impl Shared {
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().expect("nobody panics with the page")
    }
}

impl Member {
    /// Joins and waits for the first list.
    pub(crate) async fn join(home: Home, key: &str, topic: &str) -> Result<Self> {
        let member = Self::start(home, key, topic);
        member
            .until("its first list", |page| page.presence.is_synced())
            .await?;
        Ok(member)
    }

    /// Starts to join, and does not wait.
    pub(crate) fn start(home: Home, key: &str, topic: &str) -> Self {
        let shared = Arc::new(Shared {
            page: Mutex::default(),
            changed: Notify::new(),
            leave: Notify::new(),
        });
        let life = live(home, key.to_owned(), topic.to_owned(), Arc::clone(&shared));
        Self {
            key: key.to_owned(),
            topic: topic.to_owned(),
            shared,
            task: tokio::spawn(life),
        }
    }

    /// Returns the page.
    pub(crate) fn page(&self) -> MutexGuard<'_, Page> {
        self.shared.page()
    }

    /// Waits until `is` returns true for the page.
    pub(crate) async fn until(&self, what: &str, is: impl FnMut(&Page) -> bool) -> Result<()> {
        self.until_within(PATIENCE, what, is).await
    }

    pub(crate) async fn until_within(
        &self,
        limit: Duration,
        what: &str,
        mut is: impl FnMut(&Page) -> bool,
    ) -> Result<()> {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                if is(&self.page()) {
                    return;
                }
                changed.await;
            }
        };
        if timeout(limit, waiting).await.is_err() {
            let page = self.page();
            bail!(
                "{} in {} waited {limit:?} for {what}; it is {} and shows {} keys",
                self.key,
                self.topic,
                page.node
                    .map_or("disconnected".to_owned(), |node| format!("on {node}")),
                page.keys().len()
            );
        }
        Ok(())
    }

    /// Leaves the topic and closes the connection. Returns the page.
    pub(crate) async fn leave(mut self) -> Result<Page> {
        self.shared.leave.notify_one();
        timeout(PATIENCE, &mut self.task)
            .await
            .with_context(|| format!("{} did not leave in time", self.key))???;
        Ok(std::mem::take(&mut *self.page()))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Holds one connection after another, until the user leaves.
async fn live(home: Home, key: String, topic: String, shared: Arc<Shared>) -> Result<()> {
    let mut tries = 0;
    loop {
        let node = match &home {
            Home::Node(node) => Some(*node),
            Home::Any(balancer) => balancer.pick(),
        };
        if let Some(node) = node
            && let Ok(client) = JoiningClient::connect(node, &key, &topic).await
        {
            // A node that stops rejects the join, or closes before its reply. Both count as a
            // failed connection.
            match follow(client, node, &shared).await? {
                Ended::Left => return Ok(()),
                Ended::Closed { after_a_list } if after_a_list => tries = 0,
                Ended::Closed { .. } => {}
            }
            let mut page = shared.page();
            page.node = None;
            page.lost.get_or_insert_with(Instant::now);
            drop(page);
            shared.changed.notify_waiters();
        }
        let wait = WAITS.get(tries).copied().unwrap_or(LONGEST_WAIT);
        tries += 1;
        // The guide for clients advises a random extra wait, so that clients reconnect spread out.
        let wait = wait + fastrand::u64(0..wait.max(1000));
        tokio::select! {
            () = sleep(Duration::from_millis(wait)) => {}
            () = shared.leave.notified() => return Ok(()),
        }
    }
}

enum Ended {
    Left,
    Closed { after_a_list: bool },
}

async fn follow(mut client: JoiningClient, node: SocketAddr, shared: &Shared) -> Result<Ended> {
    {
        let mut page = shared.page();
        page.presence.rejoined();
        page.asked = Some(Instant::now());
    }
    if client.join().await.is_err() || client.joined().await.is_err() {
        return Ok(Ended::Closed {
            after_a_list: false,
        });
    }
    {
        let mut page = shared.page();
        page.node = Some(node);
        page.connections += 1;
    }
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut after_a_list = false;
    loop {
        tokio::select! {
            frame = client.next() => match frame? {
                Some(frame) => {
                    shared.page().take(&frame)?;
                    after_a_list |= frame.event == "presence_state";
                    shared.changed.notify_waiters();
                }
                None => return Ok(Ended::Closed { after_a_list }),
            },
            // The next read returns the error, too.
            _ = beat.tick() => drop(client.heartbeat().await),
            () = shared.leave.notified() => {
                drop(client.leave().await);
                return Ok(Ended::Left);
            }
        }
    }
}
