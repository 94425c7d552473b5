//! Connections that are lost.

use std::time::Duration;

use super::Cluster;
use crate::sim::lost::LostPresence;
use crate::sim::violation::{Rule, Violation};

impl Cluster {
    /// The connection of an owner is lost: its presences stay for the grace.
    pub fn lose(&mut self, machine: usize, owner: u64, grace: Duration) -> Result<(), Violation> {
        let id = super::owner_id(owner);
        let lost = self.act(machine, |node, now, out| {
            node.owner_lost(id, grace, now, out);
            now
        })?;
        let Some(now) = lost else { return Ok(()) };
        let machine_at = &mut self.machines[machine];
        for ((_, topic, key), phx_ref) in machine_at.take_owned(owner) {
            let until = now + grace;
            let lost = LostPresence { topic, key, until };
            machine_at.lost.insert(phx_ref, lost);
            self.coverage.add("losses", 1);
        }
        self.look(machine)
    }

    /// A user whose connection is lost comes back on another machine: nobody sees the key without a
    /// meta, and the user's other device stays.
    pub(super) fn comes_back(
        &mut self,
        (at, elsewhere, third): (usize, usize, Option<usize>),
        topic: &str,
        owner: u64,
    ) -> Result<(), Violation> {
        const GRACE: Duration = Duration::from_secs(2);
        let shown = |cluster: &Self, expected: [usize; 2]| {
            let metas = [at, elsewhere].map(|at| {
                let node = cluster.machines[at].running();
                node.map_or(0, |node| node.get_by_key(topic, "phone").len())
            });
            if metas == expected {
                return Ok(());
            }
            let what = format!("{metas:?} metas of a phone and not {expected:?}");
            Err(cluster.violation((Rule::Grace, what)))
        };
        for device in [owner, owner + 1] {
            self.track(at, device, topic, "phone", &serde_json::json!({}))?;
        }
        self.run_for(self.options.broadcast_period)?;
        shown(self, [2, 2])?;
        let watchers: Vec<_> = [Some(elsewhere), third].into_iter().flatten().collect();
        watchers.iter().for_each(|at| self.listen(*at, topic, 0));
        let diffs = |cluster: &Self| -> Vec<_> {
            let diffs = watchers
                .iter()
                .map(|at| cluster.machines[*at].diffs_of(topic));
            diffs.collect()
        };
        let before = diffs(self);
        self.lose(at, owner, GRACE)?;
        self.run_for(Duration::from_millis(500))?;
        shown(self, [2, 2])?;
        self.track(elsewhere, owner, topic, "phone", &serde_json::json!({}))?;
        shown(self, [2, 2])?;
        self.run_for(self.options.broadcast_period)?;
        shown(self, [2, 2])?;
        // One diff, in which the new meta joins and the lost one leaves.
        let after = diffs(self);
        if !before
            .iter()
            .zip(&after)
            .all(|(before, after)| before + 1 == *after)
        {
            let what = format!("{before:?} diffs, and {after:?} after a phone has come back");
            return Err(self.violation((Rule::Grace, what)));
        }
        // Nobody comes back for this one.
        self.lose(elsewhere, owner, GRACE)?;
        self.run_for(Duration::from_millis(1600))?;
        shown(self, [2, 2])?;
        self.run_for(Duration::from_millis(800))?;
        shown(self, [1, 1])
    }
}
