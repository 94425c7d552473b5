//! Names: checks what the user typed, and derives the names in generated code.

use std::fmt;

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
    pub(crate) fn word(self) -> &'static str {
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

/// A checked name such as `Room` or `Admin.Room`: UpperCamelCase, ASCII, and no Rust keyword in
/// what is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    component: Component,
    /// The modules above the generated one, as the user typed them: `Admin` of `Admin.Room`.
    namespace: Vec<String>,
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
/// The module of the helper for tests, beside the channels.
pub(crate) const TEST_SUPPORT: &str = "test_support";

impl Name {
    /// Checks a typed name.
    ///
    /// # Errors
    ///
    /// Fails if the name cannot be used. The error's hint says what to type instead.
    pub(crate) fn parse(component: Component, typed: &str) -> anyhow::Result<Name> {
        Name::check(component, typed).map_err(|why| {
            let word = component.word();
            let command = format!("type `cargo phx gen {word} {}`", suggest(component, typed));
            let hint = match why {
                Refusal::Digit => format!("a name starts with a capital letter: {command}"),
                Refusal::Keyword(_) => format!("choose another name: {command}"),
                _ => command,
            };
            hinted(format!("`{typed}` cannot name a {word}: {why}"), hint)
        })
    }

    fn check(component: Component, typed: &str) -> Result<Name, Refusal> {
        if typed.is_empty() {
            return Err(Refusal::Empty);
        }
        let mut segments: Vec<&str> = segments(typed).collect();
        if segments.len() > 1 && component != Component::Channel {
            return Err(Refusal::Nested);
        }
        let last = segments.pop().unwrap_or_default();
        let name = Name {
            component,
            namespace: segments.iter().map(ToString::to_string).collect(),
            camel: last.to_owned(),
        };
        for segment in segments.iter().chain([&last]) {
            check_segment(segment)?;
        }
        let short = last.strip_suffix(component.suffix());
        if short.is_some_and(|short| short != last) {
            return Err(Refusal::Suffix(component.suffix()));
        }
        // The names in generated code decide: `Match` is fine for `MatchChannel`.
        let made = name.modules().into_iter().chain([name.type_name()]);
        if let Some(keyword) = made.into_iter().find(|made| is_keyword(made)) {
            return Err(Refusal::Keyword(keyword));
        }
        if name.modules().iter().any(|module| module == TEST_SUPPORT) {
            return Err(Refusal::Taken("the helper for tests"));
        }
        let taken = TAKEN_BY_IMPORTS.contains(&last)
            || TAKEN_BY_PRELUDE.contains(&last)
            || TAKEN_BY_VARIABLES.contains(&last.to_snake_case().as_str());
        if component == Component::Presence && taken {
            return Err(Refusal::Taken("application.rs"));
        }
        Ok(name)
    }

    /// Returns the generated type: `RoomChannel`, `UserSocket`, `Presence`.
    pub(crate) fn type_name(&self) -> String {
        format!("{}{}", self.camel, self.component.suffix())
    }

    /// Returns the module of that type: `room_channel`, `user_socket`, `presence`.
    pub(crate) fn module(&self) -> String {
        self.type_name().to_snake_case()
    }

    /// Returns the modules below `channels`, the outermost first: `admin`, `room_channel`.
    pub(crate) fn modules(&self) -> Vec<String> {
        let above = self.namespace.iter().map(|name| name.to_snake_case());
        above.chain([self.module()]).collect()
    }

    /// Returns the file of the type below the source folder: `channels/admin/room_channel.rs`.
    pub(crate) fn file(&self) -> String {
        format!("channels/{}.rs", self.modules().join("/"))
    }

    /// Returns the module from the crate root: `channels::admin::room_channel`.
    pub(crate) fn module_path(&self) -> String {
        format!("channels::{}", self.modules().join("::"))
    }

    /// Returns the path of the type from within its crate.
    pub(crate) fn import(&self) -> String {
        format!("crate::{}::{}", self.module_path(), self.type_name())
    }

    /// Returns the name in snake_case without its namespace and suffix, as in the topic `room:*`.
    pub(crate) fn snake(&self) -> String {
        self.camel.to_snake_case()
    }

    /// Returns the name as the user typed it, with dots.
    pub(crate) fn typed(&self) -> String {
        let above = self.namespace.iter().map(|name| format!("{name}."));
        above.chain([self.camel.clone()]).collect()
    }
}

/// The reason that a name cannot be used.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Empty,
    Digit,
    Keyword(String),
    Nested,
    NotAscii,
    NotCamel,
    Suffix(&'static str),
    /// The code there uses a name that is made of this one.
    Taken(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("it is empty"),
            Refusal::Digit => f.write_str("it starts with a digit"),
            Refusal::Keyword(made) => write!(f, "`{made}` is a Rust keyword"),
            Refusal::Nested => f.write_str("only a channel's name has a `.` or `::`"),
            Refusal::NotAscii => f.write_str("a name has only ASCII letters and digits"),
            Refusal::NotCamel => f.write_str("a name is written like a Rust type"),
            Refusal::Suffix(suffix) => write!(f, "the generator adds `{suffix}` to it"),
            Refusal::Taken(place) => write!(f, "{place} uses that name already"),
        }
    }
}

/// Returns the parts of a nested name, which is written as in Elixir or as in Rust.
fn segments(typed: &str) -> impl Iterator<Item = &str> {
    typed.split("::").flat_map(|part| part.split('.'))
}

fn check_segment(segment: &str) -> Result<(), Refusal> {
    if segment.is_empty() {
        return Err(Refusal::NotCamel);
    }
    if segment.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(Refusal::Digit);
    }
    if !segment.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Refusal::NotAscii);
    }
    if segment != camel(segment) {
        return Err(Refusal::NotCamel);
    }
    Ok(())
}

/// Returns the valid name nearest to `typed`, or `Room` if nothing of it can be kept.
fn suggest(component: Component, typed: &str) -> String {
    let nested = component == Component::Channel;
    let mut segments: Vec<String> = if nested {
        segments(typed).map(camel).collect()
    } else {
        vec![camel(typed)]
    };
    segments.retain(|segment| segment.starts_with(|first: char| first.is_ascii_uppercase()));
    if let Some(last) = segments.last_mut() {
        let short = last.strip_suffix(component.suffix()).unwrap_or(last);
        if short.is_empty() {
            segments.pop();
        } else {
            *last = short.to_owned();
        }
    }
    if segments.is_empty() {
        return "Room".to_owned();
    }
    // A keyword and a name that is taken get one more word.
    let mine = segments.iter().map(|segment| {
        let keyword = is_keyword(&segment.to_snake_case());
        format!("{}{segment}", if keyword { "My" } else { "" })
    });
    let mine = mine.collect::<Vec<_>>().join(".");
    let plain = segments.join(".");
    [
        plain.clone(),
        mine,
        format!("{plain}Presence"),
        format!("My{plain}"),
    ]
    .into_iter()
    .find(|candidate| Name::check(component, candidate).is_ok())
    .unwrap_or_else(|| "Room".to_owned())
}

/// Returns the words of `text` in UpperCamelCase. Only ASCII letters and digits are kept.
fn camel(text: &str) -> String {
    let ascii: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    // Twice: `a.b` gives `AB` first, which as one word is `Ab`.
    ascii.to_upper_camel_case().to_upper_camel_case()
}

pub(crate) fn is_keyword(text: &str) -> bool {
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
