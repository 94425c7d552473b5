//! The reference by which clients know one meta.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Incarnation;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The `phx_ref` of a meta: 16 characters of URL-safe base64, unique in the cluster.
///
/// An update gives a meta a new reference, and keeps the old one as `phx_ref_prev`. The references
/// of one source are ordered by the time at which they were made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PhxRef([u8; PhxRef::LEN]);

impl PhxRef {
    /// The length of every reference, in characters.
    pub(crate) const LEN: usize = 16;

    /// The reference that no other stands before.
    pub(crate) const FIRST: Self = Self([ALPHABET[0]; Self::LEN]);

    /// Returns the reference as text.
    pub fn as_str(&self) -> &str {
        // Every constructor takes ASCII only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the part that all references of one source share.
    pub(crate) fn source(&self) -> [u8; 8] {
        // 48 bits, at six bits a character.
        let [a, b, c, d, e, f, g, h, ..] = self.0.map(|byte| RANK[usize::from(byte) & 127]);
        [a, b, c, d, e, f, g, h]
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.iter().all(|byte| ALPHABET.contains(byte)) {
            return None;
        }
        Some(Self(bytes.try_into().ok()?))
    }
}

/// The number of references of one source.
const MAX_MADE: u64 = 1 << 24;

/// Where in the alphabet each character stands: what it was made from orders references, not ASCII.
const RANK: [u8; 128] = {
    let mut rank = [0; 128];
    let mut place = 0;
    while place < ALPHABET.len() {
        rank[ALPHABET[place] as usize] = place as u8;
        place += 1;
    }
    rank
};

impl Ord for PhxRef {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |byte: &u8| RANK[usize::from(*byte) & 127];
        self.0.iter().map(rank).cmp(other.0.iter().map(rank))
    }
}

impl PartialOrd for PhxRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AsRef<str> for PhxRef {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for PhxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PhxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhxRef({})", self.as_str())
    }
}

impl Serialize for PhxRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Makes references: 48 bits that were drawn once, 24 bits that count, and 24 bits of a hash of the
/// presence.
///
/// A machine that is set back to a snapshot draws and counts as it did before. Its presences must
/// not have the references of those that it tracked before, or nobody could tell them apart.
#[derive(Clone, Debug)]
pub(crate) struct PhxRefs {
    /// Keeps two sources apart: other shards, other nodes, the same node before a restart.
    nonce: u64,
    /// Keeps the references of this source apart. The next one comes after [`MAX_MADE`] of them.
    made: u64,
}

impl PhxRefs {
    /// Starts a source. Of the nonce, which must be random, the lower 48 bits are used.
    pub(crate) fn new(nonce: u64) -> Self {
        Self { nonce, made: 0 }
    }

    /// Goes on as another source, which depends on this one and on the incarnation.
    pub(crate) fn restart(&mut self, incarnation: Incarnation) {
        let seed = incarnation.nonce ^ incarnation.started_ms.rotate_left(32);
        *self = Self::new(xxh3_64_with_seed(&self.nonce.to_le_bytes(), seed));
    }

    #[cfg(test)]
    pub(crate) fn make(&mut self) -> PhxRef {
        self.make_for(0)
    }

    /// A reference that this source has not made before. `contents` is a number for the topic, the
    /// key and the meta that get it.
    pub(crate) fn make_for(&mut self, contents: u64) -> PhxRef {
        if self.made == MAX_MADE {
            *self = Self::new(xxh3_64_with_seed(&self.nonce.to_le_bytes(), self.made));
        }
        let mut raw = [0; 12];
        raw[..6].copy_from_slice(&self.nonce.to_be_bytes()[2..]);
        raw[6..9].copy_from_slice(&self.made.to_be_bytes()[5..]);
        raw[9..].copy_from_slice(&contents.to_be_bytes()[5..]);
        self.made += 1;

        let mut text = [0; PhxRef::LEN];
        for (three, four) in raw.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for (place, character) in four.iter_mut().enumerate() {
                *character = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            }
        }
        PhxRef(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_url_safe_base64() {
        let mut refs = PhxRefs::new(u64::MAX);
        assert_eq!(refs.make().as_str(), "________AAAAAAAA");
        assert_eq!(refs.make().as_str(), "________AAABAAAA");
        for _ in 0..62 {
            refs.make();
        }
        assert_eq!(refs.make_for(u64::MAX).as_str(), "________AABA____");
    }

    #[test]
    fn are_ordered_as_they_were_made() {
        let mut refs = PhxRefs::new(7);
        let made: Vec<_> = (0..5000)
            .map(|n: u64| refs.make_for(n.wrapping_mul(77_777)))
            .collect();
        assert!(made.is_sorted());
        assert!(PhxRef::FIRST < made[0]);
    }

    #[test]
    fn sources_of_different_nonces_never_meet() {
        let mut one = PhxRefs::new(1);
        let mut other = PhxRefs::new(2);
        assert_ne!(one.make(), other.make());
    }

    // As when a machine is set back to a snapshot.
    #[test]
    fn the_same_source_makes_other_references_for_other_contents() {
        let mut one = PhxRefs::new(1);
        let mut again = one.clone();
        assert_ne!(one.make_for(1), again.make_for(2));
        assert_eq!(one.make_for(3), again.make_for(3));
    }

    #[test]
    fn another_source_follows_when_one_is_used_up() {
        let mut refs = PhxRefs {
            nonce: 5,
            made: MAX_MADE - 1,
        };
        let last = refs.make();
        assert_eq!(&last.as_str()[8..12], "____");
        let next = refs.make();
        assert_eq!(&next.as_str()[8..12], "AAAA");
        assert_ne!(next.source(), last.source());
    }

    #[test]
    fn text_of_another_shape_is_no_reference() {
        assert!(PhxRef::from_text("________AAAAAAAB").is_some());
        assert!(PhxRef::from_text("short").is_none());
        assert!(PhxRef::from_text("________AAAAAAA\"").is_none());
    }
}
