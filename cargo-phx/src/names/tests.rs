use proptest::prelude::*;

use super::*;

/// Returns the message and the hint of a rejected name.
fn refused(component: Component, typed: &str) -> (String, String) {
    let error = Name::parse(component, typed).expect_err("the name is refused");
    let hint = error
        .downcast_ref::<crate::hint::Hinted>()
        .expect("a hint")
        .hint();
    (error.to_string(), hint.to_owned())
}

#[test]
fn a_name_gives_type_module_and_topic() {
    let room = Name::parse(Component::Channel, "Room").unwrap();
    assert_eq!(room.type_name(), "RoomChannel");
    assert_eq!(room.module(), "room_channel");
    assert_eq!(room.snake(), "room");

    let chat = Name::parse(Component::Socket, "ChatRoom2").unwrap();
    assert_eq!(chat.type_name(), "ChatRoom2Socket");
    assert_eq!(chat.module(), "chat_room2_socket");

    let presence = Name::parse(Component::Presence, "Presence").unwrap();
    assert_eq!(presence.type_name(), "Presence");
    assert_eq!(presence.module(), "presence");
}

#[test]
fn lower_case_is_refused_with_the_command_to_type() {
    let (message, hint) = refused(Component::Channel, "room");
    assert_eq!(
        message,
        "`room` cannot name a channel: a name is written like a Rust type"
    );
    assert_eq!(hint, "type `cargo phx gen channel Room`");
}

#[test]
fn what_cannot_be_a_type_is_refused() {
    for (typed, why, hint) in [
        ("9x", "starts with a digit", "gen presence Room"),
        ("", "empty", "gen presence Room"),
        ("Self", "`self` is a Rust keyword", "gen presence MySelf"),
        ("Type", "`type` is a Rust keyword", "gen presence MyType"),
        ("type", "like a Rust type", "gen presence MyType"),
        ("Gen", "`gen` is a Rust keyword", "gen presence MyGen"),
        (
            "Admin.Room",
            "only a channel's name",
            "gen presence AdminRoom",
        ),
        (
            "Admin::Room",
            "only a channel's name",
            "gen presence AdminRoom",
        ),
        ("chat-room", "only ASCII", "gen presence ChatRoom"),
        ("Room!", "only ASCII", "gen presence Room"),
        ("Zürich", "only ASCII", "gen presence ZRich"),
        ("../Room", "only a channel's name", "gen presence Room"),
        ("Chat_Room", "only ASCII", "gen presence ChatRoom"),
        ("HTTPRoom", "like a Rust type", "gen presence HttpRoom"),
        ("Tracker", "uses that name", "gen presence TrackerPresence"),
        ("State", "uses that name", "gen presence StatePresence"),
        ("Option", "uses that name", "gen presence OptionPresence"),
        (
            "TestSupport",
            "uses that name",
            "gen presence TestSupportPresence",
        ),
    ] {
        let (message, said) = refused(Component::Presence, typed);
        assert!(message.contains(why), "{typed}: {message}");
        assert!(
            said.contains(&format!("`cargo phx {hint}`")),
            "{typed}: {said}"
        );
    }
}

/// `MatchChannel` in `match_channel.rs` is no keyword.
#[test]
fn what_is_made_of_a_name_may_be_no_keyword() {
    for typed in [
        "Match", "Type", "Box", "Move", "Loop", "Ref", "Trait", "Mod", "Use", "Do", "Final",
        "Virtual", "Try", "Gen", "Self", "Super", "Crate", "Dyn", "Async", "Option", "Tracker",
    ] {
        let name = Name::parse(Component::Channel, typed).unwrap();
        assert_eq!(name.type_name(), format!("{typed}Channel"));
        assert_eq!(name.module(), format!("{}_channel", typed.to_lowercase()));
        assert!(Name::parse(Component::Socket, typed).is_ok(), "{typed}");
    }
    for (typed, keyword, hint) in [
        ("Mod.Room", "mod", "gen channel MyMod.Room"),
        ("Admin.Use.Room", "use", "gen channel Admin.MyUse.Room"),
    ] {
        let (message, said) = refused(Component::Channel, typed);
        assert!(
            message.ends_with(&format!("`{keyword}` is a Rust keyword")),
            "{message}"
        );
        assert!(said.contains(&format!("`cargo phx {hint}`")), "{said}");
    }
}

