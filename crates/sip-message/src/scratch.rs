//! Small text under construction, kept off the heap while it is small.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::ops::Range;

use smallvec::SmallVec;

use crate::chars;

/// What the edits of a forwarded request usually come to.
const INLINE_BYTES: usize = 512;

/// Bytes that an edit or a builder adds to a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    bytes: SmallVec<[u8; INLINE_BYTES]>,
}

impl Scratch {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn get(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a value that must stay on one line: what would end it or cut it becomes a space.
    pub(crate) fn push_value(&mut self, value: &[u8]) {
        if memchr::memchr3(b'\r', b'\n', 0, value).is_none() {
            self.push(value);
        } else {
            let clean = |b: &u8| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b };
            self.bytes.extend(value.iter().map(clean));
        }
    }

    /// Appends a header line and gives the position of its value. What is no token in the name
    /// becomes an underscore.
    pub(crate) fn push_line(&mut self, name: &[u8], value: &[u8]) -> usize {
        if chars::all(name, chars::TOKEN) {
            self.push(name);
        } else {
            let clean = |b: &u8| if chars::is(*b, chars::TOKEN) { *b } else { b'_' };
            self.bytes.extend(name.iter().map(clean));
        }
        self.push(b": ");
        let value_start = self.len();
        self.push_value(value);
        self.push(b"\r\n");
        value_start
    }

    pub(crate) fn push_number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut start = digits.len();
        let mut rest = number;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    /// Appends an address without brackets.
    pub(crate) fn push_ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                for (at, octet) in ip.octets().into_iter().enumerate() {
                    if at > 0 {
                        self.push(b".");
                    }
                    self.push_number(u64::from(octet));
                }
            }
            IpAddr::V6(ip) => {
                let written = write!(self, "{ip}");
                debug_assert!(written.is_ok());
            }
        }
    }

    /// Appends a part of what is already here.
    pub(crate) fn repeat(&mut self, range: Range<usize>) {
        let start = self.bytes.len();
        let len = range.len();
        self.bytes.resize(start + len, 0);
        self.bytes.copy_within(range, start);
    }
}

impl fmt::Write for Scratch {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
