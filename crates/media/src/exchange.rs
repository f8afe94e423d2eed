//! Offers and answers (RFC 3264): sessions and streams come up, and the SDP is rewritten.
//!
//! A new medium takes two pairs of ports, one facing each party, when it is first offered; it
//! keeps them until the session ends, whatever later offers and answers say. An answer replaces
//! what an earlier one said: where the call was forked, the last one to answer is the party.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use offhook_engine::Now;
use offhook_ng_protocol::{AddressFamily, Exchange, Reply};
use offhook_sdp::{Connection, Description, Host, Limits, Media, Protocol};

use crate::{
    Action, PortPair, Relay, RelayConfig, RelayError, SocketKey,
    leg::Leg,
    mux::PendingMux,
    rewrite::{Placement, rewrite},
    session::{Party, Session, Side},
    source::Signal,
    stream::Stream,
};

/// What an offer finds and needs.
struct OfferPlan {
    /// The session and the offerer's side in it; `None` if it is a new one.
    session: Option<(usize, Side)>,
    /// The families of the ports that face the offerer and the answerer.
    families: [AddressFamily; 2],
    /// The media, by their place, that need ports.
    new_media: Vec<usize>,
    /// The SDP names this relay's own ports: the offer has come round in a spiral.
    looped: bool,
}

impl Relay {
    pub(crate) fn ports_for_offer(
        &self,
        exchange: &Exchange,
    ) -> Result<Vec<AddressFamily>, RelayError> {
        let description = parse(exchange)?;
        let plan = self.plan_offer(exchange, &description)?;
        Ok(plan.families.repeat(plan.new_media.len()))
    }

    pub(crate) fn offer(
        &mut self,
        exchange: &Exchange,
        ports: &mut VecDeque<PortPair>,
        now: Now,
    ) -> Result<Reply, RelayError> {
        let description = parse(exchange)?;
        let plan = self.plan_offer(exchange, &description)?;
        if plan.looped {
            return Ok(Reply::Sdp { sdp: exchange.sdp.clone(), warning: None });
        }
        let needed = plan.families.repeat(plan.new_media.len());
        if ports.len() < needed.len()
            || needed.iter().zip(ports.iter()).any(|(family, pair)| pair.family() != *family)
        {
            return Err(RelayError::PortsMissing);
        }
        self.stats.offers += 1;
        let (id, side) = match plan.session {
            Some((id, side)) => (id, side),
            None => (self.create(exchange, now), Side::Caller),
        };
        for index in plan.new_media {
            self.add_stream(id, side, index, [ports.pop_front(), ports.pop_front()]);
        }
        let tags = [Some(&exchange.from_tag), exchange.to_tag.as_ref()];
        let replaced = self.meet((id, side), tags, sender_family(exchange, &description), now);
        let terms = Terms { exchange, description: &description, replaced, now };
        let placements = self.place_offer(id, side, &terms);
        self.rearm(id);
        Ok(Reply::Sdp {
            sdp: rewrite(&description, &exchange.options, &placements),
            warning: warning(exchange, &description),
        })
    }

    pub(crate) fn answer(&mut self, exchange: &Exchange, now: Now) -> Result<Reply, RelayError> {
        let description = parse(exchange)?;
        let to = exchange.to_tag.as_ref();
        let found = self.find(&exchange.call_id, |session| session.offerer(&exchange.from_tag, to));
        let (id, offerer) = found.ok_or(RelayError::UnknownCall)?;
        if self.is_own(id, &description) {
            return Ok(Reply::Sdp { sdp: exchange.sdp.clone(), warning: None });
        }
        self.stats.answers += 1;
        let answerer = offerer.other();
        let tags = [to, Some(&exchange.from_tag)];
        let replaced = self.meet((id, answerer), tags, sender_family(exchange, &description), now);
        let terms = Terms { exchange, description: &description, replaced, now };
        let placements = self.place_answer(id, answerer, &terms);
        if let Some(session) = self.sessions.get_mut(id) {
            session.answered = true;
        }
        self.rearm(id);
        Ok(Reply::Sdp {
            sdp: rewrite(&description, &exchange.options, &placements),
            warning: warning(exchange, &description),
        })
    }

