//! Where a socket is or sends to: Internet and Unix addresses in one value.

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use crate::status::Status;

/// The address of a socket.
///
/// ```
/// use proactor::Address;
/// let address: Address = "127.0.0.1:7000".parse::<std::net::SocketAddr>().unwrap().into();
/// assert_eq!(address.to_string(), "127.0.0.1:7000");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An Internet address and port.
    Ip(SocketAddr),
    /// A Unix socket's path; empty for a socket that has no name.
    Unix(PathBuf),
}

impl Address {
    /// The Internet address, if it is one.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Address::Ip(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }

    pub(crate) fn to_any(&self) -> Result<SocketAddrAny, Status> {
        Ok(match self {
            Address::Ip(address) => SocketAddrAny::from(*address),
            Address::Unix(path) => SocketAddrUnix::new(path.as_path())?.into(),
        })
    }

    pub(crate) fn from_any(any: &SocketAddrAny) -> Option<Address> {
        if let Ok(v4) = SocketAddrV4::try_from(any.clone()) {
            return Some(Address::Ip(v4.into()));
        }
        if let Ok(v6) = SocketAddrV6::try_from(any.clone()) {
            return Some(Address::Ip(v6.into()));
        }
        let unix = SocketAddrUnix::try_from(any.clone()).ok()?;
        let path = unix.path_bytes().unwrap_or_default();
        Some(Address::Unix(PathBuf::from(std::ffi::OsStr::from_bytes(path))))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Ip(address)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Address {
        Address::Unix(path.to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Unix(path) if path.as_os_str().is_empty() => f.write_str("unix:(unnamed)"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
