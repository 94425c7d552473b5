//! Terms to bytes, as `term_to_binary` writes them.

use super::{MAX_BYTES, MAX_DEPTH, Term, VERSION, tag};
use crate::token::SignError;

/// The bytes of `term`, in the shortest form, atoms as OTP 26 and later write them.
pub(in super::super) fn encode(term: &Term) -> Result<Vec<u8>, SignError> {
    let mut bytes = vec![VERSION];
    put(term, 0, &mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(SignError::TooLong);
    }
    Ok(bytes)
}

fn put(term: &Term, depth: usize, bytes: &mut Vec<u8>) -> Result<(), SignError> {
    if depth > MAX_DEPTH {
        return Err(SignError::TooDeep);
    }
    match term {
        Term::Integer(integer) => put_integer(*integer, bytes),
        Term::Float(float) => {
            bytes.push(tag::NEW_FLOAT);
            bytes.extend(float.to_be_bytes());
        }
        Term::Atom(name) => {
            bytes.push(tag::SMALL_ATOM_UTF8);
            let length = u8::try_from(name.len()).map_err(|_| SignError::TooLong)?;
            bytes.push(length);
            bytes.extend(name.as_bytes());
        }
        Term::Binary(data) => {
            bytes.push(tag::BINARY);
            put_length(data.len(), bytes)?;
            bytes.extend(data);
        }
        Term::Tuple(elements) => {
            match u8::try_from(elements.len()) {
                Ok(arity) => bytes.extend([tag::SMALL_TUPLE, arity]),
                Err(_) => {
                    bytes.push(tag::LARGE_TUPLE);
                    put_length(elements.len(), bytes)?;
                }
            }
            put_all(elements, depth, bytes)?;
        }
        Term::List(elements) => put_list(elements, depth, bytes)?,
        Term::Map(entries) => {
            bytes.push(tag::MAP);
            put_length(entries.len(), bytes)?;
            for (key, value) in entries {
                put(key, depth + 1, bytes)?;
                put(value, depth + 1, bytes)?;
            }
        }
    }
    Ok(())
}

fn put_all(terms: &[Term], depth: usize, bytes: &mut Vec<u8>) -> Result<(), SignError> {
    terms
        .iter()
        .try_for_each(|term| put(term, depth + 1, bytes))
}

fn put_length(length: usize, bytes: &mut Vec<u8>) -> Result<(), SignError> {
    let length = u32::try_from(length).map_err(|_| SignError::TooLong)?;
    bytes.extend(length.to_be_bytes());
    Ok(())
}

fn put_integer(integer: i128, bytes: &mut Vec<u8>) {
    if let Ok(small) = u8::try_from(integer) {
        bytes.extend([tag::SMALL_INTEGER, small]);
    } else if let Ok(middle) = i32::try_from(integer) {
        bytes.push(tag::INTEGER);
        bytes.extend(middle.to_be_bytes());
    } else {
        let magnitude = integer.unsigned_abs();
        let length = magnitude.ilog2() / 8 + 1;
        bytes.extend([tag::SMALL_BIG, length as u8, u8::from(integer < 0)]);
        bytes.extend(&magnitude.to_le_bytes()[..length as usize]);
    }
}

/// Erlang writes a list of bytes as a string, if its length fits into two.
fn put_list(elements: &[Term], depth: usize, bytes: &mut Vec<u8>) -> Result<(), SignError> {
    if elements.is_empty() {
        bytes.push(tag::NIL);
        return Ok(());
    }
    let as_byte = |element: &Term| match element {
        Term::Integer(integer) => u8::try_from(*integer).ok(),
        _ => None,
    };
    let string: Option<Vec<u8>> = elements.iter().map(as_byte).collect();
    match (string, u16::try_from(elements.len())) {
        (Some(string), Ok(length)) => {
            bytes.push(tag::STRING);
            bytes.extend(length.to_be_bytes());
            bytes.extend(string);
        }
        _ => {
            bytes.push(tag::LIST);
            put_length(elements.len(), bytes)?;
            put_all(elements, depth, bytes)?;
            bytes.push(tag::NIL);
        }
    }
    Ok(())
}
