//! A receiver that records what it is told and answers as the messages ask, and polling with deadlines.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use offhook_sip_message::{Flow, Transport};
use offhook_sip_transport::{
    BoundTransports, Inbound, Listener, Outbound, Outbox, Receiver, Ticket, TransportConfig,
    Transports,
};
use tokio::runtime::Runtime;

/// How long a test waits for something that should happen at once.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Something that the receiver was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    Received(Flow, Bytes),
    SendFailed(u64),
    FlowClosed(Flow),
}

/// Records events. A message whose first word is `ECHO` is sent back; `FLOOD` is answered 64 times.
#[derive(Default)]
pub(crate) struct Recorder {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl Recorder {
    /// Waits until `matches` holds for the events so far, and returns them.
    pub(crate) fn wait(&self, what: &str, matches: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let events = self.events.lock().unwrap();
        let (events, timeout) =
            self.changed.wait_timeout_while(events, DEADLINE, |events| !matches(events)).unwrap();
        assert!(!timeout.timed_out(), "waited for {what}; got {} events", events.len());
        events.clone()
    }

    /// The flow by which the first message came.
    pub(crate) fn first_flow(&self) -> Flow {
        let events = self.wait("a message", |events| first_flow(events).is_some());
        first_flow(&events).unwrap()
    }

    fn record(&self, event: Event) {
        self.events.lock().unwrap().push(event);
        self.changed.notify_all();
    }
}

fn first_flow(events: &[Event]) -> Option<Flow> {
    events.iter().find_map(|event| match event {
        Event::Received(flow, _) => Some(*flow),
        Event::SendFailed(_) | Event::FlowClosed(_) => None,
    })
}

impl Receiver for Recorder {
    fn receive(&self, inbound: Inbound, out: &mut Outbox) {
        let Inbound { flow, bytes } = inbound;
        let copies = match bytes.get(..5) {
            Some(b"ECHO ") => 1,
            Some(b"FLOOD") => 64,
            Some(_) | None => 0,
        };
        for _ in 0..copies {
            out.push(Outbound { flow, bytes: bytes.clone(), ticket: Ticket::NONE });
        }
        self.record(Event::Received(flow, bytes));
    }

    fn send_failed(&self, _flow: Flow, ticket: Ticket, _out: &mut Outbox) {
        self.record(Event::SendFailed(ticket.number));
    }

    fn flow_closed(&self, flow: Flow, _out: &mut Outbox) {
        self.record(Event::FlowClosed(flow));
    }
}

/// A running transport layer with its recorder.
pub(crate) struct Running {
    pub(crate) transports: Transports,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) runtime: Runtime,
}

impl Running {
    /// Serves one listener; `adjust` changes the default limits.
    pub(crate) fn on(
        transport: Transport,
        addr: &str,
        adjust: impl FnOnce(&mut TransportConfig),
    ) -> Self {
        let listener = Listener { transport, addr: addr.parse().unwrap() };
        let mut config = TransportConfig::new(vec![listener]);
        adjust(&mut config);
        Self::start(Transports::bind(config).unwrap())
    }

    pub(crate) fn start(bound: BoundTransports) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let recorder = Arc::new(Recorder::default());
        let receiver: Arc<dyn Receiver> = Arc::clone(&recorder) as Arc<dyn Receiver>;
        let transports = bound.start(runtime.handle(), receiver).unwrap();
        Self { transports, recorder, runtime }
    }

    /// The address of the first listener.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.transports.local_listeners()[0].addr
    }

    /// Sends from a thread of the test, as a timer would.
    pub(crate) fn send(&self, flow: Flow, bytes: impl Into<Bytes>, ticket: u64) {
        let mut out = self.transports.outbox();
        out.push(Outbound { flow, bytes: bytes.into(), ticket: numbered(ticket) });
        out.flush();
    }

    pub(crate) fn shutdown(&self, grace: Duration) {
        self.runtime.block_on(self.transports.shutdown(grace));
    }

    /// Waits until `value` of the statistics is at least `expected`.
    pub(crate) fn wait_for_stat(
        &self,
        what: &str,
        expected: u64,
        value: impl Fn(&offhook_sip_transport::Stats) -> u64,
    ) {
        poll_until(what, || value(&self.transports.stats()) >= expected);
    }
}

/// Calls `done` until it holds, or the deadline has passed.
pub(crate) fn poll_until(what: &str, done: impl Fn() -> bool) {
    let (lock, pause) = (Mutex::new(()), Condvar::new());
    for _ in 0..DEADLINE.as_millis() / 5 {
        if done() {
            return;
        }
        let guard = lock.lock().unwrap();
        drop(pause.wait_timeout(guard, Duration::from_millis(5)).unwrap());
    }
    assert!(done(), "waited in vain for {what}");
}

/// A message with this first word and body, framed as SIP.
pub(crate) fn message(word: &str, body: &str) -> String {
    format!(
        "{word} sip:a@127.0.0.1 SIP/2.0\r\nCall-ID: 1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A flow from the listener of `running` to `remote`, by no particular connection.
pub(crate) fn flow_to(running: &Running, remote: SocketAddr) -> Flow {
    let Listener { transport, addr } = running.transports.local_listeners()[0];
    Flow { transport, local: addr, remote, connection: None }
}

/// The ticket of this number.
pub(crate) fn numbered(number: u64) -> Ticket {
    Ticket { owner: 0, number }
}
