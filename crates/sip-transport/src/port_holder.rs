//! Finds the process that holds a port, for the one error message that everybody meets.

use std::fmt;
use std::fs;
use std::path::Path;

use offhook_sip_message::Transport;

/// The socket tables of the kernel that list ports of `transport`.
fn tables(transport: Transport) -> [&'static str; 2] {
    match transport {
        Transport::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
            ["/proc/net/tcp", "/proc/net/tcp6"]
        }
    }
}

/// The state of a listening TCP socket in `/proc/net/tcp`.
const TCP_LISTEN: &str = "0A";

/// A process with a socket of its own; displayed as in `kamailio (process 812)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// The name of its program.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// A process with a socket on `port`, whatever the address.
///
/// `None` when no table of the kernel lists the port or the owner belongs to another user.
#[must_use]
pub fn port_holder(transport: Transport, port: u16) -> Option<PortHolder> {
    let inodes: Vec<String> = tables(transport)
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| socket_inodes(&table, transport, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds_any(&entry.path(), &inodes).then(|| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            PortHolder { name: name.trim_end().to_owned(), pid }
        })
    })
}

/// The inodes of the sockets bound to `port` in the text of a socket table.
fn socket_inodes(table: &str, transport: Transport, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            let listens = transport == Transport::Udp || state == TCP_LISTEN;
            (local.ends_with(&suffix) && listens).then(|| inode.to_owned())
        })
        .collect()
}

fn holds_any(process: &Path, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        fs::read_link(descriptor.path()).is_ok_and(|target| {
            let target = target.to_string_lossy();
            target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_inode_of_a_bound_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
             12: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31337 2 0000000000000000 0\n  \
             13: 0100007F:13C5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31338 2 0000000000000000 0\n";
        assert_eq!(socket_inodes(table, Transport::Udp, 5060), ["31337"]);
        assert_eq!(socket_inodes(table, Transport::Tcp, 5060), Vec::<String>::new());
    }

    #[test]
    fn names_this_process() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holder = port_holder(Transport::Udp, port).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.to_string().ends_with(&format!("(process {})", holder.pid)), "{holder}");
    }
}
