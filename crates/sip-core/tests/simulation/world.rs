//! The two ends, the network between them and the clock.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_core::{Capacity, Effect, TimerConfig, Transactions};
use offhook_sip_message::{ConnectionId, Flow, Limits, Message, Transport};
use offhook_testkit::{Conditions, Fate, SimClock, SimNetwork};

use crate::callee::Callee;
use crate::caller::{Call, Caller, Outcome};

/// The longest that anything may live on once the last message has arrived: 64*T1, or T4 after it,
/// and the granularity of the timers.
const PATIENCE: Duration = Duration::from_secs(32 + 5 + 1);

/// How soon a call without long silences comes to an end.
const SMOOTH: Duration = Duration::from_secs(20);

/// No run needs nearly as many wake-ups.
const MAX_STEPS: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    Caller,
    Callee,
}

/// Decides over a message before the weather does: which message it is, and how many such have been
/// sent, this one included.
type Judge<'j> = &'j dyn Fn(&str, usize) -> Option<Fate>;

pub(crate) struct World {
    clock: SimClock,
    network: SimNetwork<Node, Bytes>,
    pub(crate) caller: Caller,
    pub(crate) callee: Callee,
    /// What was sent, for the message of a failed assertion.
    pub(crate) log: Vec<String>,
    counts: HashMap<String, usize>,
    /// When a message arrived or a user did something.
    last_activity: Instant,
}

impl World {
    pub(crate) fn new(seed: u64, transport: Transport, conditions: Conditions) -> Self {
        Self {
            clock: SimClock::new(),
            network: SimNetwork::new(seed, conditions),
            caller: Caller::new(layer(seed), flow(transport, Node::Caller)),
            callee: Callee::new(layer(seed ^ u64::MAX)),
            log: Vec::new(),
            counts: HashMap::new(),
            last_activity: Instant::ZERO,
        }
    }

    pub(crate) fn place(&mut self, calls: Vec<Call>) {
        for call in calls {
            self.caller.place(call);
        }
    }

    /// Runs until nothing is under way and nothing is due, then checks what must hold.
    pub(crate) fn finish(&mut self) {
        self.finish_judged(&|_, _| None);
    }

    /// The same, with a say in the fate of each message.
    pub(crate) fn finish_judged(&mut self, judge: Judge<'_>) {
        let mut steps = 0;
        while let Some(next) = self.next_event() {
            steps += 1;
            assert!(steps < MAX_STEPS, "this does not end:\n{}", self.story());
            self.clock.advance_to(next);
            self.step(judge);
        }
        self.check_that_nothing_is_left();
        self.check_outcomes();
    }

    fn next_event(&self) -> Option<Instant> {
        let ends = [
            self.network.next_arrival(),
            self.caller.layer.next_deadline(),
            self.caller.agenda.next(),
            self.callee.layer.next_deadline(),
            self.callee.agenda.next(),
        ];
        ends.into_iter().flatten().min()
    }

    fn step(&mut self, judge: Judge<'_>) {
        let now = self.clock.mono();
        while let Some(delivery) = self.network.receive(now) {
            self.last_activity = now;
            let message = parse(delivery.payload);
            match delivery.to {
                Node::Caller => self.caller.receive(&message, now),
                Node::Callee => {
                    let transport = self.caller.flow.transport;
                    self.callee.receive(&message, flow(transport, Node::Callee), now);
                }
            }
            self.drain(judge);
        }
        let planned = [self.caller.agenda.next(), self.callee.agenda.next()];
        if planned.into_iter().flatten().any(|at| at <= now) {
            self.last_activity = now;
        }
        self.caller.layer.handle_timeout(now);
        self.caller.run_agenda(now);
        self.callee.layer.handle_timeout(now);
        self.callee.run_agenda(now);
        self.drain(judge);
        for deadline in [self.caller.layer.next_deadline(), self.callee.layer.next_deadline()] {
            assert!(deadline.is_none_or(|at| at > now), "busy at {now:?}:\n{}", self.story());
        }
    }

    fn drain(&mut self, judge: Judge<'_>) {
        while let Some(effect) = self.caller.layer.poll() {
            match effect {
                Effect::Transmit { bytes, .. } => self.send(Node::Caller, bytes, judge),
                other => self.caller.note(&other),
            }
        }
        for bytes in std::mem::take(&mut self.caller.acks) {
            self.send(Node::Caller, bytes, judge);
        }
        while let Some(effect) = self.callee.layer.poll() {
            match effect {
                Effect::Transmit { bytes, .. } => self.send(Node::Callee, bytes, judge),
                other => self.callee.note(&other),
            }
        }
    }

