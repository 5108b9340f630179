//! A pair of keys: one signs anchors, the other can only verify them.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use salve_core::{ConfigError, Name};
use salve_healer::BoxFuture;

use super::anchor::{Signature, Signer, Verifier};

/// Signs by Ed25519 (RFC 8032). It is best kept away from the host that runs the healer, which verifies
/// by [its other half](Self::public).
#[derive(Clone)]
pub struct Ed25519Key {
    name: Name,
    key: SigningKey,
}

/// Verifies by Ed25519, and cannot sign.
#[derive(Clone)]
pub struct Ed25519Public {
    name: Name,
    key: VerifyingKey,
}

impl Ed25519Key {
    /// The key of this name that these random bytes make.
    #[must_use]
    pub fn new(name: impl Into<Name>, secret: &[u8; 32]) -> Self {
        Self { name: name.into(), key: SigningKey::from_bytes(secret) }
    }

    /// What verifies its signatures.
    #[must_use]
    pub fn public(&self) -> Ed25519Public {
        Ed25519Public { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

impl Ed25519Public {
    /// The public key of this name.
    ///
    /// # Errors
    /// If it is none, or one that takes signatures of anybody.
    pub fn new(name: impl Into<Name>, key: &[u8; 32]) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("journal", "public key", "32 bytes", "a key of Ed25519");
        let key = VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak());
        Ok(Self { name: name.into(), key: key.ok_or_else(wrong)? })
    }

    /// The key itself, to be given to whoever verifies.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

impl Signer for Ed25519Key {
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Signature, String>> {
        Box::pin(async move {
            let signed = self.key.try_sign(message).map_err(|error| error.to_string())?;
            Ok(Signature { key: self.name.clone(), bytes: signed.to_bytes().to_vec() })
        })
    }
}

impl Verifier for Ed25519Public {
    fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let signed = ed25519_dalek::Signature::from_slice(&signature.bytes).ok();
        let signed = signed.filter(|_| signature.key == self.name);
        signed.is_some_and(|signed| self.key.verify_strict(message, &signed).is_ok())
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Key").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ed25519Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Public").field("name", &self.name).finish_non_exhaustive()
    }
}
