//! Signed and encrypted tokens in the format of `Phoenix.Token`.
//!
//! By a token a server recognizes its own statement later, or on another machine: most often, who a
//! user is. The page gets a signed token, and passes it when its socket connects:
//!
//! ```
//! use presence_channels::token::{SecretKeyBase, TokenError, Tokens};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let from_the_environment = "x".repeat(64);
//!
//! let secret = SecretKeyBase::new(from_the_environment)?;
//! let tokens = Tokens::new(&secret, "user auth");
//!
//! // Where the page is made:
//! let token = tokens.sign("alice")?;
//! // In `connect`: `tokens.verify(params.get("token"))?`
//! let user_id: String = tokens.verify(&*token)?;
//! assert_eq!(user_id, "alice");
//!
//! assert_eq!(tokens.verify::<String>("rubbish"), Err(TokenError::Invalid));
//! # Ok(())
//! # }
//! ```
//!
//! Anybody can read what a **signed** token says, but nobody can change it. An **encrypted** one
//! ([`Tokens::encrypt`]) cannot be read either.
//!
//! phoenix.js passes it in the URL (`params: {token}`), which proxies and servers log, or, where
//! the mount [asks for it](crate::SocketOptions::auth_token), beside it (`authToken: token`), for
//! [`ConnectInfo::auth_token`](crate::ConnectInfo::auth_token) to give.
//!
//! # Secret and salt
//!
//! Tokens are made with a key that is derived from the [`SecretKeyBase`], which all nodes of an app
//! share, and a salt, which says what the tokens are for: one signed as `"user auth"` is no
//! `"password reset"`. A token that was made with another secret, salt or
//! [key option](KeyOptions) is [`TokenError::Invalid`], as a forged one is. So a new secret makes
//! all tokens invalid that are on their way.
//!
//! # Age
//!
//! A token says when it was signed, in milliseconds, and how many seconds it may be used from then
//! on: 86,400, which is a day, unless [`Tokens::max_age`] says another number. It cannot be taken
//! back before.
//!
//! # Data
//!
//! Data is anything that serializes, written in Erlang's external term format, so that a Phoenix
//! app with the same secret verifies our tokens and we verify its own:
//!
//! | Rust | in the token | in Elixir |
//! | --- | --- | --- |
//! | strings, chars, bytes, enum variants without data | binary | `"alice"` |
//! | integers (to 128 bits with a sign), floats | integer, float | `7`, `1.5` |
//! | `bool`, `None`, `()` | atom | `true`, `nil` |
//! | sequences | list | `[1, 2]` |
//! | tuples, tuple structs | tuple | `{"user", 7}` |
//! | structs, maps | map, its keys ascending | `%{"user_id" => 7}` |
//! | enum variants with data | map of one | `%{"Admin" => ...}` |
//!
//! Reading takes atoms for strings too, so that `%{user_id: 7}` fits a struct.
//!
//! # Limits
//!
//! The term within a token is at most 64 KiB long, uncompressed too, and 64 levels deep: more is an
//! error, when signing as when verifying. A token in an URL should be far shorter. Pids,
//! references, functions and improper lists in a token from Elixir are [`TokenError::Data`].

mod claims;
mod encryptor;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod key;
mod max_age;
mod secret;
mod signer;
mod term;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{
    alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Serialize, de::DeserializeOwned};

pub use error::{KeyOptionsError, MissingSecretKeyBase, SecretKeyBaseError, SignError, TokenError};
pub use key::{KeyDigest, KeyOptions};
pub use max_age::MaxAge;
pub use secret::SecretKeyBase;

use claims::ValidClaims;
use term::Term;

/// Written without padding; read with or without, and stray bits at the end are overlooked, as
/// Elixir does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Makes and checks the tokens of one salt: `Phoenix.Token`. See the [module](self).
///
/// Deriving its key takes a fraction of a millisecond, so make it once and keep it in your state,
/// or ask [`Endpoint::tokens`](crate::Endpoint::tokens), which keeps keys. It is cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    key: Arc<[u8]>,
    max_age: Option<MaxAge>,
}

