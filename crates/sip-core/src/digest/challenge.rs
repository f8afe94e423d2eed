//! The WWW-Authenticate and Proxy-Authenticate headers.

use std::fmt;

use offhook_engine::UnixTime;

use super::ha1::Algorithm;
use super::nonces::{Nonce, Nonces};

/// A challenge for one algorithm; `Display` is the value of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Shown to the user, and part of the stored hash.
    pub realm: &'a str,
    /// The algorithm to answer with.
    pub algorithm: Algorithm,
    /// The nonce to answer with.
    pub nonce: &'a Nonce,
    /// The last answer was right but for its nonce: the client may try again without asking its user.
    pub stale: bool,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest realm=\"")?;
        for character in self.realm.chars().filter(|character| !character.is_control()) {
            if matches!(character, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        write!(f, "\", nonce=\"{}\"", self.nonce)?;
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}, qop=\"auth\"", self.algorithm.token())
    }
}

/// The challenges for `algorithms`, one header value each, the strongest first (RFC 8760 section 2.4):
/// a client answers the first that it knows. All carry the same nonce.
#[must_use]
pub fn challenges(
    nonces: &mut Nonces,
    realm: &str,
    algorithms: &[Algorithm],
    stale: bool,
    wall: UnixTime,
) -> Vec<String> {
    let nonce = nonces.mint(wall);
    let mut strongest_first = algorithms.to_vec();
    strongest_first.sort_unstable_by(|a, b| b.cmp(a));
    strongest_first.dedup();
    strongest_first
        .into_iter()
        .map(|algorithm| Challenge { realm, algorithm, nonce: &nonce, stale }.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::nonces::NonceConfig;
    use super::*;

    #[test]
    fn one_header_for_each_algorithm_strongest_first() {
        let mut nonces = Nonces::new([1; 32], NonceConfig::default());
        let algorithms = [Algorithm::Md5, Algorithm::Sha256, Algorithm::Md5];
        let values =
            challenges(&mut nonces, "a \"b\"", &algorithms, true, UnixTime::from_millis(1));
        let [first, second] = values.try_into().unwrap();
        assert!(first.starts_with("Digest realm=\"a \\\"b\\\"\", nonce=\""), "{first}");
        assert!(first.ends_with("\", stale=true, algorithm=SHA-256, qop=\"auth\""), "{first}");
        assert_eq!(first.replace("SHA-256", "MD5"), second);
    }
}
