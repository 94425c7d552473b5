use std::fmt;

use serde::de::DeserializeOwned;

use crate::telemetry::{FilterParameters, ShownParams};

/// The parameters that a client passed in its URL, as in
/// `new Socket("/socket", {params: {user_id: "alice"}})`.
#[derive(Clone, Default)]
pub struct Params {
    query: String,
    pairs: Vec<(String, String)>,
}

/// The parameters do not fit the type that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the connection's parameters: {0}")]
pub struct ParamsError(#[from] serde_urlencoded::de::Error);

impl Params {
    /// Parses a URL's query.
    pub(crate) fn from_query(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        Self {
            query: query.to_owned(),
            pairs,
        }
    }

    /// Returns the parameter `name`: its last value, if it comes more than once.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut newest_first = self.pairs.iter().rev();
        newest_first
            .find(|(key, _)| key == name)
            .map(|(_, value)| &**value)
    }

    /// Returns all parameters, in the order of the URL.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Returns the parameters as a type of the app: a struct of strings and numbers.
    ///
    /// # Errors
    /// [`ParamsError`] if a parameter is missing or malformed. In
    /// [`connect`](crate::UserSocket::connect), `?` refuses the client.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ParamsError> {
        Ok(serde_urlencoded::from_str(&self.query)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let params = Params::from_query("user=ann&token=t1&user%5Bpassword%5D=p1&token=t2");
        let shown = r#"{"user": "ann", "token": "[FILTERED]", "user[password]": "[FILTERED]", "token": "[FILTERED]"}"#;
        assert_eq!(format!("{params:?}"), format!("Params({shown})"));
    }

    #[test]
    fn parameters_are_decoded_and_the_last_of_a_name_wins() {
        let params = Params::from_query("name=%C5%BDof%C3%ADe+K&vsn=1&vsn=2.0.0&empty=");
        assert_eq!(params.get("name"), Some("Žofíe K"));
        assert_eq!(params.get("vsn"), Some("2.0.0"));
        assert_eq!(params.get("empty"), Some(""));
        assert_eq!(params.get("other"), None);
    }

    #[test]
    fn parameters_can_have_types() {
        #[derive(serde::Deserialize)]
        struct RoomQuery {
            id: u32,
        }
        assert_eq!(
            Params::from_query("id=7&vsn=2.0.0")
                .parse::<RoomQuery>()
                .unwrap()
                .id,
            7
        );
        assert!(Params::from_query("id=x").parse::<RoomQuery>().is_err());
        assert!(Params::from_query("").parse::<RoomQuery>().is_err());
    }
}
