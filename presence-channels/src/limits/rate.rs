use crate::option_error::{OptionError, at_least};

/// A limit on messages per second, with a burst.
///
/// ```
/// use presence_channels::{Limits, Rate};
///
/// let limits = Limits::default().max_message_rate(Rate::per_second(50).burst(200));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// Returns the messages per second, for a refusal's text.
    pub(crate) fn messages(self) -> u32 {
        self.per_second
    }

    /// Creates a rate of on average at most `messages` a second, and as many at once. An endpoint
    /// does not start with a rate of 0.
    #[must_use]
    pub fn per_second(messages: u32) -> Self {
        Self {
            per_second: messages,
            burst: messages,
        }
    }

    /// Lets `messages` come at once after a pause, as when a page has just loaded. An endpoint does
    /// not start with a burst of 0.
    #[must_use]
    pub fn burst(mut self, messages: u32) -> Self {
        self.burst = messages;
        self
    }

    /// Refuses a rate that lets nothing through. `option` names the limit in the error.
    pub(crate) fn check(self, option: &'static str) -> Result<(), OptionError> {
        at_least(option, self.per_second, 1)?;
        at_least(option, self.burst, 1)
    }
}

/// The messages that a client may still send at its [`Rate`]: a token bucket that counts
/// thousandths of a message, and so needs no fractions.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    thousandths: u64,
    /// The time of the last refill, in milliseconds of the endpoint's clock.
    filled: u64,
}

impl Bucket {
    /// A full bucket, if there is a limit at all.
    pub(crate) fn of(rate: Option<Rate>, now: u64) -> Option<Box<Self>> {
        rate.map(|rate| Box::new(Self::new(rate, now)))
    }

    /// Takes one message out of the bucket, if there is a limit. Returns the exceeded rate, in
    /// messages per second, if the bucket is empty.
    pub(crate) fn over(bucket: &mut Option<Box<Self>>, now: impl FnOnce() -> u64) -> Option<u32> {
        let bucket = bucket.as_mut()?;
        bucket.take(now()).err().map(|rate| rate.per_second)
    }

    pub(crate) fn new(rate: Rate, now: u64) -> Self {
        Self {
            rate,
            thousandths: u64::from(rate.burst) * 1000,
            filled: now,
        }
    }

    /// Returns whether the bucket is full at `now`.
    pub(crate) fn is_full(&self, now: u64) -> bool {
        self.left(now) == self.full()
    }

    /// Returns the thousandths of messages that the bucket holds at `now`.
    pub(crate) fn left(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.filled);
        let refill = passed.saturating_mul(u64::from(self.rate.per_second));
        self.thousandths.saturating_add(refill).min(self.full())
    }

    fn full(&self) -> u64 {
        u64::from(self.rate.burst) * 1000
    }

    /// Takes one message out of the bucket. Returns the exceeded rate if the bucket is empty.
    pub(crate) fn take(&mut self, now: u64) -> Result<(), Rate> {
        self.thousandths = self.left(now);
        // Two connections of a user read the clock before they take turns at the user's bucket.
        self.filled = self.filled.max(now);
        match self.thousandths.checked_sub(1000) {
            Some(left) => {
                self.thousandths = left;
                Ok(())
            }
            None => Err(self.rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now: u64, tries: u32) -> usize {
        (0..tries).filter(|_| bucket.take(now).is_ok()).count()
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let mut bucket = Bucket::new(Rate::per_second(10).burst(30), 0);
        assert_eq!(taken(&mut bucket, 0, 100), 30);
        assert_eq!(taken(&mut bucket, 99, 100), 0);
        assert_eq!(taken(&mut bucket, 100, 100), 1);
        assert_eq!(taken(&mut bucket, 1100, 100), 10);
        // However long the pause.
        assert_eq!(taken(&mut bucket, 1_000_000, 100), 30);
    }

    #[test]
    fn slow_and_steady_is_never_refused() {
        let mut bucket = Bucket::new(Rate::per_second(7).burst(1), 0);
        for message in 0..1000 {
            assert_eq!(bucket.take(message * 143), Ok(()), "{message}");
        }
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_gives_nothing_for_free() {
        let mut bucket = Bucket::new(Rate::per_second(1), 5000);
        assert_eq!(taken(&mut bucket, 5000, 5), 1);
        assert_eq!(taken(&mut bucket, 0, 5), 0);
        assert_eq!(taken(&mut bucket, u64::MAX, 5), 1);
    }

    #[test]
    fn who_read_the_clock_earlier_does_not_have_time_refilled_twice() {
        let mut bucket = Bucket::new(Rate::per_second(1), 0);
        assert_eq!(taken(&mut bucket, 1000, 1), 1);
        assert_eq!(taken(&mut bucket, 0, 1), 0);
        assert_eq!(taken(&mut bucket, 1000, 1), 0);
        assert_eq!(taken(&mut bucket, 2000, 5), 1);
    }
}
