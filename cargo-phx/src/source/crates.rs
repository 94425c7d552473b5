//! The names of crates in generated code: a project may have renamed a dependency.

/// Replaces the crate `package` by `name` in code that is written for the package's own name.
///
/// A name is replaced where a path begins with it: `serde_json::json!`, and `use anyhow::Context`.
pub(crate) fn rename(text: &str, package: &str, name: &str) -> String {
    let package = package.replace('-', "_");
    if package == name || !text.contains(&package) {
        return text.to_owned();
    }
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(&package) {
        let (before, after) = (&rest[..found], &rest[found + package.len()..]);
        let own_word = match before.chars().next_back() {
            Some(':') => starts_path(before),
            Some(last) => !is_word(last),
            None => result.chars().next_back().is_none_or(|last| !is_word(last)),
        };
        result.push_str(before);
        if own_word && after.starts_with("::") {
            // `use json::json` would look for the crate in what it imports.
            if result.ends_with("use ") {
                result.push_str("::");
            }
            result.push_str(name);
        } else {
            result.push_str(&package);
        }
        rest = after;
    }
    result.push_str(rest);
    if package == "tokio" {
        // The attribute names the crate in the code that it writes.
        let attribute = format!("#[{name}::test]");
        result = result.replace(&attribute, &format!("#[{name}::test(crate = \"{name}\")]"));
    }
    result
}

/// Returns whether the `::` at the end of the code begins a path: `::serde_json::Value`.
fn starts_path(code: &str) -> bool {
    let Some(code) = code.strip_suffix("::") else {
        return true;
    };
    let last = code.chars().next_back();
    last.is_none_or(|last| !last.is_alphanumeric() && last != '_' && last != '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_crate_is_named_where_paths_begin() {
        let code = "use serde_json::json;\nlet a: ::serde_json::Value = my_serde_json::x();\n\
                    crate::serde_json::y(serde_json_x, \"serde_json\");\n";
        let expected = "use ::json::json;\nlet a: ::json::Value = my_serde_json::x();\n\
                        crate::serde_json::y(serde_json_x, \"serde_json\");\n";
        assert_eq!(rename(code, "serde_json", "json"), expected);
        assert_eq!(rename(code, "serde_json", "serde_json"), code);
        assert_eq!(
            rename("presence_channels::serve()", "presence-channels", "live"),
            "live::serve()"
        );
    }

    #[test]
    fn an_attribute_of_tokio_names_the_crate() {
        let code = "#[tokio::test]\nasync fn a() {}\n";
        let expected = "#[rt::test(crate = \"rt\")]\nasync fn a() {}\n";
        assert_eq!(rename(code, "tokio", "rt"), expected);
        assert_eq!(rename(code, "tokio", "tokio"), code);
    }
}
