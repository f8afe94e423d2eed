//! A registrar on a desk: REGISTERs are handed in, its actions are laid out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::{Engine, Now};
use offhook_registrar::{
    Action, Authentication, Change, CredentialsFound, Input, Registrar, RegistrarConfig, Report,
    StoreOutcome, Token,
};
use offhook_sip_core::Domains;
use offhook_sip_message::{Flow, HeaderName, Response, Transport};
use offhook_testkit::SimClock;
use offhook_testkit::messages::{RequestSketch, response};

/// Where the phone of the tests sends from.
pub(crate) const PHONE: &str = "192.0.2.10:5060";

pub(crate) struct Desk {
    pub(crate) registrar: Registrar,
    pub(crate) clock: SimClock,
}

/// What the registrar wanted done, sorted by kind.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) sent: Vec<(Flow, Bytes)>,
    pub(crate) credentials: Vec<(Token, String)>,
    pub(crate) stores: Vec<(Token, String, Vec<Change>)>,
    pub(crate) reports: Vec<Report>,
}

impl Wanted {
    /// The only message sent.
    pub(crate) fn answer(&self) -> Response {
        assert_eq!(self.sent.len(), 1, "{self:?}");
        response(self.sent[0].1.clone())
    }

    pub(crate) fn status(&self) -> u16 {
        self.answer().status().as_u16()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.sent.is_empty() && self.credentials.is_empty() && self.stores.is_empty()
    }
}

pub(crate) fn domains() -> Arc<Domains> {
    let addresses = ["192.0.2.1".parse().unwrap()];
    Arc::new(Domains::new(addresses, ["example.com", "localhost"], ["other.org"]))
}

impl Desk {
    /// A registrar that asks for no passwords.
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut RegistrarConfig)) -> Self {
        let mut config = RegistrarConfig::new(domains(), Authentication::Off);
        adjust(&mut config);
        Self { registrar: Registrar::new(config, 7, [7; 32]), clock: SimClock::new() }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Hands in an input and drains the actions.
    pub(crate) fn hand(&mut self, input: Input) -> Wanted {
        self.registrar.handle(input, self.clock.now());
        self.drain()
    }

    /// Hands in a request by UDP from the usual phone, and answers that the user exists.
    pub(crate) fn send(&mut self, sketch: &RequestSketch) -> Wanted {
        self.send_by(sketch, flow(PHONE))
    }

    pub(crate) fn send_by(&mut self, sketch: &RequestSketch, flow: Flow) -> Wanted {
        let mut wanted = self.hand(Input::Request { request: sketch.request(), flow });
        for (token, _) in std::mem::take(&mut wanted.credentials) {
            let found = CredentialsFound::Known(Vec::new());
            wanted.add(self.hand(Input::Credentials { token, found }));
        }
        wanted
    }

    /// Like [`Desk::send`], with every store answered as durable.
    pub(crate) fn register(&mut self, sketch: &RequestSketch) -> Response {
        self.register_by(sketch, flow(PHONE))
    }

    pub(crate) fn register_by(&mut self, sketch: &RequestSketch, flow: Flow) -> Response {
        let mut wanted = self.send_by(sketch, flow);
        for (token, _, _) in std::mem::take(&mut wanted.stores) {
            wanted.add(self.stored(token, StoreOutcome::Durable));
        }
        wanted.answer()
    }

    pub(crate) fn stored(&mut self, token: Token, outcome: StoreOutcome) -> Wanted {
        self.hand(Input::Stored { token, outcome })
    }

    /// Lets time pass; every deadline on the way fires at its time.
    pub(crate) fn pass(&mut self, time: Duration) -> Wanted {
        let end = self.clock.mono() + time;
        let mut wanted = Wanted::default();
        while let Some(deadline) = self.registrar.next_deadline().filter(|&at| at <= end) {
            self.clock.advance_to(deadline.max(self.clock.mono()));
            self.registrar.handle_timeout(self.clock.now());
            wanted.add(self.drain());
            if deadline == end {
                break;
            }
        }
        self.clock.advance_to(end);
        wanted
    }

    /// The contacts of `aor`, best first.
    pub(crate) fn contacts(&self, aor: &str) -> Vec<String> {
        let bindings = self.registrar.lookup(aor, self.clock.mono());
        bindings.iter().map(|binding| text(binding.contact())).collect()
    }

    fn drain(&mut self) -> Wanted {
        let mut wanted = Wanted::default();
        while let Some(action) = self.registrar.poll_action() {
            match action {
                Action::Transmit { flow, bytes, ticket: _ } => wanted.sent.push((flow, bytes)),
                Action::FindCredentials { token, aor } => wanted.credentials.push((token, aor)),
                Action::Store { token, aor, changes } => {
                    wanted.stores.push((token, aor.to_string(), changes.to_vec()));
                }
                Action::Report(report) => wanted.reports.push(report),
            }
        }
        wanted
    }
}

impl Wanted {
    fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.credentials.extend(other.credentials);
        self.stores.extend(other.stores);
        self.reports.extend(other.reports);
    }
}

pub(crate) fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
    }
}

/// A REGISTER of alice with this CSeq number, each in a transaction of its own.
pub(crate) fn register(cseq: u32) -> RequestSketch {
    RequestSketch::new("REGISTER", "sip:example.com")
        .via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKr{cseq};rport"))
        .from("<sip:alice@example.com>;tag=f")
        .to("<sip:alice@example.com>")
        .call_id("call-1")
        .cseq(cseq)
}

/// The Contact values of a response.
pub(crate) fn contacts(response: &Response) -> Vec<String> {
    response.values(HeaderName::Contact).map(text).collect()
}

pub(crate) fn header(response: &Response, name: HeaderName) -> Option<String> {
    response.header(name).map(text)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
