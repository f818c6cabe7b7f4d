//! Both families of stream sockets behind one face, for what must hold for TCP and Unix sockets alike.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proactor::{Address, Socket};

/// A blocking client of the standard library's.
pub trait Client: Read + Write + Send {
    fn end_sending(&self);
}

impl Client for TcpStream {
    fn end_sending(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Client for UnixStream {
    fn end_sending(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

/// A listening socket and the way to it.
pub struct Place {
    pub listener: Socket,
    pub address: Address,
    path: Option<PathBuf>,
}

impl Place {
    pub fn tcp() -> Place {
        let listener = Socket::listen("127.0.0.1:0").unwrap();
        Place { address: listener.local_addr().unwrap(), listener, path: None }
    }

    pub fn unix() -> Place {
        let path = free_path();
        let listener = Socket::listen_unix(&path).unwrap();
        Place { address: path.as_path().into(), listener, path: Some(path) }
    }

    pub fn both() -> [Place; 2] {
        [Place::tcp(), Place::unix()]
    }

    /// A client that is connected when this returns: it is in the backlog then.
    pub fn client(&self) -> Box<dyn Client> {
        match &self.address {
            Address::Ip(address) => {
                let client = TcpStream::connect(address).unwrap();
                client.set_nodelay(true).unwrap();
                Box::new(client)
            }
            Address::Unix(path) => Box::new(UnixStream::connect(path).unwrap()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A path where nothing is.
pub fn free_path() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("proactor-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
    std::env::temp_dir().join(name)
}
