//! The agent: builds requests, answers challenges, plays both ends of a call.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Link, SipText};
use crate::digest::{Algorithm, Challenge};
use crate::wait::{Deadline, SOON};

/// One user agent with one socket and one user's credentials.
#[derive(Debug)]
pub struct Agent {
    user: String,
    password: String,
    domain: String,
    link: Link,
    serial: u32,
    algorithm: Algorithm,
}

/// A request that can be sent, sent again and changed.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: String,
    /// The Request-URI.
    pub uri: String,
    /// The To header.
    pub to: String,
    /// The From header, with its tag.
    pub from: String,
    /// The Call-ID.
    pub call_id: String,
    /// The number of CSeq.
    pub cseq: u32,
    /// The branch of Via.
    pub branch: String,
    /// Max-Forwards.
    pub max_forwards: u8,
    /// Further header lines.
    pub headers: Vec<String>,
    /// The body, sent as SDP.
    pub body: String,
}

impl Outgoing {
    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// Changes the To header.
    #[must_use]
    pub fn to(mut self, value: impl Into<String>) -> Self {
        self.to = value.into();
        self
    }

    /// Adds an SDP body.
    #[must_use]
    pub fn body(mut self, sdp: impl Into<String>) -> Self {
        self.body = sdp.into();
        self
    }

    fn matches(&self, response: &SipText) -> bool {
        response.header("Call-ID") == Some(self.call_id.as_str())
            && response.cseq() == (self.cseq, self.method.as_str())
    }
}

impl Agent {
    /// An agent that talks UDP from a free port of the local address.
    #[track_caller]
    #[must_use]
    pub fn udp(local: Ipv4Addr, server: SocketAddr, user: &str, password: &str) -> Self {
        Self::over(Link::udp(local, server), server, user, password)
    }

    /// An agent that talks TCP.
    #[track_caller]
    #[must_use]
    pub fn tcp(server: SocketAddr, user: &str, password: &str) -> Self {
        Self::over(Link::tcp(server), server, user, password)
    }

