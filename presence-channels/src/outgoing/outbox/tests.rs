use super::*;
use crate::outgoing::close_code;
use crate::{Limits, serializer::Opcode};

/// The cost of a frame of ten bytes.
const COST: usize = 170;

/// Returns an outbox that is never written to, for whose client ten frames may wait behind the
/// first.
fn stuck(max_queued: usize) -> Arc<Outbox> {
    let limits = Limits::default().max_outgoing_bytes(10 * COST);
    let runtime = tokio::runtime::Handle::current();
    stuck_of(Flushers::start(&runtime, usize::MAX, max_queued), &limits)
}

/// Returns an outbox that is never written to, of the node with these flushers.
fn stuck_of(flushers: Arc<Flushers>, limits: &Limits) -> Arc<Outbox> {
    let meters = crate::telemetry::MountMeters::new("/socket");
    let meter = meters.of(crate::telemetry::Transport::Longpoll).clone();
    Outbox::new(Sink::Queue, flushers, limits, meter)
}

/// A frame of ten bytes.
fn frame(name: u8) -> Frame {
    let frame = Frame::build(Opcode::Text, 8, |body| body.extend_from_slice(&[name; 8]));
    assert_eq!(frame.cost(), COST);
    frame
}

fn broadcast(outbox: &Arc<Outbox>, frame: Frame) {
    let mut dispatch = DispatchTurn::begin(outbox.flushers());
    outbox.send_broadcast(frame, &mut dispatch, &mut Deliveries::default());
}

