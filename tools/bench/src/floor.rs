//! The floor: one thread, only the protocol that the load needs, and one `try_write` for each
//! subscriber.

use std::{cell::RefCell, io, rc::Rc};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    task::LocalSet,
};
use tungstenite::handshake::derive_accept_key;

/// The messages that our server sends to the clients of [`client`](crate::client).
const REPLY: &[u8] = br#"["1","1","room:bench","phx_reply",{"status":"ok","response":{}}]"#;
const SHOUT: &[u8] =
    br#"[null,null,"room:bench","shout",{"body":"the quick brown fox jumps over the lazy dog"}]"#;

type Subscribers = Rc<RefCell<Vec<Rc<OwnedWriteHalf>>>>;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let room = Subscribers::default();
    let serving = async {
        loop {
            let (stream, _) = listener.accept().await?;
            // Without it, a frame that follows another waits for an acknowledgement.
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(serve(stream, room.clone()));
        }
    };
    LocalSet::new().run_until(serving).await
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(body.len()) {
        Ok(length @ ..126) => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&(body.len() as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(body);
    frame
}

async fn serve(mut stream: TcpStream, room: Subscribers) -> io::Result<()> {
    handshake(&mut stream).await?;
    let (reply, shout) = (frame(REPLY), frame(SHOUT));
    let (mut reads, writes) = stream.into_split();
    let writes = Rc::new(writes);
    let mut buffer = Vec::with_capacity(512);
    while reads.read_buf(&mut buffer).await? > 0 {
        while let Some((message, length)) = unmasked(&buffer) {
            buffer.drain(..length);
            let has = |event: &[u8]| message.windows(event.len()).any(|part| part == event);
            if has(b"\"shout\"") {
                for subscriber in room.borrow().iter() {
                    subscriber.try_write(&shout)?;
                }
                continue;
            }
            if has(b"\"phx_join\"") {
                room.borrow_mut().push(writes.clone());
            }
            writes.try_write(&reply)?;
        }
    }
    room.borrow_mut()
        .retain(|subscriber| !Rc::ptr_eq(subscriber, &writes));
    Ok(())
}

async fn handshake(stream: &mut TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.try_write(response.as_bytes())?;
    Ok(())
}

/// Returns the message of the first frame and the frame's length. Returns `None` if the frame is
/// incomplete. The clients of this load send masked frames shorter than 64 KiB.
fn unmasked(buffer: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (start, length) = match buffer.get(1)? & 0x7f {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*buffer.get(2)?, *buffer.get(3)?])),
        ),
        length => (2, usize::from(length)),
    };
    let mask = buffer.get(start..start + 4)?;
    let body = buffer.get(start + 4..start + 4 + length)?;
    let body = body
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    Some((body, start + 4 + length))
}
