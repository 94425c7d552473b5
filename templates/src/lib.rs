//! The files that `cargo phx` writes, as tera templates. They are embedded, so that an installed
//! `cargo-phx` has them.
//!
//! Each command has a folder, and each generated file has a template in it:
//! `phx.gen.channel/channel.rs.tera` is the channel that `cargo phx gen channel` writes. All names
//! end in `.tera`. Cargo would leave a folder that holds a `Cargo.toml` out of the package.
//!
//! A project overrides a template with a file of the same path below its own `priv/templates/`.

/// A template: its path in this crate and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// The path in this crate, with `/` on every platform, such as
    /// `phx.gen.channel/channel.rs.tera`.
    pub path: &'static str,
    /// The tera source.
    pub source: &'static str,
}

macro_rules! embed {
    ($($path:literal),* $(,)?) => {
        &[$(Template { path: $path, source: include_str!(concat!("../", $path)) }),*]
    };
}

const TEMPLATES: &[Template] = embed![
    "phx.gen.auth/auth.rs.tera",
    "phx.gen.auth/auth_test.rs.tera",
    "phx.gen.channel/channel.rs.tera",
    "phx.gen.channel/channel_test.rs.tera",
    "phx.gen.channel/test_connect.rs.tera",
    "phx.gen.channel/test_support.rs.tera",
    "phx.gen.presence/presence.rs.tera",
    "phx.gen.socket/socket.js.tera",
    "phx.gen.socket/socket.rs.tera",
    "phx.new/AGENTS.md.tera",
    "phx.new/Cargo.toml.tera",
    "phx.new/README.md.tera",
    "phx.new/assets/app.css.tera",
    "phx.new/assets/app.js.tera",
    "phx.new/assets/index.html.tera",
    "phx.new/assets/package.json.tera",
    "phx.new/gitignore.tera",
    "phx.new/src/application.rs.tera",
    "phx.new/src/channels.rs.tera",
    "phx.new/src/cluster.rs.tera",
    "phx.new/src/lib.rs.tera",
    "phx.new/src/main.rs.tera",
    "phx.new/src/web.rs.tera",
];

/// Returns all templates, ordered by path.
pub fn all() -> &'static [Template] {
    TEMPLATES
}

/// Returns the template at `path`, or `None` if no template has that path.
///
/// ```
/// let channel = cargo_phx_templates::find("phx.gen.channel/channel.rs.tera").unwrap();
/// assert!(channel.source.contains("impl Channel for"));
/// assert!(cargo_phx_templates::find("phx.gen.nothing/nothing.tera").is_none());
/// ```
pub fn find(path: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.path == path)
}

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
