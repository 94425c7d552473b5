//! Errors of secrets, keys, data and tokens.

use super::SecretKeyBase;

/// The secret is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret key base has {bytes} bytes and needs at least {}; `openssl rand -base64 48` prints one of that length",
    SecretKeyBase::MIN_BYTES
)]
pub struct SecretKeyBaseError {
    /// The secret's length.
    pub(super) bytes: usize,
}

/// The endpoint was started without a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint was started without a secret; give it one by Config::secret_key_base")]
pub struct MissingSecretKeyBase;

/// There is no key of these [options](super::KeyOptions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyOptionsError {
    /// It must be derived at least once.
    #[error("a key needs at least one iteration")]
    Iterations,
    /// A shorter one could be guessed, a longer one is of no use.
    #[error("a key has 16 to 1024 bytes, not {0}")]
    Length(usize),
}

/// The reason that data cannot be signed or encrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The data does not serialize, or not to a term: a float that is not a number, a key that
    /// comes twice in a map, an integer of more than 128 bits with its sign.
    #[error("the data has no form in a token: {0}")]
    Data(String),
    /// The data is longer than 64 KiB.
    #[error("the data is longer than 64 KiB; sign an id and look the rest up")]
    TooLong,
    /// The data is nested deeper than 64 levels.
    #[error("the data is nested more than 64 levels deep")]
    TooDeep,
    /// Encryption needs a key of 32 bytes: the default.
    #[error("encryption needs a key of 32 bytes; leave out KeyOptions::length")]
    KeyLength,
}

/// The reason that a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token was given.
    #[error("no token was given")]
    Missing,
    /// The token was forged, changed, or made with another secret, salt or key options; signed
    /// where an encrypted one is expected, or the other way round; or signed in the future.
    #[error("the token is invalid")]
    Invalid,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is genuine and valid, but its data is of another type than was asked for.
    #[error("the token's data: {0}")]
    Data(String),
    /// Decryption needs a key of 32 bytes: the default. No token will do.
    #[error("decryption needs a key of 32 bytes; leave out KeyOptions::length")]
    KeyLength,
}
