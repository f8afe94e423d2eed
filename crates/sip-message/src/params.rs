//! Parameters that follow a value: `;name=value;flag`.

use crate::chars;

/// The parameters of a header value or of a URI, in their order.
///
/// Names are case-insensitive. Values are given as written, a quoted string with its quotes (see
/// [`Params::text`]). Equality is that of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
}

impl<'a> Params<'a> {
    /// No parameters.
    pub const EMPTY: Self = Self { raw: b"" };

    /// Parameters after a header value (`generic-param`, RFC 3261 section 25.1); `raw` is empty or
    /// begins with `;`.
    #[must_use]
    #[inline]
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let mut pos = chars::skip(raw, 0, chars::SPACE);
        while pos < raw.len() {
            if raw[pos] != b';' {
                return None;
            }
            let name = chars::skip(raw, pos + 1, chars::SPACE);
            pos = chars::skip_run(raw, name, chars::TOKEN);
            if pos == name {
                return None;
            }
            if matches!(raw.get(pos), Some(b';')) {
                continue;
            }
            pos = chars::skip(raw, pos, chars::SPACE);
            if raw.get(pos) == Some(&b'=') {
                let value = chars::skip(raw, pos + 1, chars::SPACE);
                pos = match raw.get(value)? {
                    b'"' => chars::quoted_end(raw, value)?,
                    _ => chars::skip_run(raw, value, chars::VALUE),
                };
                if pos == value {
                    return None;
                }
                pos = chars::skip(raw, pos, chars::SPACE);
            }
        }
        Some(Self { raw })
    }

    /// Parameters of a URI (`uri-parameter`) that begin at `start`, if any do, and where they end.
    #[inline]
    pub(crate) fn uri_prefix(bytes: &'a [u8], start: usize) -> Option<(Self, usize)> {
        let mut pos = start;
        let mut count = 0;
        while bytes.get(pos) == Some(&b';') {
            count += 1;
            let name = pos + 1;
            pos = chars::skip_escaped(bytes, name, chars::PARAM);
            if pos == name {
                return None;
            }
            if bytes.get(pos) == Some(&b'=') {
                let value = pos + 1;
                pos = chars::skip_escaped(bytes, value, chars::PARAM);
                if pos == value {
                    return None;
                }
            }
        }
        // Comparing two URIs takes the square of this many steps.
        const MAX_URI_PARAMS: usize = 64;
        (count <= MAX_URI_PARAMS).then(|| (Self { raw: &bytes[start..pos] }, pos))
    }

    /// The bytes as received, empty or beginning with `;` (after white space).
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether there is no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The parameter of that name: `None` if absent, `Some(None)` if it has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.iter().find(|param| param.is(name)).map(|param| param.value)
    }

    /// The value of the parameter of that name, as written.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name).flatten()
    }

    /// The value of that name without the quotes if it is quoted; its escapes stay.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.value(name).map(chars::unquoted)
    }

    /// Whether the parameter is there, with a value or without.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters in their order.
    #[must_use]
    pub fn iter(&self) -> ParamsIter<'a> {
        ParamsIter { rest: self.raw }
    }
}

impl<'a> IntoIterator for &Params<'a> {
    type Item = Param<'a>;
    type IntoIter = ParamsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as written.
    pub name: &'a [u8],
    /// The value as written, with the quotes of a quoted string.
    pub value: Option<&'a [u8]>,
}

impl Param<'_> {
    /// Whether the parameter has that name, in any case.
    #[must_use]
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Iterator over [`Params`].
#[derive(Clone, Debug)]
pub struct ParamsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ParamsIter<'a> {
    type Item = Param<'a>;

    #[inline]
    fn next(&mut self) -> Option<Param<'a>> {
        let start = memchr::memchr(b';', self.rest)? + 1;
        let rest = &self.rest[start..];
        let mut end = 0;
        let mut equals = None;
        while let Some(&b) = rest.get(end) {
            match b {
                b';' => break,
                b'=' if equals.is_none() => equals = Some(end),
                b'"' => {
                    end = chars::quoted_end(rest, end).unwrap_or(rest.len());
                    continue;
                }
                _ => {}
            }
            end += 1;
        }
        self.rest = &rest[end..];
        let (name, value) = match equals {
            Some(at) => (&rest[..at], Some(chars::trim(&rest[at + 1..end]))),
            None => (&rest[..end], None),
        };
        Some(Param { name: chars::trim(name), value })
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    fn pairs(raw: &str) -> Option<Vec<(String, Option<String>)>> {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let params = Params::parse(raw.as_bytes())?;
        Some(params.iter().map(|p| (text(p.name), p.value.map(text))).collect())
    }

    #[test]
    fn header_parameters() {
        let some = |n: &str, v: &str| (n.to_owned(), Some(v.to_owned()));
        let flag = |n: &str| (n.to_owned(), None);
        assert_eq!(pairs("").unwrap(), []);
        assert_eq!(pairs(";tag=a").unwrap(), [some("tag", "a")]);
        assert_eq!(
            pairs(" ; lr ;\r\n x = \"a;b\\\"=\" ;ip=[::1];raw=2001:db8::1").unwrap(),
            [
                flag("lr"),
                some("x", "\"a;b\\\"=\""),
                some("ip", "[::1]"),
                some("raw", "2001:db8::1")
            ]
        );
        for bad in [";", ";;", "a", ";=b", ";a=", ";a=\"b", ";a=b c", ";a b", ";a=b,", ";a=\"b\"c"]
        {
            assert_eq!(pairs(bad), None, "{bad}");
        }
    }

    #[test]
    fn uri_parameters() {
        let all = |text: &str| {
            let (params, end) = Params::uri_prefix(text.as_bytes(), 0)?;
            (end == text.len()).then(|| params.iter().count())
        };
        for (good, count) in
            [("", 0), (";lr", 1), (";transport=tcp;lr", 2), (";a=%20b", 1), (";x=[::1]/:&+$", 1)]
        {
            assert_eq!(all(good), Some(count), "{good}");
        }
        for bad in [";", ";;lr", ";a=", ";a=b c", ";a=%2", ";a=%zz", ";a=\"b\"", "lr", ";a=b@c"] {
            assert_eq!(all(bad), None, "{bad}");
        }
    }

    #[test]
    fn look_up() {
        let params = Params::parse(b";Tag=AbC;lr;q=\"x\"").unwrap();
        assert_eq!(params.get("tag"), Some(Some(&b"AbC"[..])));
        assert_eq!(params.get("LR"), Some(None));
        assert_eq!(params.get("none"), None);
        assert_eq!(params.text("q"), Some(&b"x"[..]));
        assert!(params.has("lr") && !params.has("l"));
    }
}
