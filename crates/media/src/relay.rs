//! The relay: the tables of sessions and streams, their ends, and the packet path.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use foldhash::{SharedSeed, fast::SeedableRandomState};
use offhook_engine::{Instant, Now, TimerWheel};
use offhook_ng_protocol::{AddressFamily, Command, Delete, Query, Reply};
use slab::Slab;

use crate::{
    Forward, PortPair, RelayConfig, RelayError, RelayStats, SocketKey,
    leg::Leg,
    report::{CallSummary, report},
    session::{Session, Side},
    stream::{Stream, Verdict},
};

/// What the shell is asked to do, or told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Deliver the packets of these ports under this key (RTP) and the one beside it (RTCP).
    Open {
        /// The ports.
        pair: PortPair,
        /// The key of the RTP socket.
        rtp: SocketKey,
    },
    /// Close these ports.
    Close {
        /// The ports.
        pair: PortPair,
        /// The key of the RTP socket.
        rtp: SocketKey,
    },
    /// Close these ports, which were provided and not needed.
    Release {
        /// The ports.
        pair: PortPair,
    },
    /// A session is over.
    Ended {
        /// Why.
        reason: EndReason,
        /// What it was.
        summary: Box<CallSummary>,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EndReason {
    /// A delete.
    Deleted,
    /// No packet came for the time that the configuration allows.
    Idle,
    /// No answer came for the time that the configuration allows.
    Unanswered,
}

impl EndReason {
    /// A word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Idle => "idle",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A media relay, or one shard of one: the sessions of the Call-IDs that are sent to it.
#[derive(Debug)]
pub struct Relay {
    pub(crate) config: RelayConfig,
    pub(crate) sessions: Slab<Session>,
    pub(crate) streams: Slab<Stream>,
    pub(crate) by_call_id: HashMap<Bytes, Vec<usize>, SeedableRandomState>,
    pub(crate) timers: TimerWheel<usize>,
    pub(crate) actions: VecDeque<Action>,
    pub(crate) stats: RelayStats,
    pub(crate) draining: bool,
}

impl Relay {
    /// An empty relay. The seed protects its hash tables from chosen Call-IDs.
    #[must_use]
    pub fn new(config: RelayConfig, seed: u64) -> Self {
        let hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_fixed());
        Self {
            config,
            sessions: Slab::new(),
            streams: Slab::new(),
            by_call_id: HashMap::with_hasher(hasher),
            timers: TimerWheel::new(),
            actions: VecDeque::new(),
            stats: RelayStats::default(),
            draining: false,
        }
    }

    /// The ports that [`Self::execute`] needs for this command, one pair for each entry, of that
    /// family. Provide them in this order.
    ///
    /// # Errors
    /// When the command would fail whatever ports it got.
    pub fn ports_needed(&self, command: &Command) -> Result<Vec<AddressFamily>, RelayError> {
        match command {
            Command::Offer(exchange) => self.ports_for_offer(exchange),
            Command::Ping
            | Command::Answer(_)
            | Command::Delete(_)
            | Command::Query(_)
            | Command::List(_) => Ok(Vec::new()),
        }
    }

    /// Carries a command out. Drain [`Self::poll_action`] afterwards.
    ///
    /// `ports` are those that [`Self::ports_needed`] asked for. What is not used after all (the
    /// call may have changed in between) is handed back by [`Action::Release`].
    pub fn execute(&mut self, command: &Command, ports: Vec<PortPair>, now: Now) -> Reply {
        let mut ports = VecDeque::from(ports);
        let reply = match command {
            Command::Ping => Ok(Reply::Pong),
            Command::Offer(exchange) => self.offer(exchange, &mut ports, now),
            Command::Answer(exchange) => self.answer(exchange, now),
            Command::Delete(delete) => Ok(self.delete(delete)),
            Command::Query(query) => self.query(query),
            Command::List(list) => {
                let sessions = self.sessions.iter().take(list.limit);
                Ok(Reply::Calls(sessions.map(|(_, session)| session.call_id.clone()).collect()))
            }
        };
        self.actions.extend(ports.into_iter().map(|pair| Action::Release { pair }));
        reply.unwrap_or_else(|error| {
            self.stats.failed_commands += 1;
            error.reply()
        })
    }

    /// Takes a packet that came in at `socket` and says where it goes, unchanged; `None` if it
    /// goes nowhere. Allocates nothing.
    pub fn handle_packet(
        &mut self,
        socket: SocketKey,
        from: SocketAddr,
        packet: &[u8],
        now: Now,
    ) -> Option<Forward> {
        let stream = self.streams.get_mut(socket.stream())?;
        match stream.handle_packet(socket, from, packet, now) {
            Verdict::Forward(forward) => {
                self.stats.packets += 1;
                self.stats.bytes += packet.len() as u64;
                Some(forward)
            }
            Verdict::Consumed => {
                self.stats.consumed += 1;
                None
            }
            Verdict::Stranger => {
                self.stats.strangers += 1;
                None
            }
            Verdict::Malformed => {
                self.stats.malformed += 1;
                None
            }
        }
    }

    /// Counts a packet that could not be sent.
    pub const fn handle_send_failure(&mut self) {
        self.stats.unsendable += 1;
    }

    /// Ends the sessions whose time is over. Drain [`Self::poll_action`] afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(id) = self.timers.pop_due(now.mono) {
            let Some(session) = self.sessions.get(id) else { continue };
            let (last, limit, reason) = self.lifetime(session);
            if now.mono - last >= limit {
                self.stats.timeouts += 1;
                self.end(id, reason);
            } else {
                let timer = self.timers.insert(last + limit, id);
                if let Some(session) = self.sessions.get_mut(id) {
                    session.timer = timer;
                }
            }
        }
    }

    /// When [`Self::handle_timeout`] has to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// The next thing for the shell to do. Ports are opened and closed in this order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes no new sessions from here on; those that are up go on.
    pub const fn drain(&mut self) {
        self.draining = true;
    }

    /// Ends every session. Drain [`Self::poll_action`] afterwards.
    pub fn end_all(&mut self) {
        let ids: Vec<usize> = self.sessions.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.end(id, EndReason::Deleted);
        }
    }

    /// The counters since the start, and how much is up.
    #[must_use]
    pub fn stats(&self) -> RelayStats {
        let (sessions, streams) = (self.sessions.len() as u64, self.streams.len() as u64);
        RelayStats { sessions, streams, ..self.stats }
    }

    /// The sessions that are up, in no particular order.
    pub fn calls(&self) -> impl Iterator<Item = CallSummary> {
        self.sessions.iter().map(|(_, session)| CallSummary::of(session, &self.streams))
    }

    fn delete(&mut self, delete: &Delete) -> Reply {
        self.stats.deletes += 1;
        let ids = self.by_call_id.get(&delete.call_id).map(Vec::as_slice).unwrap_or_default();
        let meant = |id: &usize| self.sessions.get(*id).is_some_and(|found| found.is_meant(delete));
        let ids: Vec<usize> = ids.iter().copied().filter(meant).collect();
        if ids.is_empty() {
            let text = "Call-ID not found or tags didn't match".to_owned();
            return if delete.fatal {
                Reply::Error { reason: text }
            } else {
                Reply::Ok { warning: Some(text) }
            };
        }
        let reply = if delete.fast {
            Reply::ok()
        } else {
            let sessions = ids.iter().filter_map(|&id| self.sessions.get(id));
            Reply::Report { report: Box::new(report(sessions, &self.streams)), warning: None }
        };
        for id in ids {
            self.end(id, EndReason::Deleted);
        }
        reply
    }

    fn query(&self, query: &Query) -> Result<Reply, RelayError> {
        let ids = self.by_call_id.get(&query.call_id).map(Vec::as_slice).unwrap_or_default();
        let sessions = ids.iter().filter_map(|&id| self.sessions.get(id)).filter(|session| {
            session.has_tag(query.from_tag.as_ref()) && session.has_tag(query.to_tag.as_ref())
        });
        let mut sessions = sessions.peekable();
        if sessions.peek().is_none() {
            return Err(RelayError::UnknownCall);
        }
        let report = Box::new(report(sessions, &self.streams));
        Ok(Reply::Report { report, warning: None })
    }

    /// When the session last showed life, how long it may be silent, and what it is called if it
    /// is for longer.
    fn lifetime(&self, session: &Session) -> (Instant, Duration, EndReason) {
        let streams = session.streams.iter().flatten().filter_map(|&id| self.streams.get(id));
        let mut last = session.last_signal_mono;
        let mut held = true;
        for stream in streams {
            last = last.max(stream.last_packet.unwrap_or_default());
            held &= !stream.active || stream.legs.iter().any(Leg::held);
        }
        if !session.answered {
            (last, self.config.unanswered_timeout, EndReason::Unanswered)
        } else if held {
            (last, self.config.held_timeout, EndReason::Idle)
        } else {
            (last, self.config.idle_timeout, EndReason::Idle)
        }
    }

    /// Sets the session's deadline anew, after an offer or answer.
    pub(crate) fn rearm(&mut self, id: usize) {
        let Some(session) = self.sessions.get(id) else { return };
        let (last, limit, _) = self.lifetime(session);
        self.timers.cancel(session.timer);
        let timer = self.timers.insert(last + limit, id);
        if let Some(session) = self.sessions.get_mut(id) {
            session.timer = timer;
        }
    }

    fn end(&mut self, id: usize, reason: EndReason) {
        let Some(session) = self.sessions.try_remove(id) else { return };
        let summary = Box::new(CallSummary::of(&session, &self.streams));
        self.timers.cancel(session.timer);
        if let Some(ids) = self.by_call_id.get_mut(&session.call_id) {
            ids.retain(|&other| other != id);
            if ids.is_empty() {
                self.by_call_id.remove(&session.call_id);
            }
        }
        for stream_id in session.streams.iter().flatten().copied() {
            let Some(stream) = self.streams.try_remove(stream_id) else { continue };
            for side in [Side::Caller, Side::Callee] {
                if let Some(rtp) = SocketKey::new(stream_id, side, false) {
                    let pair = stream.legs[side.index()].pair;
                    self.actions.push_back(Action::Close { pair, rtp });
                }
            }
        }
        self.actions.push_back(Action::Ended { reason, summary });
    }
}
