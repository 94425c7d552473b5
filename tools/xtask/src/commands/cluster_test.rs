//! `cargo xtask cluster-test`: real nodes under real clients, killed, stopped, parted and
//! restarted.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::{debian, process, workspace};

use super::simulate::commit;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Build with optimisations, as for figures that are to be quoted
    #[arg(long)]
    release: bool,
    /// A scenario, `--engine zenoh|nats|redis` and more: `--help` lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "SCENARIO OPTIONS"
    )]
    options: Vec<OsString>,
}

/// The programs that scenarios use: the word that asks for one, the program, Debian's package.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("nats", "nats-server", "nats-server"),
    ("redis", "redis-server", "redis-server"),
    ("netns", "ip", "iproute2"),
    ("netns", "nft", "nftables"),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    with_options(args.release, &args.options)
}

/// Runs the scenarios of `cargo xtask test`.
pub(crate) fn in_test() -> Result<()> {
    with_options(false, &["short".into()])
}

fn with_options(release: bool, options: &[OsString]) -> Result<()> {
    for (word, program, package) in PROGRAMS {
        let wanted = options.iter().any(|option| option == word);
        if wanted && debian::on_search_path(program).is_none() && debian::can_install() {
            debian::install(package)?;
        }
    }
    let [cluster, cluster_test] = workspace::build_cluster(release)?;
    let mut test = Command::new(cluster_test);
    test.args(options);
    test.arg("--program").arg(cluster);
    test.arg("--logs")
        .arg(workspace::scratch("logs").join("cluster-test"));
    test.args(["--commit", &commit()?]);
    process::run(&mut test)
}
