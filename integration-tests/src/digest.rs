//! The client's half of digest authentication (RFC 3261 section 22, RFC 8760), written apart
//! from the code under test so that the two check each other.

use md5::Md5;
use sha2::{Digest, Sha256};

/// The hash of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 2617.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// The name in challenges and credentials.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hex(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// The parameters of one challenge that an answer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection domain.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// The hash that the server asks for.
    pub algorithm: Algorithm,
    /// Whether the server says that only the nonce was too old.
    pub stale: bool,
}

impl Challenge {
    /// Reads the value of a `WWW-Authenticate` or `Proxy-Authenticate` header.
    ///
    /// # Panics
    /// When it is not a digest challenge with `qop=auth`.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let parameter = |name: &str| parameter(value, name);
        assert!(value.starts_with("Digest "), "a digest challenge: {value}");
        let offered = parameter("qop").unwrap_or_default();
        assert!(offered.split(',').any(|qop| qop.trim() == "auth"), "qop=auth in {value}");
        let algorithm = match parameter("algorithm").as_deref() {
            None | Some("MD5") => Algorithm::Md5,
            Some("SHA-256") => Algorithm::Sha256,
            Some(other) => panic!("the algorithm {other} is none that these tests know"),
        };
        Self {
            realm: parameter("realm").expect("a challenge has a realm"),
            nonce: parameter("nonce").expect("a challenge has a nonce"),
            algorithm,
            stale: parameter("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        }
    }

    /// The credentials that answer this challenge, with the given count of uses of the nonce.
    #[must_use]
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        count: u32,
    ) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let cnonce = "0a4f113b";
        let ha1 = algorithm.hex(&format!("{user}:{realm}:{password}"));
        let ha2 = algorithm.hex(&format!("{method}:{uri}"));
        let response = algorithm.hex(&format!("{ha1}:{nonce}:{count:08x}:{cnonce}:auth:{ha2}"));
        format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={}, cnonce=\"{cnonce}\", qop=auth, nc={count:08x}",
            algorithm.name()
        )
    }
}

/// A parameter of a challenge, without its quotes. Commas inside quoted strings do not separate.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut quoted = false;
    let separate = |character: char| {
        quoted ^= character == '"';
        character == ',' && !quoted
    };
    let list = value.strip_prefix("Digest ")?;
    let mut parameters = list.split(separate).filter_map(|item| item.trim().split_once('='));
    let (_, value) = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_and_answered() {
        let value =
            "Digest realm=\"a, b\", nonce=\"xyz\", qop=\"auth,auth-int\", algorithm=SHA-256";
        let challenge = Challenge::parse(value);
        assert_eq!(challenge.realm, "a, b");
        assert_eq!(challenge.algorithm, Algorithm::Sha256);
        let answer = challenge.answer("1001", "secret", "REGISTER", "sip:x", 1);
        assert_eq!(parameter(&answer, "nc").as_deref(), Some("00000001"));
        assert_eq!(parameter(&answer, "response").map(|hash| hash.len()), Some(64));
    }
}
