//! Whether a request may be forwarded at all (RFC 3261 section 16.3).

use offhook_sip_message::{HeaderName, Method, Request, Scheme, StatusCode};

/// Why the proxy itself answers a request, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
    /// Headers that explain the status.
    pub(crate) headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason, headers: Vec::new() }
    }

    /// A refusal of 503, which tells the client when to try again.
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason).with(HeaderName::RetryAfter, "10".into())
    }

    pub(crate) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The Max-Forwards of a request that carries none (RFC 3261 section 16.6 step 3).
const DEFAULT_MAX_FORWARDS: u8 = 70;

/// Checks the request; returns the Max-Forwards it is to be forwarded with.
pub(crate) fn admit(request: &Request) -> Result<u8, Refusal> {
    match request.uri().scheme {
        Scheme::Sip => {}
        // Section 26.2.2: every hop of a SIPS request has to be secure, and none here is.
        Scheme::Sips => {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_URI_SCHEME,
                "SIPS needs a TLS transport",
            ));
        }
        Scheme::Tel | Scheme::Other => {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_URI_SCHEME, "Unsupported URI scheme"));
        }
    }
    let max_forwards = match request.max_forwards() {
        Ok(Some(0)) => return Err(Refusal::new(StatusCode::TOO_MANY_HOPS, "Too many hops")),
        Ok(Some(hops)) => hops - 1,
        Ok(None) => DEFAULT_MAX_FORWARDS,
        Err(_) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "Bad Max-Forwards header")),
    };
    // Step 5: no extension is supported that a proxy could be required to know. ACK and CANCEL must
    // not be refused for one (section 8.2.2.3).
    let unsupported: Vec<String> = request
        .values(HeaderName::ProxyRequire)
        .map(|tag| String::from_utf8_lossy(tag).into_owned())
        .collect();
    if unsupported.is_empty() || matches!(request.method(), Method::Ack | Method::Cancel) {
        return Ok(max_forwards);
    }
    Err(Refusal::new(StatusCode::BAD_EXTENSION, "Bad Extension")
        .with(HeaderName::Unsupported, unsupported.join(", ")))
}
