use super::*;

/// A test's begin, from which its times count.
struct Run {
    begin: Instant,
    sent: Sent,
    runtime: tokio::runtime::Runtime,
}

impl Run {
    /// Has each of `senders` send six messages, one every 10 ms.
    fn new(senders: usize) -> Self {
        let run = Self {
            begin: Instant::now(),
            sent: Sent::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        };
        for sender in 0..senders {
            let times = (0..6).map(|number| run.at(number * 10)).collect();
            run.sent.lock().insert(sender, times);
        }
        run
    }

    fn at(&self, ms: u64) -> Instant {
        self.begin + Duration::from_millis(ms)
    }

    /// Returns a watcher at which these messages of the senders arrived, each after 7 ms.
    fn watcher(&self, arrived: &[(usize, &[u64])]) -> Watcher {
        let mut arrivals = Arrivals {
            joined: Some(self.begin - SUBSCRIBING),
            ..Arrivals::default()
        };
        for (sender, numbers) in arrived {
            let times = numbers
                .iter()
                .map(|number| (*number, self.at(number * 10 + 7)));
            arrivals.of.insert(*sender, times.collect());
        }
        Watcher {
            arrivals: Arc::new(Mutex::new(arrivals)),
            task: self.runtime.spawn(async {}),
        }
    }

    /// Returns the messages that were counted and those that were lost, over links that exist from
    /// `linked_by` on, in milliseconds.
    fn counts(&self, arrived: &[(usize, &[u64])], linked_by: u64) -> (u64, u64) {
        let (from, until, linked_by) = (self.begin, self.at(60), self.at(linked_by));
        let watcher = self.watcher(arrived);
        let outcome = watcher.outcome(&self.sent, from, until, linked_by, Duration::ZERO);
        (outcome.sent, outcome.lost)
    }
}

#[test]
fn messages_count_from_the_first_that_arrives() {
    let run = Run::new(1);
    let linked_by = run.at(60);
    let outcome = |since, until, round_trip| {
        let watcher = run.watcher(&[(0, &[2, 4, 5])]);
        watcher.outcome(&run.sent, since, until, linked_by, round_trip)
    };
    let latest = Duration::from_millis(7);
    assert_eq!(
        outcome(run.begin, run.at(60), Duration::ZERO),
        Outcome {
            sent: 4,
            lost: 1,
            latest,
            lost_within: Some((Duration::from_millis(30), Duration::from_millis(30))),
        }
    );
    assert_eq!(
        outcome(run.at(35), run.at(45), Duration::ZERO),
        Outcome {
            sent: 1,
            lost: 0,
            latest,
            lost_within: None,
        }
    );
    // Its senders know of the subscription after the message 3.
    let known = outcome(run.begin, run.at(60), Duration::from_millis(35));
    assert_eq!((known.sent, known.lost), (2, 0));
    let linked = |since| run.watcher(&[(0, &[2])]).linked(&run.sent, since, 1);
    assert_eq!(linked(run.at(15)), Some(run.at(27)));
    assert_eq!(linked(run.at(25)), None);
    let of_two = run.watcher(&[(0, &[2])]).linked(&run.sent, run.at(15), 2);
    assert_eq!(of_two, None);
}

#[test]
fn a_sender_of_which_nothing_arrives_has_lost_all() {
    let run = Run::new(2);
    let all = [0, 1, 2, 3, 4, 5];
    assert_eq!(run.counts(&[(0, &all), (1, &all)], 60), (12, 0));
    assert_eq!(run.counts(&[(0, &all)], 60), (12, 6));
    assert_eq!(run.counts(&[(0, &all), (1, &[])], 0), (12, 6));
    assert_eq!(run.counts(&[], 60), (12, 12));
}

#[test]
fn what_is_lost_before_the_first_arrival_counts_once_the_links_are_made() {
    let run = Run::new(1);
    let late: [(usize, &[u64]); 1] = [(0, &[5])];
    assert_eq!(run.counts(&late, 60), (1, 0));
    assert_eq!(run.counts(&late, 30), (3, 2));
    assert_eq!(run.counts(&late, 0), (6, 5));
}
