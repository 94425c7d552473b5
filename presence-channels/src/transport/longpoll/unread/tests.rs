use axum::body::HttpBody;
use futures_util::{FutureExt, StreamExt};
use tokio::runtime::Handle;

use super::*;
use crate::transport::longpoll::session_token::SessionKey;

fn key(id: u64) -> SessionKey {
    SessionKey {
        node: "a".into(),
        instance: "i".into(),
        id,
    }
}

fn unread(max_bytes: usize, flushers: &Arc<Flushers>) -> Arc<Unread> {
    UnreadElsewhere::new(max_bytes).of(&key(1), flushers)
}

fn flushers(max_queued: usize) -> Arc<Flushers> {
    Flushers::start(&Handle::current(), usize::MAX, max_queued)
}

#[tokio::test]
async fn answers_of_the_limit_are_unread_at_most_and_make_room_when_dropped() {
    let unread = unread(100, &flushers(usize::MAX));
    assert_eq!(unread.room(), Some(100));
    let first = unread.begin(60);
    assert_eq!(unread.room(), Some(40));
    first.recount(70);
    assert_eq!(unread.room(), Some(30));
    let second = unread.begin(29);
    assert_eq!(unread.room(), Some(1));
    let third = unread.begin(1);
    assert_eq!(unread.room(), None);
    let mut room = Box::pin(unread.has_room());
    assert!((&mut room).now_or_never().is_none());
    drop(third);
    assert!(room.now_or_never().is_some());
    drop(first);
    assert_eq!(unread.room(), Some(71));
    drop(second);
    assert!(!unread.reading().0);
}

#[tokio::test]
async fn beside_one_answer_of_any_size_there_is_room_for_a_message() {
    let unread = unread(100, &flushers(usize::MAX));
    let large = unread.begin(1000);
    assert_eq!(unread.room(), Some(0));
    let small = unread.begin(1);
    assert_eq!(unread.room(), None);
    drop(large);
    assert_eq!(unread.room(), Some(99));
    drop(small);
}

#[tokio::test]
async fn unread_answers_are_a_part_of_the_node_s_budget_of_which_a_session_has_a_share() {
    let flushers = flushers(100);
    let [one, other] = [1, 2].map(|_| unread(1000, &flushers));
    let (first, second) = (one.begin(60), other.begin(40));
    assert_eq!((one.room(), other.room()), (Some(940), Some(960)));
    second.recount(41);
    // Two sessions share 100 bytes.
    assert_eq!((one.room(), other.room()), (None, Some(9)));
    let idle = unread(1000, &flushers);
    assert_eq!(idle.room(), Some(50), "beside one message");
    drop(first);
    assert_eq!(one.room(), Some(1000));
    drop(second);
    assert_eq!(flushers.backlog().share_if_spent(), None);
}

/// Servers keep parts of a body after its end.
#[tokio::test]
async fn a_body_counts_until_its_last_part_is_dropped() {
    let unread = unread(1, &flushers(usize::MAX));
    let json: Vec<u8> = (0..200_000).map(|n: u32| n as u8).collect();
    let body = unread.begin(1).into_body(json.clone());
    assert_eq!(body.size_hint().exact(), Some(200_000));
    let parts: Vec<_> = body.into_data_stream().map(Result::unwrap).collect().await;
    assert_eq!(parts.concat(), json);
    assert_eq!(parts.len(), 4, "a part that is taken is a sign of life");
    let mut parts = parts.into_iter();
    let last = parts.next_back();
    drop(parts);
    assert_eq!(unread.answers.lock().total, 200_000);
    drop(last);
    assert_eq!(unread.answers.lock().total, 0);
}

#[tokio::test]
async fn sessions_of_other_nodes_are_forgotten_when_all_is_read() {
    let (elsewhere, flushers) = (UnreadElsewhere::new(100), flushers(usize::MAX));
    let polling = elsewhere.of(&key(1), &flushers);
    let answer = polling.begin(10);
    drop(polling);
    let again = elsewhere.of(&key(1), &flushers);
    assert_eq!(again.answers.lock().total, 10);
    let other = elsewhere.of(&key(2), &flushers);
    assert_eq!(elsewhere.len(), 2);
    drop((again, other));
    assert_eq!(elsewhere.len(), 1);
    drop(answer);
    assert_eq!(elsewhere.len(), 0);
}
