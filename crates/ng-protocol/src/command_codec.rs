//! Commands as bencoded dictionaries.

use bytes::Bytes;

use crate::{
    BencodeLimits, Command, CommandError, Delete, Dictionary, Exchange, List, Options, Query,
    Value,
    bencode::same_name,
    flags::{list, write_list},
};

impl Command {
    /// Decodes a command.
    ///
    /// # Errors
    /// When the document is not a bencoded dictionary, names no implemented command, or lacks a
    /// key that the command needs. The error's text is what the relay replies.
    pub fn decode(document: &Bytes, limits: &BencodeLimits) -> Result<Self, CommandError> {
        let value = Value::decode(document, limits)?;
        let dictionary = value.as_dictionary().ok_or(CommandError::NotADictionary)?;
        let keys = Keys { document, dictionary };
        match dictionary.bytes("command").ok_or(CommandError::NoCommand)? {
            b"ping" => Ok(Self::Ping),
            b"offer" => Ok(Self::Offer(Box::new(keys.exchange()?))),
            b"answer" => {
                let exchange = keys.exchange()?;
                if exchange.to_tag.is_none() {
                    return Err(CommandError::Missing("to-tag"));
                }
                Ok(Self::Answer(Box::new(exchange)))
            }
            b"delete" => Ok(Self::Delete(keys.delete()?)),
            b"query" => Ok(Self::Query(Query {
                call_id: keys.required("call-id")?,
                from_tag: keys.optional("from-tag"),
                to_tag: keys.optional("to-tag"),
            })),
            b"list" => Ok(Self::List(keys.list()?)),
            _ => Err(CommandError::Unrecognized),
        }
    }

    /// Encodes the command, for a relay on the other side of a socket.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut dictionary = Dictionary::new();
        dictionary.set("command", self.name());
        match self {
            Self::Ping => {}
            Self::Offer(exchange) | Self::Answer(exchange) => {
                encode_exchange(exchange, &mut dictionary);
            }
            Self::Delete(delete) => encode_delete(delete, &mut dictionary),
            Self::Query(query) => {
                dictionary.set("call-id", query.call_id.as_ref());
                set_optional(&mut dictionary, "from-tag", query.from_tag.as_ref());
                set_optional(&mut dictionary, "to-tag", query.to_tag.as_ref());
            }
            Self::List(list) => dictionary.set("limit", list.limit as u64),
        }
        let mut document = Vec::with_capacity(512);
        dictionary.encode(&mut document);
        document.into()
    }
}

fn encode_exchange<'a>(exchange: &'a Exchange, dictionary: &mut Dictionary<'a>) {
    dictionary.set("call-id", exchange.call_id.as_ref());
    dictionary.set("from-tag", exchange.from_tag.as_ref());
    set_optional(dictionary, "to-tag", exchange.to_tag.as_ref());
    set_optional(dictionary, "via-branch", exchange.via_branch.as_ref());
    dictionary.set("sdp", exchange.sdp.as_ref());
    exchange.options.write_to(dictionary);
}

fn encode_delete<'a>(delete: &'a Delete, dictionary: &mut Dictionary<'a>) {
    dictionary.set("call-id", delete.call_id.as_ref());
    set_optional(dictionary, "from-tag", delete.from_tag.as_ref());
    set_optional(dictionary, "to-tag", delete.to_tag.as_ref());
    set_optional(dictionary, "via-branch", delete.via_branch.as_ref());
    let flags = [("to-tag", delete.honour_to_tag), ("fatal", delete.fatal), ("fast", delete.fast)];
    write_list(dictionary, "flags", &flags);
}

fn set_optional<'a>(dictionary: &mut Dictionary<'a>, key: &'static str, value: Option<&'a Bytes>) {
    if let Some(value) = value {
        dictionary.set(key, value.as_ref());
    }
}

/// A command's dictionary, with the document that its byte strings share.
struct Keys<'d> {
    document: &'d Bytes,
    dictionary: &'d Dictionary<'d>,
}

