//! Names: checks what the user typed, and derives the names in generated code.

use heck::{ToSnakeCase, ToTitleCase, ToUpperCamelCase};

use crate::hint::hinted;

/// The component that a name is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Component {
    Channel,
    Presence,
    Socket,
}

impl Component {
    /// Returns the word in `cargo phx gen <word>`.
    fn word(self) -> &'static str {
        match self {
            Component::Channel => "channel",
            Component::Presence => "presence",
            Component::Socket => "socket",
        }
    }

    /// Returns the suffix that the generator adds to the name.
    fn suffix(self) -> &'static str {
        match self {
            Component::Channel => "Channel",
            Component::Presence => "",
            Component::Socket => "Socket",
        }
    }
}

/// A checked name such as `Room`: UpperCamelCase, ASCII, not a Rust keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    component: Component,
    camel: String,
}

/// Names that `application.rs` imports. A presence is imported there too, by its bare name.
const TAKEN_BY_IMPORTS: &[&str] = &["AppState", "Config", "Endpoint", "PubSub", "Tracker"];
/// Names of the standard prelude that an imported presence would hide in `application.rs`.
const TAKEN_BY_PRELUDE: &[&str] = &[
    "Box", "Clone", "Copy", "Default", "Drop", "Eq", "Err", "Fn", "FnMut", "FnOnce", "Future",
    "Iterator", "None", "Ok", "Option", "Ord", "Result", "Send", "Some", "String", "Sync", "Vec",
];
/// Variables of `application::start` that the variable of a presence would shadow.
const TAKEN_BY_VARIABLES: &[&str] = &["config", "endpoint", "pubsub", "state"];

impl Name {
    /// Checks a typed name.
    ///
    /// # Errors
    ///
    /// Fails if the name cannot be used. The error's hint says what to type instead.
    pub(crate) fn parse(component: Component, typed: &str) -> anyhow::Result<Name> {
        let command = |name: &str| format!("type `cargo phx gen {} {name}`", component.word());
        let refuse = |why: &str, hint: String| {
            let message = format!("`{typed}` cannot name a {}: {why}", component.word());
            Err(hinted(message, hint))
        };
        let suggestion = suggest(typed);

        if typed.is_empty() {
            return refuse("it is empty", command("Room"));
        }
        if typed.starts_with(|first: char| first.is_ascii_digit()) {
            return refuse(
                "it starts with a digit",
                format!("a name starts with a capital letter: {}", command("Room")),
            );
        }
        if is_keyword(typed) || is_keyword(&typed.to_snake_case()) {
            return refuse(
                "it is a Rust keyword",
                format!(
                    "choose another name: {}",
                    command(&format!("My{suggestion}"))
                ),
            );
        }
        if typed.contains('.') || typed.contains("::") {
            return refuse("a name has no `.` and no `::`", command(&suggestion));
        }
        if !typed.chars().all(|c| c.is_ascii_alphanumeric()) {
            return refuse(
                "a name has only ASCII letters and digits",
                command(&suggestion),
            );
        }
        if typed != suggestion {
            return refuse("a name is written like a Rust type", command(&suggestion));
        }
        if let Some(short) = typed.strip_suffix(component.suffix())
            && short != typed
        {
            let why = format!("the generator adds `{}` to it", component.suffix());
            let short = if short.is_empty() { "Room" } else { short };
            return refuse(&why, command(short));
        }
        if component == Component::Presence {
            let taken = TAKEN_BY_IMPORTS.contains(&typed)
                || TAKEN_BY_PRELUDE.contains(&typed)
                || TAKEN_BY_VARIABLES.contains(&typed.to_snake_case().as_str());
            if taken {
                return refuse(
                    "application.rs uses that name already",
                    command(&format!("{typed}Presence")),
                );
            }
        }
        Ok(Name {
            component,
            camel: typed.to_owned(),
        })
    }

    /// Returns the generated type: `RoomChannel`, `UserSocket`, `Presence`.
    pub(crate) fn type_name(&self) -> String {
        format!("{}{}", self.camel, self.component.suffix())
    }

    /// Returns the module of that type: `room_channel`, `user_socket`, `presence`.
    pub(crate) fn module(&self) -> String {
        self.type_name().to_snake_case()
    }

    /// Returns the name in snake_case without a suffix, as in the topic `room:*`.
    pub(crate) fn snake(&self) -> String {
        self.camel.to_snake_case()
    }

    /// Returns the name as the user typed it.
    pub(crate) fn typed(&self) -> &str {
        &self.camel
    }
}

/// Returns the valid name nearest to `typed`, or `Room` if nothing of it can be kept.
fn suggest(typed: &str) -> String {
    let ascii: String = typed
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    // Twice: `a.b` gives `AB` first, which as one word is `Ab`.
    let camel = ascii.to_upper_camel_case().to_upper_camel_case();
    if camel.starts_with(|first: char| first.is_ascii_uppercase()) {
        camel
    } else {
        "Room".to_owned()
    }
}

fn is_keyword(text: &str) -> bool {
    let looks_like_one = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    // `gen` is a keyword since edition 2024, later than syn's list.
    looks_like_one && (text == "gen" || syn::parse_str::<syn::Ident>(text).is_err())
}

/// The name of an app for `cargo phx new`, which is also the name of its package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppName(String);

/// Packages that a new app depends on. Cargo cannot tell an app of the same name from them.
const DEPENDENCIES: &[&str] = &[
    "anyhow",
    "axum",
    "presence-channels",
    "serde-json",
    "tokio",
    "tower-http",
    "tracing",
    "tracing-subscriber",
];

impl AppName {
    /// Checks a typed name.
    ///
    /// # Errors
    ///
    /// Fails if the name cannot be used. The error's hint says what to type instead.
    pub(crate) fn parse(typed: &str) -> anyhow::Result<AppName> {
        let refuse = |why: &str| {
            Err(hinted(
                format!("`{typed}` cannot name an app: {why}"),
                "a name has lower-case letters, digits, `_` and `-`, and starts with a letter: \
                 type `cargo phx new hello`",
            ))
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if !typed.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse("it does not start with a lower-case letter");
        }
        if let Some(wrong) = typed.chars().find(|c| !allowed(*c)) {
            return refuse(&format!("it contains `{wrong}`"));
        }
        let name = AppName(typed.to_owned());
        if is_keyword(&name.crate_name()) {
            return refuse("it is a Rust keyword");
        }
        let taken = ["alloc", "core", "proc_macro", "std", "test"];
        if taken.contains(&name.crate_name().as_str()) {
            return refuse("Rust has a crate of that name");
        }
        if DEPENDENCIES.contains(&typed.replace('_', "-").as_str()) {
            return refuse("the app depends on a package of that name");
        }
        Ok(name)
    }

    pub(crate) fn package(&self) -> &str {
        &self.0
    }

    /// Returns the name as an identifier in code.
    pub(crate) fn crate_name(&self) -> String {
        self.0.replace('-', "_")
    }

    /// Returns the name as a title, for people.
    pub(crate) fn title(&self) -> String {
        self.0.to_title_case()
    }
}

#[cfg(test)]
mod tests;
