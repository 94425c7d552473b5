use super::*;
use crate::replication::message::{Body, DeltaMessage, GoneRow, Header, Heartbeat, encode};
use crate::replication::set::{Clock, Incarnation, Origin, ReplicaName};

fn bytes(count: usize) -> Bytes {
    vec![0; count].into()
}

fn message(number: u64, body: &Body<'_>) -> Bytes {
    let header = Header {
        pool_size: 8,
        sender: Origin {
            name: ReplicaName::new("a"),
            incarnation: Incarnation {
                started_ms: 1,
                nonce: 1,
            },
        },
        number,
    };
    encode(&header, body).unwrap()
}

fn heartbeat(number: u64) -> Bytes {
    let heartbeat = Heartbeat {
        clocks: vec![Clock::new(u64::MAX); 256],
        check: 1,
        digest: 2,
    };
    message(number, &Body::Heartbeat(heartbeat))
}

fn delta(number: u64) -> Bytes {
    let delta = DeltaMessage {
        shard: 0,
        from: Clock::new(number),
        to: Clock::new(number + 1),
        adds: Vec::new(),
        gone: GoneRow::Tags(Vec::new()),
    };
    message(number, &Body::Delta(delta))
}

async fn all(messages: &mut WaitingMessages) -> Vec<Bytes> {
    let mut taken = Vec::new();
    while *messages.waiting.lock() != Room::default() {
        taken.push(messages.recv().await.unwrap());
    }
    taken
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes() {
    let (queue, mut messages) = queue("test", 100, 1000);
    assert!(queue.push(bytes(600)));
    assert!(!queue.push(bytes(600)));
    assert!(queue.push(bytes(400)));
    assert!(!queue.push(bytes(1)));
    assert_eq!(messages.recv().await.unwrap().len(), 600);
    assert!(queue.push(bytes(600)));
    all(&mut messages).await;
    // Otherwise it would never arrive.
    assert!(queue.push(bytes(5000)));
    assert!(!queue.push(bytes(1)));
}

#[tokio::test]
async fn the_queue_is_bounded_in_number() {
    let (queue, mut messages) = queue("test", 2, 1000);
    assert!(queue.push(bytes(1)) && queue.push(bytes(1)));
    assert!(!queue.push(bytes(1)));
    assert_eq!(queue.waiting.lock().bytes, 2);
    messages.recv().await.unwrap();
    assert!(queue.push(bytes(1)));
}

/// A flood of changes does not make a healthy node look dead, and messages keep their order.
#[tokio::test]
async fn a_queue_full_of_deltas_takes_heartbeats() {
    for (number, bytes) in [(3, 1_000_000), (1000, 3 * delta(0).len())] {
        let (queue, mut messages) = queue("test", number, bytes);
        let mut sent: Vec<_> = (0..3).map(delta).collect();
        assert!(sent.iter().all(|delta| queue.push(delta.clone())));
        for number in 4..10 {
            assert!(!queue.push(delta(number)));
            sent.push(heartbeat(number));
            assert!(queue.push(heartbeat(number)));
        }
        assert_eq!(all(&mut messages).await, sent);
    }
}

#[tokio::test]
async fn the_reserve_is_bounded() {
    for beat in [heartbeat(1), message(1, &Body::Leave { grace_ms: 1 })] {
        let (queue, mut messages) = queue("test", 1, 1_000_000);
        let mut taken = 0;
        while queue.push(beat.clone()) {
            taken += 1;
            assert!(taken <= 1 + RESERVE.messages, "the queue has no bound");
        }
        assert!(queue.waiting.lock().bytes <= 1_000_000 + RESERVE.bytes);
        assert_eq!(all(&mut messages).await.len(), taken);
        assert!(queue.push(delta(1)));
    }
}

#[tokio::test]
async fn an_ended_subscription_takes_nothing() {
    let (queue, messages) = queue("test", 10, 1000);
    drop(messages);
    assert!(!queue.push(bytes(1)));
    assert!(queue.messages.is_closed());
}
