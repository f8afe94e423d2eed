//! Settings that are one word out of a closed set.

use super::value::{Mismatch, Setting, Shape, Value};
use crate::suggest;

/// Declares an enum whose variants are words in the configuration.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        pub enum $name:ident, expected $expected:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// Every word that the configuration accepts.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word used in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Setting for $name {
            const SHAPE: Shape = Shape::Text;
            const EXPECTED: &'static str = $expected;

            fn read(value: &Value) -> Result<Self, Mismatch> {
                let text = value.text().ok_or_else(Mismatch::wrong_type)?;
                match text.as_ref() {
                    $( $word => Ok(Self::$variant), )+
                    other => Err(Mismatch::because(format!("`{other}` is not one of the words that are known here"))
                        .suggest(suggest::nearest(other, Self::WORDS.iter().copied()).map(str::to_owned))),
                }
            }

            fn write(&self) -> toml::Value {
                toml::Value::String(self.as_str().to_owned())
            }
        }
    };
}

choice! {
    /// How requests are authenticated.
    pub enum AuthMode, expected "\"digest\" or \"off\"" {
        /// Digest credentials are asked for (RFC 3261 section 22, RFC 8760).
        Digest = "digest",
        /// Nobody is asked for credentials; for closed laboratories only.
        Off = "off",
    }
}

choice! {
    /// A digest algorithm of challenges (RFC 3261 section 22.4, RFC 8760).
    pub enum DigestAlgorithm, expected "\"SHA-256\" or \"MD5\"" {
        /// MD5, which every phone knows.
        Md5 = "MD5",
        /// SHA-256, which is stronger and newer.
        Sha256 = "SHA-256",
    }
}

choice! {
    /// Which calls have their media sent through the relay.
    pub enum Engage, expected "\"always\", \"nat\" or \"never\"" {
        /// Every call.
        Always = "always",
        /// Calls in which a phone is behind network address translation.
        Nat = "nat",
        /// No call: phones send media to each other.
        Never = "never",
    }
}

choice! {
    /// The shape of log lines.
    pub enum LogFormat, expected "\"text\" or \"json\"" {
        /// One line for people.
        Text = "text",
        /// One JSON object a line for machines.
        Json = "json",
    }
}
