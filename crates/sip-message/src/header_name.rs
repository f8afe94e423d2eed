//! Header names, their compact forms and their lookup.

use std::fmt;

use crate::chars;

macro_rules! header_names {
    ($($variant:ident $name:literal $($compact:literal)?;)*) => {
        /// A header that has meaning to this code, or [`HeaderName::Other`] for any other.
        ///
        /// Names are case-insensitive (RFC 3261 section 7.3.1), and the compact forms of section
        /// 7.3.3 and of the extensions name the same header. The raw name of each line is kept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*
            /// An extension header.
            Other,
        }

        impl HeaderName {
            /// The usual spelling of the name, in its long form; empty for [`HeaderName::Other`],
            /// whose name is in the message.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "",
                }
            }

            pub(crate) const fn missing_reason(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Missing ", $name),)*
                    Self::Other => "Missing Header",
                }
            }

            pub(crate) const fn malformed_reason(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Malformed ", $name),)*
                    Self::Other => "Malformed Header",
                }
            }

            pub(crate) const fn repeated_reason(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("Repeated ", $name),)*
                    Self::Other => "Repeated Header",
                }
            }

            const fn compact(letter: u8) -> Self {
                match letter | 0x20 {
                    $($($compact => Self::$variant,)?)*
                    _ => Self::Other,
                }
            }

            /// Number of variants.
            pub(crate) const COUNT: usize = Self::KNOWN.len() + 1;

            const KNOWN: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

header_names! {
    Accept "Accept";
    AcceptContact "Accept-Contact" b'a';
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AllowEvents "Allow-Events" b'u';
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallId "Call-ID" b'i';
    CallInfo "Call-Info";
    Contact "Contact" b'm';
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding" b'e';
    ContentLanguage "Content-Language";
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    CSeq "CSeq";
    Date "Date";
    Diversion "Diversion";
    ErrorInfo "Error-Info";
    Event "Event" b'o';
    Expires "Expires";
    FlowTimer "Flow-Timer";
    From "From" b'f';
    Geolocation "Geolocation";
    HistoryInfo "History-Info";
    Identity "Identity" b'y';
    IdentityInfo "Identity-Info" b'n';
    InfoPackage "Info-Package";
    InReplyTo "In-Reply-To";
    Join "Join";
    MaxBreadth "Max-Breadth";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAccessNetworkInfo "P-Access-Network-Info";
    PAssertedIdentity "P-Asserted-Identity";
    PAssociatedUri "P-Associated-URI";
    PCalledPartyId "P-Called-Party-ID";
    PChargingVector "P-Charging-Vector";
    PPreferredIdentity "P-Preferred-Identity";
    Path "Path";
    Priority "Priority";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RAck "RAck";
    Reason "Reason";
    RecordRoute "Record-Route";
    RecvInfo "Recv-Info";
    ReferSub "Refer-Sub";
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    RejectContact "Reject-Contact" b'j';
    RemotePartyId "Remote-Party-ID";
    Replaces "Replaces";
    ReplyTo "Reply-To";
    RequestDisposition "Request-Disposition" b'd';
    Require "Require";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    SecurityClient "Security-Client";
    SecurityServer "Security-Server";
    SecurityVerify "Security-Verify";
    Server "Server";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires" b'x';
    SessionId "Session-ID";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    Subject "Subject" b's';
    SubscriptionState "Subscription-State";
    Supported "Supported" b'k';
    TargetDialog "Target-Dialog";
    Timestamp "Timestamp";
    To "To" b't';
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    UserToUser "User-to-User";
    Via "Via" b'v';
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

impl HeaderName {
    /// Recognises a name in any case, long or compact.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Self {
        if chars::all(name, chars::TOKEN) { Self::from_token(name) } else { Self::Other }
    }

    /// [`HeaderName::from_bytes`] for what is known to be a token.
    #[inline]
    pub(crate) fn from_token(name: &[u8]) -> Self {
        match name {
            [] => Self::Other,
            [letter] => Self::compact(*letter),
            _ => {
                let (known, text) = SLOTS[slot(name)];
                if tokens_match(text.as_bytes(), name) { known } else { Self::Other }
            }
        }
    }
}

