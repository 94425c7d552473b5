//! Bytes that are not a frame, frames that are not a message, messages for no channel. Other
//! clients are not affected.

use sample_app::{Client, Server};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::frame;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;

/// Sends each of `messages` on a connection of its own and asserts how it is closed, and that a
/// bystander is not touched.
async fn assert_closed_with(code: u16, query: &str, messages: Vec<Message>) {
    let server = Server::start().await;
    let mut bystander = Client::connect(&server, "bystander").await;
    for message in messages {
        let mut client = Client::open(&server, query).await;
        client.send(message.clone()).await;
        assert_eq!(client.closed().await, code, "{message:?}");
    }
    bystander.assert_alive().await;
}

/// As [`assert_closed_with`], for bytes below the WebSocket layer.
async fn assert_bytes_closed_with(code: u16, cases: Vec<(&str, Vec<u8>)>) {
    let server = Server::start().await;
    let mut bystander = Client::connect(&server, "bystander").await;
    for (case, bytes) in cases {
        let mut client = Client::connect(&server, "mallory").await;
        client.send_raw(&bytes).await.unwrap();
        assert_eq!(client.closed().await, code, "{case}");
    }
    bystander.assert_alive().await;
}

#[tokio::test]
async fn text_that_is_no_message_closes_with_1011() {
    let texts = [
        "",
        "nonsense",
        "{",
        "[\"1\", \"1\", \"room:1\", \"ping\"",
        "null",
        "7",
        "\"phx_join\"",
        "{}",
        "[]",
        "[null, null, \"room:1\", \"ping\"]",
        "[null, null, \"room:1\", \"ping\", {}, {}",
        "[null, null, \"room:1\", \"ping\", {\"a\": \"\\ud83d\"}]",
        "[null, null, \"room:1\", \"ping\", {\"\\ude00\": 1}]",
        "[null, null, \"room:1\", \"ping\", {\"n\": -1E+999}]",
        "[\"\\ud83d\", null, \"phoenix\", \"heartbeat\", {}]",
        "[null, \"1\", \"room:\\ud83d\", \"phx_join\", {}]",
        "{\"topic\": \"room:1\", \"event\": \"ping\", \"payload\": {}, \"ref\": \"1\"}",
    ];
    let messages = texts.map(Message::text).to_vec();
    assert_closed_with(1011, "vsn=2.0.0", messages).await;
}

#[tokio::test]
async fn text_that_is_no_message_of_version_1_closes_with_1011() {
    let texts = [
        "nonsense",
        "{}",
        "{\"topic\": \"room:1\", \"event\": \"ping\", \"payload\": {}}",
        "[null, \"1\", \"room:1\", \"ping\", {}]",
    ];
    let mut messages = texts.map(Message::text).to_vec();
    messages.push(Message::binary(&b"\0\0\0\0\0"[..]));
    assert_closed_with(1011, "vsn=1.0.0", messages).await;
}

#[tokio::test]
async fn binary_that_is_no_message_closes_with_1011() {
    let messages: [&[u8]; 6] = [
        b"",
        b"\0",
        b"\0\0\0\0",
        // Its topic would be of six bytes.
        b"\0\0\0\x06\0room",
        // A reply, which only the server sends.
        b"\x01\0\0\0\0",
        // Its topic is not UTF-8.
        b"\0\0\0\x01\0\xff",
    ];
    let messages = messages.map(Message::binary).to_vec();
    assert_closed_with(1011, "vsn=2.0.0", messages).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    let cases = vec![
        ("no character", frame(FIN | TEXT, true, b"\"\xff\"")),
        ("half a character", frame(FIN | TEXT, true, b"\"\xc3")),
        ("a surrogate", frame(FIN | TEXT, true, b"\"\xed\xa0\x80\"")),
    ];
    assert_bytes_closed_with(1007, cases).await;
}

#[tokio::test]
async fn frames_against_the_protocol_close_with_1002() {
    let ping = br#"[null,"1","phoenix","heartbeat",{}]"#;
    let too_long_for_a_ping = {
        let mut bytes = vec![0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0];
        bytes.extend([0; 126]);
        bytes
    };
    let cases = vec![
        ("no mask", frame(FIN | TEXT, false, ping)),
        ("reserved bit 1", frame(FIN | 0x40 | TEXT, true, ping)),
        ("reserved bit 2", frame(FIN | 0x20 | TEXT, true, ping)),
        ("reserved bit 3", frame(FIN | 0x10 | BINARY, true, ping)),
        ("reserved opcode", frame(FIN | 0x3, true, ping)),
        ("reserved control opcode", frame(FIN | 0xb, true, ping)),
        ("nothing to continue", frame(FIN, true, ping)),
        (
            "a message within a message",
            [frame(TEXT, true, b"["), frame(FIN | TEXT, true, ping)].concat(),
        ),
        ("a ping in fragments", frame(0x9, true, b"")),
        ("a long ping", too_long_for_a_ping),
    ];
    assert_bytes_closed_with(1002, cases).await;
}

#[tokio::test]
async fn a_topic_without_a_channel_is_an_error_reply() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    let unmatched = json!({ "status": "error", "response": { "reason": "unmatched topic" } });
    for topic in ["nowhere", "", "room", "Room:1", "nowhere:1"] {
        let reply = client.request(topic, "phx_join", json!({})).await;
        assert_eq!(reply, unmatched, "{topic:?}");
    }
    let not_joined = client.request("room:1", "ping", json!({})).await;
    assert_eq!(not_joined, unmatched);
    client.join("room:1").await;
}

