use std::{
    any::Any,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::FutureExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::runtime::Handle;

use super::*;
use crate::{
    Limits,
    channel::AnyChannel,
    outgoing::{Flushers, Sink},
    serializer::MalformedFrame,
    telemetry::{IS_ON, MountMeters, Transport},
};

const WINDOW: Duration = Duration::from_secs(10);
const MAX_UNFLUSHED: usize = 100;
/// More than the limit.
const FLOOD: isize = 101;

/// The connection of a client, which counts its messages, and may broadcast each.
struct Fake {
    outbox: Arc<Outbox>,
    received: Arc<AtomicUsize>,
    is_broadcasting: bool,
}

impl AnyConnection for Fake {
    fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    fn busy_limit(&self) -> Option<Limit> {
        None
    }

    fn has_grace(&self) -> bool {
        false
    }

    fn channel(&self, _: &str) -> Option<Arc<dyn AnyChannel>> {
        None
    }

    fn any_user(&self) -> &dyn Any {
        self
    }

    fn receive(&mut self, _: Data, _: &mut Context<'_>) -> Result<(), MalformedFrame> {
        self.received.fetch_add(1, Ordering::Relaxed);
        if self.is_broadcasting {
            self.outbox.sender().note_broadcast();
        }
        Ok(())
    }
}

struct Client {
    session: Session,
    flushers: Arc<Flushers>,
    received: Arc<AtomicUsize>,
}

impl Client {
    /// A client of a node whose broadcasts pile up.
    fn of_flooded_node(is_broadcasting: bool) -> Self {
        let flushers = Flushers::start(&Handle::current(), MAX_UNFLUSHED, usize::MAX);
        flushers.pile_up(FLOOD);
        let meters = MountMeters::new("/socket");
        let meter = meters.of(Transport::Longpoll).clone();
        let limits = Limits::default();
        let received = Arc::default();
        let options = LongpollOptions::default().window(WINDOW);
        let fake = Fake {
            outbox: Outbox::new(Sink::Queue, flushers.clone(), &limits, meter),
            received: Arc::clone(&received),
            is_broadcasting,
        };
        Self {
            session: Session::new(Box::new(fake), &options),
            flushers,
            received,
        }
    }

    async fn publish(&self, messages: usize) -> StatusCode {
        let batch = (0..messages).map(|_| Data::Text("hi".into())).collect();
        self.session.publish(async { Ok(batch) }).await
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// Returns how many times each limit was counted that was reached.
fn reached(recorded: &Snapshotter) -> Vec<(String, u64)> {
    let counted = recorded.snapshot().into_vec().into_iter();
    let reached = counted.filter_map(|(key, _, _, value)| {
        let mut labels = key.key().labels();
        let limit = labels.find(|label| label.key() == "limit")?;
        match value {
            DebugValue::Counter(count @ 1..) => Some((limit.value().to_owned(), count)),
            _ => None,
        }
    });
    reached.collect()
}

#[tokio::test(start_paused = true)]
async fn a_publish_waits_for_its_client_s_broadcasts_for_a_window() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let client = Client::of_flooded_node(true);
    let begun = Instant::now();
    assert_eq!(client.publish(3).await, StatusCode::REQUEST_TIMEOUT);
    assert_eq!((client.received(), begun.elapsed()), (1, WINDOW));
    let counted = [("max_unflushed_bytes".to_owned(), 1)];
    assert_eq!(
        reached(&recorder.snapshotter()),
        counted[..usize::from(IS_ON)]
    );
    let writes = async {
        tokio::time::sleep(WINDOW / 2).await;
        assert_eq!(client.received(), 1);
        client.flushers.pile_up(-FLOOD);
    };
    let (published, ()) = tokio::join!(client.publish(2), writes);
    assert_eq!((published, client.received()), (StatusCode::OK, 3));
    assert_eq!(
        begun.elapsed(),
        WINDOW * 3 / 2,
        "it waited for the writes alone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_publish_waits_for_nobody_else_s_broadcasts() {
    let client = Client::of_flooded_node(false);
    assert_eq!(client.publish(3).await, StatusCode::OK);
    assert_eq!(client.received(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_waits_for_broadcasts_ends_with_its_session() {
    let client = Client::of_flooded_node(true);
    let close = async {
        tokio::time::sleep(WINDOW / 2).await;
        client.session.close(close_code::TRY_AGAIN, "stop");
    };
    let (published, ()) = tokio::join!(client.publish(3), close);
    assert_eq!((published, client.received()), (StatusCode::GONE, 1));
}

fn message() -> Frame {
    Frame::build(Opcode::Text, 2, |body| body.extend_from_slice(b"hi"))
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_late_ends_no_newer_one() {
    let session = Client::of_flooded_node(false).session;
    let mut older = Box::pin(session.poll_of_peer("older", 1000));
    assert!((&mut older).now_or_never().is_none());
    let mut newer = Box::pin(session.poll_of_peer("newer", 1000));
    assert!((&mut newer).now_or_never().is_none());
    assert_eq!(older.await.frames.len(), 0);
    session.give_up("older");
    assert!((&mut newer).now_or_never().is_none());
    session.outbox.send(message());
    assert_eq!(newer.await.frames.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_before_it_begins_takes_nothing_and_ends_no_other() {
    let session = Client::of_flooded_node(false).session;
    let mut waiting = Box::pin(session.poll(1000));
    assert!((&mut waiting).now_or_never().is_none());
    for name in ["one", "two"] {
        session.give_up(name);
    }
    for name in ["one", "two"] {
        let taken = session.poll_of_peer(name, 1000).now_or_never();
        assert_eq!(taken.map(|taken| taken.frames.len()), Some(0));
    }
    session.outbox.send(message());
    assert_eq!(waiting.await.frames.len(), 1);
    // The names of polls that never come are forgotten.
    for number in 0..100 {
        session.give_up(&number.to_string());
    }
    let mut forgotten = Box::pin(session.poll_of_peer("0", 1000));
    assert!((&mut forgotten).now_or_never().is_none());
}

/// It sends no name, and a name in a request to it means nothing to it.
#[tokio::test(start_paused = true)]
async fn a_node_of_the_version_before_gives_up_whichever_poll_waits() {
    let session = Client::of_flooded_node(false).session;
    let mut waiting = Box::pin(session.poll_of_peer("name", 1000));
    assert!((&mut waiting).now_or_never().is_none());
    session.give_up("");
    assert_eq!(waiting.await.frames.len(), 0);
    session.outbox.send(message());
    assert_eq!(session.poll(1000).await.frames.len(), 1);
    session.give_up("");
    assert!(session.is_heard());
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_given_up_after_it_took_messages_ends_the_session() {
    let session = Client::of_flooded_node(false).session;
    session.outbox.send(message());
    let taken = session.poll_of_peer("name", 1000).await;
    assert_eq!(taken.frames.len(), 1);
    session.give_up("another");
    assert!(session.is_heard());
    session.give_up("name");
    assert!(!session.is_heard());
}

/// The client that went away has polled again before its node says so.
#[tokio::test(start_paused = true)]
async fn messages_that_a_given_up_poll_took_are_lost_also_if_a_newer_poll_took_more() {
    for newer in [Some("newer"), None] {
        let session = Client::of_flooded_node(false).session;
        session.outbox.send(message());
        let lost = session.poll_of_peer("older", 1000).await;
        assert_eq!(lost.frames.len(), 1);
        session.outbox.send(message());
        let taken = match newer {
            Some(name) => session.poll_of_peer(name, 1000).await,
            None => session.poll(1000).await,
        };
        assert_eq!(taken.frames.len(), 1);
        assert!(session.is_heard());
        session.give_up("older");
        assert!(!session.is_heard(), "{newer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_names_of_old_polls_that_took_messages_are_forgotten() {
    let session = Client::of_flooded_node(false).session;
    for number in 0..100 {
        session.outbox.send(message());
        let taken = session.poll_of_peer(&number.to_string(), 1000).await;
        assert_eq!(taken.frames.len(), 1);
    }
    session.give_up("0");
    assert!(session.is_heard());
    session.give_up("99");
    assert!(!session.is_heard());
}

/// A task of an executor that uses the session when it is woken.
struct UsesSession {
    session: Arc<Session>,
    /// `None` until it is woken.
    is_free: Mutex<Option<bool>>,
}

impl std::task::Wake for UsesSession {
    fn wake(self: Arc<Self>) {
        let is_free = self.session.polls.try_lock().is_some();
        *self.is_free.lock() = Some(is_free);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_may_use_the_session_when_a_poll_wakes_it() {
    let session = Arc::new(Client::of_flooded_node(false).session);
    let task = Arc::new(UsesSession {
        session: session.clone(),
        is_free: Mutex::new(None),
    });
    let waker = Waker::from(task.clone());
    let mut cx = Context::from_waker(&waker);
    while session.outbox.poll_room(&mut cx).is_ready() {
        session.outbox.send(message());
    }
    let taken = session.poll(usize::MAX).await;
    assert!(!taken.frames.is_empty());
    assert_eq!(*task.is_free.lock(), Some(true));
}

/// Two of the largest bodies are here at once, or many small ones.
#[tokio::test(start_paused = true)]
async fn of_publishes_by_way_of_other_nodes_two_of_the_largest_are_here_at_once() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let client = Client::of_flooded_node(true);
    let publish = |bytes| {
        let batch = vec![Data::Text("hi".into()), Data::Text("hi".into())];
        client.session.publish_of_peer(bytes, async { Ok(batch) })
    };
    let largest = LongpollOptions::default().max_body_bytes;
    let begun = Instant::now();
    let more = async {
        for bytes in [largest, 100] {
            assert_eq!(publish(bytes).await, StatusCode::REQUEST_TIMEOUT);
        }
        assert!(begun.elapsed().is_zero(), "it did not wait");
        client.flushers.pile_up(-FLOOD);
    };
    let (first, second, ()) = tokio::join!(publish(largest), publish(largest), more);
    assert_eq!((first, second), (StatusCode::OK, StatusCode::OK));
    // More than the limit, as a node with other options may send.
    assert_eq!(publish(3 * largest).await, StatusCode::OK);
    assert_eq!(client.received(), 6);
    let counted = [("max_body_bytes".to_owned(), 2)];
    assert_eq!(
        reached(&recorder.snapshotter()),
        counted[..usize::from(IS_ON)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_few_small_publishes_by_way_of_other_nodes_wait_for_one_another() {
    let client = Client::of_flooded_node(false);
    let publish = || {
        let batch = vec![Data::Text("hi".into())];
        client.session.publish_of_peer(100, async { Ok(batch) })
    };
    let held = client.session.connection.lock().await;
    let free = async {
        tokio::time::sleep(WINDOW / 2).await;
        drop(held);
    };
    let (one, two, three, ()) = tokio::join!(publish(), publish(), publish(), free);
    assert_eq!([one, two, three], [StatusCode::OK; 3]);
}
