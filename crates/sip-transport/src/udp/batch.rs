//! Batched datagram I/O: `recvmmsg`, `sendmmsg` and the error queue.
//!
//! The only module of the crate with `unsafe` code. The standard library and socket2 have no call that
//! moves several datagrams at once, none that reads the destination address of a datagram
//! (`IP_PKTINFO`), and none that reads the queue of ICMP errors (`IP_RECVERR`).

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::Socket;

/// The most datagrams that one `sendmmsg` takes; a longer list is sent in several calls.
pub(crate) const MAX_SEND_BATCH: usize = 32;

/// Room for the control messages of one datagram: a packet-info of either family and, on the error
/// queue, an extended error with the address of its origin.
const CONTROL_BYTES: usize = 128;

/// The quoted head of a failed datagram is not looked at; one byte is enough to dequeue it.
const ERROR_QUOTE_BYTES: usize = 1;

/// A datagram to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure<'a> {
    /// The payload.
    pub(crate) bytes: &'a [u8],
    /// Where to.
    pub(crate) remote: SocketAddr,
    /// The source address to use; `None` leaves the choice to the kernel.
    pub(crate) source: Option<IpAddr>,
}

/// A datagram received, borrowed from its [`ReceiveBatch`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// The payload, cut at the slot size when `truncated`.
    pub(crate) bytes: &'a [u8],
    /// Where from; `None` when the kernel gave an address of neither IP family.
    pub(crate) remote: Option<SocketAddr>,
    /// The address the datagram was sent to, known on sockets with [`enable_packet_info`].
    pub(crate) destination: Option<IpAddr>,
    /// True if the datagram was longer than a slot.
    pub(crate) truncated: bool,
}

/// An entry of the error queue: what became of a datagram sent earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuedError {
    /// Where the datagram was sent to.
    pub(crate) remote: Option<SocketAddr>,
    /// The error number that the kernel made of it.
    pub(crate) errno: i32,
    /// True for an ICMP message, false for an error that this host found itself.
    pub(crate) from_network: bool,
}

/// Aligned room for control messages, as `CMSG_FIRSTHDR` requires.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// A socket address as the kernel reads and writes it.
#[derive(Clone, Copy)]
#[repr(C)]
union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Buffers for receiving up to a fixed number of datagrams in one call.
///
/// Lives on the thread that created it: the header array points into the other arrays.
pub(crate) struct ReceiveBatch {
    slot_bytes: usize,
    storage: Box<[u8]>,
    addresses: Box<[RawAddress]>,
    controls: Box<[Control]>,
    iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    filled: usize,
}

impl ReceiveBatch {
    /// Buffers for `datagrams` datagrams of at most `slot_bytes` each.
    pub(crate) fn new(datagrams: usize, slot_bytes: usize) -> Self {
        let datagrams = datagrams.max(1);
        let slot_bytes = slot_bytes.max(1);
        let mut batch = Self {
            slot_bytes,
            storage: vec![0; datagrams * slot_bytes].into_boxed_slice(),
            addresses: vec![RawAddress::unspecified(); datagrams].into_boxed_slice(),
            controls: vec![Control([0; CONTROL_BYTES]); datagrams].into_boxed_slice(),
            iovecs: Vec::new().into_boxed_slice(),
            headers: Vec::new().into_boxed_slice(),
            filled: 0,
        };
        batch.iovecs = batch
            .storage
            .chunks_exact_mut(slot_bytes)
            .map(|slot| libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() })
            .collect();
        batch.headers = (0..datagrams).map(|_| zeroed_header()).collect();
        batch
    }

    /// Blocks until at least one datagram is there, then takes what is queued, up to the batch size.
    ///
    /// # Errors
    /// What `recvmmsg` says; `WouldBlock` when the socket's receive timeout passed.
    pub(crate) fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        self.filled = 0;
        for index in 0..self.headers.len() {
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.addresses[index]).cast();
            header.msg_namelen = size_of::<RawAddress>() as libc::socklen_t;
            header.msg_iov = &raw mut self.iovecs[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL_BYTES as _;
            header.msg_flags = 0;
        }
        // SAFETY: every header points at an address, a slot and a control buffer of the sizes given,
        // all owned by `self` and borrowed mutably for the whole call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        self.filled = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.filled)
    }

    /// The datagrams of the last [`ReceiveBatch::receive`], in order of arrival.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Arrival<'_>> {
        (0..self.filled).map(|index| self.arrival(index))
    }

    fn arrival(&self, index: usize) -> Arrival<'_> {
        let header = &self.headers[index];
        let start = index * self.slot_bytes;
        let length = (header.msg_len as usize).min(self.slot_bytes);
        Arrival {
            bytes: &self.storage[start..start + length],
            remote: self.addresses[index].to_std(),
            destination: destination(&header.msg_hdr),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }
    }
}

