//! Values as they were written, and how a setting reads and writes itself.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

/// One written value and the bytes of its source that it occupies.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// What was typed in an environment variable or behind `--set`, where quotes are optional.
    pub(super) typed: Option<String>,
}

/// The kinds of value that settings are made of.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Text(String),
    Number(i128),
    Boolean(bool),
    List(Vec<Value>),
    /// A kind that no setting takes, with its name for messages.
    Other(&'static str),
}

/// What the bare words of the environment and of `--set` stand for in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A text: quotes may be left out.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list: `a,b` stands for `["a", "b"]`.
    List,
}

/// Why a value does not fit its setting.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    /// `None` when the kind of value is wrong, else what is wrong with it.
    pub(super) reason: Option<String>,
    /// A replacement that would be accepted and was probably meant.
    pub(super) suggestion: Option<String>,
    /// Where, if it is only a part of the value.
    pub(super) span: Option<Range<usize>>,
    /// The kind of value that was found there.
    pub(super) found: Option<&'static str>,
    /// What would have been right there, if it is only a part of the value.
    pub(super) expected: Option<&'static str>,
}

impl Mismatch {
    /// The value is of another kind than the setting.
    #[must_use]
    pub(crate) fn wrong_type() -> Self {
        Self { reason: None, suggestion: None, span: None, found: None, expected: None }
    }

    /// The value is of the right kind, but wrong because of `reason`.
    #[must_use]
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::wrong_type() }
    }

    /// Adds what was probably meant.
    #[must_use]
    pub(crate) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }
}

/// A type that can be the value of a configuration key.
pub(crate) trait Setting: Sized {
    /// What a bare word stands for.
    const SHAPE: Shape;
    /// What the key takes, in words that follow "expected".
    const EXPECTED: &'static str;

    /// Reads a written value.
    ///
    /// # Errors
    /// A [`Mismatch`] with the reason and, if there is one, what was probably meant.
    fn read(value: &Value) -> Result<Self, Mismatch>;

    /// Reads a written value and reports every part of it that does not fit.
    ///
    /// # Errors
    /// At least one [`Mismatch`].
    fn read_all(value: &Value) -> Result<Self, Vec<Mismatch>> {
        Self::read(value).map_err(|mismatch| vec![mismatch])
    }

    /// The value as it is written in a file.
    fn write(&self) -> toml::Value;

    /// The number that a range of the key applies to.
    fn magnitude(&self) -> Option<u64> {
        None
    }
}

impl Value {
    /// Takes over a parsed value; `offset` is where its text begins in the source.
    pub(super) fn new(parsed: &Spanned<DeValue<'_>>, offset: usize) -> Self {
        let span = parsed.span().start + offset..parsed.span().end + offset;
        let kind = match parsed.get_ref() {
            DeValue::String(text) => Kind::Text(text.to_string()),
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                i128::from_str_radix(&digits, number.radix())
                    .map_or(Kind::Other("a number"), Kind::Number)
            }
            DeValue::Boolean(flag) => Kind::Boolean(*flag),
            DeValue::Array(items) => {
                Kind::List(items.iter().map(|item| Self::new(item, offset)).collect())
            }
            DeValue::Float(_) => Kind::Other("a number with a fraction"),
            DeValue::Datetime(_) => Kind::Other("a date"),
            DeValue::Table(_) => Kind::Other("a table"),
        };
        Self { span, kind, typed: None }
    }

    /// A text that stood in the source without quotes.
    pub(super) const fn bare(text: String, span: Range<usize>) -> Self {
        Self { span, kind: Kind::Text(text), typed: None }
    }

    /// The text of the value, if it is one or was typed where quotes are optional.
    #[must_use]
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match (&self.kind, &self.typed) {
            (Kind::Text(text), _) => Some(Cow::Borrowed(text)),
            (Kind::List(_), _) | (_, None) => None,
            (Kind::Number(_) | Kind::Boolean(_) | Kind::Other(_), Some(typed)) => {
                Some(Cow::Borrowed(typed))
            }
        }
    }

    /// What kind of value it is, for messages.
    pub(super) const fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Text(_) => "a text",
            Kind::Number(_) => "a number",
            Kind::Boolean(_) => "true or false",
            Kind::List(_) => "a list",
            Kind::Other(name) => name,
        }
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => { $(
        impl Setting for $type {
            const SHAPE: Shape = Shape::Number;
            const EXPECTED: &'static str = "a whole number";

            fn read(value: &Value) -> Result<Self, Mismatch> {
                match &value.kind {
                    Kind::Number(number) => Self::try_from(*number).map_err(|_| {
                        Mismatch::because(format!("{number} is not between 0 and {}", Self::MAX))
                    }),
                    Kind::Text(text) => {
                        let digits = text.trim().parse::<Self>().ok().map(|number| number.to_string());
                        Err(Mismatch::wrong_type().suggest(digits))
                    }
                    Kind::Boolean(_) | Kind::List(_) | Kind::Other(_) => Err(Mismatch::wrong_type()),
                }
            }

            fn write(&self) -> toml::Value {
                toml::Value::Integer(i64::from(*self))
            }

            fn magnitude(&self) -> Option<u64> {
                Some(u64::from(*self))
            }
        }
    )+ };
}

