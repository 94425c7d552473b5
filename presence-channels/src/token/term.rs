//! Erlang's external term format, as far as tokens need it. A parser of ours, because a token's
//! decoding must be bounded in depth and size, decompression included, and its encoding be
//! Erlang's byte for byte.

mod decode;
mod deserialize;
mod encode;
mod serialize;

pub(super) use decode::decode;
pub(super) use encode::encode;

/// The most bytes of a term, before compression.
const MAX_BYTES: usize = 64 * 1024;
/// The most levels of a term's data.
const MAX_DEPTH: usize = 64;

/// The first byte of every term.
const VERSION: u8 = 131;

/// The bytes that say what follows, by their names in Erlang's documents.
mod tag {
    pub(super) const NEW_FLOAT: u8 = 70;
    pub(super) const COMPRESSED: u8 = 80;
    pub(super) const SMALL_INTEGER: u8 = 97;
    pub(super) const INTEGER: u8 = 98;
    pub(super) const ATOM: u8 = 100;
    pub(super) const SMALL_TUPLE: u8 = 104;
    pub(super) const LARGE_TUPLE: u8 = 105;
    pub(super) const NIL: u8 = 106;
    pub(super) const STRING: u8 = 107;
    pub(super) const LIST: u8 = 108;
    pub(super) const BINARY: u8 = 109;
    pub(super) const SMALL_BIG: u8 = 110;
    pub(super) const LARGE_BIG: u8 = 111;
    pub(super) const SMALL_ATOM: u8 = 115;
    pub(super) const MAP: u8 = 116;
    pub(super) const ATOM_UTF8: u8 = 118;
    pub(super) const SMALL_ATOM_UTF8: u8 = 119;
}

/// A value of Erlang's.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    not(feature = "fuzzing"),
    allow(unreachable_pub, reason = "only that feature shows it")
)]
pub enum Term {
    /// An integer of any size that Rust has.
    Integer(i128),
    /// A float.
    Float(f64),
    /// An atom, by its name.
    Atom(String),
    /// A binary.
    Binary(Vec<u8>),
    /// A proper list.
    List(Vec<Term>),
    /// A tuple.
    Tuple(Vec<Term>),
    /// A map's entries.
    Map(Vec<(Term, Term)>),
}
