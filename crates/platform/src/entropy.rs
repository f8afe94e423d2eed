//! Randomness, drawn in this one place; everything else is given a seed.

/// 32 random bytes from the operating system.
///
/// # Panics
/// If the operating system has no source of randomness: without one no nonce, key or password would
/// be safe, so there is no way to go on.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut bytes = [0; 32];
    fill(&mut bytes);
    bytes
}

/// A random number from the operating system.
///
/// # Panics
/// As [`seed`].
#[must_use]
pub fn seed_u64() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws randomness")]
fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the operating system has no randomness: {error}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_draws_differ() {
        assert_ne!(super::seed(), super::seed());
        assert_ne!(super::seed_u64(), super::seed_u64());
    }
}
