//! One HTTP GET request: enough to see that a page is served, and what it says.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

/// Sends `GET path` to `server`, and waits at most `limit` for the whole response. The limit is
/// rounded up to whole seconds. Redirects are not followed.
///
/// It blocks the thread. The path is sent as it is.
///
/// # Errors
///
/// Returns an error if `server` does not send a whole response in time.
pub fn get(server: SocketAddr, path: &str, limit: Duration) -> Result<Response> {
    let response = minreq::get(format!("http://{server}{path}"))
        .with_header("Connection", "close")
        .with_follow_redirects(false)
        .with_timeout(limit.as_secs_f64().ceil() as u64)
        .send()
        .with_context(|| format!("{server} did not answer GET {path} within {limit:?}"))?;
    Ok(Response {
        status: response.status_code,
        body: String::from_utf8_lossy(response.as_bytes()).into_owned(),
    })
}

/// As [`get`], but returns the body alone.
///
/// # Errors
///
/// Returns an error if there is no response in time, or if its status is not 200.
pub fn get_ok(server: SocketAddr, path: &str, limit: Duration) -> Result<String> {
    let Response { status, body } = get(server, path, limit)?;
    ensure!(
        status == 200,
        "{server} answered GET {path} with status {status}: {body}"
    );
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Answers one request with `answer`, and returns what it was asked.
    fn serve(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (address, serving)
    }

    #[test]
    fn a_body_with_a_length_and_one_in_chunks_are_read() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            let (server, serving) = serve(answer);
            assert_eq!(get_ok(server, "/a", LIMIT).unwrap(), "hello");
            let request = serving.join().unwrap();
            assert!(request.starts_with("GET /a HTTP/1.1\r\n"), "{request}");
        }
    }

    #[test]
    fn the_path_is_sent_as_it_is() {
        let (server, serving) = serve("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        let response = get(server, "/assets/../Cargo.toml?a=b", LIMIT).unwrap();
        assert_eq!(response.status, 404);
        let request = serving.join().unwrap();
        assert!(
            request.starts_with("GET /assets/../Cargo.toml?a=b HTTP/1.1\r\n"),
            "{request}"
        );
    }

    #[test]
    fn another_status_than_200_is_an_error_with_its_body() {
        let (server, _) = serve("HTTP/1.1 503 No\r\nContent-Length: 8\r\n\r\nnot here");
        let error = get_ok(server, "/ready", LIMIT).unwrap_err().to_string();
        assert!(
            error.contains("GET /ready with status 503: not here"),
            "{error}"
        );
    }

    #[test]
    fn a_redirect_is_not_followed() {
        let (server, _) = serve("HTTP/1.1 303 See\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(get(server, "/a", LIMIT).unwrap().status, 303);
    }

    #[test]
    fn a_server_that_says_nothing_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let error = get(server, "/a", Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().contains("did not answer GET /a"));
    }
}
