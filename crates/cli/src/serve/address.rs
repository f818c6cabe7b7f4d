//! Where a server listens, and how many connections it can have.

use std::net::{SocketAddr, ToSocketAddrs};

use proactor::Socket;

use crate::{descriptors, say};

/// Below so many connections the start says what the limit is.
const MANY: u64 = 10_000;

/// Listens at HOST:PORT.
pub fn listen(place: &str) -> Result<Socket, String> {
    let addresses: Vec<SocketAddr> = match place.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            return Err(format!(
                "{place:?} is no address to listen on ({error}): write HOST:PORT, as in 127.0.0.1:7000, \
                 0.0.0.0:7000 or [::]:7000"
            ));
        }
    };
    Socket::listen(&addresses[..]).map_err(|status| say::cannot_listen(place, status))
}

/// Says so where `limit` descriptors are few.
pub fn tell_capacity(limit: Option<u64>, workers: u64) {
    let Some(limit) = limit else { return };
    let fits = descriptors::connections(limit, workers);
    if fits < MANY {
        let needed = descriptors::needed(MANY, workers);
        say::aside(&format_args!(
            "note: `ulimit -n {limit}` allows {}; `ulimit -n {needed}` allows {} (the hard limit: \
             /etc/security/limits.conf, LimitNOFILE= of systemd, --ulimit nofile= of Docker)",
            say::counted(fits, "connection"),
            say::count(MANY),
        ));
    }
}
