//! UDP: threads that read, process and write datagrams in batches.

#[expect(
    unsafe_code,
    reason = "recvmmsg, sendmmsg, packet-info and the error queue have no safe call"
)]
mod batch;
mod endpoint;
mod recent_sends;
mod worker;

pub(crate) use endpoint::Endpoint;
pub(crate) use recent_sends::RecentSends;
pub(crate) use worker::run;
