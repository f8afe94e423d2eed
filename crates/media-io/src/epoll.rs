//! epoll, as far as it is needed: the only `unsafe` code of this crate.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

/// How many sockets one wait reports at most.
const EVENTS: usize = 256;

/// An epoll instance, level-triggered. Closing a file descriptor removes it.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
}

impl Epoll {
    #[expect(unsafe_code, reason = "epoll has no safe interface in std")]
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer; a negative result is checked for.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, valid, and owned by nobody else.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Reports `key` whenever `source` is readable.
    #[expect(unsafe_code, reason = "epoll has no safe interface in std")]
    pub(crate) fn add(&self, source: impl AsFd, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        let source = source.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open for the duration of the call, and `event` is a valid
        // structure that the kernel only reads.
        let result = unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, source, &raw mut event)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until something is readable, for `timeout` at most, and collects its keys. A signal
    /// ends the wait without a key.
    #[expect(unsafe_code, reason = "epoll has no safe interface in std")]
    pub(crate) fn wait(&self, ready: &mut Ready, timeout: Duration) -> io::Result<()> {
        ready.length = 0;
        // Rounded up, so that a deadline has passed when the wait is over.
        let timeout = timeout.as_nanos().div_ceil(1_000_000);
        let timeout = libc::c_int::try_from(timeout).unwrap_or(libc::c_int::MAX);
        // SAFETY: `events` has room for EVENTS structures, which the kernel fills from the start;
        // every bit pattern is a valid epoll_event.
        let length = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                ready.events.as_mut_ptr(),
                EVENTS as libc::c_int,
                timeout,
            )
        };
        match usize::try_from(length) {
            Ok(length) => ready.length = length.min(EVENTS),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// The keys that a wait has reported.
pub(crate) struct Ready {
    events: [libc::epoll_event; EVENTS],
    length: usize,
}

impl Ready {
    pub(crate) const fn new() -> Self {
        Self { events: [libc::epoll_event { events: 0, u64: 0 }; EVENTS], length: 0 }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        self.events[..self.length].iter().map(|event| event.u64)
    }
}
