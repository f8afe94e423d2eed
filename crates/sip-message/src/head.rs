//! The head of a message: one buffer, its index, and typed views of both.

use bytes::Bytes;

use crate::fields::{Auth, Event, ReasonValue, RetryAfter, Timestamp, WarningValue};
use crate::index::{Index, Line, Mark};
use crate::{
    CSeq, Contact, HeaderName, HostPort, Method, NameAddr, Params, ParseError, RAck, Values, Via,
    chars, cseq, host, name_addr, via,
};

/// A message's bytes and the places of its headers; what requests and responses share.
///
/// Via, From, To, Call-ID and CSeq are present and well-formed in every `Head`, as is a
/// Content-Length if there is one; none of From, To, Call-ID, CSeq, Max-Forwards and Content-Length
/// occurs twice. All other values are looked into when they are asked for.
#[derive(Clone, Debug)]
pub struct Head {
    bytes: Bytes,
    index: Index,
    core: Core,
}

/// What was found while the mandatory headers were checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Core {
    via: usize,
    from: usize,
    to: usize,
    call_id: usize,
    cseq_number: u32,
    cseq_method: Method,
    /// Where the method of CSeq lies.
    cseq_token: (u32, u32),
    /// Where the body ends.
    end: usize,
}

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The header.
    pub name: HeaderName,
    /// The name as written.
    pub raw_name: &'a [u8],
    /// The value without white space at its ends; a fold inside it is as received.
    pub value: &'a [u8],
}

