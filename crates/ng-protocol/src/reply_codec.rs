//! Replies as bencoded dictionaries.

use std::{
    net::{IpAddr, SocketAddr},
    str,
};

use bytes::Bytes;

use crate::{
    BencodeLimits, Counters, Dictionary, MediaReport, Reply, ReplyError, Report, StreamReport,
    TagReport, Totals, Value, flags::list,
};

impl Reply {
    /// Encodes the reply.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut dictionary = Dictionary::new();
        dictionary.set("result", self.result());
        if let Some(warning) = self.warning() {
            dictionary.set("warning", warning);
        }
        match self {
            Self::Pong | Self::Ok { .. } => {}
            Self::Sdp { sdp, .. } => dictionary.set("sdp", sdp.as_ref()),
            Self::Report { report, .. } => encode_report(report, &mut dictionary),
            Self::Calls(calls) => {
                dictionary.set("calls", calls.iter().map(Bytes::as_ref).collect::<Value<'_>>());
            }
            Self::LoadLimit { message } => dictionary.set("message", message.as_str()),
            Self::Error { reason } => dictionary.set("error-reason", reason.as_str()),
        }
        let mut document = Vec::with_capacity(512);
        dictionary.encode(&mut document);
        document.into()
    }

    /// Decodes the reply of a relay.
    ///
    /// # Errors
    /// When the document is not a bencoded dictionary with a known `result`.
    pub fn decode(document: &Bytes, limits: &BencodeLimits) -> Result<Self, ReplyError> {
        let value = Value::decode(document, limits)?;
        let dictionary = value.as_dictionary().ok_or(ReplyError::NotADictionary)?;
        let text = |key| dictionary.bytes(key).map(|text| String::from_utf8_lossy(text).into());
        match dictionary.bytes("result") {
            Some(b"pong") => Ok(Self::Pong),
            Some(b"ok") => Ok(decode_ok(document, dictionary, text("warning"))),
            Some(b"load limit") => {
                Ok(Self::LoadLimit { message: text("message").unwrap_or_default() })
            }
            Some(b"error") => Ok(Self::Error { reason: text("error-reason").unwrap_or_default() }),
            Some(_) | None => Err(ReplyError::NoResult),
        }
    }

    const fn result(&self) -> &'static str {
        match self {
            Self::Pong => "pong",
            Self::Ok { .. } | Self::Sdp { .. } | Self::Report { .. } | Self::Calls(_) => "ok",
            Self::LoadLimit { .. } => "load limit",
            Self::Error { .. } => "error",
        }
    }
}

fn decode_ok(document: &Bytes, dictionary: &Dictionary<'_>, warning: Option<String>) -> Reply {
    if let Some(sdp) = dictionary.bytes("sdp") {
        return Reply::Sdp { sdp: document.slice_ref(sdp), warning };
    }
    if dictionary.get("tags").is_some() || dictionary.get("totals").is_some() {
        return Reply::Report { report: Box::new(decode_report(dictionary)), warning };
    }
    if dictionary.get("calls").is_some() {
        let calls = list(dictionary, "calls").into_iter().map(Bytes::copy_from_slice);
        return Reply::Calls(calls.collect());
    }
    Reply::Ok { warning }
}

fn encode_report<'a>(report: &'a Report, dictionary: &mut Dictionary<'a>) {
    dictionary.set("created", report.created_s);
    dictionary.set("last signal", report.last_signal_s);
    let mut tags = Dictionary::new();
    for tag in &report.tags {
        tags.insert(tag.tag.as_ref(), encode_tag(tag));
    }
    dictionary.set("tags", tags);
    let mut totals = Dictionary::new();
    totals.set("RTP", encode_counters(report.totals.rtp));
    totals.set("RTCP", encode_counters(report.totals.rtcp));
    dictionary.set("totals", totals);
}

