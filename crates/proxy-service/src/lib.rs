//! The proxy and registrar joined to sockets and database; the binary offhook-proxy.
