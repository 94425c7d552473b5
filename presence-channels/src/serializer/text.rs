use std::{fmt, ops::Deref, str::Utf8Error};

use bytes::Bytes;
use tungstenite::Utf8Bytes;

/// The text of one message: UTF-8, and reference-counted, so that a part of it can be kept without
/// a copy.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Utf8Bytes);

impl Text {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the bytes of the text, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into()
    }

    /// Returns the bytes of `part`, without a copy. They keep the memory of the whole text.
    ///
    /// # Panics
    /// If `part` is not a part of this very text.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::serializer::Text;
    ///
    /// let text = Text::from("say {}");
    /// let payload = text.as_str().strip_prefix("say ").unwrap();
    /// assert_eq!(text.slice_of(payload), "{}");
    /// ```
    #[must_use]
    pub fn slice_of(&self, part: &str) -> Bytes {
        self.bytes().slice_ref(part.as_bytes())
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        self.0.as_ref()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl TryFrom<Bytes> for Text {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        Utf8Bytes::try_from(bytes).map(Self)
    }
}

impl From<Utf8Bytes> for Text {
    fn from(text: Utf8Bytes) -> Self {
        Self(text)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
