//! The entry of one key.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json;
use crate::replication::set::Meta;

/// [`PresenceEntry::insert`] rejected a field. The entry is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The name is `metas`, which is reserved.
    #[error("`metas` is where an entry's metas are; choose another field name")]
    Reserved,
    /// The value cannot be written as JSON.
    #[error("the field cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

/// The presences of one key: a meta for each (each tab, each device), and the fields of `fetch`.
///
/// As JSON: `{"metas": [{"phx_ref": "..", ..}, ..], ..}`.
#[derive(Clone, Debug, Default)]
pub struct PresenceEntry {
    metas: Vec<Meta>,
    fields: Vec<(String, Box<RawValue>)>,
}

impl PresenceEntry {
    pub(super) fn push(&mut self, meta: Meta) {
        self.metas.push(meta);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Meta) -> bool) {
        self.metas.retain(keep);
    }

    /// Returns the metas, in the order in which they were tracked. An updated meta counts as new.
    pub fn metas(&self) -> &[Meta] {
        &self.metas
    }

    /// Adds `value` as the field `name` beside the metas, or replaces the field of this name.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if the name is `metas`, or the value has no JSON form. The entry is unchanged
    /// then.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Serialize,
    ) -> Result<(), FieldError> {
        let name = name.into();
        if name == "metas" {
            return Err(FieldError::Reserved);
        }
        let value = serde_json::value::to_raw_value(&value)?;
        match self.fields.iter_mut().find(|(held, _)| *held == name) {
            Some((_, held)) => *held = value,
            None => self.fields.push((name, value)),
        }
        Ok(())
    }

    /// Returns the JSON of a field that was inserted.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(held, _)| held == name)?;
        Some(value)
    }

    /// Returns an entry with the same fields, and without metas.
    pub(super) fn without_metas(&self) -> Self {
        Self {
            metas: Vec::new(),
            fields: self.fields.clone(),
        }
    }

    /// Takes over the fields of another entry of the key.
    pub(super) fn dress_as(&mut self, other: &Self) {
        self.fields.clone_from(&other.fields);
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let metas = std::iter::once(("metas", None));
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| (name.as_str(), Some(value.get())));
        json::object(out, metas.chain(fields), |out, value| match value {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => json::array(out, self.metas.iter().map(Meta::as_str)),
        });
    }
}

impl Serialize for PresenceEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.fields.len()))?;
        map.serialize_entry("metas", &self.metas)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
