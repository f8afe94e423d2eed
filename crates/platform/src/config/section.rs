//! One declaration per section: its keys, their types, defaults, ranges and documentation.

use std::ops::RangeInclusive;

use super::read::Reader;
use super::value::Shape;

/// What is known about one key, for suggestions and for printing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyInfo {
    /// The name within its section.
    pub(crate) name: &'static str,
    /// What it does, one line after the other.
    pub(crate) doc: &'static [&'static str],
    /// What it takes, in words that follow "expected".
    pub(crate) expected: &'static str,
    /// The numbers it takes, if it is limited to a range.
    pub(crate) range: Option<(u64, u64)>,
    /// What a bare word in the environment or behind `--set` stands for.
    pub(super) shape: Shape,
    /// True if the value may hold a password.
    pub(crate) secret: bool,
}

/// A section of the configuration: a struct with one field per key.
pub(crate) trait Section: Default + Clone {
    /// Its name; empty for the keys above all sections.
    const NAME: &'static str;
    /// Its keys in the order in which they are printed.
    const KEYS: &'static [KeyInfo];

    /// Takes what the sources say about every key; keys that they leave out stay as they are.
    fn read(&mut self, reader: &mut Reader<'_>);

    /// The value of every key, in the order of [`Self::KEYS`].
    fn write(&self) -> Vec<toml::Value>;
}

/// Turns a `lo..=hi` of a declaration into the range of a key.
pub(super) const fn range(limits: Option<RangeInclusive<u64>>) -> Option<(u64, u64)> {
    match limits {
        Some(limits) => Some((*limits.start(), *limits.end())),
        None => None,
    }
}

/// Declares a section.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $section:literal {
            $(
                $( #[doc = $doc:literal] )+
                $( @$secret:ident )?
                $key:ident : $type:ty = $default:expr $(, in $range:expr)? ;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $( #[doc = $doc] )+ pub $key: $type, )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $crate::config::section::Section for $name {
            const NAME: &'static str = $section;
            const KEYS: &'static [$crate::config::section::KeyInfo] = &[
                $( $crate::config::section::KeyInfo {
                    name: stringify!($key),
                    doc: &[$($doc),+],
                    expected: <$type as $crate::config::value::Setting>::EXPECTED,
                    shape: <$type as $crate::config::value::Setting>::SHAPE,
                    range: $crate::config::section::range(section!(@range $($range)?)),
                    secret: section!(@secret $($secret)?),
                }, )+
            ];

            fn read(&mut self, reader: &mut $crate::config::read::Reader<'_>) {
                let mut keys = Self::KEYS.iter();
                $( reader.read(Self::NAME, keys.next(), &mut self.$key); )+
            }

            fn write(&self) -> Vec<toml::Value> {
                vec![ $( $crate::config::value::Setting::write(&self.$key), )+ ]
            }
        }
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
    (@secret) => { false };
    (@secret secret) => { true };
}

pub(super) use section;
