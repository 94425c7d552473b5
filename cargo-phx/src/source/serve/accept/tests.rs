use crate::source::serve::Duty;
use crate::source::serve::tests::{assert_wired, duties, wired};

#[test]
fn a_loop_that_accepts_for_hyper() {
    let body = "tokio::spawn(async move {
            let service = service_fn(move |request| tower.clone().call(request));
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
";
    let start = "\
async fn main() -> anyhow::Result<()> {
    let app = Router::new().route(\"/\", get(index));
";
    let text = format!(
        "{start}    loop {{\n        let tower = app.clone();\n        \
         // The next connection.\n        let (stream, _) = listener.accept().await?;\n        \
         {body}}}\n"
    );
    let expected = format!(
        "\
async fn main() -> anyhow::Result<()> {{
    let endpoint = application::start(presence_channels::Config::default()).await?;
    let app = Router::new().route(\"/\", get(index));
    let app = app.merge(endpoint.router());
    let mut stop = std::pin::pin!(shutdown());
    loop {{
        let tower = app.clone();
        let accepted = tokio::select! {{
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        }};
        // The next connection.
        let (stream, _) = accepted?;
        // Without it, a message may wait for the client's acknowledgement.
        let _ = stream.set_nodelay(true);
        {body}    endpoint.stop().await;
    Ok(())
}}
"
    );
    assert_wired(&text, &expected);
}

#[test]
fn a_stream_that_no_tuple_binds_gets_the_option_too() {
    let text = |accept: &str| {
        format!(
            "async fn main() {{\n    let app = Router::new();\n    loop {{\n        {accept}\n        \
             tokio::spawn(http1::Builder::new().serve_connection(io, app.clone()));\n    }}\n}}\n"
        )
    };
    let line = "let _ = stream.set_nodelay(true);";
    for accept in [
        "let stream = match listener.accept().await { Ok((s, _)) => s, Err(_) => continue };",
        "let stream = match listener.accept().await { Ok((s, _)) => s, Err(_) => { log(); break; } };",
        "let stream = listener.accept().await.unwrap().0;",
    ] {
        let text = text(accept);
        let wired = wired(&text);
        assert!(wired.contains(line), "{wired}");
        assert_eq!(duties(&text), []);
    }
    for accept in [
        "let accepted = listener.accept().await;",
        "let stream = match listener.accept().await { Ok((s, _)) => tls(s), Err(_) => continue };",
    ] {
        let text = text(accept);
        assert!(!wired(&text).contains("set_nodelay"), "{accept}");
        assert_eq!(duties(&text), [Duty::NoDelay]);
    }
    // A Unix socket has no such option.
    let unix = text("let (stream, _) = listener.accept().await.unwrap();");
    let bind = "    let listener = UnixListener::bind(path).unwrap();\n    loop";
    let unix = unix.replace("    loop", bind);
    assert!(!wired(&unix).contains("set_nodelay"));
    assert_eq!(duties(&unix), []);
}

#[test]
fn a_unix_stream_gets_no_option_wherever_its_listener_comes_from() {
    let text = |parameters: &str, listener: &str, rest: &str| {
        format!(
            "async fn run({parameters}) {{\n    let app = Router::new();\n    loop {{\n        \
             let (stream, _) = {listener}.accept().await.unwrap();\n        \
             tokio::spawn(http1::Builder::new().serve_connection(io, app.clone()));\n    }}\n}}\n\
             {rest}"
        )
    };
    let helper = "fn listen() -> UnixListener { todo!() }\n";
    let field = "struct App { listener: UnixListener }\n";
    let bound = "let listener = listen();\n    loop";
    for text in [
        text("listener: tokio::net::UnixListener", "listener", ""),
        text("", "listen()", helper),
        text("", "listener", helper).replace("loop", bound),
        text("app: App", "app.listener", field),
        text("", "listener", "").replace("loop", "let listener: UnixListener = open();\n    loop"),
    ] {
        assert!(!wired(&text).contains("set_nodelay"), "{text}");
        assert_eq!(duties(&text), [], "{text}");
    }
    // A listener of an unknown type, in a file with a Unix listener.
    let unknown = text("listener: Listener", "listener", helper);
    assert!(!wired(&unknown).contains("set_nodelay"));
    assert_eq!(duties(&unknown), [Duty::NoDelay]);
    let tcp = text("listener: TcpListener", "listener", helper);
    assert!(wired(&tcp).contains("let _ = stream.set_nodelay(true);"));
    assert_eq!(duties(&tcp), []);
}
