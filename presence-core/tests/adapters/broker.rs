//! Servers that the tests start, kill and start again.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use support::{
    ports::{free_port, is_listening},
    process::Process,
};

use crate::suite::{Bed, PATIENCE, heard, link, message, until};

/// A running server, on a port of its own. Dropping it kills the process.
pub(crate) struct Broker {
    command: Command,
    process: Process,
    pub(crate) port: u16,
}

impl Broker {
    /// Starts `program` of the Debian package of the same name, with arguments that contain its
    /// port.
    pub(crate) fn start(program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let port = free_port().unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments(port))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = spawn(&mut command, port);
        Self {
            command,
            process,
            port,
        }
    }

    /// Kills the server, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("the server can be killed");
    }

    /// Starts the server again on the same port, after it has been killed.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(&mut self.command, self.port);
    }
}

fn spawn(command: &mut Command, port: u16) -> Process {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut process = Process::spawn(command, &program).unwrap_or_else(|error| {
        panic!(
            "{error:#}\n\
             hint: install it (Debian: apt-get install {program}), or leave its tests out: they run only with --ignored"
        )
    });
    let end = Instant::now() + PATIENCE;
    while !is_listening(port) {
        if let Some(status) = process.try_wait().expect("the server can be waited for") {
            panic!("{program} ended at once ({status})");
        }
        assert!(
            Instant::now() < end,
            "{program} does not listen on port {port}"
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    process
}

/// The broker dies and comes back; nodes serve their own clients meanwhile, and find each other
/// again.
pub(crate) async fn heals<B: Bed>(bed: &B, broker: impl Fn(&B) -> std::cell::RefMut<'_, Broker>) {
    let (a, b) = (bed.node("a").await, bed.node("b").await);
    let mut on_a = a.pubsub.receiver("t", 1_000_000);
    let mut on_b = b.pubsub.receiver("t", 1_000_000);
    link(&a, &mut on_b, "t").await;
    link(&b, &mut on_a, "t").await;
    assert!(a.pubsub.is_connected());
    broker(bed).kill();
    until("the engine knows that its broker is away", || {
        !a.pubsub.is_connected() && !b.pubsub.is_connected()
    })
    .await;

    // No error reaches the sender, this node's subscribers get all of it, and memory stays bounded.
    let payload = presence_core::pubsub::Payload::Binary(vec![0; 10_000].into());
    let large = presence_core::pubsub::Broadcast::new("t", "away", payload);
    until("what does not fit is dropped", || {
        for _ in 0..100 {
            a.pubsub.broadcast(large.clone()).unwrap();
        }
        (a.stats)().dropped > 100
    })
    .await;
    let mut late = a.pubsub.receiver("late", 100);
    a.pubsub.broadcast(message("late", "here")).unwrap();
    assert_eq!(late.try_recv(), Some(message("late", "here")));

    broker(bed).restart();
    drain(&mut on_a);
    heard(&a, &mut on_b, "t").await;
    heard(&b, &mut on_a, "t").await;
    // A topic that was subscribed to while the broker was away.
    heard(&b, &mut late, "late").await;
    until("the engine knows that its broker is back", || {
        a.pubsub.is_connected() && b.pubsub.is_connected()
    })
    .await;
    a.pubsub.stop().await;
}

fn drain(receiver: &mut presence_core::pubsub::Receiver) {
    while receiver.try_recv().is_some() {}
}
