use std::path::Path;

use super::*;
use crate::source::serve::{self, Functions, Wiring};
use crate::source::testing::rustfmt;

/// A project with a function `app`.
struct WithApp;

impl Functions for WithApp {
    fn return_type(&self, name: &str) -> Option<String> {
        (name == "app").then(|| "Router".to_owned())
    }
}

/// Asserts that one of the candidates is `text` again, and that wiring it gives the same code.
#[track_caller]
fn takes_back(text: &str) {
    let formatted = rustfmt(text) == text;
    let format = |text: String| if formatted { rustfmt(&text) } else { text };
    let wire = |text: &str| {
        let source = Source::parse(Path::new("main.rs"), text).unwrap();
        match serve::wire(&source, "application", &WithApp, None) {
            Wiring::Wired { text, .. } => Some(format(text)),
            _ => None,
        }
    };
    let wired = wire(text).unwrap_or_else(|| panic!("nothing was wired in:\n{text}"));
    let source = Source::parse(Path::new("main.rs"), &wired).unwrap();
    let mut candidates: Vec<_> = candidates(&source, &WithApp)
        .into_iter()
        .map(format)
        .collect();
    candidates.retain(|candidate| wire(candidate).as_ref() == Some(&wired));
    assert_eq!(
        candidates.first().map(String::as_str),
        Some(text),
        "{wired}"
    );
}

const LISTENER: &str = "    let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n";

#[test]
fn a_server_of_axum_is_taken_back() {
    for body in [
        "    let app = Router::new();\n\n    // Runs for ever.\n    \
         axum::serve(listener, app).await.unwrap();\n",
        "    let app = Router::new();\n    \
         axum::serve(listener, app).await.unwrap(); // until ctrl-c\n",
        "    axum::serve(listener, app(pool)).await.unwrap();\n",
        "    axum::serve(listener, Router::new().route(\"/\", get(index)))\n        .await\n        \
         .unwrap();\n",
        "    let app = Router::new();\n    axum::serve(listener, app)\n        \
         .with_graceful_shutdown(signal())\n        .await\n        .unwrap();\n",
        "    let app = Router::new();\n    let server = axum::serve(listener, app);\n    \
         server.await.unwrap();\n",
    ] {
        takes_back(&format!("async fn main() {{\n{LISTENER}{body}}}\n"));
    }
}

#[test]
fn a_server_that_returns_its_result_is_taken_back() {
    takes_back(
        "async fn main() -> std::io::Result<()> {\n    let app = Router::new();\n    \
         let listener = TcpListener::bind(\"[::]:0\").await?;\n    \
         axum::serve(listener, app).await\n}\n",
    );
}

#[test]
fn handlers_that_take_an_address_get_it_again() {
    takes_back(
        "use axum::extract::ConnectInfo;\nuse std::net::SocketAddr;\n\nasync fn main() {\n    \
         let app = Router::new();\n    let address = SocketAddr::from(([127, 0, 0, 1], 0));\n    \
         let listener = TcpListener::bind(address).await.unwrap();\n    axum::serve(\n        \
         listener,\n        app.into_make_service_with_connect_info::<SocketAddr>(),\n    )\n    \
         .await\n    .unwrap();\n}\n\n\
         async fn index(ConnectInfo(from): ConnectInfo<SocketAddr>) {}\n",
    );
}

/// A handler takes the address, but the app serves without it.
#[test]
fn an_address_that_handlers_do_not_get_is_not_put_in() {
    takes_back(
        "use axum::extract::ConnectInfo;\nuse std::net::SocketAddr;\n\nasync fn main() {\n    \
         let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n    \
         axum::serve(listener, app()).await.unwrap();\n}\n\n\
         async fn index(ConnectInfo(from): ConnectInfo<SocketAddr>) {}\n",
    );
}

#[test]
fn a_service_without_the_address_is_taken_back() {
    for body in [
        "    let app = Router::new();\n\n    // Runs for ever.\n    \
         axum::serve(listener, app.into_make_service())\n        .await\n        .unwrap();\n",
        "    axum::serve(listener, app().into_make_service())\n        .await\n        \
         .unwrap();\n",
        "    let app = Router::new();\n    \
         let server = axum::serve(listener, app.into_make_service());\n    \
         server.await.unwrap();\n",
        "    let app = Router::new();\n    tokio::select! {\n        \
         served = axum::serve(listener, app.into_make_service()) => served.unwrap(),\n        \
         () = signal() => {}\n    }\n",
    ] {
        takes_back(&format!("async fn main() {{\n{LISTENER}{body}}}\n"));
    }
}

#[test]
fn a_service_in_a_variable_is_taken_back() {
    for made in [
        "    let app = Router::new()\n        .route(\"/\", get(index))\n        \
         .into_make_service();\n",
        "    let app = Router::new();\n    let app = app.into_make_service();\n",
    ] {
        takes_back(&format!(
            "async fn main() {{\n{LISTENER}{made}    axum::serve(listener, app).await.unwrap();\n}}\n"
        ));
    }
}

#[test]
fn an_import_that_the_service_needs_is_put_back() {
    takes_back(
        "use std::net::SocketAddr;\n\nasync fn main() {\n    let app = Router::new();\n    \
         let listener = TcpListener::bind(\"[::]:0\").await.unwrap();\n    axum::serve(\n        \
         listener,\n        app.into_make_service_with_connect_info::<SocketAddr>(),\n    )\n    \
         .await\n    .unwrap();\n}\n",
    );
}

