//! The digest server of one realm: RFC 3261 section 22 with the algorithms of RFC 8760.

use std::time::Duration;

use offhook_engine::Now;
use offhook_sip_message::{HeaderName, Request, StatusCode};

use crate::digest::{
    Algorithm, Attempt, Credentials, Ha1, NonceConfig, Nonces, UriMatch, Verdict, challenges,
    verify,
};

/// The most nonces whose counts are remembered by one authenticator. A nonce that was forgotten is
/// stale, never fresh.
const MAX_TRACKED_NONCES: usize = 65_536;

/// As whom a server asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRole {
    /// A user agent server or registrar: 401 and WWW-Authenticate (RFC 3261 section 22.2).
    UserAgentServer,
    /// A proxy: 407 and Proxy-Authenticate (RFC 3261 section 22.3).
    Proxy,
}

/// The settings of an [`Authenticator`].
#[derive(Clone, Debug)]
pub struct AuthenticatorConfig {
    /// As whom it asks.
    pub role: AuthRole,
    /// The realm, the same for every user.
    pub realm: String,
    /// The algorithms to offer. An answer with another one is refused.
    pub algorithms: Vec<Algorithm>,
    /// Beginnings of User-Agent values that are offered MD5 alone: phones that give up when a challenge
    /// names an algorithm that they do not know, instead of passing over it (RFC 8760 section 2.4).
    pub md5_only_user_agents: Vec<String>,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
}

/// Challenges requests and checks what comes back.
///
/// Its nonces are good with this instance alone: another one answers them with `stale=true`, so that
/// the replay check needs no shared state.
#[derive(Debug)]
pub struct Authenticator {
    config: AuthenticatorConfig,
    nonces: Nonces,
}

impl Authenticator {
    /// An authenticator whose nonces are signed with `key`: random, and different for every instance.
    #[must_use]
    pub fn new(config: AuthenticatorConfig, key: [u8; 32]) -> Self {
        let nonces =
            NonceConfig { validity: config.nonce_lifetime, max_tracked: MAX_TRACKED_NONCES };
        Self { nonces: Nonces::new(key, nonces), config }
    }

    /// The user name in the request's credentials for this realm; `None` if it carries none that can be
    /// read.
    #[must_use]
    pub fn claimed_user(&self, request: &Request) -> Option<String> {
        let credentials = self.credentials(request)?;
        String::from_utf8(credentials.username().to_vec()).ok()
    }

    /// Checks the request's credentials against the user's hashes; an unknown user has none, which is
    /// refused after the same work.
    pub fn verify(&mut self, request: &Request, hashes: &[Ha1], now: Now) -> Verdict {
        let credentials = Credentials::find(request, self.credentials_header(), &self.config.realm)
            .ok()
            .flatten();
        let Some(credentials) = credentials else { return Verdict::Stale };
        let algorithm = credentials.algorithm();
        let attempt = Attempt {
            credentials: &credentials,
            method: request.method_token(),
            request_uri: request.uri().raw(),
            // Proxies on the way may rewrite the Request-URI, and phones disagree on its parameters.
            uri_match: UriMatch::Any,
        };
        let hash = hashes.iter().find(|hash| hash.algorithm() == algorithm);
        verify(&mut self.nonces, &attempt, hash, now.wall)
    }

    /// The status and headers that ask for credentials, the strongest algorithm first (RFC 8760).
    pub fn challenge(
        &mut self,
        request: &Request,
        stale: bool,
        now: Now,
    ) -> (StatusCode, HeaderName, Vec<String>) {
        let algorithms: &[Algorithm] =
            if self.knows_only_md5(request) { &[Algorithm::Md5] } else { &self.config.algorithms };
        let mut values =
            challenges(&mut self.nonces, &self.config.realm, algorithms, stale, now.wall);
        // A phone says what it is. What does not is a tool, and the best known of them (SIPp 3.6) answers
        // the first challenge, whatever its algorithm, with MD5.
        if request.header(HeaderName::UserAgent).is_none() {
            values.reverse();
        }
        match self.config.role {
            AuthRole::UserAgentServer => {
                (StatusCode::UNAUTHORIZED, HeaderName::WwwAuthenticate, values)
            }
            AuthRole::Proxy => {
                (StatusCode::PROXY_AUTHENTICATION_REQUIRED, HeaderName::ProxyAuthenticate, values)
            }
        }
    }

    /// The header in which credentials for this authenticator come.
    #[must_use]
    pub fn credentials_header(&self) -> HeaderName {
        match self.config.role {
            AuthRole::UserAgentServer => HeaderName::Authorization,
            AuthRole::Proxy => HeaderName::ProxyAuthorization,
        }
    }

    fn credentials<'r>(&self, request: &'r Request) -> Option<Credentials<'r>> {
        Credentials::find(request, self.credentials_header(), &self.config.realm).ok().flatten()
    }

    fn knows_only_md5(&self, request: &Request) -> bool {
        let agent = request.header(HeaderName::UserAgent).unwrap_or_default();
        self.config.md5_only_user_agents.iter().any(|prefix| agent.starts_with(prefix.as_bytes()))
    }
}
