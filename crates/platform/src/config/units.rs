//! Durations whose unit is part of the key's name.

use std::fmt;
use std::time::Duration;

use super::value::{Mismatch, Setting, Shape, Value};

/// A whole number of seconds: the value of a key that ends in `_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seconds(u32);

/// A whole number of milliseconds: the value of a key that ends in `_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Millis(u32);

impl Seconds {
    /// `seconds` seconds.
    #[must_use]
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The same span as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Millis {
    /// `millis` milliseconds.
    #[must_use]
    pub const fn new(millis: u32) -> Self {
        Self(millis)
    }

    /// The number of milliseconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The same span as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

impl Setting for Seconds {
    const SHAPE: Shape = Shape::Number;
    const EXPECTED: &'static str = "a whole number of seconds";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        u32::read(value).map(Self)
    }

    fn write(&self) -> toml::Value {
        self.0.write()
    }

    fn magnitude(&self) -> Option<u64> {
        Some(u64::from(self.0))
    }
}

impl Setting for Millis {
    const SHAPE: Shape = Shape::Number;
    const EXPECTED: &'static str = "a whole number of milliseconds";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        u32::read(value).map(Self)
    }

    fn write(&self) -> toml::Value {
        self.0.write()
    }

    fn magnitude(&self) -> Option<u64> {
        Some(u64::from(self.0))
    }
}
