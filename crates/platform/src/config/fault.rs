//! What can be wrong with a configuration, and how it is shown.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::listen::ListenAddress;
use super::ports::PortRange;
use super::redact::mask_passwords;
use super::source::{Origin, Place};

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file or value is not TOML.
    #[error("this is not valid TOML: {0}")]
    Syntax(String),
    /// A `--set` without an equals sign.
    #[error("--set takes `section.key=value`, and there is no `=` in it")]
    NoEquals,
    /// No key has this name.
    #[error("unknown key `{0}`")]
    UnknownKey(String),
    /// No section has this name.
    #[error("unknown section `{0}`")]
    UnknownSection(String),
    /// An environment variable that begins with `OFFHOOK_` and stands for no key.
    #[error("environment variable {0} stands for no key of the configuration")]
    UnknownVariable(String),
    /// A variable and its `_FILE` form are both set.
    #[error("environment variables {0} and {0}_FILE are both set")]
    TwiceInEnvironment(String),
    /// A section was given a value of its own.
    #[error("`{section}` is a section, and cannot be {found}")]
    NotATable {
        /// The section.
        section: String,
        /// The kind of value that was given.
        found: &'static str,
    },
    /// The value is of the wrong kind.
    #[error("`{key}` cannot be {found}")]
    WrongType {
        /// The key, with its section.
        key: String,
        /// The kind of value that was given.
        found: &'static str,
    },
    /// The value is of the right kind and still wrong.
    #[error("bad value for `{key}`: {reason}")]
    BadValue {
        /// The key, with its section.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings do not go together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// Settings that are each right and do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Without authentication, listening beyond loopback takes a second switch.
    #[error(
        "`sip.auth` is \"off\" while `sip.listen` has {0}, which is reachable from other machines"
    )]
    OpenBeyondLoopback(ListenAddress),
    /// Nothing would be listened on.
    #[error("`sip.listen` is empty, so no phone could ever connect")]
    NoListener,
    /// Digest authentication without any algorithm.
    #[error("`sip.auth` is \"digest\" while `sip.digest_algorithms` is empty")]
    NoDigestAlgorithm,
    /// Two sockets want one port.
    #[error("{first} and {second} want the same port")]
    SamePort {
        /// The first key and its value.
        first: Bound,
        /// The second key and its value.
        second: Bound,
    },
    /// A socket lies in the range of RTP ports.
    #[error("{socket} lies in the RTP port range {range} of `media.rtp_ports`")]
    InRtpRange {
        /// The key and its value.
        socket: Bound,
        /// The RTP range.
        range: PortRange,
    },
    /// The registrar's expiry limits are out of order.
    #[error(
        "`registrar.min_expires_s` ({min}), `registrar.default_expires_s` ({default}) and \
         `registrar.max_expires_s` ({max}) are not in rising order"
    )]
    ExpiresOrder {
        /// The least expiry, in seconds.
        min: u32,
        /// The default expiry, in seconds.
        default: u32,
        /// The greatest expiry, in seconds.
        max: u32,
    },
    /// The relay's address is of another family than the address it advertises.
    #[error("`{advertise_key}` is {advertise}, and no listener has an address of that family")]
    AdvertiseFamily {
        /// The key.
        advertise_key: &'static str,
        /// Its value.
        advertise: std::net::IpAddr,
    },
    /// The relay has a process of its own, and this program has none built in.
    #[error("`media.relay` is \"internal\", and {0} has no relay in its process")]
    NoInternalRelay(&'static str),
}

/// A socket that the configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The key that asks for it.
    pub key: &'static str,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// The address.
    pub addr: SocketAddr,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} of `{}`", self.transport, self.addr, self.key)
    }
}

/// One thing that is wrong, where, and what would be right.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong.
    pub problem: Problem,
    /// Where it was written; `None` if it follows from defaults alone.
    pub place: Option<Place>,
    /// What would have been right.
    pub expected: Option<String>,
    /// What to do about it: the word that was probably meant, or the way out.
    pub advice: Option<String>,
    /// Other settings that take part, each with its place.
    pub related: Vec<(String, Place)>,
}

impl Fault {
    pub(super) fn new(problem: impl Into<Problem>, place: Option<Place>) -> Self {
        Self { problem: problem.into(), place, expected: None, advice: None, related: Vec::new() }
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn did_you_mean(self, meant: Option<impl fmt::Display>) -> Self {
        match meant {
            Some(meant) => self.advice(format!("did you mean `{meant}`?")),
            None => self,
        }
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.problem)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
            write_excerpt(f, place)?;
        }
        for (label, place) in &self.related {
            write!(f, "\n  = {label}: {place}")?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n  = expected {expected}")?;
        }
        match &self.advice {
            Some(advice) => write!(f, "\n  = help: {advice}"),
            None => Ok(()),
        }
    }
}

/// Shows the line with a row of carets under the place. Text that may hold a password is masked.
fn write_excerpt(f: &mut fmt::Formatter<'_>, place: &Place) -> fmt::Result {
    if place.source.secret {
        return Ok(());
    }
    // Only a file has line numbers worth telling.
    let number = match &place.source.origin {
        Origin::File(_) => place.line().to_string(),
        Origin::Environment(_) | Origin::EnvironmentFile(..) | Origin::Set | Origin::Flag(_) => {
            " ".to_owned()
        }
    };
    let margin = " ".repeat(number.len());
    let (before, marked, after) = place.line_parts();
    let line = mask_passwords(&format!("{before}{marked}{after}").replace('\t', " "));
    let indent = " ".repeat(before.chars().count());
    let carets = "^".repeat(mask_passwords(marked).chars().count().max(1));
    write!(f, "\n {margin} |\n {number} | {line}\n {margin} | {indent}{carets}")
}

/// Everything that is wrong with a configuration, in the order in which it was found.
#[derive(Debug)]
pub struct ConfigErrors {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            write!(f, "{fault}\n\n")?;
        }
        match self.faults.len() {
            1 => f.write_str("The configuration has 1 error; nothing was started."),
            count => write!(f, "The configuration has {count} errors; nothing was started."),
        }
    }
}
