//! What goes wrong in calls, by accident or on purpose, and what the platform makes of it.

use std::time::Duration;

use offhook_integration_tests::offhook::{Offhook, Setup, Storage};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::sip::{Agent, Call, SipText};
use offhook_integration_tests::wait::SOON;

on_each_storage!(
    the_first_of_several_phones_to_answer_gets_the_call,
    a_caller_that_gives_up_stops_every_phone,
    the_best_refusal_of_several_phones_is_passed_on,
);

fn the_first_of_several_phones_to_answer_gets_the_call(storage: Storage) {
    let offhook = server(storage);
    let mut caller = offhook.registered_agent("2001");
    let mut quick = offhook.registered_agent("2002");
    let mut slow = offhook.registered_agent("2002");
    let invite = caller.call("2002");
    let to_quick = ring(&mut quick);
    let to_slow = ring(&mut slow);
    quick.reply(&to_quick, 200, "OK");
    let call = Call::answered(&mut caller, &mut quick, invite, to_quick);
    give_up(&mut slow, &to_slow);
    call.end_by_callee(&mut quick, &mut caller);
}

fn a_caller_that_gives_up_stops_every_phone(storage: Storage) {
    let offhook = server(storage);
    let mut caller = offhook.registered_agent("2001");
    let mut phones = [offhook.registered_agent("2002"), offhook.registered_agent("2002")];
    let invite = caller.call("2002");
    let ringing: Vec<SipText> = phones.iter_mut().map(ring).collect();
    let cancel = caller.cancel(&invite);
    assert_eq!(caller.final_response(&cancel).status(), Some(200));
    for (phone, invite) in phones.iter_mut().zip(&ringing) {
        give_up(phone, invite);
    }
    assert_eq!(caller.final_response(&invite).status(), Some(487));
}

fn the_best_refusal_of_several_phones_is_passed_on(storage: Storage) {
    let offhook = server(storage);
    let mut caller = offhook.registered_agent("2001");
    let mut first = offhook.registered_agent("2002");
    let mut second = offhook.registered_agent("2002");
    let invite = caller.call("2002");
    let to_first = ring(&mut first);
    let to_second = ring(&mut second);
    first.reply(&to_first, 500, "Server Internal Error");
    first.wait_request("ACK");
    second.reply(&to_second, 486, "Busy Here");
    second.wait_request("ACK");
    assert_eq!(caller.final_response(&invite).status(), Some(486));
}

#[test]
fn a_decline_from_one_phone_stops_the_others() {
    let offhook = server(Storage::Sqlite);
    let mut caller = offhook.registered_agent("2001");
    let mut first = offhook.registered_agent("2002");
    let mut second = offhook.registered_agent("2002");
    let invite = caller.call("2002");
    let to_first = ring(&mut first);
    let to_second = ring(&mut second);
    first.reply(&to_first, 603, "Decline");
    give_up(&mut second, &to_second);
    assert_eq!(caller.final_response(&invite).status(), Some(603));
}

#[test]
fn a_phone_that_never_answers_times_out() {
    let setup = Setup::offhook(Storage::Sqlite);
    let offhook = setup.set("sip.timer_t1_ms", "20").set("sip.timer_t2_ms", "100").start();
    offhook.add_users(&["2001", "2002"]);
    let mut caller = offhook.registered_agent("2001");
    let _silent = offhook.registered_agent("2002");
    let invite = caller.call("2002");
    assert_eq!(caller.final_response(&invite).status(), Some(408));
}

#[test]
fn a_call_must_be_authenticated() {
    let offhook = server(Storage::Sqlite);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let invite = caller.invite("2002");
    let challenge = caller.exchange_once(&invite);
    assert_eq!(challenge.status(), Some(407), "{challenge:#?}");
    assert!(challenge.header("Proxy-Authenticate").is_some(), "{challenge:#?}");
    let mut liar = Agent::udp(offhook.subnet().host(61), offhook.sip(), "2001", "wrong");
    let invite = liar.invite("2002");
    let refusal = liar.exchange(&invite);
    assert!(matches!(refusal.status(), Some(407 | 403)), "{refusal:#?}");
    assert_silent(&mut callee);
}