fn waiting(outbox: &Outbox) -> String {
    let mut cx = Context::from_waker(Waker::noop());
    let mut names = String::new();
    while let Poll::Ready(Some(frame)) = outbox.poll_take(&mut cx) {
        names.push(char::from(frame.body()[0]));
    }
    names
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_while_too_much_waits_is_closed_after_a_time() {
    let outbox = stuck(usize::MAX);
    let second = Duration::from_secs(1);
    let look = || outbox.close_if_stalled(outbox.flushers().now());
    for name in b'a'..=b'k' {
        outbox.send(frame(name));
    }
    tokio::time::sleep(20 * second).await;
    look();
    assert_eq!(outbox.phase(), OutboxPhase::Open, "no more waits than may");
    outbox.send(frame(b'l'));
    tokio::time::sleep(9 * second).await;
    look();
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(outbox.poll_take(&mut cx).is_ready());
    outbox.send(frame(b'm'));
    tokio::time::sleep(9 * second).await;
    look();
    assert_eq!(outbox.phase(), OutboxPhase::Open, "it took one meanwhile");
    tokio::time::sleep(second).await;
    look();
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
    outbox.send(frame(b'n'));
    let Poll::Ready(Some(close)) = outbox.poll_take(&mut cx) else {
        panic!("no close frame waits");
    };
    assert_eq!(close.body()[..2], close_code::TRY_AGAIN.to_be_bytes());
    assert!(matches!(outbox.poll_take(&mut cx), Poll::Ready(None)));
}

#[tokio::test]
async fn a_message_of_any_size_may_wait_alone_and_be_followed() {
    let outbox = stuck(usize::MAX);
    outbox.send(Frame::binary(vec![b'a'; 100_000]));
    for name in b'b'..=b'k' {
        outbox.send(frame(name));
    }
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    assert_eq!(outbox.liveness().stalled_for(1_000_000), None);
    assert_eq!(waiting(&outbox), "abcdefghijk");
}

#[tokio::test]
async fn a_slow_reader_misses_the_oldest_droppable_and_nothing_else() {
    let outbox = stuck(usize::MAX);
    for name in b'a'..=b'e' {
        outbox.send(frame(name));
    }
    for name in b'f'..=b'p' {
        broadcast(&outbox, frame(name).droppable());
    }
    outbox.send(frame(b'z'));
    assert_eq!(outbox.liveness().stalled_for(0), None);
    assert_eq!(waiting(&outbox), "abcdelmnopz");
}

#[tokio::test]
async fn when_the_budget_is_spent_who_holds_more_than_its_share_is_closed_at_once() {
    let outbox = stuck(12 * COST - 1);
    // The first counts in the budget, and not against the client.
    for name in b'a'..=b'm' {
        outbox.send(frame(name));
    }
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    outbox.send(frame(b'n'));
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
}

/// As a client that reads at full speed has, of one message that is large.
#[tokio::test(start_paused = true)]
async fn who_has_more_than_its_share_gets_time_until_it_has_caught_up() {
    let outbox = stuck(10 * COST);
    let pause = Duration::from_millis(CATCH_UP - 1);
    for _ in 0..3 {
        for name in b'a'..=b'i' {
            outbox.send(frame(name));
        }
        tokio::time::sleep(pause).await;
        outbox.close_if_stalled(0);
        assert_eq!(outbox.phase(), OutboxPhase::Open);
        assert_eq!(waiting(&outbox), "abcdefghi");
    }
    for name in b'a'..=b'i' {
        outbox.send(frame(name));
    }
    tokio::time::sleep(pause).await;
    assert_eq!(outbox.take(1).len(), 1, "a trickle is not enough");
    outbox.close_if_stalled(0);
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    outbox.send(frame(b'j'));
    tokio::time::sleep(Duration::from_millis(1)).await;
    outbox.close_if_stalled(0);
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_scarce_who_has_its_share_stays_and_who_has_more_goes() {
    let runtime = tokio::runtime::Handle::current();
    // Four fifths are six frames.
    let flushers = Flushers::start(&runtime, usize::MAX, 15 * COST / 2);
    let client = || stuck_of(flushers.clone(), &Limits::default());
    let [large, small, grows, idle] = [client(), client(), client(), client()];
    let hold = |outbox: &Outbox, frames| (0..frames).for_each(|_| outbox.send(frame(b'a')));
    let look = || {
        for outbox in [&large, &small, &grows, &idle] {
            outbox.close_if_stalled(0);
        }
    };
    hold(&large, 3);
    hold(&small, 1);
    hold(&grows, 2);
    look();
    assert_eq!(large.phase(), OutboxPhase::Open, "the budget is not scarce");
    // Three clients share six frames: two for each.
    tokio::time::sleep(Duration::from_millis(CATCH_UP)).await;
    hold(&grows, 1);
    assert_eq!(grows.phase(), OutboxPhase::Open);
    hold(&grows, 1);
    assert_eq!(grows.phase(), OutboxPhase::Closing, "before its own limit");
    hold(&small, 3);
    assert_eq!(small.phase(), OutboxPhase::Closing);
    hold(&idle, 1);
    assert_eq!(large.phase(), OutboxPhase::Open, "nothing was pushed to it");

    let another = client();
    hold(&another, 2);
    look();
    assert_eq!(
        large.phase(),
        OutboxPhase::Closing,
        "{:?}",
        flushers.backlog().share_if_scarce()
    );
    assert_eq!(
        (idle.phase(), another.phase()),
        (OutboxPhase::Open, OutboxPhase::Open)
    );
}

/// A client that may miss messages misses them, and is not closed.
#[tokio::test]
async fn when_the_budget_is_spent_what_may_be_missed_goes_first() {
    let outbox = stuck(4 * COST);
    for name in b'a'..=b'h' {
        broadcast(&outbox, frame(name).droppable());
    }
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    assert_eq!(waiting(&outbox), "cdefgh");
}

#[tokio::test]
async fn what_waits_is_counted_and_counted_off() {
    let outbox = stuck(COST);
    let flushers = outbox.flushers().clone();
    let is_spent = || flushers.backlog().share_if_spent().is_some();
    outbox.send(frame(b'a'));
    assert!(!is_spent());
    broadcast(&outbox, frame(b'b'));
    assert!(is_spent());
    assert_eq!(waiting(&outbox), "ab");
    assert!(!is_spent());
    outbox.send(frame(b'c'));
    outbox.send(frame(b'd'));
    drop(outbox);
    assert!(!is_spent());
}

#[tokio::test]
async fn who_waits_for_room_is_woken() {
    let outbox = stuck(usize::MAX);
    for name in b'a'..=b'c' {
        outbox.send(frame(name));
    }
    let room = tokio::spawn({
        let outbox = outbox.clone();
        async move { std::future::poll_fn(|cx| outbox.poll_room(cx)).await }
    });
    tokio::task::yield_now().await;
    assert!(!room.is_finished());
    assert_eq!(waiting(&outbox), "abc");
    room.await.unwrap();
    outbox.send(frame(b'd'));
    outbox.send(frame(b'e'));
    outbox.send(frame(b'f'));
    outbox.abandon();
    std::future::poll_fn(|cx| outbox.poll_room(cx)).await;
}

/// A task of an executor that uses the socket when it is woken.
struct Answers {
    outbox: Arc<Outbox>,
    woken: std::sync::mpsc::Sender<()>,
}

impl std::task::Wake for Answers {
    fn wake(self: Arc<Self>) {
        self.outbox.send(frame(b'w'));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.outbox.poll_room(&mut cx);
        let _ = self.woken.send(());
    }
}

/// Fills the outbox, has an [`Answers`] wait for room, and then makes some by `act`. Panics if
/// `act` does not return, or nothing is woken.
fn is_woken_without_a_lock(outbox: &Arc<Outbox>, act: impl FnOnce(&Outbox) + Send + 'static) {
    let (woken, is_woken) = std::sync::mpsc::channel();
    let answers = Waker::from(Arc::new(Answers {
        outbox: outbox.clone(),
        woken,
    }));
    for name in b'a'..=b'e' {
        outbox.send(frame(name));
    }
    for _ in 0..3 {
        let room = outbox.poll_room(&mut Context::from_waker(&answers));
        assert!(room.is_pending());
    }
    let outbox = outbox.clone();
    let runtime = tokio::runtime::Handle::current();
    // In a thread of its own, so that a test that would hang fails.
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        act(&outbox);
    });
    let patience = Duration::from_secs(10);
    is_woken.recv_timeout(patience).expect("the task is woken");
    drop(answers);
    let again = is_woken.recv_timeout(patience);
    let ended = std::sync::mpsc::RecvTimeoutError::Disconnected;
    assert_eq!(again, Err(ended), "it is woken once");
}

