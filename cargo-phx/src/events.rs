//! Typed events of a channel: checks what the user typed, such as `new_msg:body:string,to:int?`,
//! and derives the names in generated code.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};
use serde::Serialize;

use crate::hint::hinted;
use crate::names::is_keyword;

/// An event that clients send, for the templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    pub(crate) name: String,
    /// The struct of the payload. `None` if the event has no fields, or is binary.
    pub(crate) payload: Option<String>,
    /// Set if the event is one binary message: its only field is `bytes`.
    pub(crate) binary: bool,
    pub(crate) fields: Vec<Field>,
    /// An object that does not fit, as JSON for tests. `None` if every object fits.
    pub(crate) misfit: Option<String>,
}

/// A field of an event's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// The name in code, such as `r#type`.
    pub(crate) ident: String,
    /// The type in code: `String`, `Option<i64>`.
    #[serde(rename = "type")]
    pub(crate) rust_type: String,
    /// The name of the type as the user typed it.
    pub(crate) kind: &'static str,
    pub(crate) optional: bool,
    /// A value for tests, as JSON.
    pub(crate) example: &'static str,
}

/// The types of fields: as typed, in code, an example, and a value of another type.
const TYPES: &[(&str, &str, &str, Option<&str>)] = &[
    ("string", "String", "\"text\"", Some("1")),
    ("int", "i64", "7", Some("\"text\"")),
    ("float", "f64", "1.5", Some("\"text\"")),
    ("bool", "bool", "true", Some("\"text\"")),
    ("json", "Value", "{ \"any\": \"value\" }", None),
    // JSON has no bytes. They are an array of numbers there.
    ("bytes", "Vec<u8>", "[1, 2, 3]", Some("\"text\"")),
];

/// Events that the protocol and presences use.
const RESERVED: &[&str] = &["presence_count", "presence_diff", "presence_state"];

/// Names in a generated channel that a payload's struct would hide.
const TAKEN: &[&str] = &[
    "Box",
    "Bytes",
    "Channel",
    "ChannelError",
    "Deserialize",
    "Err",
    "HandleResult",
    "Info",
    "InfoResult",
    "JoinError",
    "JoinResult",
    "None",
    "Ok",
    "Option",
    "Payload",
    "Result",
    "Self",
    "Serialize",
    "Socket",
    "Some",
    "String",
    "Topic",
    "Value",
    "Vec",
];

/// Checks the events of a channel. `names` are the types that the channel's file names besides.
///
/// # Errors
///
/// Fails if an event cannot be generated. The error's hint says what to type instead.
pub(crate) fn parse(typed: &[String], names: &[String]) -> anyhow::Result<Vec<Event>> {
    let mut seen = HashSet::new();
    let mut events: Vec<Event> = Vec::new();
    for typed in typed {
        let event = parse_event(typed, names)?;
        if !seen.insert(event.name.to_upper_camel_case()) {
            return Err(hinted(
                format!("the event `{}` is given twice", event.name),
                "name each event once",
            ));
        }
        events.push(event);
    }
    Ok(events)
}

