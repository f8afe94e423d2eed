//! Requests on their way out (RFC 3261 section 16.6).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::Now;
use offhook_sip_core::passed_nat;
use offhook_sip_message::{
    Auth, Edit, Flow, HeaderName, Host, Method, NameAddr, Request, Response, StatusCode, Transport,
    Uri,
};

use crate::action::{Action, CallReport, Target, TargetsFound};
use crate::admission::Refusal;
use crate::branch::{Branch, BranchState};
use crate::context::{Context, ContextId, Final};
use crate::interface::{Interface, Interfaces};
use crate::proxy::{Proxy, Timer};
use crate::record_route::{self, Side};
use crate::response::Owner;
use crate::routing::Next;
use crate::strict_routing;
use crate::wait::Purpose;

/// The most further addresses of a next hop that are tried after its first.
const MAX_ALTERNATIVES: usize = 4;

impl Proxy {
    /// Finds out where the request goes (section 16.5).
    pub(crate) fn find_targets(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        match &context.route.next {
            Next::User(aor) => {
                let aor = aor.clone();
                self.ask(Purpose::Targets(id), now, |token| Action::FindTargets { token, aor });
            }
            Next::Peer | Next::Hop(_) | Next::Platform => {
                let flow = context.route.dialog.and_then(|dialog| dialog.flow);
                let received = || context.request.bytes().slice_ref(context.request.uri().raw());
                let uri = context.route.target.clone().unwrap_or_else(received);
                context.targets =
                    vec![Target { uri, flow, path: Vec::new(), behind_nat: flow.is_some() }];
                self.engage_media(id, now);
            }
        }
    }

    pub(crate) fn targets_found(&mut self, id: ContextId, found: TargetsFound, now: Now) {
        let refusal = match found {
            TargetsFound::Bindings(targets) if !targets.is_empty() => {
                let Some(context) = self.contexts.get_mut(&id) else { return };
                context.targets = targets;
                context.targets.truncate(self.config.max_branches);
                return self.engage_media(id, now);
            }
            TargetsFound::Bindings(_) | TargetsFound::NotRegistered => {
                Refusal::new(StatusCode::TEMPORARILY_UNAVAILABLE, "The user is not registered")
            }
            TargetsFound::UnknownUser => Refusal::new(StatusCode::NOT_FOUND, "No such user"),
            TargetsFound::Unavailable => Refusal::unavailable("Location unavailable"),
        };
        self.fail(id, &refusal, now);
    }

    /// Makes a branch for each target and starts them all (parallel forking).
    pub(crate) fn fork(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        context.branches = context.targets.drain(..).map(Branch::new).collect();
        let count = context.branches.len();
        if context.starts_call() {
            self.list_call(id, now);
        }
        for index in 0..count {
            self.start_branch(id, index, now);
        }
        // An ACK has nothing to wait for; neither has a request none of whose branches could start.
        self.finish_if_complete(id, now);
    }

    fn list_call(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let request = &context.request;
        if !self.calls.has_room_for(request.call_id()) {
            return;
        }
        context.listed = true;
        let call_id = Bytes::copy_from_slice(request.call_id());
        let deadline = now.mono + self.config.max_call_duration;
        let expiry = self.timers.insert(deadline, Timer::CallExpiry(call_id.clone()));
        self.calls.start(call_id.clone(), request, context.relayed, now.wall, expiry);
        self.report_call(call_id, CallReport::Started);
    }

    /// Works out the next hop of a branch and sends the request there.
    fn start_branch(&mut self, id: ContextId, index: usize, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        let near = context.flow.local.ip();
        let hop = match next_hop(&context.route.next, &branch.target) {
            Ok(hop) => hop,
            Err(status) => return self.branch_not_sent(id, index, status),
        };
        match (usable_flow(&branch.target), hop.address) {
            (Some(flow), HopAddress::Ip(address)) => {
                // A lost connection leaves the Contact's address to be tried.
                let fallback = flow_to(&self.config.interfaces, hop.transport, address, near);
                branch.alternatives.extend(fallback.filter(|_| flow.transport.is_reliable()));
                self.launch(id, index, flow, now);
            }
            (Some(flow), HopAddress::Name(_)) => self.launch(id, index, flow, now),
            (None, HopAddress::Ip(address)) => self.send_to(id, index, hop.transport, address, now),
            (None, HopAddress::Name(host)) => {
                let (port, transport) = (hop.port, hop.transport);
                self.ask(Purpose::NextHop(id, index), now, |token| Action::Resolve {
                    token,
                    host,
                    port,
                    transport,
                });
            }
        }
    }

