//! Bencode: byte strings, integers, lists and dictionaries.

use std::borrow::Cow;

use crate::BencodeError;

/// The bounds within which a document is decoded.
#[derive(Clone, Copy, Debug)]
pub struct BencodeLimits {
    /// How deeply lists and dictionaries may nest.
    pub max_depth: usize,
    /// How many values, keys included, a document may hold.
    pub max_values: usize,
}

impl Default for BencodeLimits {
    fn default() -> Self {
        Self { max_depth: 12, max_values: 8192 }
    }
}

/// One bencoded value; byte strings borrow from the document where it was decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value<'a> {
    /// A byte string, of any bytes.
    Bytes(Cow<'a, [u8]>),
    /// An integer.
    Integer(i64),
    /// A list.
    List(Vec<Self>),
    /// A dictionary.
    Dictionary(Dictionary<'a>),
}

impl<'a> Value<'a> {
    /// Decodes a whole document.
    ///
    /// # Errors
    /// When the bytes are malformed, beyond the limits, or followed by more bytes.
    pub fn decode(document: &'a [u8], limits: &BencodeLimits) -> Result<Self, BencodeError> {
        let mut decoder = Decoder { document, at: 0, values_left: limits.max_values };
        let value = decoder.value(limits.max_depth)?;
        if decoder.at < document.len() {
            return Err(BencodeError::Trailing(decoder.at));
        }
        Ok(value)
    }

    /// Appends the encoded value. The keys of dictionaries leave in byte order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => encode_bytes(bytes, out),
            Self::Integer(number) => out.extend_from_slice(format!("i{number}e").as_bytes()),
            Self::List(values) => {
                out.push(b'l');
                for value in values {
                    value.encode(out);
                }
                out.push(b'e');
            }
            Self::Dictionary(dictionary) => dictionary.encode(out),
        }
    }

    /// The byte string, if it is one.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Integer(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// The integer, if it is one, or a byte string of decimal digits.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// The dictionary, if it is one.
    #[must_use]
    pub fn as_dictionary(&self) -> Option<&Dictionary<'a>> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            Self::Bytes(_) | Self::Integer(_) | Self::List(_) => None,
        }
    }

    /// The elements of a list; a single value counts as a list of one, as the protocol allows.
    #[must_use]
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            Self::Bytes(_) | Self::Integer(_) | Self::Dictionary(_) => std::slice::from_ref(self),
        }
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Bytes(Cow::Owned(text.into_bytes()))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a> From<Dictionary<'a>> for Value<'a> {
    fn from(dictionary: Dictionary<'a>) -> Self {
        Self::Dictionary(dictionary)
    }
}

impl<'a, V: Into<Self>> FromIterator<V> for Value<'a> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// A dictionary. Decoding accepts its keys in any order, because the peers do not sort them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dictionary<'a> {
    entries: Vec<(Cow<'a, [u8]>, Value<'a>)>,
}

impl<'a> Dictionary<'a> {
    /// An empty dictionary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of the first entry whose key is `key`, a space and a hyphen being the same.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.entries.iter().find(|(name, _)| same_name(name, key)).map(|(_, value)| value)
    }

    /// The byte string under `key`, if there is one.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.get(key).and_then(Value::as_bytes)
    }

    /// Adds an entry.
    pub fn insert(&mut self, key: impl Into<Cow<'a, [u8]>>, value: impl Into<Value<'a>>) {
        self.entries.push((key.into(), value.into()));
    }

    /// Adds an entry under a key that is text.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value<'a>>) {
        self.insert(key.as_bytes(), value);
    }

    /// The entries, in the order of the document.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Value<'a>)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Appends the encoded dictionary, its keys in byte order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut order: Vec<_> = self.entries.iter().collect();
        order.sort_by(|left, right| left.0.cmp(&right.0));
        out.push(b'd');
        for (key, value) in order {
            encode_bytes(key, out);
            value.encode(out);
        }
        out.push(b'e');
    }
}