fn parse_event(typed: &str, names: &[String]) -> anyhow::Result<Event> {
    let (name, fields) = match typed.split_once(':') {
        Some((name, fields)) => (name, Some(fields)),
        None => (typed, None),
    };
    let refuse = |why: &str, hint: String| {
        Err(hinted(
            format!("`{name}` cannot name an event: {why}"),
            hint,
        ))
    };
    if name.starts_with("phx_") || RESERVED.contains(&name) {
        return refuse(
            "the protocol uses that event itself",
            format!("choose another name, for example `my_{name}`"),
        );
    }
    if !is_snake(name) {
        let rest = fields.map(|fields| format!(":{fields}"));
        return refuse(
            "a name has lower-case ASCII letters, digits and `_`, and starts with a letter",
            format!(
                "type `{}{}`",
                snake(name, "new_msg"),
                rest.unwrap_or_default()
            ),
        );
    }

    let mut seen = HashSet::new();
    let fields = fields.map_or(Ok(Vec::new()), |fields| {
        let fields = fields.split(',').map(|field| parse_field(name, field));
        fields.collect::<anyhow::Result<Vec<_>>>()
    })?;
    if let Some(twice) = fields.iter().find(|field| !seen.insert(&field.name)) {
        return Err(hinted(
            format!("the event `{name}` has the field `{}` twice", twice.name),
            "name each field once",
        ));
    }
    let binary = matches!(&fields[..], [only] if only.kind == "bytes" && !only.optional);
    let camel = name.to_upper_camel_case();
    let taken = TAKEN.contains(&camel.as_str()) || names.contains(&camel);
    let payload = if taken {
        format!("{camel}Payload")
    } else {
        camel
    };
    Ok(Event {
        name: name.to_owned(),
        payload: (!fields.is_empty() && !binary).then_some(payload),
        binary,
        misfit: misfit(&fields),
        fields,
    })
}

fn misfit(fields: &[Field]) -> Option<String> {
    if fields.iter().any(|field| !field.optional) {
        return Some("{}".to_owned());
    }
    fields.iter().find_map(|field| {
        let (.., wrong) = TYPES.iter().find(|(kind, ..)| *kind == field.kind)?;
        Some(format!("{{ \"{}\": {} }}", field.name, (*wrong)?))
    })
}

fn parse_field(event: &str, typed: &str) -> anyhow::Result<Field> {
    let (name, kind) = typed.split_once(':').unwrap_or((typed, ""));
    let refuse = |message: String, field: &str| {
        Err(hinted(
            format!("{message} in the event `{event}`"),
            format!("type a name and a type, such as `{event}:{field}`"),
        ))
    };
    let known: Vec<_> = TYPES.iter().map(|(kind, ..)| *kind).collect();
    let known = known.join(", ");
    let required = kind.trim_end_matches('?');
    let optional = kind.strip_suffix('?') == Some(required);
    let found = TYPES.iter().find(|(kind, ..)| *kind == required);
    let named = snake(name, "body");
    // `r#self` and similar are no identifiers.
    let reserved = ["crate", "self", "super"].contains(&name);
    if name.is_empty() {
        return refuse(format!("`{typed}` has no name"), &format!("{named}:string"));
    }
    if !is_snake(name) || reserved {
        let named = if reserved {
            format!("my_{named}")
        } else {
            named
        };
        let kind = found.map_or("string", |(kind, ..)| kind);
        return refuse(
            format!("`{name}` cannot name a field"),
            &format!("{named}:{kind}"),
        );
    }
    let Some(&(kind, rust_type, example, _)) = found.filter(|_| optional || required == kind)
    else {
        let message = if kind.is_empty() {
            format!("the field `{name}` has no type")
        } else {
            format!("`{kind}` is no type of a field ({known}; `?` at the end makes it optional)")
        };
        return refuse(message, &format!("{name}:string"));
    };
    Ok(Field {
        ident: if is_keyword(name) {
            format!("r#{name}")
        } else {
            name.to_owned()
        },
        name: name.to_owned(),
        rust_type: if optional {
            format!("Option<{rust_type}>")
        } else {
            rust_type.to_owned()
        },
        kind,
        optional,
        example,
    })
}

/// Returns whether `name` is an identifier in snake_case that stays the same in all names made of
/// it.
fn is_snake(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.is_ascii()
        && name == name.to_snake_case()
}

/// Returns the identifier nearest to `name`, or `fallback` if nothing of it can be kept.
fn snake(name: &str, fallback: &str) -> String {
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect();
    let snake = ascii.to_snake_case();
    if is_snake(&snake) {
        snake
    } else {
        fallback.to_owned()
    }
}

#[cfg(test)]
mod tests;