    fn plan_offer(
        &self,
        exchange: &Exchange,
        description: &Description<'_>,
    ) -> Result<OfferPlan, RelayError> {
        if description.media().len() > self.config.max_media {
            return Err(RelayError::TooManyMedia);
        }
        let to = exchange.to_tag.as_ref();
        let session =
            self.find(&exchange.call_id, |session| session.offerer(&exchange.from_tag, to));
        if session.is_none() {
            if self.draining {
                return Err(RelayError::Draining);
            }
            if self.sessions.len() >= self.config.max_sessions {
                return Err(RelayError::TooManySessions);
            }
        }
        let known = session.and_then(|(id, side)| Some((self.sessions.get(id)?, side)));
        let own = sender_family(exchange, description);
        let other = known.and_then(|(session, side)| session.party(side.other()).family);
        let wanted = exchange.options.address_family;
        let families = [self.config.family([own]), self.config.family([wanted, other, own])];
        let [Some(offerer), Some(answerer)] = families else { return Err(RelayError::NoAddress) };
        let exists = |index: usize| {
            known.is_some_and(|(known, _)| known.streams.get(index).is_some_and(Option::is_some))
        };
        let media = description.media().iter().enumerate();
        let new_media = media.filter(|(index, media)| relayed(media) && !exists(*index));
        Ok(OfferPlan {
            session,
            families: [offerer, answerer],
            new_media: new_media.map(|(index, _)| index).collect(),
            looped: session.is_some_and(|(id, _)| self.is_own(id, description)),
        })
    }

    /// The session of a Call-ID that fits best.
    fn find(
        &self,
        call_id: &[u8],
        fit: impl Fn(&Session) -> Option<(u8, Side)>,
    ) -> Option<(usize, Side)> {
        let ids = self.by_call_id.get(call_id)?;
        let fits = ids.iter().filter_map(|&id| Some((id, fit(self.sessions.get(id)?)?)));
        fits.max_by_key(|(_, (fit, _))| *fit).map(|(id, (_, side))| (id, side))
    }

    /// Whether every medium of the SDP points at the ports of this session.
    fn is_own(&self, id: usize, description: &Description<'_>) -> bool {
        let Some(session) = self.sessions.get(id) else { return false };
        let is_own = |(index, media): (usize, &Media)| {
            let host = description.connection_of(media).and_then(|found| found.host().reachable());
            let stream = session.streams.get(index).copied().flatten();
            let (Some(host), Some(stream)) = (host, stream.and_then(|id| self.streams.get(id)))
            else {
                return false;
            };
            self.config.addresses.contains(&host)
                && stream.legs.iter().any(|leg| leg.pair.rtp == media.port())
        };
        let mut media = description.media().iter().enumerate();
        let mut relayed_media = media.by_ref().filter(|(_, media)| relayed(media)).peekable();
        relayed_media.peek().is_some() && relayed_media.all(is_own)
    }

    fn create(&mut self, exchange: &Exchange, now: Now) -> usize {
        let entry = self.sessions.vacant_entry();
        let id = entry.key();
        let party = |tag| Party { tag, since: now.wall, family: None };
        let deadline = now.mono + self.config.unanswered_timeout;
        entry.insert(Session {
            call_id: exchange.call_id.clone(),
            via_branch: exchange.via_branch.clone(),
            parties: [party(Some(exchange.from_tag.clone())), party(exchange.to_tag.clone())],
            streams: Vec::new(),
            created: now.wall,
            last_signal: now.wall,
            last_signal_mono: now.mono,
            answered: false,
            timer: self.timers.insert(deadline, id),
        });
        self.by_call_id.entry(exchange.call_id.clone()).or_default().push(id);
        id
    }

