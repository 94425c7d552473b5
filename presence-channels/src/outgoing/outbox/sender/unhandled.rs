//! A client's broadcasts that wait for the handlers of channels, and the hold of a client that has
//! too many of them: its messages are neither read nor handled.
//!
//! A channel that intercepts an event, or subscribes to a topic, ends if more broadcasts wait for
//! it than may. A client that floods must not end it. So the client is held while too many of
//! its broadcasts wait: a quarter of the room that is left in a mailbox. The more senders a channel
//! has, the less room is left, and the fewer broadcasts each may have waiting. A client that sends
//! little is not held.
//!
//! The channels of a held client handle what others send. Two clients that flood each other would
//! otherwise hold each other for good: each waits until the other's channel has handled broadcasts.
//!
//! One slow channel must not silence its room. So a hold lasts no longer than a sender needs that
//! fills an empty mailbox in [`FILL_TIME`], and what waited until then is forgotten. A channel that
//! is slower than that ends, and alone.

use std::{
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::AbortHandle, time::Instant};

use crate::wakers::{self, Wakers};

/// The part of a mailbox's room that the broadcasts of one client may take, as a divisor.
const SHARE: usize = 4;
/// The time in which a client that is held all the time fills the mailbox of a channel that handles
/// nothing. By the default limits that is a hundred broadcasts a second.
const FILL_TIME: Duration = Duration::from_secs(10);

/// Messages and bytes that wait or may wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The broadcasts that may wait, and those that do, in one mailbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) most: Amount,
    pub(crate) waits: Amount,
}

impl Room {
    /// Returns whether `amount`, of one client, is too much for what is left.
    fn is_little_for(self, amount: Amount) -> bool {
        let is_little = |amount: usize, most: usize, waits: usize| {
            amount.saturating_mul(SHARE) >= most.saturating_sub(waits)
        };
        is_little(amount.messages, self.most.messages, self.waits.messages)
            || is_little(amount.bytes, self.most.bytes, self.waits.bytes)
    }

    /// Returns the longest hold of a client of which this amount waits.
    fn longest_hold(self, amount: Amount) -> Duration {
        let part = |amount: usize, most: usize| amount as f64 / most.max(1) as f64;
        let messages = part(amount.messages, self.most.messages);
        let bytes = part(amount.bytes, self.most.bytes);
        FILL_TIME.mul_f64(messages.max(bytes).min(1.0))
    }
}

/// The broadcasts of one client that wait for handlers.
#[derive(Default)]
pub(super) struct Unhandled(Mutex<State>);

#[derive(Default)]
struct State {
    waits: Amount,
    /// The number of times that what waited was forgotten.
    round: u32,
    hold: Option<Hold>,
    /// The transport, while it does not read.
    readers: Wakers,
}

struct Hold {
    /// The amount that waited at the beginning.
    waits: Amount,
    /// Ends a hold that lasts too long.
    timer: AbortHandle,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// One broadcast that waits for handlers. Each of its letters has a clone, and it counts until the
/// last is dropped.
pub(crate) struct UnhandledBroadcast {
    sender: Arc<Unhandled>,
    bytes: usize,
    round: u32,
    /// The amount that waits with this broadcast.
    waits: Amount,
}

impl Unhandled {
    pub(super) fn begin(self: &Arc<Self>, bytes: usize) -> UnhandledBroadcast {
        let mut state = self.0.lock();
        state.waits.messages += 1;
        state.waits.bytes += bytes;
        UnhandledBroadcast {
            sender: self.clone(),
            bytes,
            round: state.round,
            waits: state.waits,
        }
    }

    /// Holds the client, unless what waited in `round` is forgotten.
    fn hold(self: &Arc<Self>, round: u32, room: Room, runtime: &Handle) {
        let mut state = self.0.lock();
        if state.round != round || state.hold.is_some() {
            return;
        }
        let until = Instant::now() + room.longest_hold(state.waits);
        let timer = runtime.spawn(release_at(until, Arc::downgrade(self), round));
        state.hold = Some(Hold {
            waits: state.waits,
            timer: timer.abort_handle(),
        });
    }

