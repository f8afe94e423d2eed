//! The platform, the phones around it, the network in between, and the clock.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::{Engine, Instant};
use offhook_proxy::{
    Action, CallReport, Input, Proxy, ProxyConfig, Report, ShardSeed, Statistics, Target,
    TargetsFound,
};
use offhook_sip_message::{ConnectionId, Flow, Limits, Message, Method, Transport};
use offhook_testkit::{
    Agenda, Attempt, Conditions, Fate, Leg, LegState, Outcome, Phone, SimClock, SimNetwork,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::relay::Relay;
use crate::support::{self, PLATFORM};

/// No run needs nearly as many wake-ups.
const MAX_STEPS: usize = 50_000;

/// No call needs nearly as many messages: three phones, each message repeated until nobody waits.
const MAX_MESSAGES_PER_CALL: usize = 400;

/// Most actions that one event may lead to.
const MAX_BURST: usize = 64;

/// The longest that a phone may ring, or a call be up, after its caller has heard how the call ended:
/// 64*T1 for the CANCEL or the ACK to get through, 64*T1 for the BYE, and what the network holds up.
const RFC_BOUND: Duration = Duration::from_secs(32 + 32 + 6);

/// How a phone is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Udp,
    /// By UDP behind a NAT: what it says of itself is not where it can be reached.
    Nat,
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Proxy,
    Phone(usize),
}

#[derive(Clone, Debug)]
struct Packet {
    bytes: Bytes,
    /// How the platform sees it.
    flow: Flow,
}

/// What the world is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    pub(crate) network: Conditions,
    /// How many of a thousand look-ups are never answered.
    pub(crate) lost_lookups: u32,
    /// How many of a thousand messages over connections find the connection gone.
    pub(crate) broken_connections: u32,
    /// How long after its caller has heard how the call ended a phone may still ring.
    pub(crate) rings_on_for: Duration,
}

pub(crate) struct World {
    pub(crate) clock: SimClock,
    network: SimNetwork<Node, Packet>,
    climate: Climate,
    config: Arc<ProxyConfig>,
    pub(crate) proxy: Proxy,
    pub(crate) phones: Vec<Phone>,
    lines: Vec<(Line, Flow)>,
    /// Where bob is.
    bindings: Vec<Target>,
    answers: Agenda<Input>,
    plans: Agenda<Plan>,
    random: StdRng,
    relay: Relay,
    /// The final responses to each call that were sent to its caller.
    finals: HashMap<Bytes, Vec<(u16, Bytes)>>,
    pub(crate) reports: Vec<Report>,
    log: Vec<Entry>,
    calls: usize,
    messages: usize,
    /// When the proxy was last killed.
    pub(crate) restarted: Option<Instant>,
    /// How many calls were up then.
    pub(crate) calls_up_at_restart: usize,
}

/// Something that happened, for the message of a failed assertion.
#[derive(Clone, Debug)]
enum Entry {
    Sent { at: Instant, by: Node, bytes: Bytes, flow: Flow },
    Broken,
    Killed(Instant),
}

/// What somebody outside does.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    Call(usize, Attempt),
    Restart,
}

impl World {
    pub(crate) fn new(seed: u64, climate: Climate, config: ProxyConfig) -> Self {
        let config = Arc::new(config);
        Self {
            clock: SimClock::new(),
            network: SimNetwork::new(seed, climate.network),
            climate,
            proxy: Proxy::new(config.clone(), ShardSeed { identifiers: seed, nonce_key: [1; 32] }),
            config,
            phones: Vec::new(),
            lines: Vec::new(),
            bindings: Vec::new(),
            answers: Agenda::new(),
            plans: Agenda::new(),
            random: StdRng::seed_from_u64(seed ^ 0x5eed),
            relay: Relay::default(),
            finals: HashMap::new(),
            reports: Vec::new(),
            log: Vec::new(),
            calls: 0,
            messages: 0,
            restarted: None,
            calls_up_at_restart: 0,
        }
    }

