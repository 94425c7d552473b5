//! A room of 100,000: newcomers while users come and go, and clients that come back at once.
//!
//! The nodes and the clients are threads of one process. Their CPU time is told apart by the names
//! of the threads.

mod client;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use axum::serve::ListenerExt;
use presence_channels::{
    Channel, Config, ConnectError, ConnectInfo, Endpoint, InfoResult, JoinResult, Params, Payload,
    Presence, PubSub, Routes, Socket, Topic, Tracker, UserSocket, adapters::MemoryCluster,
    presence::Presences, tracker::Owner,
};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime, time::MissedTickBehavior};

use client::{Joined, join, refs};

/// The room, and the room whose list is pushed whole.
const ROOM: &str = "big:room";
const WHOLE: &str = "whole:room";
/// The most bytes of a frame: 256 KiB of JSON, and what is around it.
const FRAME: usize = 256 * 1024 + 100;
/// The users that come, and those that go, in a second.
const CHURN: u64 = 100;
/// The time that a client has for its list.
const PATIENCE: Duration = Duration::from_secs(120);
/// The newcomers whose lists are compared with the truth.
const CHECKED: u64 = 3;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The users in the room.
    #[arg(long, default_value_t = 100_000)]
    users: u64,
    /// The nodes. 0 measures with one, and then with three.
    #[arg(long, default_value_t = 0)]
    nodes: usize,
    /// The seconds for which ten newcomers a second join.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The clients that come back at once.
    #[arg(long, default_value_t = 1000)]
    returning: u64,
    /// Pushes each list whole, as one `presence_state`, to compare.
    #[arg(long)]
    whole: bool,
}

/// Counts the users in the lists that `fetch` sees, and so how often a list was encoded.
#[derive(Clone, Default)]
struct Members(Arc<AtomicU64>);

impl Presence for Members {
    const NAME: &str = "bench.members";

    async fn fetch(&self, _: &str, presences: Presences) -> Presences {
        // A diff has few of the users who were here from the beginning.
        let users = presences.keys().filter(|key| key.starts_with("user"));
        self.0.fetch_add(users.count() as u64, Ordering::Relaxed);
        presences
    }
}

struct Client(String);

impl UserSocket for Client {
    type State = Tracker<Members>;

    async fn connect(
        params: &Params,
        _: &ConnectInfo,
        _: &Tracker<Members>,
    ) -> Result<Self, ConnectError> {
        Ok(Self(params.get("name").unwrap_or_default().to_owned()))
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Big>("big:*");
        routes.channel::<Big>("whole:*");
    }
}

struct Big;

impl Channel for Big {
    type Socket = Client;
    type Info = ();

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        socket.notify(());
        Ok(Self.into())
    }

    async fn handle_info(&mut self, (): (), socket: &mut Socket<Self>) -> InfoResult {
        let tracker = socket.state();
        tracker.track(socket, &socket.user().0, json!({})).await?;
        if socket.topic().starts_with("whole") {
            socket.push("presence_state", tracker.list(socket.topic()).await)?;
        } else {
            socket.push_presence_state(tracker).await?;
        }
        socket.push("listed", json!({}))?;
        Ok(())
    }
}

struct Node {
    tracker: Tracker<Members>,
    port: u16,
}

async fn start_node(pubsub: PubSub, members: Members) -> anyhow::Result<Node> {
    let tracker = Tracker::start(&pubsub, members);
    let endpoint = Endpoint::builder(pubsub)
        .supervise(&tracker)
        .socket::<Client>("/socket", tracker.clone())
        .start(Config::default())
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = endpoint.router();
    tokio::spawn(async move {
        let _running = endpoint;
        axum::serve(listener, router).await
    });
    Ok(Node { tracker, port })
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.users > 0, "--users is 0");
    let nodes = match args.nodes {
        0 => vec![1, 3],
        nodes => vec![nodes],
    };
    for nodes in nodes {
        measure(args, nodes)?;
    }
    Ok(())
}

fn runtime(name: &str) -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.thread_name(name).enable_all().build()?)
}

fn measure(args: &Args, count: usize) -> anyhow::Result<()> {
    let (servers, clients) = (runtime("node")?, runtime("client")?);
    let members = Members::default();
    let topic = if args.whole { WHOLE } else { ROOM };
    let nodes = servers.block_on(async {
        let cluster = MemoryCluster::default();
        let mut nodes = Vec::new();
        for number in 0..count {
            let pubsub = match count {
                1 => PubSub::local(),
                _ => PubSub::with_adapter(cluster.join(format!("node{number}"))),
            };
            nodes.push(start_node(pubsub, members.clone()).await?);
        }
        anyhow::Ok(nodes)
    })?;
    let nodes = Arc::new(nodes);
    let owners = servers.block_on(fill(&nodes, topic, args.users))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let churning = churn(Arc::clone(&nodes), topic, owners, Arc::clone(&is_over));
    let churning = servers.spawn(churning);

    // Newcomers, while users come and go.
    let before = Costs::now(&members)?;
    let newcomers = clients.block_on(async {
        let mut joins = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for number in 0..args.seconds * 10 {
            tick.tick().await;
            let port = nodes[number as usize % nodes.len()].port;
            let keeps = number % (args.seconds * 10 / CHECKED).max(1) == 0;
            joins.push(tokio::spawn(join(
                port,
                topic,
                format!("new{number}"),
                keeps,
            )));
        }
        finished(joins).await
    })?;
    let used = Costs::now(&members)?.since(before);
    report("newcomers", args, count, &newcomers, used);

    // They come back at once.
    let before = Costs::now(&members)?;
    let returned = clients.block_on(async {
        let mut joins = Vec::new();
        for number in 0..args.returning {
            let port = nodes[number as usize % nodes.len()].port;
            joins.push(tokio::spawn(join(
                port,
                topic,
                format!("back{number}"),
                false,
            )));
        }
        finished(joins).await
    })?;
    let used = Costs::now(&members)?.since(before);
    report("returning", args, count, &returned, used);

    is_over.store(true, Ordering::Relaxed);
    let owners = servers.block_on(churning)?;
    if !args.whole {
        clients.block_on(agree(&nodes, topic, newcomers))?;
    }
    // Nobody is to hear of 100,000 users who leave.
    std::mem::forget(owners);
    servers.shutdown_background();
    clients.shutdown_background();
    Ok(())
}

