/// The check of a text that comes in fragments.
#[derive(Default)]
pub(super) struct TextCheck {
    /// The bytes that are known to be UTF-8.
    valid: usize,
}

impl TextCheck {
    /// Checks what has come since the last call. Returns `false` if the text cannot be UTF-8
    /// whatever follows.
    pub(super) fn check(&mut self, text: &[u8]) -> bool {
        match std::str::from_utf8(&text[self.valid..]) {
            Ok(_) => {
                self.valid = text.len();
                true
            }
            Err(error) => {
                self.valid += error.valid_up_to();
                error.error_len().is_none()
            }
        }
    }
}
