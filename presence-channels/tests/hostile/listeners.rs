//! Channels that are slower than the topics they subscribe to, and than the tasks that notify them.

use std::sync::Arc;

use presence_channels::{
    Broadcast, Channel, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinResult, Limits, Notifier, NotifyError, Params, Payload, PubSub, Routes, Socket,
    SocketOptions, Topic, UserSocket, reply_ok,
    testing::{self, TestChannel, TestSocket},
};
use serde_json::json;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Semaphore, mpsc},
};

use crate::world::{MAX_WAITING_BYTES, MAX_WAITING_MESSAGES};

/// The number of listeners.
const LISTENERS: usize = 20;
/// The number of messages for each.
const FLOOD: usize = 4_000;
/// The memory of one small message that waits: the app's value, its count, and room to grow.
const SMALL: usize = 200;

struct Listener;

/// The state that the listeners and the test share.
#[derive(Clone)]
struct World {
    /// A permit lets one message through.
    gate: Arc<Semaphore>,
    notifiers: mpsc::UnboundedSender<Notifier<ListenerChannel>>,
    handled: mpsc::UnboundedSender<usize>,
}

enum Info {
    News,
    Number(usize),
}

impl From<Broadcast> for Info {
    fn from(_: Broadcast) -> Self {
        Self::News
    }
}

impl UserSocket for Listener {
    type State = World;

    async fn connect(_: &Params, _: &ConnectInfo, _: &World) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<ListenerChannel>("listener:*");
    }
}

struct ListenerChannel;

impl Channel for ListenerChannel {
    type Socket = Listener;
    type Info = Info;

    async fn join(_: &Topic, _: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let _ = socket.state().notifiers.send(socket.notifier());
        socket.subscribe("news");
        Ok(Self.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        if event == "notify_itself" {
            for number in 0..payload.json()? {
                socket.notify(Info::Number(number));
            }
        }
        reply_ok(json!({}))
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        let permit = socket.state().gate.acquire().await?;
        permit.forget();
        if let Info::Number(number) = info {
            let _ = socket.state().handled.send(number);
        }
        Ok(())
    }
}

/// An endpoint with listeners that stand at the gate.
struct Listening {
    runtime: Runtime,
    endpoint: Endpoint,
    gate: Arc<Semaphore>,
    channels: Vec<(TestSocket, TestChannel)>,
    notifiers: Vec<Notifier<ListenerChannel>>,
    handled: mpsc::UnboundedReceiver<usize>,
}

impl Listening {
    fn start(limits: Limits, listeners: usize) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let (notifiers, mut joined) = mpsc::unbounded_channel();
        let (done, handled) = mpsc::unbounded_channel();
        let world = World {
            gate: gate.clone(),
            notifiers,
            handled: done,
        };
        let options = SocketOptions::default().limits(limits);
        let endpoint = Endpoint::builder(PubSub::local())
            .socket_with::<Listener>("/socket", world, options)
            .start(Config::default());
        let endpoint = runtime.block_on(endpoint).unwrap();
        let channels = runtime.block_on(async {
            let mut channels = Vec::new();
            for n in 0..listeners {
                let socket = testing::connect::<Listener>(&endpoint, json!({})).await;
                let socket = socket.unwrap();
                let topic = format!("listener:{n}");
                let (_, channel) = socket.join(&topic, json!({})).await.unwrap();
                channels.push((socket, channel));
            }
            channels
        });
        let notifiers = std::iter::from_fn(|| joined.try_recv().ok()).collect();
        Self {
            runtime,
            endpoint,
            gate,
            channels,
            notifiers,
            handled,
        }
    }

    /// Returns the most bytes that are held at once while `work` runs.
    fn peak(&self, work: impl Future<Output = ()>) -> usize {
        let mut work = std::pin::pin!(work);
        let measured = allocation_counter::measure(|| self.runtime.block_on(work.as_mut()));
        measured.bytes_max as usize
    }

