//! The canonical key of an address-of-record.

use std::fmt::Write as _;

use super::compare::digits;
use super::{Scheme, Uri, unescape};
use crate::chars;

/// See [`Uri::write_aor`].
pub(super) fn write(uri: &Uri<'_>, key: &mut String) {
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => {
            if let Some(user) = uri.user {
                write_user(user, key);
                key.push('@');
            }
            write_host(uri, key);
        }
        Scheme::Tel => {
            key.push_str("tel:");
            key.extend(digits(uri.user.unwrap_or_default()).map(char::from));
            if let Some(context) = uri.params.value("phone-context") {
                key.push_str(";phone-context=");
                // A domain keeps its dots and hyphens; only a number has separators.
                if context.first() == Some(&b'+') {
                    key.extend(digits(context).map(char::from));
                } else {
                    key.extend(context.iter().map(|b| char::from(b.to_ascii_lowercase())));
                }
            }
        }
        Scheme::Other => key.push_str(&String::from_utf8_lossy(uri.raw())),
    }
}

fn write_user(user: &[u8], key: &mut String) {
    for &b in unescape(user).iter() {
        if chars::is(b, chars::USER) {
            key.push(char::from(b));
        } else {
            write_infallible(key, format_args!("%{b:02X}"));
        }
    }
}

fn write_host(uri: &Uri<'_>, key: &mut String) {
    match uri.host.name() {
        Some(name) => {
            let name = name.strip_suffix(b".").unwrap_or(name);
            key.extend(name.iter().map(|b| char::from(b.to_ascii_lowercase())));
        }
        None => write_infallible(key, format_args!("{}", uri.host)),
    }
}

/// Writing to a `String` has no way to fail.
fn write_infallible(key: &mut String, text: std::fmt::Arguments<'_>) {
    let written = key.write_fmt(text);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use crate::Uri;

    #[test]
    fn keys() {
        for (uri, key) in [
            ("sip:Alice@Example.COM:5060;transport=tcp?a=b", "Alice@example.com"),
            ("sips:Alice:secret@Example.COM.", "Alice@example.com"),
            ("sip:%41lice@example.com", "Alice@example.com"),
            ("sip:a%3Bb@example.com", "a;b@example.com"),
            ("sip:a%40b@example.com", "a%40b@example.com"),
            ("sip:a%25%c3%a9%20@example.com", "a%25%C3%A9%20@example.com"),
            ("sip:a%22%3C%3e@example.com", "a%22%3C%3E@example.com"),
            ("sip:example.com", "example.com"),
            ("sip:1001@192.0.2.1:5070", "1001@192.0.2.1"),
            ("sip:1001@[2001:DB8:0::1]", "1001@[2001:db8::1]"),
            ("tel:+1-201-555-0123;isub=1", "tel:+12015550123"),
            ("tel:70-42;phone-context=My-Home.example", "tel:7042;phone-context=my-home.example"),
            ("tel:70-42;phone-context=+1-2", "tel:7042;phone-context=+12"),
            ("urn:service:sos", "urn:service:sos"),
        ] {
            assert_eq!(Uri::parse(uri.as_bytes()).unwrap().aor(), key, "{uri}");
        }
    }
}
