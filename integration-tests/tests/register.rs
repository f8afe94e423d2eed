//! Registration at the level of the protocol: digest, bindings, expiry, Path.

use std::collections::BTreeSet;
use std::time::Duration;

use offhook_integration_tests::baresip::{Account, Baresip, Transport};
use offhook_integration_tests::digest::Algorithm;
use offhook_integration_tests::offhook::{Offhook, Setup, Storage};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::sip::{Agent, SipText};
use offhook_integration_tests::wait;

on_each_storage!(
    a_phone_with_a_wrong_password_is_refused,
    a_wrong_password_and_an_unknown_user_look_the_same,
    both_digest_algorithms_register,
    several_contacts_are_kept_and_listed,
    a_contact_is_removed_by_an_expiry_of_zero,
    a_star_removes_every_contact,
    a_path_is_kept_and_calls_go_along_it,
);

fn a_phone_with_a_wrong_password_is_refused(storage: Storage) {
    let offhook = server(storage);
    let account = Account {
        user: "2001",
        password: "wrong",
        registrar: offhook.sip(),
        transport: Transport::Udp,
    };
    let mut phone = Baresip::start(offhook.subnet(), 0, account);
    let printed = phone.wait_refused();
    assert!(printed.contains("401") || printed.contains("403"), "{printed}");
}

fn a_wrong_password_and_an_unknown_user_look_the_same(storage: Storage) {
    let offhook = server(storage);
    let mut refusals = BTreeSet::new();
    for (user, password) in [("2001", "wrong"), ("nobody", "any")] {
        let mut agent = Agent::udp(offhook.subnet().host(60), offhook.sip(), user, password);
        let register = agent.register(600);
        let challenge = agent.exchange_once(&register);
        assert_eq!(challenge.status(), Some(401), "{challenge:#?}");
        let refusal = agent.exchange(&register);
        assert!(matches!(refusal.status(), Some(401 | 403)), "{refusal:#?}");
        refusals.insert(refusal.start_line);
    }
    assert_eq!(refusals.len(), 1, "an attacker can tell users apart by {refusals:?}");
}

fn both_digest_algorithms_register(storage: Storage) {
    let offhook = server(storage);
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut agent = offhook.agent("2001").with_algorithm(algorithm);
        let register = agent.register(600);
        let response = agent.exchange(&register);
        assert_eq!(response.status(), Some(200), "{algorithm:?} {response:#?}");
    }
}

fn several_contacts_are_kept_and_listed(storage: Storage) {
    let offhook = server(storage);
    let mut agents = [offhook.agent("2001"), offhook.agent("2001"), offhook.tcp_agent("2001")];
    let mut expected = BTreeSet::new();
    for agent in &mut agents {
        expected.insert(agent.contact());
        let register = agent.register(600);
        let response = agent.exchange(&register);
        assert_eq!(contacts(&response), expected);
    }
    // A refresh adds none.
    let [first, ..] = &mut agents;
    let register = first.register(700);
    assert_eq!(contacts(&first.exchange(&register)), expected);
    // A REGISTER without a contact asks for the list.
    assert_eq!(bindings(first), expected);
}

fn a_contact_is_removed_by_an_expiry_of_zero(storage: Storage) {
    let offhook = server(storage);
    let mut staying = offhook.registered_agent("2001");
    let mut leaving = offhook.registered_agent("2001");
    let register = leaving.register(0);
    let response = leaving.exchange(&register);
    assert_eq!(response.status(), Some(200), "{response:#?}");
    assert_eq!(bindings(&mut staying), BTreeSet::from([staying.contact()]));
}

fn a_star_removes_every_contact(storage: Storage) {
    let offhook = server(storage);
    let mut first = offhook.registered_agent("2001");
    let _second = offhook.registered_agent("2001");
    // A star means removal and nothing else (RFC 3261 section 10.2.2).
    for expires in ["Expires: 600", "X-None: at all"] {
        let star = first.register_contact("Contact: *").header(expires);
        assert_eq!(first.exchange(&star).status(), Some(400));
    }
    assert_eq!(bindings(&mut first).len(), 2);
    let star = first.register_contact("Contact: *").header("Expires: 0");
    assert_eq!(first.exchange(&star).status(), Some(200));
    assert_eq!(bindings(&mut first), BTreeSet::new());
    let mut caller = offhook.registered_agent("2002");
    let invite = caller.invite("2001");
    assert_eq!(caller.exchange(&invite).status(), Some(480));
}

fn a_path_is_kept_and_calls_go_along_it(storage: Storage) {
    let offhook = server(storage);
    let mut edge = offhook.agent("2001");
    let path = format!("<{};lr>", edge.contact().replace("2001@", "edge@"));
    let beyond = "sip:2001@192.0.2.1:5999";
    let register = edge
        .register_contact(&format!("Contact: <{beyond}>"))
        .header("Expires: 600")
        .header("Supported: path")
        .header(format!("Path: {path}"));
    let response = edge.exchange(&register);
    assert_eq!(response.status(), Some(200), "{response:#?}");
    assert_eq!(response.header("Path"), Some(path.as_str()));
    let mut caller = offhook.registered_agent("2002");
    let invite = caller.call("2001");
    let arrived = edge.wait_request("INVITE");
    assert_eq!(arrived.request_uri(), Some(beyond));
    assert_eq!(arrived.values("Route").next(), Some(path.as_str()));
    edge.reply(&arrived, 486, "Busy Here");
    assert_eq!(caller.final_response(&invite).status(), Some(486));
}

