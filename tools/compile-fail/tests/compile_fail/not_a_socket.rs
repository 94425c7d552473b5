//! A type mounted that is not a socket.

use presence_channels::{Endpoint, PubSub};

struct UserSocket;

fn main() {
    let _ = Endpoint::builder(PubSub::local()).socket::<UserSocket>("/socket", ());
}
