//! The times in which this node could hear nobody: this process was stopped, or its engine had no
//! broker. They say nothing about the other nodes, and extend every deadline.

use std::time::Duration;

use super::Membership;

impl Membership {
    /// Handles the engine's report that it has lost its broker, or is connected again.
    pub(crate) fn engine_is_away(&mut self, away: bool, now: Duration) {
        self.notice(now);
        match (away, self.away) {
            (true, None) => self.away = Some(now),
            (false, Some(since)) => {
                self.away = None;
                self.counts.reconnects += 1;
                self.extend(now.saturating_sub(since), now);
                // The others have heard nothing of this node either.
                self.next_beat = now;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Extends every deadline if this process was stopped, as a heartbeat that is late tells.
    pub(super) fn notice(&mut self, now: Duration) {
        let lateness = now.saturating_sub(self.next_beat);
        if lateness <= self.late() {
            return;
        }
        self.next_beat = now;
        self.counts.late_turns += 1;
        // The whole time without a broker counts once, at its end.
        if self.away.is_none() {
            self.extend(lateness, now);
        }
    }

    /// Extends every deadline by a time in which this node could hear nobody.
    fn extend(&mut self, deaf: Duration, now: Duration) {
        for peer in self.peers.values_mut() {
            peer.extend(deaf, now, &self.options);
        }
        self.tombs.extend(deaf, now + self.options.permdown_period);
    }

    /// Returns the lateness above which the process was stopped, and the machine not only busy.
    pub(super) fn late(&self) -> Duration {
        self.options.suspect_period / 4
    }
}
