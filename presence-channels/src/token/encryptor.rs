//! Encryption: `Plug.Crypto.MessageEncryptor`. A token is `XCP.` and the base64 of nonce, tag and
//! cipher text, of XChaCha20-Poly1305. Plug's older form, in AES-GCM, is not read.

use base64::Engine;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

use super::{BASE64, SignError, TokenError};

const PREFIX: &str = "XCP.";
/// The additional data that Plug authenticates by default.
const AAD: &[u8] = b"A128GCM";
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

pub(super) fn encrypt(key: &[u8], text: &[u8]) -> Result<String, SignError> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).map_err(|_| SignError::KeyLength)?;
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).expect("the system has random numbers");
    let payload = Payload {
        msg: text,
        aad: AAD,
    };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .expect("a term is not too long for the cipher");
    // The crate puts the tag last, Plug puts it first.
    let (text, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
    let mut token = PREFIX.to_owned();
    BASE64.encode_string([&nonce, tag, text].concat(), &mut token);
    Ok(token)
}

/// The text, if its tag is right. The cipher compares in constant time.
pub(super) fn decrypt(key: &[u8], token: &str) -> Result<Vec<u8>, TokenError> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).map_err(|_| TokenError::KeyLength)?;
    open(&cipher, token).ok_or(TokenError::Invalid)
}

fn open(cipher: &XChaCha20Poly1305, token: &str) -> Option<Vec<u8>> {
    let sealed = BASE64.decode(token.strip_prefix(PREFIX)?).ok()?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let (tag, text) = sealed.split_at_checked(TAG_BYTES)?;
    let payload = Payload {
        msg: &[text, tag].concat(),
        aad: AAD,
    };
    cipher.decrypt(&XNonce::from(*nonce), payload).ok()
}
