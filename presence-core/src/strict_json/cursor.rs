//! A position in a JSON text, and the steps over its values.

use super::{Fault, InvalidJson, string};

/// A whole number of fewer digits fits a double.
const DIGITS_IN_RANGE: usize = 308;

/// A position in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Steps into an array or an object.
    pub(super) fn open(&mut self, bracket: u8) -> Result<(), InvalidJson> {
        if self.next() == Some(bracket) {
            self.at += 1;
            return Ok(());
        }
        // A value of another type, or no value.
        self.value()?;
        self.end()?;
        Err(InvalidJson {
            at: 0,
            fault: Fault::Type,
        })
    }

    /// Returns whether the closing bracket follows, and steps over it.
    pub(super) fn closes(&mut self, bracket: u8) -> bool {
        let closes = self.next() == Some(bracket);
        self.at += usize::from(closes);
        closes
    }

    /// Returns whether a comma follows, or the closing bracket, and steps over it.
    #[inline]
    pub(super) fn continues(&mut self, bracket: u8) -> Result<bool, InvalidJson> {
        match self.next() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == bracket => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.syntax()),
        }
    }

    /// Steps over a member's name and its colon. Returns the text of the name, with its quotes.
    pub(super) fn name(&mut self) -> Result<&'a str, InvalidJson> {
        self.skip_blanks();
        let start = self.at;
        let end = self.skip_name()?;
        Ok(&self.text[start..end])
    }

    /// Steps over a member's name and its colon. Returns the end of the name.
    #[inline]
    fn skip_name(&mut self) -> Result<usize, InvalidJson> {
        if self.next() != Some(b'"') {
            return Err(self.syntax());
        }
        self.string()?;
        let end = self.at;
        if self.next() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        Ok(end)
    }

    /// Steps over a value and all that is in it. Returns its text.
    pub(super) fn value(&mut self) -> Result<&'a str, InvalidJson> {
        self.skip_blanks();
        let start = self.at;
        let mut nesting = Nesting::default();
        loop {
            match self.next() {
                Some(b'{') => {
                    self.at += 1;
                    if !self.closes(b'}') {
                        nesting.push(true);
                        self.skip_name()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if !self.closes(b']') {
                        nesting.push(false);
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return Err(self.syntax()),
            }
            // After a value: the next value of the same level, or the end of levels.
            loop {
                let Some(is_object) = nesting.last() else {
                    return Ok(&self.text[start..self.at]);
                };
                if self.continues(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.skip_name()?;
                    }
                    break;
                }
                nesting.pop();
            }
        }
    }

    /// Checks that nothing but blanks follows.
    pub(super) fn end(&mut self) -> Result<(), InvalidJson> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(self.syntax()),
        }
    }

    fn string(&mut self) -> Result<(), InvalidJson> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            self.at = string::next_special(bytes, self.at);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let after = string::escape(bytes, self.at);
                    self.at = after.map_err(|fault| self.fault(fault))?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn number(&mut self) -> Result<(), InvalidJson> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let starts_with_zero = self.peek() == Some(b'0');
        let whole = self.digits()?;
        if starts_with_zero && whole > 1 {
            return Err(self.syntax());
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if has_exponent || whole > DIGITS_IN_RANGE {
            let number = self.text[start..self.at].parse::<f64>();
            if !number.is_ok_and(f64::is_finite) {
                self.at = start;
                return Err(self.fault(Fault::Number));
            }
        }
        Ok(())
    }

    /// Steps over digits, at least one. Returns their count.
    #[inline]
    fn digits(&mut self) -> Result<usize, InvalidJson> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at - start {
            0 => Err(self.syntax()),
            digits => Ok(digits),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), InvalidJson> {
        if !self.text.as_bytes()[self.at..].starts_with(word) {
            return Err(self.syntax());
        }
        self.at += word.len();
        Ok(())
    }

    /// Returns the byte at the cursor.
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the byte after blanks, and steps over them.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        match self.peek() {
            // Few texts have blanks between their values.
            Some(byte) if byte > b' ' => Some(byte),
            _ => {
                self.skip_blanks();
                self.peek()
            }
        }
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn syntax(&self) -> InvalidJson {
        self.fault(Fault::Syntax)
    }

    fn fault(&self, fault: Fault) -> InvalidJson {
        InvalidJson { at: self.at, fault }
    }
}

/// The open brackets around a position, a bit each: set for an object.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// The innermost levels, up to 64.
    bits: u64,
    /// The levels outside of `bits`.
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(is_object);
        self.depth += 1;
    }

    /// Removes the innermost level, if there is one.
    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.bits >>= 1;
        if self.depth > 0
            && self.depth.is_multiple_of(64)
            && let Some(bits) = self.outer.pop()
        {
            self.bits = bits;
        }
    }

    fn last(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}
