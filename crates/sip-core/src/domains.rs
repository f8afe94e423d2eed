//! Which hosts a platform answers for, and the address of record that a URI names there.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use offhook_sip_message::{Host, Scheme, Uri};

/// The longest domain name accepted, in bytes (RFC 1035 section 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;

/// The domains that the registrar and the proxy are responsible for (RFC 3261 section 10.3, 16.4).
///
/// One of them is the *default domain*: it goes by several names (every address of the platform,
/// `localhost`, the first configured domain) and its canonical name is the empty string, so that its
/// users stay the same when an address or the configured name changes.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    names: HashMap<Box<[u8]>, Box<str>>,
    addresses: HashSet<IpAddr>,
}

impl Domains {
    /// Domains answering to `addresses` and `default_names` as the default domain and to each of
    /// `others` as a domain of its own.
    pub fn new<'n>(
        addresses: impl IntoIterator<Item = IpAddr>,
        default_names: impl IntoIterator<Item = &'n str>,
        others: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let mut names = HashMap::new();
        for name in others {
            let name = name.to_ascii_lowercase();
            names.insert(name.as_bytes().into(), name.into_boxed_str());
        }
        for name in default_names {
            names.insert(name.to_ascii_lowercase().into_bytes().into_boxed_slice(), "".into());
        }
        Self { names, addresses: addresses.into_iter().map(|ip| ip.to_canonical()).collect() }
    }

    /// The canonical name of the domain that `host` stands for; `None` if it is not one of ours.
    #[must_use]
    pub fn canonical(&self, host: Host<'_>) -> Option<&str> {
        match host {
            Host::V4(address) => self.addresses.contains(&IpAddr::V4(address)).then_some(""),
            Host::V6(address) => {
                self.addresses.contains(&IpAddr::V6(address).to_canonical()).then_some("")
            }
            Host::Name(name) => {
                let name = name.strip_suffix(b".").unwrap_or(name);
                let mut lower = [0; MAX_DOMAIN_BYTES];
                let lower = lower.get_mut(..name.len())?;
                lower.copy_from_slice(name);
                lower.make_ascii_lowercase();
                self.names.get(&*lower).map(AsRef::as_ref)
            }
        }
    }

    /// The address of record that `uri` names: `user` in the default domain, `user@domain` in
    /// another. `None` if the domain is not ours, there is no user part, or the user part unescapes to
    /// something that no account can be called (`@`, control characters, not UTF-8).
    ///
    /// A port and parameters do not matter (RFC 3261 section 10.3 step 5).
    #[must_use]
    pub fn aor(&self, uri: &Uri<'_>) -> Option<String> {
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => {}
            Scheme::Tel | Scheme::Other => return None,
        }
        let domain = self.canonical(uri.host)?;
        let mut aor = usable_name(&uri.user_unescaped()?)?;
        if !domain.is_empty() {
            aor.push('@');
            aor.push_str(domain);
        }
        Some(aor)
    }

    /// The address of record that the user name in credentials stands for (RFC 3261 section 22.1): it
    /// may name a domain of ours, else it is a user of the domain of `beside`, the URI whose owner the
    /// sender claims to be. `None` if it can be nobody of ours.
    #[must_use]
    pub fn aor_of_username(&self, username: &str, beside: &Uri<'_>) -> Option<String> {
        if username.contains('@') {
            return self.aor(&Uri::parse(format!("sip:{username}").as_bytes()).ok()?);
        }
        let domain = self.canonical(beside.host)?;
        Some(if domain.is_empty() { username.to_owned() } else { format!("{username}@{domain}") })
    }
}

/// The unescaped user part as an account name, if it can be one.
fn usable_name(user: &[u8]) -> Option<String> {
    let user = std::str::from_utf8(user).ok()?;
    let unusable = user.is_empty() || user.chars().any(|c| c == '@' || c.is_control());
    (!unusable).then(|| user.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> Domains {
        Domains::new(["192.0.2.1".parse().unwrap()], ["localhost", "Example.com"], ["other.org"])
    }

    #[test]
    fn each_name_of_the_default_domain_names_the_same_user() {
        let domains = domains();
        for uri in [
            "sip:alice@192.0.2.1",
            "sips:alice@192.0.2.1:5070;transport=tcp",
            "sip:alice@LOCALHOST",
            "sip:%61lice@example.com.",
        ] {
            let uri = Uri::parse(uri.as_bytes()).unwrap();
            assert_eq!(domains.aor(&uri).as_deref(), Some("alice"));
        }
    }

    #[test]
    fn other_domains_keep_their_name_and_strangers_have_none() {
        let domains = domains();
        let aor = |uri: &str| domains.aor(&Uri::parse(uri.as_bytes()).unwrap());
        assert_eq!(aor("sip:alice@Other.ORG").as_deref(), Some("alice@other.org"));
        assert_eq!(aor("sip:alice@elsewhere.net"), None);
        assert_eq!(aor("sip:192.0.2.1"), None);
        assert_eq!(aor("sip:a%40b@localhost"), None, "an escaped @ cannot pass for a domain");
        assert_eq!(aor("sip:a%00b@localhost"), None);
    }

    #[test]
    fn a_username_may_name_its_domain() {
        let domains = domains();
        let named = |username: &str, beside: &str| {
            domains.aor_of_username(username, &Uri::parse(beside.as_bytes()).unwrap())
        };
        assert_eq!(named("alice", "sip:x@localhost").as_deref(), Some("alice"));
        assert_eq!(named("alice", "sip:x@other.org").as_deref(), Some("alice@other.org"));
        assert_eq!(named("alice@other.org", "sip:x@localhost").as_deref(), Some("alice@other.org"));
        assert_eq!(named("alice@localhost", "sip:x@other.org").as_deref(), Some("alice"));
        assert_eq!(named("alice", "sip:x@elsewhere.net"), None);
        assert_eq!(named("alice@elsewhere.net", "sip:x@localhost"), None);
    }
}
