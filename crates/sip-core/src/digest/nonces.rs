//! Nonces that carry their own proof.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use offhook_engine::UnixTime;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::ha1::{Algorithm, Ha1};
use super::replay::{ReplayTable, Use};
use crate::mac::Mac;

/// How long nonces are good and how many are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceConfig {
    /// How long after it was made a nonce may be used. Default 300 s.
    pub validity: Duration,
    /// The most nonces whose counts are remembered, about 60 bytes each. One that had to be forgotten
    /// early counts as stale. Default 65,536.
    pub max_tracked: usize,
}

impl Default for NonceConfig {
    fn default() -> Self {
        Self { validity: Duration::from_secs(300), max_tracked: 65_536 }
    }
}

/// Makes nonces, knows its own again, and remembers the counts used with them.
///
/// A nonce is the time, a serial number and a truncated HMAC-SHA256 of both: it binds to the key alone,
/// so any instance with the same key accepts it. Instances that share a key do not share the memory of
/// the counts; where a replay from one to the other matters, give each a key of its own.
#[derive(Clone)]
pub struct Nonces {
    mac: Mac,
    decoy: [u8; 32],
    config: NonceConfig,
    serial: u64,
    replays: ReplayTable,
}

/// A nonce as it stands in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

/// What is signed: when the nonce was made, in milliseconds since the epoch, and which of the nonces
/// made at that time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) minted: UnixTime,
    pub(super) serial: u64,
}

const STAMP_BYTES: usize = 16;
const MAC_BYTES: usize = 16;
const NONCE_BYTES: usize = STAMP_BYTES + MAC_BYTES;
const NONCE_CHARS: usize = NONCE_BYTES.div_ceil(3) * 4 - 1;

/// Clocks of two servers that share a key may differ by this much.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

impl Nonces {
    /// A source of nonces signed with `key`, which nobody else may know.
    #[must_use]
    pub fn new(key: [u8; 32], config: NonceConfig) -> Self {
        let mut decoy = Sha256::new();
        decoy.update(key);
        decoy.update(b"offhook digest decoy");
        Self {
            mac: Mac::new(&key, b"offhook digest nonce"),
            decoy: decoy.finalize().into(),
            config,
            serial: 0,
            replays: ReplayTable::new(config.max_tracked),
        }
    }

    /// A nonce that has not been given out before.
    pub fn mint(&mut self, wall: UnixTime) -> Nonce {
        self.serial = self.serial.wrapping_add(1);
        let stamp = Stamp { minted: wall, serial: self.serial }.to_bytes();
        let mut bytes = [0; NONCE_BYTES];
        let (head, tail) = bytes.split_at_mut(STAMP_BYTES);
        head.copy_from_slice(&stamp);
        tail.copy_from_slice(&self.mac.sign::<MAC_BYTES>(&[&stamp]));
        Nonce(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// How many nonces are being remembered.
    #[must_use]
    pub fn tracked(&self) -> usize {
        self.replays.len()
    }

    /// The stamp of a nonce that was signed with our key.
    pub(super) fn open(&self, nonce: &[u8]) -> Option<Stamp> {
        if nonce.len() != NONCE_CHARS {
            return None;
        }
        let mut bytes = [0; NONCE_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes).ok()?;
        if length != NONCE_BYTES {
            return None;
        }
        let (stamp, mac) = bytes.split_first_chunk::<STAMP_BYTES>()?;
        let expected = self.mac.sign::<MAC_BYTES>(&[stamp]);
        bool::from(expected.ct_eq(mac)).then(|| Stamp::from_bytes(*stamp))
    }

    /// Whether a nonce may still be used at all.
    pub(super) fn is_fresh(&self, stamp: Stamp, wall: UnixTime) -> bool {
        wall.since(stamp.minted) <= self.config.validity
            && stamp.minted.since(wall) <= CLOCK_TOLERANCE
    }

    /// Notes that a fresh nonce was used with the right password; `false` if it was used like this
    /// before, or may have been.
    pub(super) fn consume(&mut self, stamp: Stamp, usage: Use, wall: UnixTime) -> bool {
        let keep = self.config.validity + CLOCK_TOLERANCE;
        self.replays.consume(stamp, usage, wall, keep)
    }

    /// A hash to compare with in the name of a user that does not exist. It depends on the key, so
    /// nobody can log in with it.
    pub(super) fn decoy(&self, algorithm: Algorithm) -> Ha1 {
        Ha1::decoy(algorithm, &self.decoy)
    }
}

impl Stamp {
    fn to_bytes(self) -> [u8; STAMP_BYTES] {
        (u128::from(self.minted.as_millis()) << 64 | u128::from(self.serial)).to_be_bytes()
    }

    fn from_bytes(bytes: [u8; STAMP_BYTES]) -> Self {
        let both = u128::from_be_bytes(bytes);
        let [high, low] = [both >> 64, both & u128::from(u64::MAX)]
            .map(|half| u64::try_from(half).unwrap_or_default());
        Self { minted: UnixTime::from_millis(high), serial: low }
    }
}

impl Nonce {
    /// The characters of the nonce, which need no escaping in a quoted string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces")
            .field("config", &self.config)
            .field("tracked", &self.tracked())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixTime = UnixTime::from_millis(1_800_000_000_000);

    fn nonces(key: u8) -> Nonces {
        Nonces::new([key; 32], NonceConfig::default())
    }

    #[test]
    fn a_nonce_is_known_again_by_whoever_has_the_key() {
        let nonce = nonces(1).mint(NOON);
        let stamp = nonces(1).open(nonce.as_str().as_bytes()).unwrap();
        assert_eq!(stamp, Stamp { minted: NOON, serial: 1 });
        assert_eq!(nonces(2).open(nonce.as_str().as_bytes()), None);
    }

    #[test]
    fn no_two_nonces_are_the_same() {
        let mut nonces = nonces(1);
        assert_ne!(nonces.mint(NOON), nonces.mint(NOON));
    }

    #[test]
    fn a_nonce_changed_in_any_character_is_foreign() {
        let mut nonces = nonces(1);
        let nonce = nonces.mint(NOON);
        for place in 0..nonce.as_str().len() {
            let mut changed = nonce.as_str().as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(nonces.open(&changed), None, "character {place}");
        }
        for foreign in [&b""[..], b"x", &nonce.as_str().as_bytes()[1..]] {
            assert_eq!(nonces.open(foreign), None);
        }
    }

    #[test]
    fn a_nonce_ages_and_does_not_come_from_the_future() {
        let nonces = nonces(1);
        let stamp = Stamp { minted: NOON, serial: 1 };
        assert!(nonces.is_fresh(stamp, NOON + Duration::from_secs(300)));
        assert!(!nonces.is_fresh(stamp, NOON + Duration::from_millis(300_001)));
        let earlier = |by: u64| UnixTime::from_millis(NOON.as_millis() - by);
        assert!(nonces.is_fresh(stamp, earlier(10_000)));
        assert!(!nonces.is_fresh(stamp, earlier(10_001)));
    }
}
