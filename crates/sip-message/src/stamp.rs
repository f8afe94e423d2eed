//! `received` and `rport`: what a server notes in the Via of a request (RFC 3261 section 18.2.1,
//! RFC 3581 section 4).

use std::net::{IpAddr, SocketAddr};

use crate::scratch::Scratch;
use crate::{Via, via};

/// Appends one Via value with `received` and `rport` set to where the request came from.
///
/// `received` is set where sent-by is a name or another address, and always where `rport` is asked
/// for. Values that the sender wrote itself are replaced, so that no response can be sent astray by
/// them. A value that is no Via is copied.
pub(crate) fn write(value: &[u8], remote: SocketAddr, out: &mut Scratch) {
    let Some(via) = via::parse(value) else {
        out.push(value);
        return;
    };
    let source = remote.ip().to_canonical();
    let wants_port = via.params.has("rport");
    let wants_address = wants_port || via.host.ip() != Some(source);
    if !wants_address && !via.params.has("received") {
        out.push(value);
        return;
    }
    out.push(&value[..value.len() - via.params.raw().len()]);
    write_params(&via, remote.port(), out);
    if wants_address {
        write_received(source, out);
    }
}

fn write_params(via: &Via<'_>, port: u16, out: &mut Scratch) {
    let mut is_first_rport = true;
    for param in &via.params {
        if param.is("received") {
            continue;
        }
        if param.is("rport") {
            if is_first_rport {
                out.push(b";rport=");
                out.push_number(u64::from(port));
            }
            is_first_rport = false;
            continue;
        }
        out.push(b";");
        out.push(param.name);
        if let Some(value) = param.value {
            out.push(b"=");
            out.push(value);
        }
    }
}

fn write_received(source: IpAddr, out: &mut Scratch) {
    out.push(b";received=");
    out.push_ip(source);
}
