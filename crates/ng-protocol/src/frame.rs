//! The cookie in front of each document.

use bytes::Bytes;

use crate::FrameError;

/// The largest UDP payload over IPv4, in bytes.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;

/// The longest cookie accepted, in bytes.
pub const MAX_COOKIE_BYTES: usize = 255;

/// A datagram taken apart: the cookie and the document that it travels with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Pairs a reply with its command; the same cookie again is a retransmission.
    pub cookie: Bytes,
    /// The bencoded dictionary.
    pub document: Bytes,
}

impl Frame {
    /// Splits a received datagram at its first space.
    ///
    /// # Errors
    /// When there is no cookie, or when the cookie or the datagram is over its limit.
    pub fn parse(datagram: Bytes) -> Result<Self, FrameError> {
        if datagram.len() > MAX_DATAGRAM_BYTES {
            return Err(FrameError::TooLong);
        }
        let space = datagram.iter().position(|&byte| byte == b' ').ok_or(FrameError::NoCookie)?;
        if space == 0 {
            return Err(FrameError::NoCookie);
        }
        if space > MAX_COOKIE_BYTES {
            return Err(FrameError::CookieTooLong);
        }
        Ok(Self { cookie: datagram.slice(..space), document: datagram.slice(space + 1..) })
    }

    /// Puts the datagram together.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut datagram = Vec::with_capacity(self.cookie.len() + 1 + self.document.len());
        datagram.extend_from_slice(&self.cookie);
        datagram.push(b' ');
        datagram.extend_from_slice(&self.document);
        datagram.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_space() {
        let frame = Frame::parse(Bytes::from_static(b"5323_1 d7:command4:pinge")).expect("frame");
        assert_eq!(frame.cookie, "5323_1");
        assert_eq!(frame.document, "d7:command4:pinge");
        assert_eq!(frame.encode(), "5323_1 d7:command4:pinge");
    }

    #[test]
    fn refuses_what_is_no_frame() {
        let long_cookie = Bytes::from([vec![b'a'; 256], b" de".to_vec()].concat());
        for (datagram, expected) in [
            (Bytes::new(), FrameError::NoCookie),
            (Bytes::from_static(b"abc"), FrameError::NoCookie),
            (Bytes::from_static(b" de"), FrameError::NoCookie),
            (long_cookie, FrameError::CookieTooLong),
            (Bytes::from(vec![b'a'; 70_000]), FrameError::TooLong),
        ] {
            assert_eq!(Frame::parse(datagram), Err(expected));
        }
    }
}
