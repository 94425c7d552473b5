//! Signed and encrypted tokens, valid and not.

mod connect;
mod data;
mod malformed;

use std::sync::LazyLock;

use super::*;

const SECRET: &str = "conformance-secret-key-base-conformance-secret-key-base-12345678";

fn tokens() -> Tokens {
    static TOKENS: LazyLock<Tokens> =
        LazyLock::new(|| Tokens::new(&SecretKeyBase::new(SECRET).unwrap(), "user auth"));
    TOKENS.clone()
}

#[test]
fn a_token_says_what_was_signed() {
    let token = tokens().sign("alice").unwrap();
    assert_eq!(tokens().verify::<String>(&*token).unwrap(), "alice");
    let token = tokens().encrypt("alice").unwrap();
    assert_eq!(tokens().decrypt::<String>(&*token).unwrap(), "alice");
}

#[test]
fn an_encrypted_token_differs_every_time() {
    assert_ne!(
        tokens().encrypt("a").unwrap(),
        tokens().encrypt("a").unwrap()
    );
}

#[test]
fn a_token_expires_at_the_millisecond() {
    let tokens = tokens().max_age(Duration::from_secs(10));
    let signed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let signed = tokens.sign_at("alice", signed_at).unwrap();
    let encrypted = tokens.encrypt_at("alice", signed_at).unwrap();
    let at = |millis| {
        let now = signed_at + Duration::from_millis(millis);
        let verified = tokens.verified(Some(&signed), now);
        assert_eq!(tokens.decrypted(Some(&encrypted), now), verified);
        verified.map(|_| ())
    };
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(10_000), Ok(()));
    assert_eq!(at(10_001), Err(TokenError::Expired));
}

#[test]
fn a_token_says_when_it_expires() {
    let signed_at = SystemTime::now() - Duration::from_millis(1500);
    // A token has milliseconds.
    let signed_at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_millis(signed_at) as u64);
    let expiry = |tokens: Tokens| {
        let signed = tokens.sign_at("alice", signed_at).unwrap();
        let encrypted = tokens.encrypt_at("alice", signed_at).unwrap();
        let (user, expires_at) = tokens.verify_with_expiry::<String>(&*signed).unwrap();
        assert_eq!(user, "alice");
        let decrypted = tokens.decrypt_with_expiry(&*encrypted);
        assert_eq!(decrypted, Ok((user, expires_at)));
        expires_at
    };
    let tenth = tokens().max_age(Duration::from_secs(10));
    assert_eq!(expiry(tenth), Some(signed_at + Duration::from_secs(10)));
    let day = Duration::from_secs(86_400);
    assert_eq!(expiry(tokens()), Some(signed_at + day));
    assert_eq!(expiry(tokens().max_age(MaxAge::Infinity)), None);
    assert_eq!(expiry(tokens().max_age(MaxAge::Seconds(u64::MAX))), None);
    let signed = tokens()
        .max_age(MaxAge::Seconds(1))
        .sign_at("alice", signed_at);
    let expired = tokens().verify_with_expiry::<String>(&*signed.unwrap());
    assert_eq!(expired, Err(TokenError::Expired));
}

#[test]
fn a_clock_may_be_a_minute_ahead() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let signed_ahead = |millis| {
        let signed = tokens().sign_at("alice", now + Duration::from_millis(millis));
        tokens().verified(Some(&signed.unwrap()), now).map(|_| ())
    };
    assert_eq!(signed_ahead(60_000), Ok(()));
    assert_eq!(signed_ahead(60_001), Err(TokenError::Invalid));
}

#[test]
fn parts_of_a_second_are_a_second() {
    assert_eq!(MaxAge::from(Duration::ZERO), MaxAge::Seconds(0));
    assert_eq!(MaxAge::from(Duration::from_millis(1)), MaxAge::Seconds(1));
    assert_eq!(MaxAge::from(Duration::from_secs(7)), MaxAge::Seconds(7));
}

#[test]
fn a_short_secret_is_refused_with_a_hint() {
    let error = SecretKeyBase::new("x".repeat(63)).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("63 bytes"), "{message}");
    assert!(message.contains("at least 64; `openssl"), "{message}");
    assert!(SecretKeyBase::new("x".repeat(64)).is_ok());
}

#[test]
fn generated_secrets_differ() {
    let tokens = || Tokens::new(&SecretKeyBase::generate(), "user auth");
    let token = tokens().sign("alice").unwrap();
    let verified = tokens().verify::<String>(&*token);
    assert_eq!(verified, Err(TokenError::Invalid));
}

#[test]
fn key_options_have_bounds() {
    let with = |options| {
        let secret = SecretKeyBase::generate();
        Tokens::with_key_options(&secret, "user auth", options)
    };
    let default = KeyOptions::default;
    let error = with(default().iterations(0)).unwrap_err();
    assert_eq!(error, KeyOptionsError::Iterations);
    for length in [0, 15, 1025] {
        let error = with(default().length(length)).unwrap_err();
        assert_eq!(error, KeyOptionsError::Length(length));
    }
    let short = with(default().length(16)).unwrap();
    assert_eq!(short.encrypt("alice"), Err(SignError::KeyLength));
    let decrypted = short.decrypt::<String>("XCP.AAAA");
    assert_eq!(decrypted, Err(TokenError::KeyLength));
}

#[test]
fn secrets_are_not_shown() {
    let secret = SecretKeyBase::new(SECRET).unwrap();
    let shown = format!("{secret:?} {:?}", Tokens::new(&secret, "user auth"));
    assert_eq!(shown, "SecretKeyBase(..) Tokens { max_age: None, .. }");
}