/// Sends a prefix of `departures` (at most [`MAX_SEND_BATCH`]) in one call and returns its length.
///
/// # Errors
/// The error of the first datagram, when that one could not be sent.
pub(crate) fn send<'a>(
    socket: &Socket,
    departures: impl Iterator<Item = Departure<'a>>,
) -> io::Result<usize> {
    let mut count = 0;
    let mut addresses = [RawAddress::unspecified(); MAX_SEND_BATCH];
    let mut controls = [const { MaybeUninit::<Control>::uninit() }; MAX_SEND_BATCH];
    let mut iovecs = [const { MaybeUninit::<libc::iovec>::uninit() }; MAX_SEND_BATCH];
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MAX_SEND_BATCH];
    for (index, departure) in departures.take(MAX_SEND_BATCH).enumerate() {
        let (address, address_bytes) = RawAddress::from_std(departure.remote);
        addresses[index] = address;
        let iovec = iovecs[index].write(libc::iovec {
            iov_base: departure.bytes.as_ptr().cast_mut().cast(),
            iov_len: departure.bytes.len(),
        });
        let mut header = zeroed_header();
        header.msg_hdr.msg_name = ptr::from_mut(&mut addresses[index]).cast();
        header.msg_hdr.msg_namelen = address_bytes;
        header.msg_hdr.msg_iov = iovec;
        header.msg_hdr.msg_iovlen = 1;
        if let Some(source) = departure.source {
            let control = controls[index].write(Control([0; CONTROL_BYTES]));
            write_source(&mut header.msg_hdr, control, source, departure.remote);
        }
        headers[index].write(header);
        count = index + 1;
    }
    // SAFETY: the first `count` headers are initialised and point at addresses, payloads and control
    // buffers that outlive the call; the kernel only reads them (and writes `msg_len`).
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count as libc::c_uint,
            libc::MSG_NOSIGNAL as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Takes one entry from the socket's error queue; `None` when it is empty.
///
/// # Errors
/// What `recvmsg` says, except for an empty queue.
pub(crate) fn pop_error(socket: &Socket) -> io::Result<Option<QueuedError>> {
    let mut address = RawAddress::unspecified();
    let mut control = Control([0; CONTROL_BYTES]);
    let mut quote = [0_u8; ERROR_QUOTE_BYTES];
    let mut iovec = libc::iovec { iov_base: quote.as_mut_ptr().cast(), iov_len: quote.len() };
    let mut header = zeroed_header().msg_hdr;
    header.msg_name = ptr::from_mut(&mut address).cast();
    header.msg_namelen = size_of::<RawAddress>() as libc::socklen_t;
    header.msg_iov = &raw mut iovec;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the header points at locals of the sizes given, which outlive the call.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    if received >= 0 {
        let (errno, from_network) = extended_error(&header).unwrap_or((0, false));
        return Ok(Some(QueuedError { remote: address.to_std(), errno, from_network }));
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) }
}

/// Asks for the destination address of every datagram (`IP_PKTINFO`, `IPV6_RECVPKTINFO`).
///
/// # Errors
/// What `setsockopt` says.
pub(crate) fn enable_packet_info(socket: &Socket, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set_flag(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        set_flag(socket, libc::IPPROTO_IP, libc::IP_PKTINFO)
    }
}

/// Asks for ICMP errors to be queued with the address they concern (`IP_RECVERR`).
///
/// # Errors
/// What `setsockopt` says.
pub(crate) fn enable_error_queue(socket: &Socket, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set_flag(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
    } else {
        set_flag(socket, libc::IPPROTO_IP, libc::IP_RECVERR)
    }
}

/// Sizes the kernel's buffers beyond `net.core.rmem_max` where the process may (`CAP_NET_ADMIN`).
///
/// A refusal is no error: the buffers then keep the sizes that the plain options gave them.
pub(crate) fn force_buffers(socket: &Socket, receive_bytes: usize, send_bytes: usize) {
    for (option, bytes) in
        [(libc::SO_RCVBUFFORCE, receive_bytes), (libc::SO_SNDBUFFORCE, send_bytes)]
    {
        let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        let _unprivileged = set_int(socket, libc::SOL_SOCKET, option, value);
    }
}