whole_number!(u8, u16, u32);

impl Setting for bool {
    const SHAPE: Shape = Shape::Boolean;
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let meant = match &value.kind {
            Kind::Boolean(flag) => return Ok(*flag),
            Kind::Number(1) => Some("true"),
            Kind::Number(0) => Some("false"),
            Kind::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" | "1" => Some("true"),
                "no" | "off" | "false" | "0" => Some("false"),
                _ => None,
            },
            Kind::Number(_) | Kind::List(_) | Kind::Other(_) => None,
        };
        Err(Mismatch::wrong_type().suggest(meant.map(str::to_owned)))
    }

    fn write(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}

impl Setting for String {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "a text";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        value.text().map(Cow::into_owned).ok_or_else(Mismatch::wrong_type)
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.clone())
    }
}

impl Setting for PathBuf {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "the path of a directory, such as \"/var/lib/offhook\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        if text.is_empty() {
            return Err(Mismatch::because("the path is empty"));
        }
        Ok(Self::from(text.into_owned()))
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.display().to_string())
    }
}

impl Setting for IpAddr {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "an IP address, such as \"0.0.0.0\" or \"::\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        text.parse().map_err(|_| {
            let meant = match text.as_ref() {
                "localhost" => Some("127.0.0.1".to_owned()),
                "*" | "any" => Some("0.0.0.0".to_owned()),
                other => other.parse::<SocketAddr>().ok().map(|addr| addr.ip().to_string()),
            };
            Mismatch::because(format!("`{text}` is not an IP address")).suggest(meant)
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

impl Setting for Option<SocketAddr> {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str =
        "an IP address and a port, such as \"127.0.0.1:9464\", or \"\" for none";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| {
            let meant = text.contains(':').then(|| super::listen::with_port(&text)).flatten();
            Mismatch::because(format!("`{text}` is not an IP address with a port"))
                .suggest(meant.map(|addr| addr.to_string()))
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.map_or_else(String::new, |addr| addr.to_string()))
    }
}

impl<T: Setting> Setting for Vec<T> {
    const SHAPE: Shape = Shape::List;
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(value: &Value) -> Result<Self, Mismatch> {
        Self::read_all(value).map_err(|mut all| all.pop().unwrap_or_else(Mismatch::wrong_type))
    }

    fn read_all(value: &Value) -> Result<Self, Vec<Mismatch>> {
        let Kind::List(items) = &value.kind else {
            let meant = value.text().map(|text| format!("[\"{text}\"]"));
            return Err(vec![Mismatch {
                expected: Some("a list"),
                ..Mismatch::wrong_type().suggest(meant)
            }]);
        };
        let mut read = Self::with_capacity(items.len());
        let mut mismatches = Vec::new();
        for item in items {
            match T::read(item) {
                Ok(item) => read.push(item),
                Err(mismatch) => mismatches.push(Mismatch {
                    span: mismatch.span.or_else(|| Some(item.span.clone())),
                    found: Some(item.kind_name()),
                    ..mismatch
                }),
            }
        }
        if mismatches.is_empty() { Ok(read) } else { Err(mismatches) }
    }

    fn write(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(Setting::write).collect())
    }
}