/// Compares a known name with a token, without regard to case.
///
/// Case is one bit. Leaving that bit out takes some other characters for each other as well, but of
/// those that occur in known names none that may stand in a token.
#[inline]
fn tokens_match(known: &[u8], token: &[u8]) -> bool {
    const CASE: u64 = 0x2020_2020_2020_2020;
    if known.len() != token.len() {
        return false;
    }
    // Words from the front, and one from the back that may overlap them.
    if let (Some(a), Some(b)) = (known.last_chunk::<8>(), token.last_chunk::<8>()) {
        let (a_words, _) = known.as_chunks::<8>();
        let (b_words, _) = token.as_chunks::<8>();
        let differs = |a: &[u8; 8], b: &[u8; 8]| u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        let fronts = a_words.iter().zip(b_words).fold(0, |all, (a, b)| all | differs(a, b));
        (fronts | differs(a, b)) & !CASE == 0
    } else {
        known.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b)) & !(CASE as u8) == 0
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One known name at most for each value of [`slot`].
static SLOTS: [(HeaderName, &str); SLOT_COUNT] = slots();

const SLOT_COUNT: usize = 512;

/// A hash of length, first, last and middle letters that keeps all known names apart.
#[inline]
const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    let first = (name[0] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    let middle = (name[len / 2] | 0x20) as usize;
    (len * MULTIPLIERS[0]
        + first * MULTIPLIERS[1]
        + last * MULTIPLIERS[2]
        + middle * MULTIPLIERS[3])
        % SLOT_COUNT
}

const MULTIPLIERS: [usize; 4] = [150, 205, 98, 66];

const fn slots() -> [(HeaderName, &'static str); SLOT_COUNT] {
    let mut table = [(HeaderName::Other, ""); SLOT_COUNT];
    let mut i = 0;
    while i < HeaderName::KNOWN.len() {
        let name = HeaderName::KNOWN[i];
        let at = slot(name.as_str().as_bytes());
        // Evaluated by the compiler: two names in one slot do not build.
        assert!(matches!(table[at].0, HeaderName::Other), "two header names share a slot");
        table[at] = (name, name.as_str());
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::HeaderName;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for &name in HeaderName::KNOWN {
            let text = name.as_str();
            assert_eq!(HeaderName::from_bytes(text.as_bytes()), name);
            assert_eq!(HeaderName::from_bytes(text.to_uppercase().as_bytes()), name);
            assert_eq!(HeaderName::from_bytes(text.to_lowercase().as_bytes()), name);
        }
    }

    #[test]
    fn compact_forms() {
        for (letter, name) in [
            (b'v', HeaderName::Via),
            (b'f', HeaderName::From),
            (b't', HeaderName::To),
            (b'i', HeaderName::CallId),
            (b'm', HeaderName::Contact),
            (b'l', HeaderName::ContentLength),
            (b'c', HeaderName::ContentType),
            (b'e', HeaderName::ContentEncoding),
            (b'k', HeaderName::Supported),
            (b's', HeaderName::Subject),
            (b'o', HeaderName::Event),
            (b'u', HeaderName::AllowEvents),
            (b'r', HeaderName::ReferTo),
            (b'b', HeaderName::ReferredBy),
            (b'x', HeaderName::SessionExpires),
            (b'q', HeaderName::Other),
        ] {
            assert_eq!(HeaderName::from_bytes(&[letter]), name);
            assert_eq!(HeaderName::from_bytes(&[letter.to_ascii_uppercase()]), name);
        }
    }

    #[test]
    fn strangers_are_other() {
        for name in [&b"X-Foo"[..], b"Vib", b"Fro", b"Contact-", b"", b"!", b"\xff\xfe"] {
            assert_eq!(HeaderName::from_bytes(name), HeaderName::Other);
        }
    }
}