    /// Adds a medium with its ports: those that face `side`, then the other ones.
    fn add_stream(&mut self, id: usize, side: Side, index: usize, pairs: [Option<PortPair>; 2]) {
        let ([Some(own), Some(other)], Some(session)) = (pairs, self.sessions.get_mut(id)) else {
            return;
        };
        let [caller, callee] = match side {
            Side::Caller => [own, other],
            Side::Callee => [other, own],
        };
        let stream_id = self.streams.insert(Stream {
            kind: Bytes::new(),
            protocol: Protocol::Other,
            protocol_name: Bytes::new(),
            pending_mux: PendingMux::default(),
            active: true,
            legs: [Leg::new(caller), Leg::new(callee)],
            last_packet: None,
        });
        if session.streams.len() <= index {
            session.streams.resize(index + 1, None);
        }
        session.streams[index] = Some(stream_id);
        for (side, pair) in [(Side::Caller, caller), (Side::Callee, callee)] {
            match SocketKey::new(stream_id, side, false) {
                Some(rtp) => self.actions.push_back(Action::Open { pair, rtp }),
                None => self.actions.push_back(Action::Release { pair }),
            }
        }
    }

    /// Notes who has signalled: the tag of the sender and that of the other party. Says whether
    /// the sender is another party than the one before.
    fn meet(
        &mut self,
        (id, side): (usize, Side),
        tags: [Option<&Bytes>; 2],
        family: Option<AddressFamily>,
        now: Now,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        session.last_signal = now.wall;
        session.last_signal_mono = now.mono;
        let known = session.party(side).tag.as_ref();
        let replaced = known.is_some() && known != tags[0];
        for (side, tag) in [side, side.other()].into_iter().zip(tags) {
            let party = session.party_mut(side);
            if let Some(tag) = tag.filter(|tag| party.tag.as_ref() != Some(*tag)) {
                *party = Party { tag: Some(tag.clone()), since: now.wall, family: party.family };
            }
        }
        session.party_mut(side).family = family;
        replaced
    }

    fn place_offer(&mut self, id: usize, side: Side, terms: &Terms<'_>) -> Vec<Placement> {
        let Terms { exchange, description, .. } = *terms;
        let mut placements = Vec::with_capacity(description.media().len());
        for (index, media) in description.media().iter().enumerate() {
            let Some(stream) = stream_of(&self.sessions, &mut self.streams, id, index) else {
                continue;
            };
            stream.active = relayed(media);
            if !stream.active {
                continue;
            }
            let text = description.text();
            stream.kind = Bytes::copy_from_slice(media.kind(text));
            stream.protocol_name = Bytes::copy_from_slice(media.protocol_name(text));
            stream.protocol = media.protocol();
            stream.pending_mux = PendingMux::offer(media.rtcp_mux(), exchange.options.rtcp_mux);
            terms.signal(&mut stream.legs[side.index()], media, &self.config);
            let leg = &mut stream.legs[side.other().index()];
            let (mux, single_port) = (stream.pending_mux.offered, stream.pending_mux.required);
            leg.mux |= single_port;
            let Some(address) = self.config.address(leg.pair.family()) else { continue };
            placements.push(Placement { index, address, pair: leg.pair, mux, single_port });
        }
        placements
    }

    fn place_answer(&mut self, id: usize, side: Side, terms: &Terms<'_>) -> Vec<Placement> {
        let Terms { description, now, .. } = *terms;
        let mut placements = Vec::with_capacity(description.media().len());
        for (index, media) in description.media().iter().enumerate() {
            let Some(stream) = stream_of(&self.sessions, &mut self.streams, id, index) else {
                continue;
            };
            stream.active = relayed(media);
            if !stream.active {
                continue;
            }
            let agreed = stream.pending_mux.answer(media.rtcp_mux());
            let own = &mut stream.legs[side.index()];
            own.mux = agreed.answerer;
            terms.signal(own, media, &self.config);
            let other = &mut stream.legs[side.other().index()];
            other.mux = agreed.offerer;
            let end = now.mono + self.config.learning_window;
            other.rtp.source.expect_until(end);
            other.rtcp.source.expect_until(end);
            let Some(address) = self.config.address(other.pair.family()) else { continue };
            let (pair, mux) = (other.pair, agreed.offerer);
            placements.push(Placement { index, address, pair, mux, single_port: mux });
        }
        placements
    }
}

