//! Bytes and requests that no well-behaved client sends.

use std::time::Duration;

use sample_app::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A frame as a client sends it, but for what `first` and `masked` get wrong. The mask is zero,
/// which leaves the payload readable.
pub(crate) fn frame(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= 125, "the short form of a length");
    let mask_bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![first, mask_bit | payload.len() as u8];
    frame.extend(masked.then_some([0; 4]).into_iter().flatten());
    frame.extend_from_slice(payload);
    frame
}

/// Sends an HTTP request; gives the status of the answer.
pub(crate) async fn http_status(server: &Server, request_line: &str, headers: &[&str]) -> u16 {
    let mut request = format!("{request_line} HTTP/1.1\r\nhost: {}\r\n", server.address);
    for header in headers {
        request += &format!("{header}\r\n");
    }
    request += "\r\n";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; "HTTP/1.1 200".len()];
    let read = timeout(Duration::from_secs(10), stream.read_exact(&mut start)).await;
    read.expect("an answer").unwrap();
    let start = std::str::from_utf8(&start).unwrap();
    start.rsplit(' ').next().unwrap().parse().unwrap()
}
