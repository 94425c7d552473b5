//! Signatures: `Plug.Crypto.MessageVerifier`. A token is header, payload and MAC, each in base64,
//! with dots between; the MAC is that of header and payload as they are written.

use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::BASE64;

pub(super) fn sign(key: &[u8], payload: &[u8]) -> String {
    let mut token = BASE64.encode("HS256");
    token.push('.');
    BASE64.encode_string(payload, &mut token);
    let mac = mac::<Hmac<Sha256>>(key, &token).finalize().into_bytes();
    token.push('.');
    BASE64.encode_string(mac, &mut token);
    token
}

/// The payload, if its MAC is right. Compares in constant time.
pub(super) fn verify(key: &[u8], token: &str) -> Option<Vec<u8>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let signature = BASE64.decode(signature).ok()?;
    let is_right = match &*BASE64.decode(header).ok()? {
        b"HS256" => is_mac::<Hmac<Sha256>>(key, signed, &signature),
        b"HS384" => is_mac::<Hmac<Sha384>>(key, signed, &signature),
        b"HS512" => is_mac::<Hmac<Sha512>>(key, signed, &signature),
        _ => return None,
    };
    is_right.then(|| BASE64.decode(payload).ok())?
}

fn mac<M: Mac + KeyInit>(key: &[u8], signed: &str) -> M {
    let mac = <M as KeyInit>::new_from_slice(key).expect("a MAC takes keys of any length");
    mac.chain_update(signed)
}

fn is_mac<M: Mac + KeyInit>(key: &[u8], signed: &str, signature: &[u8]) -> bool {
    mac::<M>(key, signed).verify_slice(signature).is_ok()
}
