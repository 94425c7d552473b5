//! The counts of nodes, by name.

use super::Coverage;
use crate::replication::node::{MembershipCounts, NodeCounters};
use crate::replication::shard::Counts;

/// Adds every field of a struct under its name. A field that is left out does not compile.
macro_rules! add_all {
    ($coverage:ident, $counts:expr, $of:ident { $($field:ident),* $(,)? }) => {{
        let $of { $($field),* } = $counts;
        $($coverage.add(stringify!($field), *$field);)*
    }};
}

impl Coverage {
    /// Adds all that a node has counted.
    pub(in crate::sim) fn add_node(&mut self, counters: &NodeCounters) {
        let NodeCounters {
            shards,
            membership,
            malformed,
            vectors,
        } = counters;
        self.add("malformed", *malformed);
        self.add("vectors", *vectors);
        add_all!(
            self,
            shards,
            Counts {
                deltas,
                overlaps,
                runs_used,
                entries_visited,
                stale_deltas,
                gaps,
                early_kept,
                early_applied,
                asks,
                answers,
                debts,
                staged,
                nonsense,
                served,
                served_for_others,
                busy,
                refetches,
                graces_expired,
                graces_ended_by_rejoin,
            }
        );
        add_all!(
            self,
            membership,
            MembershipCounts {
                ups,
                suspects,
                suspects_saved,
                vouched,
                downs,
                permdowns,
                leaves,
                leaves_passed_on,
                refusals,
                overtaken,
                buried,
                retags,
                conflicts,
                late_turns,
                reconnects,
                respites,
            }
        );
    }
}
