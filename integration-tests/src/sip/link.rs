//! The socket of an agent: datagrams, or one stream cut into messages by Content-Length.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::SipText;
use crate::wait::{self, Deadline, SOON};

/// A socket towards one server.
#[derive(Debug)]
pub enum Link {
    /// Datagrams from one port.
    Udp(UdpSocket),
    /// A connection and the bytes of it that are not yet a message.
    Tcp(TcpStream, Vec<u8>),
}

impl Link {
    /// A UDP socket on a port that the system picks, for one server.
    ///
    /// # Panics
    /// When the address cannot be bound.
    #[track_caller]
    #[must_use]
    pub fn udp(local: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((local, 0)).expect("an agent can bind a UDP port");
        socket.connect(server).expect("a UDP socket can be connected");
        Self::Udp(socket)
    }

    /// A TCP connection to the server.
    ///
    /// # Panics
    /// When the server takes no connection.
    #[track_caller]
    #[must_use]
    pub fn tcp(server: SocketAddr) -> Self {
        let what = format!("{server} takes TCP connections");
        let stream = wait::eventually(&what, SOON, || TcpStream::connect(server).ok());
        stream.set_nodelay(true).expect("a connection takes an option");
        Self::Tcp(stream, Vec::new())
    }

    /// The socket's own address.
    ///
    /// # Panics
    /// When the system does not know it.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream, _) => stream.local_addr(),
        }
        .expect("a socket has an address")
    }

    /// The transport's name in Via.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(..) => "TCP",
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the connection is broken. A refused datagram (an ICMP error of an earlier one) is
    /// sent again.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket) => {
                let sent = socket.send(bytes).or_else(|_refused| socket.send(bytes));
                sent.expect("a datagram can be sent");
            }
            Self::Tcp(stream, _) => stream.write_all(bytes).expect("a connection takes bytes"),
        }
    }

    /// Receives the next message, if one comes in time.
    ///
    /// # Panics
    /// When the server closes the connection or the socket fails.
    #[track_caller]
    pub fn receive(&mut self, within: Duration) -> Option<SipText> {
        let deadline = Deadline::after(within);
        while !deadline.passed() {
            let received = match self {
                Self::Udp(socket) => receive_datagram(socket, deadline.left()),
                Self::Tcp(stream, buffer) => receive_framed(stream, buffer, deadline.left()),
            };
            if let Some(bytes) = received {
                return Some(SipText::parse(&bytes));
            }
        }
        None
    }

    /// Whether the server has closed the connection, waiting for it if need be.
    ///
    /// # Panics
    /// When the link is no connection.
    #[must_use]
    pub fn is_closed(&mut self, within: Duration) -> bool {
        let Self::Tcp(stream, buffer) = self else { panic!("datagrams have no end") };
        let deadline = Deadline::after(within);
        let mut chunk = [0; 2048];
        while !deadline.passed() {
            stream.set_read_timeout(Some(deadline.left())).expect("a socket takes a timeout");
            match stream.read(&mut chunk) {
                Ok(0) => return true,
                Ok(count) => buffer.extend_from_slice(&chunk[..count]),
                Err(error) if is_timeout(error.kind()) => return false,
                Err(_broken) => return true,
            }
        }
        false
    }
}

fn receive_datagram(socket: &UdpSocket, within: Duration) -> Option<Vec<u8>> {
    socket.set_read_timeout(Some(within)).expect("a socket takes a timeout");
    let mut buffer = vec![0; 65536];
    match socket.recv(&mut buffer) {
        // Keep-alives are no messages.
        Ok(count) if count <= 4 => None,
        Ok(count) => Some(buffer[..count].to_vec()),
        Err(error) if is_timeout(error.kind()) => None,
        // The server was away for a moment and an earlier datagram came back.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
        Err(error) => panic!("receiving fails: {error}"),
    }
}

fn receive_framed(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    within: Duration,
) -> Option<Vec<u8>> {
    if let Some(message) = take_message(buffer) {
        return Some(message);
    }
    stream.set_read_timeout(Some(within)).expect("a socket takes a timeout");
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(0) => panic!("the server has closed the connection"),
        Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        Err(error) if is_timeout(error.kind()) => {}
        Err(error) => panic!("receiving fails: {error}"),
    }
    take_message(buffer)
}

fn take_message(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    while buffer.starts_with(b"\r\n") {
        buffer.drain(..2);
    }
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length = SipText::parse(&buffer[..head]);
    let length: usize = length.need("Content-Length").parse().expect("a length is a number");
    if buffer.len() < head + length {
        return None;
    }
    Some(buffer.drain(..head + length).collect())
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
