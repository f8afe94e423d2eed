//! A proxy on a bench: messages are handed in, and what it does is read off as lines of text.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Engine;
use offhook_proxy::{
    Action, CredentialsFound, Input, MediaOutcome, MediaVerb, Proxy, ProxyConfig, Report,
    ShardSeed, Statistics, Target, TargetsFound, Token,
};
use offhook_sip_core::digest::{Algorithm, Ha1};
use offhook_sip_message::{Flow, Limits, Message, Request, Response};
use offhook_testkit::messages::RequestSketch;
use offhook_testkit::{Dialog, ReplySketch, SimClock};

use super::people::{self, NAMES, REALM};

/// The longest that anything may be remembered after the last event, look-ups and listed calls aside:
/// 64*T1 for a cancelled branch to give up, 64*T1 to absorb what is late, T4, and the timers' grain.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(32 + 32 + 5 + 1);

/// What the media relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relay {
    /// It puts itself into every description.
    Working,
    /// It understands none.
    Rejecting,
    /// It has no room.
    Full,
}

/// Something that the proxy wants to know.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Credentials(Token, String),
    Targets(Token, String),
    Addresses(Token, String, u16),
    Media(Token, MediaVerb),
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) flow: Flow,
    pub(crate) ticket: u64,
    pub(crate) message: Message,
}

pub(crate) struct Lab {
    pub(crate) proxy: Proxy,
    pub(crate) clock: SimClock,
    pub(crate) config: Arc<ProxyConfig>,
    /// Passwords by address of record.
    pub(crate) passwords: HashMap<String, String>,
    /// Bindings by address of record; a user without any is not registered, another one unknown.
    pub(crate) bindings: HashMap<String, Vec<Target>>,
    /// Addresses by host name.
    pub(crate) hosts: HashMap<String, Vec<SocketAddr>>,
    pub(crate) relay: Relay,
    /// Whether questions wait in `questions`, in the order asked, for the test to answer.
    pub(crate) holds_questions: bool,
    pub(crate) questions: VecDeque<Question>,
    /// Everything sent so far.
    pub(crate) sent: Vec<Sent>,
    /// The Call-IDs that the relay was told, in order.
    pub(crate) relayed_calls: Vec<Bytes>,
    /// Everything reported so far.
    pub(crate) reports: Vec<Report>,
    branches: u64,
}

impl Lab {
    /// Alice and carol without bindings, bob with one phone; no passwords asked, no relay.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with other settings.
    pub(crate) fn with(adjust: impl FnOnce(&mut ProxyConfig)) -> Self {
        let mut config = people::config();
        adjust(&mut config);
        let config = Arc::new(config);
        let seed = ShardSeed { identifiers: 1, nonce_key: [1; 32] };
        Self {
            proxy: Proxy::new(config.clone(), seed),
            clock: SimClock::new(),
            config,
            passwords: ["alice", "bob", "carol"].map(|name| (name.into(), "secret".into())).into(),
            bindings: HashMap::from([("bob".into(), vec![people::target(people::BOB)])]),
            hosts: HashMap::new(),
            relay: Relay::Working,
            holds_questions: false,
            questions: VecDeque::new(),
            sent: Vec::new(),
            relayed_calls: Vec::new(),
            reports: Vec::new(),
            branches: 0,
        }
    }

    /// Lets bob have a phone at each of these addresses.
    pub(crate) fn give_bob(&mut self, targets: Vec<Target>) {
        self.bindings.insert("bob".into(), targets);
    }

    /// The process is killed, and another one takes its place.
    pub(crate) fn restart(&mut self) {
        let seed = ShardSeed { identifiers: 2, nonce_key: [2; 32] };
        self.proxy = Proxy::new(self.config.clone(), seed);
        self.questions.clear();
    }

    /// Hands in an input, and what it leads to.
    pub(crate) fn hand(&mut self, input: Input) -> Vec<String> {
        self.proxy.handle(input, self.clock.now());
        self.drain()
    }

    /// A request comes by `flow`.
    pub(crate) fn send(&mut self, sketch: &RequestSketch, flow: Flow) -> Vec<String> {
        self.send_request(sketch.request(), flow)
    }

    pub(crate) fn send_request(&mut self, request: Request, flow: Flow) -> Vec<String> {
        self.hand(Input::Request { request, flow })
    }

    /// A response comes.
    pub(crate) fn reply(&mut self, sketch: &ReplySketch) -> Vec<String> {
        self.hand(Input::Response { response: sketch.response() })
    }

    /// A response with this status comes to the last `method` that was sent to `host`.
    pub(crate) fn answer(&mut self, host: &str, method: &str, status: u16) -> Vec<String> {
        let request = self.request_to(host, method);
        self.reply(&ReplySketch::new(&request, status))
    }

