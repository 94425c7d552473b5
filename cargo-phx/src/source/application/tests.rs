use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::render::Templates;
use crate::source::testing::{edited, outcome};

/// Returns the `application.rs` that `cargo phx new` writes.
fn fresh() -> &'static str {
    static FRESH: LazyLock<String> = LazyLock::new(|| {
        Templates::embedded()
            .render("phx.new/src/application.rs.tera", &tera::Context::new())
            .unwrap()
    });
    &FRESH
}

fn presence(name: &str, field: &str) -> NewPresence {
    NewPresence {
        field: field.into(),
        name: name.into(),
        import: format!("crate::channels::{field}::{name}"),
    }
}

fn socket(name: &str, snake: &str) -> NewSocket {
    NewSocket {
        name: format!("{name}Socket"),
        import: format!("crate::channels::{snake}_socket::{name}Socket"),
        second_path: format!("/{snake}_socket"),
    }
}

#[track_caller]
fn with_presence(text: &str, name: &str, field: &str) -> String {
    edited(text, |source| add_presence(source, &presence(name, field)))
}

#[track_caller]
fn with_socket(text: &str, name: &str, snake: &str) -> String {
    edited(text, |source| mount_socket(source, &socket(name, snake)))
}

#[test]
fn a_presence_joins_the_tree() {
    let text = with_presence(fresh(), "Presence", "presence");
    let expected = "\
use presence_channels::{Config, Endpoint, PubSub, Tracker};

use crate::channels::presence::Presence;

/// The state that all sockets and channels share, such as a database pool.
#[derive(Clone)]
pub struct AppState {
    pub presence: Tracker<Presence>,
}

/// Starts the parts of the app. [`Endpoint::stop`] stops them in the opposite order.
pub async fn start(config: Config) -> anyhow::Result<Endpoint> {
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let state = AppState { presence };

    let endpoint = Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .start(config)
        .await?;
    Ok(endpoint)
}
";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_socket_is_mounted_and_makes_the_state() {
    let text = with_socket(fresh(), "User", "user");
    let expected = "\
    let pubsub = PubSub::local();
    let state = AppState {};

    let endpoint = Endpoint::builder(pubsub)
        .socket::<UserSocket>(\"/socket\", state)
        .start(config)
        .await?;
    Ok(endpoint)
}
";
    assert!(text.ends_with(expected), "{text}");
    assert!(text.contains("\nuse crate::channels::user_socket::UserSocket;\n"));
}

#[test]
fn the_order_of_the_generators_does_not_matter() {
    let one = with_socket(
        &with_presence(fresh(), "Presence", "presence"),
        "User",
        "user",
    );
    let other = with_presence(
        &with_socket(fresh(), "User", "user"),
        "Presence",
        "presence",
    );
    assert_eq!(one, other);
}

