use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::render::Templates;
use crate::source::remove::testing::{removed, undone};
use crate::source::testing::rustfmt;

/// Returns the `application.rs` that `cargo phx new` writes.
fn fresh() -> &'static str {
    static FRESH: LazyLock<String> = LazyLock::new(|| {
        Templates::embedded()
            .render("phx.new/src/application.rs.tera", &tera::Context::new())
            .unwrap()
    });
    &FRESH
}

fn presence_of(name: &str, field: &str) -> NewPresence {
    NewPresence {
        field: field.into(),
        name: name.into(),
        import: format!("crate::channels::{field}::{name}"),
    }
}

fn socket_of(name: &str, snake: &str) -> NewSocket {
    NewSocket {
        name: format!("{name}Socket"),
        import: format!("crate::channels::{snake}_socket::{name}Socket"),
        second_path: format!("/{snake}_socket"),
    }
}

#[track_caller]
fn takes_back_a_presence(text: &str) {
    let new = presence_of("Presence", "presence");
    undone(
        text,
        |source| application::add_presence(source, &new),
        |source| presence(source, &new),
    );
}

#[track_caller]
fn takes_back_a_socket(text: &str) {
    let new = socket_of("User", "user");
    undone(
        text,
        |source| application::mount_socket(source, &new),
        |source| mount(source, &new),
    );
}

/// An application that its user has written, in another format than rustfmt's.
const OWN: &str = "\
use presence_channels::Config;
use presence_channels::Endpoint;
use presence_channels::PubSub;
use sqlx::PgPool;

#[derive(Clone)]
pub struct AppState {
    // Shared by all.
    pub db: PgPool, // big
}

pub async fn start(config: Config) -> anyhow::Result<Endpoint> {
    let pubsub = PubSub::local(); // one node
    let db = PgPool::connect(\"postgres://localhost\").await?;

    // Everything channels see.
    let shared = AppState { db };

    // Last.
    Ok(Endpoint::builder(pubsub.clone()).start(config).await?)
}
";

#[test]
fn a_presence_is_taken_back() {
    takes_back_a_presence(fresh());
    takes_back_a_presence(OWN);
    takes_back_a_presence(&fresh().replace(
        "pub struct AppState {}",
        "pub struct AppState {\n    // None yet.\n}",
    ));
    takes_back_a_presence(&fresh().replace('\n', "\r\n"));
}

#[test]
fn a_socket_is_taken_back() {
    takes_back_a_socket(fresh());
    takes_back_a_socket(OWN);
    let admin = socket_of("Admin", "admin");
    let path = std::path::Path::new("a.rs");
    let source = Source::parse(path, fresh()).unwrap();
    let Outcome::Edited(with_admin) = application::mount_socket(&source, &admin) else {
        panic!("the socket is mounted")
    };
    takes_back_a_socket(&with_admin);
}

#[test]
fn the_last_socket_takes_the_state_itself() {
    let path = std::path::Path::new("a.rs");
    let mut text = fresh().to_owned();
    for socket in [socket_of("User", "user"), socket_of("Admin", "admin")] {
        let source = Source::parse(path, &text).unwrap();
        let Outcome::Edited(next) = application::mount_socket(&source, &socket) else {
            panic!("the socket is mounted")
        };
        text = next;
    }
    let left = removed(&text, |source| mount(source, &socket_of("User", "user")));
    assert!(
        left.contains(".socket::<AdminSocket>(\"/admin_socket\", state)\n"),
        "{left}"
    );
}

#[test]
fn other_uses_of_the_variable_are_found() {
    let text = fresh().replace(
        "    let pubsub = PubSub::local();\n",
        "    let pubsub = PubSub::local();\n    let presence = Tracker::start(&pubsub, Presence);\n    \
         spawn(presence.clone());\n",
    );
    let new = presence_of("Presence", "presence");
    let left = removed(&text, |source| presence(source, &new));
    let source = Source::parse(std::path::Path::new("a.rs"), &left).unwrap();
    let line = left
        .lines()
        .position(|line| line.contains("spawn"))
        .unwrap()
        + 1;
    assert_eq!(variable_uses(&source, "presence"), [line]);
    assert_eq!(variable_uses(&source, "other"), Vec::<usize>::new());
}

proptest! {
    // Each step asks rustfmt.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A removal leaves the text that the other generators write on their own.
    #[test]
    fn what_is_left_is_what_the_others_write(
        order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        victim in 0_usize..6,
    ) {
        let names = [("Presence", "presence"), ("Typing", "typing"), ("LongerName", "longer_name")];
        let path = std::path::Path::new("a.rs");
        let write = |steps: &[usize]| {
            let mut text = fresh().to_owned();
            for step in steps {
                let (name, snake) = names[step % 3];
                let source = Source::parse(path, &text).unwrap();
                let outcome = if *step < 3 {
                    application::add_presence(&source, &presence_of(name, snake))
                } else {
                    let mut socket = socket_of(name, snake);
                    // The first one is mounted at `/socket`, whichever it is.
                    socket.second_path = "/socket".to_owned();
                    application::mount_socket(&source, &socket)
                };
                let Outcome::Edited(next) = outcome else { panic!("{text}") };
                text = rustfmt(&next);
            }
            text
        };
        let others: Vec<usize> = order.iter().copied().filter(|step| *step != victim).collect();
        let (name, snake) = names[victim % 3];
        let left = removed(&write(&order), |source| if victim < 3 {
            presence(source, &presence_of(name, snake))
        } else {
            mount(source, &socket_of(name, snake))
        });
        // A mount keeps its path, though another path may be free now.
        let paths = |text: String| text.replace("/socket_2", "/socket").replace("/socket_3", "/socket");
        prop_assert_eq!(paths(rustfmt(&left)), paths(write(&others)));
    }
}
