//! A client that takes its whole list.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tungstenite::Message;

use super::PATIENCE;

type Stream = tokio_tungstenite::WebSocketStream<TcpStream>;

/// A client with its whole list.
pub(super) struct Joined {
    stream: Stream,
    pub(super) took: Duration,
    pub(super) bytes: u64,
    pub(super) frames: u64,
    pub(super) largest: usize,
    /// The list, if it is compared with the truth.
    pub(super) list: Option<BTreeMap<String, Vec<String>>>,
}

pub(super) async fn join(
    port: u16,
    topic: &str,
    name: String,
    keeps: bool,
) -> anyhow::Result<Joined> {
    let begun = Instant::now();
    let url = format!("ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0&name={name}");
    let connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let (stream, _) = tokio_tungstenite::client_async(url, connection).await?;
    let mut joined = Joined {
        stream,
        took: Duration::ZERO,
        bytes: 0,
        frames: 0,
        largest: 0,
        list: keeps.then(BTreeMap::new),
    };
    let message = format!(r#"["1","1","{topic}","phx_join",{{}}]"#);
    joined.stream.send(Message::text(message)).await?;
    let listed = async {
        while !joined.takes_one().await? {}
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, listed)
        .await
        .context("a list takes too long")??;
    joined.took = begun.elapsed();
    Ok(joined)
}

impl Joined {
    /// Takes a message. Returns whether it says that the list is whole.
    pub(super) async fn takes_one(&mut self) -> anyhow::Result<bool> {
        let message = self.stream.next().await.context("a client was closed")??;
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Close(frame) => bail!("a client was closed: {frame:?}"),
            _ => return Ok(false),
        };
        self.bytes += text.len() as u64;
        self.frames += 1;
        if text.contains("\"presence_") {
            self.largest = self.largest.max(text.len());
        }
        if let Some(list) = &mut self.list {
            let message: Value = serde_json::from_str(text)?;
            match message[3].as_str() {
                Some("presence_state") => *list = refs(&message[4]),
                Some("presence_diff") => merge(list, &message[4]),
                _ => {}
            }
        }
        Ok(text.len() < 1000 && text.contains("\"listed\""))
    }
}

/// Merges as phoenix.js does.
fn merge(list: &mut BTreeMap<String, Vec<String>>, diff: &Value) {
    for (key, joining) in refs(&diff["joins"]) {
        let held = list.entry(key).or_default();
        held.retain(|phx_ref| !joining.contains(phx_ref));
        held.extend(joining);
    }
    for (key, leaving) in refs(&diff["leaves"]) {
        if let Some(held) = list.get_mut(&key) {
            held.retain(|phx_ref| !leaving.contains(phx_ref));
            if held.is_empty() {
                list.remove(&key);
            }
        }
    }
}

pub(super) fn refs(side: &Value) -> BTreeMap<String, Vec<String>> {
    let keys = side.as_object().into_iter().flatten();
    let metas = |entry: &Value| entry["metas"].as_array().cloned().unwrap_or_default();
    keys.map(|(key, entry)| {
        let refs = metas(entry);
        let refs = refs.iter().filter_map(|meta| meta["phx_ref"].as_str());
        (key.clone(), refs.map(str::to_owned).collect())
    })
    .collect()
}
