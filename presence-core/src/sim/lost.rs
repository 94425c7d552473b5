//! The presences whose owners' connections were lost, and the checks of their graces.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::ledger::{Finding, Ledger, is_me};
use super::machine::{Machine, TrackedPlace};
use super::violation::Rule;
use crate::replication::set::{Entry, PhxRef};

/// A presence in its grace.
#[derive(Clone, Debug)]
pub(super) struct LostPresence {
    pub(super) topic: Arc<str>,
    pub(super) key: Arc<str>,
    /// The end of the grace, by the machine's clock.
    pub(super) until: Duration,
}

impl Machine {
    /// Takes the presences of an owner out of what is tracked here.
    pub(super) fn take_owned(&mut self, owner: u64) -> Vec<(TrackedPlace, PhxRef)> {
        // By range, not by looking at all: an owner's end must not cost what the whole machine
        // holds.
        let nothing: Arc<str> = "".into();
        let places = self.tracked.range((owner, Arc::clone(&nothing), nothing)..);
        let places = places.map(|(place, held)| (place.clone(), *held));
        let owned: Vec<_> = places
            .take_while(|((other, ..), _)| *other == owner)
            .collect();
        for (place, _) in &owned {
            self.tracked.remove(place);
        }
        owned
    }
}

/// Checks what a machine lists of its own presences: what is tracked, and of what was lost
/// nothing beyond its grace. One that is lost and not listed any more was replaced by another track
/// of its key. `busy`: the machine is about to do what is due.
pub(super) fn own_listed(
    machine: &mut Machine,
    ledger: &Ledger,
    listed: &BTreeMap<Arc<str>, Vec<Arc<Entry>>>,
    now: Duration,
    busy: bool,
) -> Result<(), Finding> {
    let me = machine.seen.iter().find(|view| is_me(view));
    let is_own = |entry: &&Arc<Entry>| {
        let is_mine = me.is_some_and(|me| me.origin == *entry.tag.origin);
        entry.owner.owner().is_some() || (entry.owner.is_lost() && is_mine)
    };
    let own = listed.values().flatten().filter(is_own);
    let own: BTreeSet<_> = own.map(|entry| entry.meta.reference()).collect();
    let tracked: BTreeSet<_> = machine.tracked.values().copied().collect();
    let mut ghosts = own.difference(&tracked);
    // One that has left goes on showing what ends there until it stops.
    let is_kept = |held: &PhxRef| machine.left || machine.lost.contains_key(held);
    if !own.is_superset(&tracked) || !ghosts.all(is_kept) {
        let what = format!("{} tracks {tracked:?}, lists {own:?}", machine.name);
        return Err((Rule::LocalListed, what));
    }
    for (held, lost) in &machine.lost {
        let late = own.contains(held) && lost.until <= now && !busy && !machine.left;
        let early =
            !own.contains(held) && now < lost.until && ledger.tracks(&lost.topic, &lost.key) == 1;
        if late || early {
            let what = format!("{}: {held} at {now:?}: {lost:?}", machine.name);
            return Err((Rule::Grace, what));
        }
    }
    machine.lost.retain(|held, _| own.contains(held));
    Ok(())
}
