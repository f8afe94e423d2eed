//! Reads a SIP message from a file or from standard input and says what is in it.
//!
//! `cargo run -p offhook-sip-message --example explain -- message.sip`

use std::error::Error;
use std::io::{self, Read as _, Write};

use bytes::Bytes;
use offhook_sip_message::{Contact, Limits, Message, NameAddr, reject};

fn main() -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    match std::env::args_os().nth(1) {
        Some(path) => bytes = std::fs::read(path)?,
        None => {
            io::stdin().read_to_end(&mut bytes)?;
        }
    }
    let bytes = Bytes::from(bytes);
    let mut out = io::stdout().lock();
    match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(message) => explain(&message, &mut out)?,
        Err(error) => {
            writeln!(out, "refused: {error}")?;
            if let Some(answer) = reject(&bytes, error, ([192, 0, 2, 1], 5060).into()) {
                writeln!(out, "answer:\n{}", answer.escape_ascii())?;
            }
        }
    }
    Ok(())
}

fn explain(message: &Message, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    match message {
        Message::Request(request) => {
            writeln!(out, "{} of {}", request.method_token().escape_ascii(), request.uri().aor())?;
        }
        Message::Response(response) => {
            writeln!(out, "{} {}", response.status(), response.reason().escape_ascii())?;
        }
    }
    let head = message.head();
    writeln!(out, "call     {} #{}", head.call_id().escape_ascii(), head.cseq().number)?;
    writeln!(out, "from     {}", address(&head.from()))?;
    writeln!(out, "to       {}", address(&head.to()))?;
    for via in head.vias() {
        let via = via?;
        let branch = via.branch().unwrap_or(b"none").escape_ascii();
        writeln!(
            out,
            "via      {} {}, branch {branch}",
            via.transport_token.escape_ascii(),
            via.host
        )?;
    }
    for route in head.routes() {
        writeln!(out, "route    {}", address(&route?))?;
    }
    for contact in head.contacts() {
        match contact? {
            Contact::Star => writeln!(out, "contact  all")?,
            Contact::Addr(addr) => writeln!(out, "contact  {}", address(&addr))?,
        }
    }
    let kind = head.content_type().unwrap_or(b"untyped").escape_ascii();
    writeln!(out, "body     {} bytes, {kind}", head.body().len())?;
    Ok(())
}

fn address(addr: &NameAddr<'_>) -> String {
    let name = addr.display_text().unwrap_or_default();
    let tag = addr.tag().map(|tag| format!(", tag {}", tag.escape_ascii()));
    format!(
        "{} <{}>{}",
        name.escape_ascii(),
        addr.uri.raw().escape_ascii(),
        tag.unwrap_or_default()
    )
}
