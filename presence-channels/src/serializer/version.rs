//! The serializer of a connection.

use std::{fmt, sync::Arc};

use super::{
    Data, Frame, FrameError, MalformedFrame, Serializer, V1, V2,
    requirement::{InvalidRequirement, Requirement, parse_version},
};
use crate::{
    guard::call_guarded,
    message::{Message, Outgoing},
};

/// The encoding of a connection.
#[derive(Clone)]
pub(crate) enum Version {
    V1,
    V2,
    /// A serializer of the app's own. Mounts with the same options share it.
    Added(Arc<dyn Serializer>),
}

/// A serializer that an app has added to a mount, and the versions it is for.
#[derive(Clone)]
pub(crate) struct Added {
    text: String,
    requirement: Result<Requirement, InvalidRequirement>,
    serializer: Arc<dyn Serializer>,
}

impl Added {
    pub(crate) fn new(requirement: &str, serializer: impl Serializer) -> Self {
        Self {
            text: requirement.to_owned(),
            requirement: requirement.parse(),
            serializer: Arc::new(serializer),
        }
    }

    /// Returns the text of the requirement, if it cannot be parsed.
    pub(crate) fn invalid_requirement(&self) -> Option<&str> {
        self.requirement.is_err().then_some(&self.text)
    }
}

impl fmt::Debug for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Added").field(&self.text).finish()
    }
}

impl Version {
    /// Returns the encoding that a client asks for with its `vsn` parameter. The default is
    /// version 1. The serializers that the app has `added` come first.
    pub(crate) fn negotiate(vsn: Option<&str>, added: &[Added]) -> Option<Self> {
        let version = parse_version(vsn.unwrap_or("1.0.0"))?;
        let fits = |added: &&Added| matches!(&added.requirement, Ok(asked) if asked.fits(version));
        if let Some(added) = added.iter().find(fits) {
            return Some(Self::Added(added.serializer.clone()));
        }
        match version {
            // A pre-release of the first version is before it.
            (_, _, 0, false) => None,
            (1, 0, _, _) => Some(Self::V1),
            (2, 0, _, _) => Some(Self::V2),
            _ => None,
        }
    }

    pub(crate) fn is_v1(&self) -> bool {
        matches!(self, Self::V1)
    }

    pub(crate) fn decode(&self, data: Data) -> Result<Message, MalformedFrame> {
        match self {
            Self::V1 => V1.decode(data),
            Self::V2 => V2.decode(data),
            Self::Added(serializer) => {
                call_guarded(|| serializer.decode(data)).unwrap_or(Err(MalformedFrame::Panicked))
            }
        }
    }

    pub(crate) fn encode(&self, message: &Outgoing<'_>) -> Result<Frame, FrameError> {
        match self {
            Self::V1 => V1.encode(message),
            Self::V2 => V2.encode(message),
            Self::Added(serializer) => {
                call_guarded(|| serializer.encode(message)).unwrap_or(Err(FrameError::Panicked))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Serializer for Named {
        fn decode(&self, _: Data) -> Result<Message, MalformedFrame> {
            panic!("asked to crash")
        }

        fn encode(&self, _: &Outgoing<'_>) -> Result<Frame, FrameError> {
            Ok(Frame::text(self.0))
        }
    }

    /// Returns the name of the serializer for `vsn`.
    fn negotiated(vsn: Option<&str>, added: &[Added]) -> Option<&'static str> {
        let names: Vec<_> = added.iter().map(|added| &added.serializer).collect();
        match Version::negotiate(vsn, added)? {
            Version::V1 => Some("v1"),
            Version::V2 => Some("v2"),
            Version::Added(chosen) => {
                let index = names.iter().position(|name| Arc::ptr_eq(name, &chosen));
                Some(["first", "second"][index.unwrap()])
            }
        }
    }

    #[test]
    fn versions_are_negotiated_as_recorded() {
        let negotiated = |vsn| negotiated(vsn, &[]);
        assert_eq!(negotiated(None), Some("v1"));
        assert_eq!(negotiated(Some("1.0.0")), Some("v1"));
        assert_eq!(negotiated(Some("1.0.7")), Some("v1"));
        assert_eq!(negotiated(Some("2.0.0")), Some("v2"));
        assert_eq!(negotiated(Some("2.0.0+build.1")), Some("v2"));
        assert_eq!(negotiated(Some("2.0.1-rc.1")), Some("v2"));
        for unknown in [
            "",
            "2",
            "2.0",
            "2.0.0.0",
            "2.1.0",
            "3.0.0",
            "abc",
            "2.0.x",
            "+2.0.0",
            "02.0.0",
            "2.0.00",
            "2.0.0-rc.1",
            "2.0.0-",
            "2.0.0+",
            "2.0.0 ",
            "v2.0.0",
        ] {
            assert_eq!(negotiated(Some(unknown)), None, "{unknown:?}");
        }
    }

    #[test]
    fn the_first_added_that_fits_comes_before_the_built_in() {
        let added = [
            Added::new("~> 3.0.0", Named("first")),
            Added::new(">= 2.0.5", Named("second")),
        ];
        let negotiated = |vsn| negotiated(vsn, &added);
        assert_eq!(negotiated(Some("3.0.1")), Some("first"));
        assert_eq!(negotiated(Some("3.1.0")), Some("second"));
        assert_eq!(negotiated(Some("2.0.5")), Some("second"));
        assert_eq!(negotiated(Some("2.0.4")), Some("v2"));
        assert_eq!(negotiated(None), Some("v1"));
        assert_eq!(negotiated(Some("3.0")), None);
    }

    #[test]
    fn a_serializer_that_panics_is_an_error() {
        let version = Version::Added(Arc::new(Named("")));
        let decoded = version.decode(Data::Text("".into()));
        assert!(matches!(decoded, Err(MalformedFrame::Panicked)));
    }
}
