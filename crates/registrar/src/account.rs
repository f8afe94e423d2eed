//! Whose account the user name in credentials is.

use offhook_sip_core::Domains;
use offhook_sip_message::{Request, Uri};

/// The address of record that a user name in credentials stands for: it may name a domain, else that of
/// To is meant. `None` if it can be nobody of ours.
pub(crate) fn claimed_aor(domains: &Domains, request: &Request, user: &str) -> Option<String> {
    if user.contains('@') {
        return domains.aor(&Uri::parse(format!("sip:{user}").as_bytes()).ok()?);
    }
    let domain = domains.canonical(request.to().uri.host)?;
    Some(if domain.is_empty() { user.to_owned() } else { format!("{user}@{domain}") })
}
