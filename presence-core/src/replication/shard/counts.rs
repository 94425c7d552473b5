//! The counts of a shard's events.

/// Counts since the shard was made. For metrics, and to see that a simulation meets what it is
/// meant to meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Deltas of others that were applied, answers included.
    pub(crate) deltas: u64,
    /// Of these, those that overlapped with what was known.
    pub(crate) overlaps: u64,
    /// Of these, those that named what lives, because what was removed was no longer known.
    pub(crate) runs_used: u64,
    /// Held entries that applying them looked at.
    pub(crate) entries_visited: u64,
    /// Deltas that said nothing new.
    pub(crate) stale_deltas: u64,
    /// Deltas that came before what they go on from.
    pub(crate) gaps: u64,
    /// Of these, those that were kept.
    pub(crate) early_kept: u64,
    /// Of these, those that were applied when what was before them had come.
    pub(crate) early_applied: u64,
    /// Requests for what was missing.
    pub(crate) asks: u64,
    /// Answers that moved a replica on.
    pub(crate) answers: u64,
    /// Of these, those of many changes, whose removals were made in turns.
    pub(crate) debts: u64,
    /// Answers in several parts that were begun.
    pub(crate) staged: u64,
    /// Answers that were none.
    pub(crate) nonsense: u64,
    /// Requests that were answered.
    pub(crate) served: u64,
    /// Of these, those for another node's replica.
    pub(crate) served_for_others: u64,
    /// Requests not answered, because too many answers were under way.
    pub(crate) busy: u64,
    /// Replicas fetched anew, because what was held was not what their node has.
    pub(crate) refetches: u64,
    /// Graces that ended because their time was over.
    pub(crate) graces_expired: u64,
    /// Entries in their grace whose key was tracked anew elsewhere.
    pub(crate) graces_ended_by_rejoin: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self {
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
        } = other;
        self.deltas += deltas;
        self.overlaps += overlaps;
        self.runs_used += runs_used;
        self.entries_visited += entries_visited;
        self.stale_deltas += stale_deltas;
        self.gaps += gaps;
        self.early_kept += early_kept;
        self.early_applied += early_applied;
        self.asks += asks;
        self.answers += answers;
        self.debts += debts;
        self.staged += staged;
        self.nonsense += nonsense;
        self.served += served;
        self.served_for_others += served_for_others;
        self.busy += busy;
        self.refetches += refetches;
        self.graces_expired += graces_expired;
        self.graces_ended_by_rejoin += graces_ended_by_rejoin;
    }
}
