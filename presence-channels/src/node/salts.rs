use std::collections::HashMap;

use parking_lot::Mutex;

use crate::token::{SecretKeyBase, Tokens};

/// The most salts whose keys are kept. A salt is a constant of the app, and an app has a few. An
/// app that makes up salts must not fill the memory.
const MOST: usize = 64;

/// The keys of an endpoint's tokens, each derived once. Keeps those of the first [`MOST`] salts.
#[derive(Default)]
pub(super) struct Salts(Mutex<HashMap<Box<str>, Tokens>>);

impl Salts {
    /// The tokens of `salt`. It must be the same secret each time.
    pub(super) fn tokens(&self, secret: &SecretKeyBase, salt: &str) -> Tokens {
        let mut kept = self.0.lock();
        if let Some(tokens) = kept.get(salt) {
            return tokens.clone();
        }
        if kept.len() >= MOST {
            drop(kept);
            return Tokens::new(secret, salt);
        }
        // Under the lock, so that those who ask at once do not all derive it.
        let tokens = Tokens::new(secret, salt);
        kept.insert(salt.into(), tokens.clone());
        tokens
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_key_is_derived_once() {
        let secret = SecretKeyBase::generate();
        let salts = Salts::default();
        let first = salts.tokens(&secret, "user auth");
        let other = salts.tokens(&secret, "password reset");
        assert!(salts.tokens(&secret, "user auth").shares_key_with(&first));
        // A maximum age that one caller sets is not seen by others.
        let aged = salts
            .tokens(&secret, "user auth")
            .max_age(Duration::from_secs(7));
        assert!(aged.shares_key_with(&first));
        assert!(!first.shares_key_with(&other));
        let token = Tokens::new(&secret, "user auth").sign("alice").unwrap();
        assert_eq!(first.verify::<String>(&*token).as_deref(), Ok("alice"));
        assert!(other.verify::<String>(&*token).is_err());
    }

    #[test]
    fn so_many_keys_are_kept_and_others_work_nevertheless() {
        let secret = SecretKeyBase::generate();
        let salts = Salts::default();
        let kept: Vec<_> = (0..MOST)
            .map(|n| salts.tokens(&secret, &n.to_string()))
            .collect();
        let one = salts.tokens(&secret, "one more");
        let again = salts.tokens(&secret, "one more");
        assert!(!one.shares_key_with(&again));
        let token = one.sign(&7).unwrap();
        assert_eq!(again.verify::<u8>(&*token), Ok(7));
        assert!(salts.tokens(&secret, "0").shares_key_with(&kept[0]));
        assert_eq!(salts.0.lock().len(), MOST);
    }
}
