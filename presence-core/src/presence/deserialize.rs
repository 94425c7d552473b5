//! Presences and diffs from their JSON, for programs that get them from a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use super::{Diff, PresenceEntry, Presences};
use crate::replication::set::Meta;

/// Reads the form of phoenix.js's `presence_state`.
///
/// # Errors
///
/// If an entry has no `metas`, or a meta is no JSON object with a `phx_ref` of this crate.
///
/// # Examples
///
/// ```
/// use presence_core::presence::Presences;
///
/// let text = r#"{"alice": {"metas": [{"phx_ref": "F-6nTxpVmXsAAAAB", "status": "away"}]}}"#;
/// let presences: Presences = serde_json::from_str(text)?;
/// assert_eq!(presences.get("alice").unwrap().metas()[0].phx_ref(), "F-6nTxpVmXsAAAAB");
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Presences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::<String, PresenceEntry>::deserialize(deserializer)?;
        let mut presences = Self::default();
        for (key, entry) in entries {
            presences.push_slot(&Arc::from(key), entry);
        }
        Ok(presences)
    }
}

impl<'de> Deserialize<'de> for PresenceEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?;
        let metas = fields.remove("metas");
        let metas = metas.ok_or_else(|| D::Error::missing_field("metas"))?;
        let metas: Vec<Meta> = serde_json::from_str(metas.get()).map_err(D::Error::custom)?;
        let mut entry = Self::default();
        for meta in metas {
            entry.push(meta);
        }
        for (name, value) in fields {
            entry.insert(name, value).map_err(D::Error::custom)?;
        }
        Ok(entry)
    }
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(text.get())
            .ok_or_else(|| D::Error::custom("a meta must be a JSON object with a `phx_ref`"))
    }
}

/// Reads the form of phoenix.js's `presence_diff`. A side that is missing is empty.
///
/// # Errors
///
/// As for [`Presences`].
impl<'de> Deserialize<'de> for Diff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sides = BTreeMap::<String, Presences>::deserialize(deserializer)?;
        Ok(Self {
            joins: sides.remove("joins").unwrap_or_default(),
            leaves: sides.remove("leaves").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = r#"{"joins":{"a":{"metas":[{"phx_ref":"AAAAAAAA00000001","phx_ref_prev":"AAAAAAAA00000000","n":1.50}],"name":"A"}},"leaves":{}}"#;
        let diff: Diff = serde_json::from_str(text).unwrap();
        assert_eq!(&diff.to_json()[..], text.as_bytes());
        let meta = &diff.joins.get("a").unwrap().metas()[0];
        assert_eq!(meta.phx_ref_prev(), Some("AAAAAAAA00000000"));
    }

    #[test]
    fn the_references_of_a_meta_may_stand_anywhere() {
        let text = r#"{"n":1.50,"phx_ref_prev":"AAAAAAAA00000000","phx_ref":"AAAAAAAA00000001"}"#;
        let meta: Meta = serde_json::from_str(text).unwrap();
        assert_eq!(
            meta.as_str(),
            r#"{"phx_ref":"AAAAAAAA00000001","phx_ref_prev":"AAAAAAAA00000000","n":1.50}"#
        );
        let alone: Meta = serde_json::from_str(r#" { "phx_ref" : "AAAAAAAA00000001" } "#).unwrap();
        assert_eq!(alone.as_str(), r#"{"phx_ref":"AAAAAAAA00000001"}"#);
    }

    #[test]
    fn what_is_no_presence_is_an_error() {
        for text in [
            "[]",
            r#"{"a":{}}"#,
            r#"{"a":{"metas":{}}}"#,
            r#"{"a":{"metas":[{}]}}"#,
            r#"{"a":{"metas":[{"phx_ref":"short"}]}}"#,
            r#"{"a":{"metas":[{"n":1,"phx_ref":"AAAAAAAA00000001","phx_ref_prev":7}]}}"#,
        ] {
            assert!(serde_json::from_str::<Presences>(text).is_err(), "{text}");
        }
    }
}
