use crate::source::serve::tests::assert_wired;

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
