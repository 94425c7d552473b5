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

/// Returns the eight bytes at `at`, the first of them lowest, and `None` near the end of `bytes`.
#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// Returns the number of bytes below the lowest mark.
const fn before_mark(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

#[inline]
fn is_special(byte: u8) -> bool {
    // The first comparison is true for 0 to 0x1f and for a quote (0x22): one step less than two.
    byte ^ 2 <= 0x20 || byte == b'\\'
}

/// Returns the first position from `at` on of a quote, a backslash or a control character. Returns
/// the length of `bytes` if none follows.
#[inline]
pub(super) fn next_special(bytes: &[u8], mut at: usize) -> usize {
    // Most strings are short.
    for _ in 0..4 {
        let Some(word) = word(bytes, at) else { break };
        match specials(word) {
            0 => at += 8,
            marks => return at + before_mark(marks),
        }
    }
    next_special_far(bytes, at)
}

/// As [`next_special`], for a position that is far away or near the end.
fn next_special_far(bytes: &[u8], mut at: usize) -> usize {
    // The compiler makes vector instructions of a loop over 64 bytes.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<64>) {
        let specials = chunk.iter().map(|byte| u8::from(is_special(*byte)));
        if specials.fold(0, |any, special| any | special) != 0 {
            break;
        }
        at += 64;
    }
    while let Some(word) = word(bytes, at) {
        match specials(word) {
            0 => at += 8,
            marks => return at + before_mark(marks),
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|byte| is_special(*byte))
        .unwrap_or(rest.len())
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