    fn over(link: Link, server: SocketAddr, user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            domain: server.ip().to_string(),
            link,
            serial: 0,
            algorithm: Algorithm::Md5,
        }
    }

    /// Chooses the algorithm for which the agent looks among the challenges.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The socket, for what no method here does.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The agent's own contact URI.
    #[must_use]
    pub fn contact(&self) -> String {
        let local = self.link.local();
        match &self.link {
            Link::Udp(_) => format!("sip:{}@{local}", self.user),
            Link::Tcp(..) => format!("sip:{}@{local};transport=tcp", self.user),
        }
    }

    /// The address of a user of the server's domain.
    #[must_use]
    pub fn address_of(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.domain)
    }

    /// A request out of any dialog, in a Call-ID of its own.
    pub fn request(&mut self, method: &str, uri: &str) -> Outgoing {
        self.serial += 1;
        let unique = format!("{}-{}-{}", std::process::id(), self.link.local(), self.serial);
        let unique = unique.replace([':', '.'], "-");
        Outgoing {
            method: method.to_owned(),
            uri: uri.to_owned(),
            to: format!("<{uri}>"),
            from: format!("<sip:{}@{}>;tag=f{}", self.user, self.domain, self.serial),
            call_id: unique.clone(),
            cseq: 1,
            branch: format!("z9hG4bK-{unique}"),
            max_forwards: 70,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A REGISTER of the agent's own contact.
    pub fn register(&mut self, expires_s: u32) -> Outgoing {
        let contact = self.contact();
        self.register_contact(&format!("Contact: <{contact}>"))
            .header(format!("Expires: {expires_s}"))
    }

    /// A REGISTER with any Contact line.
    pub fn register_contact(&mut self, line: &str) -> Outgoing {
        let to = format!("<{}>", self.address_of(&self.user));
        let domain = format!("sip:{}", self.domain);
        self.request("REGISTER", &domain).to(to).header(line)
    }

    /// An INVITE with an SDP offer to a user of the server's domain.
    pub fn invite(&mut self, user: &str) -> Outgoing {
        let uri = self.address_of(user);
        let contact = format!("Contact: <{}>", self.contact());
        let sdp = self.sdp();
        self.request("INVITE", &uri).header(contact).body(sdp)
    }

    /// A session description of one audio stream.
    #[must_use]
    pub fn sdp(&self) -> String {
        let address = self.link.local().ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 9000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        )
    }

    /// The bytes of a request as this agent sends it.
    #[must_use]
    pub fn text(&self, request: &Outgoing) -> String {
        let mut text = format!(
            "{} {} SIP/2.0\r\nVia: SIP/2.0/{} {};branch={};rport\r\nMax-Forwards: {}\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {}\r\n",
            request.method,
            request.uri,
            self.link.transport(),
            self.link.local(),
            request.branch,
            request.max_forwards,
            request.from,
            request.to,
            request.call_id,
            request.cseq,
            request.method,
        );
        for line in &request.headers {
            text.push_str(line);
            text.push_str("\r\n");
        }
        if !request.body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{}", request.body.len(), request.body));
        text
    }

    /// Sends a request.
    #[track_caller]
    pub fn send(&mut self, request: &Outgoing) {
        let text = self.text(request);
        self.link.send(text.as_bytes());
    }

    /// Waits for the final response, acknowledging an INVITE's refusal; over UDP the request is
    /// repeated while nothing at all comes back, so a server may be away for a moment.
    ///
    /// # Panics
    /// When there is none in time.
    #[track_caller]
    pub fn final_response(&mut self, request: &Outgoing) -> SipText {
        let deadline = Deadline::after(SOON);
        let mut answered = false;
        while !deadline.passed() {
            let Some(message) = self.link.receive(Duration::from_millis(500)) else {
                if !answered && matches!(self.link, Link::Udp(_)) {
                    self.send(request);
                }
                continue;
            };
            if message.status().is_none() || !request.matches(&message) {
                continue;
            }
            answered = true;
            if message.status() >= Some(200) {
                if request.method == "INVITE" && message.status() >= Some(300) {
                    self.acknowledge_refusal(request, &message);
                }
                return message;
            }
        }
        panic!("no final response to {request:#?}")
    }

    /// Sends a request and waits for its final response, without answering a challenge.
    #[track_caller]
    pub fn exchange_once(&mut self, request: &Outgoing) -> SipText {
        self.send(request);
        self.final_response(request)
    }

    /// Sends a request, answers a challenge once, and returns the final response.
    #[track_caller]
    pub fn exchange(&mut self, request: &Outgoing) -> SipText {
        let first = self.exchange_once(request);
        if !matches!(first.status(), Some(401 | 407)) {
            return first;
        }
        let request = self.answer_challenge(request, &first, 1);
        self.exchange_once(&request)
    }

    /// Sends an INVITE to a user of the server's domain with the credentials that the server asks
    /// for, and returns it without waiting for what becomes of it.
    #[track_caller]
    pub fn call(&mut self, user: &str) -> Outgoing {
        let invite = self.invite(user);
        let challenge = self.exchange_once(&invite);
        let invite = self.answer_challenge(&invite, &challenge, 1);
        self.send(&invite);
        invite
    }

    /// The request again, with credentials for the challenge of a response.
    ///
    /// # Panics
    /// When the response has no challenge of the agent's algorithm.
    #[track_caller]
    #[must_use]
    pub fn answer_challenge(
        &mut self,
        request: &Outgoing,
        response: &SipText,
        count: u32,
    ) -> Outgoing {
        let challenge = self.challenge(response);
        let Outgoing { method, uri, .. } = request;
        let answer = challenge.answer(&self.user, &self.password, method, uri, count);
        let header = match response.status() {
            Some(407) => "Proxy-Authorization",
            _ => "Authorization",
        };
        let mut next = self.again(request);
        next.headers.retain(|line| !line.starts_with(header));
        next.header(format!("{header}: {answer}"))
    }

    /// The same request as a new transaction: the next CSeq, another branch.
    #[must_use]
    pub fn again(&mut self, request: &Outgoing) -> Outgoing {
        self.serial += 1;
        let mut next = request.clone();
        next.cseq += 1;
        next.branch = format!("{}-{}", request.branch, self.serial);
        next
    }

    /// The challenge of the agent's algorithm.
    #[track_caller]
    fn challenge(&self, response: &SipText) -> Challenge {
        let offered = response.all("WWW-Authenticate").chain(response.all("Proxy-Authenticate"));
        let mut challenges = offered.map(Challenge::parse);
        let found = challenges.find(|challenge| challenge.algorithm == self.algorithm);
        found.unwrap_or_else(|| panic!("no {:?} challenge in {response:#?}", self.algorithm))
    }

    /// ACK for a response of 300 or more: it belongs to the INVITE's transaction (RFC 3261
    /// section 17.1.1.3).
    fn acknowledge_refusal(&mut self, invite: &Outgoing, response: &SipText) {
        let mut ack = invite.clone();
        "ACK".clone_into(&mut ack.method);
        response.need("To").clone_into(&mut ack.to);
        ack.headers.retain(|line| line.starts_with("Route"));
        ack.body.clear();
        self.send(&ack);
    }

    /// A request within the dialog that a 2xx has made: to the remote target, along the route
    /// set (RFC 3261 section 12.2.1.1).
    #[must_use]
    pub fn in_dialog(&mut self, method: &str, invite: &Outgoing, response: &SipText) -> Outgoing {
        let mut request = self.again(invite);
        method.clone_into(&mut request.method);
        response.contact_uri().clone_into(&mut request.uri);
        response.need("To").clone_into(&mut request.to);
        request.headers.clear();
        request.body.clear();
        let routes: Vec<&str> = response.values("Record-Route").collect();
        for route in routes.into_iter().rev() {
            request.headers.push(format!("Route: {route}"));
        }
        if method == "ACK" {
            request.cseq = invite.cseq;
        }
        request
    }

    /// CANCEL of an INVITE (RFC 3261 section 9.1).
    #[track_caller]
    pub fn cancel(&mut self, invite: &Outgoing) -> Outgoing {
        let mut cancel = invite.clone();
        "CANCEL".clone_into(&mut cancel.method);
        cancel.headers.retain(|line| line.starts_with("Route"));
        cancel.body.clear();
        self.send(&cancel);
        cancel
    }

    /// Waits for a request of the method; responses and other requests are passed over.
    ///
    /// # Panics
    /// When none comes in time.
    #[track_caller]
    pub fn wait_request(&mut self, method: &str) -> SipText {
        let found = self.request_within(method, SOON);
        found.unwrap_or_else(|| panic!("{} gets no {method}", self.user))
    }

    /// A request of the method, if one comes in time.
    #[track_caller]
    pub fn request_within(&mut self, method: &str, within: Duration) -> Option<SipText> {
        let deadline = Deadline::after(within);
        while !deadline.passed() {
            let message = self.link.receive(deadline.left())?;
            if message.method() == Some(method) {
                return Some(message);
            }
        }
        None
    }

    /// Answers a request; answers with 200 or above to an INVITE carry a To tag, and a 200 also
    /// a contact and an SDP answer.
    #[track_caller]
    pub fn reply(&mut self, request: &SipText, status: u16, reason: &str) {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        for (name, value) in &request.headers {
            let copied = ["via", "from", "call-id", "cseq", "record-route"];
            if copied.contains(&name.to_ascii_lowercase().as_str()) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let to = request.need("To");
        let tagged = request.to_tag().is_some() || status == 100;
        let tag = if tagged { String::new() } else { format!(";tag=u{}", self.user) };
        text.push_str(&format!("To: {to}{tag}\r\n"));
        let invited = request.method() == Some("INVITE") && status != 100;
        let body = if invited && (200..300).contains(&status) { self.sdp() } else { String::new() };
        if invited {
            text.push_str(&format!("Contact: <{}>\r\n", self.contact()));
        }
        if !body.is_empty() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.link.send(text.as_bytes());
    }
}
