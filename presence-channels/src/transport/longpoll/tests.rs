use http::Request;

use super::*;
use crate::{
    Config, ConnectError, ConnectInfo, Endpoint, Params, Routes, UserSocket, serializer::Version,
    socket::Mounted,
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
    let endpoint = Endpoint::builder(PubSub::local()).socket::<Anybody>("/socket", ());
    let endpoint = endpoint.start(Config::default()).await.unwrap();
    let (pubsub, runtime) = (endpoint.pubsub(), endpoint.runtime());
    let longpoll = Longpoll::start("/socket", &options, None, pubsub, runtime).unwrap();
    for _ in 0..10 {
        let mount = endpoint.mount_of::<Anybody>().unwrap();
        let info = mount.connect_info(&endpoint, Request::new(()).into_parts().0);
        let params = Params::default();
        let connection = mount.connect_queue(endpoint.clone(), &params, &info, Version::V2);
        let connection = connection.await.ok().unwrap();
        longpoll.open(connection, endpoint.admit(None).ok().unwrap());
    }
    assert_eq!(longpoll.sessions.lock().len(), 10);
    tokio::time::sleep(window * 2).await;
    assert_eq!(longpoll.sessions.lock().len(), 0);
    let topic = format!("phx:lp:{}", longpoll.instance);
    assert_eq!(pubsub.subscribers(&topic), 1);
    drop(longpoll);
    assert_eq!(pubsub.subscribers(&topic), 0);
}