#[test]
fn an_expiry_that_is_too_short_is_refused_with_the_least() {
    let offhook = server(Storage::Sqlite);
    let mut agent = offhook.agent("2001");
    let register = agent.register(10);
    let response = agent.exchange(&register);
    assert_eq!(response.status(), Some(423), "{response:#?}");
    assert_eq!(response.need("Min-Expires"), "60");
    assert_eq!(bindings(&mut agent), BTreeSet::new());
}

#[test]
fn an_expiry_that_is_too_long_is_cut() {
    let offhook = server(Storage::Sqlite);
    let mut agent = offhook.agent("2001");
    let register = agent.register(1_000_000);
    let response = agent.exchange(&register);
    assert_eq!(response.status(), Some(200), "{response:#?}");
    let (_, expires) = response.need("Contact").split_once("expires=").expect("an expiry");
    let expires: String = expires.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(expires, "7200");
}

#[test]
fn a_replayed_answer_is_refused() {
    let offhook = server(Storage::Sqlite);
    let mut agent = offhook.agent("2001");
    let register = agent.register(600);
    let challenge = agent.exchange_once(&register);
    let answered = agent.answer_challenge(&register, &challenge, 1);
    assert_eq!(agent.exchange_once(&answered).status(), Some(200));
    // The same nonce with the next count is fine, with a count that was used it is a replay.
    let next = agent.answer_challenge(&answered, &challenge, 2);
    assert_eq!(agent.exchange_once(&next).status(), Some(200));
    let replay = agent.again(&next);
    assert_eq!(agent.exchange_once(&replay).status(), Some(401));
    let older = agent.answer_challenge(&replay, &challenge, 1);
    assert_eq!(agent.exchange_once(&older).status(), Some(401));
}

#[test]
fn an_old_nonce_is_called_stale() {
    let offhook = Setup::offhook(Storage::Sqlite).set("sip.nonce_lifetime_s", "10").start();
    offhook.add_users(&["2001"]);
    let mut agent = offhook.agent("2001");
    let register = agent.register(600);
    let challenge = agent.exchange_once(&register);
    let mut request = register;
    let refusal = wait::eventually("the nonce grows old", wait::SOON * 2, || {
        request = agent.answer_challenge(&request, &challenge, request.cseq);
        let response = agent.exchange_once(&request);
        wait::pause(Duration::from_millis(200));
        (response.status() == Some(401)).then_some(response)
    });
    let stale = |value: &str| value.to_ascii_lowercase().contains("stale=true");
    assert!(refusal.all("WWW-Authenticate").all(stale), "{refusal:#?}");
    // A client that sees this answers the new nonce without asking its user.
    let request = agent.answer_challenge(&request, &refusal, 1);
    assert_eq!(agent.exchange_once(&request).status(), Some(200));
}

#[test]
fn a_user_cannot_register_another() {
    let offhook = server(Storage::Sqlite);
    let mut agent = offhook.agent("2001");
    let other = format!("<{}>", agent.address_of("2002"));
    let register = agent.register(600).to(other);
    let response = agent.exchange(&register);
    assert_eq!(response.status(), Some(403), "{response:#?}");
}

#[test]
fn a_binding_that_expires_is_gone() {
    let setup = Setup::offhook(Storage::Sqlite).set("registrar.min_expires_s", "1");
    let offhook = setup.start();
    offhook.add_users(&["2001", "2002"]);
    let mut agent = offhook.agent("2001");
    let register = agent.register(1);
    assert_eq!(agent.exchange(&register).status(), Some(200));
    wait::eventually("the binding expires", wait::SOON, || {
        wait::pause(Duration::from_millis(200));
        bindings(&mut agent).is_empty().then_some(())
    });
    let mut caller = offhook.registered_agent("2002");
    let invite = caller.invite("2001");
    assert_eq!(caller.exchange(&invite).status(), Some(480));
}

fn server(storage: Storage) -> Offhook {
    let offhook = Setup::offhook(storage).start();
    offhook.add_users(&["2001", "2002"]);
    offhook
}

/// Asks for the list of contacts.
#[track_caller]
fn bindings(agent: &mut Agent) -> BTreeSet<String> {
    let query = agent.register_contact("X-Query: all");
    contacts(&agent.exchange(&query))
}

#[track_caller]
fn contacts(response: &SipText) -> BTreeSet<String> {
    assert_eq!(response.status(), Some(200), "{response:#?}");
    let uri = |contact: &str| {
        let (_, rest) = contact.split_once('<')?;
        Some(rest.split_once('>')?.0.to_owned())
    };
    response.values("Contact").filter_map(uri).collect()
}
