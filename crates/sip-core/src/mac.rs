//! Truncated HMAC-SHA256 for the marks that we hand out and want to know again.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest, Sha256};

/// A keyed signature with the key prepared once.
#[derive(Clone)]
pub(crate) struct Mac(Hmac<Sha256>);

impl Mac {
    /// The signer for one purpose; one key signs differently for each purpose.
    pub(crate) fn new(key: &[u8; 32], purpose: &[u8]) -> Self {
        let mut derived = Sha256::new();
        derived.update(key);
        derived.update(purpose);
        // HMAC takes a key of one block; a shorter one is filled with zeros by definition.
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..key.len()].copy_from_slice(&derived.finalize());
        Self(Hmac::new(&block))
    }

    /// The first `N` bytes (32 at most) of the signature of `parts`, each of which is preceded by its
    /// length so that they cannot be divided differently.
    pub(crate) fn sign<const N: usize>(&self, parts: &[&[u8]]) -> [u8; N] {
        const { assert!(N <= 32) };
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let signature = mac.finalize().into_bytes();
        std::array::from_fn(|index| signature[index])
    }
}
