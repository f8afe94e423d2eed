//! REGISTERs that are refused, and leave everything as it was.

use offhook_registrar::CredentialsFound;
use offhook_registrar::Input;
use offhook_sip_message::HeaderName;
use offhook_testkit::messages::RequestSketch;

use crate::desk::{Desk, PHONE, flow, header, register, text};

const A: &str = "<sip:alice@192.0.2.10>";

#[test]
fn each_fault_has_its_status_and_header() {
    use HeaderName::{Allow, MinExpires, RetryAfter, Unsupported};
    let with = |name: &str, value: &str| register(1).header("Contact", A).header(name, value);
    let options = RequestSketch::new("OPTIONS", "sip:example.com").to("<sip:alice@example.com>");
    let foreign = RequestSketch::new("REGISTER", "sip:elsewhere.net").to("<sip:alice@example.com>");
    let table = [
        ("method", options, 405, Some((Allow, "REGISTER"))),
        ("domain", foreign, 403, None),
        ("foreign To", register(1).to("<sip:alice@elsewhere.net>"), 404, None),
        ("no user", register(1).to("<sip:example.com>"), 404, None),
        ("tel", register(1).to("<tel:+12>"), 404, None),
        ("require", with("Require", "path, gruu"), 420, Some((Unsupported, "gruu"))),
        (
            "proxy-require",
            with("Proxy-Require", "sec-agree"),
            420,
            Some((Unsupported, "sec-agree")),
        ),
        ("too brief", with("Expires", "59"), 423, Some((MinExpires, "60"))),
        (
            "too brief",
            register(1).header("Contact", &format!("{A};expires=1")),
            423,
            Some((MinExpires, "60")),
        ),
        ("contact", register(1).header("Contact", "<sip:alice@"), 400, None),
        ("path", with("Path", "edge"), 400, None),
        ("star with expiry", register(1).header("Contact", "*").header("Expires", "60"), 400, None),
        ("star without", register(1).header("Contact", "*"), 400, None),
        ("star and more", with("Contact", "*").header("Expires", "0"), 400, None),
        (
            "long",
            register(1).header("Contact", &format!("<sip:{}@x>", "a".repeat(5000))),
            513,
            None,
        ),
    ];
    for (what, sketch, status, expected) in table {
        let mut desk = Desk::open();
        let wanted = desk.send(&sketch);
        assert!(wanted.stores.is_empty(), "{what}");
        let answer = wanted.answer();
        assert_eq!(answer.status().as_u16(), status, "{what}: {}", text(answer.reason()));
        if let Some((name, value)) = expected {
            assert_eq!(header(&answer, name).as_deref(), Some(value), "{what}");
        }
        assert!(desk.registrar.is_empty(), "{what}");
        assert_eq!(header(&answer, RetryAfter), None, "{what}");
        assert_eq!(desk.registrar.counters().refused, 1, "{what}");
    }
}

#[test]
fn an_older_or_equal_cseq_of_the_same_call_id_aborts_the_whole_request() {
    let mut desk = Desk::open();
    desk.register(&register(10).header("Contact", A));
    let other = "<sip:alice@192.0.2.44>";
    for (cseq, status) in [(10, 500), (9, 500), (11, 200)] {
        let again = register(cseq).via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKx{cseq};rport"));
        let answer = desk.register(&again.header("Contact", other).header("Contact", A));
        assert_eq!(answer.status().as_u16(), status, "{cseq}");
        assert_eq!(desk.registrar.binding_count(), if status == 200 { 2 } else { 1 });
    }
    let star = |sketch: RequestSketch| sketch.header("Contact", "*").header("Expires", "0");
    let old = register(5).via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKy;rport"));
    assert_eq!(desk.register(&star(old)).status().as_u16(), 500);
    let restarted = register(1).call_id("after-restart");
    assert_eq!(desk.register(&star(restarted)).status().as_u16(), 200);
    assert!(desk.registrar.is_empty());
}

#[test]
fn an_address_has_so_many_bindings_and_no_more() {
    let mut desk = Desk::with(|config| config.max_bindings_per_aor = 2);
    let contact = |host: u32| format!("<sip:alice@192.0.2.{host}>");
    desk.register(&register(1).header("Contact", &contact(1)));
    desk.register(&register(2).header("Contact", &contact(2)));
    let third = desk.register(&register(3).header("Contact", &contact(3)));
    assert_eq!(third.status().as_u16(), 403);
    let swap = format!("{};expires=0, {}", contact(1), contact(3));
    assert_eq!(desk.register(&register(4).header("Contact", &swap)).status().as_u16(), 200);
    assert_eq!(desk.register(&register(5).header("Contact", &contact(2))).status().as_u16(), 200);
    assert_eq!(desk.registrar.binding_count(), 2);
}

#[test]
fn the_table_has_so_many_users_and_no_more() {
    let mut desk = Desk::with(|config| config.max_aors = 1);
    desk.register(&register(1).header("Contact", A));
    let bob = register(2).to("<sip:bob@example.com>").header("Contact", A);
    let answer = desk.register(&bob);
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(header(&answer, HeaderName::RetryAfter).as_deref(), Some("5"));
    assert_eq!(desk.register(&register(3).header("Contact", A)).status().as_u16(), 200);
}

#[test]
fn without_passwords_only_users_that_exist_register() {
    let mut desk = Desk::open();
    let request = register(1).header("Contact", A).request();
    let wanted = desk.hand(Input::Request { request, flow: flow(PHONE) });
    let (token, aor) = wanted.credentials[0].clone();
    assert_eq!(aor, "alice");
    let wanted = desk.hand(Input::Credentials { token, found: CredentialsFound::Unknown });
    assert_eq!(wanted.status(), 404);
    let twice = desk.hand(Input::Credentials { token, found: CredentialsFound::Known(vec![]) });
    assert!(twice.is_nothing());
}

#[test]
fn a_cancel_has_nothing_to_cancel() {
    let mut desk = Desk::open();
    let request = register(1).header("Contact", A).request();
    desk.hand(Input::Request { request, flow: flow(PHONE) });
    let cancel = RequestSketch::new("CANCEL", "sip:example.com")
        .via(&format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKr1;rport"))
        .from("<sip:alice@example.com>;tag=f")
        .to("<sip:alice@example.com>")
        .call_id("call-1");
    assert_eq!(desk.send(&cancel).status(), 481);
}
