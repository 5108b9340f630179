//! TLS on rustls and ring: which roots are trusted.

use std::sync::Arc;

use salve_core::ConfigError;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const ROOM: &str = "checks/tls";

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates that this system trusts.
pub(crate) fn roots_of_the_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // One that cannot be read can prove nothing, and must not keep the others from it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Settings of a client that trusts `roots`.
pub(crate) fn client_of(roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let versions = builder.with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| ConfigError::new(ROOM, "versions", error, "known"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
