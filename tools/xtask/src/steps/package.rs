//! Checks the packages that are published: they can be packed, they build and pass their tests from
//! the packed files alone, and their `cargo phx` writes an app that needs no checkout.
//!
//! The packed files are unpacked into a workspace outside the checkout. Nothing is published, so
//! `[patch.crates-io]` takes the place of crates.io. Builds go to the target folder of the
//! checkout, and a package of dependencies alone ([`features`]) gives them the checkout's features,
//! so that cargo reuses the engines.
//!
//! The packing does not verify, because that would build everything again in a folder of its own.
//! The tests and the app build more than cargo would.

mod features;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{process, workspace};

/// The files that each package holds beside its sources.
const FILES: [&str; 4] = ["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// The library that a generated app depends on.
const LIBRARY: &str = "presence-channels";

/// The commands of `cargo phx` that make the app. Its name is not that of an example, whose
/// executable is in the same target folder.
const APP: &str = "packaged";
const GENERATORS: [&str; 3] = [
    "gen presence",
    "gen socket User",
    "gen channel Room shout:body:string",
];

/// A published package.
struct Published {
    name: String,
    version: String,
}

impl Published {
    /// Returns the name of the package's folder, as cargo unpacks it.
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

pub(super) fn run() -> Result<()> {
    let published = published()?;
    let packed = pack(&published)?;
    // The system's folder for temporary files has no workspace above it.
    let outside = tempfile::tempdir().context("cannot create a folder outside the checkout")?;
    let outside = outside.path().canonicalize()?;
    let unpacked = outside.join("unpacked");
    unpack(&published, &packed, &unpacked)?;
    test(&unpacked)?;

    let apps = outside.join("apps");
    let library = published
        .iter()
        .find(|package| package.name == LIBRARY)
        .with_context(|| format!("{LIBRARY} is not published"))?;
    let generator = outside.join("cargo-phx");
    build_generator(&mut cargo_in(&unpacked)?, &generator)?;
    app_on_versions(&generator, library, &published, &unpacked, &apps)?;
    build_generator(&mut workspace::cargo(), &generator)?;
    app_on_paths(&generator, &outside.join("checkout"))
}

/// Returns the packages without `publish = false`.
fn published() -> Result<Vec<Published>> {
    let packages = workspace::packages()?.into_iter();
    let published = packages.filter(|package| package.publish.is_none());
    Ok(published
        .map(|package| Published {
            name: package.name.to_string(),
            version: package.version.to_string(),
        })
        .collect())
}

/// Packs the packages as `cargo publish` does, and returns the folder of the archives.
fn pack(published: &[Published]) -> Result<PathBuf> {
    // The tree as it is: a developer's changes need not be committed.
    let as_it_is = ["--no-verify", "--allow-dirty", "--quiet"];
    let mut publish = workspace::cargo();
    publish.args(["publish", "--workspace", "--dry-run"]);
    println!("    cargo publish --workspace --dry-run, without verification");
    process::run(publish.args(as_it_is))?;
    // A dry run keeps no archive.
    let mut package = workspace::cargo();
    package.arg("package").args(as_it_is);
    for Published { name, .. } in published {
        package.args(["--package", name]);
    }
    process::run(&mut package)?;
    Ok(workspace::target_directory()?.join("package"))
}

/// Unpacks the archives into `folder`, as the members of a workspace.
fn unpack(published: &[Published], packed: &Path, folder: &Path) -> Result<()> {
    fs::create_dir(folder)?;
    let mut members = String::new();
    for package in published {
        let name = package.folder();
        let mut tar = Command::new("tar");
        // All archives have the same old time in them. With `-m` the files are new, so that cargo
        // does not take what an earlier run has built of other files for what it has to build.
        tar.arg("-xzmf").arg(packed.join(format!("{name}.crate")));
        process::run(tar.current_dir(folder))?;
        for file in FILES {
            let path = folder.join(&name).join(file);
            let is_file = path.symlink_metadata().is_ok_and(|entry| entry.is_file());
            ensure!(is_file, "the package {name} has no file {file}");
        }
        members.push_str(&format!("    \"{name}\",\n"));
    }
    features::write(&folder.join(features::NAME))?;
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\n{members}    \"{}\",\n]\n\n{}",
        features::NAME,
        patch(published, folder)
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    println!("    unpacked {} packages", published.len());
    Ok(())
}

/// Returns the lines that replace crates.io for the packages unpacked in `folder`.
fn patch(published: &[Published], folder: &Path) -> String {
    let mut lines = "[patch.crates-io]\n".to_owned();
    for package in published {
        let path = folder.join(package.folder());
        lines.push_str(&format!("{} = {{ path = {path:?} }}\n", package.name));
    }
    lines
}

/// Runs the tests of the packed files, with all features.
fn test(unpacked: &Path) -> Result<()> {
    println!("    testing the packed files alone");
    let mut test = cargo_in(unpacked)?;
    test.args(["test", "--workspace", "--all-features"]);
    process::run(&mut test)
}

/// Makes an app with the packed `cargo phx`, then builds it and runs its tests.
fn app_on_versions(
    generator: &Path,
    library: &Published,
    published: &[Published],
    unpacked: &Path,
    apps: &Path,
) -> Result<()> {
    println!("    an app by the packed cargo phx");
    fs::create_dir_all(apps.join(".cargo"))?;
    // Above the app, which does not know of it.
    let patch = patch(published, unpacked);
    fs::write(apps.join(".cargo/config.toml"), patch)?;
    let app = generate(generator, apps)?;
    expect_dependency(&app, &format!("{:?}", library.version))?;
    process::run(cargo_in(&app)?.args(["test", "--quiet"]))
}

/// Makes an app with the checkout's `cargo phx`. Its dependency is enough: the tests of `cargo-phx`
/// build such apps.
fn app_on_paths(generator: &Path, folder: &Path) -> Result<()> {
    println!("    an app by the checkout's cargo phx");
    fs::create_dir(folder)?;
    let app = generate(generator, folder)?;
    let path = workspace::root().join(LIBRARY);
    expect_dependency(&app, &format!("{{ path = {path:?} }}"))
}

/// Runs the generators in `folder`, and returns the folder of the app.
fn generate(generator: &Path, folder: &Path) -> Result<PathBuf> {
    let app = folder.join(APP);
    let phx = |arguments: &str, folder: &Path| {
        println!("    $ cargo phx {arguments}");
        let mut phx = Command::new(generator);
        phx.arg("phx").args(arguments.split(' '));
        process::run_captured(phx.current_dir(folder))
    };
    phx(&format!("new {APP}"), folder)?;
    for arguments in GENERATORS {
        phx(arguments, &app)?;
    }
    Ok(app)
}

/// Checks that the app depends on the library by `value`, and on nothing else by a path.
fn expect_dependency(app: &Path, value: &str) -> Result<()> {
    let path = app.join("Cargo.toml");
    let manifest = fs::read_to_string(&path)?;
    let line = format!("{LIBRARY} = {value}");
    let is_there = manifest.lines().any(|found| found == line);
    let paths = manifest.matches("path =").count();
    if !is_there || paths != line.matches("path =").count() {
        bail!(
            "{} must have the line `{line}`, and no other path:\n{manifest}",
            path.display()
        );
    }
    println!("    {line}");
    Ok(())
}

/// Returns cargo in `folder`, with the builds of the checkout.
fn cargo_in(folder: &Path) -> Result<Command> {
    let mut cargo = workspace::cargo();
    cargo.current_dir(folder);
    workspace::share_builds(&mut cargo, folder)?;
    Ok(cargo)
}

/// Runs a `cargo build` of `cargo-phx`, and copies the executable to `copy`: the next build of a
/// package of this name replaces it.
fn build_generator(cargo: &mut Command, copy: &Path) -> Result<()> {
    let built = workspace::executables(cargo.args(["build", "--package", "cargo-phx"]))?;
    let executable = built.first().context("cargo built no cargo-phx")?;
    fs::copy(executable, copy)?;
    Ok(())
}
