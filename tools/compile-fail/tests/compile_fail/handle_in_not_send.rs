//! A lock of std held while `handle_in` waits. rustc marks the lock; a trait of ours would hide it.

mod app;

use std::sync::Mutex;

use app::UserSocket;
use presence_channels::{Channel, HandleResult, JoinResult, Payload, Socket, Topic, no_reply};

static SHOUTS: Mutex<u32> = Mutex::new(0);

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        Ok(RoomChannel.into())
    }

    async fn handle_in(&mut self, _: &str, _: Payload, _: &mut Socket<Self>) -> HandleResult {
        let mut shouts = SHOUTS.lock().unwrap();
        std::future::ready(()).await;
        *shouts += 1;
        no_reply()
    }
}

fn main() {}
