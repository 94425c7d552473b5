//! `cargo phx gen secret`: prints a random secret, for example for `SECRET_KEY_BASE`.

use crate::console::Console;
use crate::hint::hinted;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  export SECRET_KEY_BASE=\"$(cargo phx gen secret)\"
  cargo phx gen secret 96";

/// The default length of a secret, which is the least that tokens take.
pub(crate) const LENGTH: &str = "64";

const SHORTEST: usize = 32;
const LONGEST: usize = 1024;

/// The characters of base64. A secret of them goes through every shell and file of settings.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn run(length: usize, console: &mut Console) -> anyhow::Result<()> {
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(hinted(
            format!(
                "a secret has {SHORTEST} to {LONGEST} characters, not {length}: a shorter one can \
                 be guessed"
            ),
            "type `cargo phx gen secret` for one of 64 characters",
        ));
    }
    console.line(secret(length)?)
}

/// Returns a random text. Each character holds six bits of random.
fn secret(length: usize) -> anyhow::Result<String> {
    let mut random = vec![0; length];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the system has no random numbers: {error}"))?;
    let characters = random
        .iter()
        .map(|byte| char::from(CHARACTERS[usize::from(byte % 64)]));
    Ok(characters.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_secret_has_its_length_and_all_characters() {
        assert_eq!(secret(32).unwrap().len(), 32);
        assert_ne!(secret(64).unwrap(), secret(64).unwrap());
        // A character is missing from 64,000 with a probability of less than 1 in 10^400.
        let used: HashSet<u8> = secret(64_000).unwrap().bytes().collect();
        assert_eq!(used, CHARACTERS.iter().copied().collect());
    }
}
