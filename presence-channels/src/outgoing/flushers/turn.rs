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
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{Batch, Flushers, mark::Marked};
use crate::outgoing::{Outbox, sync};

/// The outboxes of one endpoint that a turn has marked.
struct Marks {
    flushers: Arc<Flushers>,
    batch: Batch,
    cost: usize,
}

/// The turn under way on a thread.
struct Current {
    /// The number of this thread, of 2 and more, that no other has.
    thread: u32,
    /// The number of turns under way, one within the other.
    depth: Cell<usize>,
    /// Of the endpoints of this turn: one, nearly always.
    marks: RefCell<Vec<Marks>>,
}

sync::thread_local! {
    static CURRENT: Current = Current::new();
}

impl Current {
    fn new() -> Self {
        static THREADS: AtomicU32 = AtomicU32::new(2);
        Self {
            thread: THREADS.fetch_add(1, Ordering::Relaxed),
            depth: Cell::new(0),
            marks: RefCell::default(),
        }
    }

    /// Adds outboxes that hold this thread's mark, to which frames of this cost were pushed.
    fn add(&self, flushers: &Arc<Flushers>, batch: Batch, cost: usize) {
        let mut marks = self.marks.borrow_mut();
        let mut known = marks.iter_mut();
        match known.find(|marks| Arc::ptr_eq(&marks.flushers, flushers)) {
            Some(marks) => {
                marks.batch.extend(batch);
                marks.cost += cost;
            }
            None => marks.push(Marks {
                flushers: flushers.clone(),
                batch,
                cost,
            }),
        }
    }

    fn cost_of(&self, flushers: &Flushers) -> usize {
        let marks = self.marks.borrow();
        let mut marks = marks.iter();
        marks
            .find(|marks| std::ptr::eq(&*marks.flushers, flushers))
            .map_or(0, |marks| marks.cost)
    }

    /// Hands over what was marked, unless an outer turn goes on.
    fn end(&self) {
        if self.depth.get() > 0 {
            return;
        }
        let marks = std::mem::take(&mut *self.marks.borrow_mut());
        for Marks {
            flushers,
            mut batch,
            cost,
        } in marks
        {
            batch.retain(|outbox| outbox.mark().list(self.thread));
            flushers.hand_over(batch, cost);
        }
    }
}

/// A turn under way. Its end hands over what was marked, also when it panics.
pub(crate) struct Turn {
    /// It ends on its thread.
    _here: PhantomData<*const ()>,
}

impl Turn {
    fn begin() -> Self {
        CURRENT.with(|current| current.depth.set(current.depth.get() + 1));
        Self { _here: PhantomData }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        CURRENT.with(|current| {
            current.depth.set(current.depth.get() - 1);
            current.end();
        });
    }
}

/// Runs a turn.
pub(crate) fn run<T>(turn: impl FnOnce() -> T) -> T {
    let _turn = Turn::begin();
    turn()
}

/// The turn of one dispatch.
pub(crate) struct DispatchTurn {
    /// Ends after this has added its marks.
    _turn: Turn,
    thread: u32,
    flushers: Arc<Flushers>,
    batch: Batch,
    cost: usize,
    /// Set if the sender must write by itself.
    is_overdrawn: bool,
}

impl DispatchTurn {
    /// Begins the dispatch of a broadcast to clients of these flushers' endpoint, and perhaps of
    /// others.
    pub(crate) fn begin(flushers: &Arc<Flushers>) -> Self {
        let turn = Turn::begin();
        Self {
            _turn: turn,
            thread: CURRENT.with(|current| current.thread),
            is_overdrawn: flushers.backlog().is_overdrawn(cost_of(flushers)),
            flushers: flushers.clone(),
            batch: Vec::new(),
            cost: 0,
        }
    }

    /// Marks an outbox to which a broadcast of this cost was pushed.
    pub(in crate::outgoing) fn mark(&mut self, outbox: &Arc<Outbox>, cost: usize) {
        let marked = outbox.mark().hold(self.thread);
        let flushers = outbox.flushers();
        if marked == Marked::TakenOver {
            flushers.hand_over(vec![outbox.clone()], 0);
        }
        let held = (marked == Marked::Held).then(|| outbox.clone());
        if Arc::ptr_eq(&self.flushers, flushers) {
            self.cost += cost;
            self.batch.extend(held);
        } else {
            let batch = held.into_iter().collect();
            CURRENT.with(|current| current.add(flushers, batch, cost));
        }
    }

    /// Returns whether the sender must write by itself.
    pub(in crate::outgoing) fn is_overdrawn(&self) -> bool {
        self.is_overdrawn
    }
}

impl Drop for DispatchTurn {
    fn drop(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        CURRENT.with(|current| current.add(&self.flushers, batch, self.cost));
    }
}

/// Returns what this turn has added to the endpoint's backlog, which is counted at its end.
pub(crate) fn cost_of(flushers: &Flushers) -> usize {
    CURRENT.with(|current| current.cost_of(flushers))
}
