//! As much HTTP as it takes to ask a node for a page.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const REQUEST: Duration = Duration::from_secs(2);

/// The body of what `GET path` is answered with, if that is a success.
pub(crate) async fn get(node: SocketAddr, path: &str) -> Result<String> {
    let request = async {
        let mut stream = TcpStream::connect(node).await?;
        // 1.0, so that no answer comes in chunks.
        let head = format!("GET {path} HTTP/1.0\r\nHost: {node}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(REQUEST, request)
        .await
        .with_context(|| format!("{node} does not answer GET {path}"))??;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("{node} answers GET {path} with no head"))?;
    if head.split(' ').nth(1) != Some("200") {
        bail!("{node} answers GET {path} with {head}");
    }
    Ok(body.to_owned())
}
