//! A network of hosts on one machine. Each host is a network namespace, linked to a bridge. Faults
//! can be injected on the way.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The first three bytes of the hosts' addresses, which exist in these namespaces only.
const SUBNET: [u8; 3] = [10, 203, 0];
/// The last byte of this program's own address, on the bridge.
const BRIDGE: u8 = 254;

/// The namespace of one host.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Returns a command that runs `program` on this host.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    fn run(&self, line: &str) -> Result<()> {
        run(&format!("ip netns exec {} {line}", self.name))
    }
}

/// Hosts and the bridge between them. Dropping it deletes all namespaces.
pub(crate) struct Network {
    bridge: Namespace,
    pub(crate) hosts: Vec<Namespace>,
    netem: bool,
}

impl Network {
    /// Creates hosts, each linked to a bridge. An error names the command that this machine does
    /// not allow.
    pub(crate) fn new(hosts: usize) -> Result<Self> {
        let named = |suffix: &str| Namespace {
            name: format!("phx{}-{suffix}", std::process::id()),
        };
        let mut network = Self {
            bridge: named("bridge"),
            hosts: Vec::new(),
            netem: false,
        };
        let bridge = network.bridge.clone();
        run(&format!("ip netns add {}", bridge.name))?;
        bridge.run("ip link add br0 type bridge")?;
        bridge.run(&format!("ip address add {}/24 dev br0", ip(BRIDGE)))?;
        bridge.run("ip link set br0 up")?;
        bridge.run("ip link set lo up")?;
        for number in 1..=hosts {
            let host = named(&number.to_string());
            run(&format!("ip netns add {}", host.name))?;
            network.hosts.push(host.clone());
            let (end, name) = (format!("host{number}"), &host.name);
            bridge.run(&format!(
                "ip link add {end} type veth peer name eth0 netns {name}"
            ))?;
            bridge.run(&format!("ip link set {end} master br0 up"))?;
            host.run(&format!("ip address add {}/24 dev eth0", ip(number as u8)))?;
            host.run("ip link set eth0 up")?;
            host.run("ip link set lo up")?;
            host.run("nft add table inet faults")?;
            host.run("nft add chain inet faults in { type filter hook input priority 0 ; }")?;
        }
        network.netem = network.hosts.first().is_some_and(|host| {
            let tried = host.run("tc qdisc add dev lo root netem delay 1ms");
            tried.is_ok() && host.run("tc qdisc del dev lo root").is_ok()
        });
        Ok(network)
    }

    /// Moves this thread to the bridge. Its new sockets can reach all hosts.
    pub(crate) fn enter(&self) -> Result<()> {
        let path = format!("/run/netns/{}", self.bridge.name);
        let file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("cannot enter {path}"))
    }

    /// Returns the address of a host.
    pub(crate) fn address(&self, host: usize) -> IpAddr {
        ip(host as u8 + 1)
    }

    /// Drops all packets from the host `from` to the host `to`.
    pub(crate) fn deafen(&self, to: usize, from: usize) -> Result<()> {
        let from = self.address(from);
        self.hosts[to].run(&format!("nft add rule inet faults in ip saddr {from} drop"))
    }

    /// Drops all packets between two hosts.
    pub(crate) fn part(&self, one: usize, other: usize) -> Result<()> {
        self.deafen(one, other)?;
        self.deafen(other, one)
    }

    /// Makes the packets from a host slow, and loses some of them. Returns the means: netem delays
    /// each packet, but not every kernel has it. Otherwise a narrow link makes packets queue.
    pub(crate) fn worsen(&self, host: usize, loss_percent: u8) -> Result<&'static str> {
        let at = &self.hosts[host];
        if self.netem {
            at.run(&format!(
                "tc qdisc add dev eth0 root netem delay 60ms 40ms loss {loss_percent}%"
            ))?;
            return Ok("netem");
        }
        at.run("tc qdisc add dev eth0 root tbf rate 2mbit burst 8kb latency 300ms")?;
        for other in (0..self.hosts.len()).filter(|other| *other != host) {
            let from = self.address(other);
            at.run(&format!(
                "nft add rule inet faults in ip saddr {from} numgen random mod 100 < {loss_percent} drop"
            ))?;
        }
        Ok("nftables and tbf")
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) -> Result<()> {
        for host in &self.hosts {
            host.run("nft flush chain inet faults in")?;
            // The command fails if the host has no such fault.
            let _ = host.run("tc qdisc del dev eth0 root");
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.bridge]) {
            // After an error, the namespace stays. A drop cannot report it.
            let _ = run(&format!("ip netns del {}", namespace.name));
        }
    }
}

fn ip(last: u8) -> IpAddr {
    let [a, b, c] = SUBNET;
    Ipv4Addr::new(a, b, c, last).into()
}

fn run(line: &str) -> Result<()> {
    let mut words = line.split_whitespace();
    let program = words.next().context("the command is empty")?;
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}`: {}", error.trim());
    }
    Ok(())
}