fn encode_tag(report: &TagReport) -> Dictionary<'_> {
    let mut tag = Dictionary::new();
    tag.set("tag", report.tag.as_ref());
    tag.set("created", report.created_s);
    if let Some(other) = &report.in_dialogue_with {
        tag.set("in dialogue with", other.as_ref());
    }
    tag.set("medias", report.medias.iter().map(encode_media).collect::<Value<'_>>());
    tag
}

fn encode_media(report: &MediaReport) -> Dictionary<'_> {
    let mut media = Dictionary::new();
    media.set("index", report.index);
    media.set("type", report.kind.as_ref());
    media.set("protocol", report.protocol.as_ref());
    media.set("flags", report.flags.iter().map(String::as_str).collect::<Value<'_>>());
    media.set("streams", report.streams.iter().map(encode_stream).collect::<Value<'_>>());
    media
}

fn encode_stream(report: &StreamReport) -> Dictionary<'_> {
    let mut stream = Dictionary::new();
    if let Some(port) = report.local_port {
        stream.set("local port", u64::from(port));
    }
    if let Some(endpoint) = report.endpoint {
        stream.set("endpoint", encode_endpoint(endpoint));
    }
    if let Some(endpoint) = report.advertised_endpoint {
        stream.set("advertised endpoint", encode_endpoint(endpoint));
    }
    stream.set("last packet", report.last_packet_s);
    stream.set("flags", report.flags.iter().map(String::as_str).collect::<Value<'_>>());
    stream.set("stats", encode_counters(report.stats));
    stream
}

fn encode_endpoint(endpoint: SocketAddr) -> Dictionary<'static> {
    let mut dictionary = Dictionary::new();
    dictionary.set("family", if endpoint.is_ipv4() { "IPv4" } else { "IPv6" });
    dictionary.set("address", endpoint.ip().to_string());
    dictionary.set("port", u64::from(endpoint.port()));
    dictionary
}

fn encode_counters(counters: Counters) -> Dictionary<'static> {
    let mut dictionary = Dictionary::new();
    dictionary.set("packets", counters.packets);
    dictionary.set("bytes", counters.bytes);
    dictionary.set("errors", counters.errors);
    dictionary
}

fn decode_report(dictionary: &Dictionary<'_>) -> Report {
    let counters = |key| decode_counters(child(child(Some(dictionary), "totals"), key));
    let tags = child(Some(dictionary), "tags").into_iter().flat_map(Dictionary::entries);
    Report {
        created_s: number(dictionary, "created"),
        last_signal_s: number(dictionary, "last-signal"),
        tags: tags
            .filter_map(|(tag, value)| Some(decode_tag(tag, value.as_dictionary()?)))
            .collect(),
        totals: Totals { rtp: counters("RTP"), rtcp: counters("RTCP") },
    }
}

fn decode_tag(tag: &[u8], dictionary: &Dictionary<'_>) -> TagReport {
    TagReport {
        tag: Bytes::copy_from_slice(tag),
        created_s: number(dictionary, "created"),
        in_dialogue_with: dictionary.bytes("in-dialogue-with").map(Bytes::copy_from_slice),
        medias: dictionaries(dictionary, "medias").map(decode_media).collect(),
    }
}

fn decode_media(dictionary: &Dictionary<'_>) -> MediaReport {
    let bytes = |key| Bytes::copy_from_slice(dictionary.bytes(key).unwrap_or_default());
    MediaReport {
        index: number(dictionary, "index"),
        kind: bytes("type"),
        protocol: bytes("protocol"),
        flags: texts(dictionary, "flags"),
        streams: dictionaries(dictionary, "streams").map(decode_stream).collect(),
    }
}

fn decode_stream(dictionary: &Dictionary<'_>) -> StreamReport {
    StreamReport {
        local_port: u16::try_from(number(dictionary, "local-port")).ok().filter(|&port| port > 0),
        endpoint: decode_endpoint(child(Some(dictionary), "endpoint")),
        advertised_endpoint: decode_endpoint(child(Some(dictionary), "advertised-endpoint")),
        last_packet_s: number(dictionary, "last-packet"),
        flags: texts(dictionary, "flags"),
        stats: decode_counters(child(Some(dictionary), "stats")),
    }
}

