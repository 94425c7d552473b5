//! A broker that is away, and adapters that know it (rule 10).

use std::time::Duration;

use crate::replication::node::Status;
use crate::sim::{Cluster, Script, Setup, run};

const SECOND: Duration = Duration::from_secs(1);

fn status(cluster: &Cluster, at: usize, of: &str) -> Option<Status> {
    let views = cluster.node(at).expect("it is on").replicas();
    let found = views
        .into_iter()
        .find(|view| view.origin.name.as_str() == of);
    found.and_then(|view| view.status)
}

/// The rule that the checks of every script hold too: without it, the script fails.
#[test]
fn a_broker_that_is_away_hides_nobody() {
    let script: Script = "
        seed 7
        nodes 3
        track n0 o0 t0 k0
        track n1 o0 t0 k1
        track n2 o0 t0 k2
        wait 3000
        list n0 t0 0
        disconnect n0
        wait 2000
        disconnect n1
        wait 4000
        disconnect n2
        wait 60000
        reconnect n1
        wait 3000
        reconnect n0
        reconnect n2
        wait 40000
    "
    .parse()
    .unwrap();
    let report = run(&script);
    assert_eq!(report.violation, None);
    assert_eq!(report.coverage.get("disconnects"), 3);
    assert_eq!(report.coverage.get("downs"), 0);
}

#[test]
fn who_died_meanwhile_is_hidden_in_due_time() {
    let setup = Setup {
        nodes: 3,
        ..Setup::default()
    };
    let mut cluster = Cluster::new(&setup);
    cluster.run_for(3 * SECOND).unwrap();
    for node in 0..3 {
        cluster.disconnect(node).unwrap();
    }
    cluster.crash(2);
    cluster.run_for(120 * SECOND).unwrap();
    assert_ne!(status(&cluster, 0, "n1"), Some(Status::Down));
    assert_ne!(status(&cluster, 0, "n2"), Some(Status::Down));
    for node in 0..3 {
        cluster.reconnect(node).unwrap();
    }
    cluster.run_for(2 * SECOND).unwrap();
    assert_eq!(status(&cluster, 0, "n1"), Some(Status::Up));
    assert_ne!(status(&cluster, 0, "n2"), Some(Status::Down));
    cluster.run_for(setup.options.down_period).unwrap();
    assert_eq!(status(&cluster, 0, "n1"), Some(Status::Up));
    assert_eq!(status(&cluster, 0, "n2"), Some(Status::Down));
}

/// A process that stands still while its broker goes, or comes back, learns of it when it goes on.
#[test]
fn a_stop_and_a_disconnect_may_overlap() {
    for (first, second) in [("stop n0", "disconnect n0"), ("disconnect n0", "stop n0")] {
        for (third, fourth) in [
            ("continue n0", "reconnect n0"),
            ("reconnect n0", "continue n0"),
        ] {
            let text = format!(
                "seed 7\nnodes 2\ntrack n1 o0 t0 k0\nwait 3000\n{first}\nwait 20000\n{second}\n\
                 wait 40000\n{third}\nwait 20000\n{fourth}\nwait 5000"
            );
            let report = run(&text.parse().unwrap());
            assert_eq!(report.violation, None, "{text}");
        }
    }
}
