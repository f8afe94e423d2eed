//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966).

mod aor;
mod compare;
pub(crate) mod parse;

use std::borrow::Cow;

use crate::{Host, Params, ParseError, Transport, chars};

/// The scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:` (RFC 3966)
    Tel,
    /// Any other; only [`Uri::raw`] has its content.
    Other,
}

/// A URI, taken apart but with each part as written.
///
/// It has at most 64 parameters and 64 headers, which bounds the work of comparing two.
///
/// Beyond the grammar of RFC 3261, `#` is taken in the user part, because phones send dial strings
/// such as `*21#` unescaped; it equals `%23`.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    raw: &'a [u8],
    /// The scheme.
    pub scheme: Scheme,
    /// The user part with its escapes; the number of a `tel` URI.
    pub user: Option<&'a [u8]>,
    /// The password with its escapes.
    pub password: Option<&'a [u8]>,
    /// The host; an empty name where the scheme has none.
    pub host: Host<'a>,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'a>,
    /// What follows `?`, with its escapes.
    pub headers: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// A URI without content.
    pub(crate) const NONE: Self = Self {
        raw: b"",
        scheme: Scheme::Other,
        user: None,
        password: None,
        host: Host::Name(b""),
        port: None,
        params: Params::EMPTY,
        headers: None,
    };

    /// Reads a whole URI, which is neither in angle brackets nor surrounded by white space.
    ///
    /// # Errors
    /// [`ParseError::MalformedUri`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        parse::whole(bytes).ok_or(ParseError::MalformedUri)
    }

    /// The URI as received.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The user part with its escapes resolved.
    #[must_use]
    pub fn user_unescaped(&self) -> Option<Cow<'a, [u8]>> {
        self.user.map(unescape)
    }

    /// The transport that the `transport` parameter names; `None` if absent or unknown.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        Transport::from_token(self.params.value("transport")?)
    }

    /// Whether the `lr` parameter marks a loose router (RFC 3261 section 19.1.1).
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.params.has("lr")
    }

    /// The headers after `?` as pairs of name and value, both with their escapes.
    pub fn header_pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let pairs = self.headers.map(|headers| headers.split(|&b| b == b'&'));
        pairs.into_iter().flatten().map(|pair| match memchr::memchr(b'=', pair) {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &b""[..]),
        })
    }

    /// Whether both name the same resource: RFC 3261 section 19.1.4 for `sip` and `sips`, RFC 3966
    /// section 4 for `tel`, byte equality after a case-insensitive scheme for the rest.
    ///
    /// The relation is not transitive for SIP URIs, so it serves no hash map; [`Uri::aor`] does.
    #[must_use]
    pub fn equivalent(&self, other: &Uri<'_>) -> bool {
        compare::equivalent(self, other)
    }

    /// The canonical key of the address-of-record (RFC 3261 section 10.3 step 5); see
    /// [`Uri::write_aor`].
    #[must_use]
    pub fn aor(&self) -> String {
        let mut key = String::with_capacity(self.raw.len());
        self.write_aor(&mut key);
        key
    }

    /// Appends the canonical key of the address-of-record.
    ///
    /// `user@host`, or `host` without a user: the user unescaped and case-sensitive, the host in
    /// lower case, no scheme, port, password, parameter or header; `sip` and `sips` of one address
    /// share a key. Bytes that may not stand in a user unescaped are escaped, so that the key is
    /// unambiguous text, and `sip:` with the key a URI of that key. A `tel` URI gives `tel:` and the number without
    /// separators, and for a local number its phone-context. Any other scheme gives its lossy text.
    pub fn write_aor(&self, key: &mut String) {
        aor::write(self, key);
    }
}

/// Byte equality. See [`Uri::equivalent`] for the equality of the RFC.
impl PartialEq for Uri<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Uri<'_> {}

/// Resolves `%HH`; what is no escape stays as it is.
#[must_use]
pub fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'%', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut pos = 0;
    while let Some(&b) = bytes.get(pos) {
        match chars::escaped_byte(bytes, pos) {
            Some(byte) if b == b'%' => {
                out.push(byte);
                pos += 3;
            }
            Some(_) | None => {
                out.push(b);
                pos += 1;
            }
        }
    }
    Cow::Owned(out)
}
