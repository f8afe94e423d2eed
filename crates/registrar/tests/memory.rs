//! What a registered user costs in memory.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::fs;
use std::sync::Arc;

use offhook_engine::{Engine as _, Instant, Now, UnixTime};
use offhook_registrar::{
    Authentication, Binding, BindingParts, Input, LoadedBinding, Registrar, RegistrarConfig,
};
use offhook_sip_core::Domains;
use offhook_sip_message::{Flow, Transport};

const USERS: usize = 200_000;

/// Kamailio keeps a user in 600 to 1,000 bytes; this many, with the texts of an ordinary phone, is our
/// bound. The figure is printed: `cargo test -p offhook-registrar --test memory -- --nocapture`.
const MAX_BYTES_PER_USER: usize = 640;

#[test]
fn a_user_with_one_phone_costs_little() {
    let domains = Arc::new(Domains::new([], ["example.com"], []));
    let config = RegistrarConfig::new(domains, Authentication::Off);
    let mut registrar = Registrar::new(config, 1, [1; 32]);
    let now = Now { mono: Instant::ZERO, wall: UnixTime::from_millis(1_700_000_000_000) };
    let before = resident_bytes();
    for first in (0..USERS).step_by(1000) {
        let batch = (first..first + 1000).map(|number| user(number, now)).collect();
        registrar.handle(Input::Load(batch), now);
    }
    assert_eq!(registrar.len(), USERS);
    let each = (resident_bytes() - before) / USERS;
    println!("{each} bytes for each of {USERS} users");
    assert!(each <= MAX_BYTES_PER_USER, "{each} bytes");
}

fn user(number: usize, now: Now) -> LoadedBinding {
    let spread_s = (number % 3600) as u64;
    let contact = format!("sip:{number:06}@198.51.100.23:5060;transport=udp");
    let call_id = format!("{number:06}b2c4d6e8f0a1b3c5@198.51.100.23");
    let parts = BindingParts {
        contact: contact.as_bytes(),
        call_id: call_id.as_bytes(),
        cseq: 2,
        instance: Some(b"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"),
        reg_id: None,
        user_agent: Some(b"Vendor Phone T46S 66.86.0.15"),
        path: &[],
        q_milli: 1000,
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "198.51.100.23:5060".parse().unwrap(),
            connection: None,
        },
        behind_nat: false,
        expires_at: UnixTime::from_millis(now.wall.as_millis() + 60_000 + spread_s * 1000),
        updated_at: now.wall,
    };
    let binding = Binding::new(&parts, now).unwrap();
    LoadedBinding { aor: format!("{number:06}"), binding }
}

/// The process's resident memory, without what it shares with others.
fn resident_bytes() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let mut fields = pages.split(' ').map(|field| field.parse::<usize>().unwrap());
    (fields.nth(1).unwrap() - fields.next().unwrap()) * 4096
}
