//! The Authorization and Proxy-Authorization headers.

use std::borrow::Cow;

use offhook_sip_message::{Auth, AuthValue, Head, HeaderName};

use super::ha1::{Algorithm, Hash};
use crate::error::DigestError;

/// Digest credentials: what a client answers a challenge with (RFC 7616 section 3.4).
///
/// The values that go into hashes are used as they stand between the quotation marks, backslashes
/// included, which is what clients hash.
#[derive(Clone, Debug)]
pub struct Credentials<'a> {
    username: Cow<'a, [u8]>,
    realm: Cow<'a, [u8]>,
    pub(super) nonce: &'a [u8],
    uri: &'a [u8],
    pub(super) response: Hashed,
    algorithm: Algorithm,
    pub(super) protection: Protection<'a>,
}

/// The response parameter.
#[derive(Clone)]
pub(super) struct Hashed(pub(super) Hash);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed")
    }
}

/// How the client protected its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection<'a> {
    /// Without `qop`, as in RFC 2069.
    None,
    /// With `qop=auth`.
    Auth {
        /// The token as sent, which is hashed.
        qop: &'a [u8],
        cnonce: &'a [u8],
        /// The eight digits as sent, which are hashed.
        nc_digits: &'a [u8],
        nc: u32,
    },
    /// With a `qop` that was not offered.
    Other,
}

impl<'a> Credentials<'a> {
    /// Reads the value of an Authorization or Proxy-Authorization header.
    ///
    /// # Errors
    /// See [`DigestError`]. Unknown parameters are no error.
    pub fn parse(value: &'a [u8]) -> Result<Self, DigestError> {
        let params = Params::read(value)?;
        if params.get("userhash")?.is_some_and(|value| value.raw.eq_ignore_ascii_case(b"true")) {
            return Err(DigestError::HashedUser);
        }
        let algorithm = match params.get("algorithm")? {
            None => Algorithm::Md5,
            Some(token) => Algorithm::from_token(token.raw).ok_or(DigestError::UnknownAlgorithm)?,
        };
        let response = Hash::from_hex(algorithm, params.require("response")?.raw)
            .ok_or(DigestError::Malformed)?;
        Ok(Self {
            username: params.require("username")?.text(),
            realm: params.require("realm")?.text(),
            nonce: params.require("nonce")?.raw,
            uri: params.require("uri")?.raw,
            response: Hashed(response),
            algorithm,
            protection: params.protection()?,
        })
    }

    /// The first credentials for `realm` in the headers `name` of a request, which may carry others
    /// for other servers (RFC 3261 section 22.3).
    ///
    /// # Errors
    /// If none fits and one of them cannot be read: why.
    pub fn find(
        head: &'a Head,
        name: HeaderName,
        realm: &str,
    ) -> Result<Option<Self>, DigestError> {
        let mut fault = Ok(None);
        for line in head.lines(name) {
            match Self::parse(line) {
                Ok(credentials) if *credentials.realm == *realm.as_bytes() => {
                    return Ok(Some(credentials));
                }
                Ok(_) | Err(DigestError::OtherScheme) => {}
                Err(error) => fault = Err(error),
            }
        }
        fault
    }

    /// The user name, without quotation marks and escapes.
    #[must_use]
    pub fn username(&self) -> &[u8] {
        &self.username
    }

    /// The realm, without quotation marks and escapes.
    #[must_use]
    pub fn realm(&self) -> &[u8] {
        &self.realm
    }

    /// The URI that the client hashed.
    #[must_use]
    pub fn uri(&self) -> &'a [u8] {
        self.uri
    }

    /// The algorithm that the client chose; MD5 if it does not say.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// The parameters of credentials.
struct Params<'a>(Auth<'a>);

impl<'a> Params<'a> {
    fn read(value: &'a [u8]) -> Result<Self, DigestError> {
        let auth = Auth::parse(value).map_err(|_error| DigestError::Malformed)?;
        if !auth.is("Digest") {
            return Err(DigestError::OtherScheme);
        }
        if auth.token68.is_some() {
            return Err(DigestError::Malformed);
        }
        Ok(Self(auth))
    }