    /// The next request of a dialog comes by `flow`.
    pub(crate) fn send_in(&mut self, dialog: &mut Dialog, method: &str, flow: Flow) -> Vec<String> {
        let sketch = self.next_in(dialog, method, flow);
        self.send(&sketch, flow)
    }

    /// The next request of a dialog, to be sent by `flow`.
    pub(crate) fn next_in(
        &mut self,
        dialog: &mut Dialog,
        method: &str,
        flow: Flow,
    ) -> RequestSketch {
        let branch = self.branch();
        dialog.request(method, flow.transport.as_str(), &flow.remote.to_string(), &branch)
    }

    /// A branch that no request has had.
    pub(crate) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bKphone{}", self.branches)
    }

    /// The answer that the script has for a question.
    pub(crate) fn answer_question(&mut self, question: Question) -> Vec<String> {
        let input = self.answer_to(question);
        self.hand(input)
    }

    /// Takes the oldest question that waits.
    pub(crate) fn question(&mut self) -> Question {
        self.questions.pop_front().expect("nothing was asked")
    }

    /// Lets time pass; every deadline on the way fires at its time.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<String> {
        self.pass_timed(time).into_iter().map(|(_, line)| line).collect()
    }

    pub(crate) fn pass_secs(&mut self, seconds: u64) -> Vec<String> {
        self.pass(Duration::from_secs(seconds))
    }

    /// The same; each line with the milliseconds from the start.
    pub(crate) fn pass_timed(&mut self, time: Duration) -> Vec<(u128, String)> {
        let start = self.clock.mono();
        let end = start + time;
        let mut lines = Vec::new();
        while let Some(deadline) = self.proxy.next_deadline().filter(|&at| at <= end) {
            self.clock.advance_to(deadline);
            let now = self.clock.now();
            self.proxy.handle_timeout(now);
            let at = (now.mono - start).as_millis();
            lines.extend(self.drain().into_iter().map(|line| (at, line)));
            let next = self.proxy.next_deadline();
            assert!(next.is_none_or(|at| at > now.mono), "busy at {now:?}");
        }
        self.clock.advance_to(end);
        lines
    }

    /// The last `method` request that was sent to `host`.
    pub(crate) fn request_to(&self, host: &str, method: &str) -> Request {
        let found = self.sent.iter().rev().find_map(|sent| match &sent.message {
            Message::Request(request)
                if sent.flow.remote.to_string() == host
                    && request.method_token() == method.as_bytes() =>
            {
                Some(request.clone())
            }
            Message::Request(_) | Message::Response(_) => None,
        });
        found.unwrap_or_else(|| panic!("no {method} was sent to {host}"))
    }

    /// The last response that was sent to `host`.
    pub(crate) fn response_to(&self, host: &str) -> Response {
        let found = self.sent.iter().rev().find_map(|sent| match &sent.message {
            Message::Response(response) if sent.flow.remote.to_string() == host => {
                Some(response.clone())
            }
            Message::Request(_) | Message::Response(_) => None,
        });
        found.unwrap_or_else(|| panic!("no response was sent to {host}"))
    }

    /// The last message sent could not be delivered.
    pub(crate) fn fail_last_send(&mut self) -> Vec<String> {
        let ticket = self.sent.last().expect("nothing was sent").ticket;
        self.hand(Input::SendFailed { ticket })
    }

    /// Waits until all that is late has been absorbed, and checks that nothing stays behind.
    pub(crate) fn ends_empty(&mut self) {
        self.pass(FORGOTTEN);
        assert_eq!(self.proxy.statistics(), Statistics::default());
        assert_eq!(self.proxy.next_deadline(), None);
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut answers = VecDeque::new();
        loop {
            while let Some(action) = self.proxy.poll_action() {
                self.take(action, &mut lines, &mut answers);
            }
            match answers.pop_front() {
                Some(answer) => self.proxy.handle(answer, self.clock.now()),
                None => return lines,
            }
        }
    }

    fn take(&mut self, action: Action, lines: &mut Vec<String>, answers: &mut VecDeque<Input>) {
        match action {
            Action::Transmit { flow, bytes, ticket } => {
                let message = Message::parse(bytes.clone(), &Limits::default())
                    .unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
                lines.push(format!("{} to {}", label(&message), name(&flow)));
                self.sent.push(Sent { flow, ticket, message });
            }
            Action::FindCredentials { token, aor } => {
                self.ask(Question::Credentials(token, aor), lines, answers);
            }
            Action::FindTargets { token, aor } => {
                self.ask(Question::Targets(token, aor), lines, answers);
            }
            Action::Resolve { token, host, port, transport: _ } => {
                self.ask(Question::Addresses(token, host, port), lines, answers);
            }
            Action::Media { token, call_id, verb } => {
                lines.push(verb_line(&verb));
                self.relayed_calls.push(call_id);
                if let Some(token) = token {
                    self.ask(Question::Media(token, verb), lines, answers);
                }
            }
            Action::Report(report) => self.reports.push(report),
        }
    }

    fn ask(&mut self, question: Question, lines: &mut Vec<String>, answers: &mut VecDeque<Input>) {
        if !self.holds_questions {
            answers.push_back(self.answer_to(question));
            return;
        }
        match &question {
            Question::Credentials(_, aor) => lines.push(format!("credentials of {aor}?")),
            Question::Targets(_, aor) => lines.push(format!("targets of {aor}?")),
            Question::Addresses(_, host, _) => lines.push(format!("addresses of {host}?")),
            // The verb has a line of its own.
            Question::Media(..) => {}
        }
        self.questions.push_back(question);
    }

    /// What the script has to say.
    pub(crate) fn answer_to(&self, question: Question) -> Input {
        match question {
            Question::Credentials(token, aor) => {
                let found = match self.passwords.get(&aor) {
                    Some(password) => CredentialsFound::Known(hashes(&aor, password)),
                    None => CredentialsFound::Unknown,
                };
                Input::Credentials { token, found }
            }
            Question::Targets(token, aor) => {
                let found = match self.bindings.get(&aor) {
                    Some(targets) => TargetsFound::Bindings(targets.clone()),
                    None if self.passwords.contains_key(&aor) => TargetsFound::NotRegistered,
                    None => TargetsFound::UnknownUser,
                };
                Input::Targets { token, found }
            }
            Question::Addresses(token, host, port) => {
                let known = self.hosts.get(&host).cloned().unwrap_or_default();
                let addresses =
                    known.into_iter().map(|at| SocketAddr::new(at.ip(), port)).collect();
                Input::Addresses { token, addresses }
            }
            Question::Media(token, verb) => {
                Input::Media { token, outcome: self.relay.outcome(&verb) }
            }
        }
    }
}

