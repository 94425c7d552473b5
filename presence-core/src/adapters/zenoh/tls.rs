//! The files of a zenoh node for TLS.

use std::path::PathBuf;

use super::ZenohError;

/// The files, in PEM, for links over TLS.
///
/// # Examples
/// Certificates that do not name the IP addresses to which nodes of `Peers::Dns` connect:
///
/// ```
/// use presence_core::adapters::ZenohTls;
///
/// let tls = ZenohTls::new("ca.pem", "node.pem", "node.key").verify_names(false);
/// # let _ = tls;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZenohTls {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) private_key: PathBuf,
    pub(super) mutual: bool,
    pub(super) verify_names: bool,
}

impl ZenohTls {
    /// Returns the options of links that require certificates on both ends, and check their names.
    ///
    /// `ca` is the certificate of the authority that signed all nodes' certificates. `certificate`
    /// and `private_key` are those of this node. A node does not start if it cannot read a file.
    #[must_use]
    pub fn new(
        ca: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
    ) -> Self {
        Self {
            ca: ca.into(),
            certificate: certificate.into(),
            private_key: private_key.into(),
            mutual: true,
            verify_names: true,
        }
    }

    /// Sets whether nodes that connect must show a certificate too. Default: yes. Without it, a
    /// stranger can join.
    #[must_use]
    pub fn mutual(mut self, mutual: bool) -> Self {
        self.mutual = mutual;
        self
    }

    /// Sets whether a node's certificate must name the host of the connection. Default: yes.
    ///
    /// Turn it off if nodes connect to IP addresses that their certificates do not name. The
    /// authority is then the only check.
    #[must_use]
    pub fn verify_names(mut self, verify_names: bool) -> Self {
        self.verify_names = verify_names;
        self
    }

    pub(super) fn check(&self) -> Result<(), ZenohError> {
        for path in [&self.ca, &self.certificate, &self.private_key] {
            std::fs::File::open(path).map_err(|source| {
                let path = path.clone();
                ZenohError::Certificate { path, source }
            })?;
        }
        Ok(())
    }
}
