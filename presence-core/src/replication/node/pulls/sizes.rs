//! The sizes of the last answers, by which the next are expected to be as small.

/// The number of answers of which the largest counts.
const RECENT: usize = 8;
/// The least part to ask for, in bytes. Smaller parts would consist of their headers.
const LEAST_PART: usize = 1024;

/// The sizes of the first parts of the last answers, of small answers and of others.
///
/// In a cluster of many nodes, each may have little to tell. If each answer took the room of a
/// whole part, the window would hold only a few, and a joiner would wait for one round trip after
/// another.
#[derive(Clone, Debug, Default)]
pub(super) struct AnswerSizes {
    small: Sizes,
    large: Sizes,
}

/// The last sizes, in bytes. The size of an answer in several parts is `usize::MAX`.
#[derive(Clone, Debug, Default)]
struct Sizes([Option<usize>; RECENT]);

impl AnswerSizes {
    /// The first part of an answer has come. `bytes` is the size of the answer, or `None` if it has
    /// further parts.
    pub(super) fn began(&mut self, is_small: bool, bytes: Option<usize>) {
        let Sizes(last) = match is_small {
            true => &mut self.small,
            false => &mut self.large,
        };
        last.rotate_right(1);
        last[0] = Some(bytes.unwrap_or(usize::MAX));
    }

    /// Returns the bytes of the parts of the next answer: at most `most`, and less if the last
    /// answers were smaller.
    pub(super) fn next_part(&self, is_small: bool, most: usize) -> usize {
        let Sizes(last) = match is_small {
            true => &self.small,
            false => &self.large,
        };
        let largest = last.iter().map(|bytes| bytes.unwrap_or(usize::MAX)).max();
        // A quarter more, because sizes vary.
        let expected = largest.map_or(most, |bytes| bytes.saturating_add(bytes / 4));
        most.min(expected.max(LEAST_PART))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_small_as_the_last_answers_of_their_kind() {
        let mut sizes = AnswerSizes::default();
        for _ in 0..RECENT {
            assert_eq!(sizes.next_part(true, 8000), 8000);
            sizes.began(true, Some(2000));
        }
        assert_eq!(sizes.next_part(true, 8000), 2500);
        assert_eq!(sizes.next_part(true, 1500), 1500);
        assert_eq!(sizes.next_part(false, 8000), 8000);
        sizes.began(true, None);
        assert_eq!(sizes.next_part(true, 8000), 8000);
        for _ in 0..RECENT {
            sizes.began(true, Some(10));
        }
        assert_eq!(sizes.next_part(true, 8000), LEAST_PART);
    }
}
