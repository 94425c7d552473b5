//! Bytes to terms, bounded in size and depth.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use super::{MAX_BYTES, MAX_DEPTH, Term, VERSION, tag};
use crate::token::TokenError;

/// Decodes a term. Returns [`TokenError::Invalid`] for bytes that are not a term, and
/// [`TokenError::Data`] for a term over the limits, or of a kind that this crate's tokens cannot
/// hold.
pub(in super::super) fn decode(bytes: &[u8]) -> Result<Term, TokenError> {
    let bytes = bytes.strip_prefix(&[VERSION]).ok_or(TokenError::Invalid)?;
    let inflated;
    let bytes = match bytes.split_first() {
        Some((&tag::COMPRESSED, rest)) => {
            inflated = inflate(rest)?;
            &*inflated
        }
        _ => bytes,
    };
    if bytes.len() > MAX_BYTES {
        return Err(TokenError::Data("longer than 64 KiB".to_owned()));
    }
    let mut reader = TermReader(bytes);
    let term = reader.term(0)?;
    match reader.0 {
        [] => Ok(term),
        _ => Err(TokenError::Invalid),
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, TokenError> {
    let mut reader = TermReader(bytes);
    let length = reader.u32()?;
    if length > MAX_BYTES {
        return Err(TokenError::Data("longer than 64 KiB".to_owned()));
    }
    let inflated = decompress_to_vec_zlib_with_limit(reader.0, length);
    let inflated = inflated.map_err(|_| TokenError::Invalid)?;
    (inflated.len() == length)
        .then_some(inflated)
        .ok_or(TokenError::Invalid)
}

/// The bytes that are yet to be read.
struct TermReader<'a>(&'a [u8]);

impl<'a> TermReader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TokenError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TokenError::Invalid)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TokenError::Invalid)?;
        self.0 = rest;
        Ok(*array)
    }

    fn u8(&mut self) -> Result<u8, TokenError> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<usize, TokenError> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn u32(&mut self) -> Result<usize, TokenError> {
        let number = u32::from_be_bytes(self.array()?);
        usize::try_from(number).map_err(|_| TokenError::Invalid)
    }

    fn term(&mut self, depth: usize) -> Result<Term, TokenError> {
        if depth > MAX_DEPTH {
            let reason = "nested more than 64 levels deep";
            return Err(TokenError::Data(reason.to_owned()));
        }
        Ok(match self.u8()? {
            tag::SMALL_INTEGER => Term::Integer(self.u8()?.into()),
            tag::INTEGER => Term::Integer(i32::from_be_bytes(self.array()?).into()),
            tag::SMALL_BIG => {
                let length = self.u8()?.into();
                self.big(length)?
            }
            tag::LARGE_BIG => {
                let length = self.u32()?;
                self.big(length)?
            }
            tag::NEW_FLOAT => self.float()?,
            tag::ATOM => {
                let length = self.u16()?;
                self.latin1_atom(length)?
            }
            tag::SMALL_ATOM => {
                let length = self.u8()?.into();
                self.latin1_atom(length)?
            }
            tag::ATOM_UTF8 => {
                let length = self.u16()?;
                self.utf8_atom(length)?
            }
            tag::SMALL_ATOM_UTF8 => {
                let length = self.u8()?.into();
                self.utf8_atom(length)?
            }
            tag::BINARY => {
                let length = self.u32()?;
                Term::Binary(self.take(length)?.to_vec())
            }
            tag::STRING => {
                let length = self.u16()?;
                let bytes = self.take(length)?.iter();
                Term::List(bytes.map(|byte| Term::Integer((*byte).into())).collect())
            }
            tag::NIL => Term::List(Vec::new()),
            tag::LIST => {
                let length = self.u32()?;
                let elements = self.terms(length, depth)?;
                match self.u8()? {
                    tag::NIL => Term::List(elements),
                    _ => return Err(TokenError::Data("an improper list".to_owned())),
                }
            }
            tag::SMALL_TUPLE => {
                let arity = self.u8()?.into();
                Term::Tuple(self.terms(arity, depth)?)
            }
            tag::LARGE_TUPLE => {
                let arity = self.u32()?;
                Term::Tuple(self.terms(arity, depth)?)
            }
            tag::MAP => {
                let length = self.u32()?;
                self.map(length, depth)?
            }
            tag => return Err(TokenError::Data(format!("a term of the kind {tag}"))),
        })
    }

    fn terms(&mut self, length: usize, depth: usize) -> Result<Vec<Term>, TokenError> {
        // No term is shorter than a byte, so what is announced beyond is not there.
        if length > self.0.len() {
            return Err(TokenError::Invalid);
        }
        (0..length).map(|_| self.term(depth + 1)).collect()
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Term, TokenError> {
        if length > self.0.len() {
            return Err(TokenError::Invalid);
        }
        let mut entry = || Ok((self.term(depth + 1)?, self.term(depth + 1)?));
        let entries: Result<_, TokenError> = (0..length).map(|_| entry()).collect();
        Ok(Term::Map(entries?))
    }

    fn big(&mut self, length: usize) -> Result<Term, TokenError> {
        let is_negative = self.u8()? != 0;
        let digits = self.take(length)?;
        let significant = digits
            .iter()
            .rposition(|digit| *digit != 0)
            .map_or(0, |last| last + 1);
        let mut magnitude = [0; 16];
        let too_big = || TokenError::Data("an integer of more than 128 bits".to_owned());
        let place = magnitude.get_mut(..significant).ok_or_else(too_big)?;
        place.copy_from_slice(&digits[..significant]);
        let magnitude = u128::from_le_bytes(magnitude);
        let integer = if is_negative {
            0i128.checked_sub_unsigned(magnitude)
        } else {
            i128::try_from(magnitude).ok()
        };
        integer.map(Term::Integer).ok_or_else(too_big)
    }

    fn float(&mut self) -> Result<Term, TokenError> {
        let float = f64::from_be_bytes(self.array()?);
        // Erlang has no infinities and no NaN.
        let finite = float.is_finite().then_some(Term::Float(float));
        finite.ok_or(TokenError::Invalid)
    }

    fn latin1_atom(&mut self, length: usize) -> Result<Term, TokenError> {
        let name = self.take(length)?.iter();
        Ok(Term::Atom(name.copied().map(char::from).collect()))
    }

    fn utf8_atom(&mut self, length: usize) -> Result<Term, TokenError> {
        let name = std::str::from_utf8(self.take(length)?).map_err(|_| TokenError::Invalid)?;
        Ok(Term::Atom(name.to_owned()))
    }
}