fn set_flag(socket: &Socket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    set_int(socket, level, option, 1)
}

fn set_int(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is an int that outlives the call and its size is the one passed.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn zeroed_header() -> libc::mmsghdr {
    // SAFETY: `mmsghdr` is plain data of integers and pointers, for which all zeroes is a value.
    unsafe { mem::zeroed() }
}

/// Adds the packet-info that makes the kernel send from `source`; the interface stays the kernel's
/// choice, except for IPv6 link-local peers, which are only meaningful on theirs.
fn write_source(
    header: &mut libc::msghdr,
    control: &mut Control,
    source: IpAddr,
    remote: SocketAddr,
) {
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    match source {
        IpAddr::V4(source) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            write_control(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        IpAddr::V6(source) => {
            let scope = match remote {
                SocketAddr::V6(remote) => remote.scope_id(),
                SocketAddr::V4(_) => 0,
            };
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
                ipi6_ifindex: scope as _,
            };
            write_control(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

fn write_control<T: Copy>(
    header: &mut libc::msghdr,
    level: libc::c_int,
    kind: libc::c_int,
    value: T,
) {
    let bytes = size_of::<T>() as libc::c_uint;
    debug_assert!(size_of::<T>() + 32 <= CONTROL_BYTES, "a packet-info fits");
    // SAFETY: `msg_control` points at CONTROL_BYTES aligned bytes, which hold one message of this
    // size, so the first header and its data are inside; the data is written unaligned.
    unsafe {
        header.msg_controllen = libc::CMSG_SPACE(bytes) as _;
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = level;
        (*control).cmsg_type = kind;
        (*control).cmsg_len = libc::CMSG_LEN(bytes) as _;
        libc::CMSG_DATA(control).cast::<T>().write_unaligned(value);
    }
}

/// The destination address in the control messages of a received datagram.
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel filled `msg_control` up to `msg_controllen`; the CMSG macros stay inside it,
    // and the data of a message is read unaligned and only when its level and type say what it is.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            let (level, kind) = ((*control).cmsg_level, (*control).cmsg_type);
            if level == libc::IPPROTO_IP && kind == libc::IP_PKTINFO {
                let info = libc::CMSG_DATA(control).cast::<libc::in_pktinfo>().read_unaligned();
                let octets = info.ipi_spec_dst.s_addr.to_ne_bytes();
                return Some(IpAddr::V4(Ipv4Addr::from(octets)));
            }
            if level == libc::IPPROTO_IPV6 && kind == libc::IPV6_PKTINFO {
                let info = libc::CMSG_DATA(control).cast::<libc::in6_pktinfo>().read_unaligned();
                return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// Error number and origin in the control messages of an entry of the error queue.
fn extended_error(header: &libc::msghdr) -> Option<(i32, bool)> {
    // SAFETY: as in `destination`.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            let (level, kind) = ((*control).cmsg_level, (*control).cmsg_type);
            let is_error = (level == libc::IPPROTO_IP && kind == libc::IP_RECVERR)
                || (level == libc::IPPROTO_IPV6 && kind == libc::IPV6_RECVERR);
            if is_error {
                let error =
                    libc::CMSG_DATA(control).cast::<libc::sock_extended_err>().read_unaligned();
                let from_network = error.ee_origin == libc::SO_EE_ORIGIN_ICMP
                    || error.ee_origin == libc::SO_EE_ORIGIN_ICMP6;
                return Some((i32::try_from(error.ee_errno).unwrap_or(0), from_network));
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

impl RawAddress {
    fn unspecified() -> Self {
        // SAFETY: all zeroes is the unspecified address in every variant.
        unsafe { mem::zeroed() }
    }

    fn from_std(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut raw = Self::unspecified();
        match address {
            SocketAddr::V4(v4) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (raw, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                (raw, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    fn to_std(self) -> Option<SocketAddr> {
        // SAFETY: every variant starts with the family, and the bytes behind it were zeroed or written
        // by the kernel for that family.
        unsafe {
            match libc::c_int::from(self.family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes());
                    let port = u16::from_be(self.v4.sin_port);
                    Some(SocketAddr::V4(SocketAddrV4::new(ip, port)))
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    let port = u16::from_be(self.v6.sin6_port);
                    let scope = self.v6.sin6_scope_id;
                    // The flow label of a received packet says nothing about the way back.
                    Some(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
                }
                _ => None,
            }
        }
    }
}
