//! Character classes of RFC 3261 section 25.1 and the small scanners built on them.
//!
//! A folded line keeps its CRLF inside the value, and the index has already made sure that a CR or
//! LF occurs nowhere else; so all scanners count CR and LF as white space and nothing ever has to be
//! unfolded.

/// `token`: header names, methods, parameter names.
pub(crate) const TOKEN: u16 = 1;
/// `user`: unreserved and user-unreserved characters, and `#` (see [`crate::Uri`]).
pub(crate) const USER: u16 = 1 << 1;
/// `password`.
pub(crate) const PASSWORD: u16 = 1 << 2;
/// `paramchar` of a URI parameter.
pub(crate) const PARAM: u16 = 1 << 3;
/// `hnv-unreserved` and unreserved characters of a URI header.
pub(crate) const URI_HEADER: u16 = 1 << 4;
/// Letters and digits of a host name, with `_` that container networks put into names.
pub(crate) const LABEL: u16 = 1 << 5;
/// White space, including the CR and LF of a fold.
pub(crate) const SPACE: u16 = 1 << 6;
/// `word`: the parts of a Call-ID.
pub(crate) const WORD: u16 = 1 << 7;
/// Unquoted value of a header parameter: a token or a host, IPv6 with or without brackets.
pub(crate) const VALUE: u16 = 1 << 8;
/// Unquoted display name: token characters, white space, and bytes above ASCII.
pub(crate) const DISPLAY: u16 = 1 << 9;
/// What may follow the scheme of a URI that is not looked into.
pub(crate) const OPAQUE: u16 = 1 << 10;

static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut class = 0;
        if b.is_ascii_alphanumeric() {
            class |= TOKEN | USER | PASSWORD | PARAM | URI_HEADER | LABEL | WORD | VALUE | DISPLAY;
        }
        if b >= 0x80 {
            class |= DISPLAY;
        }
        if b > b' ' && b < 0x7f && !matches!(b, b'<' | b'>' | b'"') {
            class |= OPAQUE;
        }
        table[i] = class;
        i += 1;
    }
    add(&mut table, b"-.!%*_+`'~", TOKEN | WORD | VALUE | DISPLAY);
    add(&mut table, b"-_.!~*'()", USER | PASSWORD | PARAM | URI_HEADER);
    add(&mut table, b"&=+$,;?/#", USER);
    add(&mut table, b"&=+$,", PASSWORD);
    add(&mut table, b"[]/:&+$", PARAM);
    add(&mut table, b"[]/?:+$", URI_HEADER);
    add(&mut table, b"_", LABEL);
    add(&mut table, b" \t\r\n", SPACE | DISPLAY);
    add(&mut table, b"()<>:\\\"/[]?{}", WORD);
    add(&mut table, b"[]:", VALUE);
    table
}

const fn add(table: &mut [u16; 256], bytes: &[u8], class: u16) {
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] |= class;
        i += 1;
    }
}

/// Whether `byte` is in any of the classes of the mask.
#[inline]
pub(crate) fn is(byte: u8, class: u16) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Whether every byte is of the class; true for no bytes at all.
#[inline]
pub(crate) fn all(bytes: &[u8], class: u16) -> bool {
    skip_run(bytes, 0, class) == bytes.len()
}

/// Position of the first byte at or after `pos` that is neither of the class nor part of a `%HH`
/// escape.
#[inline]
pub(crate) fn skip_escaped(bytes: &[u8], pos: usize, class: u16) -> usize {
    let mut pos = pos;
    loop {
        pos = skip_run(bytes, pos, class);
        if bytes.get(pos) != Some(&b'%') || escaped_byte(bytes, pos).is_none() {
            return pos;
        }
        pos += 3;
    }
}

/// The byte that the `%HH` at `pos` stands for.
#[inline]
pub(crate) fn escaped_byte(bytes: &[u8], pos: usize) -> Option<u8> {
    let high = hex_value(*bytes.get(pos + 1)?)?;
    let low = hex_value(*bytes.get(pos + 2)?)?;
    Some(high << 4 | low)
}

fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Position of the first byte at or after `pos` that is not of the class.
#[inline]
pub(crate) fn skip(bytes: &[u8], pos: usize, class: u16) -> usize {
    let mut pos = pos;
    while let Some(&b) = bytes.get(pos) {
        if !is(b, class) {
            break;
        }
        pos += 1;
    }
    pos
}

/// [`skip`] for what is usually longer than a few bytes: four at a time.
#[inline]
pub(crate) fn skip_run(bytes: &[u8], pos: usize, class: u16) -> usize {
    let mut pos = pos;
    while let Some(&[a, b, c, d]) = bytes.get(pos..).and_then(|rest| rest.first_chunk()) {
        let common = CLASSES[a as usize]
            & CLASSES[b as usize]
            & CLASSES[c as usize]
            & CLASSES[d as usize]
            & class;
        if common == 0 {
            break;
        }
        pos += 4;
    }
    skip(bytes, pos, class)
}

/// Cuts white space, folds included, from both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(&bytes[skip(bytes, 0, SPACE)..])
}

/// Cuts white space, folds included, from the end.
#[inline]
pub(crate) fn trim_end(bytes: &[u8]) -> &[u8] {
    let mut end = bytes.len();
    while end > 0 && is(bytes[end - 1], SPACE) {
        end -= 1;
    }
    &bytes[..end]
}

/// Position after the closing quote of the quoted string that opens at `pos`.
#[inline]
pub(crate) fn quoted_end(bytes: &[u8], pos: usize) -> Option<usize> {
    let mut pos = pos + 1;
    loop {
        match bytes.get(pos)? {
            b'"' => return Some(pos + 1),
            b'\\' => pos += 2,
            _ => pos += 1,
        }
    }
}

/// A decimal number of digits alone, `None` on anything else or above `max`.
#[inline]
pub(crate) fn decimal(bytes: &[u8], max: u32) -> Option<u32> {
    let mut value = 0u64;
    for &b in bytes {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
        if value > u64::from(max) {
            return None;
        }
    }
    if bytes.is_empty() { None } else { u32::try_from(value).ok() }
}

/// Number of decimal digits at `pos`.
#[inline]
pub(crate) fn digits(bytes: &[u8], pos: usize) -> usize {
    bytes.get(pos..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
}

/// The text of a quoted string without its quotes, or the bytes as they are.
#[inline]
pub(crate) fn unquoted(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'"', inner @ .., b'"'] => inner,
        _ => bytes,
    }
}

/// Resolves the backslash escapes of a quoted string's text.
pub(crate) fn unescape_quoted(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return std::borrow::Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&b) = bytes.next() {
        if b == b'\\' {
            out.extend(bytes.next());
        } else {
            out.push(b);
        }
    }
    std::borrow::Cow::Owned(out)
}
