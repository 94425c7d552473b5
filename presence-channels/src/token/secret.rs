//! The secret that all of an app's keys come from.

use std::{fmt, sync::Arc};

use base64::Engine;

use super::{BASE64, SecretKeyBaseError};

/// The secret that the keys of all tokens are derived from: Phoenix's `secret_key_base`. With this
/// secret anybody can sign in as any user, so it belongs into the environment and not into the
/// source.
///
/// ```
/// use presence_channels::{Config, token::SecretKeyBase};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
///
/// let secret = match std::env::var("SECRET_KEY_BASE") {
///     Ok(secret) => SecretKeyBase::new(secret)?,
///     Err(_) => SecretKeyBase::generate(), // in development: tokens end with the program
/// };
/// let config = Config::default().secret_key_base(secret);
/// # let _ = config;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SecretKeyBase(Arc<[u8]>);

impl SecretKeyBase {
    /// The least length of a secret, in bytes.
    pub const MIN_BYTES: usize = 64;

    /// Takes a secret that was generated before, and that all nodes of the app share.
    ///
    /// # Errors
    /// [`SecretKeyBaseError`] if it is shorter than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, SecretKeyBaseError> {
        let secret = secret.into();
        match secret.len() {
            Self::MIN_BYTES.. => Ok(Self(secret.into())),
            bytes => Err(SecretKeyBaseError { bytes }),
        }
    }

    /// Generates a random secret. Fit for development and tests: its tokens are invalid on other
    /// nodes, and after a restart.
    ///
    /// # Panics
    /// If the system has no random numbers.
    #[must_use]
    pub fn generate() -> Self {
        let mut random = [0; 48];
        getrandom::fill(&mut random).expect("the system has random numbers");
        Self::new(BASE64.encode(random)).expect("48 bytes are 64 of base64")
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Leaves out the secret.
impl fmt::Debug for SecretKeyBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKeyBase").finish_non_exhaustive()
    }
}
