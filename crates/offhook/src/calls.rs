//! `calls`: what goes on, asked of the running server.

use offhook_platform::control::{Client, ControlError};
use offhook_platform::terminal::{complain, print};
use offhook_platform::{Config, Program};
use serde::{Deserialize, Serialize};

use crate::cli::ListArgs;
use crate::error::CommandError;
use crate::{store, table};

/// A call as the control socket has it and as JSON shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CallEntry {
    call_id: String,
    from: String,
    to: String,
    /// `ringing` or `answered`.
    state: String,
    started_ms: u64,
    answered_ms: Option<u64>,
    relayed: bool,
}

/// Prints every call that goes on; none if no server runs.
pub(crate) async fn list(config: &Config, list: ListArgs) -> Result<(), CommandError> {
    let calls: Vec<CallEntry> = match Client::new(config, Program::Offhook).get("/v1/calls").await {
        Ok(calls) => calls,
        Err(error @ ControlError::NotRunning { .. }) => {
            complain(&format!("{error}, so there are no calls."));
            if list.json {
                print("[]\n");
            }
            return Ok(());
        }
        Err(
            error @ (ControlError::Unusable { .. }
            | ControlError::NoAnswer(_)
            | ControlError::Refused(_)
            | ControlError::Unreadable(_)),
        ) => return Err(error.into()),
    };
    let now_ms = store::now_ms().max(0).cast_unsigned();
    print(&listing(&calls, now_ms, list)?);
    Ok(())
}

fn listing(calls: &[CallEntry], now_ms: u64, list: ListArgs) -> Result<String, CommandError> {
    if list.json {
        return Ok(serde_json::to_string_pretty(calls)? + "\n");
    }
    if calls.is_empty() {
        return Ok("No call goes on.\n".to_owned());
    }
    let rows: Vec<[String; 6]> = calls
        .iter()
        .map(|call| {
            let since = call.answered_ms.unwrap_or(call.started_ms);
            [
                table::plain(&call.from),
                table::plain(&call.to),
                table::plain(&call.state),
                table::span(now_ms.saturating_sub(since) / 1_000),
                if call.relayed { "relayed" } else { "direct" }.to_owned(),
                table::plain(&call.call_id),
            ]
        })
        .collect();
    Ok(table::columns(["FROM", "TO", "STATE", "FOR", "MEDIA", "CALL-ID"], &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_columns_or_json() {
        let call = CallEntry {
            call_id: "a@b".to_owned(),
            from: "sip:1001@x".to_owned(),
            to: "sip:1002@x".to_owned(),
            state: "answered".to_owned(),
            started_ms: 0,
            answered_ms: Some(5_000),
            relayed: true,
        };
        let text = listing(std::slice::from_ref(&call), 65_000, ListArgs { json: false }).unwrap();
        let expected = "FROM        TO          STATE     FOR    MEDIA    CALL-ID\n\
                        sip:1001@x  sip:1002@x  answered  1 min  relayed  a@b\n";
        assert_eq!(text, expected);
        let text = listing(std::slice::from_ref(&call), 0, ListArgs { json: true }).unwrap();
        assert_eq!(serde_json::from_str::<Vec<CallEntry>>(&text).unwrap(), [call]);
        assert_eq!(listing(&[], 0, ListArgs { json: false }).unwrap(), "No call goes on.\n");
    }
}
