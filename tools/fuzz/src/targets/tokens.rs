//! Tokens, from the base64 down to Erlang's terms.

use std::sync::LazyLock;

use presence_channels::{
    SecretKeyBase, TokenError, Tokens,
    fuzzing::{encrypt_claims, rewrite_term, sign_claims},
};
use serde_json::Value;

use crate::{Target, bounded};

pub(super) const TARGET: Target = Target {
    name: "tokens",
    run,
};

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let secret = SecretKeyBase::new("s".repeat(64)).expect("64 bytes are enough for a secret");
    Tokens::new(&secret, "fuzz")
});

/// The most memory in bytes that a term takes. A term has at most 64 KiB, compressed or not. Its
/// costliest form is a tuple of one element: for its two bytes, a list of four elements of 32 bytes
/// is made. The tree that the list becomes is held beside it.
const TERM: usize = 64 * 1024 * 96;

/// Reads the input in the way that its first byte chooses.
fn run(input: &[u8]) {
    let Some((way, rest)) = input.split_first() else {
        return;
    };
    match way % 4 {
        0 => term(rest),
        1 => claims(rest),
        2 => foreign(rest),
        _ => data(rest),
    }
}

/// Reads a term and writes it. The written term is written the same again.
fn term(bytes: &[u8]) {
    let most =
        TERM.min(96 * bytes.len() + TERM * usize::from(bytes.starts_with(&[131, 80])) + 8192);
    if let Ok(written) = bounded(most, || rewrite_term(bytes)) {
        assert_eq!(rewrite_term(&written).as_ref(), Ok(&written));
    }
}

/// Signs and encrypts the bytes as claims, and reads the tokens.
fn claims(bytes: &[u8]) {
    let signed = sign_claims(&TOKENS, bytes);
    let most = TERM + 8 * signed.len();
    let verified = bounded(most, || TOKENS.verify::<Value>(&*signed));
    assert_ne!(verified.as_ref().err(), Some(&TokenError::Missing));
    let encrypted = encrypt_claims(&TOKENS, bytes).expect("the key is of the right length");
    let decrypted = bounded(most, || TOKENS.decrypt::<Value>(&*encrypted));
    assert_eq!(verified, decrypted);
}

/// Reads a text that is not signed.
fn foreign(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let most = 4 * text.len() + 1024;
    let verified = bounded(most, || TOKENS.verify::<Value>(text));
    assert_eq!(verified.err(), Some(TokenError::Invalid));
    let decrypted = bounded(most, || TOKENS.decrypt::<Value>(text));
    assert_eq!(decrypted.err(), Some(TokenError::Invalid));
}

/// Writes data into tokens and reads it, and reads a token with one character changed.
fn data(bytes: &[u8]) {
    let Ok(data) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    let Ok(token) = TOKENS.sign(&data) else {
        return;
    };
    assert_eq!(TOKENS.verify::<Value>(&*token).as_ref(), Ok(&data));
    let sealed = TOKENS
        .encrypt(&data)
        .expect("data that can be signed can be encrypted");
    assert_eq!(TOKENS.decrypt::<Value>(&*sealed).as_ref(), Ok(&data));
    // Not the last character: some of its bits may be unused.
    let at = bytes.len() * 31 % (token.len() - 1);
    let mut turned = token.into_bytes();
    turned[at] = if turned[at] == b'A' { b'B' } else { b'A' };
    let turned = String::from_utf8(turned).expect("a token is ASCII");
    let verified = TOKENS.verify::<Value>(&*turned);
    assert_eq!(verified.err(), Some(TokenError::Invalid), "{turned}");
}
