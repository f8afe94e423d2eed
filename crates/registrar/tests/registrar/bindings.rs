//! What a REGISTER does to the bindings (RFC 3261 section 10.3).

use std::time::Duration;

use offhook_engine::Engine as _;
use offhook_registrar::{Binding, BindingParts, Change, Input, LoadedBinding};
use offhook_sip_message::{ConnectionId, Flow, HeaderName, Transport};

use crate::desk::{Desk, PHONE, contacts, flow, header, register};

const A: &str = "<sip:alice@192.0.2.10>";
const B: &str = "<sip:alice@192.0.2.11:5070>";

#[test]
fn a_contact_is_bound_and_the_answer_lists_it() {
    let mut desk = Desk::open();
    let answer = desk.register(&register(1).header("Contact", A).header("Expires", "600"));
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(contacts(&answer), [format!("{A};expires=600")]);
    assert!(answer.to().tag().is_some());
    assert!(header(&answer, HeaderName::Date).unwrap().ends_with(" GMT"));
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.10"]);
    assert_eq!((desk.registrar.len(), desk.registrar.binding_count()), (1, 1));
}

#[test]
fn every_name_of_a_domain_is_the_same_user_and_others_are_apart() {
    let mut desk = Desk::open();
    for (cseq, to) in [
        (1, "<sip:alice@localhost>"),
        (2, "<sip:%61lice@EXAMPLE.com:5070;x=y>"),
        (3, "sip:alice@192.0.2.1"),
    ] {
        assert_eq!(
            desk.register(&register(cseq).to(to).header("Contact", A)).status().as_u16(),
            200
        );
    }
    assert_eq!(desk.registrar.len(), 1);
    desk.register(&register(4).to("<sip:alice@other.org>").header("Contact", B));
    assert_eq!(desk.contacts("alice@other.org"), ["sip:alice@192.0.2.11:5070"]);
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.10"]);
    let all: Vec<_> = desk.registrar.iter(desk.clock.mono()).map(|(aor, _)| aor).collect();
    assert_eq!(all.len(), 2);
}

#[test]
fn expiry_comes_from_the_contact_then_the_header_then_the_default_within_limits() {
    for (contact, expires, granted) in [
        (format!("{A};expires=100"), Some("200"), 100),
        (A.to_owned(), Some("200"), 200),
        (A.to_owned(), None, 3600),
        (A.to_owned(), Some("soon"), 3600),
        (format!("{A};expires=soon"), Some("300"), 300),
        (A.to_owned(), Some("99999"), 7200),
        (format!("{A};expires=4294967295"), None, 7200),
        (A.to_owned(), Some("60"), 60),
    ] {
        let mut desk = Desk::open();
        let mut sketch = register(1).header("Contact", &contact);
        if let Some(expires) = expires {
            sketch = sketch.header("Expires", expires);
        }
        let answer = desk.register(&sketch);
        assert_eq!(contacts(&answer), [format!("{A};expires={granted}")], "{contact} {expires:?}");
    }
}

#[test]
fn a_query_changes_nothing_and_tells_the_time_left() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", A).header("Expires", "600"));
    desk.pass(Duration::from_millis(100_500));
    let wanted = desk.send(&register(2));
    assert!(wanted.stores.is_empty());
    assert_eq!(contacts(&wanted.answer()), [format!("{A};expires=500")]);
    assert_eq!(desk.registrar.counters().queried, 1);
}

#[test]
fn several_contacts_sort_by_q_then_by_age() {
    let mut desk = Desk::open();
    let both = format!("{A};q=0.3, {B};q=0.75");
    let answer = desk.register(&register(1).header("Contact", &both));
    assert_eq!(
        contacts(&answer),
        [format!("{A};expires=3600;q=0.300"), format!("{B};expires=3600;q=0.750")]
    );
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.11:5070", "sip:alice@192.0.2.10"]);
    desk.pass(Duration::from_secs(1));
    desk.register(&register(2).header("Contact", &format!("{A};q=0.75")));
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.10", "sip:alice@192.0.2.11:5070"]);
    let third = register(3).call_id("other-phone").header("Contact", "<sip:alice@192.0.2.12>");
    assert_eq!(contacts(&desk.register(&third)).len(), 3);
    assert_eq!(desk.contacts("alice")[0], "sip:alice@192.0.2.12");
}

