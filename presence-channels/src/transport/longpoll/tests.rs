use http::Request;

use super::*;
use crate::{
    Config, ConnectError, ConnectInfo, Endpoint, Params, Routes, SocketOptions, UserSocket,
    socket::handshake, telemetry::Transport,
};

struct Anybody;

impl UserSocket for Anybody {
    type State = ();

    async fn connect(_: &Params, _: &ConnectInfo, _: &()) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    fn channels(_: &mut Routes<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn sessions_that_are_over_are_forgotten() {
    let window = std::time::Duration::from_secs(10);
    let options = LongpollOptions::default().window(window);
    let options = SocketOptions::default().longpoll(options);
    let endpoint = Endpoint::builder(PubSub::local());
    let endpoint = endpoint.socket_with::<Anybody>("/socket", (), options);
    let endpoint = endpoint.start(Config::default()).await.unwrap();
    let (pubsub, runtime) = (endpoint.pubsub(), endpoint.node().runtime());
    let mount = endpoint.mount_of::<Anybody>().unwrap();
    let longpoll = Longpoll::start(&*mount, None, pubsub, runtime).unwrap();
    for _ in 0..10 {
        let (parts, ()) = Request::new(()).into_parts();
        let (params, transport) = (Params::default(), Transport::Longpoll);
        let candidate = handshake::admit(&*mount, endpoint.node(), params, parts, transport);
        let mut candidate = candidate.ok().unwrap();
        let connecting = mount
            .clone()
            .connect_queue(endpoint.clone(), &mut candidate);
        let connection = connecting.await.ok().unwrap();
        longpoll.open(connection, candidate.admission);
    }
    assert_eq!(longpoll.sessions.lock().len(), 10);
    tokio::time::sleep(window * 2).await;
    assert_eq!(longpoll.sessions.lock().len(), 0);
    let topic = format!("phx:lp:{}", longpoll.instance);
    assert_eq!(pubsub.subscribers(&topic), 1);
    drop(longpoll);
    assert_eq!(pubsub.subscribers(&topic), 0);
}
