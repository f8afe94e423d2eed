//! The settings of an offer or answer: from the dictionary, and back into one.

use std::{net::IpAddr, str};

use bytes::Bytes;

use crate::{
    AddressFamily, CommandError, Dictionary, Ice, Learning, Options, RtcpMux, Value,
    bencode::same_name,
};

/// How many unavailable settings are listed at most, and how long a name in the list may be.
const MAX_UNAVAILABLE: usize = 8;
const MAX_NAME_BYTES: usize = 64;

/// Keys that ask for work on the media which the relay does not do.
const UNAVAILABLE_KEYS: [&str; 14] = [
    "audio-player",
    "codec",
    "delay-buffer",
    "drop-traffic",
    "DTMF-security",
    "extmap",
    "media-echo",
    "ptime",
    "ptime-reverse",
    "sdp-attr",
    "sdp-media-remove",
    "T.38",
    "template",
    "rtpp-flags",
];

/// Flags that ask for work on the media which the relay does not do.
const UNAVAILABLE_FLAGS: [&str; 16] = [
    "always-transcode",
    "block-DTMF",
    "block-egress",
    "detect-DTMF",
    "force-transcoding",
    "generate-RTCP",
    "inject-DTMF",
    "mix",
    "NAT-wait",
    "pierce-NAT",
    "record-call",
    "recording-announcement",
    "recrypt",
    "single-codec",
    "strip-extmap",
    "WebRTC",
];

impl Options {
    /// Reads the settings out of a command's dictionary.
    pub(crate) fn from_dictionary(dictionary: &Dictionary<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        for flag in list(dictionary, "flags") {
            options.flag(flag);
        }
        for flag in list(dictionary, "replace") {
            options.replace_flag(flag);
        }
        for flag in list(dictionary, "rtcp-mux") {
            options.rtcp_mux.set(flag);
        }
        for value in list(dictionary, "ICE") {
            options.ice_value(value);
        }
        if let Some(value) = dictionary.bytes("endpoint-learning") {
            options.learning = learning(value);
        }
        options.load_limit = list(dictionary, "supports").contains(&b"load limit".as_slice());
        options.received_from = received_from(dictionary)?;
        if let Some(value) = dictionary.bytes("media-address") {
            options.media_address = Some(address(value, "media address")?);
        }
        if let Some(value) = dictionary.bytes("address-family") {
            options.address_family = Some(family(value)?);
        }
        options.transport_protocol =
            dictionary.bytes("transport-protocol").map(Bytes::copy_from_slice);
        options.unavailable_keys(dictionary);
        Ok(options)
    }

    /// Writes the settings into a command's dictionary.
    pub(crate) fn write_to(&self, dictionary: &mut Dictionary<'_>) {
        if let Some(address) = self.received_from {
            let family = AddressFamily::of(address).as_str().to_owned();
            dictionary.set("received-from", Value::from_iter([family, address.to_string()]));
        }
        if let Some(address) = self.media_address {
            dictionary.set("media-address", address.to_string());
        }
        if let Some(family) = self.address_family {
            dictionary.set("address-family", family.as_str());
        }
        if let Some(protocol) = &self.transport_protocol {
            dictionary.set("transport-protocol", Value::Bytes(protocol.to_vec().into()));
        }
        if let Some(learning) = self.learning {
            dictionary.set("endpoint-learning", learning_name(learning));
        }
        if self.load_limit {
            dictionary.set("supports", Value::from_iter(["load limit"]));
        }
        match self.ice {
            Ice::Default => {}
            Ice::Remove => dictionary.set("ICE", "remove"),
            Ice::Force => dictionary.set("ICE", "force"),
        }
        write_list(dictionary, "flags", &self.flag_names());
        let Self { replace, rtcp_mux, .. } = self;
        write_list(
            dictionary,
            "replace",
            &[("origin", replace.origin), ("session-connection", replace.session_connection)],
        );
        write_list(dictionary, "rtcp-mux", &rtcp_mux.names());
    }