#[test]
fn a_server_that_stays_is_taken_back() {
    for server in [
        "    axum::serve(listener, m.layer(app).into_make_service())\n        .await\n        \
         .unwrap();\n",
        "    let listener = listener.limit_connections(10);\n    \
         axum::serve(listener, app).await.unwrap();\n",
        "    axum::serve(listener, m.layer(app))\n        .with_graceful_shutdown(signal())\n        \
         .await\n        .unwrap();\n",
    ] {
        takes_back(&format!(
            "async fn main() {{\n    let app = Router::new();\n{LISTENER}{server}}}\n"
        ));
    }
    // The app sets the option itself, in the same way.
    takes_back(&format!(
        "async fn main() {{\n    let app = Router::new();\n{LISTENER}    \
         let listener = ListenerExt::tap_io(listener, |stream| {{\n        \
         let _ = stream.set_nodelay(true);\n    }});\n    \
         axum::serve(listener, app).await.unwrap();\n}}\n"
    ));
}

#[test]
fn a_server_on_a_unix_socket_is_taken_back() {
    takes_back(
        "async fn main() {\n    let app = Router::new();\n    \
         let listener = UnixListener::bind(path).unwrap();\n    \
         axum::serve(listener, app).await.unwrap();\n}\n",
    );
}

#[test]
fn a_server_of_axum_server_is_taken_back() {
    for server in [
        "axum_server::bind_rustls(address, config)\n        ",
        "axum_server::bind_rustls(address, config)\n        .map(|tls| tls.acceptor(own))\n        ",
        "axum_server::bind_openssl(address, config)\n        ",
        "axum_server::bind(address)\n        ",
        "axum_server::bind(address)\n        .acceptor(NoDelayAcceptor::new())\n        ",
    ] {
        takes_back(&format!(
            "async fn main() {{\n    let app = Router::new();\n    \
             {server}.serve(app.into_make_service())\n        .await\n        .unwrap();\n}}\n"
        ));
    }
}

#[test]
fn a_file_that_is_not_formatted_is_taken_back() {
    takes_back(
        "async fn main()\n{\n  let app=Router::new();\n  \
         let l = TcpListener::bind(\"[::]:0\").await.unwrap();\n  \
         axum::serve(l, app).await.unwrap(); // for ever\n}\n",
    );
}

#[test]
fn a_server_that_its_user_has_wired_is_left() {
    let text = "async fn main() {\n    let endpoint = application::start(config).await?;\n    \
                let app = web::router().merge(endpoint.router());\n    \
                axum::serve(listener, app).await?;\n}\n";
    let source = Source::parse(Path::new("main.rs"), text).unwrap();
    assert_eq!(candidates(&source, &WithApp), Vec::<String>::new());
    assert_eq!(lines(&source), [2, 3]);
}

#[test]
fn a_loop_that_accepts_is_taken_back() {
    let tasks = "tokio::spawn(async move {\n            let service = service_fn(move |request| \
                 tower.clone().call(request));\n            \
                 let _ = Builder::new(TokioExecutor::new())\n                \
                 .serve_connection_with_upgrades(TokioIo::new(stream), service)\n                \
                 .await;\n        });\n    }\n";
    let start = "async fn main() -> anyhow::Result<()> {\n    \
                 let app = Router::new().route(\"/\", get(index));\n\n    loop {\n        \
                 let tower = app.clone();\n";
    for accept in [
        "        // The next connection.\n        \
         let (stream, _) = listener.accept().await?;\n        ",
        "        let Ok((stream, _)) = listener.accept().await else {\n            \
         continue;\n        };\n        ",
        // The user's `select!`.
        "        let (stream, _) = tokio::select! {\n            \
         accepted = first.accept() => accepted?,\n            \
         accepted = second.accept() => accepted?,\n        };\n\n        ",
        // A listener that sets the option itself.
        "        let (stream, _) = listener.accept().await?;\n        \
         stream.set_nodelay(true)?;\n        ",
    ] {
        takes_back(&format!("{start}{accept}{tasks}}}\n"));
    }
    // A loop that ends, and the value after it.
    let ends = "        if done() {\n            break;\n        }\n        \
                let (stream, _) = listener.accept().await?;\n        ";
    takes_back(&format!("{start}{ends}{tasks}    Ok(())\n}}\n"));
}

#[test]
fn a_server_with_a_handle_of_its_own_is_taken_back() {
    for handle in ["Handle::new()", "axum_server::Handle::new()"] {
        takes_back(&format!(
            "async fn main() {{\n    let handle = {handle};\n    \
             tokio::spawn(shutdown(handle.clone()));\n    let app = Router::new();\n    \
             axum_server::bind_rustls(address, config)\n        .handle(handle)\n        \
             .serve(app.into_make_service())\n        .await\n        .unwrap();\n}}\n\n\
             async fn shutdown(handle: Handle) {{}}\n"
        ));
    }
}

#[test]
fn one_of_several_servers_is_taken_back() {
    takes_back(
        "async fn main() {\n    tokio::join!(\n        serve(Router::new(), 3001),\n        \
         serve(Router::new().route(\"/\", get(index)), 3002),\n    );\n}\n\n\
         async fn serve(app: Router, port: u16) {\n    \
         let listener = TcpListener::bind((\"::1\", port)).await.unwrap();\n    \
         axum::serve(listener, app).await.unwrap();\n}\n",
    );
}