impl Header<'_> {
    /// Whether the name as written is this one, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.raw_name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl Head {
    /// Puts together what [`Core::check`] has passed.
    pub(crate) fn new(mut bytes: Bytes, index: Index, core: Core) -> Self {
        bytes.truncate(core.end);
        Self { bytes, index, core }
    }

    /// The whole message, from its start line to the end of its body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body: what Content-Length says, or without one all that follows the head.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.index.body_start()..]
    }

    /// The body, sharing the message's buffer.
    #[must_use]
    pub fn body_bytes(&self) -> Bytes {
        self.bytes.slice(self.index.body_start()..)
    }

    /// Value of the first line of that header, without white space at its ends; a fold inside it is
    /// as received.
    #[must_use]
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        let line = self.index.lines().iter().find(|line| line.name == name)?;
        Some(self.value_of(line))
    }

    /// Value of the first line with that name as written, in any case; for headers that
    /// [`HeaderName`] does not know.
    #[must_use]
    pub fn header_by_name(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|header| header.is(name)).map(|header| header.value)
    }

    /// Whether there is a line of that header.
    #[must_use]
    pub fn has(&self, name: HeaderName) -> bool {
        self.index.lines().iter().any(|line| line.name == name)
    }

    /// All header lines in their order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> + Clone {
        self.index.lines().iter().map(|line| self.header_of(line))
    }

    /// The values of all lines of that header, unseparated: for headers whose grammar has no commas
    /// between values, such as the Authorization family.
    pub fn lines(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> + Clone {
        let lines = self.index.lines().iter().filter(move |line| line.name == name);
        lines.map(|line| self.value_of(line))
    }

    /// The comma-separated values of all lines of that header; quoted strings and angle brackets
    /// shield their commas.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> + Clone {
        self.lines(name).flat_map(Values::new)
    }

    /// Whether a header that lists tokens, such as Supported, has this one in any case.
    #[must_use]
    pub fn has_token(&self, name: HeaderName, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        self.line_value(self.core.call_id)
    }

    /// CSeq.
    #[must_use]
    pub fn cseq(&self) -> CSeq<'_> {
        CSeq {
            number: self.core.cseq_number,
            method: self.core.cseq_method,
            token: self.core.cseq_token(&self.bytes),
        }
    }

    /// From.
    #[must_use]
    pub fn from(&self) -> NameAddr<'_> {
        name_addr::parse(self.line_value(self.core.from)).unwrap_or(NameAddr::NONE)
    }

    /// To.
    #[must_use]
    pub fn to(&self) -> NameAddr<'_> {
        name_addr::parse(self.line_value(self.core.to)).unwrap_or(NameAddr::NONE)
    }

    /// The first value of the first Via.
    #[must_use]
    pub fn top_via(&self) -> Via<'_> {
        let value = Values::new(self.line_value(self.core.via)).next();
        value.and_then(via::parse).unwrap_or(Via::NONE)
    }

    /// All Via values, the last hop first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, ParseError>> + Clone {
        self.values(HeaderName::Via).map(Via::parse)
    }

    /// All Contact values.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, ParseError>> + Clone {
        self.values(HeaderName::Contact).map(Contact::parse)
    }

    /// All Route values, the next hop first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> + Clone {
        self.name_addrs(HeaderName::Route)
    }

    /// All Record-Route values, the last hop first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> + Clone {
        self.name_addrs(HeaderName::RecordRoute)
    }

    /// All Path values (RFC 3327).
    pub fn paths(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> + Clone {
        self.name_addrs(HeaderName::Path)
    }

    /// All Service-Route values (RFC 3608).
    pub fn service_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> + Clone {
        self.name_addrs(HeaderName::ServiceRoute)
    }

    /// The values of any header that lists addresses, such as P-Asserted-Identity or Refer-To.
    pub fn name_addrs(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, ParseError>> + Clone {
        self.values(name)
            .map(move |value| name_addr::parse(value).ok_or(ParseError::MalformedHeader(name)))
    }

    /// Max-Forwards.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] for anything but a number from 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, ParseError> {
        let hops = self.number(HeaderName::MaxForwards, u32::from(u8::MAX))?;
        Ok(hops.and_then(|hops| u8::try_from(hops).ok()))
    }

    /// Expires in seconds.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] for anything but a number below 2^32.
    pub fn expires(&self) -> Result<Option<u32>, ParseError> {
        self.number(HeaderName::Expires, u32::MAX)
    }

    /// Min-Expires in seconds.
    ///
    /// # Errors
    /// As [`Head::expires`].
    pub fn min_expires(&self) -> Result<Option<u32>, ParseError> {
        self.number(HeaderName::MinExpires, u32::MAX)
    }

    /// RSeq (RFC 3262 section 7.1).
    ///
    /// # Errors
    /// As [`Head::expires`].
    pub fn rseq(&self) -> Result<Option<u32>, ParseError> {
        self.number(HeaderName::RSeq, u32::MAX)
    }

    /// RAck (RFC 3262 section 7.2).
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`].
    pub fn rack(&self) -> Result<Option<RAck<'_>>, ParseError> {
        self.header(HeaderName::RAck).map(RAck::parse).transpose()
    }

    /// Content-Length, if the message has one.
    #[must_use]
    pub fn content_length(&self) -> Option<u32> {
        chars::decimal(self.header(HeaderName::ContentLength)?, u32::MAX)
    }

    /// Content-Type as written, with its parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header(HeaderName::ContentType)
    }

    /// Whether Content-Type is this type/subtype, in any case and with any parameters.
    #[must_use]
    pub fn content_type_is(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|value| {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            chars::trim_end(&value[..end]).eq_ignore_ascii_case(media_type.as_bytes())
        })
    }

    /// User-Agent.
    #[must_use]
    pub fn user_agent(&self) -> Option<&[u8]> {
        self.header(HeaderName::UserAgent)
    }

    /// Server.
    #[must_use]
    pub fn server(&self) -> Option<&[u8]> {
        self.header(HeaderName::Server)
    }

    /// The lines of Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate or
    /// Authentication-Info, each of which is one value.
    pub fn auths(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<Auth<'_>, ParseError>> + Clone {
        self.lines(name)
            .map(move |value| Auth::parse(value).map_err(|_| ParseError::MalformedHeader(name)))
    }

    /// Event (RFC 6665 section 8.2.1).
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`].
    pub fn event(&self) -> Result<Option<Event<'_>>, ParseError> {
        self.header(HeaderName::Event).map(Event::parse).transpose()
    }

    /// Retry-After.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`].
    pub fn retry_after(&self) -> Result<Option<RetryAfter<'_>>, ParseError> {
        self.header(HeaderName::RetryAfter).map(RetryAfter::parse).transpose()
    }

    /// Timestamp.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`].
    pub fn timestamp(&self) -> Result<Option<Timestamp<'_>>, ParseError> {
        self.header(HeaderName::Timestamp).map(Timestamp::parse).transpose()
    }

    /// All Warning values.
    pub fn warnings(&self) -> impl Iterator<Item = Result<WarningValue<'_>, ParseError>> + Clone {
        self.values(HeaderName::Warning).map(WarningValue::parse)
    }

    /// All Reason values (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = Result<ReasonValue<'_>, ParseError>> + Clone {
        self.values(HeaderName::Reason).map(ReasonValue::parse)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    pub(crate) fn header_of(&self, line: &Line) -> Header<'_> {
        let start = line.start as usize;
        let raw_name = &self.bytes[start..start + usize::from(line.name_len)];
        Header { name: line.name, raw_name, value: self.value_of(line) }
    }

    fn number(&self, name: HeaderName, max: u32) -> Result<Option<u32>, ParseError> {
        match self.header(name) {
            Some(value) => match chars::decimal(value, max) {
                Some(number) => Ok(Some(number)),
                None => Err(ParseError::MalformedHeader(name)),
            },
            None => Ok(None),
        }
    }

    fn value_of(&self, line: &Line) -> &[u8] {
        &self.bytes[line.value_start as usize..line.value_end as usize]
    }

    fn line_value(&self, at: usize) -> &[u8] {
        self.value_of(&self.index.lines()[at])
    }
}

