//! A tracker started with a type that is not a presence.

use presence_channels::{PubSub, Tracker};

struct Presence;

fn main() {
    Tracker::start(&PubSub::local(), Presence);
}
