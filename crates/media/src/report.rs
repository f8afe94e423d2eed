//! What is known about sessions: for queries, for listings, for metrics.

use bytes::Bytes;
use offhook_engine::UnixTime;
use offhook_ng_protocol::{Counters, MediaReport, Report, StreamReport, TagReport};
use slab::Slab;

use crate::{
    leg::{Flow, Leg},
    session::{Session, Side},
    stream::Stream,
};

/// Counters of a relay since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RelayStats {
    /// Sessions that are up.
    pub sessions: u64,
    /// Media that are up.
    pub streams: u64,
    /// Offers carried out.
    pub offers: u64,
    /// Answers carried out.
    pub answers: u64,
    /// Deletes received.
    pub deletes: u64,
    /// Commands that failed.
    pub failed_commands: u64,
    /// Sessions that ended because nothing came.
    pub timeouts: u64,
    /// Packets passed on.
    pub packets: u64,
    /// Their bytes, UDP payload only.
    pub bytes: u64,
    /// Packets that were meant for nobody else (keep-alives), or whose receiver is unknown or on
    /// hold.
    pub consumed: u64,
    /// Packets dropped because their source was not the party's.
    pub strangers: u64,
    /// Packets dropped because they were malformed.
    pub malformed: u64,
    /// Packets dropped because they could not be sent.
    pub unsendable: u64,
}

impl RelayStats {
    /// Adds the numbers of another relay to these.
    pub const fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.streams += other.streams;
        self.offers += other.offers;
        self.answers += other.answers;
        self.deletes += other.deletes;
        self.failed_commands += other.failed_commands;
        self.timeouts += other.timeouts;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.consumed += other.consumed;
        self.strangers += other.strangers;
        self.malformed += other.malformed;
        self.unsendable += other.unsendable;
    }
}

/// A session in a few words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallSummary {
    /// The SIP Call-ID.
    pub call_id: Bytes,
    /// The tag of the party that made the first offer.
    pub from_tag: Bytes,
    /// The tag of the other party; empty until it is known.
    pub to_tag: Bytes,
    /// When the session came up.
    pub created: UnixTime,
    /// Whether there was an answer.
    pub answered: bool,
    /// How many media are relayed.
    pub media: usize,
    /// What the first party sent, RTP and RTCP.
    pub from_caller: Counters,
    /// What the other party sent, RTP and RTCP.
    pub from_callee: Counters,
}

impl CallSummary {
    pub(crate) fn of(session: &Session, streams: &Slab<Stream>) -> Self {
        let sum = |side: Side| {
            let mut sum = Counters::default();
            for stream in streams_of(session, streams).map(|(_, stream)| stream) {
                let leg = &stream.legs[side.index()];
                sum.add(leg.rtp.counters);
                sum.add(leg.rtcp.counters);
            }
            sum
        };
        Self {
            call_id: session.call_id.clone(),
            from_tag: session.party(Side::Caller).tag.clone().unwrap_or_default(),
            to_tag: session.party(Side::Callee).tag.clone().unwrap_or_default(),
            created: session.created,
            answered: session.answered,
            media: session.streams.iter().flatten().count(),
            from_caller: sum(Side::Caller),
            from_callee: sum(Side::Callee),
        }
    }
}

/// The reply to a query.
pub(crate) fn report<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    streams: &Slab<Stream>,
) -> Report {
    let mut report = Report::default();
    for session in sessions {
        let created_s = session.created.as_secs();
        if report.tags.is_empty() || created_s < report.created_s {
            report.created_s = created_s;
        }
        report.last_signal_s = report.last_signal_s.max(session.last_signal.as_secs());
        for stream in streams_of(session, streams).map(|(_, stream)| stream) {
            for leg in &stream.legs {
                report.totals.rtp.add(leg.rtp.counters);
                report.totals.rtcp.add(leg.rtcp.counters);
            }
        }
        for side in [Side::Caller, Side::Callee] {
            report.tags.push(tag_report(session, side, streams));
        }
    }
    report
}

fn tag_report(session: &Session, side: Side, streams: &Slab<Stream>) -> TagReport {
    let party = session.party(side);
    let medias = streams_of(session, streams).map(|(index, stream)| MediaReport {
        index: index as u64 + 1,
        kind: stream.kind.clone(),
        protocol: stream.protocol_name.clone(),
        flags: media_flags(&stream.legs[side.index()]),
        streams: stream_reports(stream, side),
    });
    TagReport {
        tag: party.tag.clone().unwrap_or_default(),
        created_s: party.since.as_secs(),
        in_dialogue_with: session.party(side.other()).tag.clone(),
        medias: medias.collect(),
    }
}

fn media_flags(leg: &Leg) -> Vec<String> {
    let flags = [("initialized", leg.rtp.source.signalled()), ("rtcp-mux", leg.mux)];
    flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()).collect()
}

fn stream_reports(stream: &Stream, side: Side) -> Vec<StreamReport> {
    let leg = &stream.legs[side.index()];
    let mut reports = vec![stream_report(&leg.rtp, leg.pair.rtp, "RTP")];
    if stream.protocol.is_rtp() {
        let port = if leg.mux { leg.pair.rtp } else { leg.pair.rtcp() };
        reports.push(stream_report(&leg.rtcp, port, "RTCP"));
    }
    reports
}

fn stream_report(flow: &Flow, local_port: u16, kind: &str) -> StreamReport {
    let source = &flow.source;
    let flags = [(kind, true), ("filled", source.signalled()), ("confirmed", source.settled())];
    StreamReport {
        local_port: Some(local_port),
        endpoint: source.remote(),
        advertised_endpoint: source.advertised(),
        last_packet_s: flow.last_packet.map(UnixTime::as_secs).unwrap_or_default(),
        flags: flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.into()).collect(),
        stats: flow.counters,
    }
}

fn streams_of<'s>(
    session: &'s Session,
    streams: &'s Slab<Stream>,
) -> impl Iterator<Item = (usize, &'s Stream)> {
    let ids = session.streams.iter().enumerate();
    ids.filter_map(|(index, id)| Some((index, streams.get((*id)?)?)))
}
