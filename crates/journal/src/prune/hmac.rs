//! A key at hand that signs and verifies anchors.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use salve_core::{Check, ConfigError, Name};
use salve_healer::BoxFuture;
use sha2::Sha256;

use super::anchor::{Signature, Signer, Verifier};

/// Signs and verifies by HMAC-SHA-256 (RFC 2104).
///
/// Whoever can verify with it can sign as well: keep it where fewer people may read than may write the
/// journal. Where the host that runs the healer shall not be able to sign, use the feature `ed25519`.
#[derive(Clone)]
pub struct HmacKey {
    name: Name,
    key: Box<[u8]>,
}

impl HmacKey {
    /// The key of this name.
    ///
    /// # Errors
    /// If it has fewer than 32 bytes, or more than 1,024.
    pub fn new(name: impl Into<Name>, key: impl Into<Box<[u8]>>) -> Result<Self, ConfigError> {
        let key = key.into();
        Check::room("journal").range("key length", key.len(), 32, 1_024)?;
        Ok(Self { name: name.into(), key })
    }

    fn over(&self, message: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(message);
        Some(mac)
    }
}

impl Signer for HmacKey {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, String>> {
        Box::pin(async move {
            let mac = self.over(message).ok_or("the key does not fit")?;
            let bytes = mac.finalize().into_bytes().to_vec();
            Ok(Signature { key: self.name.clone(), bytes })
        })
    }
}

impl Verifier for HmacKey {
    fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let mac = self.over(message).filter(|_| signature.key == self.name);
        mac.is_some_and(|mac| mac.verify_slice(&signature.bytes).is_ok())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("name", &self.name).finish_non_exhaustive()
    }
}
