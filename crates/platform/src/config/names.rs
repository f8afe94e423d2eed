//! Names with rules of their own: domains, the realm, log levels.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use super::value::{Mismatch, Setting, Shape, Value};
use crate::suggest;

/// Declares a text that is checked when it is parsed.
macro_rules! checked_text {
    ($(#[$meta:meta])* $name:ident, expected $expected:literal, error $error:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Setting for $name {
            const SHAPE: Shape = Shape::Text;
            const EXPECTED: &'static str = $expected;

            fn read(value: &Value) -> Result<Self, Mismatch> {
                let text = value.text().ok_or_else(Mismatch::wrong_type)?;
                text.parse().map_err(|fault: $error| {
                    Mismatch::because(fault.to_string()).suggest(Self::meant(&text))
                })
            }

            fn write(&self) -> toml::Value {
                toml::Value::String(self.0.clone())
            }
        }
    };
}

checked_text! {
    /// A domain that this platform is responsible for: a host name or an IP address, in lower case.
    DomainName, expected "a host name or an IP address, such as \"example.com\"", error DomainNameError
}

checked_text! {
    /// The realm of digest challenges (RFC 3261 section 22.1): printable, without quotation marks.
    Realm, expected "a printable text without quotation marks or backslashes", error RealmError
}

checked_text! {
    /// Which log lines are written: a level, or `target=level` pairs with commas between them.
    LogFilter, expected "\"error\", \"warn\", \"info\", \"debug\", \"trace\" or \"off\", or target=level pairs", error LogFilterError
}

/// Why a text is no [`DomainName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host name nor an IP address")]
pub struct DomainNameError(String);

/// Why a text is no [`Realm`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmError {
    /// Nothing at all.
    #[error("the realm is empty")]
    Empty,
    /// A character that would need escaping in every challenge.
    #[error("the realm contains {0:?}")]
    Character(char),
}

/// Why a text is no [`LogFilter`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFilterError {
    /// A single word that is close to a level and none.
    #[error("`{0}` is not a level")]
    Level(String),
    /// It cannot be parsed.
    #[error("`{0}` is not a list of levels and target=level pairs")]
    Syntax(String),
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if bare.parse::<IpAddr>().is_ok() || is_host_name(text) {
            Ok(Self(bare.to_ascii_lowercase()))
        } else {
            Err(DomainNameError(text.to_owned()))
        }
    }
}

impl DomainName {
    fn meant(text: &str) -> Option<String> {
        let text = text.strip_prefix("sips:").or_else(|| text.strip_prefix("sip:")).unwrap_or(text);
        let text = text.split_once('@').map_or(text, |(_, host)| host);
        let host = text.split_once(':').map_or(text, |(host, _)| host);
        is_host_name(host).then(|| host.to_ascii_lowercase())
    }
}

/// `offhook`.
impl Default for Realm {
    fn default() -> Self {
        Self("offhook".to_owned())
    }
}

/// `info`.
impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for Realm {
    type Err = RealmError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(RealmError::Empty);
        }
        match text.chars().find(|c| c.is_control() || matches!(c, '"' | '\\')) {
            Some(c) => Err(RealmError::Character(c)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl Realm {
    fn meant(text: &str) -> Option<String> {
        let kept: String =
            text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
        (!kept.is_empty()).then_some(kept)
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_level = LEVELS.contains(&text.to_ascii_lowercase().as_str());
        if !is_level && (text.is_empty() || Self::meant(text).is_some()) {
            return Err(LogFilterError::Level(text.to_owned()));
        }
        match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(LogFilterError::Syntax(text.to_owned())),
        }
    }
}

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];

impl LogFilter {
    fn meant(text: &str) -> Option<String> {
        match text.to_ascii_lowercase().as_str() {
            "warning" => Some("warn"),
            "verbose" => Some("debug"),
            "none" | "quiet" => Some("off"),
            other => suggest::nearest(other, LEVELS.iter().copied()),
        }
        .map(str::to_owned)
    }
}

/// True for a host name by RFC 952 and RFC 1123: labels of letters, digits and hyphens. Underscores
/// are let through, since container names have them.
pub(super) fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (text, expected) in [
            ("example.com", Some("example.com")),
            ("EXAMPLE.com", Some("example.com")),
            ("localhost", Some("localhost")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("sip:example.com", None),
            ("example..com", None),
            ("-a.com", None),
            ("", None),
        ] {
            assert_eq!(
                text.parse::<DomainName>().ok().as_ref().map(DomainName::as_str),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn log_filters() {
        for (text, good) in [
            ("info", true),
            ("INFO", true),
            ("off", true),
            ("warn,offhook_proxy=debug", true),
            ("offhook_proxy", true),
            ("inof", false),
            ("warning", false),
            ("", false),
            ("a=b=c", false),
        ] {
            assert_eq!(text.parse::<LogFilter>().is_ok(), good, "{text}");
        }
    }
}