/// Tracks the users, in turn on each node, and waits until all nodes have all.
async fn fill(nodes: &[Node], topic: &str, users: u64) -> anyhow::Result<Vec<Owner>> {
    let mut owners = Vec::new();
    for number in 0..users {
        let owner = Owner::new();
        track(nodes, topic, number, &owner).await?;
        owners.push(owner);
    }
    let begun = Instant::now();
    for node in nodes {
        while node.tracker.count(topic) < users as usize {
            ensure!(begun.elapsed() < PATIENCE, "the nodes do not agree");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        node.tracker.settled().await;
    }
    Ok(owners)
}

async fn track(nodes: &[Node], topic: &str, number: u64, owner: &Owner) -> anyhow::Result<()> {
    let tracker = &nodes[number as usize % nodes.len()].tracker;
    let meta = json!({ "online_at": "1764430000" });
    tracker
        .track_as(owner, topic, format!("user{number:07}"), meta)
        .await?;
    Ok(())
}

/// Has users come and go, all over the list.
async fn churn(
    nodes: Arc<Vec<Node>>,
    topic: &'static str,
    mut owners: Vec<Owner>,
    is_over: Arc<AtomicBool>,
) -> Vec<Owner> {
    let mut tick = tokio::time::interval(Duration::from_millis(1000 / CHURN));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut place = 0;
    while !is_over.load(Ordering::Relaxed) {
        tick.tick().await;
        place = (place + 7919) % owners.len();
        owners[place] = Owner::new();
        if track(&nodes, topic, place as u64, &owners[place])
            .await
            .is_err()
        {
            break;
        }
    }
    owners
}

async fn finished(
    joins: Vec<tokio::task::JoinHandle<anyhow::Result<Joined>>>,
) -> anyhow::Result<Vec<Joined>> {
    let mut joined = Vec::new();
    for join in joins {
        joined.push(join.await??);
    }
    Ok(joined)
}

/// Fails unless the lists of the checked newcomers become the truth.
async fn agree(nodes: &[Node], topic: &str, newcomers: Vec<Joined>) -> anyhow::Result<()> {
    // The last diffs are queued by then. All other clients have gone.
    for mut newcomer in newcomers.into_iter().filter(|joined| joined.list.is_some()) {
        let begun = Instant::now();
        loop {
            let take = newcomer.takes_one();
            let quiet = tokio::time::timeout(Duration::from_secs(1), take).await;
            if quiet.is_err() {
                let list = nodes[0].tracker.list(topic).await;
                let truth = refs(&serde_json::to_value(&list)?);
                if newcomer.list.as_ref() == Some(&truth) {
                    break;
                }
            } else {
                quiet??;
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "a newcomer's list is not the truth"
            );
        }
    }
    Ok(())
}

/// The use of CPU and of `fetch` so far.
#[derive(Clone, Copy)]
struct Costs {
    at: Instant,
    cpu: f64,
    users: u64,
}

impl Costs {
    fn now(members: &Members) -> anyhow::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            cpu: cpu_of("node")?,
            users: members.0.load(Ordering::Relaxed),
        })
    }

    /// Returns the seconds, the CPU-seconds and the listed users since.
    fn since(self, before: Self) -> (f64, f64, u64) {
        (
            (self.at - before.at).as_secs_f64(),
            self.cpu - before.cpu,
            self.users - before.users,
        )
    }
}

/// Returns the CPU-seconds of this process's threads of a name.
fn cpu_of(name: &str) -> anyhow::Result<f64> {
    let mut ticks = 0_u64;
    for task in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(task?.path().join("stat"))?;
        let (before, after) = stat
            .rsplit_once(')')
            .context("no name in a thread's stat")?;
        if before.ends_with(&format!("({name}")) {
            // The user's and the system's ticks are the 12th and the 13th field after the name.
            let fields = after.split_whitespace().skip(11).take(2);
            ticks += fields
                .filter_map(|field| field.parse::<u64>().ok())
                .sum::<u64>();
        }
    }
    Ok(ticks as f64 / 100.0)
}

fn report(
    what: &str,
    args: &Args,
    nodes: usize,
    joined: &[Joined],
    (seconds, cpu, users): (f64, f64, u64),
) {
    let mut took: Vec<f64> = joined.iter().map(|one| one.took.as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    let bytes: u64 = joined.iter().map(|one| one.bytes).sum();
    let frames: u64 = joined.iter().map(|one| one.frames).sum();
    let largest = joined.iter().map(|one| one.largest).max().unwrap_or(0);
    let line = json!({
        "big_room": what,
        "nodes": nodes,
        "users": args.users,
        "whole": args.whole,
        "clients": joined.len(),
        "seconds": seconds,
        "server_cpu_seconds": cpu,
        "bytes": bytes,
        "frames": frames,
        "largest_frame": largest,
        "within_limit": largest <= FRAME,
        "lists_encoded": users as f64 / args.users as f64,
        "median_seconds": took.get(took.len() / 2),
        "slowest_seconds": took.last(),
    });
    println!("{line}");
}