    pub(crate) fn next_hop_resolved(
        &mut self,
        id: ContextId,
        index: usize,
        addresses: Vec<SocketAddr>,
        now: Now,
    ) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        if branch.state != BranchState::Resolving {
            return;
        }
        let near = context.flow.local.ip();
        match (addresses.split_first(), next_hop(&context.route.next, &branch.target)) {
            (Some((&address, others)), Ok(hop)) => {
                // RFC 3263 section 4.3: the next address is tried if one cannot be reached.
                let others = others.iter().take(MAX_ALTERNATIVES);
                branch.alternatives.extend(others.filter_map(|&other| {
                    flow_to(&self.config.interfaces, hop.transport, other, near)
                }));
                self.send_to(id, index, hop.transport, address, now);
            }
            // Section 16.6 step 7: a name without an address counts as a failed branch.
            (None, _) | (_, Err(_)) => self.branch_not_sent(id, index, StatusCode::BAD_GATEWAY),
        }
        self.finish_if_complete(id, now);
    }

    fn send_to(
        &mut self,
        id: ContextId,
        index: usize,
        transport: Transport,
        address: SocketAddr,
        now: Now,
    ) {
        let Some(context) = self.contexts.get(&id) else { return };
        let near = context.flow.local.ip();
        match flow_to(&self.config.interfaces, transport, address, near) {
            Some(flow) => self.launch(id, index, flow, now),
            // No listener speaks this transport or address family.
            None => self.branch_not_sent(id, index, StatusCode::BAD_GATEWAY),
        }
    }

    /// Sends the request by `flow`: as a client transaction, or, for an ACK, as it is.
    pub(crate) fn launch(&mut self, id: ContextId, index: usize, flow: Flow, now: Now) {
        let Some(context) = self.contexts.get(&id) else { return };
        let Some(branch) = context.branches.get(index) else { return };
        let interfaces = self.config.interfaces.clone();
        let (Some(caller), Some(callee)) = (interfaces.of(&context.flow), interfaces.of(&flow))
        else {
            return self.branch_not_sent(id, index, StatusCode::BAD_GATEWAY);
        };
        let mut hop = Outgoing {
            context,
            target: &branch.target,
            flow,
            realm: &self.config.authenticator.realm,
            record_routes: Vec::new(),
        };
        if makes_dialog(context.request.method()) {
            hop.record_routes = self.record_routes(context, &branch.target, &flow, caller, callee);
        }
        if context.server.is_none() {
            let bytes = hop.write(callee, &stateless_branch(&context.request));
            self.act(Action::Transmit { flow, bytes, ticket: 0 });
            return self.end_branch(id, index);
        }
        let branch_id = self.transactions.new_branch();
        let bytes = hop.write(callee, branch_id.as_bytes());
        let method = context.request.method();
        match self.transactions.request(branch_id, method, bytes, flow, now.mono) {
            Ok(client) => {
                let timer = (method == Method::Invite).then(|| {
                    self.timers.insert(now.mono + self.config.timer_c, Timer::C(id, index))
                });
                self.by_client.insert(client, Owner::Branch(id, index));
                if let Some(context) = self.contexts.get_mut(&id) {
                    context.branches[index].state = BranchState::Pending(client);
                    context.branches[index].timer = timer;
                }
            }
            Err(_) => self.branch_not_sent(id, index, StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// A branch could not even be started. Whoever starts branches looks afterwards whether any is left.
    fn branch_not_sent(&mut self, id: ContextId, index: usize, status: StatusCode) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        branch.state = BranchState::Done;
        context.finals.push(Final::Local(status));
    }

    fn record_routes(
        &self,
        context: &Context,
        target: &Target,
        flow: &Flow,
        caller: &Interface,
        callee: &Interface,
    ) -> Vec<String> {
        let by_flow =
            context.flow.transport.is_reliable() || passed_nat(&context.request, &context.flow);
        let caller = Side { interface: caller, flow: by_flow.then_some(context.flow) };
        let callee_flow = usable_flow(target).filter(|known| known == flow);
        let callee = Side { interface: callee, flow: callee_flow };
        let call_id = context.request.call_id();
        record_route::values(&caller, &callee, &self.tokens, call_id, context.relayed).into_vec()
    }
}

/// One request as it leaves.
struct Outgoing<'a> {
    context: &'a Context,
    target: &'a Target,
    flow: Flow,
    /// Whose credentials stay here.
    realm: &'a str,
    record_routes: Vec<String>,
}

