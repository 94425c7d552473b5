//! The inside of strings, where most bytes of a text are.

use super::Fault;

/// Eight copies of a byte.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks the bytes of `word` that are zero, by their highest bits. A byte above a zero byte may be
/// marked without being zero, so only the lowest mark counts.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(all(1)) & !word & all(0x80)
}

/// Marks the lowest byte of `word` that is a quote, a backslash or a control character.
const fn specials(word: u64) -> u64 {
    let controls = word.wrapping_sub(all(0x20)) & !word & all(0x80);
    zeros(word ^ all(b'"')) | zeros(word ^ all(b'\\')) | controls
}

/// Returns the first position from `at` on of a quote, a backslash or a control character. Returns
/// the length of `bytes` if none follows.
#[inline]
pub(super) fn next_special(bytes: &[u8], mut at: usize) -> usize {
    let word = |at: usize| {
        let chunk = bytes.get(at..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*chunk))
    };
    // Most of a long string.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        let (words, _) = chunk.as_chunks::<8>();
        let marks = words.iter().map(|word| specials(u64::from_le_bytes(*word)));
        if marks.fold(0, |all, marks| all | marks) != 0 {
            break;
        }
        at += 32;
    }
    while let Some(word) = word(at) {
        let marks = specials(word);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Returns the position after the escape whose backslash is at `at`.
pub(super) fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match unit(bytes, at).ok_or(Fault::Syntax)? {
            0xd800..=0xdbff => match unit(bytes, at + 6) {
                Some(0xdc00..=0xdfff) => Ok(at + 12),
                _ => Err(Fault::Surrogate),
            },
            0xdc00..=0xdfff => Err(Fault::Surrogate),
            _ => Ok(at + 6),
        },
        _ => Err(Fault::Syntax),
    }
}

/// Returns the code unit of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..)?.first_chunk::<6>()? else {
        return None;
    };
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })
}
