//! Passwords out of everything that is printed.

/// What stands in place of a password.
pub(crate) const MASK: &str = "***";

/// Replaces the password of every URL in `text`: what stands between the first colon of the user
/// information and its `@`, and the value of a `password=` parameter.
///
/// A password with an unescaped `/`, `?` or `@` makes no valid URL, and is still masked whole: the user
/// information is taken to end at the last `@` before a blank or a quotation mark.
pub(crate) fn mask_passwords(text: &str) -> String {
    mask_parameter(&mask_user_information(text))
}

fn mask_user_information(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + 3);
        masked.push_str(scheme);
        let end = after.find(is_delimiter).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        match url.rfind('@').and_then(|at| Some((url[..at].find(':')?, at))) {
            Some((colon, at)) => {
                masked.push_str(&url[..=colon]);
                masked.push_str(MASK);
                masked.push_str(&url[at..]);
            }
            None => masked.push_str(url),
        }
        rest = tail;
    }
    masked.push_str(rest);
    masked
}

fn mask_parameter(text: &str) -> String {
    const NAME: &str = "password=";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(NAME) {
        let (before, after) = rest.split_at(at + NAME.len());
        let end = after.find(|c: char| c == '&' || is_delimiter(c)).unwrap_or(after.len());
        masked.push_str(before);
        masked.push_str(MASK);
        rest = &after[end..];
    }
    masked.push_str(rest);
    masked
}

const fn is_delimiter(c: char) -> bool {
    c.is_ascii_whitespace() || c == '"' || c == '\''
}

#[cfg(test)]
mod tests {
    use super::mask_passwords;

    #[test]
    fn table() {
        let cases = [
            ("postgres://me:pw@db/offhook", "postgres://me:***@db/offhook"),
            (
                "url = \"postgres://me:p@w/x@db:5432/o\" # x",
                "url = \"postgres://me:***@db:5432/o\" # x",
            ),
            ("postgres://me@db/offhook", "postgres://me@db/offhook"),
            ("postgres://db:5432/offhook", "postgres://db:5432/offhook"),
            ("postgres://db/o?user=me&Password=pw&x=1", "postgres://db/o?user=me&Password=***&x=1"),
            ("a://u:p@h b://u:q@h", "a://u:***@h b://u:***@h"),
            ("listen = [\"udp:0.0.0.0:5060\"]", "listen = [\"udp:0.0.0.0:5060\"]"),
            ("", ""),
        ];
        for (text, masked) in cases {
            assert_eq!(mask_passwords(text), masked);
        }
    }
}
