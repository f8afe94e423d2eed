//! How a process ends, for scripts: the codes follow `sysexits.h` where it has one.

use std::process::ExitCode;

/// The exit codes of every binary. A second signal while draining ends with 128 + its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: it worked.
    Success,
    /// 1: the operation failed.
    Failure,
    /// 64: the command line is wrong (`EX_USAGE`).
    Usage,
    /// 78: the configuration is wrong (`EX_CONFIG`).
    Config,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 64,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
