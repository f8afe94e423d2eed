//! Comma-separated values.

use crate::chars;

/// Splits one header line's value at its commas, outside quoted strings and angle brackets.
///
/// Empty elements are kept, so that a typed reader can refuse them.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    /// The values of one line; no value at all in an empty one.
    #[must_use]
    #[inline]
    pub fn new(line: &'a [u8]) -> Self {
        Self { rest: if line.is_empty() { None } else { Some(line) } }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = value_end(rest);
        self.rest = rest.get(end + 1..);
        Some(chars::trim(&rest[..end]))
    }
}

/// Where the first value ends: at its comma, or with the bytes.
#[inline]
pub(crate) fn value_end(bytes: &[u8]) -> usize {
    if memchr::memchr(b',', bytes).is_none() {
        return bytes.len();
    }
    let mut pos = 0;
    while let Some(&b) = bytes.get(pos) {
        pos = match b {
            b',' => return pos,
            b'"' => chars::quoted_end(bytes, pos),
            b'<' => memchr::memchr(b'>', &bytes[pos..]).map(|at| pos + at + 1),
            _ => Some(pos + 1),
        }
        // What opens and never closes takes the rest; its reader will refuse it.
        .unwrap_or(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::Values;

    #[test]
    fn splitting() {
        let split = |text: &str| {
            Values::new(text.as_bytes())
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("a"), ["a"]);
        assert_eq!(split("a ,\r\n b"), ["a", "b"]);
        assert_eq!(split("a,,b,"), ["a", "", "b", ""]);
        assert_eq!(
            split("\"x, \\\" y\" <sip:a,b@h>;p=\",\", <sip:c>"),
            ["\"x, \\\" y\" <sip:a,b@h>;p=\",\"", "<sip:c>"]
        );
        assert_eq!(split("\"open, b"), ["\"open, b"]);
        assert_eq!(split("<open, b"), ["<open, b"]);
    }
}
