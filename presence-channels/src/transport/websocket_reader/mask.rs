/// The mask of a frame, at the place that the frame's body has come to.
pub(super) struct Mask {
    key: [u8; 4],
}

impl Mask {
    pub(super) fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Unmasks the next bytes of the body.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        let [a, b, c, d] = self.key;
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for word in words {
            let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.key.iter().cycle()) {
            *byte ^= key;
        }
        // Whole words turn the key round to where it was.
        self.key.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In whatever parts a body comes.
        #[test]
        fn each_byte_meets_its_byte_of_the_key(
            key: [u8; 4],
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        ) {
            let whole = parts.concat();
            let mut mask = Mask::new(key);
            let mut unmasked = Vec::new();
            for mut part in parts {
                mask.apply(&mut part);
                unmasked.extend(part);
            }
            let expected: Vec<_> = whole.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
            prop_assert_eq!(unmasked, expected);
        }
    }
}
