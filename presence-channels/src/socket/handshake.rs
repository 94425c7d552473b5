//! The steps by which a client connects, the same for each transport: query, origin, subprotocol,
//! version, admission, `connect`, the user's place. The first fault ends them with a [`Refusal`],
//! which a transport translates to its own answer.
//!
//! The order is Phoenix's, with admission before `connect`, so that clients that wait there count.

pub(super) mod auth_token;
mod refusal;

use std::net::{IpAddr, SocketAddr};

use axum::extract::{self, FromRequestParts, RawPathParams, rejection::RawPathParamsRejection};
use http::{HeaderValue, header, request::Parts};
use tracing::field::DisplayValue;

pub(crate) use refusal::Refusal;

use super::{
    BadQuery, ConnectInfo, Mounted, Params, client_ip::client_ip, connection_shared::logged_address,
};
use crate::{
    node::{Admission, Node},
    origin::{OriginRequest, authority},
    serializer::Version,
    telemetry::{Cut, LoggedClient, Refused, Transport},
};
use auth_token::Offer;

/// A client that has passed all steps before `connect`.
pub(crate) struct Candidate {
    pub(crate) params: Params,
    pub(crate) info: ConnectInfo,
    pub(crate) version: Version,
    /// The client's place among the connections. The transport keeps it, and what the channels'
    /// handlers work with, which may last longer.
    pub(crate) admission: Admission,
    /// The subprotocol that the answer to a WebSocket's handshake names.
    pub(crate) subprotocol: Option<HeaderValue>,
}

/// Reads the parameters of a request, and checks its origin. Each request of a transport passes
/// these steps, those of an open session included.
pub(crate) async fn examine(
    mount: &dyn Mounted,
    node: &Node,
    parts: &mut Parts,
) -> Result<Params, Refusal> {
    let params = Params::from_query(parts.uri.query().unwrap_or_default());
    let params = params.map_err(|error| bad_query(mount, node, parts, error))?;
    let path = match RawPathParams::from_request_parts(parts, &()).await {
        Ok(path) => Some(path),
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
            return Err(bad_query(mount, node, parts, BadQuery::NotUtf8));
        }
        // A mount whose path has no parameters.
        Err(_) => None,
    };
    let params = params.with_path(path.iter().flatten());
    if let Some(origin) = parts.headers.get(header::ORIGIN) {
        let request = OriginRequest {
            origin,
            authority: authority(parts),
            configured: node.config().host.as_deref(),
        };
        // An endpoint with an invalid origin does not start.
        let origins = mount.origins().as_ref().map_err(|_| Refusal::Origin)?;
        origins.check(&request).map_err(|refusal| {
            if let Some(suppressed) = mount.meters().limits().pass(Refused::Origin) {
                let origin = Cut(String::from_utf8_lossy(origin.as_bytes()));
                let (socket, setting) = (mount.path(), refusal.setting);
                let compared_with = Cut(refusal.compared_with);
                let address = address_of(node, parts);
                tracing::warn!(socket, %origin, %compared_with, setting, address, suppressed, "refused a page of another origin");
            }
            Refusal::Origin
        })?;
    }
    Ok(params)
}

/// Logs a query or a path that cannot be read.
fn bad_query(mount: &dyn Mounted, node: &Node, parts: &Parts, error: BadQuery) -> Refusal {
    if let Some(suppressed) = mount.meters().limits().pass(Refused::Query) {
        let (socket, address) = (mount.path(), address_of(node, parts));
        tracing::info!(
            socket,
            %error,
            address,
            suppressed,
            "refused a malformed query or path"
        );
    }
    error.into()
}

/// Returns the address of the client that sent a request, as it is logged.
fn address_of(node: &Node, parts: &Parts) -> Option<DisplayValue<IpAddr>> {
    let peer: Option<&extract::ConnectInfo<SocketAddr>> = parts.extensions.get();
    let peer = peer.map(|extract::ConnectInfo(peer)| peer.ip());
    let proxies = &node.config().trusted_proxies;
    logged_address(client_ip(peer, &parts.headers, proxies))
}

/// Takes an examined request through the steps up to `connect`.
pub(crate) fn admit(
    mount: &dyn Mounted,
    node: &Node,
    params: Params,
    parts: Parts,
    transport: Transport,
) -> Result<Candidate, Refusal> {
    if node.is_stopping() {
        return Err(Refusal::Stopping);
    }
    let options = mount.options();
    let mut offer = Offer::default();
    let mut chosen = None;
    match transport {
        Transport::Websocket => {
            offer = auth_token::from_subprotocols(&parts.headers, options.auth_token)
                .and_then(|offer| {
                    chosen = offer.choose(options.auth_token, &options.subprotocols)?;
                    Ok(offer)
                })
                .inspect_err(|reason| {
                    if let Some(suppressed) = mount.meters().limits().pass(Refused::Subprotocol) {
                        let (socket, address) = (mount.path(), address_of(node, &parts));
                        tracing::info!(socket, %reason, address, suppressed, "refused a client's subprotocols");
                    }
                })?;
        }
        Transport::Longpoll | Transport::Probe if options.auth_token => {
            offer.token = auth_token::from_header(&parts.headers);
        }
        Transport::Longpoll | Transport::Probe => {}
    }
    let vsn = params.get("vsn");
    // Not a text: a client without a version would get the first one.
    let is_nested = params.iter().any(|(name, _)| name.starts_with("vsn["));
    let version = Version::negotiate(vsn, &options.serializers).filter(|_| !is_nested);
    let Some(version) = version else {
        if let Some(suppressed) = mount.meters().limits().pass(Refused::Version) {
            let (socket, vsn) = (mount.path(), vsn.map(Cut));
            let address = address_of(node, &parts);
            tracing::warn!(
                socket,
                ?vsn,
                address,
                suppressed,
                "refused an unknown version of the protocol"
            );
        }
        return Err(Refusal::Version);
    };
    let subprotocol = chosen
        .as_deref()
        .and_then(|chosen| HeaderValue::from_str(chosen).ok());
    let info = ConnectInfo::new(parts, &node.config().trusted_proxies)
        .with_auth_token(offer.token)
        .with_subprotocol(chosen);
    let address = info.client_ip();
    let admission = node.admit(address).map_err(|full| {
        let limits = mount.meters().limits();
        limits.refused_to(full.limit(), "a connection", || LoggedClient {
            user: None,
            address: logged_address(address),
        });
        Refusal::Full(full)
    })?;
    Ok(Candidate {
        params,
        info,
        version,
        admission,
        subprotocol,
    })
}
