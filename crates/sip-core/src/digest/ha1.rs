//! The stored form of a password.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;

use crate::error::DigestError;

/// A digest algorithm, in rising order of strength (RFC 8760 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, which RFC 3261 requires and most phones know alone.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512 cut to 256 bits, with initial values of its own.
    Sha512_256,
}

impl Algorithm {
    /// The token of the `algorithm` parameter.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// Recognises a token, in any case.
    #[must_use]
    pub fn from_token(token: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.token().as_bytes().eq_ignore_ascii_case(token))
    }

    /// How many bytes a hash has.
    pub(super) const fn hash_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 | Self::Sha512_256 => 32,
        }
    }

    /// The hash of `parts` with a colon between each two.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Hash {
        match self {
            Self::Md5 => Hash::of::<Md5>(parts),
            Self::Sha256 => Hash::of::<Sha256>(parts),
            Self::Sha512_256 => Hash::of::<Sha512_256>(parts),
        }
    }
}

/// A hash of up to 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    bytes: [u8; MAX_HASH_BYTES],
    len: usize,
}

const MAX_HASH_BYTES: usize = 32;

impl Hash {
    fn of<D: Digest>(parts: &[&[u8]]) -> Self {
        let mut digest = D::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                digest.update(b":");
            }
            digest.update(part);
        }
        let output = digest.finalize();
        let mut bytes = [0; MAX_HASH_BYTES];
        let len = output.len().min(MAX_HASH_BYTES);
        bytes[..len].copy_from_slice(&output[..len]);
        Self { bytes, len }
    }

    /// Reads `digits`, in either case, as a hash of `algorithm`.
    pub(super) fn from_hex(algorithm: Algorithm, digits: &[u8]) -> Option<Self> {
        let len = algorithm.hash_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != len || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; MAX_HASH_BYTES];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = hex_value(*high)? << 4 | hex_value(*low)?;
        }
        Some(Self { bytes, len })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The hash in lower-case hexadecimal, as the next hash in a digest takes it.
    pub(super) fn to_hex(self) -> HexHash {
        let mut digits = [0; 2 * MAX_HASH_BYTES];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(self.as_bytes()) {
            *pair = [byte >> 4, byte & 0xf].map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
        }
        HexHash { digits, len: 2 * self.len }
    }
}

/// A [`Hash`] in hexadecimal.
pub(super) struct HexHash {
    digits: [u8; 2 * MAX_HASH_BYTES],
    len: usize,
}

impl HexHash {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The hash of user name, realm and password (HA1 of RFC 7616 section 3.4.2): what a server stores.
///
/// It is as good as the password within its realm, so it never shows in `Debug`, and compares in
/// constant time.
#[derive(Clone)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: Hash,
}

impl Ha1 {
    /// The hash for a password.
    #[must_use]
    pub fn compute(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        let hash = algorithm.hash(&[user.as_bytes(), realm.as_bytes(), password.as_bytes()]);
        Self { algorithm, hash }
    }

    /// Reads a stored hash: 32 hexadecimal digits for MD5, 64 for the others.
    ///
    /// # Errors
    /// [`DigestError::BadHash`] for another length or other characters.
    pub fn from_hex(algorithm: Algorithm, digits: &str) -> Result<Self, DigestError> {
        let hash = Hash::from_hex(algorithm, digits.as_bytes()).ok_or(DigestError::BadHash)?;
        Ok(Self { algorithm, hash })
    }

    /// A hash that belongs to no password, from secret bytes.
    pub(super) fn decoy(algorithm: Algorithm, secret: &[u8; 32]) -> Self {
        Self { algorithm, hash: algorithm.hash(&[secret]) }
    }

    /// The hexadecimal form, to be stored as carefully as a password.
    #[must_use]
    pub fn to_hex(&self) -> String {
        String::from_utf8_lossy(self.hash.to_hex().as_bytes()).into_owned()
    }

    /// The algorithm that it is good for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn hash(&self) -> Hash {
        self.hash
    }
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
            && bool::from(self.hash.as_bytes().ct_eq(other.hash.as_bytes()))
    }
}

impl Eq for Ha1 {}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({}, secret)", self.algorithm.token())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_round_trip_in_either_case() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
            let ha1 = Ha1::compute(algorithm, "1001", "offhook", "secret");
            let digits = ha1.to_hex();
            assert_eq!(digits.len(), 2 * algorithm.hash_bytes());
            assert_eq!(Ha1::from_hex(algorithm, &digits), Ok(ha1.clone()));
            assert_eq!(Ha1::from_hex(algorithm, &digits.to_uppercase()), Ok(ha1));
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let md5 = "0123456789abcdef0123456789abcdef";
        for (algorithm, digits) in [
            (Algorithm::Sha256, md5),
            (Algorithm::Md5, &md5[1..]),
            (Algorithm::Md5, &md5[2..]),
            (Algorithm::Md5, ""),
            (Algorithm::Md5, "0123456789abcdef0123456789abcdeg"),
        ] {
            assert_eq!(Ha1::from_hex(algorithm, digits), Err(DigestError::BadHash), "{digits}");
        }
    }

    #[test]
    fn debug_output_shows_nothing_of_the_hash() {
        let ha1 = Ha1::compute(Algorithm::Md5, "1001", "offhook", "secret");
        assert_eq!(format!("{ha1:?}"), "Ha1(MD5, secret)");
    }

    #[test]
    fn algorithms_are_known_by_their_tokens_and_ordered_by_strength() {
        assert_eq!(Algorithm::from_token(b"sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::from_token(b"MD5-sess"), None);
        assert!(Algorithm::Md5 < Algorithm::Sha256 && Algorithm::Sha256 < Algorithm::Sha512_256);
    }
}