#[test]
fn strangers_cannot_relay_through_the_platform() {
    let offhook = server(Storage::Sqlite);
    let mut target = Agent::udp(offhook.subnet().host(70), offhook.sip(), "target", "");
    let mut stranger = offhook.agent("stranger");
    let elsewhere = target.contact();
    let own_route = format!("Route: <sip:{};lr>", offhook.sip());
    let target_route = format!("Route: <{elsewhere};lr>");
    let to_2002 = stranger.address_of("2002");
    let dialog = format!("<{elsewhere}>;tag=made-up");
    let attempts = [
        stranger.request("INVITE", &elsewhere),
        stranger.request("INVITE", &elsewhere).header(&own_route),
        stranger.request("INVITE", &to_2002).header(&target_route),
        stranger.request("INVITE", &to_2002).header(&own_route).header(&target_route),
        stranger.request("MESSAGE", &elsewhere),
        stranger.request("BYE", &elsewhere).to(&dialog).header(&own_route),
        stranger.request("INVITE", &elsewhere).to(&dialog).header(&own_route),
        stranger.request("OPTIONS", &elsewhere).to(&dialog).header(&own_route),
    ];
    for attempt in attempts {
        let response = stranger.exchange_once(&attempt);
        let refused = response.status().is_some_and(|status| (400..500).contains(&status));
        assert!(refused, "{attempt:#?}\n{response:#?}");
    }
    assert_silent(&mut target);
}

#[test]
fn a_request_that_has_travelled_too_far_is_refused() {
    let offhook = server(Storage::Sqlite);
    let mut caller = offhook.agent("2001");
    let mut callee = offhook.registered_agent("2002");
    let mut invite = caller.invite("2002");
    invite.max_forwards = 0;
    assert_eq!(caller.exchange(&invite).status(), Some(483));
    assert_silent(&mut callee);
}

#[test]
fn the_log_tells_of_a_refusal_with_its_call_id() {
    let setup = Setup::offhook(Storage::Sqlite).set("log.format", "\"json\"");
    let mut offhook = setup.start();
    offhook.add_users(&["2001"]);
    let mut caller = offhook.registered_agent("2001");
    let mut invite = caller.invite("2002");
    invite.max_forwards = 0;
    assert_eq!(caller.exchange(&invite).status(), Some(483));
    let log = offhook.log();
    let line = log.lines().find(|line| line.contains("request refused")).expect("a line");
    let event: serde_json::Value = serde_json::from_str(line).expect("one JSON object a line");
    let told = event.to_string();
    assert!(told.contains(&format!("\"call_id\":\"{}\"", invite.call_id)), "{told}");
    assert!(told.contains("483"), "{told}");
}

#[test]
fn an_extension_that_is_required_and_unknown_is_named() {
    let offhook = server(Storage::Sqlite);
    let mut caller = offhook.registered_agent("2001");
    let _callee = offhook.registered_agent("2002");
    let invite = caller.invite("2002").header("Proxy-Require: time-travel");
    let response = caller.exchange(&invite);
    assert_eq!(response.status(), Some(420), "{response:#?}");
    assert_eq!(response.need("Unsupported"), "time-travel");
}

#[test]
fn the_platform_answers_options() {
    assert_well(&mut server(Storage::Sqlite));
}

#[test]
fn malformed_requests_are_answered_and_do_no_harm() {
    let mut offhook = server(Storage::Sqlite);
    let spoil: [fn(&str) -> String; 5] = [
        |text| text.replace("OPTIONS\r\n", "INVITE\r\n"),
        |text| text.replace("CSeq: 1 ", "CSeq: 99999999999 "),
        |text| text.replace("OPTIONS sip:", "OPTIONS <sip:"),
        |text| text.replace("To: <", "To: <<"),
        |text| text.replace("Max-Forwards: 70", "Max-Forwards: seventy"),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        for mut agent in [offhook.agent("2001"), offhook.tcp_agent("2001")] {
            let text = spoil(&options(&offhook, &mut agent));
            agent.link().send(text.as_bytes());
            let response = agent.link().receive(SOON);
            let response = response.unwrap_or_else(|| panic!("{number} is not answered: {text}"));
            assert_eq!(response.status(), Some(400), "{number}: {response:#?}");
        }
    }
    assert_well(&mut offhook);
}

