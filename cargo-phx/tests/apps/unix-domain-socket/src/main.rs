//! A server that a proxy on the same machine reaches at a Unix socket.

#[cfg(unix)]
#[tokio::main]
async fn main() {
    unix::server().await;
}

#[cfg(not(unix))]
fn main() {
    println!("This app needs Unix sockets");
}

#[cfg(unix)]
mod unix {
    use std::path::PathBuf;

    use axum::Router;
    use axum::extract::connect_info::{ConnectInfo, Connected};
    use axum::routing::get;
    use axum::serve::IncomingStream;
    use tokio::net::UnixListener;

    pub async fn server() {
        let path = std::env::var_os("SOCKET").map_or_else(
            || std::env::temp_dir().join("unix-domain-socket"),
            PathBuf::from,
        );
        let _ = tokio::fs::remove_file(&path).await;

        let uds = UnixListener::bind(&path).unwrap();
        println!("listening on {}", path.display());

        let app = Router::new()
            .route("/", get(handler))
            .into_make_service_with_connect_info::<UdsConnectInfo>();

        axum::serve(uds, app).await.unwrap();
    }

    async fn handler(ConnectInfo(info): ConnectInfo<UdsConnectInfo>) -> String {
        format!("Hello, user {:?}!", info.user)
    }

    #[derive(Clone, Debug)]
    struct UdsConnectInfo {
        // The user whose process connected.
        user: Option<u32>,
    }

    impl Connected<IncomingStream<'_, UnixListener>> for UdsConnectInfo {
        fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
            let peer = stream.io().peer_cred().ok();
            Self {
                user: peer.map(|peer| peer.uid()),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn the_user_is_greeted() {
            let info = UdsConnectInfo { user: Some(7) };
            assert_eq!(handler(ConnectInfo(info)).await, "Hello, user Some(7)!");
        }
    }
}
