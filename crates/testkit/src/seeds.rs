//! Running a simulation many times.

use std::ops::Range;

/// Runs `test` once for each seed, and says which seed it was if one panics.
///
/// `OFFHOOK_SEED=n` runs that seed alone, to look at a failure more closely. Returns whether all seeds
/// were run, so that what holds for all of them together can be checked.
///
/// # Panics
/// If `test` does.
pub fn for_each_seed(seeds: Range<u64>, mut test: impl FnMut(u64)) -> bool {
    let only = std::env::var("OFFHOOK_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => seeds,
    };
    for seed in seeds {
        let announcement = Announcement(seed);
        test(seed);
        std::mem::forget(announcement);
    }
    only.is_none()
}

/// Speaks up when it is dropped by a panic.
struct Announcement(u64);

impl Drop for Announcement {
    fn drop(&mut self) {
        report(&format!("the failing seed is {0}: OFFHOOK_SEED={0} repeats it", self.0));
    }
}

#[expect(clippy::print_stderr, reason = "the test harness shows a failing test's standard error")]
fn report(line: &str) {
    eprintln!("{line}");
}
