use super::*;
use crate::{ConnectError, ConnectInfo, Params, Routes};

struct Client;

impl UserSocket for Client {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, (): &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(_: &mut Routes<Self>) {}
}

/// Tokio adds about 100 bytes to it and rounds up to a multiple of 128, for each connection.
#[test]
fn the_task_of_a_socket_holds_each_value_once() {
    fn size_of_result<A, B, C, F>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    let size = size_of_result(run::<Client>);
    let parts = size_of::<Pump<Client>>() + size_of::<Admission>();
    assert!(
        size <= parts + 48,
        "{size} bytes, of which {parts} are needed"
    );
}
