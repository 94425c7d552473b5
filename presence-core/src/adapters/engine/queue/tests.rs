use TrafficClass::{Bulk, Control, Live};

use super::*;

fn item(frame: &'static str) -> Item {
    Item {
        target: Target::Bucket(0),
        frame: frame.into(),
    }
}

fn large() -> Item {
    Item {
        target: Target::Bucket(0),
        frame: Bytes::from(vec![0; 48 * 1024]),
    }
}

fn queue(limit: usize) -> (Queue<Item>, EngineStats) {
    let stats = EngineStats::default();
    (Queue::new(limit, stats.clone(), "full"), stats)
}

/// Returns the texts of the next batch.
async fn next(queue: &Queue<Item>, with_bulk: bool) -> Option<Vec<String>> {
    let takes = |class| with_bulk || class != Bulk;
    let Batch {
        control,
        live,
        bulk,
    } = queue.next(takes).await?;
    let items = control.into_iter().chain(live).chain(bulk);
    let text = |item: Item| String::from_utf8_lossy(&item.frame).into_owned();
    Some(items.map(text).collect())
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let (outgoing, stats) = queue(2 * (OVERHEAD + 1));
    for frame in ["1", "2", "3"] {
        outgoing.push(Live, item(frame));
    }
    assert_eq!(stats.dropped(), 1);
    assert_eq!(next(&outgoing, true).await.unwrap(), ["1", "2"]);
    let long = "longer than the limit allows, but there is nothing else in the queue";
    outgoing.push(Live, item(long));
    outgoing.push(Live, item("4"));
    assert_eq!(stats.dropped(), 2);
    assert_eq!(next(&outgoing, true).await.unwrap(), [long]);
    outgoing.push(Live, item("5"));
    assert_eq!(next(&outgoing, true).await.unwrap(), ["5"]);
}

#[tokio::test]
async fn a_closed_queue_still_gives_what_it_has() {
    let (outgoing, _) = queue(1000);
    outgoing.push(Live, item("1"));
    outgoing.push(Bulk, item("2"));
    outgoing.close();
    outgoing.push(Live, item("3"));
    assert_eq!(next(&outgoing, false).await.unwrap(), ["1"]);
    assert_eq!(next(&outgoing, true).await.unwrap(), ["2"]);
    assert_eq!(next(&outgoing, true).await, None);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let (outgoing, _) = queue(usize::MAX);
    for _ in 0..8 {
        outgoing.push(Live, large());
    }
    assert_eq!(next(&outgoing, true).await.unwrap().len(), 6);
    assert_eq!(next(&outgoing, true).await.unwrap().len(), 2);
    for _ in 0..4 {
        outgoing.push(Bulk, large());
    }
    assert_eq!(next(&outgoing, true).await.unwrap().len(), 3);
    assert_eq!(next(&outgoing, true).await.unwrap().len(), 1);
    let waiting = outgoing.queue.lock();
    let bytes = [&waiting.control, &waiting.live, &waiting.bulk].map(|line| line.bytes);
    assert_eq!(bytes, [0; 3]);
}

#[tokio::test]
async fn lower_classes_come_first_and_each_keeps_its_order() {
    let (outgoing, _) = queue(usize::MAX);
    for (class, frame) in [
        (Bulk, "b1"),
        (Live, "l1"),
        (Bulk, "b2"),
        (Control, "c1"),
        (Live, "l2"),
        (Control, "c2"),
    ] {
        outgoing.push(class, item(frame));
    }
    let all = next(&outgoing, true).await.unwrap();
    assert_eq!(all, ["c1", "c2", "l1", "l2", "b1", "b2"]);
}

#[tokio::test]
async fn a_full_class_costs_the_others_nothing() {
    let (outgoing, stats) = queue(100_000);
    for full in [Control, Live, Bulk] {
        // To the last byte: small frames may still fit where no large one does.
        for frame in [large(), item("full")] {
            let before = stats.dropped();
            while stats.dropped() == before {
                outgoing.push(full, frame.clone());
            }
        }
        let before = stats.dropped();
        for other in [Control, Live, Bulk]
            .into_iter()
            .filter(|other| *other != full)
        {
            outgoing.push(other, item("taken"));
            outgoing.push(other, item("taken too"));
        }
        assert_eq!(stats.dropped(), before, "{full:?} is full");
        while !outgoing.queue.lock().take(&|_| true).is_empty() {}
    }
}

#[tokio::test]
async fn a_flood_of_live_frames_leaves_a_place_in_each_batch() {
    let (outgoing, stats) = queue(usize::MAX);
    for _ in 0..100 {
        outgoing.push(Live, large());
    }
    for frame in ["b1", "b2", "b3"] {
        outgoing.push(Bulk, item(frame));
    }
    for (control, bulk) in [("c1", "b1"), ("c2", "b2"), ("c3", "b3")] {
        outgoing.push(Control, item(control));
        let batch = outgoing.next(|_| true).await.unwrap();
        assert_eq!(batch.control, [item(control)]);
        assert_eq!(batch.bulk, [item(bulk)]);
    }
    assert_eq!(stats.dropped(), 0);
}

/// As an engine with a sender for each class does.
#[tokio::test(start_paused = true)]
async fn a_class_whose_sender_is_busy_stays_and_the_others_leave() {
    let (outgoing, _) = queue(usize::MAX);
    for class in [Bulk, Live, Control] {
        outgoing.push(class, item("1"));
    }
    outgoing.close();
    for free in [Control, Bulk, Live] {
        let batch = outgoing.next(|class| class == free).await.unwrap();
        let counts = [&batch.control, &batch.live, &batch.bulk].map(Vec::len);
        let place = [Control, Live, Bulk]
            .iter()
            .position(|class| *class == free);
        assert_eq!(counts.iter().sum::<usize>(), 1);
        assert_eq!(counts[place.unwrap()], 1);
    }
    assert_eq!(outgoing.next(|_| false).await, None);
}

#[tokio::test(start_paused = true)]
async fn bulk_waits_while_earlier_frames_of_it_are_under_way() {
    let (outgoing, _) = queue(usize::MAX);
    outgoing.push(Bulk, item("b"));
    let wait = std::time::Duration::from_secs(1);
    let early = tokio::time::timeout(wait, next(&outgoing, false)).await;
    assert!(early.is_err(), "{early:?}");
    outgoing.push(Live, item("l"));
    assert_eq!(next(&outgoing, false).await.unwrap(), ["l"]);
    assert_eq!(next(&outgoing, true).await.unwrap(), ["b"]);
}