/// An offer or answer and its circumstances.
struct Terms<'e> {
    exchange: &'e Exchange,
    description: &'e Description<'e>,
    /// It comes from another party than the one before.
    replaced: bool,
    now: Now,
}

impl Terms<'_> {
    /// Tells a leg what its party's SDP says about a medium.
    fn signal(&self, leg: &mut Leg, media: &Media, config: &RelayConfig) {
        let options = &self.exchange.options;
        let host = self.description.connection_of(media).map(Connection::host);
        let held = host.is_some_and(Host::is_unspecified);
        let forced = override_of(self.exchange);
        let address = forced.or_else(|| host.and_then(Host::reachable)).filter(|_| !held);
        let endpoint = |address: Option<IpAddr>, port: Option<u16>| {
            Some(SocketAddr::new(address?, port.filter(|&port| port != 0)?))
        };
        let rtp = Signal {
            advertised: endpoint(address, Some(media.port())),
            held,
            learning: options.learning.unwrap_or(config.learning),
            symmetric: !options.asymmetric,
            handover: options.media_handover,
            replaced: self.replaced,
            now: self.now.mono,
            window: config.learning_window,
        };
        let rtcp = media.rtcp();
        let rtcp_port = rtcp.map_or_else(|| media.port().checked_add(1), |rtcp| Some(rtcp.port));
        let rtcp_host = rtcp.and_then(|rtcp| rtcp.host).and_then(Host::reachable);
        let rtcp_address = forced.or(rtcp_host).filter(|_| !held).or(address);
        leg.direction = self.description.direction_of(media);
        leg.signal(rtp, Signal { advertised: endpoint(rtcp_address, rtcp_port), ..rtp });
    }
}

fn stream_of<'s>(
    sessions: &slab::Slab<Session>,
    streams: &'s mut slab::Slab<Stream>,
    id: usize,
    index: usize,
) -> Option<&'s mut Stream> {
    let stream = sessions.get(id)?.streams.get(index).copied().flatten()?;
    streams.get_mut(stream)
}

fn parse(exchange: &Exchange) -> Result<Description<'_>, RelayError> {
    Ok(Description::parse(&exchange.sdp, &Limits::default())?)
}

/// Whether the relay carries a medium: one over UDP that is not refused.
fn relayed(media: &Media) -> bool {
    let over_udp = match media.protocol() {
        Protocol::Rtp | Protocol::SecureRtp | Protocol::Udp => true,
        Protocol::Other => false,
    };
    over_udp && media.port() != 0
}

/// The address that a command puts in the place of the SDP's.
fn override_of(exchange: &Exchange) -> Option<IpAddr> {
    let options = &exchange.options;
    let source = options.received_from.filter(|_| options.sip_source_address);
    options.media_address.or(source)
}

/// The family of the address to which the sender of an SDP wants its packets.
fn sender_family(exchange: &Exchange, description: &Description<'_>) -> Option<AddressFamily> {
    let said =
        description.media().iter().filter(|media| relayed(media)).find_map(
            |media| match description.connection_of(media)?.host() {
                Host::Address(address) => Some(address),
                Host::Name => None,
            },
        );
    override_of(exchange).or(said).map(AddressFamily::of)
}

/// What was asked for and is not done.
fn warning(exchange: &Exchange, description: &Description<'_>) -> Option<String> {
    let options = &exchange.options;
    let mut missing: Vec<&str> = options.unavailable.iter().map(String::as_str).collect();
    let converts = options.transport_protocol.as_ref().is_some_and(|wanted| {
        let other = |media: &&Media| media.protocol_name(description.text()) != wanted.as_ref();
        description.media().iter().filter(|media| media.protocol().is_rtp()).any(|m| other(&m))
    });
    if converts {
        missing.push("transport-protocol");
    }
    (!missing.is_empty()).then(|| format!("Not available, ignored: {}", missing.join(", ")))
}
