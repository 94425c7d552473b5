//! Terms past the signature that keeps them out otherwise, and terms as they are within tokens.

use std::time::SystemTime;

use super::{SignError, TokenError, Tokens, encryptor, signer, term};

pub use super::term::Term;

/// Decodes a term and encodes it again.
///
/// # Errors
/// Returns the error of the term.
///
/// # Panics
/// If the encoded term decodes as another term.
pub fn rewrite_term(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    let term = term::decode(bytes)?;
    match term::encode(&term) {
        Ok(written) => {
            assert_eq!(term::decode(&written).as_ref(), Ok(&term), "{written:?}");
            Ok(written)
        }
        // An atom in Latin 1 may become too long in UTF-8, and a map may have held a key twice.
        Err(error) => Err(TokenError::Data(error.to_string())),
    }
}

/// Signs bytes that may not be claims.
#[must_use]
pub fn sign_claims(tokens: &Tokens, claims: &[u8]) -> String {
    signer::sign(&tokens.key, claims)
}

/// As [`sign_claims`], encrypted.
///
/// # Errors
/// As [`Tokens::encrypt`].
pub fn encrypt_claims(tokens: &Tokens, claims: &[u8]) -> Result<String, SignError> {
    encryptor::encrypt(&tokens.key, claims)
}

/// Signs `data`, as [`Tokens::sign_at`] signs what makes such a term.
///
/// # Errors
/// As [`Tokens::sign_at`].
pub fn sign_term(tokens: &Tokens, data: Term, signed_at: SystemTime) -> Result<String, SignError> {
    let claims = tokens.claims(data, signed_at)?;
    Ok(signer::sign(&tokens.key, &claims))
}

/// Verifies a token, and returns its data as the token holds it.
///
/// # Errors
/// As [`Tokens::verify`].
pub fn verify_term(tokens: &Tokens, token: Option<&str>) -> Result<Term, TokenError> {
    let valid = tokens.verified(token, SystemTime::now())?;
    Ok(valid.data)
}

/// Decrypts a token, and returns its data as the token holds it.
///
/// # Errors
/// As [`Tokens::decrypt`].
pub fn decrypt_term(tokens: &Tokens, token: Option<&str>) -> Result<Term, TokenError> {
    let valid = tokens.decrypted(token, SystemTime::now())?;
    Ok(valid.data)
}
