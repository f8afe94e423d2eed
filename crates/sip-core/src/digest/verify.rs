//! Whether credentials prove what they claim.

use offhook_engine::UnixTime;
use offhook_sip_message::Uri;
use subtle::ConstantTimeEq;

use super::credentials::{Credentials, Protection};
use super::ha1::{Ha1, Hash};
use super::nonces::Nonces;
use super::replay::Use;

/// How closely the URI in the credentials must match the Request-URI.
///
/// RFC 3261 section 22.4 wants them to be equivalent and allows for a proxy on the way that rewrote the
/// Request-URI; there is no way to tell that from credentials made for another request. The nonce count
/// keeps credentials from being used twice in every mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UriMatch {
    /// Equivalent by RFC 3261 section 19.1.4, or the same bytes.
    #[default]
    Equivalent,
    /// Equal in scheme, user and host: phones differ in whether they leave out a port or parameters.
    SameTarget,
    /// Not compared: for requests that reach us through proxies which rewrite the Request-URI.
    Any,
}

/// Credentials and the request that they came with.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What the client sent.
    pub credentials: &'a Credentials<'a>,
    /// The method of the request.
    pub method: &'a [u8],
    /// The Request-URI as it came in.
    pub request_uri: &'a [u8],
    /// How to compare it.
    pub uri_match: UriMatch,
}

/// The result of checking credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right, and are used up.
    Accepted,
    /// The password is right and the nonce too old: challenge again with `stale=true`.
    Stale,
    /// The password is right, and the nonce count has been used: challenge again with `stale=true`,
    /// so that a client that lost count recovers; whoever replays gains nothing by it.
    Replayed,
    /// They prove nothing: challenge again.
    Refused(Refusal),
}

/// Why credentials were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such user.
    UnknownUser,
    /// Computed with another password.
    WrongResponse,
    /// The nonce is not one of ours (another node's, or from before the key changed).
    ForeignNonce,
    /// They were made for another URI.
    OtherUri,
    /// The stored hash is for another algorithm.
    AlgorithmMismatch,
    /// A `qop` that was not offered.
    QopNotOffered,
}

impl Verdict {
    /// Whether the next challenge is to say `stale=true`.
    #[must_use]
    pub fn is_stale(self) -> bool {
        match self {
            Self::Stale | Self::Replayed => true,
            // The nonce of another shard, or of this one before a restart: the client repeats the
            // request with the new nonce, and its user is not asked for another password.
            Self::Refused(Refusal::ForeignNonce) => true,
            Self::Accepted | Self::Refused(_) => false,
        }
    }
}

/// Checks credentials against the stored hash of the user that they name; `None` if there is no such
/// user, which takes the same work and is never accepted.
///
/// A right answer is noted, so the same one is not accepted again.
pub fn verify(
    nonces: &mut Nonces,
    attempt: &Attempt<'_>,
    ha1: Option<&Ha1>,
    wall: UnixTime,
) -> Verdict {
    let credentials = attempt.credentials;
    let usage = match credentials.protection {
        Protection::Auth { nc, .. } => Use::Count(nc),
        Protection::None => Use::Once,
        Protection::Other => return Verdict::Refused(Refusal::QopNotOffered),
    };
    let Some(stamp) = nonces.open(credentials.nonce) else {
        return Verdict::Refused(Refusal::ForeignNonce);
    };
    if !attempt.uri_fits() {
        return Verdict::Refused(Refusal::OtherUri);
    }
    let decoy = nonces.decoy(credentials.algorithm());
    let stored = ha1.unwrap_or(&decoy);
    if stored.algorithm() != credentials.algorithm() {
        return Verdict::Refused(Refusal::AlgorithmMismatch);
    }
    let expected = expected_response(attempt, stored);
    let is_right = bool::from(expected.as_bytes().ct_eq(credentials.response.0.as_bytes()));
    if ha1.is_none() {
        return Verdict::Refused(Refusal::UnknownUser);
    }
    if !is_right {
        return Verdict::Refused(Refusal::WrongResponse);
    }
    if !nonces.is_fresh(stamp, wall) {
        return Verdict::Stale;
    }
    if nonces.consume(stamp, usage, wall) { Verdict::Accepted } else { Verdict::Replayed }
}

/// The response that RFC 7616 section 3.4.1 defines, or for a client without `qop` the one of RFC 2617
/// section 3.2.2.1.
fn expected_response(attempt: &Attempt<'_>, ha1: &Ha1) -> Hash {
    let credentials = attempt.credentials;
    let algorithm = ha1.algorithm();
    let first = ha1.hash().to_hex();
    let second = algorithm.hash(&[attempt.method, credentials.uri()]).to_hex();
    match credentials.protection {
        Protection::Auth { qop, cnonce, nc_digits, nc: _ } => algorithm.hash(&[
            first.as_bytes(),
            credentials.nonce,
            nc_digits,
            cnonce,
            qop,
            second.as_bytes(),
        ]),
        Protection::None | Protection::Other => {
            algorithm.hash(&[first.as_bytes(), credentials.nonce, second.as_bytes()])
        }
    }
}

impl Attempt<'_> {
    fn uri_fits(&self) -> bool {
        let (claimed, actual) = (self.credentials.uri(), self.request_uri);
        if self.uri_match == UriMatch::Any || claimed == actual {
            return true;
        }
        let (Ok(claimed), Ok(actual)) = (Uri::parse(claimed), Uri::parse(actual)) else {
            return false;
        };
        match self.uri_match {
            UriMatch::Equivalent => claimed.equivalent(&actual),
            UriMatch::SameTarget => {
                claimed.scheme == actual.scheme
                    && claimed.user_unescaped() == actual.user_unescaped()
                    && same_host(&claimed, &actual)
            }
            UriMatch::Any => true,
        }
    }
}

fn same_host(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    match (one.host.name(), other.host.name()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => one.host.ip() == other.host.ip(),
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
