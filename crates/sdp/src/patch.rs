//! Replacements by offset over a body.

use std::{net::IpAddr, ops::Range};

use crate::{Attribute, Connection, Description, Media, line::Line};

/// Attributes of ICE (RFC 8839) and of bundles (RFC 9143): they name addresses and ports beside
/// those of `c=` and `m=`, so they lead media past a relay unless they go.
const ICE_ATTRIBUTES: [&str; 10] = [
    "bundle-only",
    "candidate",
    "end-of-candidates",
    "ice-lite",
    "ice-mismatch",
    "ice-options",
    "ice-pacing",
    "ice-pwd",
    "ice-ufrag",
    "remote-candidates",
];

/// A set of replacements over a [`Description`]. Where two touch the same bytes, the first holds.
#[derive(Clone, Debug)]
pub struct Patch<'d, 'a> {
    description: &'d Description<'a>,
    splices: Vec<Splice>,
}

#[derive(Clone, Debug)]
struct Splice {
    range: Range<usize>,
    text: Vec<u8>,
}

impl<'d, 'a> Patch<'d, 'a> {
    /// Starts without a replacement.
    #[must_use]
    pub const fn new(description: &'d Description<'a>) -> Self {
        Self { description, splices: Vec::new() }
    }

    /// Replaces the address of the `o=` line, if there is one.
    pub fn set_origin_address(&mut self, address: IpAddr) {
        if let Some(range) = self.description.origin_address() {
            self.replace(range.clone(), family_and_address(address).into_bytes());
        }
    }

    /// Replaces the session's `c=` line, if there is one.
    pub fn set_session_connection(&mut self, address: IpAddr) {
        if let Some(connection) = self.description.connection() {
            self.replace_connection(connection, address);
        }
    }

    /// Replaces the medium's own `c=` line, if there is one.
    pub fn set_connection(&mut self, media: &Media, address: IpAddr) {
        if let Some(connection) = media.connection() {
            self.replace_connection(connection, address);
        }
    }

    /// Gives a medium without a `c=` line of its own one, with a copy of the session's line or, if
    /// an address is given, with that.
    pub fn insert_connection(&mut self, media: &Media, address: Option<IpAddr>) {
        if media.connection().is_some() {
            return;
        }
        let value = match (address, self.description.connection()) {
            (Some(address), _) => format!("IN {}", family_and_address(address)).into_bytes(),
            (None, Some(session)) => self.description.slice(&session.value).to_vec(),
            (None, None) => return,
        };
        // RFC 8866 section 5: in a medium, i= comes before c=, and b=, k= and a= behind it.
        let lines = self.description.lines_of(media);
        let before = lines.iter().take_while(|line| matches!(line.kind, b'm' | b'i')).last();
        if let Some(line) = before {
            self.insert_after(line, &[b"c=", value.as_slice()].concat());
        }
    }

    /// Replaces the port of a medium. A number of ports behind it (`49170/2`) goes.
    pub fn set_port(&mut self, media: &Media, port: u16) {
        self.replace(media.port_field.clone(), port.to_string().into_bytes());
    }

    /// Replaces the port of the `a=rtcp` attribute, and its address if it has one. Does nothing
    /// without such an attribute.
    pub fn set_rtcp(&mut self, media: &Media, port: u16, address: IpAddr) {
        let (Some(line), Some(attribute)) = (self.rtcp_line(media), media.rtcp()) else { return };
        let value = match attribute.host {
            Some(_) => format!("rtcp:{port} IN {}", family_and_address(address)),
            None => format!("rtcp:{port}"),
        };
        let range = line.value.clone();
        self.replace(range, value.into_bytes());
    }

    /// Removes the `a=rtcp` attribute.
    pub fn remove_rtcp(&mut self, media: &Media) {
        if let Some(line) = self.rtcp_line(media) {
            let range = line.whole.clone();
            self.replace(range, Vec::new());
        }
    }

    /// Adds or removes `a=rtcp-mux` (RFC 5761 section 5.1.1).
    pub fn set_rtcp_mux(&mut self, media: &Media, wanted: bool) {
        if wanted == media.rtcp_mux() {
            return;
        }
        if wanted {
            self.append_attribute(media, "rtcp-mux");
        } else {
            self.remove_where(self.description.lines_of(media), |attribute| {
                attribute.is("rtcp-mux")
            });
        }
    }

    /// Adds an attribute as the last line of a medium.
    pub fn append_attribute(&mut self, media: &Media, attribute: &str) {
        if let Some(last) = self.description.lines_of(media).last() {
            self.insert_after(last, format!("a={attribute}").as_bytes());
        }
    }

    /// Removes the ICE attributes and the bundle groups of the session and of every medium.
    pub fn remove_ice(&mut self) {
        self.remove_where(self.description.lines(), |attribute| {
            let bundle = |value: &[u8]| {
                let semantics = value.split(|&byte| byte == b' ').next().unwrap_or_default();
                semantics.eq_ignore_ascii_case(b"BUNDLE")
            };
            ICE_ATTRIBUTES.iter().any(|name| attribute.is(name))
                || (attribute.is("group") && attribute.value.is_some_and(bundle))
        });
    }

    /// Whether there is no replacement.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Writes the body with its replacements.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let text = self.description.text();
        // An insertion comes before a replacement that starts at the same place.
        self.splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
        let added: usize = self.splices.iter().map(|splice| splice.text.len()).sum();
        let mut out = Vec::with_capacity(text.len() + added);
        let mut at = 0;
        for splice in &self.splices {
            if splice.range.start < at {
                continue;
            }
            out.extend_from_slice(&text[at..splice.range.start]);
            // What is inserted is a line, and the one before it may be the last one, without an end.
            if splice.range.is_empty() && !matches!(out.last(), Some(b'\r' | b'\n')) {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(&splice.text);
            at = splice.range.end;
        }
        out.extend_from_slice(&text[at..]);
        out
    }

    fn replace_connection(&mut self, connection: &Connection, address: IpAddr) {
        let value = format!("IN {}", family_and_address(address));
        self.replace(connection.value.clone(), value.into_bytes());
    }

    fn rtcp_line(&self, media: &Media) -> Option<&'d Line> {
        self.description.lines().get(media.rtcp_line?)
    }

    fn remove_where(&mut self, lines: &[Line], unwanted: impl Fn(Attribute<'_>) -> bool) {
        for line in lines {
            if Attribute::of(self.description.text(), line).is_some_and(&unwanted) {
                self.replace(line.whole.clone(), Vec::new());
            }
        }
    }

    /// Inserts a line. The line end is that of the line before it, CRLF if that has none.
    fn insert_after(&mut self, line: &Line, new: &[u8]) {
        let end = self.description.slice(&(line.value.end..line.whole.end));
        let end = if end.is_empty() { b"\r\n" } else { end };
        let text = [new, end].concat();
        self.replace(line.whole.end..line.whole.end, text);
    }

    fn replace(&mut self, range: Range<usize>, text: Vec<u8>) {
        self.splices.push(Splice { range, text });
    }
}

fn family_and_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("IP4 {address}"),
        IpAddr::V6(address) => format!("IP6 {address}"),
    }
}
