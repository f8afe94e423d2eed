//! How far a call can have come when a test begins.

use offhook_sip_message::Flow;
use offhook_testkit::messages::RequestSketch;
use offhook_testkit::{Dialog, ReplySketch};

use super::lab::Lab;
use super::people::{ALICE, BOB, invite, udp};

/// Both sides of a call.
pub(crate) struct Call {
    pub(crate) alice: Dialog,
    pub(crate) bob: Dialog,
}

impl Lab {
    /// Alice's INVITE has been forwarded to bob.
    pub(crate) fn called() -> Self {
        let mut lab = Self::new();
        assert_eq!(lab.send(&invite(), udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
        lab
    }

    /// Bob rings.
    pub(crate) fn ringing() -> Self {
        let mut lab = Self::called();
        assert_eq!(lab.answer(BOB, "INVITE", 180), ["180 INVITE to alice"]);
        lab
    }

    /// Bob has answered, and alice has acknowledged it.
    pub(crate) fn talking() -> (Self, Call) {
        let mut lab = Self::new();
        let call = lab.connect(&invite(), udp(ALICE), BOB);
        (lab, call)
    }

    /// Has alice call, the phone at `host` answer, and alice acknowledge that.
    pub(crate) fn connect(&mut self, invite: &RequestSketch, flow: Flow, host: &str) -> Call {
        self.send(invite, flow);
        let received = self.request_to(host, "INVITE");
        let reply = ReplySketch::new(&received, 200).contact(&format!("sip:bob@{host}"));
        let reply = if invite.request().body().is_empty() { reply } else { reply.sdp("bob") };
        self.reply(&reply);
        let response = self.response_to(&flow.remote.to_string());
        assert_eq!(response.status().as_u16(), 200);
        let mut call =
            Call { alice: Dialog::of_caller(&response), bob: Dialog::of_callee(&received, "b1") };
        let lines = self.send_in(&mut call.alice, "ACK", flow);
        assert!(lines.len() == 1 && lines[0].starts_with("ACK to "), "{lines:?}");
        call
    }
}
