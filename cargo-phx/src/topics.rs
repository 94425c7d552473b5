//! The topics of a channel: a whole topic, or the beginning of topics and `*`.

use crate::hint::hinted;
use crate::names::Name;

/// A checked pattern, such as `room:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topics(String);

/// The beginnings of topics that nodes and clients use themselves.
const RESERVED: &[&str] = &["phoenix", "phx:", "phx_presence:"];

impl Topics {
    /// Returns the pattern that a channel's name stands for: `room:*` for `Room`.
    pub(crate) fn of(name: &Name) -> Topics {
        Topics(format!("{}:*", name.snake()))
    }

    /// Checks a typed pattern.
    ///
    /// # Errors
    ///
    /// Fails if no route has this pattern. The error's hint says what to type instead.
    pub(crate) fn parse(typed: &str) -> anyhow::Result<Topics> {
        let refuse = |why: &str| {
            Err(hinted(
                format!("`{typed}` is no pattern of topics: {why}"),
                "type a whole topic, or the beginning of topics and `*`: --topic 'chat:*'",
            ))
        };
        if typed.is_empty() {
            return refuse("it is empty");
        }
        if typed.trim_end_matches('*').contains('*') || typed.ends_with("**") {
            return refuse("`*` stands at the end, once");
        }
        let plain = |c: char| !(c.is_whitespace() || c.is_control() || "\"\\`'".contains(c));
        if !typed.chars().all(plain) {
            return refuse("it has a blank, a quote or a backslash");
        }
        if RESERVED.iter().any(|reserved| typed.starts_with(reserved)) {
            return refuse("the protocol uses those topics itself");
        }
        Ok(Topics(typed.to_owned()))
    }

    pub(crate) fn pattern(&self) -> &str {
        &self.0
    }

    /// Returns the word before the pattern in a text.
    pub(crate) fn noun(&self) -> &'static str {
        if self.0.ends_with('*') {
            "topics"
        } else {
            "topic"
        }
    }

    /// Returns one of the topics, for tests.
    pub(crate) fn example(&self) -> String {
        self.0.replace('*', "lobby")
    }

    /// Returns whether `pattern` matches all of these topics, so that none is left for a route
    /// after it.
    pub(crate) fn are_within(&self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(beginning) => self.0.starts_with(beginning),
            None => self.0 == pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_topic_or_a_beginning() {
        for typed in ["chat:*", "system", "a:b:*", "*", "grüße:*"] {
            assert_eq!(Topics::parse(typed).unwrap().pattern(), typed);
        }
        for typed in [
            "",
            "a*b",
            "a**",
            "**",
            "a b",
            "a\"b",
            "phx_presence:*",
            "phoenix",
            "a\n",
        ] {
            assert!(Topics::parse(typed).is_err(), "{typed} is accepted");
        }
        assert_eq!(Topics::parse("chat:*").unwrap().example(), "chat:lobby");
        assert_eq!(Topics::parse("system").unwrap().example(), "system");
    }

    #[test]
    fn the_first_route_that_matches_takes_all() {
        let within = |topics: &str, pattern| Topics::parse(topics).unwrap().are_within(pattern);
        assert!(within("room:*", "room:*"));
        assert!(within("room:lobby", "room:*"));
        assert!(within("room:*", "*"));
        assert!(!within("room:*", "room:lobby"));
        assert!(!within("*", "room:*"));
        assert!(!within("rooms", "room"));
    }
}
