//! A received message as text.

/// A request or response, split at its line ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipText {
    /// The request line or status line.
    pub start_line: String,
    /// Names and values in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

impl SipText {
    /// Splits a message.
    ///
    /// # Panics
    /// When it has no empty line after its headers or a header has no colon.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a message has an empty line");
        let mut lines = head.split("\r\n");
        let start_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header has a colon");
            (name.trim().to_owned(), value.trim().to_owned())
        });
        Self { start_line, headers: headers.collect(), body: body.to_owned() }
    }

    /// The status code; nothing for a request.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let code = self.start_line.strip_prefix("SIP/2.0 ")?;
        code.get(..3)?.parse().ok()
    }

    /// The method; nothing for a response.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        if self.start_line.starts_with("SIP/2.0") {
            return None;
        }
        self.start_line.split(' ').next()
    }

    /// The Request-URI of a request.
    #[must_use]
    pub fn request_uri(&self) -> Option<&str> {
        self.method()?;
        self.start_line.split(' ').nth(1)
    }

    /// The value of the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }

    /// The values of every header of that name, one per line.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The values of every header of that name, where several may share a line.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|line| line.split(',')).map(str::trim)
    }

    /// The value of a header that a message must have.
    ///
    /// # Panics
    /// When the header is missing.
    #[must_use]
    #[track_caller]
    pub fn need(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("{name} is missing in {self:#?}"))
    }

    /// The number and the method of CSeq.
    ///
    /// # Panics
    /// When the header is missing or broken.
    #[must_use]
    #[track_caller]
    pub fn cseq(&self) -> (u32, &str) {
        let value = self.need("CSeq");
        let (number, method) = value.split_once(' ').expect("CSeq has two parts");
        (number.parse().expect("CSeq starts with a number"), method.trim())
    }

    /// The tag of To, once there is one.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        let (_, tag) = self.header("To")?.split_once(";tag=")?;
        tag.split(';').next()
    }

    /// The URI of Contact without its brackets.
    ///
    /// # Panics
    /// When the header is missing.
    #[must_use]
    #[track_caller]
    pub fn contact_uri(&self) -> &str {
        let contact = self.need("Contact");
        let inner = contact.split_once('<').map_or(contact, |(_, rest)| rest);
        inner.split_once('>').map_or(inner, |(uri, _)| uri)
    }
}
