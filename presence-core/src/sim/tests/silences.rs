//! Runs that once took too long, because something was waited for that could not come.

use crate::sim::{Script, run};

fn keeps_every_promise(script: &str) {
    let script: Script = script.parse().expect("a script");
    assert_eq!(run(&script).violation, None);
}

/// One message that came late made all later waits long. The answer of a node that had gone was
/// waited for beyond the bound, although two others had all of it.
#[test]
fn a_transfer_from_a_node_that_has_gone_is_soon_asked_for_elsewhere() {
    keeps_every_promise(
        "
        seed 45864
        nodes 4
        pool_size 1
        diff_interval 0
        delta_interval 0
        max_silent_periods 2
        down_period 9000
        permdown_period 25000
        chunk_bytes 256
        track n3 o2 t1 k0
        track n3 o1 t1 k0
        track n3 o1 t1 k2
        track n2 o0 t0 k2
        track n1 o2 t1 k1
        track n3 o0 t0 k2
        wait 3624
        weather 1 150 0 0 0 0
        track n3 o0 t0 k1
        wait 0
        track n3 o1 t0 k1
        wait 0
        track n3 o2 t0 k0
        wait 1579
        rename n0
        wait 124
        weather 1 300 300 200 0 12000
        wait 1347
        rename n1
        ",
    );
}

/// The answer of an earlier incarnation, which nobody has any more, filled the window. The one of
/// the present incarnation got no room.
#[test]
fn an_incarnation_that_is_over_takes_no_room_from_the_next() {
    keeps_every_promise(
        "
        seed 130593
        nodes 3
        pool_size 1
        max_silent_periods 2
        down_period 4000
        permdown_period 25000
        chunk_bytes 256
        weather 1 300 300 200 0 8000
        track n0 o2 t1 k1
        track n0 o0 t1 k1
        track n1 o1 t1 k1
        track n1 o0 t1 k0
        track n1 o0 t1 k1
        track n2 o1 t0 k2
        track n1 o2 t1 k2
        track n0 o1 t1 k1
        track n0 o1 t0 k1
        wait 2595
        snapshot n1
        track n1 o0 t0 k0
        wait 562
        restore n1
        track n1 o1 t0 k0
        wait 199
        track n2 o0 t1 k0
        track n0 o0 t1 k0
        wait 504
        track n2 o1 t1 k2
        track n0 o0 t0 k0
        track n2 o1 t0 k0
        wait 0
        track n2 o2 t1 k1
        snapshot n2
        wait 994
        restore n2
        ",
    );
}
