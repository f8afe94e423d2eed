//! The range of RTP ports: `20000-29999`.

use std::fmt;
use std::str::FromStr;

use super::value::{Mismatch, Setting, Shape, Value};

/// An inclusive range of UDP ports, handed out in pairs: RTP on the even port and RTCP on the odd
/// port above it (RFC 3550 section 11). The first port is even and the last is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The fewest ports that carry one call: two sides, each with RTP and RTCP.
    pub const MIN_PORTS: u32 = 4;

    /// The range from `first` to `last`, both included.
    ///
    /// # Errors
    /// See [`PortRangeError`].
    pub const fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first > last {
            return Err(PortRangeError::Reversed { first, last });
        }
        if first < 1024 {
            return Err(PortRangeError::Privileged { first });
        }
        if !first.is_multiple_of(2) {
            return Err(PortRangeError::OddFirst { first });
        }
        if last.is_multiple_of(2) {
            return Err(PortRangeError::EvenLast { last });
        }
        let range = Self { first, last };
        if range.ports() < Self::MIN_PORTS { Err(PortRangeError::TooSmall) } else { Ok(range) }
    }

    /// The first port, which is even.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last port, which is odd.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How many ports there are.
    #[must_use]
    pub const fn ports(self) -> u32 {
        self.last as u32 - self.first as u32 + 1
    }

    /// True if `port` lies in the range.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// 20000 to 29999.
impl Default for PortRange {
    fn default() -> Self {
        Self { first: 20_000, last: 29_999 }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Why a text or two numbers are no [`PortRange`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortRangeError {
    /// Not two port numbers with a dash between them.
    #[error("not two port numbers with a dash between them")]
    Syntax,
    /// The last port is below the first.
    #[error("the range runs backwards")]
    Reversed {
        /// The first port as given.
        first: u16,
        /// The last port as given.
        last: u16,
    },
    /// Ports below 1024 belong to the system's services.
    #[error("ports below 1024 are reserved for system services")]
    Privileged {
        /// The first port as given.
        first: u16,
    },
    /// RTP takes the even port of a pair, so the first must be even.
    #[error("the first port {first} is odd, and each pair begins on an even port")]
    OddFirst {
        /// The first port as given.
        first: u16,
    },
    /// RTCP takes the odd port of a pair, so the last must be odd.
    #[error("the last port {last} is even, and each pair ends on an odd port")]
    EvenLast {
        /// The last port as given.
        last: u16,
    },
    /// Fewer ports than one call needs.
    #[error("fewer than {} ports, the least that one call needs", PortRange::MIN_PORTS)]
    TooSmall,
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').ok_or(PortRangeError::Syntax)?;
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| PortRangeError::Syntax);
        Self::new(port(first)?, port(last)?)
    }
}

impl Setting for PortRange {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str =
        "an even and an odd port with a dash between them, such as \"20000-29999\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        text.parse().map_err(|fault: PortRangeError| {
            let last = text.rsplit_once('-').and_then(|(_, last)| last.trim().parse::<u16>().ok());
            let first =
                text.split_once('-').and_then(|(first, _)| first.trim().parse::<u16>().ok());
            let meant = match (&fault, first, last) {
                (PortRangeError::Reversed { .. }, Some(first), Some(last)) => {
                    Self::new(last, first)
                }
                (
                    PortRangeError::OddFirst { .. } | PortRangeError::EvenLast { .. },
                    Some(a),
                    Some(b),
                ) => Self::new(a & !1, b | 1),
                _ => Err(PortRangeError::Syntax),
            };
            Mismatch::because(fault.to_string()).suggest(meant.ok().map(|range| range.to_string()))
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        use PortRangeError as E;
        let cases = [
            ("20000-29999", Ok((20000, 29999))),
            (" 20000 - 20003 ", Ok((20000, 20003))),
            ("1024-65535", Ok((1024, 65535))),
            ("20001-29999", Err(E::OddFirst { first: 20001 })),
            ("20000-30000", Err(E::EvenLast { last: 30000 })),
            ("20000-20001", Err(E::TooSmall)),
            ("29999-20000", Err(E::Reversed { first: 29999, last: 20000 })),
            ("22-99", Err(E::Privileged { first: 22 })),
            ("20000", Err(E::Syntax)),
            ("20000-70000", Err(E::Syntax)),
            ("", Err(E::Syntax)),
        ];
        for (text, expected) in cases {
            let got = text.parse::<PortRange>().map(|range| (range.first(), range.last()));
            assert_eq!(got, expected, "{text}");
        }
        let range: PortRange = "20000-20999".parse().unwrap();
        assert_eq!(range.ports(), 1000);
        assert!(range.contains(20000) && range.contains(20999) && !range.contains(21000));
    }
}
