//! Frames that are more or less than one message.

use sample_app::{Client, Server};
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::raw::frame;

fn fragment(data: &[u8], opcode: Data, last: bool) -> Message {
    Message::Frame(Frame::message(data.to_vec(), OpCode::Data(opcode), last))
}

#[tokio::test]
async fn a_message_may_come_in_fragments_with_a_ping_between() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;

    // The cut goes through a character.
    let message = json!([null, "7", "room:1", "ping", { "text": "é" }]).to_string();
    let cut = message.find('é').unwrap() + 1;
    let (start, end) = message.as_bytes().split_at(cut);
    client.send(fragment(&start[..5], Data::Text, false)).await;
    client
        .send(fragment(&start[5..], Data::Continue, false))
        .await;
    client.send(Message::Ping("still here".into())).await;
    client.send(fragment(end, Data::Continue, true)).await;

    assert_eq!(client.receive().await, Message::Pong("still here".into()));
    let reply = client.reply("7").await;
    assert_eq!(
        reply,
        json!({ "status": "ok", "response": { "text": "é" } })
    );
}

#[tokio::test]
async fn a_ping_gets_a_pong_with_its_data() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    for data in [&b""[..], b"data", &[7; 125]] {
        client.send(Message::Ping(data.into())).await;
        assert_eq!(client.receive().await, Message::Pong(data.into()));
    }
}

#[tokio::test]
async fn many_messages_may_come_at_once_and_one_byte_by_byte() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;

    let message = |n: u32| json!([null, n.to_string(), "room:1", "ping", { "n": n }]).to_string();
    let frames = (100..200).map(|n| frame(0x81, true, message(n).as_bytes()));
    client
        .send_raw(&frames.collect::<Vec<_>>().concat())
        .await
        .unwrap();
    for n in 100..200 {
        let reply = client.reply(&n.to_string()).await;
        assert_eq!(reply["response"]["n"], n);
    }

    client.stream().set_nodelay(true).unwrap();
    for byte in frame(0x81, true, message(7).as_bytes()) {
        client.send_raw(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(client.reply("7").await["response"]["n"], 7);
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client
        .send_raw(&frame(0x88, true, &1000_u16.to_be_bytes()))
        .await
        .unwrap();
    assert_eq!(client.closed().await, 1000);
}