impl Core {
    /// Checks what every message must have.
    #[inline]
    pub(crate) fn check(bytes: &[u8], index: &Index) -> Result<Self, ParseError> {
        let line = |mark, name| index.marks().line(mark).ok_or(ParseError::MissingHeader(name));
        let via = line(Mark::Via, HeaderName::Via)?;
        let from = line(Mark::From, HeaderName::From)?;
        let to = line(Mark::To, HeaderName::To)?;
        let call_id = line(Mark::CallId, HeaderName::CallId)?;
        let cseq = line(Mark::CSeq, HeaderName::CSeq)?;
        for (mark, name) in SINGLE {
            if index.marks().is_repeated(mark) {
                return Err(ParseError::RepeatedHeader(name));
            }
        }
        let value = |line: usize| {
            let line = &index.lines()[line];
            &bytes[line.value_start as usize..line.value_end as usize]
        };
        if !Values::new(value(via)).next().and_then(via::parse).is_some_and(|via| via.is_sip_2_0())
        {
            return Err(ParseError::MalformedHeader(HeaderName::Via));
        }
        name_addr::parse(value(from)).ok_or(ParseError::MalformedHeader(HeaderName::From))?;
        name_addr::parse(value(to)).ok_or(ParseError::MalformedHeader(HeaderName::To))?;
        if !is_call_id(value(call_id)) {
            return Err(ParseError::MalformedHeader(HeaderName::CallId));
        }
        let sequence =
            cseq::parse(value(cseq)).ok_or(ParseError::MalformedHeader(HeaderName::CSeq))?;
        let cseq_end = index.lines()[cseq].value_end;
        Ok(Self {
            via,
            from,
            to,
            call_id,
            cseq_number: sequence.number,
            cseq_method: sequence.method,
            cseq_token: (cseq_end - sequence.token.len() as u32, cseq_end),
            end: message_end(bytes, index)?,
        })
    }

    /// The method of CSeq as written.
    #[inline]
    pub(crate) fn cseq_token<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.cseq_token.0 as usize..self.cseq_token.1 as usize]
    }
}

/// Headers that must not occur twice.
const SINGLE: [(Mark, HeaderName); 6] = [
    (Mark::From, HeaderName::From),
    (Mark::To, HeaderName::To),
    (Mark::CallId, HeaderName::CallId),
    (Mark::CSeq, HeaderName::CSeq),
    (Mark::MaxForwards, HeaderName::MaxForwards),
    (Mark::ContentLength, HeaderName::ContentLength),
];

/// Where the body ends: by Content-Length, or with the bytes.
fn message_end(bytes: &[u8], index: &Index) -> Result<usize, ParseError> {
    let Some(value) = index.value(bytes, HeaderName::ContentLength) else {
        return Ok(bytes.len());
    };
    let length = chars::decimal(value, u32::MAX)
        .ok_or(ParseError::MalformedHeader(HeaderName::ContentLength))?;
    match index.body_start().checked_add(length as usize) {
        Some(end) if end <= bytes.len() => Ok(end),
        Some(_) | None => Err(ParseError::BodyTruncated),
    }
}

/// `word ["@" word]` (RFC 3261 section 20.8).
fn is_call_id(value: &[u8]) -> bool {
    let end = chars::skip_run(value, 0, chars::WORD);
    match &value[end..] {
        [] => end > 0,
        [b'@', rest @ ..] => end > 0 && !rest.is_empty() && chars::all(rest, chars::WORD),
        _ => false,
    }
}

// What the views of the mandatory headers would be if `Head::new` let a malformed one pass.
impl NameAddr<'_> {
    const NONE: Self = Self { display_name: None, uri: crate::Uri::NONE, params: Params::EMPTY };
}

impl Via<'_> {
    const NONE: Self = Self::new(HostPort { host: host::Host::Name(b""), port: None });
}