/// Compares names of the protocol: a space may stand for a hyphen.
pub(crate) fn same_name(name: &[u8], known: &str) -> bool {
    let hyphen = |byte: u8| if byte == b' ' { b'-' } else { byte };
    name.len() == known.len()
        && name.iter().zip(known.bytes()).all(|(&left, right)| hyphen(left) == hyphen(right))
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

struct Decoder<'a> {
    document: &'a [u8],
    at: usize,
    values_left: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth_left: usize) -> Result<Value<'a>, BencodeError> {
        self.values_left =
            self.values_left.checked_sub(1).ok_or(BencodeError::TooManyValues(self.at))?;
        match self.peek()? {
            b'0'..=b'9' => Ok(Value::Bytes(Cow::Borrowed(self.byte_string()?))),
            b'i' => {
                self.at += 1;
                Ok(Value::Integer(self.number(b'e')?))
            }
            b'l' => self.list(depth_left),
            b'd' => self.dictionary(depth_left),
            _ => Err(BencodeError::Unexpected(self.at)),
        }
    }

    fn list(&mut self, depth_left: usize) -> Result<Value<'a>, BencodeError> {
        let depth_left = depth_left.checked_sub(1).ok_or(BencodeError::TooDeep(self.at))?;
        self.at += 1;
        let mut values = Vec::new();
        while self.peek()? != b'e' {
            values.push(self.value(depth_left)?);
        }
        self.at += 1;
        Ok(Value::List(values))
    }

    fn dictionary(&mut self, depth_left: usize) -> Result<Value<'a>, BencodeError> {
        let depth_left = depth_left.checked_sub(1).ok_or(BencodeError::TooDeep(self.at))?;
        self.at += 1;
        let mut entries = Vec::new();
        while self.peek()? != b'e' {
            let key = Cow::Borrowed(self.byte_string()?);
            entries.push((key, self.value(depth_left)?));
        }
        self.at += 1;
        Ok(Value::Dictionary(Dictionary { entries }))
    }

    fn byte_string(&mut self) -> Result<&'a [u8], BencodeError> {
        let start = self.at;
        if !self.peek()?.is_ascii_digit() {
            return Err(BencodeError::Unexpected(start));
        }
        let length = self.number(b':')?;
        let length = usize::try_from(length).map_err(|_| BencodeError::BadNumber(start))?;
        let bytes = self
            .document
            .get(self.at..)
            .and_then(|rest| rest.get(..length))
            .ok_or(BencodeError::Truncated(start))?;
        self.at += length;
        Ok(bytes)
    }

    /// Reads a decimal number up to and including `end`.
    fn number(&mut self, end: u8) -> Result<i64, BencodeError> {
        let start = self.at;
        let rest = self.document.get(start..).unwrap_or_default();
        // The longest i64 has 20 characters.
        let length = rest.iter().take(21).position(|&byte| byte == end);
        let Some(length) = length else {
            let error =
                if rest.len() > 20 { BencodeError::BadNumber } else { BencodeError::Truncated };
            return Err(error(start));
        };
        let text = &rest[..length];
        let leading_zero = text.len() > 1 && text.starts_with(b"0");
        let canonical = !leading_zero && !text.starts_with(b"+");
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        self.at = start + length + 1;
        number.filter(|_| canonical).ok_or(BencodeError::BadNumber(start))
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.document.get(self.at).copied().ok_or(BencodeError::Truncated(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(document: &[u8]) -> Result<Value<'_>, BencodeError> {
        Value::decode(document, &BencodeLimits::default())
    }

    #[test]
    fn decodes_each_kind_of_value() {
        let value = decode(b"d4:listl1:ai-7ee3:key5:value4:nestd0:i0eee").expect("document");
        let dictionary = value.as_dictionary().expect("dictionary");
        assert_eq!(dictionary.bytes("key"), Some(b"value".as_slice()));
        let list = dictionary.get("list").expect("list").elements();
        assert_eq!(list, [Value::from("a"), Value::from(-7_i64)]);
        let nested = dictionary.get("nest").and_then(Value::as_dictionary).expect("dictionary");
        assert_eq!(nested.get("").and_then(Value::as_integer), Some(0));
    }

    #[test]
    fn keys_may_be_spelled_with_spaces() {
        let value = decode(b"d14:address family3:IP4e").expect("document");
        let dictionary = value.as_dictionary().expect("dictionary");
        assert_eq!(dictionary.bytes("address-family"), Some(b"IP4".as_slice()));
    }

    #[test]
    fn encodes_keys_in_byte_order() {
        let mut dictionary = Dictionary::new();
        dictionary.set("result", "ok");
        dictionary.set("created", 5_u64);
        dictionary.set("tags", ["b", "a"].into_iter().collect::<Value<'_>>());
        let mut out = Vec::new();
        dictionary.encode(&mut out);
        assert_eq!(out, b"d7:createdi5e6:result2:ok4:tagsl1:b1:aee");
    }

    #[test]
    fn refuses_what_is_malformed() {
        let deep = [vec![b'l'; 13], vec![b'e'; 13]].concat();
        let wide = [b"l".to_vec(), b"0:".repeat(8192), b"e".to_vec()].concat();
        for (document, expected) in [
            (b"".as_slice(), BencodeError::Truncated(0)),
            (b"d", BencodeError::Truncated(1)),
            (b"5:abc", BencodeError::Truncated(0)),
            (b"5", BencodeError::Truncated(0)),
            (b"99999999999999999999999:a", BencodeError::BadNumber(0)),
            (b"05:hello", BencodeError::BadNumber(0)),
            (b"i+5e", BencodeError::BadNumber(1)),
            (b"ie", BencodeError::BadNumber(1)),
            (b"x", BencodeError::Unexpected(0)),
            (b"di5e1:ae", BencodeError::Unexpected(1)),
            (b"0:0:", BencodeError::Trailing(2)),
            (&deep, BencodeError::TooDeep(12)),
            (&wide, BencodeError::TooManyValues(16_383)),
        ] {
            assert_eq!(decode(document), Err(expected), "{}", document.escape_ascii());
        }
    }
}
