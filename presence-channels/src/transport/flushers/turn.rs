//! A turn: a piece of work that runs to its end on one thread, and may broadcast. A socket's task
//! has one each time it runs, and a dispatch is one by itself or a part of that.
//!
//! The outboxes that a turn marks are handed to the flushers at its end and not before: several
//! broadcasts that came in one read then leave in one write a subscriber, and the flushers do not
//! run into the dispatcher's locks. The list of marked outboxes is the thread's own: nothing of it
//! lasts, and turns of different endpoints do not meet in it.

use std::{
    cell::{Cell, RefCell},
    marker::PhantomData,
    sync::Arc,
};

use super::{Batch, Flushers, mark::Marked};
use crate::transport::{Outbox, sync::atomic};

/// The outboxes of one endpoint that a turn has marked.
struct Marks {
    flushers: Arc<Flushers>,
    batch: Batch,
    cost: usize,
}

#[derive(Default)]
struct Scratch {
    /// Of the endpoints of this turn: one, nearly always.
    marks: Vec<Marks>,
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Set while the sender of this dispatch must write by itself.
    static OVERDRAWN: Cell<bool> = const { Cell::new(false) };
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static THREAD: u32 = next_thread();
}

/// A number for this thread that no other has, of 2 and more.
fn next_thread() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(2);
    NEXT.fetch_add(1, atomic::Ordering::Relaxed)
}

/// A turn under way. Its end hands over what was marked, also when it panics.
pub(crate) struct Turn {
    /// It ends on its thread.
    _here: PhantomData<*const ()>,
}

impl Turn {
    pub(crate) fn begin() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self { _here: PhantomData }
    }

    /// As [`begin`](Self::begin), for a broadcast of an endpoint with these flushers.
    pub(crate) fn begin_dispatch(flushers: &Flushers) -> Self {
        let turn = Self::begin();
        OVERDRAWN.set(flushers.backlog().is_overdrawn(cost_of(flushers)));
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let depth = DEPTH.get() - 1;
        DEPTH.set(depth);
        OVERDRAWN.set(false);
        if depth == 0 {
            end();
        }
    }
}

/// Runs a turn.
pub(crate) fn run<T>(turn: impl FnOnce() -> T) -> T {
    let _turn = Turn::begin();
    turn()
}

/// Marks an outbox to which a broadcast of this cost was pushed.
pub(in crate::transport) fn mark(outbox: &Arc<Outbox>, cost: usize) {
    let marked = outbox.mark().hold(THREAD.with(|thread| *thread));
    if marked == Marked::TakenOver {
        outbox.flushers().hand_over(vec![outbox.clone()], 0);
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let flushers = outbox.flushers();
        let known = scratch.marks.iter_mut();
        let marks = match { known }.find(|marks| Arc::ptr_eq(&marks.flushers, flushers)) {
            Some(marks) => marks,
            None => {
                scratch.marks.push(Marks {
                    flushers: flushers.clone(),
                    batch: Vec::new(),
                    cost: 0,
                });
                scratch.marks.last_mut().expect("pushed just now")
            }
        };
        marks.cost += cost;
        if marked == Marked::Held {
            marks.batch.push(outbox.clone());
        }
    });
    if DEPTH.get() == 0 {
        end();
    }
}

/// Returns what this turn has added to the endpoint's backlog, which is counted at its end.
pub(in crate::transport) fn cost_of(flushers: &Flushers) -> usize {
    SCRATCH.with_borrow(|scratch| {
        let mut marks = scratch.marks.iter();
        marks
            .find(|marks| std::ptr::eq(&*marks.flushers, flushers))
            .map_or(0, |marks| marks.cost)
    })
}

/// Returns whether the sender of the dispatch under way must write by itself.
pub(in crate::transport) fn is_overdrawn() -> bool {
    OVERDRAWN.get()
}

/// Hands over what was marked.
fn end() {
    let marks = SCRATCH.with_borrow_mut(|scratch| std::mem::take(&mut scratch.marks));
    for Marks {
        flushers,
        mut batch,
        cost,
    } in marks
    {
        let thread = THREAD.with(|thread| *thread);
        batch.retain(|outbox| outbox.mark().list(thread));
        flushers.hand_over(batch, cost);
    }
}
