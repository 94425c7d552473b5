//! A client that sends one byte a second.

use std::time::Duration;

use axum::body::Body;
use futures_util::stream;
use presence_channels::Limits;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use crate::{
    abandoned::Poller,
    client::joined,
    world::{TIMEOUT, WINDOW, World},
};

const SECOND: Duration = Duration::from_secs(1);
/// The watch over clients looks at least 20 times a timeout.
const SLACK: Duration = Duration::from_secs(4);

/// Sends the bytes of `message`, one a second, and asserts that the client is closed in time.
fn assert_closed(message: Vec<u8>) {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let mut client = world.run(joined(endpoint, "room:1"));
    let ((), held) = world.measure(async {
        let begun = Instant::now();
        let mut bytes = message.iter();
        while endpoint.connections() == 2 {
            let byte = bytes.next().expect("it is closed before its message ends");
            // Fails if the server has closed the connection, which the loop sees next.
            let _ = client.send_raw(&[*byte]).await;
            bystander.assert_served("room:1").await;
            sleep(SECOND).await;
        }
        let lasted = begun.elapsed();
        assert!(lasted >= TIMEOUT && lasted <= TIMEOUT + SLACK, "{lasted:?}");
    });
    assert!(held.peak <= 64 * 1024, "{held:?}");
    assert_eq!(world.run(client.closed()), 1002);
}

#[test]
fn a_frame_a_byte_a_second_is_not_waited_for() {
    // A text of 60,000 bytes, says its header; the mask is zero.
    let mut frame = vec![0x81, 0x80 | 126, 0xea, 0x60, 0, 0, 0, 0];
    frame.resize(1000, b' ');
    assert_closed(frame);
}

#[test]
fn a_message_in_fragments_of_a_byte_is_not_waited_for() {
    let first = [0x01, 0x81, 0, 0, 0, 0, b'['];
    let next = [0x00, 0x81, 0, 0, 0, 0, b' '];
    let fragments = std::iter::once(first).chain(std::iter::repeat_n(next, 100));
    assert_closed(fragments.flatten().collect());
}

#[test]
fn who_sends_a_message_slowly_but_whole_stays() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut client = world.run(joined(endpoint, "room:1"));
    world.run(async {
        for n in 0..5 {
            let message = json!([null, n.to_string(), "room:1", "ping", {}]).to_string();
            let mut frame = vec![0x81, 0x80 | message.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(message.as_bytes());
            for byte in frame {
                client.send_raw(&[byte]).await.unwrap();
                sleep(SECOND).await;
            }
            assert_eq!(client.receive_json().await[1], n.to_string());
        }
        // Pings are enough, too: five minutes of them.
        for _ in 0..10 {
            let ping = [0x89, 0x80, 0, 0, 0, 0];
            client.send_raw(&ping).await.unwrap();
            sleep(TIMEOUT / 2).await;
        }
    });
    assert_eq!(endpoint.connections(), 1);
}

/// The request itself is read by the app's HTTP server: until it is whole, nothing here knows of
/// it.
#[test]
fn a_handshake_a_byte_a_second_takes_nobodys_place() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let request = "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nhost: localhost\r\n".to_owned()
        + &"x-fill: x\r\n".repeat(30);
    let ((), held) = world.measure(async {
        let mut slow: Vec<_> = (0..20).map(|_| World::connect(endpoint)).collect();
        for byte in request.bytes() {
            for pipe in &mut slow {
                let _ = pipe.write_all(&[byte]).await;
            }
            sleep(SECOND).await;
            assert_eq!(endpoint.connections(), 0);
        }
        let mut client = joined(endpoint, "room:1").await;
        client.assert_served("room:1").await;
    });
    // The buffers of the HTTP server, the pipes, and a router for each.
    assert!(held.peak <= 21 * 64 * 1024, "{held:?}");
}

#[test]
fn a_publish_a_byte_a_second_is_given_up_after_a_window() {
    let world = World::start(Limits::default());
    let endpoint = &world.endpoint;
    let mut bystander = world.run(joined(endpoint, "room:1"));
    let poller = world.run(Poller::joined(endpoint, "room:1"));
    let ((), held) = world.measure(async {
        let body = Body::from_stream(stream::unfold((), |()| async {
            sleep(SECOND).await;
            Some((Ok::<_, std::io::Error>("["), ()))
        }));
        let begun = Instant::now();
        assert_eq!(poller.publish(body).await, 408);
        assert_eq!(begun.elapsed(), WINDOW);
        bystander.assert_served("room:1").await;
        // The session is as before.
        let ping = json!(["1", "2", "room:1", "ping", {}]).to_string();
        assert_eq!(poller.publish(ping).await, 200);
    });
    assert!(held.peak <= 64 * 1024, "{held:?}");
}