impl Outgoing<'_> {
    /// The received bytes with the changes of section 16.6 spliced in.
    fn write(&self, interface: &Interface, branch: &[u8]) -> Bytes {
        let context = self.context;
        let mut edit = context.request.edit();
        if strict_routing::concerns(context, self.target) {
            strict_routing::write(&mut edit, context, self.target);
        } else {
            edit.set_request_uri(&self.target.uri);
            for _ in 0..context.route.own_routes {
                edit.remove_first_value(HeaderName::Route);
            }
            for hop in self.target.path.iter().rev() {
                edit.push_first(HeaderName::Route, hop);
            }
        }
        edit.replace(HeaderName::MaxForwards, context.max_forwards.to_string().as_bytes());
        for value in &self.record_routes {
            edit.push_first(HeaderName::RecordRoute, value.as_bytes());
        }
        self.keep_credentials(&mut edit);
        if let Some(description) = &context.description {
            edit.set_body(None, description);
        }
        edit.stamp_top_via(context.flow.remote);
        let mut via = Vec::with_capacity(96);
        via.extend_from_slice(b"SIP/2.0/");
        via.extend_from_slice(self.flow.transport.as_str().as_bytes());
        via.push(b' ');
        via.extend_from_slice(interface.advertised.as_bytes());
        via.extend_from_slice(b";branch=");
        via.extend_from_slice(branch);
        edit.push_first(HeaderName::Via, &via);
        edit.finish()
    }

    /// Takes out the credentials for our realm, which were meant for this proxy (section 22.3), whether
    /// it asked for them or not: phones send them along in dialogs too, and the other side could use
    /// such unspent credentials in the sender's name.
    fn keep_credentials(&self, edit: &mut Edit<'_>) {
        let is_ours = |value: &[u8]| {
            let realm = Auth::parse(value).ok().and_then(|credentials| credentials.get("realm"));
            realm.is_some_and(|realm| *realm.text() == *self.realm.as_bytes())
        };
        let request = &self.context.request;
        if !request.lines(HeaderName::ProxyAuthorization).any(is_ours) {
            return;
        }
        edit.remove_all(HeaderName::ProxyAuthorization);
        for line in request.lines(HeaderName::ProxyAuthorization).filter(|line| !is_ours(line)) {
            edit.append(HeaderName::ProxyAuthorization, line);
        }
    }
}

/// A response without our Via, with the relay's description and more challenges if there are any
/// (section 16.7 steps 3 and 7).
pub(crate) fn response(
    response: &Response,
    description: Option<&Bytes>,
    challenges: &[(HeaderName, Bytes)],
) -> Bytes {
    let mut edit = response.edit();
    edit.remove_first_value(HeaderName::Via);
    for (name, value) in challenges {
        edit.append(*name, value);
    }
    if let Some(description) = description {
        edit.set_body(None, description);
    }
    edit.finish()
}

/// The flow to a target, if its Contact's address is not to be trusted: a connection that it opened,
/// or a NAT in between. Within a dialog it leads to the next hop of a Route as well (RFC 5626
/// section 5.3).
fn usable_flow(target: &Target) -> Option<Flow> {
    target.flow.filter(|flow| {
        target.path.is_empty() && (target.behind_nat || flow.transport.is_reliable())
    })
}

/// A flow to an address, from the listener that suits it best.
fn flow_to(
    interfaces: &Interfaces,
    transport: Transport,
    remote: SocketAddr,
    near: IpAddr,
) -> Option<Flow> {
    let interface = interfaces.toward(transport, remote.ip(), near)?;
    Some(Flow { transport, local: interface.local, remote, connection: None })
}

/// Where a branch is sent.
struct Hop {
    address: HopAddress,
    port: u16,
    transport: Transport,
}

enum HopAddress {
    Ip(SocketAddr),
    Name(String),
}

/// The next hop by the topmost remaining Route, the Path, or the target's URI (section 16.6 step 7).
fn next_hop(next: &Next, target: &Target) -> Result<Hop, StatusCode> {
    let text = match (next, target.path.first()) {
        (Next::Hop(hop), _) => hop,
        (Next::User(_) | Next::Platform | Next::Peer, Some(path)) => path,
        (Next::User(_) | Next::Platform | Next::Peer, None) => &target.uri,
    };
    let uri = if text.starts_with(b"<") {
        NameAddr::parse(text).map(|address| address.uri)
    } else {
        Uri::parse(text)
    };
    let uri = uri.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let transport = uri.transport().unwrap_or(Transport::Udp);
    let port = uri.port.unwrap_or_else(|| transport.default_port());
    let address = match uri.host {
        Host::V4(ip) => HopAddress::Ip((ip, port).into()),
        Host::V6(ip) => HopAddress::Ip((ip, port).into()),
        Host::Name(name) => HopAddress::Name(String::from_utf8_lossy(name).into_owned()),
    };
    Ok(Hop { address, port, transport })
}

/// Whether a request of this method starts a dialog or refreshes its targets, so that the proxy asks to
/// stay in the path.
fn makes_dialog(method: Method) -> bool {
    matches!(method, Method::Invite | Method::Subscribe | Method::Refer | Method::Update)
}

/// The branch of a request that is forwarded without a transaction: the same for each repetition
/// (section 16.11).
fn stateless_branch(request: &Request) -> Vec<u8> {
    use std::hash::BuildHasher;
    let via = request.top_via();
    let key = (request.call_id(), request.cseq().number, via.branch(), request.uri().raw());
    format!("z9hG4bK-{:016x}", FixedState::default().hash_one(key)).into_bytes()
}
