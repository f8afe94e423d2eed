//! An established call between two agents, as each of them knows it.

use super::{Agent, Outgoing, SipText};

/// A call that was answered and acknowledged.
#[derive(Clone, Debug)]
pub struct Call {
    /// The INVITE of the caller.
    pub invite: Outgoing,
    /// The answer, as it reached the caller.
    pub ok: SipText,
    /// The INVITE, as it reached the called side.
    pub arrived: SipText,
}

impl Call {
    /// Calls the user, who answers as the second agent.
    #[track_caller]
    #[must_use]
    pub fn establish(caller: &mut Agent, callee: &mut Agent, user: &str) -> Self {
        let invite = caller.call(user);
        let arrived = callee.wait_request("INVITE");
        callee.reply(&arrived, 200, "OK");
        Self::answered(caller, callee, invite, arrived)
    }

    /// Takes the 200 that the called side has sent, and acknowledges it.
    ///
    /// # Panics
    /// When the final response is not a 200.
    #[track_caller]
    #[must_use]
    pub fn answered(
        caller: &mut Agent,
        callee: &mut Agent,
        invite: Outgoing,
        arrived: SipText,
    ) -> Self {
        let ok = caller.final_response(&invite);
        assert_eq!(ok.status(), Some(200), "{ok:#?}");
        let ack = caller.in_dialog("ACK", &invite, &ok);
        caller.send(&ack);
        callee.wait_request("ACK");
        Self { invite, ok, arrived }
    }

    /// The caller ends the call.
    #[track_caller]
    pub fn end_by_caller(&self, caller: &mut Agent, callee: &mut Agent) {
        let bye = caller.in_dialog("BYE", &self.invite, &self.ok);
        end(&bye, caller, callee);
    }

    /// The called side ends the call: the dialog's ends change places, and the route set is in
    /// the order of the INVITE that arrived (RFC 3261 section 12.1.1).
    #[track_caller]
    pub fn end_by_callee(&self, callee: &mut Agent, caller: &mut Agent) {
        let mut bye = callee.request("BYE", self.arrived.contact_uri());
        self.ok.need("To").clone_into(&mut bye.from);
        self.arrived.need("From").clone_into(&mut bye.to);
        self.arrived.need("Call-ID").clone_into(&mut bye.call_id);
        for route in self.arrived.values("Record-Route") {
            bye.headers.push(format!("Route: {route}"));
        }
        end(&bye, callee, caller);
    }
}

#[track_caller]
fn end(bye: &Outgoing, from: &mut Agent, to: &mut Agent) {
    from.send(bye);
    let arrived = to.wait_request("BYE");
    to.reply(&arrived, 200, "OK");
    let response = from.final_response(bye);
    assert_eq!(response.status(), Some(200), "{response:#?}");
}