#[tokio::test]
async fn who_waits_for_room_may_use_the_socket_when_it_is_woken() {
    let outbox = stuck(usize::MAX);
    is_woken_without_a_lock(&outbox, |outbox| drop(waiting(outbox)));
    is_woken_without_a_lock(&outbox, |outbox| drop(outbox.take(usize::MAX)));
    is_woken_without_a_lock(&outbox, Outbox::abandon);
}

#[tokio::test]
async fn who_waits_for_room_may_use_the_socket_when_a_write_wakes_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
    let meters = crate::telemetry::MountMeters::new("/socket");
    let meter = meters.of(crate::telemetry::Transport::Websocket).clone();
    let flushers = Flushers::start(&tokio::runtime::Handle::current(), usize::MAX, usize::MAX);
    let limits = Limits::default().max_outgoing_bytes(10 * COST);
    let outbox = Outbox::new(Sink::WebSocket, flushers, &limits, meter);
    outbox.open(Stream::Tcp(near.unwrap()));
    outbox.attend(Waker::noop());
    is_woken_without_a_lock(&outbox, |outbox| {
        outbox.leave();
    });
    outbox.attend(Waker::noop());
    is_woken_without_a_lock(&outbox, |outbox| assert!(outbox.flush().is_ready()));
    drop(far);
}

#[tokio::test]
async fn who_waits_for_room_and_is_moved_to_another_task_waits_once_for_each() {
    let outbox = stuck(usize::MAX);
    for name in b'a'..=b'e' {
        outbox.send(frame(name));
    }
    let (woken, is_woken) = std::sync::mpsc::channel();
    for _ in 0..1000 {
        let waker = Waker::from(Arc::new(Answers {
            outbox: outbox.clone(),
            woken: woken.clone(),
        }));
        for _ in 0..2 {
            let room = outbox.poll_room(&mut Context::from_waker(&waker));
            assert!(room.is_pending());
        }
    }
    outbox.abandon();
    assert_eq!(is_woken.try_iter().count(), 1000);
}

/// Nobody has seen to it that there is room for a count, say.
#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_what_is_enqueued_is_closed_after_a_time() {
    let outbox = stuck(usize::MAX);
    for _ in 0..20 {
        assert!(outbox.enqueue(frame(b'a')));
        outbox.enqueued(COST);
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    outbox.close_if_stalled(outbox.flushers().now());
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
}

#[tokio::test(start_paused = true)]
async fn what_is_enqueued_under_a_lock_is_taken_in_order_and_nothing_after_the_end() {
    let outbox = stuck(usize::MAX);
    outbox.send(frame(b'a'));
    assert!(outbox.enqueue(frame(b'b')));
    outbox.enqueued(COST);
    outbox.send(frame(b'c'));
    assert_eq!(waiting(&outbox), "abc");
    // More than may wait is no reason to write, or to close, under the lock of another.
    for _ in 0..20 {
        assert!(outbox.enqueue(frame(b'd')));
    }
    assert_eq!(waiting(&outbox), "d".repeat(20));
    outbox.abandon();
    assert!(!outbox.enqueue(frame(b'e')));
    assert_eq!(waiting(&outbox), "");
}