fn decode_endpoint(dictionary: Option<&Dictionary<'_>>) -> Option<SocketAddr> {
    let dictionary = dictionary?;
    let address: IpAddr = str::from_utf8(dictionary.bytes("address")?).ok()?.parse().ok()?;
    let port = u16::try_from(number(dictionary, "port")).ok()?;
    Some(SocketAddr::new(address, port))
}

fn decode_counters(dictionary: Option<&Dictionary<'_>>) -> Counters {
    let number = |key| dictionary.map(|counters| number(counters, key)).unwrap_or_default();
    Counters { packets: number("packets"), bytes: number("bytes"), errors: number("errors") }
}

fn child<'d, 'a>(parent: Option<&'d Dictionary<'a>>, key: &str) -> Option<&'d Dictionary<'a>> {
    parent?.get(key)?.as_dictionary()
}

fn dictionaries<'d, 'a>(
    parent: &'d Dictionary<'a>,
    key: &str,
) -> impl Iterator<Item = &'d Dictionary<'a>> {
    let elements = parent.get(key).map(Value::elements).unwrap_or_default();
    elements.iter().filter_map(Value::as_dictionary)
}

fn texts(dictionary: &Dictionary<'_>, key: &str) -> Vec<String> {
    list(dictionary, key).into_iter().map(|text| String::from_utf8_lossy(text).into()).collect()
}

/// A number that counts something; whatever else is there reads as 0.
fn number(dictionary: &Dictionary<'_>, key: &str) -> u64 {
    let number = dictionary.get(key).and_then(Value::as_integer).unwrap_or_default();
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let counters = Counters { packets: 3, bytes: 516, errors: 1 };
        let stream = StreamReport {
            local_port: Some(20_000),
            endpoint: Some(([127, 0, 0, 1], 4000).into()),
            advertised_endpoint: Some((IpAddr::from([0; 16]), 4000).into()),
            last_packet_s: 9,
            flags: vec!["RTP".into(), "filled".into()],
            stats: counters,
        };
        let media = MediaReport {
            index: 1,
            kind: "audio".into(),
            protocol: "RTP/AVP".into(),
            flags: vec!["initialized".into()],
            streams: vec![stream],
        };
        let tag = TagReport {
            tag: "a".into(),
            created_s: 7,
            in_dialogue_with: Some("b".into()),
            medias: vec![media],
        };
        let totals = Totals { rtp: counters, rtcp: Counters::default() };
        Report { created_s: 7, last_signal_s: 8, tags: vec![tag], totals }
    }

    #[test]
    fn every_reply_survives_the_wire() {
        for reply in [
            Reply::Pong,
            Reply::ok(),
            Reply::Ok { warning: Some("careful".into()) },
            Reply::Sdp { sdp: "v=0\r\n".into(), warning: None },
            Reply::Report { report: Box::new(report()), warning: None },
            Reply::Calls(vec!["a".into(), "b".into()]),
            Reply::LoadLimit { message: "full".into() },
            Reply::error("no"),
        ] {
            assert_eq!(Reply::decode(&reply.encode(), &BencodeLimits::default()), Ok(reply));
        }
    }

    #[test]
    fn writes_what_the_protocol_defines() {
        assert_eq!(Reply::Pong.encode(), "d6:result4:ponge");
        assert_eq!(Reply::error("x").encode(), "d12:error-reason1:x6:result5:errore");
    }

    #[test]
    fn refuses_what_is_no_reply() {
        for (document, expected) in [
            ("le", ReplyError::NotADictionary),
            ("de", ReplyError::NoResult),
            ("d6:result3:duhe", ReplyError::NoResult),
        ] {
            let decoded = Reply::decode(&document.into(), &BencodeLimits::default());
            assert_eq!(decoded, Err(expected));
        }
    }
}