#[test]
fn further_presences_and_sockets_stand_beside_the_first() {
    let text = with_presence(fresh(), "Presence", "presence");
    let text = with_socket(&text, "User", "user");
    let text = with_presence(&text, "CustomerSupport", "customer_support");
    let text = with_socket(&text, "Admin", "admin");
    let expected = "\
    let pubsub = PubSub::local();
    let presence = Tracker::start(&pubsub, Presence);
    let customer_support = Tracker::start(&pubsub, CustomerSupport);
    let state = AppState {
        presence,
        customer_support,
    };

    let endpoint = Endpoint::builder(pubsub)
        .supervise(&state.presence)
        .supervise(&state.customer_support)
        .socket::<AdminSocket>(\"/admin_socket\", state.clone())
        .socket::<UserSocket>(\"/socket\", state)
        .start(config)
        .await?;
";
    assert!(text.contains(expected), "{text}");
    let third = with_presence(&text, "Other", "other");
    assert!(
        third.contains("        customer_support,\n        other,\n    };\n"),
        "{third}"
    );
}

#[test]
fn what_the_user_added_stays() {
    let text = "\
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
    let text = with_presence(text, "Presence", "presence");
    let text = with_socket(&text, "User", "user");
    let expected = "\
use presence_channels::Config;
use presence_channels::Endpoint;
use presence_channels::PubSub;
use presence_channels::Tracker;
use sqlx::PgPool;

use crate::channels::presence::Presence;
use crate::channels::user_socket::UserSocket;

#[derive(Clone)]
pub struct AppState {
    // Shared by all.
    pub db: PgPool, // big
    pub presence: Tracker<Presence>,
}

pub async fn start(config: Config) -> anyhow::Result<Endpoint> {
    let pubsub = PubSub::local(); // one node
    let db = PgPool::connect(\"postgres://localhost\").await?;
    let presence = Tracker::start(&pubsub, Presence);

    // Everything channels see.
    let shared = AppState { db, presence };

    // Last.
    Ok(Endpoint::builder(pubsub.clone())
        .supervise(&shared.presence)
        .socket::<UserSocket>(\"/socket\", shared)
        .start(config)
        .await?)
}
";
    assert_eq!(text, expected);
}

#[test]
fn the_path_of_a_mount_is_found() {
    let path = |text: &str, socket: &NewSocket| {
        mount_path(
            &Source::parse(std::path::Path::new("a.rs"), text).unwrap(),
            socket,
        )
    };
    let (user, admin) = (socket("User", "user"), socket("Admin", "admin"));
    assert_eq!(path(fresh(), &user), "/socket");
    let text = with_socket(fresh(), "User", "user");
    assert_eq!(path(&text, &user), "/socket");
    assert_eq!(path(&text, &admin), "/admin_socket");

    // A shape that the generator does not edit, with both paths taken.
    let edited = "async fn start(c: Config) -> R {\n    let mut builder = Endpoint::builder(p);\n    \
                  builder = builder.socket::<UserSocket>(\"/socket\", s.clone());\n    \
                  builder = builder.socket::<Old>(\"/admin_socket\", s);\n    \
                  builder.start(c).await\n}\n";
    assert_eq!(path(edited, &user), "/socket");
    assert_eq!(path(edited, &admin), "/admin_socket_2");
}

#[test]
fn other_shapes_are_left_to_the_user() {
    let shapes = [
        // No `start`.
        "pub struct AppState {}\n",
        // No chain.
        "pub struct AppState {}\nasync fn start(c: Config) -> R { build(c).await }\n",
        // No state, and fields whose values only the user knows.
        "pub struct AppState { pub db: Pool }\n\
         async fn start(c: Config) -> R { Endpoint::builder(p).start(c).await }\n",
        // A state that is not a literal.
        "pub struct AppState {}\nasync fn start(c: Config) -> R {\n    let p = PubSub::local();\n    \
         let state = AppState::new();\n    Endpoint::builder(p).start(c).await\n}\n",
        // The PubSub comes after the state that would need the presence.
        "pub struct AppState {}\nasync fn start(c: Config) -> R {\n    let state = AppState {};\n    \
         let p = PubSub::local();\n    Endpoint::builder(p).start(c).await\n}\n",
        // Not a variable.
        "pub struct AppState {}\n\
         async fn start(c: Config) -> R { Endpoint::builder(PubSub::local()).start(c).await }\n",
        // A tuple.
        "pub struct AppState(u8);\nasync fn start(c: Config) -> R {\n    let p = PubSub::local();\n    \
         Endpoint::builder(p).start(c).await\n}\n",
    ];
    for text in shapes {
        let presence = presence("Presence", "presence");
        let found = outcome(text, |source| add_presence(source, &presence));
        assert_eq!(found, Outcome::Unknown, "{text}");
    }
    // A socket needs only the state's variable.
    let text = with_socket(shapes[3], "User", "user");
    assert!(
        text.contains(".socket::<UserSocket>(\"/socket\", state)"),
        "{text}"
    );
}

proptest! {
    // Each step asks rustfmt.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The generators work in any order. Each step finds its place, keeps the format and is not
    /// repeated (`edited` checks all three). In the end each part is there once.
    #[test]
    fn any_order_of_generators_works(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let names = [("Presence", "presence"), ("Typing", "typing"), ("LongerName", "longer_name")];
        let mut text = fresh().to_owned();
        for step in order {
            let (name, snake) = names[step % 3];
            text = if step < 3 {
                with_presence(&text, name, snake)
            } else {
                with_socket(&text, name, snake)
            };
        }
        for (name, snake) in names {
            prop_assert_eq!(text.matches(&format!("Tracker::start(&pubsub, {name})")).count(), 1);
            prop_assert_eq!(text.matches(&format!(".supervise(&state.{snake})")).count(), 1);
            prop_assert_eq!(text.matches(&format!(".socket::<{name}Socket>(")).count(), 1);
        }
        // The state is moved into one socket only, the last one.
        prop_assert_eq!(text.matches(", state.clone())").count(), 2);
        prop_assert!(text.contains(", state)\n        .start(config)"), "{}", text);
    }
}