#[test]
fn requests_that_cannot_be_answered_do_no_harm() {
    let mut offhook = server(Storage::Sqlite);
    for header in ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"] {
        for mut agent in [offhook.agent("2001"), offhook.tcp_agent("2001")] {
            let text = without(&options(&offhook, &mut agent), header);
            agent.link().send(text.as_bytes());
        }
    }
    assert_well(&mut offhook);
}

/// A plain OPTIONS to the platform.
fn options(offhook: &Offhook, agent: &mut Agent) -> String {
    let uri = format!("sip:{}", offhook.sip());
    let options = agent.request("OPTIONS", &uri);
    agent.text(&options)
}

/// The platform runs and answers over both transports.
#[track_caller]
fn assert_well(offhook: &mut Offhook) {
    assert!(offhook.is_running());
    let uri = format!("sip:{}", offhook.sip());
    for mut agent in [offhook.agent("2001"), offhook.tcp_agent("2001")] {
        let options = agent.request("OPTIONS", &uri);
        assert_eq!(agent.exchange_once(&options).status(), Some(200));
    }
}

#[test]
fn what_is_no_sip_at_all_does_no_harm() {
    let mut offhook = server(Storage::Sqlite);
    let long = "A".repeat(60_000);
    let header = format!("OPTIONS sip:x SIP/2.0\r\nVia: {long}\r\n\r\n");
    let garbage: [&[u8]; 8] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP :;branch\r\n\r\n",
        long.as_bytes(),
        header.as_bytes(),
    ];
    let mut agent = offhook.agent("2001");
    for bytes in garbage {
        agent.link().send(bytes);
        let mut stream = offhook.tcp_agent("2001");
        stream.link().send(bytes);
    }
    assert_well(&mut offhook);
}

#[test]
fn a_message_in_two_pieces_and_two_in_one_are_understood() {
    let offhook = server(Storage::Sqlite);
    let uri = format!("sip:{}", offhook.sip());
    let mut agent = offhook.tcp_agent("2001");
    let first = agent.request("OPTIONS", &uri);
    let second = agent.request("OPTIONS", &uri);
    let text = format!("{}{}", agent.text(&first), agent.text(&second));
    let (head, tail) = text.as_bytes().split_at(100);
    agent.link().send(head);
    agent.link().send(tail);
    assert_eq!(agent.final_response(&first).status(), Some(200));
    assert_eq!(agent.final_response(&second).status(), Some(200));
}

fn server(storage: Storage) -> Offhook {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001", "2002"]);
    offhook
}

/// Waits for the INVITE and rings.
#[track_caller]
fn ring(phone: &mut Agent) -> SipText {
    let invite = phone.wait_request("INVITE");
    phone.reply(&invite, 180, "Ringing");
    invite
}

/// Waits for CANCEL and ends the ringing as a phone does (RFC 3261 section 9.2).
#[track_caller]
fn give_up(phone: &mut Agent, invite: &SipText) {
    let cancel = phone.wait_request("CANCEL");
    phone.reply(&cancel, 200, "OK");
    phone.reply(invite, 487, "Request Terminated");
    phone.wait_request("ACK");
}

/// Nothing may arrive; half a second is many times what an arrival takes.
#[track_caller]
fn assert_silent(agent: &mut Agent) {
    let arrived = agent.link().receive(Duration::from_millis(500));
    assert!(arrived.is_none(), "{arrived:#?}");
}

/// The message without the line of that header.
fn without(text: &str, header: &str) -> String {
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with(&format!("{header}:"))).collect()
}
