//! Loss that comes in bursts: the model of Gilbert and Elliott.

use std::fmt;

/// The bursts of loss on every link. A link is good or bad, and each message may change which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// The number of messages, of a thousand, that make a good link bad.
    pub begin: u16,
    /// The number of messages, of a thousand, that make a bad link good.
    pub end: u16,
    /// The number of messages, of a thousand, that a bad link loses.
    pub lost: u16,
}

impl Bursts {
    /// A network without bursts.
    pub const NONE: Self = Self {
        begin: 0,
        end: 1000,
        lost: 0,
    };

    /// Takes the next message of a link. `is_bad` is the state of the link. Returns whether the
    /// message is lost.
    pub(super) fn take(self, is_bad: &mut bool, mut happens: impl FnMut(u16) -> bool) -> bool {
        let (changes, is_lost) = match *is_bad {
            true => (happens(self.end), happens(self.lost)),
            false => (happens(self.begin), false),
        };
        *is_bad ^= changes;
        is_lost
    }

    pub(in crate::sim) fn from_words(words: &[&str]) -> Option<Self> {
        let [begin, end, lost] = words else {
            return None;
        };
        Some(Self {
            begin: begin.parse().ok()?,
            end: end.parse().ok()?,
            lost: lost.parse().ok()?,
        })
    }
}

impl fmt::Display for Bursts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.begin, self.end, self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the same share of lost messages, losses in bursts follow each other.
    #[test]
    fn losses_follow_each_other() {
        let bursts = Bursts {
            begin: 10,
            end: 100,
            lost: 900,
        };
        let mut rng = fastrand::Rng::with_seed(7);
        let mut is_bad = false;
        let mut lost = Vec::new();
        for _ in 0..20_000 {
            let mut happens = |of_a_thousand| rng.u16(..1000) < of_a_thousand;
            lost.push(bursts.take(&mut is_bad, &mut happens));
        }
        let losses = lost.iter().filter(|lost| **lost).count();
        let followed = lost.windows(2).filter(|pair| pair[0] && pair[1]).count();
        assert!((800..3000).contains(&losses), "{losses}");
        assert!(followed * 2 > losses, "{followed} of {losses}");
    }
}