    async fn broadcast(&self, count: usize, fill: usize) {
        let payload = || Payload::Binary(vec![7; fill].into());
        for n in 0..count {
            self.endpoint.broadcast("news", "flash", payload()).unwrap();
            if n % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[test]
fn of_the_broadcasts_that_slow_listeners_hear_only_so_many_wait() {
    let listening = Listening::start(Limits::default(), LISTENERS);
    let peak = listening.peak(listening.broadcast(FLOOD, 0));
    let most = LISTENERS * MAX_WAITING_MESSAGES * SMALL;
    assert!(peak <= most, "{peak} over {most}");
    // None has missed a broadcast without a sign.
    listening.gate.add_permits(LISTENERS * FLOOD);
    listening.runtime.block_on(async {
        for (_, channel) in &listening.channels {
            channel.assert_crashed().await;
        }
    });
}

/// Of large broadcasts the bytes count, and not only the number.
#[test]
fn of_the_large_broadcasts_that_a_slow_listener_hears_only_so_many_bytes_wait() {
    const FILL: usize = 1_000_000;
    let listening = Listening::start(Limits::default(), 1);
    let peak = listening.peak(listening.broadcast(100, FILL));
    // One that is handled, one over the limit, and the one that is made.
    let most = MAX_WAITING_BYTES + 3 * FILL;
    assert!(peak <= most, "{peak} over {most}");
    listening.gate.add_permits(100);
    let (_, channel) = &listening.channels[0];
    listening.runtime.block_on(channel.assert_crashed());
}

/// One message is taken whatever its size, or a channel could not hear it at all.
#[test]
fn a_broadcast_over_the_limit_is_heard_by_a_channel_for_which_nothing_waits() {
    let limits = Limits::default().max_waiting_bytes(1000);
    let listening = Listening::start(limits, 1);
    listening.gate.add_permits(10);
    listening.runtime.block_on(async {
        let (_, channel) = &listening.channels[0];
        for _ in 0..5 {
            listening.broadcast(1, 100_000).await;
            tokio::task::yield_now().await;
            let push = channel.push("ping", json!({})).await;
            channel.assert_reply(push, "ok", json!({})).await;
        }
    });
}

#[test]
fn a_notifier_is_told_when_its_message_is_not_taken() {
    let mut listening = Listening::start(Limits::default(), LISTENERS);
    let limit = MAX_WAITING_MESSAGES;
    let mut taken = 0;
    let peak = listening.peak(async {
        for number in 0..FLOOD {
            for notifier in &listening.notifiers {
                match notifier.notify(Info::Number(number)) {
                    Ok(()) => taken += 1,
                    Err(error) => assert_eq!(error, NotifyError::Full),
                }
            }
            if number == 0 {
                // Each begins with its first message, which waits no more.
                tokio::task::yield_now().await;
            }
        }
    });
    let most = LISTENERS * limit * SMALL;
    assert!(peak <= most, "{peak} over {most}");
    assert_eq!(taken, LISTENERS * (limit + 1));

    // The messages that were taken are handled, and there is room again.
    listening.gate.add_permits(taken + 1);
    let Listening {
        runtime,
        channels,
        notifiers,
        handled,
        ..
    } = &mut listening;
    runtime.block_on(async {
        let mut numbers = vec![0; limit + 1];
        for _ in 0..taken {
            numbers[handled.recv().await.unwrap()] += 1;
        }
        assert_eq!(numbers, vec![LISTENERS; limit + 1]);
        notifiers[0].notify(Info::Number(7)).unwrap();
        assert_eq!(handled.recv().await, Some(7));
        let (_socket, channel) = channels.remove(0);
        channel.leave().await;
    });
    let late = notifiers[0].notify(Info::Number(8));
    assert_eq!(late, Err(NotifyError::Closed));
}

#[test]
fn a_notifier_that_waits_loses_nothing_and_hears_of_the_end() {
    const SENDERS: usize = 100;
    const EACH: usize = 20;
    let limits = Limits::default().max_waiting_messages(10);
    let mut listening = Listening::start(limits, 1);
    let notifier = listening.notifiers[0].clone();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let notifier = notifier.clone();
            listening.runtime.spawn(async move {
                for n in 0..EACH {
                    let info = Info::Number(sender * EACH + n);
                    notifier.notify_wait(info).await.unwrap();
                }
            })
        })
        .collect();
    listening.runtime.block_on(async {
        let mut next = [0; SENDERS];
        for _ in 0..SENDERS * EACH {
            listening.gate.add_permits(1);
            let number = listening.handled.recv().await.unwrap();
            let (sender, n) = (number / EACH, number % EACH);
            assert_eq!(n, next[sender], "in the order of its sender");
            next[sender] += 1;
        }
        for sender in senders {
            sender.await.unwrap();
        }
        // A full channel that ends.
        while notifier.notify(Info::News).is_ok() {
            tokio::task::yield_now().await;
        }
        let waiting = tokio::spawn(async move { notifier.notify_wait(Info::News).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let (_socket, channel) = listening.channels.remove(0);
        listening.gate.add_permits(100);
        channel.leave().await;
        let ended = waiting.await.unwrap();
        // It may have got in when the channel worked off what it had.
        assert!(matches!(ended, Ok(()) | Err(NotifyError::Closed)));
        let late = listening.notifiers[0].notify_wait(Info::News).await;
        assert_eq!(late, Err(NotifyError::Closed));
    });
}

/// It cannot wait for itself.
#[test]
fn a_channel_that_notifies_itself_without_end_is_ended() {
    let listening = Listening::start(Limits::default(), 1);
    let (_, channel) = &listening.channels[0];
    let limit = MAX_WAITING_MESSAGES;
    listening.gate.add_permits(2 * limit);
    listening.runtime.block_on(async {
        let push = channel.push("notify_itself", limit).await;
        channel.assert_reply(push, "ok", json!({})).await;
        let push = channel.push("ping", json!({})).await;
        channel.assert_reply(push, "ok", json!({})).await;
    });
    let peak = listening.peak(async {
        channel.push("notify_itself", FLOOD).await;
        channel.assert_crashed().await;
    });
    let most = 2 * limit * SMALL;
    assert!(peak <= most, "{peak} over {most}");
}