impl Keys<'_> {
    fn exchange(&self) -> Result<Exchange, CommandError> {
        Ok(Exchange {
            call_id: self.required("call-id")?,
            from_tag: self.required("from-tag")?,
            to_tag: self.optional("to-tag"),
            via_branch: self.optional("via-branch"),
            sdp: self.required("sdp")?,
            options: Options::from_dictionary(self.dictionary)?,
        })
    }

    fn delete(&self) -> Result<Delete, CommandError> {
        let flags = list(self.dictionary, "flags");
        let has = |name: &str| flags.iter().any(|flag| same_name(flag, name));
        Ok(Delete {
            call_id: self.required("call-id")?,
            from_tag: self.optional("from-tag"),
            to_tag: self.optional("to-tag"),
            via_branch: self.optional("via-branch"),
            honour_to_tag: has("to-tag"),
            fatal: has("fatal"),
            fast: has("fast"),
        })
    }

    fn list(&self) -> Result<List, CommandError> {
        let Some(limit) = self.dictionary.get("limit") else { return Ok(List::default()) };
        let limit = limit.as_integer().and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.filter(|&limit| limit > 0).ok_or(CommandError::BadValue("limit"))?;
        Ok(List { limit })
    }

    fn required(&self, key: &'static str) -> Result<Bytes, CommandError> {
        self.optional(key).ok_or(CommandError::Missing(key))
    }

    /// A byte string that is there and not empty.
    fn optional(&self, key: &str) -> Option<Bytes> {
        let bytes = self.dictionary.bytes(key)?;
        (!bytes.is_empty()).then(|| self.document.slice_ref(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressFamily, Ice, Learning, RtcpMux};

    fn decode(document: &'static [u8]) -> Result<Command, CommandError> {
        Command::decode(&Bytes::from_static(document), &BencodeLimits::default())
    }

    #[test]
    fn decodes_an_offer() {
        let command =
            decode(b"d7:call-id4:c@1x8:from-tag1:a3:sdp5:v=0\r\n7:command5:offer3:ICE6:removee");
        let mut expected = Exchange::new("c@1x".into(), "a".into(), "v=0\r\n".into());
        expected.options.ice = Ice::Remove;
        assert_eq!(command, Ok(Command::Offer(Box::new(expected))));
    }

    #[test]
    fn refuses_what_lacks_a_key() {
        for (document, expected) in [
            (b"de".as_slice(), CommandError::NoCommand),
            (b"le", CommandError::NotADictionary),
            (b"d7:command3:fooe", CommandError::Unrecognized),
            (b"d7:command5:offere", CommandError::Missing("call-id")),
            (b"d7:call-id1:c7:command5:offere", CommandError::Missing("from-tag")),
            (b"d7:call-id1:c7:command5:offer8:from-tag1:ae", CommandError::Missing("sdp")),
            (
                b"d7:call-id1:c7:command6:answer8:from-tag1:a3:sdp1:ve",
                CommandError::Missing("to-tag"),
            ),
            (b"d7:call-id0:7:command6:deletee", CommandError::Missing("call-id")),
            (b"d7:command4:list5:limiti0ee", CommandError::BadValue("limit")),
        ] {
            assert_eq!(decode(document), Err(expected), "{}", document.escape_ascii());
        }
    }

    #[test]
    fn every_command_survives_the_wire() {
        let mut exchange = Exchange::new("call".into(), "from".into(), "v=0\r\n".into());
        exchange.to_tag = Some("to".into());
        exchange.via_branch = Some("z9hG4bK1".into());
        exchange.options = Options {
            received_from: Some([10, 0, 0, 1].into()),
            sip_source_address: true,
            media_address: Some("2001:db8::1".parse().expect("address")),
            address_family: Some(AddressFamily::Ip6),
            asymmetric: true,
            strict_source: true,
            media_handover: true,
            port_latching: true,
            no_rtcp_attribute: true,
            loop_protect: true,
            learning: Some(Learning::Heuristic),
            replace: crate::Replace { origin: true, session_connection: true },
            rtcp_mux: RtcpMux {
                offer: true,
                require: true,
                demux: true,
                accept: true,
                reject: true,
            },
            ice: Ice::Remove,
            transport_protocol: Some("RTP/AVP".into()),
            load_limit: true,
            unavailable: Vec::new(),
        };
        let mut delete = Delete::new("call".into());
        delete.from_tag = Some("from".into());
        delete.honour_to_tag = true;
        delete.fatal = true;
        for command in [
            Command::Ping,
            Command::Offer(Box::new(exchange.clone())),
            Command::Answer(Box::new(exchange)),
            Command::Delete(delete),
            Command::Query(Query { call_id: "call".into(), from_tag: None, to_tag: None }),
            Command::List(List { limit: 5 }),
        ] {
            let decoded = Command::decode(&command.encode(), &BencodeLimits::default());
            assert_eq!(decoded, Ok(command));
        }
    }
}
