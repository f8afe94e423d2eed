//! Digests of passwords.

use std::fmt;

use md5::{Digest, Md5};
use sha2::Sha256;

/// HA1 of one user, realm and password, in each algorithm that challenges offer (RFC 7616 section 3.4.2, RFC 8760).
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    /// `MD5(user:realm:password)`, 32 lower-case hexadecimal digits.
    pub md5: String,
    /// `SHA-256(user:realm:password)`, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Ha1 {
    /// Computes the digests.
    #[must_use]
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        let text = format!("{user}:{realm}:{password}");
        Self { md5: hexadecimal(&Md5::digest(&text)), sha256: hexadecimal(&Sha256::digest(&text)) }
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(***)")
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User, realm and password of the example in RFC 7616 section 3.9.1; expected values from md5sum and sha256sum.
    #[test]
    fn known_digests() {
        let ha1 = Ha1::new("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(ha1.md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(ha1.sha256, "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
        assert_eq!(format!("{ha1:?}"), "Ha1(***)");
    }
}
