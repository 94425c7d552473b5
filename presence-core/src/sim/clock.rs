//! The clock of one machine, which need not agree with the world's.

use std::time::Duration;

/// A monotonic clock that began somewhere and runs at its own rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct MachineClock {
    /// A moment of the world's time...
    world: Duration,
    /// ...what this clock showed then...
    shown: Duration,
    /// ...and how many milliseconds it makes of the world's thousand since.
    rate: u32,
}

impl MachineClock {
    pub(super) fn starting_at(shown: Duration) -> Self {
        Self {
            world: Duration::ZERO,
            shown,
            rate: 1000,
        }
    }

    /// Returns the time that it shows at a moment of the world's time.
    pub(super) fn at(&self, world: Duration) -> Duration {
        let passed = world.saturating_sub(self.world);
        self.shown + passed * self.rate / 1000
    }

    /// The first moment of the world's time at which it shows `shown` or more.
    pub(super) fn when(&self, shown: Duration) -> Duration {
        let ahead = shown.saturating_sub(self.shown);
        let nanos = (ahead.as_nanos() * 1000).div_ceil(u128::from(self.rate));
        self.world + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
    }

    /// From `world` on it runs at another rate, and shows no jump.
    pub(super) fn set_rate(&mut self, world: Duration, rate: u32) {
        *self = Self {
            world,
            shown: self.at(world),
            rate: rate.max(1),
        };
    }

    /// From `world` on it shows `shown`: a machine that was saved and is restored.
    pub(super) fn set(&mut self, world: Duration, shown: Duration) {
        *self = Self {
            world,
            shown,
            rate: self.rate,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_shows_and_when_are_inverse() {
        let mut clock = MachineClock::starting_at(Duration::from_secs(70));
        for (step, rate) in [(0, 1000), (5, 1100), (9, 900), (13, 1003)] {
            clock.set_rate(Duration::from_secs(step), rate);
            for ahead in [0, 1, 7, 999, 1_000_000_007] {
                let shown = clock.shown + Duration::from_nanos(ahead);
                let world = clock.when(shown);
                assert!(clock.at(world) >= shown, "too early at rate {rate}");
                let before = world.saturating_sub(Duration::from_nanos(2));
                assert!(
                    ahead < 3 || clock.at(before) < shown,
                    "too late at rate {rate}"
                );
            }
        }
    }
}
