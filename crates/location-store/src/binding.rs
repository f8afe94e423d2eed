//! A binding, and what can be done with it.

use std::net::SocketAddr;

/// One registered contact of an address of record, with what is needed to reach it.
///
/// Unique by `aor` and `contact_key`. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRow {
    /// The address of record in canonical form: `user@domain`, or `user` in the default domain. Never empty.
    pub aor: String,
    /// What makes two contacts the same one: the URI in canonical form (RFC 3261 section 19.1.4), or the instance and
    /// registration identifiers (RFC 5626 section 6). Never empty.
    pub contact_key: String,
    /// The Contact URI as registered.
    pub contact: String,
    /// `+sip.instance` (RFC 5626 section 4.1).
    pub instance_id: Option<String>,
    /// `reg-id` (RFC 5626 section 4.2).
    pub reg_id: Option<u32>,
    /// Call-ID of the REGISTER.
    pub call_id: String,
    /// CSeq number of the REGISTER.
    pub cseq: u32,
    /// `q` in thousandths, 0 to 1000.
    pub q_milli: u16,
    /// Path values, topmost first (RFC 3327).
    pub path: Vec<String>,
    /// User-Agent of the REGISTER.
    pub user_agent: Option<String>,
    /// The transport it came by, such as `UDP`.
    pub transport: String,
    /// The address of ours that it came to.
    pub local_addr: SocketAddr,
    /// The address it came from.
    pub remote_addr: SocketAddr,
    /// Whether the REGISTER was seen to pass a NAT, so that the way it came is the way to reach the contact.
    pub behind_nat: bool,
    /// The connection it came by, meaningful to the process that held it only.
    pub connection: Option<u64>,
    /// When it ends.
    pub expires_at_ms: i64,
    /// When it was last registered.
    pub updated_at_ms: i64,
}

impl BindingRow {
    /// Whether `stored` is of a later REGISTER than this one and must stay (RFC 3261 section 10.3 step 7).
    ///
    /// A binding that had ended when this REGISTER came guards nothing: a phone that restarted may count CSeq anew.
    /// The upsert statements say the same in SQL.
    pub(crate) fn is_older_than(&self, stored: &Self) -> bool {
        stored.call_id == self.call_id
            && stored.cseq > self.cseq
            && stored.expires_at_ms > self.updated_at_ms
    }

    /// Where this row stands in the order of pages.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { aor: self.aor.clone(), contact_key: self.contact_key.clone() }
    }
}

/// One step of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every change is an upsert")]
pub enum Change {
    /// Stores a binding, in place of the one with its key, unless that one is of a later request in the same Call-ID.
    Upsert(BindingRow),
    /// Removes one binding, if it is there.
    Remove {
        /// The address of record.
        aor: String,
        /// The key of the contact.
        contact_key: String,
    },
    /// Removes every binding of an address of record (`Contact: *`).
    RemoveAll {
        /// The address of record.
        aor: String,
    },
}

/// Which bindings to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this address of record.
    pub aor: Option<String>,
    /// Only those that end after this time, in milliseconds since the Unix epoch.
    pub live_at_ms: Option<i64>,
}

/// The last row of a page; the next page begins after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The address of record.
    pub aor: String,
    /// The key of the contact.
    pub contact_key: String,
}
