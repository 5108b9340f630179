//! The check of certificates against a TLS server on loopback.
#![cfg(feature = "tls")]

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use salve_checks::tls::{Config, TlsCheck, Trust};
use salve_health::{Check, Finding, Status};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const DEADLINE: Duration = Duration::from_secs(20);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::Roots(self.0.pem())
    }

    /// Serves a certificate for `localhost` that ends so many seconds from now.
    async fn serve(&self, left: i64) -> u16 {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let now = salve_core::clock::since_unix_epoch().as_secs().cast_signed();
        let epoch = date_time_ymd(1970, 1, 1);
        let at = |seconds: i64| epoch + Duration::from_secs(seconds.cast_unsigned());
        params.not_before = at(now - 100 * 86_400);
        params.not_after = at(now + left);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let _ = acceptor.accept(line).await;
            }
        });
        port
    }
}

async fn found(config: Config) -> Finding {
    let check = TlsCheck::new(config.with_name("localhost")).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

fn at(port: u16, trust: Trust) -> Config {
    Config::new("127.0.0.1").with_port(port).with_trust(trust)
}

const DAY: i64 = 86_400;

#[tokio::test]
async fn the_days_that_are_left_are_judged() {
    let authority = Authority::new();
    for (left, status) in
        [(31 * DAY, Status::Pass), (29 * DAY, Status::Warn), (6 * DAY, Status::Fail)]
    {
        let port = authority.serve(left).await;
        let finding = found(at(port, authority.trust())).await;
        assert_eq!(finding.status, status, "{finding:?}");
        let days = finding.value.unwrap().value;
        assert!((days - (left / DAY) as f64).abs() < 0.1, "{days}");
    }
}

#[tokio::test]
async fn what_is_expired_or_not_to_be_trusted_fails_with_its_days() {
    let authority = Authority::new();
    let expired = authority.serve(-3 * DAY).await;
    let finding = found(at(expired, authority.trust())).await;
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.reason.unwrap().contains("expired"));
    assert!(finding.value.unwrap().value < -2.9);
    let any = found(at(expired, Trust::Any)).await;
    assert!(any.status == Status::Fail && any.reason.unwrap().contains("-3 days"));

    let port = authority.serve(90 * DAY).await;
    let stranger = found(at(port, Authority::new().trust())).await;
    assert_eq!(stranger.status, Status::Fail, "{stranger:?}");
    assert!(stranger.value.unwrap().value > 89.0);
    assert_eq!(found(at(port, Trust::Any)).await.status, Status::Pass);
    let other = at(port, authority.trust()).with_name("shop.example");
    let other = timeout(DEADLINE, TlsCheck::new(other).unwrap().run()).await.unwrap();
    assert_eq!(other.status, Status::Fail, "{other:?}");
}

#[tokio::test]
async fn a_server_without_tls_fails() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    assert_eq!(found(at(port, Trust::Any)).await.status, Status::Fail);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |config| TlsCheck::new(config).unwrap_err().field().to_owned();
    assert_eq!(refused(Config::new("")), "host");
    assert_eq!(refused(Config::new("a").with_port(0)), "port");
    assert_eq!(refused(Config::new("a").with_name("a b")), "name");
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert_eq!(refused(Config::new("a").with_trust(Trust::Roots(text))), "trust");
    assert_eq!(refused(Config::new("a").with_trust(Trust::Roots(String::new()))), "trust");
}