#[test]
fn a_nested_name_gives_nested_modules() {
    for typed in ["Admin.Room", "Admin::Room"] {
        let name = Name::parse(Component::Channel, typed).unwrap();
        assert_eq!(name.type_name(), "RoomChannel");
        assert_eq!(name.file(), "channels/admin/room_channel.rs");
        assert_eq!(
            name.import(),
            "crate::channels::admin::room_channel::RoomChannel"
        );
        assert_eq!(name.snake(), "room");
        assert_eq!(name.typed(), "Admin.Room");
    }
    let name = Name::parse(Component::Channel, "BackOffice.Sales.LiveDesk").unwrap();
    assert_eq!(
        name.file(),
        "channels/back_office/sales/live_desk_channel.rs"
    );

    for (typed, hint) in [
        ("admin.room", "gen channel Admin.Room"),
        ("Admin..Room", "gen channel Admin.Room"),
        ("Admin.", "gen channel Admin"),
        ("Admin.RoomChannel", "gen channel Admin.Room"),
        ("TestSupport.Room", "gen channel MyTestSupport.Room"),
        ("Ädmin.Room", "gen channel Dmin.Room"),
    ] {
        let (_, said) = refused(Component::Channel, typed);
        assert!(said.contains(&format!("`cargo phx {hint}`")), "{said}");
    }
}

#[test]
fn a_suffix_that_is_added_is_not_typed() {
    let (message, hint) = refused(Component::Channel, "RoomChannel");
    assert!(message.contains("adds `Channel` to it"), "{message}");
    assert_eq!(hint, "type `cargo phx gen channel Room`");
    assert_eq!(
        refused(Component::Socket, "UserSocket").1,
        "type `cargo phx gen socket User`"
    );
    assert_eq!(
        refused(Component::Socket, "Socket").1,
        "type `cargo phx gen socket Room`"
    );
}

/// A user who types the suggested name succeeds.
#[test]
fn suggestions_are_valid_names() {
    for component in [Component::Channel, Component::Presence, Component::Socket] {
        for typed in [
            "room",
            "9x",
            "Self",
            "type",
            "a.b",
            "é",
            "chat room",
            "RoomChannel",
            "Tracker",
            "x",
            "Result",
            "--",
            "UserSocket",
            "fn",
            "Match",
            "mod.room",
            "a.b.c",
            "Admin.RoomChannel",
            "Admin.Channel",
            "TestSupport",
            "TestSupport.Room",
            "::",
        ] {
            let Err(error) = Name::parse(component, typed) else {
                continue;
            };
            let hint = error.downcast_ref::<crate::hint::Hinted>().unwrap().hint();
            let command = hint.rsplit('`').nth(1).unwrap();
            let suggested = command.rsplit(' ').next().unwrap();
            Name::parse(component, suggested)
                .unwrap_or_else(|error| panic!("{typed} -> {suggested}: {error}"));
        }
    }
}

#[test]
fn app_names_are_package_names() {
    let hello = AppName::parse("hello-world2").unwrap();
    assert_eq!(hello.package(), "hello-world2");
    assert_eq!(hello.crate_name(), "hello_world2");
    assert_eq!(hello.title(), "Hello World2");

    for typed in [
        "",
        "9x",
        "Hello",
        "_x",
        "hello world",
        "hello.rs",
        "fn",
        "gen",
        "test",
        "std",
        "tokio",
        "presence_channels",
        "é",
    ] {
        assert!(AppName::parse(typed).is_err(), "{typed} is accepted");
    }
}

proptest! {
    /// No typed name breaks the check, and every accepted one can be written into code.
    #[test]
    fn accepted_names_are_identifiers(typed in "\\PC{0,12}|[A-Z][a-z0-9]{0,5}((\\.|::)?[A-Z][a-z0-9]{0,4}){0,3}") {
        for component in [Component::Channel, Component::Presence, Component::Socket] {
            if let Ok(name) = Name::parse(component, &typed) {
                prop_assert!(syn::parse_str::<syn::Ident>(&name.type_name()).is_ok());
                for module in name.modules() {
                    prop_assert!(syn::parse_str::<syn::Ident>(&module).is_ok());
                }
                prop_assert_eq!(name.typed(), typed.replace("::", "."));
            }
        }
        if let Ok(name) = AppName::parse(&typed) {
            prop_assert!(syn::parse_str::<syn::Ident>(&name.crate_name()).is_ok());
        }
    }
}
