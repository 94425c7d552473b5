//! Joining JSON texts. Encoded metas are copied, and never decoded into a tree.

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text in memory is always written");
}

/// Appends an object of `fields`, each written by `value`.
pub(super) fn object<'a, T>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a str, T)>,
    mut value: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'{');
    for (place, (name, field)) in fields.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        value(out, field);
    }
    out.push(b'}');
}

/// Appends an array of texts that are JSON already.
pub(super) fn array<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (place, text) in texts.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b']');
}
