//! The claims of a token: its data, when it was signed, and how long it is valid.

use super::{MaxAge, SignError, Term, TokenError, term};

/// The time by which the clock of the signing node may be ahead of this node's.
const CLOCK_SKEW_MILLIS: i128 = 60_000;

/// The claims as a token holds them. `signed_at` is in milliseconds.
pub(super) fn write(data: Term, signed_at: i128, max_age: MaxAge) -> Result<Vec<u8>, SignError> {
    let max_age = match max_age {
        MaxAge::Seconds(seconds) => Term::Integer(seconds.into()),
        MaxAge::Infinity => Term::Atom("infinity".to_owned()),
    };
    term::encode(&Term::Tuple(vec![data, Term::Integer(signed_at), max_age]))
}

/// The data of claims that are valid, and when they expire (in milliseconds), if they do.
#[derive(Debug, PartialEq)]
pub(super) struct ValidClaims {
    pub(super) data: Term,
    pub(super) expires_at: Option<i128>,
}

/// Reads `claims` that are valid `now` (in milliseconds), by their own age or `max_age`.
pub(super) fn read(
    claims: &[u8],
    now: i128,
    max_age: Option<MaxAge>,
) -> Result<ValidClaims, TokenError> {
    let (data, signed_at, own_max_age) = parts(term::decode(claims)?).ok_or(TokenError::Invalid)?;
    let max_age = match max_age {
        None => own_max_age,
        Some(MaxAge::Seconds(seconds)) => Some(seconds.into()),
        Some(MaxAge::Infinity) => None,
    };
    let expires_at = max_age.map(|seconds| signed_at.saturating_add(seconds.saturating_mul(1000)));
    match max_age {
        Some(..=0) => return Err(TokenError::Expired),
        Some(_) if signed_at > now.saturating_add(CLOCK_SKEW_MILLIS) => {
            return Err(TokenError::Invalid);
        }
        _ => {}
    }
    match expires_at {
        Some(at) if at < now => Err(TokenError::Expired),
        _ => Ok(ValidClaims { data, expires_at }),
    }
}

/// Data, time and age in seconds (none if it is infinite) of all forms that Phoenix has had: a map
/// with the first two, a pair of them, and the triple of today.
fn parts(claims: Term) -> Option<(Term, i128, Option<i128>)> {
    let day = || Term::Integer(86_400);
    let (data, signed_at, max_age) = match claims {
        Term::Tuple(parts) => match <[Term; 3]>::try_from(parts) {
            Ok([data, signed_at, max_age]) => (data, signed_at, max_age),
            Err(parts) => {
                let [data, signed_at] = parts.try_into().ok()?;
                (data, signed_at, day())
            }
        },
        Term::Map(mut entries) => {
            let mut take = |name: &str| {
                let is_it = |(key, _): &(Term, Term)| *key == Term::Atom(name.to_owned());
                let at = entries.iter().position(is_it)?;
                Some(entries.swap_remove(at).1)
            };
            (take("data")?, take("signed")?, day())
        }
        _ => return None,
    };
    let Term::Integer(signed_at) = signed_at else {
        return None;
    };
    match max_age {
        Term::Integer(seconds) => Some((data, signed_at, Some(seconds))),
        Term::Atom(name) if name == "infinity" => Some((data, signed_at, None)),
        _ => None,
    }
}
