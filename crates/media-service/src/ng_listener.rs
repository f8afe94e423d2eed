//! ng commands over UDP.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use offhook_ng_protocol::{BencodeLimits, Command, Frame, MAX_DATAGRAM_BYTES, Reply};
use offhook_platform::SystemClock;
use tokio::net::UdpSocket;

use crate::{MediaError, MediaHandle, cookies::Cookies};

/// Takes ng commands from SIP servers. A command that comes again gets the reply that it got, so
/// that retransmissions change nothing.
pub struct NgListener {
    socket: UdpSocket,
    handle: MediaHandle,
    clock: SystemClock,
    cookies: Cookies,
}

impl NgListener {
    /// Binds the address.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn bind(
        handle: MediaHandle,
        address: SocketAddr,
        clock: SystemClock,
        seed: u64,
    ) -> Result<Self, MediaError> {
        let socket = UdpSocket::bind(address).await;
        let socket = socket.map_err(|error| MediaError::BindNg { address, error })?;
        let cookies = Cookies::new(clock.instant(), seed);
        Ok(Self { socket, handle, clock, cookies })
    }

    /// The address that is bound, with the port that the system chose if none was given.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers commands until it is dropped.
    pub async fn run(mut self) {
        let mut buffer = vec![0; MAX_DATAGRAM_BYTES + 1];
        loop {
            let (length, from) = match self.socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // The error of an earlier reply, reported late.
                Err(error) => {
                    tracing::debug!(%error, "receiving ng commands");
                    continue;
                }
            };
            let datagram = Bytes::copy_from_slice(&buffer[..length]);
            let Some(reply) = self.answer(datagram, from) else { continue };
            if let Err(error) = self.socket.send_to(&reply, from).await {
                tracing::warn!(%error, "an ng reply could not be sent");
            }
        }
    }

    /// Answers one datagram; `None` if it has no cookie to answer with.
    fn answer(&mut self, datagram: Bytes, from: SocketAddr) -> Option<Bytes> {
        let Frame { cookie, document } = match Frame::parse(datagram) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::debug!(%error, "not an ng command");
                return None;
            }
        };
        if let Some(reply) = self.cookies.reply(from, &cookie) {
            return Some(reply);
        }
        let reply = execute(&self.handle, &document);
        let reply = encode(cookie.clone(), &reply);
        self.cookies.keep(from, cookie, reply.clone(), self.clock.instant());
        Some(reply)
    }
}

fn execute(handle: &MediaHandle, document: &Bytes) -> Reply {
    let command = match Command::decode(document, &BencodeLimits::default()) {
        Ok(command) => command,
        Err(error) => {
            tracing::debug!(%error, "a bad ng command");
            return Reply::error(error.to_string());
        }
    };
    let (name, call_id) = (command.name(), command.call_id().cloned());
    let understood = match &command {
        Command::Offer(exchange) | Command::Answer(exchange) => exchange.options.load_limit,
        Command::Ping | Command::Delete(_) | Command::Query(_) | Command::List(_) => true,
    };
    let mut reply = handle.execute(command);
    // Only who says so knows this kind of reply.
    if let (Reply::LoadLimit { message }, false) = (&reply, understood) {
        reply = Reply::error(message.as_str());
    }
    let call_id = call_id.unwrap_or_default();
    tracing::debug!(command = name, call_id = %call_id.escape_ascii(), ok = reply.is_ok(), "ng");
    reply
}

fn encode(cookie: Bytes, reply: &Reply) -> Bytes {
    let datagram = Frame { cookie: cookie.clone(), document: reply.encode() }.encode();
    if datagram.len() <= MAX_DATAGRAM_BYTES {
        return datagram;
    }
    let error = Reply::error("The reply does not fit into a datagram");
    Frame { cookie, document: error.encode() }.encode()
}
