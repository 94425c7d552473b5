use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// A topic, such as `room:lobby`. Cheap to clone; reads as a `&str`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Returns the part after the first colon: `lobby` of `room:lobby`. Returns an empty string if
    /// there is no colon.
    #[must_use]
    pub fn subtopic(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, subtopic)| subtopic)
    }

    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Topic {
    fn from(topic: T) -> Self {
        Self(topic.into())
    }
}

impl Deref for Topic {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Topic {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Topic {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Topic {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}
