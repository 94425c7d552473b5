//! `cargo xtask demo`: the Presence guide, from scaffolding an app to serving its page.

mod nodes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, Interrupted};
use crate::server::{self, Server};
use crate::{npm, workspace};

/// The arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port to serve on
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Run N nodes of examples/cluster on ports from --port on, instead of a fresh app
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20))]
    nodes: Option<u16>,
}

/// The guide's generator commands, in its order.
const GENERATORS: [&[&str]; 3] = [
    &["gen", "presence"],
    &["gen", "socket", "User"],
    &["gen", "channel", "Room"],
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let ended = match args.nodes {
        Some(nodes) => nodes::run(nodes, args.port),
        None => fresh_app(args),
    };
    match ended {
        Err(error) if error.is::<Interrupted>() => Ok(()),
        ended => ended,
    }
}

fn fresh_app(args: &Args) -> Result<()> {
    server::expect_free(args.port)?;
    npm::expect_installed()?;

    step(
        1,
        "building the generator (the first time takes a minute or two)",
    );
    let generator = workspace::build(&["cargo-phx"])?
        .pop()
        .context("cargo built no cargo-phx")?;

    let app = workspace::scratch("demo").join("hello");
    step(2, &format!("scaffolding a fresh app in {}", app.display()));
    scaffold(&generator, &app)?;

    step(3, "installing phoenix.js from npm");
    npm::install_phoenix(&app.join("assets"))?;

    step(4, "building the app");
    let executable = build(&app)?;

    step(5, "starting it");
    // Another program may have taken the port during the build.
    server::expect_free(args.port)?;
    let server = Server::start_in_view(
        "the app",
        Command::new(executable).current_dir(&app),
        args.port,
    )?;
    let address = format!("http://localhost:{}", args.port);
    println!(
        "\nReady. Open these in three tabs, close one, and watch the others:\n\n    \
         {address}/?name=Alice\n    {address}/?name=Alice\n    {address}/?name=Bob\n\n\
         The code is in {}. Ctrl-C ends the demo.\n",
        app.display()
    );
    server.serve()
}

fn step(number: usize, what: &str) {
    println!("[{number}/5] {what}");
}

fn scaffold(generator: &Path, app: &Path) -> Result<()> {
    if app.exists() {
        fs::remove_dir_all(app).with_context(|| format!("cannot remove {}", app.display()))?;
    }
    let folder = app.parent().context("the app's folder has no parent")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    generate(
        Command::new(generator)
            .args(["new", "hello"])
            .current_dir(folder),
    )?;
    for arguments in GENERATORS {
        generate(Command::new(generator).args(arguments).current_dir(app))?;
    }
    Ok(())
}

/// Runs the generator and shows its changes. Hides the next steps that it prints: the demo takes
/// them.
fn generate(generator: &mut Command) -> Result<()> {
    let output = process::run_captured(generator)?;
    for line in output.lines().filter(|line| line.starts_with("* ")) {
        println!("    {line}");
    }
    Ok(())
}

fn build(app: &Path) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.arg("build").current_dir(app);
    workspace::share_builds(&mut command, app)?;
    workspace::executables(&mut command)?
        .pop()
        .context("the app made no executable")
}
