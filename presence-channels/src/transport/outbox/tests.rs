use super::*;
use crate::transport::Opcode;

/// Returns an outbox that is never emptied.
fn stuck(slow_reader: SlowReader) -> Arc<Outbox> {
    let limits = Limits {
        max_outgoing_bytes: 100,
        slow_reader,
        ..Limits::default()
    };
    let flusher = Flusher::start(&tokio::runtime::Handle::current());
    let meters = crate::telemetry::MountMeters::new("/socket");
    let meter = meters.of(crate::transport::Transport::Longpoll).clone();
    Outbox::new(Sink::Queue, flusher, &limits, meter, 0)
}

/// A frame of ten bytes.
fn frame(name: u8) -> Frame {
    Frame::build(Opcode::Text, 8, |body| body.extend_from_slice(&[name; 8]))
}

fn waiting(outbox: &Outbox) -> String {
    let mut cx = Context::from_waker(Waker::noop());
    let mut names = String::new();
    while let Poll::Ready(Some(frame)) = outbox.poll_take(&mut cx) {
        names.push(char::from(frame.body()[0]));
    }
    names
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_gets_no_more() {
    let outbox = stuck(SlowReader::Close);
    for name in b'a'..=b'j' {
        outbox.send(frame(name));
    }
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    outbox.send(frame(b'k').droppable());
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
    outbox.send(frame(b'l'));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(close)) = outbox.poll_take(&mut cx) else {
        panic!("no close frame waits");
    };
    assert_eq!(close.body()[..2], close_code::TRY_AGAIN.to_be_bytes());
    assert!(matches!(outbox.poll_take(&mut cx), Poll::Ready(None)));
}

#[tokio::test]
async fn a_slow_reader_misses_the_oldest_broadcasts_and_no_reply() {
    let outbox = stuck(SlowReader::DropBroadcasts);
    for name in b'a'..=b'e' {
        outbox.send(frame(name));
    }
    for name in b'f'..=b'p' {
        outbox.send(frame(name).droppable());
    }
    outbox.send(frame(b'z'));
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    assert_eq!(waiting(&outbox), "abcdemnopz");
}

#[tokio::test]
async fn replies_that_are_too_many_by_themselves_close() {
    let outbox = stuck(SlowReader::DropBroadcasts);
    for name in b'a'..=b'j' {
        outbox.send(frame(name));
    }
    // There is no room for it, and nothing older to drop.
    outbox.send(frame(b'k').droppable());
    assert_eq!(outbox.phase(), OutboxPhase::Open);
    outbox.send(frame(b'l'));
    assert_eq!(outbox.phase(), OutboxPhase::Closing);
}
