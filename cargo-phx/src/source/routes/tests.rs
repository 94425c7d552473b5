use super::*;
use crate::source::testing::{edited, outcome};

fn route(channel: &str, snake: &str) -> NewRoute {
    NewRoute {
        channel: format!("{channel}Channel"),
        pattern: format!("{snake}:*"),
        import: format!("super::{snake}_channel::{channel}Channel"),
    }
}

#[track_caller]
fn routed(text: &str, channel: &str, snake: &str) -> String {
    edited(text, |source| {
        add(source, "UserSocket", &route(channel, snake))
    })
}

const FRESH: &str = "\
use presence_channels::{Params, Routes};

use crate::application::AppState;

pub struct UserSocket;

impl presence_channels::UserSocket for UserSocket {
    type State = AppState;

    /// Routes each topic to its channel.
    fn channels(_routes: &mut Routes<Self>) {}
}
";

#[test]
fn the_first_route_opens_the_function() {
    let expected = "\
use presence_channels::{Params, Routes};

use crate::application::AppState;

use super::room_channel::RoomChannel;
";
    let text = routed(FRESH, "Room", "room");
    let body = "    fn channels(routes: &mut Routes<Self>) {
        routes.channel::<RoomChannel>(\"room:*\");
    }
}
";
    assert!(text.ends_with(body), "{text}");
    assert!(
        text.starts_with(expected) || text.contains("use super::room_channel::RoomChannel;\n"),
        "{text}"
    );
}

#[test]
fn further_routes_follow_and_comments_stay() {
    let text = routed(FRESH, "Room", "room").replace(
        "        routes.channel",
        "        // Rooms.\n        routes.channel",
    );
    let text = routed(&text, "Chat", "chat");
    let body = "    fn channels(routes: &mut Routes<Self>) {
        // Rooms.
        routes.channel::<RoomChannel>(\"room:*\");
        routes.channel::<ChatChannel>(\"chat:*\");
    }
}
";
    assert!(text.ends_with(body), "{text}");
    assert!(text.contains(
        "use super::chat_channel::ChatChannel;\nuse super::room_channel::RoomChannel;\n"
    ));
    let source = Source::parse(std::path::Path::new("a.rs"), &text).unwrap();
    let routes = channels(&source, "UserSocket");
    let routes: Vec<_> = routes
        .iter()
        .map(|route| (&*route.channel, &*route.pattern))
        .collect();
    assert_eq!(
        routes,
        [("RoomChannel", "room:*"), ("ChatChannel", "chat:*")]
    );
}

#[test]
fn a_body_of_one_line_or_of_a_comment_is_kept() {
    let one_line = FRESH.replace(
        "(_routes: &mut Routes<Self>) {}",
        "(r: &mut Routes<Self>) { r.a(); }",
    );
    let text = routed(&one_line, "Room", "room");
    assert!(
        text.contains("{\n        r.a();\n        r.channel::<RoomChannel>(\"room:*\");\n    }\n"),
        "{text}"
    );

    let comment = FRESH.replace("{}\n}", "{\n        // None yet.\n    }\n}");
    let text = routed(&comment, "Room", "room");
    assert!(
        text.contains("// None yet.\n        routes.channel::<RoomChannel>(\"room:*\");\n    }\n"),
        "{text}"
    );
}

#[test]
fn the_sockets_of_a_file_are_found() {
    let source = Source::parse(std::path::Path::new("a.rs"), FRESH).unwrap();
    assert_eq!(sockets(&source), ["UserSocket"]);
}

#[test]
fn another_shape_is_left_to_the_user() {
    let add = |source: &Source| add(source, "UserSocket", &route("Room", "room"));
    for text in [
        "pub struct UserSocket;\n",
        "impl presence_channels::UserSocket for UserSocket {}\n",
        "impl presence_channels::UserSocket for Other { fn channels(r: &mut Routes<Self>) {} }\n",
        "impl presence_channels::UserSocket for UserSocket { fn channels(_: &mut Routes<Self>) {} }\n",
    ] {
        assert_eq!(outcome(text, add), Outcome::Unknown, "{text}");
    }
}