impl Tokens {
    /// Returns the tokens of `salt`, which names their purpose and is not a secret.
    #[must_use]
    pub fn new(secret: &SecretKeyBase, salt: &str) -> Self {
        Self::with_key_options(secret, salt, KeyOptions::default())
            .expect("the default options are valid")
    }

    /// As [`new`](Self::new), with another way to the key. Only for tokens that are exchanged with
    /// an app that has set these options.
    ///
    /// # Errors
    /// [`KeyOptionsError`] if there is no such key.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::token::{KeyDigest, KeyOptions, SecretKeyBase, Tokens};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let secret = SecretKeyBase::generate();
    /// let options = KeyOptions::default()
    ///     .iterations(2000)
    ///     .length(64)
    ///     .digest(KeyDigest::Sha512);
    /// let tokens = Tokens::with_key_options(&secret, "user socket", options)?;
    /// assert_eq!(tokens.verify::<String>(&*tokens.sign("alice")?)?, "alice");
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_key_options(
        secret: &SecretKeyBase,
        salt: &str,
        options: KeyOptions,
    ) -> Result<Self, KeyOptionsError> {
        let key = key::derive(secret, salt, options)?;
        Ok(Self {
            key: key.into(),
            max_age: None,
        })
    }

    /// Sets the time that tokens are valid, from when they were signed. It is written into the
    /// tokens that are signed here, and overrides the token's own time when a token is verified. By
    /// default signed tokens are valid for 86,400 s, and verified tokens for their own time.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::token::{SecretKeyBase, TokenError, Tokens};
    /// use std::time::{Duration, SystemTime};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let secret = SecretKeyBase::generate();
    /// let tokens = Tokens::new(&secret, "invitation").max_age(Duration::from_secs(3600));
    /// let two_hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    /// let old = tokens.sign_at("alice", two_hours_ago)?;
    /// assert!(matches!(tokens.verify::<String>(&*old), Err(TokenError::Expired)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_age(mut self, max_age: impl Into<MaxAge>) -> Self {
        self.max_age = Some(max_age.into());
        self
    }

    /// Signs `data`, as of now. Everybody can read it in the token.
    ///
    /// # Errors
    /// A [`SignError`] if `data` has no form in a token.
    pub fn sign<T: Serialize + ?Sized>(&self, data: &T) -> Result<String, SignError> {
        self.sign_at(data, SystemTime::now())
    }

    /// As [`sign`](Self::sign), as of another time, from which its age counts.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_at<T: Serialize + ?Sized>(
        &self,
        data: &T,
        signed_at: SystemTime,
    ) -> Result<String, SignError> {
        let claims = self.claims(Term::from_data(data)?, signed_at)?;
        Ok(signer::sign(&self.key, &claims))
    }

    /// Returns the data of a token made by [`sign`](Self::sign), here or on another node with the
    /// same secret. Also takes an `Option`: `tokens.verify(params.get("token"))`.
    ///
    /// # Errors
    /// A [`TokenError`]. In [`connect`](crate::UserSocket::connect), `?` makes it a refusal.
    pub fn verify<'t, T: DeserializeOwned>(
        &self,
        token: impl Into<Option<&'t str>>,
    ) -> Result<T, TokenError> {
        let valid = self.verified(token.into(), SystemTime::now())?;
        valid.data.into_data()
    }

    /// As [`verify`](Self::verify). Also returns the time at which the token expires, and `None` if
    /// it never does. For [`UserSocket::expires_at`](crate::UserSocket::expires_at).
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with_expiry<'t, T: DeserializeOwned>(
        &self,
        token: impl Into<Option<&'t str>>,
    ) -> Result<(T, Option<SystemTime>), TokenError> {
        let valid = self.verified(token.into(), SystemTime::now())?;
        let expires_at = valid.expires_at.and_then(system_time);
        Ok((valid.data.into_data()?, expires_at))
    }

    /// Encrypts `data`, as of now: only holders of the secret can read it.
    ///
    /// # Errors
    /// A [`SignError`] if `data` has no form in a token, or the [key options](KeyOptions) ask for a
    /// key of another length than 32 bytes.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::token::{SecretKeyBase, Tokens};
    /// use std::time::SystemTime;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let secret = SecretKeyBase::generate();
    /// let tokens = Tokens::new(&secret, "payment");
    /// let token = tokens.encrypt(&("alice", 4_200))?;
    /// assert_eq!(tokens.decrypt::<(String, u64)>(&*token)?, ("alice".into(), 4_200));
    ///
    /// let token = tokens.encrypt_at("bob", SystemTime::now())?;
    /// let (name, expires_at) = tokens.decrypt_with_expiry::<String>(&*token)?;
    /// assert_eq!(name, "bob");
    /// assert!(expires_at > Some(SystemTime::now()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn encrypt<T: Serialize + ?Sized>(&self, data: &T) -> Result<String, SignError> {
        self.encrypt_at(data, SystemTime::now())
    }

    /// As [`encrypt`](Self::encrypt), as of another time, from which its age counts.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_at<T: Serialize + ?Sized>(
        &self,
        data: &T,
        signed_at: SystemTime,
    ) -> Result<String, SignError> {
        let claims = self.claims(Term::from_data(data)?, signed_at)?;
        encryptor::encrypt(&self.key, &claims)
    }

    /// Returns the data of a token made by [`encrypt`](Self::encrypt), otherwise as
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// A [`TokenError`].
    pub fn decrypt<'t, T: DeserializeOwned>(
        &self,
        token: impl Into<Option<&'t str>>,
    ) -> Result<T, TokenError> {
        let valid = self.decrypted(token.into(), SystemTime::now())?;
        valid.data.into_data()
    }

    /// As [`decrypt`](Self::decrypt). Also returns the time at which the token expires, and `None`
    /// if it never does.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_with_expiry<'t, T: DeserializeOwned>(
        &self,
        token: impl Into<Option<&'t str>>,
    ) -> Result<(T, Option<SystemTime>), TokenError> {
        let valid = self.decrypted(token.into(), SystemTime::now())?;
        let expires_at = valid.expires_at.and_then(system_time);
        Ok((valid.data.into_data()?, expires_at))
    }

    /// Returns whether both share one derived key.
    #[cfg(test)]
    pub(crate) fn shares_key_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key)
    }

    fn claims(&self, data: Term, signed_at: SystemTime) -> Result<Vec<u8>, SignError> {
        claims::write(
            data,
            unix_millis(signed_at),
            self.max_age.unwrap_or_default(),
        )
    }

    fn verified(&self, token: Option<&str>, now: SystemTime) -> Result<ValidClaims, TokenError> {
        let token = token.ok_or(TokenError::Missing)?;
        let claims = signer::verify(&self.key, token).ok_or(TokenError::Invalid)?;
        claims::read(&claims, unix_millis(now), self.max_age)
    }

    fn decrypted(&self, token: Option<&str>, now: SystemTime) -> Result<ValidClaims, TokenError> {
        let token = token.ok_or(TokenError::Missing)?;
        let claims = encryptor::decrypt(&self.key, token)?;
        claims::read(&claims, unix_millis(now), self.max_age)
    }
}

/// Leaves out the key.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// Returns `None` for a time that `SystemTime` cannot hold.
fn system_time(unix_millis: i128) -> Option<SystemTime> {
    let since = Duration::from_millis(u64::try_from(unix_millis).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn unix_millis(time: SystemTime) -> i128 {
    let millis = |since: Duration| i128::try_from(since.as_millis()).unwrap_or(i128::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}
