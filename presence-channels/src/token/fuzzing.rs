//! The way in for the fuzzer: terms past the signature that keeps them out otherwise.

use super::{SignError, TokenError, Tokens, encryptor, signer, term};

/// Reads a term and writes it down as it is written here.
///
/// # Errors
/// What is wrong with it.
///
/// # Panics
/// If what was written reads as another term.
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

/// A token of claims that may be none.
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
