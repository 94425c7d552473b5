//! Random orders of parts, diffs, joins and leaves.

use proptest::prelude::*;

use super::*;
use crate::adapters::MemoryCluster;

#[derive(Clone, Debug)]
enum Step {
    /// A user comes, with a meta of this size.
    Track(u8, usize),
    Update(u8),
    /// One of the users goes.
    Untrack(u8),
    /// A member joins, or the member of this number joins again.
    Join(u8),
    Sleep(u8),
    /// The other node is lost, and is seen again: its users are hidden and shown.
    Part,
    Heal,
    /// As long as it takes to find a node down.
    SleepLong,
}

fn steps(is_clustered: bool) -> impl Strategy<Value = Vec<Step>> {
    let of_nodes = u32::from(is_clustered);
    let step = prop_oneof![
        of_nodes => Just(Step::Part),
        of_nodes => Just(Step::Heal),
        2 * of_nodes => Just(Step::SleepLong),
        6 => (any::<u8>(), 0..120usize).prop_map(|(user, size)| Step::Track(user, size)),
        2 => any::<u8>().prop_map(Step::Update),
        5 => any::<u8>().prop_map(Step::Untrack),
        2 => any::<u8>().prop_map(Step::Join),
        4 => (0..100u8).prop_map(Step::Sleep),
    ];
    prop::collection::vec(step, 1..120)
}

/// The speed and the sizes of a run.
#[derive(Clone, Debug)]
struct Setting {
    seed: u64,
    /// The longest `fetch`, and the longest pause of a client between two parts, in ms.
    slow: u64,
    pace: u64,
    part_bytes: usize,
    batch: usize,
    /// Set if every other user is on a second node.
    is_clustered: bool,
}

fn settings(is_clustered: bool) -> impl Strategy<Value = Setting> {
    (
        any::<u64>(),
        prop_oneof![Just(0), 0..300u64],
        prop_oneof![Just(0), 0..200u64],
        prop_oneof![Just(1), 200..3000usize, Just(1_000_000)],
        prop_oneof![1..5usize, Just(2000)],
    )
        .prop_map(move |(seed, slow, pace, part_bytes, batch)| Setting {
            seed,
            slow,
            pace,
            part_bytes,
            batch,
            is_clustered,
        })
}

/// Runs the steps. Fails unless each member's list equals the truth at the end.
async fn run(steps: Vec<Step>, setting: Setting) {
    let Setting { slow, pace, .. } = setting;
    let draws = Draws::new(setting.seed);
    let presence = Slow {
        draws: draws.clone(),
        slow,
        calls: Arc::default(),
        keys: Arc::default(),
    };
    let options = TrackerOptions::default()
        .part_bytes(setting.part_bytes)
        .batch(setting.batch);
    let cluster = MemoryCluster::default();
    let pubsub = match setting.is_clustered {
        true => PubSub::with_adapter(cluster.join("a")),
        false => PubSub::local(),
    };
    let tracker = Tracker::start_with(&pubsub, presence, options.clone()).unwrap();
    let other = setting.is_clustered.then(|| {
        let presence = Slow {
            draws: draws.clone(),
            slow: 0,
            calls: Arc::default(),
            keys: Arc::default(),
        };
        let pubsub = PubSub::with_adapter(cluster.join("b"));
        Tracker::start_with(&pubsub, presence, options).unwrap()
    });
    let of = |user: u8| match &other {
        Some(other) if user.is_multiple_of(2) => other,
        _ => &tracker,
    };
    let mut users: BTreeMap<u8, Owner> = BTreeMap::new();
    for user in 0..30 {
        let owner = Owner::new();
        let key = format!("k{:02}", user % 20);
        let meta = json!({ "x": "y".repeat(usize::from(user)) });
        of(user).track_as(&owner, "t", key, meta).await.unwrap();
        users.insert(user, owner);
    }
    let mut members: Vec<tokio::task::JoinHandle<Member>> = Vec::new();
    for step in steps {
        match step {
            Step::Track(user, size) => {
                let owner = users.entry(user).or_default();
                let key = format!("k{:02}", user % 20);
                let meta = json!({ "x": "y".repeat(size) });
                let _ = of(user).track_as(owner, "t", key, meta).await;
            }
            Step::Update(user) => {
                if let Some(owner) = users.get(&user) {
                    let key = format!("k{:02}", user % 20);
                    let _ = of(user).update_as(owner, "t", key, json!({ "u": 1 })).await;
                }
            }
            Step::Untrack(user) => {
                let place = usize::from(user) % users.len().max(1);
                if let Some(user) = users.keys().nth(place).copied() {
                    users.remove(&user);
                }
            }
            Step::Join(number) => {
                let place = usize::from(number) % 5;
                let mut client = Client {
                    is_older: number.is_multiple_of(2),
                    ..Client::default()
                };
                if place < members.len() {
                    // It reads all that came before, and keeps its list over the rejoin.
                    let mut member = members.swap_remove(place).await.unwrap();
                    member.reads();
                    client = member.client;
                }
                let mut member = Member::join(&pubsub, client);
                let (tracker, draws) = (tracker.clone(), draws.clone());
                members.push(tokio::spawn(async move {
                    member.parts = walk(&tracker, &member.outbox, (&draws, pace)).await.0;
                    member
                }));
            }
            Step::Sleep(ms) => tokio::time::sleep(MS * u32::from(ms)).await,
            Step::Part => cluster.part("a", "b"),
            Step::Heal => cluster.heal("a", "b"),
            Step::SleepLong => tokio::time::sleep(MS * 35_000).await,
        }
    }
    let mut joined = Vec::new();
    for member in members {
        joined.push(member.await.unwrap());
    }
    // The nodes see each other, and the last diffs come.
    cluster.heal("a", "b");
    tokio::time::sleep(MS * 60_000).await;
    tracker.settled().await;
    let truth = truth(&tracker).await;
    for mut member in joined {
        member.reads();
        member.client.ends_with(&truth, member.parts);
    }
}

fn run_paused(steps: Vec<Step>, setting: Setting) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(steps, setting));
}

proptest! {
    /// No order of parts, diffs, joins and leaves leaves a ghost or loses a member, whatever time
    /// `fetch` and the clients take.
    #[test]
    fn each_list_ends_with_the_truth(steps in steps(false), setting in settings(false)) {
        run_paused(steps, setting);
    }
}

proptest! {
    // Each takes minutes of virtual time, with the heartbeats of two nodes.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    /// A meta that is hidden and shown again has the same reference.
    #[test]
    fn each_list_ends_with_the_truth_when_nodes_part(
        steps in steps(true),
        setting in settings(true),
    ) {
        run_paused(steps, setting);
    }
}