    const fn flag_names(&self) -> [(&'static str, bool); 7] {
        [
            ("SIP-source-address", self.sip_source_address),
            ("asymmetric", self.asymmetric),
            ("strict-source", self.strict_source),
            ("media-handover", self.media_handover),
            ("port-latching", self.port_latching),
            ("no-rtcp-attribute", self.no_rtcp_attribute),
            ("loop-protect", self.loop_protect),
        ]
    }

    /// One element of `flags`. The other lists may be spelled here too, behind their prefix.
    fn flag(&mut self, flag: &[u8]) {
        if let Some(value) = prefixed(flag, "rtcp-mux-") {
            return self.rtcp_mux.set(value);
        }
        if let Some(value) = prefixed(flag, "replace-") {
            return self.replace_flag(value);
        }
        if let Some(value) = prefixed(flag, "ICE-").or_else(|| prefixed(flag, "ICE=")) {
            return self.ice_value(value);
        }
        if let Some(value) = prefixed(flag, "endpoint-learning-") {
            self.learning = learning(value);
            return;
        }
        let is = |known: &str| same_name(flag, known);
        if is("trust-address") {
            self.sip_source_address = false;
        } else if is("symmetric") {
            self.asymmetric = false;
        } else if let Some(known) = self.known_flag(flag) {
            *known = true;
        } else if UNAVAILABLE_FLAGS.iter().any(|known| is(known))
            || ["codec-", "T.38-", "transcode-"].iter().any(|known| prefixed(flag, known).is_some())
        {
            self.note_unavailable(flag);
        }
    }

    fn known_flag(&mut self, flag: &[u8]) -> Option<&mut bool> {
        let known = [
            ("SIP-source-address", &mut self.sip_source_address),
            ("asymmetric", &mut self.asymmetric),
            ("strict-source", &mut self.strict_source),
            ("media-handover", &mut self.media_handover),
            ("port-latching", &mut self.port_latching),
            ("no-rtcp-attribute", &mut self.no_rtcp_attribute),
            ("loop-protect", &mut self.loop_protect),
        ];
        known.into_iter().find(|(name, _)| same_name(flag, name)).map(|(_, value)| value)
    }

    fn replace_flag(&mut self, flag: &[u8]) {
        if same_name(flag, "origin") || same_name(flag, "origin-full") {
            self.replace.origin = true;
        } else if same_name(flag, "session-connection") {
            self.replace.session_connection = true;
        }
    }

    fn ice_value(&mut self, value: &[u8]) {
        match value {
            b"remove" => self.ice = Ice::Remove,
            b"force" | b"force-relay" | b"force_relay" | b"optional" => {
                self.ice = Ice::Force;
                self.note_unavailable(&[b"ICE=", value].concat());
            }
            _ => {}
        }
    }

    fn unavailable_keys(&mut self, dictionary: &Dictionary<'_>) {
        for (key, value) in dictionary.entries() {
            if UNAVAILABLE_KEYS.iter().any(|known| same_name(key, known)) {
                self.note_unavailable(key);
            }
            let on = matches!(value.as_bytes(), Some(b"yes" | b"on"));
            if on && (same_name(key, "record-call") || same_name(key, "generate-RTCP")) {
                self.note_unavailable(key);
            }
        }
    }

    fn note_unavailable(&mut self, name: &[u8]) {
        if self.unavailable.len() < MAX_UNAVAILABLE {
            let name = &name[..name.len().min(MAX_NAME_BYTES)];
            self.unavailable.push(name.escape_ascii().to_string());
        }
    }
}

impl RtcpMux {
    fn set(&mut self, flag: &[u8]) {
        match flag {
            b"offer" => self.offer = true,
            b"require" => self.require = true,
            b"demux" => self.demux = true,
            b"accept" => self.accept = true,
            b"reject" => self.reject = true,
            _ => {}
        }
    }

