//! The stateful proxy of RFC 3261 section 16: forking, record-routing, best response.