/// Phoenix crashes the channel of the sender.
#[tokio::test]
async fn a_broadcast_of_no_object_ends_the_senders_channel_and_reaches_nobody() {
    let server = Server::start().await;
    let mut bystander = Client::connect(&server, "bystander").await;
    bystander.join("room:1").await;
    for payload in [json!(null), json!([]), json!(1), json!("{}"), json!(true)] {
        let mut client = Client::connect(&server, "alice").await;
        client.join("room:1").await;
        client.push("room:1", "shout", payload.clone()).await;
        let error = client.receive_json().await;
        assert_eq!(error[3], "phx_error", "{payload}");
        assert_eq!(error[4], json!({ "reason": "channel_crash" }));
        client.join("room:1").await;
        client.push("room:1", "shout", json!({ "n": 1 })).await;
        assert_eq!(client.receive_json().await[4], json!({ "n": 1 }));
        // The next that the bystander gets is the next broadcast.
        assert_eq!(bystander.receive_json().await[4], json!({ "n": 1 }));
    }
}

#[tokio::test]
async fn a_reply_may_have_any_payload() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;
    for payload in [json!(null), json!([1]), json!(1.5), json!("text")] {
        let reply = client.request("room:1", "ping", payload.clone()).await;
        assert_eq!(reply, json!({ "status": "ok", "response": payload }));
    }
}

#[tokio::test]
async fn refs_are_compared_as_values() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    let cases = [
        (r#""1ž""#, r#""1\u017e""#, true),
        (r#"{"b":[1, 2],"a":"x"}"#, r#"{"a":"x","b":[1,2]}"#, true),
        ("1.0", "1.00", true),
        ("1", "1.0", false),
        ("\"\"", "null", true),
        ("null", "\"\"", false),
        // A join with null is not one with the ref that its replies carry.
        ("null", "\"9\"", false),
    ];
    for (number, (joined_with, sent_with, answers)) in cases.into_iter().enumerate() {
        let topic = format!("room:{number}");
        let join = format!(r#"[{joined_with},"9","{topic}","phx_join",{{}}]"#);
        client.send(join).await;
        assert_eq!(client.receive_json().await[4]["status"], "ok");
        client
            .send(format!(r#"[{sent_with},"2","{topic}","ping",{{"n":1}}]"#))
            .await;
        if answers {
            assert_eq!(client.receive_json().await[1], "2", "{sent_with}");
        }
        // Without an answer, only the heartbeat is answered.
        client.assert_alive().await;
    }
}

#[tokio::test]
async fn a_leave_of_a_topic_that_is_no_text_is_confirmed() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    for topic in ["null", "7", "[\"room:1\"]"] {
        client
            .send(format!(r#"["4","5",{topic},"phx_leave",{{}}]"#))
            .await;
        let topic: serde_json::Value = serde_json::from_str(topic).unwrap();
        let confirmed = json!({ "status": "ok", "response": {} });
        let expected = json!(["4", "5", topic, "phx_reply", confirmed]);
        assert_eq!(client.receive_json().await, expected);
    }
}

#[tokio::test]
async fn in_version_1_the_kind_of_a_frame_and_double_members_do_not_matter() {
    let server = Server::start().await;
    let mut client = Client::open(&server, "vsn=1.0.0").await;
    let heartbeat = concat!(
        r#"{"topic":"x","event":"heartbeat","payload":1,"#,
        r#""ref":"0","\u0072ef":"1","topic":"phoenix"}"#
    );
    client.send(Message::binary(heartbeat)).await;
    let reply = client.receive_json().await;
    assert_eq!(reply["topic"], "phoenix");
    assert_eq!(reply["ref"], "1");
}

#[tokio::test]
async fn the_events_of_the_protocol_are_unknown_events_when_a_client_sends_them() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    for event in ["phx_close", "phx_error", "phx_reply", "presence_diff", ""] {
        client.join("room:1").await;
        client.push("room:1", event, json!({})).await;
        assert_eq!(client.receive_json().await[3], "phx_error", "{event}");
    }
}

#[tokio::test]
async fn a_heartbeat_is_answered_whatever_it_carries() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    let answer = json!([null, "h", "phoenix", "phx_reply", { "status": "ok", "response": {} }]);
    for heartbeat in [
        r#"[null,"h","phoenix","heartbeat",null]"#,
        r#"["7","h","phoenix","heartbeat",{"a":[1]}]"#,
        r#"[{},"h","phoenix","heartbeat",1,2,3]"#,
    ] {
        client.send(heartbeat).await;
        assert_eq!(client.receive_json().await, answer, "{heartbeat}");
    }
    let binary = b"\0\0\x01\x07\x09hphoenixheartbeat\xff";
    client.send(Message::binary(&binary[..])).await;
    assert_eq!(client.receive_json().await, answer);
}

#[tokio::test]
async fn a_topic_that_is_no_text_is_an_error_reply() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client.send(r#"["1", "1", {"a": 1}, "phx_join", {}]"#).await;
    let message = client.receive_json().await;
    assert_eq!(message[3], "phx_reply");
    assert_eq!(message[4]["response"]["reason"], "unmatched topic");
    client.assert_alive().await;
}

#[tokio::test]
async fn an_unknown_event_ends_its_channel_and_no_other() {
    let server = Server::start().await;
    let mut client = Client::connect(&server, "alice").await;
    client.join("room:1").await;
    client.join("room:2").await;
    client.push("room:1", "no such event", json!({})).await;
    let message = client.receive_json().await;
    assert_eq!(
        (&message[2], &message[3]),
        (&json!("room:1"), &json!("phx_error"))
    );
    let reply = client.request("room:2", "ping", json!({ "n": 1 })).await;
    assert_eq!(reply, json!({ "status": "ok", "response": { "n": 1 } }));
}