    pub(super) fn is_held(&self) -> bool {
        self.0.lock().hold.is_some()
    }

    /// Ready when the client may be read.
    pub(super) fn poll_released(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.hold.is_none() {
            return Poll::Ready(());
        }
        state.readers.add(cx.waker());
        Poll::Pending
    }

    /// Counts a broadcast of `round` no longer.
    fn end(&self, bytes: usize, round: u32) {
        let mut state = self.0.lock();
        if state.round != round {
            return;
        }
        state.waits.messages -= 1;
        state.waits.bytes -= bytes;
        let waits = state.waits;
        let is_half = |hold: &mut Hold| {
            waits.messages <= hold.waits.messages / 2 && waits.bytes <= hold.waits.bytes / 2
        };
        if state.hold.take_if(is_half).is_some() {
            let readers = state.readers.take_all();
            drop(state);
            readers.into_iter().for_each(wakers::wake);
        }
    }

    /// Ends the hold of a client, and forgets what waits.
    fn release(&self, round: u32) {
        let mut state = self.0.lock();
        if state.round != round || state.hold.take().is_none() {
            return;
        }
        state.waits = Amount::default();
        state.round = state.round.wrapping_add(1);
        let readers = state.readers.take_all();
        drop(state);
        readers.into_iter().for_each(wakers::wake);
    }
}

async fn release_at(until: Instant, sender: Weak<Unhandled>, round: u32) {
    tokio::time::sleep_until(until).await;
    if let Some(sender) = sender.upgrade() {
        sender.release(round);
    }
}

impl UnhandledBroadcast {
    /// Holds its sender if too much of it waits for the room that a mailbox has.
    pub(crate) fn wait_in(&self, room: Room, runtime: &Handle) {
        if room.is_little_for(self.waits) {
            self.sender.hold(self.round, room, runtime);
        }
    }
}

impl Drop for UnhandledBroadcast {
    fn drop(&mut self) {
        self.sender.end(self.bytes, self.round);
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn room(waits: usize) -> Room {
        Room {
            most: Amount {
                messages: 8,
                bytes: 1000,
            },
            waits: Amount {
                messages: waits,
                bytes: 0,
            },
        }
    }

    fn wait(sender: &Arc<Unhandled>, bytes: usize) -> UnhandledBroadcast {
        let broadcast = sender.begin(bytes);
        broadcast.wait_in(room(0), &Handle::current());
        broadcast
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_is_held_at_a_quarter_of_the_room_and_read_again_at_half_of_that() {
        let sender = Arc::<Unhandled>::default();
        let first = wait(&sender, 1);
        assert!(!sender.is_held());
        let second = wait(&sender, 1);
        assert!(sender.is_held());
        drop(second);
        assert!(!sender.is_held());
        let large = wait(&sender, 249);
        assert!(sender.is_held());
        drop(large);
        assert!(!sender.is_held());
        first.wait_in(room(4), &Handle::current());
        assert!(sender.is_held(), "others have left less room");
        drop(first);
        assert!(!sender.is_held());
        assert_eq!(sender.0.lock().waits.messages, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_ends_in_time_and_forgets_what_waited() {
        let sender = Arc::<Unhandled>::default();
        for _ in 0..3 {
            let begun = Instant::now();
            let waiting = [1; 2].map(|bytes| wait(&sender, bytes));
            assert!(sender.is_held());
            std::future::poll_fn(|cx| sender.poll_released(cx)).await;
            assert_eq!(begun.elapsed(), FILL_TIME / 4, "two of eight");
            assert_eq!(sender.0.lock().waits.messages, 0);
            let one = wait(&sender, 1);
            assert!(!sender.is_held());
            drop(waiting);
            let waits = sender.0.lock().waits.messages;
            assert_eq!(waits, 1, "those of before do not count");
            drop(one);
        }
    }
}