impl Relay {
    /// A working relay marks each description that has passed through it.
    fn outcome(self, verb: &MediaVerb) -> MediaOutcome {
        match (self, verb) {
            (Self::Working, MediaVerb::Offer { sdp, .. } | MediaVerb::Answer { sdp, .. }) => {
                MediaOutcome::Rewritten([sdp, &b" by relay"[..]].concat().into())
            }
            (Self::Rejecting, _) => MediaOutcome::Rejected,
            (Self::Full, _) | (Self::Working, MediaVerb::Delete { .. }) => {
                MediaOutcome::Unavailable
            }
        }
    }
}

fn hashes(aor: &str, password: &str) -> Vec<Ha1> {
    let user = aor.split('@').next().unwrap_or_default();
    [Algorithm::Md5, Algorithm::Sha256]
        .map(|algorithm| Ha1::compute(algorithm, user, REALM, password))
        .into()
}

/// `INVITE`, `200 INVITE` and so on.
fn label(message: &Message) -> String {
    match message {
        Message::Request(request) => String::from_utf8_lossy(request.method_token()).into_owned(),
        Message::Response(response) => {
            format!("{} {}", response.status(), String::from_utf8_lossy(response.cseq().token))
        }
    }
}

/// Who is at the other end of a flow.
fn name(flow: &Flow) -> String {
    let remote = flow.remote.to_string();
    let known = NAMES.iter().find(|(address, _)| *address == remote);
    let name = known.map_or_else(|| remote.clone(), |(_, name)| (*name).to_owned());
    match (flow.transport.is_reliable(), flow.connection) {
        (false, _) => name,
        (true, Some(id)) => format!("{name} by {} connection {}", flow.transport.as_str(), id.0),
        (true, None) => format!("{name} by new {} connection", flow.transport.as_str()),
    }
}

fn verb_line(verb: &MediaVerb) -> String {
    let text = |tag: &Bytes| String::from_utf8_lossy(tag).into_owned();
    let to = |tag: &Option<Bytes>| {
        tag.as_ref().map_or(String::new(), |tag| format!(" to {}", text(tag)))
    };
    match verb {
        MediaVerb::Offer { from_tag, to_tag, sdp } => {
            format!("offer of {}{}: {}", text(from_tag), to(to_tag), text(sdp))
        }
        MediaVerb::Answer { from_tag, to_tag, sdp } => {
            format!("answer of {} to {}: {}", text(to_tag), text(from_tag), text(sdp))
        }
        MediaVerb::Delete { from_tag, to_tag } => {
            format!("delete of {}{}", text(from_tag), to(to_tag))
        }
    }
}
