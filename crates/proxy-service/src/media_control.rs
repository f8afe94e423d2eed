//! The media relay as the signalling side sees it: in this process, or behind the ng protocol.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use offhook_ng_protocol::{Command, Delete, Exchange, Reply};
use offhook_proxy::{MediaOutcome, MediaVerb};

use crate::ng_client::NgClient;

/// Carries out a command at once.
pub type ExecuteCommand = dyn Fn(Command) -> Reply + Send + Sync;

/// Where the media commands of calls go.
#[derive(Clone)]
pub enum MediaControl {
    /// To a relay in this process.
    InProcess(Arc<ExecuteCommand>),
    /// To a relay elsewhere, ours or rtpengine.
    Remote(NgClient),
    /// Nowhere: no call is relayed.
    None,
}

impl fmt::Debug for MediaControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess(_) => "InProcess",
            Self::Remote(_) => "Remote",
            Self::None => "None",
        })
    }
}

/// The command that a verb of the proxy stands for.
pub(crate) fn command(call_id: Bytes, verb: MediaVerb) -> Command {
    match verb {
        MediaVerb::Offer { from_tag, to_tag, sdp } => {
            let mut exchange = Exchange::new(call_id, from_tag, sdp);
            exchange.to_tag = to_tag;
            Command::Offer(Box::new(with_options(exchange)))
        }
        MediaVerb::Answer { from_tag, to_tag, sdp } => {
            let mut exchange = Exchange::new(call_id, from_tag, sdp);
            exchange.to_tag = Some(to_tag);
            Command::Answer(Box::new(with_options(exchange)))
        }
        MediaVerb::Delete { from_tag, to_tag } => {
            let mut delete = Delete::new(call_id);
            delete.from_tag = Some(from_tag);
            delete.honour_to_tag = to_tag.is_some();
            delete.to_tag = to_tag;
            Command::Delete(delete)
        }
    }
}

/// The session-level addresses are replaced as well, so that nothing of the private side leaks.
fn with_options(mut exchange: Exchange) -> Exchange {
    exchange.options.replace.origin = true;
    exchange.options.replace.session_connection = true;
    // A full relay says so apart from an error, and the caller hears 503.
    exchange.options.load_limit = true;
    exchange
}

/// What a reply means to the proxy.
pub(crate) fn outcome(reply: &Reply) -> MediaOutcome {
    match reply {
        Reply::Sdp { sdp, .. } => MediaOutcome::Rewritten(sdp.clone()),
        Reply::Error { .. } => MediaOutcome::Rejected,
        Reply::LoadLimit { .. }
        | Reply::Pong
        | Reply::Ok { .. }
        | Reply::Report { .. }
        | Reply::Calls(_) => MediaOutcome::Unavailable,
    }
}
