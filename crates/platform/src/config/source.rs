//! Where settings are written, and the place of one value in it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// What a setting was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file given with `--config`.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// The file that an environment variable ending in `_FILE` names.
    EnvironmentFile(String, PathBuf),
    /// A `--set` on the command line.
    Set,
    /// An option of its own on the command line, such as `--data-dir`.
    Flag(&'static str),
}

/// A whole source: a file, or what one variable or option holds.
pub struct SourceText {
    /// What it is.
    pub origin: Origin,
    pub(super) text: String,
    /// True if the text holds a password and must not be shown.
    pub(super) secret: bool,
}

/// Shows the origin alone, since the text may hold passwords.
impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({:?})", self.origin)
    }
}

/// The place of a key or a value in a source.
#[derive(Clone, Debug)]
pub struct Place {
    /// The source.
    pub source: Arc<SourceText>,
    pub(super) span: Range<usize>,
}

impl Place {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        1 + self.before().matches('\n').count()
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        1 + self.before().rsplit('\n').next().unwrap_or_default().chars().count()
    }

    fn before(&self) -> &str {
        self.source.text.get(..self.span.start).unwrap_or(&self.source.text)
    }

    /// The line that the place begins on, with what stands in front of the place, the place as far
    /// as it goes on this line, and what follows.
    pub(super) fn line_parts(&self) -> (&str, &str, &str) {
        let text = self.source.text.as_str();
        let start = self.before().len();
        let line_start = self.before().rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = self.span.end.clamp(start, line_end);
        let end = if text.is_char_boundary(end) { end } else { line_end };
        (&text[line_start..start], &text[start..end], text[end..line_end].trim_end_matches('\r'))
    }
}

/// In words: `offhook.toml:3:10`, `environment variable OFFHOOK_SIP__AUTH`, `--set`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source.origin {
            Origin::File(path) => write!(f, "{}:{}:{}", path.display(), self.line(), self.column()),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::EnvironmentFile(name, path) => {
                write!(f, "{} (named by environment variable {name})", path.display())
            }
            Origin::Set => f.write_str("--set on the command line"),
            Origin::Flag(name) => write!(f, "{name} on the command line"),
        }
    }
}
