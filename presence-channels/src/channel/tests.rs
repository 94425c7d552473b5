//! Channels from the client's side, by the test kit.

mod at_once;
mod crashes;
mod crashes_with_grace;
mod errors;
mod held;
mod joins;
mod kicks;
mod lifecycle;
mod limits;
mod messages;
mod rates;
mod watching;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use presence_core::pubsub::Broadcast;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    Channel, ChannelError, Config, ConnectError, ConnectInfo, Endpoint, HandleResult, InfoResult,
    JoinError, JoinResult, Limits, Params, Payload, PubSub, Routes, Socket, SocketOptions,
    TerminateReason, Topic, UserSocket, no_reply, reply_error, reply_ok, stop, stop_with_error,
    stop_with_reply,
    testing::{self, TestChannel, TestSocket},
    unhandled,
};

/// The events of a test, in order, and a gate that handlers wait at.
#[derive(Clone)]
struct World {
    log: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
}

impl World {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().push(what.into());
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Waits until `what` has happened.
    async fn until(&self, what: &str) {
        let happened = async {
            while !self.log().iter().any(|entry| entry == what) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(5), happened).await;
        assert!(
            waited.is_ok(),
            "{what:?} has not happened: {:?}",
            self.log()
        );
    }
}

struct Client;

impl UserSocket for Client {
    type State = World;

    async fn connect(_: &Params, _: &ConnectInfo, _: &World) -> Result<Self, ConnectError> {
        Ok(Client)
    }

    fn id(&self) -> Option<String> {
        Some("client:1".into())
    }

    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<Room>("room:*");
        // As a careless pattern would.
        routes.channel::<Room>("ph*");
    }
}

/// Logs its own end, also if `terminate` never ran.
struct Room {
    world: World,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.world.note("dropped");
    }
}

/// A value of a handler that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped the bomb");
    }
}

#[derive(Debug)]
enum Info {
    Told(&'static str),
    Heard(Broadcast),
    Panic,
    Fail,
}

impl From<Broadcast> for Info {
    fn from(broadcast: Broadcast) -> Self {
        Self::Heard(broadcast)
    }
}

impl Channel for Room {
    type Socket = Client;
    type Info = Info;

    const INTERCEPTS: &'static [&'static str] = &["secret", "slow"];

    async fn join(topic: &Topic, payload: Payload, socket: &mut Socket<Self>) -> JoinResult<Self> {
        let world = socket.state().clone();
        world.note(format!("join {}", payload.value()?));
        match topic.subtopic() {
            "private" => {
                return Err(JoinError::with(
                    json!({ "reason": "unauthorized", "code": 7 }),
                ));
            }
            "broken" => return Err(std::io::Error::other("the database is at 10.0.0.3").into()),
            "panics" => panic!("asked to"),
            "endless" => std::future::pending().await,
            "early" => {
                assert!(socket.push("too", json!("early")).is_err());
                assert!(socket.broadcast("too", json!("early")).is_err());
                socket.notify(Info::Told("after the join"));
            }
            "gated" => {
                world.gate.acquire().await?.forget();
            }
            "gated-refused" => {
                world.gate.acquire().await?.forget();
                return Err(JoinError::new("refused"));
            }
            _ => {}
        }
        world.note("joined");
        Ok(Room { world }.into())
    }

