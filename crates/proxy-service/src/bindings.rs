//! Bindings as the registrar keeps them, as the store writes them, and as the proxy takes them.

use bytes::Bytes;
use offhook_engine::{Now, UnixTime};
use offhook_location_store::{BindingRow, Change as RowChange};
use offhook_proxy::Target;
use offhook_registrar::{Binding, BindingParts, BindingTooLong, Change, LoadedBinding, Registrar};
use offhook_sip_message::{Flow, Transport};
use thiserror::Error;

/// Why a stored row is not a binding.
#[derive(Debug, Error)]
pub(crate) enum RowError {
    #[error("the binding of {aor} came by the unknown transport {transport}")]
    UnknownTransport { aor: String, transport: String },
    #[error("the binding of {aor} is too long")]
    TooLong { aor: String, source: BindingTooLong },
}

/// Where an address of record can be reached, best first.
pub(crate) fn targets(registrar: &Registrar, aor: &str, now: Now) -> Vec<Target> {
    let target = |binding: &&Binding| Target {
        uri: Bytes::copy_from_slice(binding.contact()),
        flow: Some(binding.flow()),
        path: binding.path().map(Bytes::copy_from_slice).collect(),
        behind_nat: binding.behind_nat(),
    };
    registrar.lookup(aor, now.mono).iter().map(target).collect()
}

/// A change of the registrar as the store takes it.
pub(crate) fn row_change(aor: &str, change: &Change, now: Now) -> RowChange {
    let aor = aor.to_owned();
    match change {
        Change::Upsert { contact_key, binding } => {
            RowChange::Upsert(row(aor, contact_key.clone(), binding, now))
        }
        Change::Remove { contact_key } => {
            RowChange::Remove { aor, contact_key: contact_key.clone() }
        }
        Change::RemoveAll => RowChange::RemoveAll { aor },
    }
}

fn row(aor: String, contact_key: String, binding: &Binding, now: Now) -> BindingRow {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let flow = binding.flow();
    BindingRow {
        aor,
        contact_key,
        contact: text(binding.contact()),
        instance_id: binding.instance().map(text),
        reg_id: binding.reg_id(),
        call_id: text(binding.call_id()),
        cseq: binding.cseq(),
        q_milli: binding.q_milli(),
        path: binding.path().map(text).collect(),
        user_agent: binding.user_agent().map(text),
        transport: flow.transport.as_str().to_owned(),
        local_addr: flow.local,
        remote_addr: flow.remote,
        behind_nat: binding.behind_nat(),
        connection: flow.connection.map(|connection| connection.0),
        expires_at_ms: signed(binding.expires_at(now)),
        updated_at_ms: signed(binding.updated_at()),
    }
}

/// A stored row as the registrar loads it. Its connection ended with the process that held it.
pub(crate) fn loaded(row: BindingRow, now: Now) -> Result<LoadedBinding, RowError> {
    let Some(transport) = Transport::from_token(row.transport.as_bytes()) else {
        return Err(RowError::UnknownTransport { aor: row.aor, transport: row.transport });
    };
    let path: Vec<&[u8]> = row.path.iter().map(String::as_bytes).collect();
    let parts = BindingParts {
        contact: row.contact.as_bytes(),
        call_id: row.call_id.as_bytes(),
        cseq: row.cseq,
        instance: row.instance_id.as_deref().map(str::as_bytes),
        reg_id: row.reg_id,
        user_agent: row.user_agent.as_deref().map(str::as_bytes),
        path: &path,
        q_milli: row.q_milli,
        flow: Flow { transport, local: row.local_addr, remote: row.remote_addr, connection: None },
        behind_nat: row.behind_nat,
        expires_at: unsigned(row.expires_at_ms),
        updated_at: unsigned(row.updated_at_ms),
    };
    match Binding::new(&parts, now) {
        Ok(binding) => Ok(LoadedBinding { aor: row.aor, binding }),
        Err(source) => Err(RowError::TooLong { aor: row.aor, source }),
    }
}

fn signed(time: UnixTime) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn unsigned(millis: i64) -> UnixTime {
    UnixTime::from_millis(u64::try_from(millis).unwrap_or_default())
}
