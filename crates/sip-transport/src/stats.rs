//! Counters of the transport layer.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The live counters, shared by all threads.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        /// The counters of the transport layer at one moment. All but the gauges count from the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// Reads every counter; they are not read at one instant.
            pub(crate) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.value(),)+ }
            }
        }
    };
}

counters! {
    /// Gauge: UDP worker threads that run. Less than configured means that one has died.
    udp_workers,
    /// Datagrams handed to the receiver.
    udp_received,
    /// Datagrams sent.
    udp_sent,
    /// Keep-alive datagrams (nothing but CR, LF and NUL), which are dropped.
    udp_keepalives,
    /// Datagrams longer than the limit, dropped.
    udp_oversized,
    /// Datagrams that the kernel refused to send.
    udp_send_failed,
    /// Datagrams not sent because the send buffer was full.
    udp_send_buffer_full,
    /// ICMP errors received for datagrams sent earlier.
    udp_unreachable,
    /// Receive or send calls that failed as a whole.
    udp_errors,
    /// Messages read from TCP connections.
    tcp_received,
    /// Messages written to TCP connections.
    tcp_sent,
    /// Messages for TCP that could not be written.
    tcp_send_failed,
    /// Keep-alive pings answered (RFC 5626 section 4.4.1).
    tcp_pings,
    /// Gauge: open TCP connections.
    tcp_connections,
    /// Gauge: TCP connections being opened.
    tcp_connecting,
    /// TCP connections accepted.
    tcp_accepted,
    /// TCP connections refused because a limit was reached.
    tcp_refused,
    /// TCP connections opened from here.
    tcp_opened,
    /// TCP connections that could not be opened.
    tcp_open_failed,
    /// TCP connections closed because the peer did not read and its queue was full, or stalled.
    tcp_closed_slow,
    /// TCP connections closed for a broken or oversized message.
    tcp_closed_framing,
    /// TCP connections closed because nothing, or no complete message, came in time.
    tcp_closed_idle,
    /// Failed calls to accept a connection (out of file descriptors, for example).
    tcp_accept_errors,
}

/// A number that many threads add to. Nothing is ordered by it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
