//! The mounted sockets and their routes.

use std::{
    any::{Any, TypeId},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::any,
};
use http::{Request, StatusCode};
use presence_core::PubSub;
use tokio::runtime::Handle;

use crate::{
    Endpoint,
    node::Mounts,
    socket::Mounted,
    token::SecretKeyBase,
    transport::{
        longpoll::{self, Longpoll},
        probe,
        websocket::OpensWebSockets,
    },
};

/// The mounts of an endpoint, in the order in which the app named them.
pub(super) struct MountTable(Vec<MountPoint>);

/// A mounted socket, and its long-polling on this endpoint.
struct MountPoint {
    mount: Arc<dyn OpensWebSockets>,
    longpoll: Option<Arc<Longpoll>>,
}

impl MountTable {
    pub(super) fn start(
        mounts: Vec<Arc<dyn OpensWebSockets>>,
        secret: Option<&SecretKeyBase>,
        pubsub: &PubSub,
        runtime: &Handle,
    ) -> Self {
        let points = mounts.into_iter().map(|mount| {
            let longpoll = Longpoll::start(&*mount, secret, pubsub, runtime);
            MountPoint { mount, longpoll }
        });
        Self(points.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &dyn Mounted> {
        self.0.iter().map(|point| &*point.mount as &dyn Mounted)
    }
}

impl Mounts for MountTable {
    fn router(&self, endpoint: &Endpoint) -> Router {
        let points = self.0.iter();
        points.fold(Router::new(), |router, point| {
            point.add_to(router, endpoint)
        })
    }

    fn find(&self, mount: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        let mut mounts = self.0.iter().map(|point| point.mount.clone().into_any());
        mounts.find(|any| (**any).type_id() == mount)
    }
}

impl MountPoint {
    fn add_to(&self, mut router: Router, endpoint: &Endpoint) -> Router {
        let path = self.mount.path();
        let (socket, asked) = (self.mount.clone(), endpoint.clone());
        let ask = async move |request: Request<Body>| -> Response {
            let (parts, _) = request.into_parts();
            let answer = probe::answer(socket.clone(), asked.node(), parts).await;
            answer.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
        };
        if self.mount.options().connect_check {
            router = router.route(path, any(ask));
        }
        let (socket, opened) = (self.mount.clone(), endpoint.clone());
        let open = move |request: Request<Body>| socket.clone().open(opened.clone(), request);
        for path in spellings(path, "websocket") {
            router = router.route(&path, any(open.clone()));
        }
        let Some(longpoll) = self.longpoll.clone() else {
            return router;
        };
        let (mount, endpoint) = (self.mount.clone(), endpoint.clone());
        let serve = move |request: Request<Body>| {
            longpoll::serve(longpoll.clone(), mount.clone(), endpoint.clone(), request)
        };
        for path in spellings(path, "longpoll") {
            router = router.route(&path, any(serve.clone()));
        }
        router
    }
}

/// Returns the path of a transport with slashes as clients write them. Phoenix ignores empty
/// segments. A route with a wildcard would do so, too, but forbid the app routes below the mount.
fn spellings(mount: &str, transport: &str) -> Vec<String> {
    // A mount begins with a slash.
    let parts = mount.split('/').skip(1).chain([transport]);
    let doubled = |path: &String, part| ["/", "//"].map(|slash| format!("{path}{slash}{part}"));
    let paths = parts.fold(vec![String::new()], |paths, part| {
        paths.iter().flat_map(|path| doubled(path, part)).collect()
    });
    let ended = |path: &String| ["", "/", "//"].map(|end| format!("{path}{end}"));
    paths.iter().flat_map(ended).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::spellings;

    #[test]
    fn each_slash_of_a_path_may_be_doubled() {
        let paths = spellings("/api/{tenant}/socket", "websocket");
        for path in [
            "/api/{tenant}/socket/websocket",
            "//api/{tenant}/socket/websocket",
            "/api//{tenant}/socket/websocket/",
            "/api/{tenant}//socket/websocket",
            "//api//{tenant}//socket//websocket//",
        ] {
            assert!(paths.iter().any(|spelled| spelled == path), "{path}");
        }
        let different: HashSet<_> = paths.iter().collect();
        assert_eq!((paths.len(), different.len()), (48, 48));
    }
}
