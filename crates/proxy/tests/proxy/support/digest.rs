//! A phone that knows its password (RFC 7616 section 3.4).

use offhook_sip_core::digest::{Algorithm, Ha1};
use offhook_sip_message::{Auth, HeaderName, Response};

use super::people::REALM;

/// The value of Proxy-Authorization that answers the challenge of `algorithm` in `response`.
pub(crate) fn credentials(
    response: &Response,
    algorithm: Algorithm,
    user: &str,
    password: &str,
    (method, uri): (&str, &str),
) -> String {
    let challenges = response.lines(HeaderName::ProxyAuthenticate);
    let nonce = challenges.filter_map(|line| Auth::parse(line).ok()).find_map(|challenge| {
        let is_it = *challenge.get("algorithm")?.text() == *algorithm.token().as_bytes();
        is_it.then(|| String::from_utf8_lossy(&challenge.get("nonce").unwrap().text()).into_owned())
    });
    let nonce = nonce.expect("a challenge for this algorithm");
    let secret = Ha1::compute(algorithm, user, REALM, password).to_hex();
    let request = hash(algorithm, &format!("{method}:{uri}"));
    let answer = hash(algorithm, &format!("{secret}:{nonce}:00000001:c0ffee:auth:{request}"));
    format!(
        "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{answer}\", algorithm={}, qop=auth, nc=00000001, cnonce=\"c0ffee\"",
        algorithm.token()
    )
}

/// The hash of any text with two colons: a user's hash is one of three parts with colons in between.
fn hash(algorithm: Algorithm, text: &str) -> String {
    let mut parts = text.splitn(3, ':');
    let mut part = || parts.next().expect("two colons");
    let (first, second, third) = (part(), part(), part());
    Ha1::compute(algorithm, first, second, third).to_hex()
}
