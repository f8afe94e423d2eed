//! One binding, packed: a node keeps a million of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use offhook_engine::{Instant, Now, UnixTime};
use offhook_sip_message::{Flow, Host, Scheme, Uri};

/// The preference of a contact without `q`, in thousandths.
pub(crate) const DEFAULT_Q_MILLI: u16 = 1000;

/// What is kept of a User-Agent, in bytes.
const MAX_USER_AGENT_BYTES: usize = 128;

/// Ends each Path value in the packed text. No header value holds it once its folds are undone.
const PATH_END: u8 = b'\n';

/// One contact under which an address of record can be reached (RFC 3261 section 10).
///
/// Clones share the texts.
#[derive(Clone, PartialEq)]
pub struct Binding {
    /// Contact, Call-ID, instance, User-Agent, then the Path values, each with its end.
    text: Arc<[u8]>,
    contact_len: u16,
    call_id_len: u16,
    instance_len: u16,
    user_agent_len: u16,
    q_milli: u16,
    behind_nat: bool,
    cseq: u32,
    reg_id: Option<u32>,
    flow: Flow,
    expires_at: Instant,
    updated_at: UnixTime,
}

/// The parts of a [`Binding`].
#[derive(Clone, Copy, Debug)]
pub struct BindingParts<'a> {
    /// The Contact URI as registered.
    pub contact: &'a [u8],
    /// Call-ID of the REGISTER.
    pub call_id: &'a [u8],
    /// CSeq number of the REGISTER.
    pub cseq: u32,
    /// `+sip.instance` without quotation marks (RFC 5626 section 4.1).
    pub instance: Option<&'a [u8]>,
    /// `reg-id` (RFC 5626 section 4.2).
    pub reg_id: Option<u32>,
    /// User-Agent of the REGISTER; cut after 128 bytes.
    pub user_agent: Option<&'a [u8]>,
    /// Path values, nearest to us first (RFC 3327).
    pub path: &'a [&'a [u8]],
    /// `q` in thousandths, 0 to 1000.
    pub q_milli: u16,
    /// The way the REGISTER came. Of a binding from the store, `connection` is `None`.
    pub flow: Flow,
    /// Whether the REGISTER passed a NAT; see [`offhook_sip_core::passed_nat`].
    pub behind_nat: bool,
    /// When it ends.
    pub expires_at: UnixTime,
    /// When it was last registered.
    pub updated_at: UnixTime,
}

/// The texts of a binding are longer than it can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the texts of the binding are too long")]
pub struct BindingTooLong;