    const fn names(self) -> [(&'static str, bool); 5] {
        [
            ("offer", self.offer),
            ("require", self.require),
            ("demux", self.demux),
            ("accept", self.accept),
            ("reject", self.reject),
        ]
    }
}

/// The byte strings of a list, or the one byte string that stands in its place.
pub(crate) fn list<'d>(dictionary: &'d Dictionary<'_>, key: &str) -> Vec<&'d [u8]> {
    let elements = dictionary.get(key).map(Value::elements).unwrap_or_default();
    elements.iter().filter_map(Value::as_bytes).collect()
}

/// Adds the names that are set as a list, unless none is.
pub(crate) fn write_list(
    dictionary: &mut Dictionary<'_>,
    key: &'static str,
    names: &[(&'static str, bool)],
) {
    let set: Vec<&'static str> =
        names.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    if !set.is_empty() {
        dictionary.set(key, Value::from_iter(set));
    }
}

fn prefixed<'a>(flag: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (start, rest) = flag.split_at_checked(prefix.len())?;
    same_name(start, prefix).then_some(rest)
}

fn received_from(dictionary: &Dictionary<'_>) -> Result<Option<IpAddr>, CommandError> {
    let Some(value) = dictionary.get("received-from") else { return Ok(None) };
    let [_family, source] = value.elements() else {
        return Err(CommandError::BadValue("received-from"));
    };
    let source = source.as_bytes().ok_or(CommandError::BadValue("received-from"))?;
    Ok(Some(address(source, "received-from")?))
}

fn address(value: &[u8], key: &'static str) -> Result<IpAddr, CommandError> {
    let parsed = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    parsed.ok_or(CommandError::BadValue(key))
}

fn family(value: &[u8]) -> Result<AddressFamily, CommandError> {
    match value {
        b"IP4" | b"ip4" | b"inet" => Ok(AddressFamily::Ip4),
        b"IP6" | b"ip6" | b"inet6" => Ok(AddressFamily::Ip6),
        _ => Err(CommandError::BadValue("address family")),
    }
}

fn learning(value: &[u8]) -> Option<Learning> {
    match value {
        b"off" => Some(Learning::Off),
        b"immediate" => Some(Learning::Immediate),
        b"delayed" => Some(Learning::Delayed),
        b"heuristic" => Some(Learning::Heuristic),
        _ => None,
    }
}

const fn learning_name(learning: Learning) -> &'static str {
    match learning {
        Learning::Off => "off",
        Learning::Immediate => "immediate",
        Learning::Delayed => "delayed",
        Learning::Heuristic => "heuristic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BencodeLimits;

    fn options(document: &[u8]) -> Result<Options, CommandError> {
        let value = Value::decode(document, &BencodeLimits::default())?;
        Options::from_dictionary(value.as_dictionary().ok_or(CommandError::NotADictionary)?)
    }

    #[test]
    fn reads_lists_and_single_values() {
        let options = options(
            b"d3:ICE6:remove5:flagsl13:trust address13:strict-source14:rtcp-mux-demuxe\
              7:replacel6:origin18:session connectione13:received froml3:IP48:10.0.0.1e\
              17:endpoint-learning3:offe",
        )
        .expect("options");
        assert_eq!(options.ice, Ice::Remove);
        assert!(options.strict_source && options.rtcp_mux.demux && !options.sip_source_address);
        assert!(options.replace.origin && options.replace.session_connection);
        assert_eq!(options.received_from, Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(options.learning, Some(Learning::Off));
        assert!(options.unavailable.is_empty());
    }

    #[test]
    fn lists_what_is_asked_for_and_not_available() {
        let options = options(
            b"d3:ICE5:force5:codecde5:flagsl6:WebRTC10:loop bloop19:codec-transcode-GSMe\
              11:record call3:yese",
        )
        .expect("options");
        let expected = ["WebRTC", "codec-transcode-GSM", "ICE=force", "codec", "record call"];
        assert_eq!(options.unavailable, expected);
    }

    #[test]
    fn refuses_bad_addresses() {
        for (document, key) in [
            (b"d13:received-from8:10.0.0.1e".as_slice(), "received-from"),
            (b"d13:received-froml3:IP43:abcee", "received-from"),
            (b"d13:media address4:hoste", "media address"),
            (b"d14:address family3:IP5e", "address family"),
        ] {
            assert_eq!(options(document), Err(CommandError::BadValue(key)));
        }
    }
}
