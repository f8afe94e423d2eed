//! Users and their names.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::Ha1;

/// The name of a user: `NAME` in the default domain, or `NAME@DOMAIN`.
///
/// The name is case-sensitive, as the user part of a SIP URI is (RFC 3261 section 19.1.4). The domain is kept in lower
/// case; the empty domain is the default domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId {
    domain: String,
    name: String,
}

impl UserId {
    /// Longest name, in bytes.
    pub const MAX_NAME_BYTES: usize = 64;
    /// Longest domain, in bytes (RFC 1035 section 2.3.4).
    pub const MAX_DOMAIN_BYTES: usize = 253;

    /// Checks the parts. An empty `domain` is the default domain.
    ///
    /// # Errors
    /// What is wrong with the name or the domain.
    pub fn new(name: &str, domain: &str) -> Result<Self, UserIdError> {
        check_name(name)?;
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if !domain.is_empty() {
            check_domain(domain)?;
        }
        Ok(Self { domain: domain.to_ascii_lowercase(), name: name.to_owned() })
    }

    /// The name: the user part of the address, and the username of the digest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The domain, empty for the default domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl FromStr for UserId {
    type Err = UserIdError;

    /// Reads `NAME` or `NAME@DOMAIN`, with or without `sip:` in front.
    fn from_str(text: &str) -> Result<Self, UserIdError> {
        let text = text.strip_prefix("sip:").unwrap_or(text);
        match text.split_once('@') {
            Some((_, "")) => Err(UserIdError::DomainMissing { text: text.to_owned() }),
            Some((name, domain)) => Self::new(name, domain),
            None => Self::new(text, ""),
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.domain.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}@{}", self.name, self.domain)
        }
    }
}

/// A user as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// The realm its digests were computed for. They are of no use in another.
    pub realm: String,
    /// The digests of its password.
    pub ha1: Ha1,
    /// Whether it may register and call.
    pub enabled: bool,
    /// When it was added, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("realm", &self.realm)
            .field("enabled", &self.enabled)
            .field("created_at_ms", &self.created_at_ms)
            .field("updated_at_ms", &self.updated_at_ms)
            .finish_non_exhaustive()
    }
}

/// A user to be added.
#[derive(Clone, Copy)]
pub struct NewUser<'a> {
    /// Who it is.
    pub id: &'a UserId,
    /// The realm it will be challenged with.
    pub realm: &'a str,
    /// Its password, of which only digests are stored.
    pub password: &'a str,
}

impl fmt::Debug for NewUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("id", &self.id)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// What is wrong with the name of a user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// Nothing stands before the `@`.
    #[error("the name of the user is empty; give one such as 1001 or alice")]
    NameEmpty,
    /// The name is too long.
    #[error("the name of the user has {bytes} bytes; at most {max_bytes} are possible")]
    NameTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// The name holds a character that an address cannot, or only in escaped form.
    #[error(
        "the name {name:?} holds {character:?}; letters, digits and {SPECIAL_CHARACTERS} are possible{}",
        .suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
    )]
    NameCharacter {
        /// The name.
        name: String,
        /// The first character at fault.
        character: char,
        /// The name without what is at fault.
        suggestion: Option<String>,
    },
    /// Nothing stands after the `@`.
    #[error("{text:?} ends with an @; write NAME@DOMAIN, or NAME alone for the default domain")]
    DomainMissing {
        /// The text.
        text: String,
    },
    /// The domain is neither a host name nor an IP address.
    #[error("{domain:?} is not a domain such as example.org, nor an IP address")]
    DomainInvalid {
        /// The domain.
        domain: String,
    },
}

fn check_name(name: &str) -> Result<(), UserIdError> {
    if name.is_empty() {
        return Err(UserIdError::NameEmpty);
    }
    if name.len() > UserId::MAX_NAME_BYTES {
        return Err(UserIdError::NameTooLong {
            bytes: name.len(),
            max_bytes: UserId::MAX_NAME_BYTES,
        });
    }
    let Some(character) = name.chars().find(|c| !is_name_character(*c)) else {
        return Ok(());
    };
    let kept: String = name.chars().filter(|c| is_name_character(*c)).collect();
    Err(UserIdError::NameCharacter {
        name: name.to_owned(),
        character,
        suggestion: (!kept.is_empty()).then_some(kept),
    })
}

/// What may stand in the user part of a SIP URI without escaping (RFC 3261 section 25.1, `user`), less what separates
/// parameters, paths and headers elsewhere. A colon would be read as the end of the name in an HA1.
fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || SPECIAL_CHARACTERS.contains(character)
}

const SPECIAL_CHARACTERS: &str = "-_.+!~*'()&=$";

fn check_domain(domain: &str) -> Result<(), UserIdError> {
    let is_address = domain.parse::<Ipv4Addr>().is_ok()
        || domain
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    let is_host_name = domain.len() <= UserId::MAX_DOMAIN_BYTES && domain.split('.').all(is_label);
    if is_address || is_host_name {
        return Ok(());
    }
    Err(UserIdError::DomainInvalid { domain: domain.to_owned() })
}

/// A label of a host name (RFC 1123 section 2.1).
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_domain() {
        let cases = [
            ("1001", "1001", "", "1001"),
            ("sip:1001", "1001", "", "1001"),
            ("Alice@Example.ORG", "Alice", "example.org", "Alice@example.org"),
            ("a@example.org.", "a", "example.org", "a@example.org"),
            ("+4930123@192.0.2.1", "+4930123", "192.0.2.1", "+4930123@192.0.2.1"),
            ("a@[2001:DB8::1]", "a", "[2001:db8::1]", "a@[2001:db8::1]"),
            ("a.b-c_d@localhost", "a.b-c_d", "localhost", "a.b-c_d@localhost"),
        ];
        for (text, name, domain, shown) in cases {
            let id = text.parse::<UserId>().unwrap();
            assert_eq!((id.name(), id.domain(), id.to_string().as_str()), (name, domain, shown));
        }
    }

    #[test]
    fn bad_names_say_what_would_be_good() {
        let error = "10 01".parse::<UserId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the name \"10 01\" holds ' '; letters, digits and -_.+!~*'()&=$ are possible; did you mean 1001?"
        );
        let refused = [
            "",
            "@example.org",
            "a@",
            "a:b",
            "a;b",
            "é",
            "a\0",
            "a@b@c",
            "a@-x.org",
            "a@x..y",
            "a@x_y",
        ];
        for text in refused {
            assert!(text.parse::<UserId>().is_err(), "{text:?}");
        }
        assert!(UserId::new(&"a".repeat(64), "").is_ok());
        assert_eq!(
            UserId::new(&"a".repeat(65), ""),
            Err(UserIdError::NameTooLong { bytes: 65, max_bytes: 64 })
        );
        assert!(UserId::new("a", &format!("{}.org", "a".repeat(64))).is_err());
    }
}
