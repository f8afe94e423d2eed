//! The services as binaries of their own, and our proxy with a relay that is not ours.

use std::net::SocketAddr;

use offhook_integration_tests::baresip::Transport;
use offhook_integration_tests::offhook::{Offhook, Setup, Storage};
use offhook_integration_tests::on_each_storage;
use offhook_integration_tests::rtpengine::Rtpengine;

on_each_storage!(phones_talk_through_a_proxy_and_a_relay_of_ours);

fn phones_talk_through_a_proxy_and_a_relay_of_ours(storage: Storage) {
    let relay = Setup::media().start();
    let proxy = proxy(storage, relay.ng());
    talk(&proxy);
    let packets = relay.metric("offhook_media_packets_total");
    assert!(packets > Some(100), "the relay has passed {packets:?} packets");
}

#[test]
fn phones_talk_through_our_proxy_and_rtpengine() {
    let relay = Rtpengine::start();
    let proxy = proxy(Storage::Sqlite, relay.ng());
    talk(&proxy);
}

#[test]
fn a_relay_that_is_killed_and_comes_back_serves_the_next_call() {
    let mut relay = Setup::media().start();
    let proxy = proxy(Storage::Sqlite, relay.ng());
    relay.kill9();
    relay.start();
    talk(&proxy);
}

fn proxy(storage: Storage, relay: SocketAddr) -> Offhook {
    let proxy = Setup::proxy(storage, relay).start();
    proxy.add_users(&["2001", "2002"]);
    proxy
}

#[track_caller]
fn talk(proxy: &Offhook) {
    let mut caller = proxy.phone(0, "2001", Transport::Udp);
    let mut callee = proxy.phone(1, "2002", Transport::Tcp);
    caller.call(&mut callee);
    caller.wait_talks_with(&callee);
    callee.end_call(&mut caller);
}