impl Binding {
    /// Packs the parts.
    ///
    /// # Errors
    /// [`BindingTooLong`] if contact, Call-ID or instance has more than 65,535 bytes.
    pub fn new(parts: &BindingParts<'_>, now: Now) -> Result<Self, BindingTooLong> {
        let instance = parts.instance.unwrap_or_default();
        let user_agent = parts.user_agent.unwrap_or_default();
        let user_agent = user_agent.get(..MAX_USER_AGENT_BYTES).unwrap_or(user_agent);
        let length = |text: &[u8]| u16::try_from(text.len()).map_err(|_| BindingTooLong);
        let path_len: usize = parts.path.iter().map(|value| value.len() + 1).sum();
        let texts = [parts.contact, parts.call_id, instance, user_agent];
        let mut text =
            Vec::with_capacity(texts.iter().map(|text| text.len()).sum::<usize>() + path_len);
        texts.iter().for_each(|part| text.extend_from_slice(part));
        for value in parts.path {
            let unfolded = value.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b });
            text.extend(unfolded);
            text.push(PATH_END);
        }
        Ok(Self {
            text: text.into(),
            contact_len: length(parts.contact)?,
            call_id_len: length(parts.call_id)?,
            instance_len: length(instance)?,
            user_agent_len: length(user_agent)?,
            q_milli: parts.q_milli,
            behind_nat: parts.behind_nat,
            cseq: parts.cseq,
            reg_id: parts.reg_id,
            flow: parts.flow,
            expires_at: now.mono + parts.expires_at.since(now.wall),
            updated_at: parts.updated_at,
        })
    }

    /// The Contact URI as registered.
    #[must_use]
    pub fn contact(&self) -> &[u8] {
        self.slice(0, self.contact_len)
    }

    /// Call-ID of the REGISTER.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        self.slice(usize::from(self.contact_len), self.call_id_len)
    }

    /// CSeq number of the REGISTER.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// `+sip.instance` without quotation marks (RFC 5626 section 4.1).
    #[must_use]
    pub fn instance(&self) -> Option<&[u8]> {
        let start = usize::from(self.contact_len) + usize::from(self.call_id_len);
        Some(self.slice(start, self.instance_len)).filter(|text| !text.is_empty())
    }

    /// `reg-id` (RFC 5626 section 4.2).
    #[must_use]
    pub fn reg_id(&self) -> Option<u32> {
        self.reg_id
    }

    /// User-Agent of the REGISTER, its first 128 bytes.
    #[must_use]
    pub fn user_agent(&self) -> Option<&[u8]> {
        let start = self.path_start() - usize::from(self.user_agent_len);
        Some(self.slice(start, self.user_agent_len)).filter(|text| !text.is_empty())
    }

    /// Path values, nearest to us first (RFC 3327).
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        let values = self.text.get(self.path_start()..).unwrap_or_default();
        values.split_inclusive(|&b| b == PATH_END).map(|value| &value[..value.len() - 1])
    }

    /// `q` in thousandths, 0 to 1000.
    #[must_use]
    pub fn q_milli(&self) -> u16 {
        self.q_milli
    }

    /// The way the REGISTER came.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether the REGISTER passed a NAT, so that the way it came is the way to reach the phone.
    #[must_use]
    pub fn behind_nat(&self) -> bool {
        self.behind_nat
    }

    /// When it ends, on the wall clock as it shows `now`.
    #[must_use]
    pub fn expires_at(&self, now: Now) -> UnixTime {
        now.wall + self.expires_at.since(now.mono)
    }

    /// When it was last registered.
    #[must_use]
    pub fn updated_at(&self) -> UnixTime {
        self.updated_at
    }

    /// How long it still holds; zero if it has ended.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.expires_at.since(now)
    }

    /// What tells this binding from the others of its address of record, as text: instance and reg-id
    /// where it has both, else the contact with its case-insensitive parts in lower case.
    #[must_use]
    pub fn contact_key(&self) -> String {
        match (self.instance(), self.reg_id) {
            (Some(instance), Some(reg_id)) => {
                format!("{}#{reg_id}", String::from_utf8_lossy(instance))
            }
            (None | Some(_), _) => canonical_contact(self.contact()),
        }
    }

    /// Whether registering `other` means this binding: by instance and reg-id where either has both
    /// (RFC 5626 section 6), else by the equality of URIs (RFC 3261 section 10.3 step 7).
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self.outbound_id(), other.outbound_id()) {
            (Some(id), Some(other_id)) => id == other_id,
            (None, None) => {
                self.contact() == other.contact()
                    || match (Uri::parse(self.contact()), Uri::parse(other.contact())) {
                        (Ok(uri), Ok(other_uri)) => uri.equivalent(&other_uri),
                        (Ok(_) | Err(_), _) => false,
                    }
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.expires_at
    }

    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.expires_at > now
    }

    fn outbound_id(&self) -> Option<(&[u8], u32)> {
        self.instance().zip(self.reg_id)
    }

    fn path_start(&self) -> usize {
        [self.contact_len, self.call_id_len, self.instance_len, self.user_agent_len]
            .iter()
            .map(|&length| usize::from(length))
            .sum()
    }

    fn slice(&self, start: usize, length: u16) -> &[u8] {
        self.text.get(start..start + usize::from(length)).unwrap_or_default()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("contact", &String::from_utf8_lossy(self.contact()))
            .field("call_id", &String::from_utf8_lossy(self.call_id()))
            .field("cseq", &self.cseq)
            .field("flow", &self.flow)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

fn canonical_contact(contact: &[u8]) -> String {
    let Ok(uri) = Uri::parse(contact) else {
        return String::from_utf8_lossy(contact).into_owned();
    };
    let scheme = match uri.scheme {
        Scheme::Sip => "sip",
        Scheme::Sips => "sips",
        Scheme::Tel | Scheme::Other => return String::from_utf8_lossy(contact).into_owned(),
    };
    let mut key = format!("{scheme}:");
    if let Some(user) = uri.user {
        key.push_str(&String::from_utf8_lossy(user));
        if let Some(password) = uri.password {
            key.push(':');
            key.push_str(&String::from_utf8_lossy(password));
        }
        key.push('@');
    }
    push_host(&mut key, uri.host);
    if let Some(port) = uri.port {
        key.push_str(&format!(":{port}"));
    }
    key.push_str(&String::from_utf8_lossy(uri.params.raw()).to_ascii_lowercase());
    if let Some(headers) = uri.headers {
        key.push('?');
        key.push_str(&String::from_utf8_lossy(headers));
    }
    key
}

fn push_host(key: &mut String, host: Host<'_>) {
    key.push_str(&host.to_string());
}

#[cfg(test)]
mod tests {
    use offhook_sip_message::Transport;

    use super::*;

    fn now() -> Now {
        Now { mono: Instant::from_nanos(5_000_000_000), wall: UnixTime::from_millis(1_000_000) }
    }

    fn flow(remote: &str) -> Flow {
        Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: None,
        }
    }

    fn binding(contact: &str, outbound: Option<(&str, u32)>) -> Binding {
        let parts = BindingParts {
            contact: contact.as_bytes(),
            call_id: b"call@x",
            cseq: 7,
            instance: outbound.map(|(instance, _)| instance.as_bytes()),
            reg_id: outbound.map(|(_, reg_id)| reg_id),
            user_agent: Some(b"phone/1"),
            path: &[b"<sip:edge;lr>", b"<sip:b,\r\n c;lr>"],
            q_milli: 500,
            flow: flow("192.0.2.9:5060"),
            behind_nat: true,
            expires_at: UnixTime::from_millis(1_060_000),
            updated_at: UnixTime::from_millis(999_000),
        };
        Binding::new(&parts, now()).unwrap()
    }

    #[test]
    fn parts_come_out_as_they_went_in() {
        let binding = binding("sip:a@192.0.2.9", Some(("<urn:uuid:1>", 2)));
        assert_eq!(binding.contact(), b"sip:a@192.0.2.9");
        assert_eq!((binding.call_id(), binding.cseq()), (&b"call@x"[..], 7));
        assert_eq!(binding.instance(), Some(&b"<urn:uuid:1>"[..]));
        assert_eq!(binding.user_agent(), Some(&b"phone/1"[..]));
        let path: Vec<_> = binding.path().collect();
        assert_eq!(path, [&b"<sip:edge;lr>"[..], b"<sip:b,   c;lr>"]);
        assert_eq!(binding.remaining(now().mono), Duration::from_secs(60));
        assert_eq!(binding.expires_at(now()), UnixTime::from_millis(1_060_000));
        assert!(!binding.is_live(now().mono + Duration::from_secs(60)));
    }

    #[test]
    fn a_binding_stays_small() {
        assert!(size_of::<Binding>() <= 152, "{}", size_of::<Binding>());
    }

    #[test]
    fn sameness_is_by_uri_or_by_instance() {
        let plain = binding("sip:a@X.example;transport=UDP", None);
        assert!(plain.is_same(&binding("sip:a@x.example;Transport=udp", None)));
        assert!(plain.is_same(&binding("sip:a@x.example;transport=udp;ob", None)));
        assert!(!plain.is_same(&binding("sip:a@x.example", None)));
        assert!(!plain.is_same(&binding("sip:a@X.example;transport=UDP", Some(("<u>", 1)))));
        let first = binding("sip:a@x.example", Some(("<u>", 1)));
        assert!(first.is_same(&binding("sip:b@y.example", Some(("<u>", 1)))));
        assert!(!first.is_same(&binding("sip:a@x.example", Some(("<u>", 2)))));
    }

    #[test]
    fn keys_ignore_case_where_the_uri_does() {
        for (contact, key) in [
            (
                "SIP:Al:Pw@X.Example:5062;Transport=TCP?A=b",
                "sip:Al:Pw@x.example:5062;transport=tcp?A=b",
            ),
            ("sips:[2001:DB8::1]", "sips:[2001:db8::1]"),
            ("tel:+1-2", "tel:+1-2"),
        ] {
            assert_eq!(binding(contact, None).contact_key(), key);
        }
        assert_eq!(binding("sip:a@x", Some(("<urn:uuid:1>", 2))).contact_key(), "<urn:uuid:1>#2");
    }
}