    /// The parameter of that name. One that comes twice could be read differently by two servers.
    fn get(&self, name: &str) -> Result<Option<AuthValue<'a>>, DigestError> {
        let mut found = self.0.params.iter().filter(|param| param.is(name));
        let first = found.next();
        match found.next() {
            Some(_) => Err(DigestError::Malformed),
            None => Ok(first.map(|param| param.value)),
        }
    }

    fn require(&self, name: &'static str) -> Result<AuthValue<'a>, DigestError> {
        self.get(name)?.ok_or(DigestError::Missing(name))
    }

    fn protection(&self) -> Result<Protection<'a>, DigestError> {
        let Some(AuthValue { raw: qop, .. }) = self.get("qop")? else {
            return Ok(Protection::None);
        };
        if !qop.eq_ignore_ascii_case(b"auth") {
            return Ok(Protection::Other);
        }
        // RFC 7616 section 3.4: with qop both are required, and nc has exactly eight digits.
        let cnonce = self.require("cnonce")?.raw;
        let nc_digits = self.require("nc")?.raw;
        let nc = std::str::from_utf8(nc_digits)
            .ok()
            .filter(|digits| digits.len() == 8 && !digits.starts_with('+'))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or(DigestError::Malformed)?;
        Ok(Protection::Auth { qop, cnonce, nc_digits, nc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5_RESPONSE: &str = "8ca523f5e9506fed4657c9700eebdbec";

    fn parse(text: &str) -> Result<Credentials<'_>, DigestError> {
        Credentials::parse(text.as_bytes())
    }

    #[test]
    fn every_parameter_of_a_usual_client_is_read() {
        let text = format!(
            "Digest username=\"al,ice\", realm=\"off\\\"hook\",nonce=\"n\" , uri=\"sip:a@b;x=1,2\", \
             response=\"{MD5_RESPONSE}\", algorithm=md5, cnonce=\"c\", qop=auth, nc=0000000a, \
             opaque=\"\", whatever=1"
        );
        let credentials = parse(&text).unwrap();
        assert_eq!(credentials.username(), b"al,ice");
        assert_eq!(credentials.realm(), b"off\"hook");
        assert_eq!(credentials.uri(), b"sip:a@b;x=1,2");
        assert_eq!(credentials.nonce, b"n");
        assert_eq!(credentials.algorithm(), Algorithm::Md5);
        let expected =
            Protection::Auth { qop: b"auth", cnonce: b"c", nc_digits: b"0000000a", nc: 10 };
        assert_eq!(credentials.protection, expected);
    }

    #[test]
    fn a_client_without_qop_is_read() {
        let text =
            format!("digest username=a, realm=r, nonce=n, uri=\"sip:b\", response={MD5_RESPONSE}");
        let credentials = parse(&text).unwrap();
        assert_eq!(credentials.protection, Protection::None);
        assert_eq!(credentials.algorithm(), Algorithm::Md5);
    }

    #[test]
    fn faults_are_named() {
        let base = "username=a, realm=r, nonce=n, uri=\"sip:b\"";
        let good = format!("{base}, response={MD5_RESPONSE}");
        for (text, fault) in [
            ("Basic abc".to_owned(), DigestError::OtherScheme),
            ("Digestive a=b".to_owned(), DigestError::OtherScheme),
            ("Digest".to_owned(), DigestError::Malformed),
            ("Digest dG9rZW4=".to_owned(), DigestError::Malformed),
            (format!("Digest {base}"), DigestError::Missing("response")),
            (format!("Digest {base}, response=12"), DigestError::Malformed),
            (format!("Digest {good}, username=b"), DigestError::Malformed),
            (format!("Digest {good}, algorithm=MD5-sess"), DigestError::UnknownAlgorithm),
            (format!("Digest {good}, algorithm=SHA-256"), DigestError::Malformed),
            (format!("Digest {good}, userhash=true"), DigestError::HashedUser),
            (format!("Digest {good}, qop=auth, nc=00000001"), DigestError::Missing("cnonce")),
            (format!("Digest {good}, qop=auth, cnonce=c"), DigestError::Missing("nc")),
            (format!("Digest {good}, qop=auth, cnonce=c, nc=1"), DigestError::Malformed),
            (format!("Digest {good}, qop=auth, cnonce=c, nc=+0000001"), DigestError::Malformed),
            (format!("Digest {good}, broken"), DigestError::Malformed),
            (format!("Digest {good}, a=\"unclosed"), DigestError::Malformed),
            (format!("Digest {good}, a=\"x\"y"), DigestError::Malformed),
            (format!("Digest {good}, =x"), DigestError::Malformed),
        ] {
            assert_eq!(parse(&text).err(), Some(fault), "{text}");
        }
    }
}
