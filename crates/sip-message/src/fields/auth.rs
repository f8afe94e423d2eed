//! The Authorization family (RFC 3261 sections 20.7, 20.27, 20.28, 20.44).

use std::borrow::Cow;

use crate::{HeaderName, ParseError, chars};

/// Credentials or a challenge: a scheme and its parameters, or one opaque token.
#[derive(Clone, Copy, Debug)]
pub struct Auth<'a> {
    /// The scheme as written, such as `Digest`; empty in Authentication-Info, which has none.
    pub scheme: &'a [u8],
    /// The parameters; none where the scheme is followed by an opaque token.
    pub params: AuthParams<'a>,
    /// The opaque token of a scheme such as Bearer.
    pub token68: Option<&'a [u8]>,
}

impl<'a> Auth<'a> {
    /// Reads one whole line's value. A comma separates parameters, never values: each set of
    /// credentials has a line of its own (RFC 3261 section 7.3.1).
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Authorization.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedHeader(HeaderName::Authorization))
    }

    /// Whether the scheme is this one, in any case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }

    /// The parameter of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<AuthValue<'a>> {
        self.params.get(name)
    }
}

/// The parameters of an [`Auth`] in their order.
#[derive(Clone, Copy, Debug)]
pub struct AuthParams<'a> {
    raw: &'a [u8],
}

impl<'a> AuthParams<'a> {
    /// The first parameter of that name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<AuthValue<'a>> {
        self.iter().find(|param| param.is(name)).map(|param| param.value)
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = AuthParam<'a>> + Clone + use<'a> {
        let raw = self.raw;
        let mut pos = 0;
        std::iter::from_fn(move || {
            let (param, next) = next_param(raw, pos)?;
            pos = next;
            Some(param)
        })
    }
}

/// One parameter of an [`Auth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthParam<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value.
    pub value: AuthValue<'a>,
}

impl AuthParam<'_> {
    /// Whether the parameter has that name, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A token or the text of a quoted string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthValue<'a> {
    /// The text without quotes; the escapes of a quoted string stay. Digest hashes are computed over
    /// this text (RFC 2617 section 3.2.2.2 and RFC 7616 section 3.4 unquote, and no more).
    pub raw: &'a [u8],
    /// Whether the value was quoted.
    pub quoted: bool,
}

impl<'a> AuthValue<'a> {
    /// The text with escapes resolved.
    #[must_use]
    pub fn text(&self) -> Cow<'a, [u8]> {
        if self.quoted { chars::unescape_quoted(self.raw) } else { Cow::Borrowed(self.raw) }
    }
}

fn parse(value: &[u8]) -> Option<Auth<'_>> {
    let value = chars::trim(value);
    let scheme_end = chars::skip(value, 0, chars::TOKEN);
    let start = chars::skip(value, scheme_end, chars::SPACE);
    if scheme_end == 0 {
        return None;
    }
    // Authentication-Info begins with its first parameter.
    if value.get(start) == Some(&b'=') {
        let params = params(value)?;
        return Some(Auth { scheme: b"", params, token68: None });
    }
    let (scheme, rest) = (&value[..scheme_end], &value[start..]);
    if start == scheme_end || rest.is_empty() {
        return None;
    }
    match params(rest) {
        Some(params) => Some(Auth { scheme, params, token68: None }),
        None => {
            let params = AuthParams { raw: b"" };
            is_token68(rest).then_some(Auth { scheme, params, token68: Some(rest) })
        }
    }
}

/// Checks that the parameters reach to the end.
fn params(raw: &[u8]) -> Option<AuthParams<'_>> {
    let mut pos = 0;
    loop {
        let (_, next) = next_param(raw, pos)?;
        if next > raw.len() {
            return Some(AuthParams { raw });
        }
        pos = next;
    }
}

/// The parameter at `pos`, and the position after its comma; beyond the end if there is none.
fn next_param(raw: &[u8], pos: usize) -> Option<(AuthParam<'_>, usize)> {
    let start = chars::skip(raw, pos, chars::SPACE);
    let name_end = chars::skip(raw, start, chars::TOKEN);
    let equals = chars::skip(raw, name_end, chars::SPACE);
    if name_end == start || raw.get(equals) != Some(&b'=') {
        return None;
    }
    let value_start = chars::skip(raw, equals + 1, chars::SPACE);
    let (value, value_end) = if raw.get(value_start) == Some(&b'"') {
        let end = chars::quoted_end(raw, value_start)?;
        (AuthValue { raw: &raw[value_start + 1..end - 1], quoted: true }, end)
    } else {
        let end = chars::skip(raw, value_start, chars::TOKEN);
        (AuthValue { raw: &raw[value_start..end], quoted: false }, end)
    };
    let comma = chars::skip(raw, value_end, chars::SPACE);
    if value_end == value_start || !matches!(raw.get(comma), None | Some(b',')) {
        return None;
    }
    Some((AuthParam { name: &raw[start..name_end], value }, comma + 1))
}

/// RFC 7235 section 2.1.
fn is_token68(bytes: &[u8]) -> bool {
    let body = bytes.iter().take_while(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    });
    let end = body.count();
    end > 0 && bytes[end..].iter().all(|&b| b == b'=')
}

#[cfg(test)]
mod tests {
    use super::Auth;

    #[test]
    fn digest() {
        let auth = Auth::parse(
            b"digest username=\"a \\\"b\\\", c\" ,\r\n realm=\"r\", QOP=auth,nc=00000001,opaque=\"\"",
        )
        .unwrap();
        assert!(auth.is("Digest"));
        let user = auth.get("Username").unwrap();
        assert_eq!((user.raw, user.quoted), (&b"a \\\"b\\\", c"[..], true));
        assert_eq!(user.text().as_ref(), b"a \"b\", c");
        assert_eq!(auth.get("qop").unwrap().raw, b"auth");
        assert_eq!(auth.get("opaque").unwrap().raw, b"");
        assert_eq!(auth.params.iter().count(), 5);
        assert!(auth.get("nonce").is_none());
    }

    #[test]
    fn other_forms() {
        let bearer = Auth::parse(b"Bearer ab-c.d/e+f==").unwrap();
        assert_eq!((bearer.scheme, bearer.token68), (&b"Bearer"[..], Some(&b"ab-c.d/e+f=="[..])));
        let info = Auth::parse(b"nextnonce=\"x\", qop=auth").unwrap();
        assert_eq!((info.scheme, info.get("nextnonce").unwrap().raw), (&b""[..], &b"x"[..]));
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "Digest",
            "Digest ",
            "Digest realm",
            "Digest realm=",
            "Digest realm=\"x",
            "Digest realm=\"x\" nonce=\"y\"",
            "Digest realm=\"x\",",
            "Digest ,realm=\"x\"",
            "Digest realm=\"x\"y",
            "Digest realm=a b",
            "=x",
        ] {
            // A lone word is a token68 to the grammar, and so a value without parameters.
            let parsed = Auth::parse(text.as_bytes());
            assert!(parsed.is_err() || parsed.unwrap().token68.is_some(), "{text}");
        }
    }
}