    /// Adds a phone; one of bob's if `is_bobs`.
    pub(crate) fn add_phone(&mut self, line: Line, is_bobs: bool) -> usize {
        let number = self.phones.len();
        let own: SocketAddr = format!("10.0.0.{}:5060", number + 1).parse().unwrap();
        let public: SocketAddr = match line {
            Line::Udp | Line::Tcp => own,
            Line::Nat => format!("203.0.113.9:{}", 40_000 + number).parse().unwrap(),
        };
        let is_tcp = line == Line::Tcp;
        let flow = Flow {
            transport: if is_tcp { Transport::Tcp } else { Transport::Udp },
            local: PLATFORM.parse().unwrap(),
            remote: public,
            connection: is_tcp.then_some(ConnectionId(number as u64)),
        };
        let name = format!("phone{number}x");
        let seen_from_phone = Flow { local: own, remote: flow.local, ..flow };
        if is_bobs {
            let parameter = if is_tcp { ";transport=tcp" } else { "" };
            self.bindings.push(Target {
                uri: format!("sip:{name}@{own}{parameter}").into(),
                flow: Some(flow),
                path: Vec::new(),
                behind_nat: line == Line::Nat,
            });
        }
        self.phones.push(Phone::new(&name, seen_from_phone, 1_000 + number as u64));
        self.lines.push((line, flow));
        number
    }

    pub(crate) fn plan(&mut self, at: Duration, plan: Plan) {
        self.plans.plan(Instant::ZERO + at, plan);
    }

    /// Runs until nothing is under way and nothing is due, then checks what must hold.
    pub(crate) fn finish(&mut self) {
        let mut steps = 0;
        while let Some(next) = self.next_event() {
            steps += 1;
            assert!(steps < MAX_STEPS, "this does not end:\n{}", self.story());
            self.clock.advance_to(next);
            self.step();
            self.check_bounds();
        }
        self.check_that_nothing_is_left();
        self.check_outcomes();
    }

    fn next_event(&self) -> Option<Instant> {
        let phones = self.phones.iter().filter_map(Phone::next_deadline).min();
        let others = [
            self.network.next_arrival(),
            self.proxy.next_deadline(),
            self.answers.next(),
            self.plans.next(),
        ];
        others.into_iter().flatten().chain(phones).min()
    }

    fn step(&mut self) {
        let now = self.clock.mono();
        while let Some(plan) = self.plans.pop(now) {
            match plan {
                Plan::Call(phone, attempt) => {
                    self.calls += 1;
                    self.phones[phone].call(attempt, now);
                    self.drain_phone(phone);
                }
                Plan::Restart => self.restart(),
            }
        }
        while let Some(delivery) = self.network.receive(now) {
            let message = parse(&delivery.payload.bytes);
            match delivery.to {
                Node::Proxy => self.tell_proxy(input(message, delivery.payload.flow)),
                Node::Phone(number) => {
                    self.phones[number].receive(&message, now);
                    self.drain_phone(number);
                }
            }
        }
        while let Some(answer) = self.answers.pop(now) {
            self.tell_proxy(answer);
        }
        self.proxy.handle_timeout(self.clock.now());
        self.drain_proxy();
        let next = self.proxy.next_deadline();
        assert!(next.is_none_or(|at| at > now), "busy at {now:?}:\n{}", self.story());
        for number in 0..self.phones.len() {
            self.phones[number].handle_timeout(now);
            self.drain_phone(number);
        }
    }

    fn restart(&mut self) {
        self.log.push(Entry::Killed(self.clock.mono()));
        let seed = ShardSeed { identifiers: self.random.random(), nonce_key: [2; 32] };
        self.proxy = Proxy::new(self.config.clone(), seed);
        self.answers = Agenda::new();
        self.restarted = Some(self.clock.mono());
        let legs = self.phones.iter().flat_map(|phone| phone.legs());
        let is_up = |leg: &&Leg| leg.is_caller && leg.state == LegState::InCall;
        self.calls_up_at_restart = legs.filter(is_up).count();
    }

    fn tell_proxy(&mut self, input: Input) {
        self.proxy.handle(input, self.clock.now());
        self.drain_proxy();
    }

