use super::*;
use crate::source::testing::outcome;

/// Returns the wired text. A second run of this edit is not tested: its caller first looks for
/// `application`.
#[track_caller]
fn wired(text: &str) -> String {
    let Outcome::Edited(result) = outcome(text, |source| wire(source, "application::start")) else {
        panic!("nothing was wired in:\n{text}");
    };
    if crate::source::testing::rustfmt(text) == text {
        assert_eq!(crate::source::testing::rustfmt(&result), result);
    }
    let path = std::path::Path::new("main.rs");
    assert!(starts_application(&Source::parse(path, &result).unwrap()));
    result
}

#[test]
fn the_classic_main() {
    let text = "\
#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(index));
    let listener = TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();

    // Runs for ever.
    axum::serve(listener, app).await.unwrap();
}
";
    let expected = "\
#[tokio::main]
async fn main() {
    let app = Router::new().route(\"/\", get(index));
    let listener = TcpListener::bind(\"127.0.0.1:3000\").await.unwrap();

    // Runs for ever.
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = app.merge(endpoint.router());
    axum::serve(listener, app).await.unwrap();
    endpoint.stop().await;
}
";
    assert_eq!(wired(text), expected);
}

#[test]
fn a_main_with_a_result_and_another_name() {
    let text = "\
async fn main() -> anyhow::Result<()> {
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(signal())
    .await?; // until ctrl-c
    Ok(())
}
";
    let expected = "\
async fn main() -> anyhow::Result<()> {
    let endpoint = application::start(presence_channels::Config::default()).await?;
    let router = router.merge(endpoint.router());
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(signal())
    .await?; // until ctrl-c
    endpoint.stop().await;
    Ok(())
}
";
    assert_eq!(wired(text), expected);
}

#[test]
fn a_router_that_a_function_builds() {
    let text = "\
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    axum::serve(listener, app(pool)).await?;
    Ok(())
}
";
    let expected = "\
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = application::start(presence_channels::Config::default()).await?;
    let app = app(pool).merge(endpoint.router());
    axum::serve(listener, app).await?;
    endpoint.stop().await;
    Ok(())
}
";
    assert_eq!(wired(text), expected);

    let long = text.replace(
        "app(pool)",
        "Router::new().route(\"/\", get(index)).with_state(pool)",
    );
    let text = wired(&long);
    assert!(text.contains("    let app = Router::new().route(\"/\", get(index)).with_state(pool);\n    let app = app.merge(endpoint.router());\n    axum::serve(listener, app).await?;"), "{text}");
}

#[test]
fn the_value_of_the_function_waits_for_the_stop() {
    let text = "\
async fn main() -> std::io::Result<()> {
    let app = app();
    axum::serve(listener, app).await
}
";
    let expected = "\
async fn main() -> std::io::Result<()> {
    let app = app();
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = app.merge(endpoint.router());
    let served = axum::serve(listener, app).await;
    endpoint.stop().await;
    served
}
";
    assert_eq!(wired(text), expected);
}

#[test]
fn a_server_below_an_if_or_in_another_function() {
    let text = "\
async fn serve() {
    if let Err(error) = axum::serve(listener, app).await {
        panic!(\"{error}\");
    }
}
";
    let expected = "\
async fn serve() {
    let endpoint = application::start(presence_channels::Config::default())
        .await
        .expect(\"the application starts\");
    let app = app.merge(endpoint.router());
    if let Err(error) = axum::serve(listener, app).await {
        panic!(\"{error}\");
    }
    endpoint.stop().await;
}
";
    assert_eq!(wired(text), expected);
}

#[test]
fn other_shapes_are_left_to_the_user() {
    for text in [
        "fn main() {}\n",
        "async fn main() { let server = axum::serve(listener, app); server.await.unwrap(); }\n",
        "async fn main() { tokio::spawn(async { axum::serve(listener, app).await }); }\n",
        "async fn main() { axum::serve(a, app).await; axum::serve(b, app).await; }\n",
        "async fn main() { axum_server::bind(address).serve(app).await; }\n",
        "fn main() { run(|| async { axum::serve(a, app).await.unwrap(); }) }\n",
    ] {
        let found = outcome(text, |source| wire(source, "application::start"));
        assert_eq!(found, Outcome::Unknown, "{text}");
    }
}

#[test]
fn a_file_that_starts_the_application_says_so() {
    let mentions = |text: &str| {
        starts_application(&Source::parse(std::path::Path::new("a.rs"), text).unwrap())
    };
    assert!(mentions("fn main() { application::start(c); }\n"));
    assert!(mentions("fn main() { hello::application::start(c); }\n"));
    assert!(mentions("use hello::application::start;\n"));
    assert!(mentions("use hello::{application::{self, start}, web};\n"));
    assert!(!mentions("use hello::application;\n"));
    assert!(!mentions("mod application;\nfn main() { start(); }\n"));
}
