//! From the secret to the key of a salt: `Plug.Crypto.KeyGenerator`.

use pbkdf2::pbkdf2_hmac;
use sha2::{Sha256, Sha384, Sha512};

use super::{KeyOptionsError, SecretKeyBase};

/// Options of deriving a key from the secret (by PBKDF2). The names and the defaults are Phoenix's,
/// whose names begin with `key_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOptions {
    iterations: u32,
    length: usize,
    digest: KeyDigest,
}

/// The hash that keys are derived with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyDigest {
    /// `:sha256`
    #[default]
    Sha256,
    /// `:sha384`
    Sha384,
    /// `:sha512`
    Sha512,
}

impl Default for KeyOptions {
    fn default() -> Self {
        Self {
            iterations: 1000,
            length: 32,
            digest: KeyDigest::Sha256,
        }
    }
}

impl KeyOptions {
    /// Sets the number of iterations. Default 1,000. There is no key with 0. More iterations take
    /// longer, and are of no use with a secret that cannot be guessed.
    #[must_use]
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the key's length in bytes. Default 32, which encryption needs. There is no key with
    /// less than 16 or more than 1,024.
    #[must_use]
    pub fn length(mut self, bytes: usize) -> Self {
        self.length = bytes;
        self
    }

    /// Sets the hash. Default SHA-256. Tokens themselves are always signed with SHA-256.
    #[must_use]
    pub fn digest(mut self, digest: KeyDigest) -> Self {
        self.digest = digest;
        self
    }
}

pub(super) fn derive(
    secret: &SecretKeyBase,
    salt: &str,
    options: KeyOptions,
) -> Result<Vec<u8>, KeyOptionsError> {
    let KeyOptions {
        iterations,
        length,
        digest,
    } = options;
    if iterations == 0 {
        return Err(KeyOptionsError::Iterations);
    }
    if !(16..=1024).contains(&length) {
        return Err(KeyOptionsError::Length(length));
    }
    let derive = match digest {
        KeyDigest::Sha256 => pbkdf2_hmac::<Sha256>,
        KeyDigest::Sha384 => pbkdf2_hmac::<Sha384>,
        KeyDigest::Sha512 => pbkdf2_hmac::<Sha512>,
    };
    let mut key = vec![0; length];
    derive(secret.as_bytes(), salt.as_bytes(), iterations, &mut key);
    Ok(key)
}