    fn drain_phone(&mut self, number: usize) {
        let now = self.clock.mono();
        while let Some(bytes) = self.phones[number].poll() {
            let (_, flow) = self.lines[number];
            let by = Node::Phone(number);
            self.log.push(Entry::Sent { at: now, by, bytes: bytes.clone(), flow });
            self.send(by, Node::Proxy, Packet { bytes, flow });
        }
    }

    fn drain_proxy(&mut self) {
        let mut burst = 0;
        while let Some(action) = self.proxy.poll_action() {
            burst += 1;
            assert!(burst <= MAX_BURST, "too much at once:\n{}", self.story());
            match action {
                Action::Transmit { flow, bytes, ticket } => self.transmit(flow, bytes, ticket),
                Action::FindTargets { token, aor } => {
                    assert_eq!(aor, "bob");
                    let found = TargetsFound::Bindings(self.bindings.clone());
                    self.answer_later(Input::Targets { token, found });
                }
                Action::Media { token, call_id, verb } => {
                    let outcome = self.relay.execute(&call_id, &verb);
                    if let Some(token) = token {
                        self.answer_later(Input::Media { token, outcome });
                    }
                }
                Action::Report(report) => self.reports.push(report),
                other @ (Action::FindCredentials { .. } | Action::Resolve { .. }) => {
                    panic!("{other:?} was not expected:\n{}", self.story())
                }
            }
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes, ticket: u64) {
        let now = self.clock.mono();
        self.messages += 1;
        let message = parse(&bytes);
        self.log.push(Entry::Sent { at: now, by: Node::Proxy, bytes: bytes.clone(), flow });
        if let Message::Response(response) = &message
            && response.cseq().method == Method::Invite
            && response.status().is_final()
        {
            let of_call =
                self.finals.entry(Bytes::copy_from_slice(response.call_id())).or_default();
            let tag = Bytes::copy_from_slice(response.to().tag().unwrap_or_default());
            of_call.push((response.status().as_u16(), tag));
        }
        // A CANCEL has one way to go, that of its INVITE (RFC 3261 section 9.1).
        let is_gone = flow.connection.is_some()
            && message.head().cseq().method != Method::Cancel
            && self.random.random_range(0..1_000) < self.climate.broken_connections;
        if is_gone {
            self.log.push(Entry::Broken);
            self.answers.plan(now, Input::SendFailed { ticket });
            return;
        }
        let to = self.lines.iter().position(|(_, known)| {
            known.remote == flow.remote && known.transport == flow.transport
        });
        if let Some(number) = to {
            self.send(Node::Proxy, Node::Phone(number), Packet { bytes, flow });
        }
    }

    /// Over connections nothing is lost, and nothing overtakes.
    fn send(&mut self, from: Node, to: Node, packet: Packet) {
        let now = self.clock.mono();
        if packet.flow.transport.is_reliable() {
            let fate = Fate::After(Duration::from_millis(10));
            self.network.send_with(now, from, to, packet, fate);
        } else {
            self.network.send(now, from, to, packet);
        }
    }

    fn answer_later(&mut self, input: Input) {
        if self.random.random_range(0..1_000) < self.climate.lost_lookups {
            return;
        }
        let after = Duration::from_millis(self.random.random_range(0..300));
        self.answers.plan(self.clock.mono() + after, input);
    }

    /// Nobody is left ringing or talking to himself for longer than the protocol needs.
    fn check_bounds(&self) {
        let now = self.clock.mono();
        for phone in &self.phones {
            for leg in phone.legs() {
                let late = match leg.state {
                    LegState::Answered | LegState::HangingUp => now - leg.since > RFC_BOUND,
                    LegState::Ringing => self.is_left_ringing(&leg.call_id),
                    LegState::InCall | LegState::Over => false,
                };
                assert!(!late, "{leg:?} since {:?}:\n{}", leg.since, self.story());
            }
        }
        let allowed = (self.calls + 1) * MAX_MESSAGES_PER_CALL;
        assert!(self.messages <= allowed, "{} messages:\n{}", self.messages, self.story());
    }

    /// Whether the caller has long heard how the call ended.
    fn is_left_ringing(&self, call_id: &str) -> bool {
        let now = self.clock.mono();
        let settled = self.phones.iter().find_map(|phone| phone.settled_at(call_id));
        // A killed proxy silences nobody.
        self.restarted.is_none() && settled.is_some_and(|at| now - at > self.climate.rings_on_for)
    }

    fn check_that_nothing_is_left(&self) {
        assert_eq!(self.proxy.statistics(), Statistics::default(), "{}", self.story());
        for (number, phone) in self.phones.iter().enumerate() {
            assert_eq!(phone.open_transactions(), 0, "phone{number}:\n{}", self.story());
            for leg in phone.legs() {
                assert_eq!(leg.state, LegState::Over, "{leg:?}\n{}", self.story());
            }
        }
        // Where no BYE came through, and of the calls that a killed proxy knew, the relay's own
        // time-out has to do.
        if self.restarted.is_none() {
            let expired = self.expired_calls();
            let all_expired = self.relay.open().into_iter().all(|call| expired.contains(&call));
            assert!(all_expired, "{:?}\n{}", self.relay, self.story());
        }
    }

    /// Each call has one outcome at its caller, and the proxy never changes its mind.
    fn check_outcomes(&self) {
        for phone in &self.phones {
            for (call_id, outcomes) in phone.outcomes() {
                assert!(!outcomes.is_empty(), "{call_id} has no outcome:\n{}", self.story());
                let failures = outcomes.iter().filter(|outcome| !is_success(outcome)).count();
                assert!(
                    failures == 0 || outcomes.len() == 1,
                    "{call_id}: {outcomes:?}\n{}",
                    self.story()
                );
            }
        }
        for (call_id, finals) in &self.finals {
            let mut failures: Vec<_> = finals.iter().filter(|(status, _)| *status >= 300).collect();
            failures.sort();
            failures.dedup();
            let successes = finals.iter().filter(|(status, _)| *status < 300).count();
            let is_steady = failures.is_empty() || (failures.len() == 1 && successes == 0);
            // A caller that hears nothing for long enough asks a restarted proxy anew.
            assert!(
                is_steady || self.restarted.is_some(),
                "{call_id:?}: {finals:?}\n{}",
                self.story()
            );
        }
    }

    /// The calls that were taken off the list for want of a BYE.
    pub(crate) fn expired_calls(&self) -> Vec<&Bytes> {
        let expired = |report| match report {
            &Report::Call { ref call_id, event: CallReport::Expired } => Some(call_id),
            Report::Call { .. } | Report::Refused { .. } | Report::WrongCredentials { .. } => None,
        };
        self.reports.iter().filter_map(expired).collect()
    }

    pub(crate) fn story(&self) -> String {
        self.log.iter().map(|entry| format!("{entry}\n")).collect()
    }
}

fn is_success(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Status(status) => status.is_success(),
        Outcome::TimedOut => false,
    }
}

