//! `cargo xtask bench --generator`: the time that `cargo phx gen channel Room` takes in an app of
//! 200 source files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{process, workspace};

/// The source files beside those that the generator has written.
const FILES: usize = 200;

/// The functions of each file, for about 200 lines.
const FUNCTIONS: usize = 20;

/// The measured runs. The first ones warm the caches of the system.
const RUNS: usize = 20;

pub(super) fn run() -> Result<()> {
    let mut build = workspace::cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "cargo-phx",
        "--bin",
        "cargo-phx",
    ]);
    let built = workspace::executables(&mut build)?;
    let generator = built.first().context("cargo built no cargo-phx")?;

    let folder = tempfile::tempdir()?;
    let app = folder.path().join("hello");
    process::run(&mut phx(
        generator,
        folder.path(),
        &["new", "hello", "--quiet"],
    ))?;
    process::run(&mut phx(generator, &app, &["gen", "presence", "--quiet"]))?;
    process::run(&mut phx(
        generator,
        &app,
        &["gen", "socket", "User", "--quiet"],
    ))?;
    add_sources(&app)?;

    let mut times = Vec::new();
    for _ in 0..RUNS {
        times.push(time(generator, &app)?);
    }
    times.sort();
    println!(
        "gen channel Room, {FILES} more source files: fastest {} ms, median {} ms, slowest {} ms",
        times[0].as_millis(),
        times[RUNS / 2].as_millis(),
        times[RUNS - 1].as_millis(),
    );
    Ok(())
}

/// Times one run, and takes back what it wrote.
fn time(generator: &Path, app: &Path) -> Result<Duration> {
    let edited = [
        "Cargo.toml",
        "src/application.rs",
        "src/channels.rs",
        "src/channels/user_socket.rs",
    ];
    let read = |path: &str| fs::read_to_string(app.join(path)).context(path.to_owned());
    let before = edited.map(read);
    let mut command = phx(generator, app, &["gen", "channel", "Room", "--quiet"]);
    let start = Instant::now();
    process::run(&mut command)?;
    let took = start.elapsed();

    let channel = app.join("src/channels/room_channel.rs");
    ensure!(channel.exists(), "the generator wrote no channel");
    fs::remove_file(channel)?;
    fs::remove_dir_all(app.join("tests"))?;
    for (path, text) in edited.iter().zip(before) {
        fs::write(app.join(path), text?)?;
    }
    Ok(took)
}

fn phx(generator: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(generator);
    command.arg("phx").args(arguments).current_dir(folder);
    command
}

/// Adds modules that the generator reads, and that mention nothing of it.
fn add_sources(app: &Path) -> Result<()> {
    let library = app.join("src/lib.rs");
    let mut modules = fs::read_to_string(&library)?;
    modules.push('\n');
    for file in 0..FILES {
        modules.push_str(&format!("pub mod part_{file:03};\n"));
        let functions = (0..FUNCTIONS).map(|function| {
            format!(
                "/// Adds two numbers, and halves some of the sums.\n\
                 pub fn sum_{function}(left: u64, right: u64) -> u64 {{\n    \
                 let sum = left.wrapping_add(right);\n    \
                 match sum % 3 {{\n        0 => sum / 2,\n        _ => sum,\n    }}\n}}\n"
            )
        });
        let text = functions.collect::<Vec<_>>().join("\n");
        fs::write(app.join(format!("src/part_{file:03}.rs")), text)?;
    }
    fs::write(library, modules)?;
    Ok(())
}
