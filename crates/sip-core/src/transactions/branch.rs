//! The branch parameter of the requests that we send.

use std::fmt;

/// What a branch of RFC 3261 begins with (section 8.1.1.7).
pub(crate) const MAGIC_COOKIE: &[u8; 7] = b"z9hG4bK";

const SECRET_DIGITS: usize = 16;
const BRANCH_BYTES: usize = MAGIC_COOKIE.len() + SECRET_DIGITS;

/// The branch of a request that is going to be sent: the magic cookie and an unpredictable 64-bit
/// number in hexadecimal, which is all it takes to find the transaction when a response comes back,
/// and which a stranger cannot guess and so cannot forge a response to.
///
/// In the Via it may be followed by a full stop and more token characters (a proxy's loop-detection
/// hash, RFC 3261 section 16.6 step 8); they play no part in matching.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch {
    text: [u8; BRANCH_BYTES],
    pub(crate) secret: u64,
}

impl Branch {
    pub(crate) fn new(secret: u64) -> Self {
        let mut text = [0; BRANCH_BYTES];
        let (cookie, digits) = text.split_at_mut(MAGIC_COOKIE.len());
        cookie.copy_from_slice(MAGIC_COOKIE);
        for (place, digit) in digits.iter_mut().enumerate() {
            let nibble = secret >> (4 * (SECRET_DIGITS - 1 - place)) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        Self { text, secret }
    }

    /// The characters of the branch.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The secret in a branch that has the form of ours.
    pub(crate) fn secret_of(branch: &[u8]) -> Option<u64> {
        let rest = branch.strip_prefix(MAGIC_COOKIE)?;
        let (digits, suffix) = rest.split_at_checked(SECRET_DIGITS)?;
        if !matches!(suffix.first(), None | Some(b'.')) {
            return None;
        }
        digits.iter().try_fold(0_u64, |secret, digit| {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(secret << 4 | u64::from(nibble))
        })
    }
}

impl AsRef<[u8]> for Branch {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Branch;

    #[test]
    fn the_secret_survives_the_round_trip_with_and_without_a_suffix() {
        for secret in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let mut text = Branch::new(secret).as_bytes().to_vec();
            assert_eq!(Branch::secret_of(&text), Some(secret));
            text.extend_from_slice(b".1f-loop");
            assert_eq!(Branch::secret_of(&text), Some(secret));
        }
    }

    #[test]
    fn other_branches_are_not_ours() {
        for branch in [
            &b""[..],
            b"z9hG4bK",
            b"z9hG4bK0123456789abcde",
            b"z9hG4bK0123456789abcdef0",
            b"z9hG4bK0123456789ABCDEF",
            b"Z9HG4BK0123456789abcdef",
            b"z9hG4bK+123456789abcdef",
        ] {
            assert_eq!(Branch::secret_of(branch), None, "{}", branch.escape_ascii());
        }
    }
}
