//! The auth token of a request. phoenix.js hands it over beside the URL, which proxies log: as a
//! subprotocol of the WebSocket, since a browser lets no page add headers to that, and by
//! long-polling in a header.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderName, header::SEC_WEBSOCKET_PROTOCOL};

/// The subprotocol that phoenix.js offers beside the token, and expects to be chosen.
pub(crate) const PROTOCOL: &str = "phoenix";
/// The beginning of the token's subprotocol.
const PREFIX: &str = "base64url.bearer.phx.";
/// The header of long-polling.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-phoenix-authtoken");

/// In spite of its name, what follows the prefix is in the alphabet of plain base64.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The subprotocols of a WebSocket's handshake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) token: Option<String>,
    /// The subprotocols beside the token, in the client's order.
    protocols: Vec<String>,
}

impl Offer {
    /// Chooses the subprotocol that the answer names, as Phoenix does: the first of the server's
    /// that the client offers. The server's are [`PROTOCOL`], if the socket takes auth tokens, and
    /// `accepted`. Returns `None` if the client offers no subprotocol of the
    /// server's.
    pub(crate) fn choose(
        &self,
        takes_tokens: bool,
        accepted: &[String],
    ) -> Result<Option<String>, OfferError> {
        let own = takes_tokens.then_some(PROTOCOL);
        let mut known = own.into_iter().chain(accepted.iter().map(String::as_str));
        let is_offered = |known: &str| self.protocols.iter().any(|offered| offered == known);
        match known.find(|known| is_offered(known)) {
            Some(chosen) => Ok(Some(chosen.to_owned())),
            None if self.protocols.is_empty() || own.is_none() && accepted.is_empty() => Ok(None),
            None => Err(OfferError::OtherProtocol),
        }
    }
}

/// The reason that a handshake's subprotocols are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("the subprotocols offered are not ours")]
    OtherProtocol,
    #[error("the subprotocols hold a malformed auth token")]
    MalformedToken,
}

/// Reads the subprotocols. Only if `takes_tokens` is one of them read as an auth token. Of several
/// none is: they are subprotocols like others, as in Phoenix.
pub(crate) fn from_subprotocols(
    headers: &HeaderMap,
    takes_tokens: bool,
) -> Result<Offer, OfferError> {
    let mut offer = Offer::default();
    let mut tokens = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        // No subprotocol of ours, but only a socket that has some refuses others.
        let line = String::from_utf8_lossy(line.as_bytes());
        for protocol in line
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let protocols = match takes_tokens && protocol.starts_with(PREFIX) {
                true => &mut tokens,
                false => &mut offer.protocols,
            };
            protocols.push(protocol.to_owned());
        }
    }
    if let [token] = &tokens[..] {
        let token = decode(&token[PREFIX.len()..]).ok_or(OfferError::MalformedToken)?;
        offer.token = Some(token);
    } else {
        offer.protocols.append(&mut tokens);
    }
    Ok(offer)
}

/// Some clients take the name at its word and write the alphabet of URLs.
fn decode(encoded: &str) -> Option<String> {
    let plain = encoded.replace('-', "+").replace('_', "/");
    String::from_utf8(BASE64.decode(plain).ok()?).ok()
}

/// Reads the header. Returns `None` if it is not text.
pub(crate) fn from_header(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(HEADER)?.to_str().ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Reads the lines of the header. Returns the token, and whether the protocol is chosen.
    fn offer(lines: &[&str]) -> Result<(Option<String>, bool), OfferError> {
        let offer = from_subprotocols(&headers(lines), true)?;
        let chosen = offer.choose(true, &[])?;
        Ok((offer.token, chosen.as_deref() == Some(PROTOCOL)))
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(SEC_WEBSOCKET_PROTOCOL, line);
        }
        headers
    }

    fn of(token: Option<&str>, has_protocol: bool) -> Result<(Option<String>, bool), OfferError> {
        Ok((token.map(str::to_owned), has_protocol))
    }

    #[test]
    fn an_apps_subprotocols_are_chosen_in_its_order() {
        let choose = |takes_tokens, accepted: &[&str], lines: &[&str]| {
            let accepted: Vec<String> = accepted.iter().map(|&name| name.to_owned()).collect();
            let offer = from_subprotocols(&headers(lines), takes_tokens)?;
            offer.choose(takes_tokens, &accepted)
        };
        let chosen = |name: &str| Ok(Some(name.to_owned()));
        let both = ["v2.chat", "v1.chat"];
        assert_eq!(
            choose(false, &both, &["v1.chat, v2.chat"]),
            chosen("v2.chat")
        );
        assert_eq!(
            choose(false, &both, &["other", "v1.chat"]),
            chosen("v1.chat")
        );
        assert_eq!(choose(false, &both, &[]), Ok(None));
        assert_eq!(
            choose(false, &both, &["other"]),
            Err(OfferError::OtherProtocol)
        );
        // A socket without subprotocols answers none, and refuses none.
        assert_eq!(choose(false, &[], &["other"]), Ok(None));
        assert_eq!(
            choose(true, &both, &["v1.chat, phoenix"]),
            chosen("phoenix")
        );
        assert_eq!(choose(true, &both, &["v1.chat"]), chosen("v1.chat"));
    }

    #[test]
    fn the_token_stands_beside_the_protocol() {
        let bearer = "base64url.bearer.phx.MTIzNA";
        assert_eq!(offer(&[]), of(None, false));
        assert_eq!(offer(&["phoenix"]), of(None, true));
        assert_eq!(offer(&[bearer]), of(Some("1234"), false));
        let both = offer(&[&format!("phoenix, {bearer}")]);
        assert_eq!(both, of(Some("1234"), true));
        assert_eq!(offer(&[bearer, "phoenix"]), of(Some("1234"), true));
        let more = offer(&[&format!("graphql-ws,phoenix,{bearer}==")]);
        assert_eq!(more, of(Some("1234"), true));
    }

    #[test]
    fn both_alphabets_of_base64_are_read() {
        for encoded in ["P8Ojw78+Pz8/", "P8Ojw78-Pz8_"] {
            let offered = offer(&[&format!("{PREFIX}{encoded}")]);
            assert_eq!(offered, of(Some("?ãÿ>???"), false), "{encoded}");
        }
    }

    #[test]
    fn other_protocols_and_malformed_tokens_are_refused() {
        assert_eq!(offer(&["graphql-ws"]), Err(OfferError::OtherProtocol));
        assert_eq!(offer(&["Phoenix"]), Err(OfferError::OtherProtocol));
        assert_eq!(offer(&["phoenix\u{e9}"]), Err(OfferError::OtherProtocol));
        for malformed in ["%%", "A", "/////w"] {
            let offered = offer(&[&format!("phoenix, {PREFIX}{malformed}")]);
            assert_eq!(offered, Err(OfferError::MalformedToken), "{malformed}");
        }
    }

    #[test]
    fn of_several_tokens_none_counts() {
        let several = format!("phoenix, {PREFIX}MTIzNA, {PREFIX}%%");
        assert_eq!(offer(&[&several]), of(None, true));
        let alone = format!("{PREFIX}MTIzNA, {PREFIX}MTIzNA");
        assert_eq!(offer(&[&alone]), Err(OfferError::OtherProtocol));
    }

    #[test]
    fn the_header_holds_the_token() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_header(&headers), None);
        headers.insert(HEADER, HeaderValue::from_static("1234"));
        assert_eq!(from_header(&headers).as_deref(), Some("1234"));
    }
}
