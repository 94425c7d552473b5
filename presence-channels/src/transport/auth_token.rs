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
    /// Set if the client offers [`PROTOCOL`]. The answer must choose it then.
    pub(crate) has_protocol: bool,
}

/// The reason that a handshake's subprotocols are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("the subprotocols offered are not ours")]
    OtherProtocol,
    #[error("the subprotocols hold a malformed auth token, or several")]
    MalformedToken,
}

/// Reads the subprotocols.
pub(crate) fn from_subprotocols(headers: &HeaderMap) -> Result<Offer, OfferError> {
    let mut offer = Offer::default();
    let mut has_other = false;
    for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let line = line.to_str().map_err(|_| OfferError::OtherProtocol)?;
        for protocol in line.split(',').map(str::trim) {
            if let Some(encoded) = protocol.strip_prefix(PREFIX) {
                let token = decode(encoded).ok_or(OfferError::MalformedToken)?;
                if offer.token.replace(token).is_some() {
                    return Err(OfferError::MalformedToken);
                }
            } else if protocol == PROTOCOL {
                offer.has_protocol = true;
            } else {
                has_other |= !protocol.is_empty();
            }
        }
    }
    if has_other && !offer.has_protocol {
        return Err(OfferError::OtherProtocol);
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

    /// Reads the lines of the header.
    fn offer(lines: &[&str]) -> Result<Offer, OfferError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(SEC_WEBSOCKET_PROTOCOL, line);
        }
        from_subprotocols(&headers)
    }

    fn of(token: Option<&str>, has_protocol: bool) -> Result<Offer, OfferError> {
        Ok(Offer {
            token: token.map(str::to_owned),
            has_protocol,
        })
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
        for malformed in ["%%", "A", "/////w", "MTIzNA,base64url.bearer.phx.MTIzNA"] {
            let offered = offer(&[&format!("phoenix, {PREFIX}{malformed}")]);
            assert_eq!(offered, Err(OfferError::MalformedToken), "{malformed}");
        }
    }

    #[test]
    fn the_header_holds_the_token() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_header(&headers), None);
        headers.insert(HEADER, HeaderValue::from_static("1234"));
        assert_eq!(from_header(&headers).as_deref(), Some("1234"));
    }
}