    async fn handle_in(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> HandleResult {
        match event {
            "ping" => reply_ok(payload),
            "push" => {
                socket.push("pushed", payload)?;
                no_reply()
            }
            "shout" => {
                socket.broadcast("shout", payload)?;
                reply_ok(Payload::empty())
            }
            "shout_from" => {
                socket.broadcast_from("shout", payload)?;
                no_reply()
            }
            "shout_slow" => {
                socket.broadcast_from("slow", payload)?;
                no_reply()
            }
            "long_event" => {
                let event = "e".repeat(payload.json()?);
                let data = || Payload::Binary(vec![7].into());
                let errors = [
                    socket.push(&event, data()).err().map(|e| e.to_string()),
                    socket
                        .broadcast(&event, data())
                        .err()
                        .map(|e| e.to_string()),
                    socket
                        .broadcast_from(&event, data())
                        .err()
                        .map(|e| e.to_string()),
                ];
                reply_ok(json!({ "errors": errors }))
            }
            "gated" => {
                self.world.note("at the gate");
                self.world.gate.acquire().await?.forget();
                self.world.note("through the gate");
                reply_ok(payload)
            }
            "endless" => std::future::pending().await,
            "endless_bomb" => {
                let _bomb = Bomb;
                std::future::pending().await
            }
            "later" => {
                let reply_ref = socket.reply_ref().ok_or(ChannelError::new("no ref"))?;
                let world = self.world.clone();
                tokio::spawn(async move {
                    let _ = world.gate.acquire().await.map(|permit| permit.forget());
                    reply_ref.ok(payload)
                });
                no_reply()
            }
            "tell" => {
                socket.notify(Info::Told("by itself"));
                no_reply()
            }
            "tell_later" => {
                socket.notify_after(Duration::from_secs(60), Info::Told("in a minute"));
                let never = socket.notify_after(Duration::from_secs(30), Info::Told("never"));
                never.cancel();
                no_reply()
            }
            "tell_from_task" => {
                let notifier = socket.notifier();
                tokio::spawn(async move { notifier.notify(Info::Told("by a task")) });
                no_reply()
            }
            "listen" => {
                socket.subscribe("news");
                reply_ok(Payload::empty())
            }
            "listen_no_more" => {
                socket.unsubscribe("news");
                reply_ok(Payload::empty())
            }
            "info_panic" => {
                socket.notify(Info::Panic);
                no_reply()
            }
            "info_fail" => {
                socket.notify(Info::Fail);
                no_reply()
            }
            "fail" => Err(ChannelError::new("not today")),
            "fail_inside" => Err(std::io::Error::other("the database is at 10.0.0.3").into()),
            "typed" => {
                let number: u8 = payload.json()?;
                reply_ok(number)
            }
            "refuse" => reply_error(json!({ "reason": "no" })),
            "stop" => stop(),
            "stop_reply" => stop_with_reply("ok", json!({ "bye": true })),
            "stop_error" => stop_with_error("asked to"),
            "stop_itself" => {
                socket.stop();
                reply_ok(Payload::empty())
            }
            "panic" => panic!("asked to"),
            _ => unhandled(event),
        }
    }

    async fn handle_info(&mut self, info: Info, socket: &mut Socket<Self>) -> InfoResult {
        match info {
            Info::Told(what) => socket.push("told", json!({ "what": what }))?,
            Info::Heard(broadcast) => socket.push("heard", &broadcast.payload)?,
            Info::Panic => panic!("asked to"),
            Info::Fail => return Err(ChannelError::new("not today")),
        }
        Ok(())
    }

    async fn handle_out(
        &mut self,
        event: &str,
        payload: Payload,
        socket: &mut Socket<Self>,
    ) -> InfoResult {
        if event == "slow" {
            self.world.gate.acquire().await?.forget();
        }
        let mut payload = payload.value()?;
        if payload["hide"] != json!(true) {
            payload["seen"] = json!(true);
            socket.push(event, payload)?;
        }
        Ok(())
    }

    async fn terminate(&mut self, reason: &TerminateReason, socket: &mut Socket<Self>) {
        self.world.note(format!("terminate {reason:?}"));
        if socket.topic().subtopic() == "slow-end" {
            let _ = self
                .world
                .gate
                .acquire()
                .await
                .map(|permit| permit.forget());
            self.world.note("terminated");
        }
    }
}

async fn endpoint() -> (Endpoint, World) {
    endpoint_with(Config::default()).await
}

async fn endpoint_limited(limits: Limits) -> (Endpoint, World) {
    start(Config::default(), SocketOptions::default().limits(limits)).await
}

async fn endpoint_with(config: Config) -> (Endpoint, World) {
    start(config, SocketOptions::default()).await
}

async fn start(config: Config, options: SocketOptions) -> (Endpoint, World) {
    let world = World {
        log: Arc::default(),
        gate: Arc::new(Semaphore::new(0)),
    };
    let builder =
        Endpoint::builder(PubSub::local()).socket_with::<Client>("/socket", world.clone(), options);
    (builder.start(config).await.unwrap(), world)
}

async fn client(endpoint: &Endpoint) -> TestSocket {
    testing::connect::<Client>(endpoint, json!({}))
        .await
        .unwrap()
}

async fn joined(topic: &str) -> (TestChannel, World) {
    let (endpoint, world) = endpoint().await;
    let (_, channel) = client(&endpoint)
        .await
        .join(topic, json!({}))
        .await
        .unwrap();
    (channel, world)
}

/// Asserts that the channel still answers.
async fn assert_alive(channel: &TestChannel) {
    let ping = channel.push("ping", json!({ "alive": 1 })).await;
    channel
        .assert_reply(ping, "ok", json!({ "alive": 1 }))
        .await;
}

fn reason(reason: &str) -> Value {
    json!({ "reason": reason })
}
