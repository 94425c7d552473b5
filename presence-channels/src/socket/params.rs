//! The parameters of a client's URL.

mod query;
mod shown;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

pub(crate) use query::BadQuery;
pub(super) use shown::ShownParams;

use crate::telemetry::FilterParameters;

/// The parameter in which a page passes the CSRF token of its session, as in Phoenix.
const CSRF_TOKEN: &str = "_csrf_token";

/// The parameters that a client passed in its URL, as in
/// `new Socket("/socket", {params: {user_id: "alice"}})`, and those of the mount's path, as
/// `tenant` in `/socket/{tenant}`. A parameter of the path replaces one of the same name in the
/// query.
///
/// A query whose escapes are malformed, or not UTF-8, is refused with the status 400 before
/// [`connect`](crate::UserSocket::connect) is called.
#[derive(Clone, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// The parameters do not fit the type that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the connection's parameters: {0}")]
pub struct ParamsError(#[from] serde::de::value::Error);

impl Params {
    /// Parses a URL's query.
    pub(crate) fn from_query(query: &str) -> Result<Self, BadQuery> {
        let pairs = query::pairs(query)?;
        Ok(Self { pairs })
    }

    /// Adds the parameters of the mount's path, which replace those of the query.
    pub(crate) fn with_path<'a>(
        mut self,
        path: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        for (name, value) in path {
            self.pairs.retain(|(key, _)| tree::root(key) != name);
            self.pairs.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Removes the parameter `name` where it has this value.
    pub(crate) fn remove(&mut self, name: &str, value: &str) {
        self.pairs
            .retain(|(key, held)| key != name || held != value);
    }

    /// Returns the parameter `name`: its last value, if it comes more than once. The name of a
    /// nested parameter is written as in the URL: `user[name]`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut newest_first = self.pairs.iter().rev();
        newest_first
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    /// Returns all parameters, in the order of the URL, with their names as in the URL.
    ///
    /// # Examples
    /// ```
    /// # use presence_channels::Params;
    /// /// Returns the rooms of `?room=a&room=b`, all of which [`get`](Params::get) does not tell.
    /// fn rooms(params: &Params) -> Vec<&str> {
    ///     params.iter().filter(|(name, _)| *name == "room").map(|(_, room)| room).collect()
    /// }
    /// # let _ = rooms;
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Returns the parameters as a type of the app. Numbers and booleans are parsed. Nested
    /// parameters are read as Plug reads them: `user[name]=ann` is a field `name` of the struct
    /// `user`, and `tags[]=a&tags[]=b` is a list. phoenix.js numbers the items of an array, as in
    /// `tags[0]=a&tags[1]=b`: a list of the app takes them in order, and anything else reads a map,
    /// as in Plug. Of several values of one name the last one counts.
    ///
    /// # Errors
    /// [`ParamsError`] if a parameter is missing or malformed. In
    /// [`connect`](crate::UserSocket::connect), `?` refuses the client.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::{ConnectError, ConnectInfo, Params, Routes};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Query {
    ///     user: User,
    ///     #[serde(default)]
    ///     tags: Vec<String>,
    /// }
    ///
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     id: u64,
    /// }
    ///
    /// struct UserSocket {
    ///     user_id: u64,
    /// }
    ///
    /// impl presence_channels::UserSocket for UserSocket {
    ///     type State = ();
    ///
    ///     // new Socket("/socket", {params: {user: {id: 7}, tags: ["a", "b"]}})
    ///     async fn connect(
    ///         params: &Params,
    ///         _: &ConnectInfo,
    ///         _: &(),
    ///     ) -> Result<Self, ConnectError> {
    ///         let query: Query = params.parse()?;
    ///         println!("tags: {:?}", query.tags);
    ///         Ok(Self { user_id: query.user.id })
    ///     }
    /// #   fn channels(_: &mut Routes<Self>) {}
    /// }
    /// ```
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        Ok(T::deserialize(tree::of(&self.pairs))?)
    }

    /// Returns whether the client passed `expected`, the CSRF token of its session, as
    /// `_csrf_token`. Compares in constant time.
    ///
    /// A browser sends its cookies for every page that connects.
    /// [`CheckOrigin`](crate::CheckOrigin) refuses pages of other origins. Where a cookie alone
    /// signs a user in, a CSRF token protects also against a page that an attacker has brought
    /// under an allowed origin's subdomain. Phoenix asks for the token wherever a socket reads the
    /// session.
    ///
    /// # Examples
    /// ```
    /// use presence_channels::{ConnectError, ConnectInfo, Params, Routes};
    ///
    /// /// The session, which a layer of the app reads from its cookie.
    /// #[derive(Clone)]
    /// struct Session {
    ///     user_id: String,
    ///     csrf_token: String,
    /// }
    ///
    /// struct UserSocket {
    ///     user_id: String,
    /// }
    ///
    /// impl presence_channels::UserSocket for UserSocket {
    ///     type State = ();
    ///
    ///     // new Socket("/socket", {params: {_csrf_token: token}}), with the token of the page
    ///     async fn connect(
    ///         params: &Params,
    ///         info: &ConnectInfo,
    ///         _: &(),
    ///     ) -> Result<Self, ConnectError> {
    ///         let session: Option<&Session> = info.extensions().get();
    ///         let session = session.ok_or(ConnectError::new("not logged in"))?;
    ///         if !params.has_csrf_token(&session.csrf_token) {
    ///             return Err(ConnectError::new("no CSRF token of this session"));
    ///         }
    ///         Ok(Self { user_id: session.user_id.clone() })
    ///     }
    /// #   fn channels(_: &mut Routes<Self>) {}
    /// }
    /// ```
    #[must_use]
    pub fn has_csrf_token(&self, expected: &str) -> bool {
        let token = self.get(CSRF_TOKEN).unwrap_or_default();
        !expected.is_empty() && bool::from(token.as_bytes().ct_eq(expected.as_bytes()))
    }
}

/// Leaves out the values that [`FilterParameters`] hides by default: a token in the URL must not
/// reach whatever prints this.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filter = FilterParameters::default();
        f.debug_tuple("Params")
            .field(&ShownParams(&filter, self))
            .finish()
    }
}