#[test]
fn a_contact_goes_with_expiry_zero_and_the_others_stay() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", A).header("Contact", B));
    let wanted = desk.send(&register(2).header("Contact", &format!("{A};expires=0")));
    let (_, aor, changes) = &wanted.stores[0];
    assert_eq!(aor, "alice");
    assert_eq!(changes, &[Change::Remove { contact_key: "sip:alice@192.0.2.10".into() }]);
    let token = wanted.stores[0].0;
    let answer = desk.stored(token, offhook_registrar::StoreOutcome::Durable).answer();
    assert_eq!(contacts(&answer), [format!("{B};expires=3600")]);
    let gone = desk.send(&register(3).header("Contact", &format!("{A};expires=0")));
    assert!(gone.stores.is_empty(), "what is not there needs no removal");
    assert_eq!(gone.status(), 200);
}

#[test]
fn the_star_removes_all() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", A).header("Contact", B));
    let wanted = desk.send(&register(2).header("Contact", "*").header("Expires", "0"));
    assert_eq!(wanted.stores[0].2, [Change::RemoveAll]);
    assert_eq!(desk.contacts("alice").len(), 2, "not before it is durable");
    let answer = desk.stored(wanted.stores[0].0, offhook_registrar::StoreOutcome::Durable).answer();
    assert!(contacts(&answer).is_empty());
    assert!(desk.registrar.is_empty());
    let again = desk.send(&register(3).header("Contact", "*").header("Expires", "0"));
    assert_eq!((again.status(), again.stores.len()), (200, 0));
}

#[test]
fn an_equal_uri_replaces_the_binding_whatever_its_spelling() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", "<sip:alice@PHONE.example;transport=UDP>"));
    let same = "<sip:alice@phone.example;Transport=udp;line=2>";
    let wanted = desk.send(&register(2).header("Contact", same));
    let keys: Vec<_> = wanted.stores[0].2.iter().map(key).collect();
    assert_eq!(
        keys,
        ["-sip:alice@phone.example;transport=udp", "+sip:alice@phone.example;transport=udp;line=2"]
    );
    desk.stored(wanted.stores[0].0, offhook_registrar::StoreOutcome::Durable);
    assert_eq!(desk.contacts("alice"), ["sip:alice@phone.example;Transport=udp;line=2"]);
}

fn key(change: &Change) -> String {
    match change {
        Change::Upsert { contact_key, .. } => format!("+{contact_key}"),
        Change::Remove { contact_key } => format!("-{contact_key}"),
        Change::RemoveAll => "-*".into(),
    }
}

#[test]
fn instance_and_reg_id_tell_bindings_apart() {
    let mut desk = Desk::open();
    let contact = |host: &str, reg_id: u32| {
        format!("<sip:alice@{host}>;+sip.instance=\"<urn:uuid:1>\";reg-id={reg_id}")
    };
    desk.register(&register(1).header("Contact", &contact("192.0.2.10", 1)));
    desk.register(&register(2).header("Contact", &contact("192.0.2.10", 2)));
    assert_eq!(desk.registrar.binding_count(), 2, "two flows of one phone");
    let restarted = register(3).call_id("after-restart");
    let answer = desk.register(&restarted.header("Contact", &contact("192.0.2.99", 1)));
    assert_eq!(desk.registrar.binding_count(), 2);
    let listed = contacts(&answer);
    assert!(
        listed.iter().any(|value| value
            == "<sip:alice@192.0.2.99>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=1"),
        "{listed:?}"
    );
    assert!(desk.contacts("alice").contains(&"sip:alice@192.0.2.99".to_owned()));
}

#[test]
fn bindings_end_when_their_time_is_up() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", &format!("{A};expires=60, {B};expires=120")));
    desk.pass(Duration::from_secs(59));
    assert_eq!(desk.contacts("alice").len(), 2);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.contacts("alice"), ["sip:alice@192.0.2.11:5070"]);
    desk.pass(Duration::from_secs(61));
    assert!(desk.registrar.is_empty());
    assert_eq!(desk.registrar.binding_count(), 0);
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.registrar.next_deadline(), None, "nothing is left to wait for");
}

#[test]
fn a_refresh_prolongs() {
    let mut desk = Desk::open();
    desk.register(&register(1).header("Contact", A).header("Expires", "60"));
    desk.pass(Duration::from_secs(50));
    desk.register(&register(2).header("Contact", A).header("Expires", "60"));
    desk.pass(Duration::from_secs(50));
    assert_eq!(desk.contacts("alice").len(), 1);
    desk.pass(Duration::from_secs(11));
    assert!(desk.contacts("alice").is_empty());
}