fn input(message: Message, flow: Flow) -> Input {
    match message {
        Message::Request(request) => Input::Request { request, flow },
        Message::Response(response) => Input::Response { response },
    }
}

fn parse(bytes: &Bytes) -> Message {
    Message::parse(bytes.clone(), &Limits::default())
        .unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { at, by: Node::Phone(number), bytes, .. } => {
                write!(f, "{at:?} phone{number} sends {}", label(&parse(bytes)))
            }
            Self::Sent { at, by: Node::Proxy, bytes, flow } => {
                write!(f, "{at:?} proxy sends {} to {}", label(&parse(bytes)), flow.remote)
            }
            Self::Broken => f.write_str("  but the connection is gone"),
            Self::Killed(at) => write!(f, "{at:?} the proxy is killed"),
        }
    }
}

fn label(message: &Message) -> String {
    let head = message.head();
    let call_id = String::from_utf8_lossy(head.call_id());
    match message {
        Message::Request(request) => format!("{} of {call_id}", request.method()),
        Message::Response(response) => {
            format!("{} {} of {call_id}", response.status(), head.cseq().method)
        }
    }
}

/// The settings of a simulated platform.
pub(crate) fn config() -> ProxyConfig {
    ProxyConfig { timer_c: Duration::from_secs(60), ..support::config() }
}
