//! The command line: its arguments, and the command that each starts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::new::Engine;
use crate::commands::{
    Options, completions, destroy, gen_auth, gen_channel, gen_presence, gen_secret, gen_socket,
    new, override_template, routes,
};
use crate::console::Console;
use crate::names::Component;

const NEW: &str = "\
Examples:
  cargo phx new hello
  cargo phx new hello --cluster zenoh";

const PRESENCE: &str = "\
Examples:
  cargo phx gen presence
  cargo phx gen presence CustomerSupport";

const SOCKET: &str = "\
Examples:
  cargo phx gen socket User
  cargo phx gen socket Admin --dry-run";

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  cargo phx new hello
  cargo phx gen presence
  cargo phx gen channel Room new_msg:body:string typing
  cargo phx destroy channel Room --dry-run
  cargo phx routes

Exit codes:
  0  success, also if lines are left to add by hand
  1  an error
  2  the arguments cannot be read
  130  ctrl-c has stopped the command before it changed a file";

/// Phoenix channels and presence for axum apps: makes new apps, and generates code into apps
#[derive(Debug, Parser)]
#[command(name = "cargo-phx", bin_name = "cargo phx", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args)]
struct Flags {
    /// Show what would be written, and write nothing
    #[arg(long, global = true)]
    dry_run: bool,
    /// Overwrite files that differ, and destroy edited files, without asking
    #[arg(long, global = true)]
    force: bool,
    /// Answer every question with yes; files that differ are never overwritten by this
    #[arg(long, short, global = true)]
    yes: bool,
    /// Print only questions, errors, and what is left to do by hand
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Write new files only, and print the changes to make in the others
    #[arg(long, global = true)]
    no_wire: bool,
    /// The binary that serves the app, if the package has several
    #[arg(long, global = true, value_name = "NAME")]
    bin: Option<String>,
    /// The Cargo.toml of the project, instead of the one in this folder or above it
    #[arg(long, global = true, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new app: an axum server with a page for phoenix.js
    #[command(after_help = NEW)]
    New {
        /// The folder to make; its name becomes the name of the app
        path: PathBuf,
        /// Make the app for several nodes, with this engine to carry messages between them
        #[arg(long, value_enum, value_name = "ENGINE")]
        cluster: Option<Engine>,
    },
    /// Generate code into this project, and wire it in
    #[command(subcommand)]
    Gen(Generator),
    /// Take back what `gen` has written, after showing the changes
    #[command(subcommand)]
    Destroy(Destroyed),
    /// List the sockets with their topics, channels and events
    #[command(after_help = routes::EXAMPLES)]
    Routes,
    /// Copy a template into the project, where the copy wins; without a name, list the templates
    #[command(after_help = override_template::EXAMPLES)]
    Override {
        /// The template, such as `phx.gen.channel/channel.rs`; `.tera` at the end may be left out
        template: Option<String>,
    },
    /// Print a script that completes `cargo phx`
    #[command(after_help = completions::EXAMPLES)]
    Completions {
        /// The shell to print it for
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Destroyed {
    /// A presence: its file, its tracker and its field of the state
    Presence {
        /// The type to remove
        #[arg(default_value = "Presence")]
        name: String,
    },
    /// A channel, its route and its test
    #[command(after_help = destroy::EXAMPLES)]
    Channel {
        /// The name, without `Channel`
        name: String,
    },
    /// A socket and its mount
    Socket {
        /// The name, without `Socket`
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Generator {
    /// A presence: the users who are online in each topic
    #[command(after_help = PRESENCE)]
    Presence {
        /// The type to generate
        #[arg(default_value = "Presence")]
        name: String,
    },
    /// A channel, its route and its test: `Room` makes RoomChannel for "room:*"
    #[command(
        after_help = gen_channel::EXAMPLES,
        after_long_help = format!("{}\n\n{}", gen_channel::EVENTS, gen_channel::EXAMPLES),
    )]
    Channel(gen_channel::Arguments),
    /// Logging in: a token that is signed at login, and that the socket verifies
    #[command(after_help = gen_auth::EXAMPLES)]
    Auth {
        /// The socket that verifies the token, without `Socket`, if the app has several
        #[arg(long)]
        socket: Option<String>,
    },
    /// A random secret, printed: for SECRET_KEY_BASE
    #[command(after_help = gen_secret::EXAMPLES)]
    Secret {
        /// The number of characters, at least 32
        #[arg(default_value = gen_secret::LENGTH)]
        length: usize,
    },
    /// A socket, mounted at the endpoint: `User` makes UserSocket
    #[command(after_help = SOCKET)]
    Socket {
        /// The name, without `Socket`
        name: String,
    },
}

impl Cli {
    /// Reads the arguments of `cargo-phx gen ..`, and of `cargo-phx phx gen ..` as cargo calls it.
    ///
    /// Ends the process after printing help, or if the arguments cannot be read.
    pub(crate) fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Cli {
        Cli::parse_from(without_phx(arguments))
    }

    pub(crate) fn run(self, console: &mut Console) -> anyhow::Result<()> {
        let options = Options {
            dry_run: self.flags.dry_run,
            force: self.flags.force,
            yes: self.flags.yes,
            quiet: self.flags.quiet,
            no_wire: self.flags.no_wire,
            bin: self.flags.bin,
            manifest_path: self.flags.manifest_path,
        };
        options.prepare(console);
        match self.command {
            Command::New { path, cluster } => new::run(&path, cluster, &options, console),
            Command::Routes => routes::run(&options, console),
            Command::Override { template } => {
                override_template::run(template.as_deref(), &options, console)
            }
            Command::Completions { shell } => completions::run(shell, Cli::command(), console),
            Command::Destroy(destroyed) => {
                let (component, name) = match destroyed {
                    Destroyed::Presence { name } => (Component::Presence, name),
                    Destroyed::Channel { name } => (Component::Channel, name),
                    Destroyed::Socket { name } => (Component::Socket, name),
                };
                destroy::run(component, &name, &options, console)
            }
            Command::Gen(Generator::Presence { name }) => {
                gen_presence::run(&name, &options, console)
            }
            Command::Gen(Generator::Channel(arguments)) => {
                gen_channel::run(&arguments, &options, console)
            }
            Command::Gen(Generator::Auth { socket }) => {
                gen_auth::run(socket.as_deref(), &options, console)
            }
            Command::Gen(Generator::Secret { length }) => gen_secret::run(length, console),
            Command::Gen(Generator::Socket { name }) => gen_socket::run(&name, &options, console),
        }
    }
}

fn without_phx(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|argument| argument == "phx") {
        arguments.remove(1);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cargos_extra_argument_is_dropped_once() {
        let arguments = |line: &str| without_phx(line.split(' ').map(OsString::from));
        assert_eq!(
            arguments("cargo-phx phx new phx"),
            arguments("cargo-phx new phx")
        );
        assert_eq!(arguments("cargo-phx new phx").len(), 3);
    }
}