#[test]
fn path_is_kept_and_returned_to_those_who_know_it() {
    let mut desk = Desk::open();
    let path = "<sip:t1@edge.example;lr>, <sip:inner.example;lr>";
    let sketch = register(1).header("Contact", A).header("Path", path);
    assert_eq!(header(&desk.register(&sketch), HeaderName::Path), None);
    let sketch = register(2).header("Contact", A).header("Path", path);
    let answer = desk.register(&sketch.header("Supported", "gruu, path").header("Require", "path"));
    assert_eq!(header(&answer, HeaderName::Path).as_deref(), Some(path));
    let bindings = desk.registrar.lookup("alice", desk.clock.mono());
    let kept: Vec<_> = bindings[0].path().collect();
    assert_eq!(kept, [&b"<sip:t1@edge.example;lr>"[..], b"<sip:inner.example;lr>"]);
}

#[test]
fn the_flow_is_kept_and_a_nat_is_noticed() {
    for (via, remote, behind_nat) in [
        ("192.0.2.10:5060", PHONE, false),
        ("192.0.2.10", PHONE, false),
        ("192.0.2.10:5060", "192.0.2.10:40000", true),
        ("10.0.0.5:5060", "203.0.113.9:5060", true),
        ("phone.example:5060", "203.0.113.9:40000", false),
    ] {
        let mut desk = Desk::open();
        let via = format!("SIP/2.0/UDP {via};branch=z9hG4bK1;rport");
        desk.register_by(&register(1).via(&via).header("Contact", A), flow(remote));
        let bindings = desk.registrar.lookup("alice", desk.clock.mono());
        assert_eq!(bindings[0].flow(), flow(remote));
        assert_eq!(bindings[0].behind_nat(), behind_nat, "{via} from {remote}");
    }
    let mut desk = Desk::open();
    let by = Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(9)),
        ..flow("203.0.113.9:40000")
    };
    let via = "SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bK1;rport";
    desk.register_by(&register(1).via(via).header("Contact", A), by);
    let bindings = desk.registrar.lookup("alice", desk.clock.mono());
    assert_eq!((bindings[0].flow(), bindings[0].behind_nat()), (by, false));
}

#[test]
fn bindings_from_the_store_are_found_unless_memory_is_newer() {
    let mut desk = Desk::open();
    desk.pass(Duration::from_secs(1000));
    let loaded = |desk: &Desk, aor: &str, contact: &str, age_s: u64, left_s: u64, q_milli| {
        let wall = desk.now().wall;
        let at = |millis| offhook_engine::UnixTime::from_millis(millis);
        let parts = BindingParts {
            contact: contact.as_bytes(),
            call_id: b"stored",
            cseq: 5,
            instance: None,
            reg_id: None,
            user_agent: None,
            path: &[],
            q_milli,
            flow: flow(PHONE),
            behind_nat: false,
            expires_at: at(wall.as_millis() + left_s * 1000),
            updated_at: at(wall.as_millis() - age_s * 1000),
        };
        let binding = Binding::new(&parts, desk.now()).unwrap();
        LoadedBinding { aor: aor.into(), binding }
    };
    desk.register(&register(1).header("Contact", A));
    let bindings = vec![
        loaded(&desk, "alice", "sip:alice@192.0.2.10", 60, 600, 100),
        loaded(&desk, "bob", "sip:bob@192.0.2.20", 60, 600, 1000),
        loaded(&desk, "carol", "sip:carol@192.0.2.30", 60, 0, 1000),
    ];
    assert!(desk.hand(Input::Load(bindings)).is_nothing());
    assert_eq!(desk.registrar.lookup("alice", desk.clock.mono())[0].q_milli(), 1000);
    assert_eq!(desk.contacts("bob"), ["sip:bob@192.0.2.20"]);
    assert!(desk.contacts("carol").is_empty());
    let stale = register(5).call_id("stored").to("<sip:bob@example.com>");
    let answer = desk.register(&stale.header("Contact", "<sip:bob@192.0.2.20>"));
    assert_eq!(answer.status().as_u16(), 500, "the stored CSeq counts");
    desk.pass(Duration::from_secs(601));
    assert!(desk.contacts("bob").is_empty());
}
