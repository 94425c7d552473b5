//! The way of a function with the error of `application::start`, an `anyhow::Error`.

use syn::{Item, ReturnType};

use super::find::{Found, Level};
use crate::source::{Source, imports};

/// Returns the end of a statement that unwraps a `Result<_, anyhow::Error>`: `?` where the function
/// returns a `Result` that takes the error, else a call of `expect`.
pub(super) fn unwrap(source: &Source, found: &Found) -> String {
    let function = found.scope.iter().rev().find_map(|level| match level {
        Level::Function(signature, _) => Some(Some(*signature)),
        // The error type of a block or a closure is nowhere in the text.
        Level::Async | Level::Closure => Some(None),
        _ => None,
    });
    let question = function.flatten().and_then(|signature| {
        let ReturnType::Type(_, ty) = &signature.output else {
            return None;
        };
        let ty: String = source.slice(&**ty).split_whitespace().collect();
        question(source, &ty)
    });
    question.unwrap_or_else(|| ".expect(\"the application starts\")".to_owned())
}

/// Returns `?`, with a conversion of the error if the type needs one.
///
/// Returns `None` if the type is no `Result`, or its error cannot be made of an `anyhow::Error`.
fn question(source: &Source, ty: &str) -> Option<String> {
    let (name, arguments) = ty.split_once('<').unwrap_or((ty, ""));
    let arguments = arguments.strip_suffix('>').unwrap_or(arguments);
    if name.rsplit("::").next() != Some("Result") {
        return None;
    }
    let (crate_name, error) = match error_argument(arguments) {
        Some(error) => (String::new(), error),
        None => alias(source, name)?,
    };
    let imported = |name: &str| {
        let paths = imports::paths(source);
        let found = paths
            .into_iter()
            .find(|path| path.last().is_some_and(|last| last == name));
        found.map(|path| path.join("::"))
    };
    let full = if crate_name.is_empty() && !error.contains("::") && !error.contains('<') {
        imported(&error).unwrap_or(error)
    } else {
        error
    };
    let is = |name: &str| crate_name == name || full.starts_with(&format!("{name}::"));
    let takes_any = is("anyhow") || full.starts_with("Box<dyn") || full.ends_with("BoxError");
    if takes_any || converts(source, &full) {
        return Some("?".to_owned());
    }
    for report in ["color_eyre::eyre", "color_eyre", "eyre", "miette"] {
        if is(report) {
            let report = if report == "color_eyre" {
                "color_eyre::eyre"
            } else {
                report
            };
            return Some(format!(".map_err({report}::Report::msg)?"));
        }
    }
    match &*full {
        "std::io::Error" | "io::Error" | "tokio::io::Error" => {
            Some(".map_err(std::io::Error::other)?".to_owned())
        }
        "String" => Some(".map_err(|error| format!(\"{error:#}\"))?".to_owned()),
        _ => None,
    }
}

/// Returns the second argument of a `Result<_, _>`.
fn error_argument(arguments: &str) -> Option<String> {
    let mut depth = 0;
    for (index, letter) in arguments.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                let error = arguments[index + 1..].trim_end_matches(',');
                return (!error.is_empty()).then(|| error.to_owned());
            }
            _ => {}
        }
    }
    None
}

/// Returns the error type of a `Result` with one argument, as the crate that has the `Result` and
/// the type: `anyhow::Result`, `std::io::Result`, or an alias of the file.
fn alias(source: &Source, name: &str) -> Option<(String, String)> {
    let path = if name.contains("::") {
        name.to_owned()
    } else {
        let own = source.file.items.iter().find_map(|item| match item {
            Item::Type(item) if item.ident == name => {
                let ty: String = source.slice(&*item.ty).split_whitespace().collect();
                let (_, arguments) = ty.split_once('<')?;
                error_argument(arguments.strip_suffix('>')?)
            }
            _ => None,
        });
        if let Some(mut error) = own {
            // The default of a parameter: `type Result<T, E = Error> = ...`.
            if error.len() == 1 {
                let item = source.file.items.iter().find_map(|item| match item {
                    Item::Type(item) if item.ident == name => Some(item),
                    _ => None,
                })?;
                let generics: String = source.slice(&item.generics).split_whitespace().collect();
                let (_, default) = generics.split_once(&format!("{error}="))?;
                error = default.strip_suffix('>')?.to_owned();
            }
            return Some((String::new(), error));
        }
        let imported = imports::paths(source);
        imported
            .iter()
            .find(|path| path.last().is_some_and(|last| last == name))?
            .join("::")
    };
    let crate_name = path.split("::").next()?.to_owned();
    let error = path.strip_suffix("Result")?.to_owned() + "Error";
    Some((crate_name, error))
}

/// Returns whether the file converts an `anyhow::Error` to the type.
fn converts(source: &Source, error: &str) -> bool {
    let text: String = source.text().split_whitespace().collect();
    let name = error.rsplit("::").next().unwrap_or(error);
    [
        format!("From<anyhow::Error>for{name}"),
        format!("impl<E>From<E>for{name}whereE:Into<anyhow::Error>"),
    ]
    .iter()
    .any(|found| text.contains(found))
        || source.file.items.iter().any(|item| match item {
            Item::Enum(item) if item.ident == name => {
                let text: String = source.slice(item).split_whitespace().collect();
                text.contains("#[from]anyhow::Error")
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests;
