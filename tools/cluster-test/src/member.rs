//! A user with a page open: joins a topic, follows who is in it, and comes back when the connection
//! breaks.

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
use crate::client::{Client, Frame};
use crate::presence::{Diff, Presence, Shift, State};

/// As phoenix.js by default.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long phoenix.js waits by default before each attempt to connect again, in milliseconds.
const WAITS: [u64; 9] = [10, 50, 100, 150, 200, 250, 500, 1000, 2000];
const LONGEST_WAIT: u64 = 5000;

/// Where a user's connections go.
#[derive(Clone)]
pub(crate) enum Home {
    /// To one node, always.
    Node(SocketAddr),
    /// To whichever node a balancer says.
    Any(Arc<Balancer>),
}

/// A user in a topic. Dropping it cuts the connection.
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

/// What a user's page holds, and has been told.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) presence: Presence,
    /// Every change of who is shown.
    log: Vec<(Instant, Shift)>,
    /// The node that the present connection goes to.
    pub(crate) node: Option<SocketAddr>,
    /// Connections so far.
    pub(crate) connections: usize,
    /// How long it was without a list after each connection that broke.
    pub(crate) away: Vec<Duration>,
    /// Since when it is without one.
    lost: Option<Instant>,
    /// When the last join was asked for.
    pub(crate) asked: Option<Instant>,
}

impl Page {
    pub(crate) fn keys(&self) -> BTreeSet<&str> {
        self.presence.shown().keys().map(String::as_str).collect()
    }

    /// When `key` was shown first.
    pub(crate) fn first_saw(&self, key: &str) -> Option<Instant> {
        let came = |shift: &Shift| shift.came.iter().any(|other| other == key);
        let change = self.log.iter().find(|(_, shift)| came(shift));
        change.map(|(at, _)| *at)
    }

    /// Who was shown no longer at some moment, with the moment.
    pub(crate) fn departures(&self) -> impl Iterator<Item = (&str, Instant)> {
        self.log.iter().flat_map(|(at, shift)| {
            let went = shift.went.iter();
            went.map(move |key| (key.as_str(), *at))
        })
    }

    fn take(&mut self, frame: &Frame) -> Result<()> {
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
    /// Joins, and waits for the first list.
    pub(crate) async fn join(home: Home, key: &str, topic: &str) -> Result<Self> {
        let member = Self::start(home, key, topic);
        member
            .until("its first list", |page| page.presence.is_synced())
            .await?;
        Ok(member)
    }

    /// Begins to join.
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

    /// What the page holds now.
    pub(crate) fn page(&self) -> MutexGuard<'_, Page> {
        self.shared.page()
    }

    /// Waits until the page is so.
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
                    .map_or("away".to_owned(), |node| format!("at {node}")),
                page.keys().len()
            );
        }
        Ok(())
    }

    /// Leaves the topic for good, and closes.
    pub(crate) async fn leave(mut self) -> Result<Page> {
        self.shared.leave.notify_one();
        timeout(PATIENCE, &mut self.task)
            .await
            .with_context(|| format!("{} does not leave", self.key))???;
        Ok(std::mem::take(&mut *self.page()))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection after another.
async fn live(home: Home, key: String, topic: String, shared: Arc<Shared>) -> Result<()> {
    let mut tries = 0;
    loop {
        let node = match &home {
            Home::Node(node) => Some(*node),
            Home::Any(balancer) => balancer.pick(),
        };
        if let Some(node) = node
            && let Ok(client) = Client::connect(node, &key, &topic).await
        {
            // A node that stops refuses the join, or closes before it is answered: as good as no
            // connection.
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
        // As the guide for clients advises: as long again, by chance, so that not all come at once.
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

async fn follow(mut client: Client, node: SocketAddr, shared: &Shared) -> Result<Ended> {
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
            // An error shows when reading, too.
            _ = beat.tick() => drop(client.heartbeat().await),
            () = shared.leave.notified() => {
                drop(client.leave().await);
                return Ok(Ended::Left);
            }
        }
    }
}