    fn send(&mut self, from: Node, bytes: Bytes, judge: Judge<'_>) {
        let now = self.clock.mono();
        let label = label(&parse(bytes.clone()));
        let count = self.counts.entry(label.clone()).or_default();
        *count += 1;
        let fate = judge(&label, *count);
        self.log.push(format!("{now:?} {from:?} sends {label}"));
        let to = match from {
            Node::Caller => Node::Callee,
            Node::Callee => Node::Caller,
        };
        match fate {
            Some(fate) => self.network.send_with(now, from, to, bytes, fate),
            None => self.network.send(now, from, to, bytes),
        }
    }

    /// Nothing outlives its bound, and every id has ended once.
    fn check_that_nothing_is_left(&self) {
        let quiet = self.clock.mono() - self.last_activity;
        assert!(quiet <= PATIENCE, "still busy after {quiet:?} of silence:\n{}", self.story());
        assert_eq!(self.caller.layer.open_client(), 0, "{}", self.story());
        assert_eq!(self.callee.layer.open_server(), 0, "{}", self.story());
        assert!(self.caller.calls.iter().all(|call| call.ended == 1), "{}", self.story());
        assert!(self.callee.all_ended_once(), "{}", self.story());
    }

    /// One outcome for each request, and the one that the callee decided on.
    fn check_outcomes(&self) {
        for (number, call) in self.caller.calls.iter().enumerate() {
            assert_eq!(
                call.outcomes.len(),
                1,
                "call {number}: {:?}\n{}",
                call.outcomes,
                self.story()
            );
            // A last copy that is more than 500 ms late finds that the callee, all of whose answers
            // were lost, has stopped waiting (timer J or H): it cannot be told from a new request.
            let is_asked_once = self.callee.times_asked(number) <= 1;
            let is_unheard = call.outcomes[0] == Outcome::TimedOut;
            assert!(is_asked_once || is_unheard, "call {number}\n{}", self.story());
            if let Outcome::Status(status) = call.outcomes[0] {
                let decided = self.callee.decision(number);
                assert_eq!(decided, Some(status), "call {number}\n{}", self.story());
            }
        }
        // Nothing is more than two seconds late, so each repeat finds who absorbs it, unless the
        // caller has given up.
        if self.caller.calls.iter().all(|call| call.outcomes[0] != Outcome::TimedOut) {
            let strays = self.caller.layer.counters().stray_responses;
            assert_eq!(strays, 0, "{}", self.story());
        }
    }

    /// What can be asked for where every message gets through within a few attempts: no side ran out
    /// of patience, and no repeat met a transaction that had ended too early to absorb it.
    pub(crate) fn check_that_it_went_smoothly(&self) {
        for (number, call) in self.caller.calls.iter().enumerate() {
            let took = call.heard_at - (Instant::ZERO + call.starts_at);
            assert!(took < SMOOTH, "call {number} took {took:?}:\n{}", self.story());
            assert!(!self.callee.timed_out(number), "call {number}:\n{}", self.story());
        }
        assert_eq!(self.caller.layer.counters().stray_responses, 0, "{}", self.story());
    }

    pub(crate) fn story(&self) -> String {
        self.log.join("\n")
    }
}

/// Things that a user has planned, by time.
pub(crate) struct Agenda<T> {
    tasks: BTreeMap<(Instant, u64), T>,
    count: u64,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self { tasks: BTreeMap::new(), count: 0 }
    }

    pub(crate) fn plan(&mut self, at: Instant, task: T) {
        self.count += 1;
        self.tasks.insert((at, self.count), task);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.tasks.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.tasks.pop_first().map(|(_, task)| task)
    }
}

fn layer(seed: u64) -> Transactions {
    Transactions::new(TimerConfig::default(), Capacity::default(), seed)
}

fn flow(transport: Transport, node: Node) -> Flow {
    let [caller, callee] = ["192.0.2.1:5060", "192.0.2.2:5060"].map(|at| at.parse().unwrap());
    let (local, remote) = match node {
        Node::Caller => (caller, callee),
        Node::Callee => (callee, caller),
    };
    let connection = transport.is_reliable().then_some(ConnectionId(1));
    Flow { transport, local, remote, connection }
}

fn parse(bytes: Bytes) -> Message {
    Message::parse(bytes, &Limits::default()).unwrap()
}

/// Which message of a flow this is: `INVITE`, `200 INVITE`, and so on.
fn label(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method().to_string(),
        Message::Response(response) => {
            format!("{} {}", response.status().as_u16(), response.cseq().method)
        }
    }
}
