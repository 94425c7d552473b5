//! tokio-tungstenite alone, for the cost of large messages: the handshake, and an answer to each
//! message.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

pub(crate) fn run(workers: usize) -> anyhow::Result<()> {
    let runtime = match workers {
        1 => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        workers => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()?,
    };
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    })
}

async fn serve(stream: TcpStream) -> anyhow::Result<()> {
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        // The event is the fourth element, before the payload.
        let is_echo = text
            .get(..64)
            .is_some_and(|begin| begin.contains("\"ping\""));
        let answer = match is_echo {
            true => Message::Text(text),
            false => Message::text(format!(r#"{{"bytes":{}}}"#, text.len())),
        };
        socket.send(answer).await?;
    }
    Ok(())
}
