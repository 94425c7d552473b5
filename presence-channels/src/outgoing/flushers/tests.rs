//! Crowds of senders that wait for the backlog. `model` searches for wake-ups that are lost.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicIsize, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::task::JoinHandle;

use super::*;

const MAX: isize = 100;
const SENDERS: usize = 300;

/// The flusher of a node with a full backlog, and how often senders have looked at it.
struct World {
    flushers: Arc<Flushers>,
    running: JoinHandle<()>,
    looks: Arc<AtomicUsize>,
}

impl World {
    fn start() -> Self {
        let flushers = Arc::new(Flushers::new(1, MAX as usize, usize::MAX));
        flushers.pile_up(MAX + 1);
        Self {
            running: tokio::spawn(flushers.clone().run(0)),
            flushers,
            looks: Arc::default(),
        }
    }

    /// Starts a sender, which waits and then calls `send`.
    fn sender(&self, send: impl FnOnce(&Flushers) + Send + 'static) -> JoinHandle<()> {
        let (flushers, looks) = (self.flushers.clone(), self.looks.clone());
        tokio::spawn(async move {
            poll_fn(|cx| {
                looks.fetch_add(1, Ordering::Relaxed);
                flushers.poll_calm(cx)
            })
            .await;
            send(&flushers);
        })
    }
}

/// Waits until every task waits: time stands still until then.
async fn rest() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_calm_moment_has_few_of_a_crowd_look() {
    let world = World::start();
    let unflushed = Arc::new(AtomicIsize::new(MAX + 1));
    let sender = |_| {
        let unflushed = unflushed.clone();
        // Two of these are too much.
        world.sender(move |flushers| {
            flushers.pile_up(60);
            unflushed.fetch_add(60, Ordering::Relaxed);
        })
    };
    let senders: Vec<_> = (0..SENDERS).map(sender).collect();
    let mut moments = 0;
    while !senders.iter().all(JoinHandle::is_finished) {
        rest().await;
        world
            .flushers
            .pile_up(-unflushed.swap(0, Ordering::Relaxed));
        moments += 1;
        assert!(moments < SENDERS, "each calm moment lets two send");
    }
    let looks = world.looks.load(Ordering::Relaxed);
    assert!(looks < SENDERS * 20, "{looks} looks");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_goes_on_though_some_have_gone_and_none_sends_more() {
    let world = World::start();
    let senders: Vec<_> = (0..SENDERS).map(|_| world.sender(|_| ())).collect();
    rest().await;
    let (gone, left) = senders.split_at(SENDERS / 2);
    gone.iter().for_each(JoinHandle::abort);
    world.flushers.pile_up(-MAX - 1);
    rest().await;
    assert!(left.iter().all(JoinHandle::is_finished));
}

#[tokio::test(start_paused = true)]
async fn a_crowd_goes_on_when_no_flusher_runs_any_more() {
    let world = World::start();
    let senders: Vec<_> = (0..SENDERS).map(|_| world.sender(|_| ())).collect();
    rest().await;
    world.flushers.stop();
    world.running.await.unwrap();
    world.flushers.pile_up(-MAX - 1);
    rest().await;
    assert!(senders.iter().all(JoinHandle::is_finished));
}
