//! The certificate of a TLS server: how many days it has left, and whether it is to be trusted.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::parse_x509_certificate;

use crate::Thresholds;
use crate::reason::{chain, line, worse};
use crate::trust::{client_of, provider, roots_of_the_system};

const ROOM: &str = "checks/tls";

const DAY: f64 = 24.0 * 3_600.0;

/// Which certificates are to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Trust {
    /// What this system trusts.
    #[default]
    System,
    /// What these roots have signed, in PEM.
    Roots(String),
    /// All: only the days are judged.
    Any,
}

/// The settings of a check of a certificate.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Where the server is. Default `localhost`.
    pub host: String,
    /// Where it listens. Default 443; not 0.
    pub port: u16,
    /// For which name the certificate has to be. Default the host's.
    pub name: Option<String>,
    /// Which certificates are to be trusted. Default those that this system trusts.
    pub trust: Trust,
    /// Bounds of the days that are left to the certificate, or to one that came with it, if it has fewer. Default 30 and 7.
    pub left: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 443,
            name: None,
            trust: Trust::System,
            left: Thresholds::falling(30.0, 7.0),
        }
    }
}

impl Config {
    /// Looks at the certificate of `host` at port 443.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }

    /// Sets the port.
    #[must_use]
    pub const fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets for which name the certificate has to be.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets which certificates are to be trusted.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Sets the bounds of the days that are left.
    #[must_use]
    pub const fn with_left(mut self, bounds: Thresholds) -> Self {
        self.left = bounds;
        self
    }

    /// Checks every setting but the roots.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.that("host", "empty", !self.host.is_empty(), "a host")?;
        bounds.range("port", self.port, 1, u16::MAX)?;
        self.server_name()?;
        self.left.validate(ROOM, "left", (-36_500.0, 36_500.0))
    }

    fn server_name(&self) -> Result<ServerName<'static>, ConfigError> {
        let name = self.name.as_ref().unwrap_or(&self.host);
        ServerName::try_from(name.clone())
            .map_err(|_| ConfigError::new(ROOM, "name", line(name), "the name of a host"))
    }

    fn roots(&self) -> Result<Option<RootCertStore>, ConfigError> {
        let pem = match &self.trust {
            Trust::Any => return Ok(None),
            Trust::System => return Ok(Some(roots_of_the_system())),
            Trust::Roots(pem) => pem,
        };
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = root.is_ok_and(|root| roots.add(root).is_ok());
            Bounds::room(ROOM).that("trust", "a wrong one", added, "certificates in PEM")?;
        }
        Ok(Some(roots))
    }
}

/// Shakes hands with a server and judges its certificates. The value is the days that are left.
///
/// A certificate that is not to be trusted, or for another name, is a failure with its reason. Nothing is sent.
pub struct TlsCheck {
    config: Config,
    name: ServerName<'static>,
    client: ClientConfig,
    judge: Option<Arc<WebPkiServerVerifier>>,
}

impl TlsCheck {
    /// Looks as `config` says; roots are read now.
    ///
    /// # Errors
    /// If a setting is out of bounds, or there are no roots to trust.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let wrong = |error: &dyn fmt::Display| ConfigError::new(ROOM, "trust", error, "some roots");
        let judge = match config.roots()? {
            Some(roots) => {
                let judge = WebPkiServerVerifier::builder_with_provider(roots.into(), provider());
                Some(judge.build().map_err(|error| wrong(&error))?)
            }
            None => None,
        };
        let (name, client) = (config.server_name()?, client_of(RootCertStore::empty())?);
        Ok(Self { config, name, client, judge })
    }

    async fn ask(&self) -> io::Result<Finding> {
        let line = TcpStream::connect((self.config.host.as_str(), self.config.port)).await?;
        let witness = Arc::new(Witness { judge: self.judge.clone(), fault: OnceLock::new() });
        let mut client = self.client.clone();
        client.dangerous().set_certificate_verifier(Arc::<Witness>::clone(&witness));
        let stream = TlsConnector::from(Arc::new(client)).connect(self.name.clone(), line).await?;
        let (_, session) = stream.get_ref();
        let days = session.peer_certificates().unwrap_or_default().iter().map(days_left);
        // No number is passed on, and makes it unknown.
        let days = days.reduce(|least, next| if next >= least { least } else { next });
        let left =
            self.config.left.judge(days.unwrap_or(f64::NAN), "days", "the certificate's rest");
        let Some(fault) = witness.fault.get() else { return Ok(left) };
        let fault = Finding { value: left.value.clone(), ..Finding::fail(fault.as_str()) };
        Ok(worse(fault, left))
    }
}

fn days_left(certificate: &CertificateDer<'_>) -> f64 {
    let Ok((_, parsed)) = parse_x509_certificate(certificate) else { return f64::NAN };
    let ends = parsed.validity().not_after.timestamp() as f64;
    (ends - clock::since_unix_epoch().as_secs_f64()) / DAY
}

/// Notes what is wrong with certificates, and lets the handshake go on so that they can be seen.
#[derive(Debug)]
struct Witness {
    judge: Option<Arc<WebPkiServerVerifier>>,
    fault: OnceLock<String>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(judge) = &self.judge
            && let Err(error) = judge.verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            let _ = self.fault.set(chain(&error));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

impl Check for TlsCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async { self.ask().await.unwrap_or_else(|error| Finding::fail(chain(&error))) })
    }
}

impl fmt::Debug for TlsCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsCheck").field("config", &self.config).finish_non_exhaustive()
    }
}
