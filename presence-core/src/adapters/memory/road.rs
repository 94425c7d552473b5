//! The network of a memory cluster that misbehaves: fates of messages, and the task that delivers
//! them in time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use xxhash_rust::xxh3::xxh3_64;

use super::ClusterState;
use crate::{
    adapters::delivery::Delivery,
    pubsub::Broadcast,
    weather::{Bandwidth, Pipe, Weather},
};

/// The bytes of a message around its topic, event and payload.
const AROUND: usize = 64;

/// The roads between the nodes. All messages go by its task, so that they keep the order of their
/// arrivals.
#[derive(Debug)]
pub(super) struct Roads {
    started: Instant,
    weather: Option<Weather>,
    /// The links with a bandwidth, from the network to a node and from a node to the network.
    to: HashMap<Arc<str>, Pipe>,
    from: HashMap<Arc<str>, Pipe>,
    /// The links from one node to another.
    links: HashMap<(Arc<str>, Arc<str>), Link>,
    parcels: mpsc::UnboundedSender<Parcel>,
    sent: u64,
}

#[derive(Debug, Default)]
struct Link {
    sent: u64,
    /// The last arrival of a message that is not late.
    last_arrival: Duration,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    at: Duration,
    /// Of two parcels that arrive together, the one that was sent first is delivered first.
    number: u64,
    to: Arc<str>,
    /// The start of the receiver.
    id: u64,
    message: Broadcast,
}

impl Roads {
    /// Starts the task of the roads, on the runtime of the caller.
    pub(super) fn open(cluster: &Arc<Mutex<ClusterState>>) -> Self {
        let (parcels, receiver) = mpsc::unbounded_channel();
        let started = Instant::now();
        tokio::spawn(deliver(started, receiver, Arc::downgrade(cluster)));
        Self {
            started,
            weather: None,
            to: HashMap::new(),
            from: HashMap::new(),
            links: HashMap::new(),
            parcels,
            sent: 0,
        }
    }

    /// Returns whether the task has ended with its runtime.
    pub(super) fn is_closed(&self) -> bool {
        self.parcels.is_closed()
    }

    pub(super) fn set_weather(&mut self, weather: Option<Weather>) {
        self.weather = weather;
    }

    pub(super) fn limit(&mut self, node: Arc<str>, bandwidth: Option<Bandwidth>) {
        match bandwidth {
            Some(bandwidth) => {
                self.to.insert(node.clone(), Pipe::new(bandwidth));
                self.from.insert(node, Pipe::new(bandwidth));
            }
            None => {
                self.to.remove(&node);
                self.from.remove(&node);
            }
        }
    }

    /// Sends a message on its way: it arrives once, twice or never.
    pub(super) fn send(
        &mut self,
        from: &Arc<str>,
        (to, id): (&Arc<str>, u64),
        message: &Broadcast,
    ) {
        let Weather {
            least_delay,
            longest_delay,
            lost,
            doubled,
            late,
            late_by,
        } = self.weather.unwrap_or(Weather {
            least_delay: Duration::ZERO,
            longest_delay: Duration::ZERO,
            ..Weather::CALM
        });
        let link = self.links.entry((from.clone(), to.clone())).or_default();
        link.sent += 1;
        // The fate of the k-th message of a link depends on nothing else, so that a test repeats.
        let fate = format!("{from} {to} {}", link.sent);
        let mut random = fastrand::Rng::with_seed(xxh3_64(fate.as_bytes()));
        if random.u16(..1000) < lost {
            return;
        }
        let copies = 1 + usize::from(random.u16(..1000) < doubled);
        let delays_equal = least_delay >= longest_delay;
        for _ in 0..copies {
            let is_late = random.u16(..1000) < late;
            let most = if is_late { late_by } else { longest_delay };
            let spread = u64::try_from(most.saturating_sub(least_delay).as_micros());
            let spread = random.u64(..=spread.unwrap_or(u64::MAX - 1));
            let delay = least_delay + Duration::from_micros(spread);
            let Some(mut at) = self.passes(from, to, message, delay) else {
                continue;
            };
            // Without a spread, a message overtakes no other that is not late, also if that was
            // sent in other weather.
            if !is_late {
                let link = self.links.entry((from.clone(), to.clone())).or_default();
                if delays_equal {
                    at = at.max(link.last_arrival);
                }
                link.last_arrival = at.max(link.last_arrival);
            }
            self.sent += 1;
            // Fails only if the runtime has ended, and then no node is there to get it.
            let _ = self.parcels.send(Parcel {
                at,
                number: self.sent,
                to: to.clone(),
                id,
                message: message.clone(),
            });
        }
    }

    /// Returns when a message has passed all links, or `None` if the queue of a link is full.
    fn passes(
        &mut self,
        from: &str,
        to: &str,
        message: &Broadcast,
        delay: Duration,
    ) -> Option<Duration> {
        let Broadcast {
            topic,
            event,
            payload,
        } = message;
        let bytes = topic.len() + event.len() + payload.bytes().len() + AROUND;
        let now = self.started.elapsed();
        let mut at = now;
        if let Some(pipe) = self.from.get_mut(from) {
            at = pipe.pass(bytes, at, now)?;
        }
        at += delay;
        match self.to.get_mut(to) {
            Some(pipe) => pipe.pass(bytes, at, now),
            None => Some(at),
        }
    }
}

async fn deliver(
    started: Instant,
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
    cluster: Weak<Mutex<ClusterState>>,
) {
    let mut under_way = BinaryHeap::new();
    let delivery = Delivery::default();
    loop {
        let next = under_way
            .peek()
            .map(|Reverse(parcel): &Reverse<Parcel>| parcel.at);
        let due = async {
            match next {
                Some(at) => sleep_until(started + at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            parcel = parcels.recv() => match parcel {
                Some(parcel) => under_way.push(Reverse(parcel)),
                // The cluster and all its nodes are gone.
                None => return,
            },
            () = due => {
                let Some(Reverse(parcel)) = under_way.pop() else { continue };
                let Some(cluster) = cluster.upgrade() else { return };
                let inbox = cluster.lock().inbox_of(&parcel.to, parcel.id);
                if let Some(inbox) = inbox {
                    delivery.to(&inbox, &parcel.message);
                }
            }
        }
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parcel {}
