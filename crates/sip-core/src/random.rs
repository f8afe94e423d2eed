//! Numbers that nobody else can guess, from a seed that the service drew.

use sha2::{Digest, Sha256};

/// A generator of unpredictable 64-bit numbers: SHA-256 in counter mode over a secret seed.
///
/// What it gives out is seen by strangers (branches travel in every message), and they must not be
/// able to compute the next one from it, so a statistical generator would not do.
#[derive(Clone)]
pub(crate) struct Random {
    key: [u8; 32],
    counter: u64,
    ready: [u64; 4],
    left: usize,
}

impl Random {
    /// A generator for one purpose; the same seed gives unrelated numbers for each purpose.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(purpose.as_bytes());
        Self { key: hash.finalize().into(), counter: 0, ready: [0; 4], left: 0 }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        if self.left == 0 {
            self.refill();
        }
        self.left -= 1;
        self.ready[self.left]
    }

    fn refill(&mut self) {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(self.counter.to_le_bytes());
        let block: [u8; 32] = hash.finalize().into();
        for (number, bytes) in self.ready.iter_mut().zip(block.as_chunks().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        self.counter = self.counter.wrapping_add(1);
        self.left = self.ready.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Random;

    #[test]
    fn a_seed_gives_one_sequence_for_each_purpose() {
        let draw = |seed, purpose| {
            let mut random = Random::new(seed, purpose);
            (0..100).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        let all: HashSet<u64> =
            [draw(1, "a"), draw(1, "b"), draw(2, "a")].into_iter().flatten().collect();
        assert_eq!(all.len(), 300);
    }
}
