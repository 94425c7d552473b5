//! The token by which a client returns to its session.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::token::{SecretKeyBase, Tokens};

/// As in Phoenix: two weeks. A session that is polled for longer is opened anew.
const MAX_AGE: Duration = Duration::from_secs(1_209_600);

/// Names a session in the whole cluster. Signed, it is the session's token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    /// The node that holds the session.
    pub(super) node: String,
    /// The start of the mount that holds it, there: a node may have been restarted since.
    pub(super) instance: String,
    pub(super) id: u64,
}

/// Signs and verifies the tokens of one mount.
pub(super) struct SessionTokens(Tokens);

impl SessionTokens {
    /// Without a `secret`, generates one that lasts as long as the process and its sessions.
    pub(super) fn new(secret: Option<&SecretKeyBase>, path: &str) -> Self {
        let secret = secret.cloned().unwrap_or_else(SecretKeyBase::generate);
        // A token of one mount must not open a session of another, whose origins may differ.
        let tokens = Tokens::new(&secret, &format!("phx:longpoll:{path}"));
        Self(tokens.max_age(MAX_AGE))
    }

    pub(super) fn sign(&self, key: &SessionKey) -> String {
        let parts = (&key.node, &key.instance, key.id);
        self.0
            .sign(&parts)
            .expect("two texts and a number have a form in a token")
    }

    pub(super) fn verify(&self, token: &str) -> Option<SessionKey> {
        let (node, instance, id) = self.0.verify(token).ok()?;
        Some(SessionKey { node, instance, id })
    }
}

/// Returns 16 random bytes as text, which cannot be guessed.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SessionKey {
        SessionKey {
            node: "a@10.0.0.7".into(),
            instance: random(),
            id: u64::from(u32::MAX) + 1,
        }
    }

    #[test]
    fn a_token_gives_its_key_back() {
        let (tokens, key) = (SessionTokens::new(None, "/socket"), key());
        assert_eq!(tokens.verify(&tokens.sign(&key)), Some(key));
    }

    #[test]
    fn nodes_with_one_secret_read_each_others_tokens() {
        let secret = SecretKeyBase::new("s".repeat(64)).unwrap();
        let here = SessionTokens::new(Some(&secret), "/socket");
        let there = SessionTokens::new(Some(&secret), "/socket");
        let key = key();
        assert_eq!(there.verify(&here.sign(&key)), Some(key));
    }

    #[test]
    fn tampered_and_foreign_tokens_give_nothing() {
        let tokens = SessionTokens::new(None, "/socket");
        let token = tokens.sign(&key());
        for index in 0..token.len() - 1 {
            let mut tampered = token.clone().into_bytes();
            tampered[index] = if tampered[index] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(tampered).unwrap();
            assert_eq!(tokens.verify(&tampered), None, "{tampered}");
        }
        assert_eq!(tokens.verify(""), None);
        assert_eq!(
            SessionTokens::new(None, "/socket").verify(&token),
            None,
            "another start"
        );
        let secret = SecretKeyBase::new("s".repeat(64)).unwrap();
        let one = SessionTokens::new(Some(&secret), "/socket");
        let other = SessionTokens::new(Some(&secret), "/open");
        assert_eq!(other.verify(&one.sign(&key())), None, "another mount");
    }
}
