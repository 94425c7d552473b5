//! Tokens by which clients connect.

use http::{Request, StatusCode};
use serde_json::json;

use super::*;
use crate::{
    Config, ConnectError, ConnectInfo, Endpoint, Params, PubSub, Routes, SocketOptions, UserSocket,
    testing,
};

struct Client;

impl UserSocket for Client {
    type State = Tokens;

    async fn connect(
        params: &Params,
        info: &ConnectInfo,
        tokens: &Tokens,
    ) -> Result<Self, ConnectError> {
        let token = params.get("token").or(info.auth_token());
        let user_id: String = tokens.verify(token)?;
        assert_eq!(user_id, "alice");
        Ok(Self)
    }

    fn channels(_: &mut Routes<Self>) {}
}

async fn endpoint(options: SocketOptions) -> Endpoint {
    let secret = SecretKeyBase::new(SECRET).unwrap();
    Endpoint::builder(PubSub::local())
        .socket_with::<Client>("/socket", tokens(), options)
        .start(Config::default().secret_key_base(secret))
        .await
        .unwrap()
}

/// Connects with a token in the header; gives the status of the refusal.
async fn with_header(endpoint: &Endpoint, token: &str) -> Option<StatusCode> {
    let request = Request::builder().header("X-Phoenix-AuthToken", token);
    let request = request.body(()).unwrap();
    let connected = testing::connect_with::<Client>(endpoint, json!({}), request).await;
    connected.err().map(|refusal| refusal.http_status())
}

#[tokio::test]
async fn who_has_a_token_of_the_endpoints_is_let_in() {
    let endpoint = endpoint(SocketOptions::default().auth_token(true)).await;
    let tokens = endpoint.tokens("user auth").unwrap();
    let again = endpoint.clone().tokens("user auth").unwrap();
    assert!(again.shares_key_with(&tokens), "the endpoint keeps keys");
    let token = tokens.sign("alice").unwrap();
    let params = json!({ "token": token });
    assert!(testing::connect::<Client>(&endpoint, params).await.is_ok());
    assert_eq!(with_header(&endpoint, &token).await, None);

    let other = endpoint.tokens("password reset").unwrap();
    let other = other.sign("alice").unwrap();
    let refused = with_header(&endpoint, &other).await;
    assert_eq!(refused, Some(StatusCode::FORBIDDEN));
    let refusal = testing::connect::<Client>(&endpoint, json!({})).await;
    assert_eq!(refusal.unwrap_err().reason(), "no token was given");
}

#[tokio::test]
async fn a_mount_that_does_not_ask_has_no_auth_token() {
    let endpoint = endpoint(SocketOptions::default()).await;
    let token = tokens().sign("alice").unwrap();
    let refused = with_header(&endpoint, &token).await;
    assert_eq!(refused, Some(StatusCode::FORBIDDEN));
}

#[tokio::test]
async fn an_endpoint_without_a_secret_says_so() {
    let builder = Endpoint::builder(PubSub::local());
    let endpoint = builder.start(Config::default()).await.unwrap();
    let error = endpoint.tokens("user auth").unwrap_err();
    assert!(error.to_string().contains("Config::secret_key_base"));
}

#[test]
fn a_wrong_token_is_the_clients_fault_and_a_wrong_key_is_not() {
    let status = |error: TokenError| ConnectError::from(error).http_status();
    for error in [
        TokenError::Missing,
        TokenError::Invalid,
        TokenError::Expired,
    ] {
        assert_eq!(status(error), StatusCode::FORBIDDEN);
    }
    let misfit = TokenError::Data("no string".to_owned());
    assert_eq!(status(misfit), StatusCode::FORBIDDEN);
    let fault = status(TokenError::KeyLength);
    assert_eq!(fault, StatusCode::INTERNAL_SERVER_ERROR);
}
