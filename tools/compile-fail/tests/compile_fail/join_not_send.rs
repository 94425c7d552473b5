//! A lock of std held while `join` waits. rustc marks the lock; a trait of ours would hide it.

mod app;

use std::sync::Mutex;

use app::UserSocket;
use presence_channels::{Channel, JoinResult, Payload, Socket, Topic};

static JOINED: Mutex<u32> = Mutex::new(0);

struct RoomChannel;

impl Channel for RoomChannel {
    type Socket = UserSocket;
    type Info = ();

    async fn join(_: &Topic, _: Payload, _: &mut Socket<Self>) -> JoinResult<Self> {
        let mut joined = JOINED.lock().unwrap();
        std::future::ready(()).await;
        *joined += 1;
        Ok(RoomChannel.into())
    }
}

fn main() {}
