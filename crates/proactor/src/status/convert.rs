//! To and from the errors of Rust: `std::io::Error` and `rustix::io::Errno`.
//!
//! The rule it keeps: a status that goes through an `io::Error` comes back as the same status. So only a status that
//! its errno identifies becomes a plain errno; any other is wrapped whole.

use std::io;

use super::Status;

impl Status {
    /// The kind of `std::io::Error` this is.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::END_OF_FILE.kind(), std::io::ErrorKind::UnexpectedEof);
    /// ```
    pub fn kind(self) -> io::ErrorKind {
        match self {
            Status::END_OF_FILE => io::ErrorKind::UnexpectedEof,
            Status::TIMEOUT => io::ErrorKind::TimedOut,
            Status::OBJECT_NAME_EXISTS => io::ErrorKind::AlreadyExists,
            Status::PIPE_BUSY | Status::PIPE_NOT_AVAILABLE => io::ErrorKind::ResourceBusy,
            Status::NOT_FOUND => io::ErrorKind::NotFound,
            Status::USER_APC | Status::ALERTED => io::ErrorKind::Interrupted,
            _ => match self.to_errno() {
                Some(errno) => io::Error::from_raw_os_error(errno).kind(),
                None => io::ErrorKind::Other,
            },
        }
    }
}

/// Keeps the errno if there is one that means just this status; otherwise the status is the inner error. Either way it
/// can be had back with `Status::from`.
///
/// ```
/// use std::io;
/// use proactor::Status;
///
/// let error = io::Error::from(Status::CONNECTION_RESET);
/// assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
///
/// let error = io::Error::from(Status::REMOTE_DISCONNECT); // there is no errno for just this
/// assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
/// assert_eq!(Status::from(error), Status::REMOTE_DISCONNECT);
/// ```
impl From<Status> for io::Error {
    fn from(status: Status) -> Self {
        match status.to_errno() {
            Some(errno) if Status::from_errno(errno) == status => io::Error::from_raw_os_error(errno),
            _ => io::Error::new(status.kind(), status),
        }
    }
}

/// The status inside, or else that of the errno, or else the nearest to the kind.
///
/// ```
/// use std::io;
/// use proactor::Status;
///
/// assert_eq!(Status::from(io::Error::from_raw_os_error(libc::EPIPE)), Status::PIPE_BROKEN);
/// assert_eq!(Status::from(io::Error::from(io::ErrorKind::TimedOut)), Status::IO_TIMEOUT);
/// ```
impl From<io::Error> for Status {
    fn from(error: io::Error) -> Self {
        Status::from(&error)
    }
}

/// The same, of an error that is still needed.
impl From<&io::Error> for Status {
    fn from(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Status>());
        match (inner, error.raw_os_error()) {
            (Some(status), _) => *status,
            (None, Some(errno)) => Status::from_errno(errno),
            (None, None) => from_kind(error.kind()),
        }
    }
}

/// ```
/// use proactor::Status;
/// assert_eq!(Status::from(rustix::io::Errno::CONNREFUSED), Status::CONNECTION_REFUSED);
/// ```
impl From<rustix::io::Errno> for Status {
    fn from(errno: rustix::io::Errno) -> Self {
        Status::from_errno(errno.raw_os_error())
    }
}

fn from_kind(kind: io::ErrorKind) -> Status {
    use io::ErrorKind as Kind;
    match kind {
        Kind::NotFound => Status::OBJECT_NAME_NOT_FOUND,
        Kind::PermissionDenied => Status::ACCESS_DENIED,
        Kind::ConnectionRefused => Status::CONNECTION_REFUSED,
        Kind::ConnectionReset => Status::CONNECTION_RESET,
        Kind::ConnectionAborted => Status::CONNECTION_ABORTED,
        Kind::HostUnreachable => Status::HOST_UNREACHABLE,
        Kind::NetworkUnreachable => Status::NETWORK_UNREACHABLE,
        Kind::NetworkDown => Status::UNEXPECTED_NETWORK_ERROR,
        Kind::NotConnected => Status::INVALID_CONNECTION,
        Kind::AddrInUse => Status::ADDRESS_ALREADY_EXISTS,
        Kind::AddrNotAvailable => Status::INVALID_ADDRESS_COMPONENT,
        Kind::BrokenPipe => Status::PIPE_BROKEN,
        Kind::AlreadyExists => Status::OBJECT_NAME_COLLISION,
        Kind::WouldBlock => Status::DEVICE_NOT_READY,
        Kind::NotADirectory => Status::NOT_A_DIRECTORY,
        Kind::IsADirectory => Status::FILE_IS_A_DIRECTORY,
        Kind::DirectoryNotEmpty => Status::DIRECTORY_NOT_EMPTY,
        Kind::ReadOnlyFilesystem => Status::MEDIA_WRITE_PROTECTED,
        Kind::StaleNetworkFileHandle => Status::FILE_INVALID,
        Kind::InvalidInput => Status::INVALID_PARAMETER,
        Kind::InvalidData => Status::DATA_ERROR,
        Kind::TimedOut => Status::IO_TIMEOUT,
        Kind::StorageFull | Kind::WriteZero => Status::DISK_FULL,
        Kind::NotSeekable => Status::INVALID_DEVICE_REQUEST,
        Kind::QuotaExceeded => Status::DISK_QUOTA_EXCEEDED,
        Kind::FileTooLarge => Status::FILE_TOO_LARGE,
        Kind::ResourceBusy | Kind::ExecutableFileBusy => Status::SHARING_VIOLATION,
        Kind::Deadlock => Status::POSSIBLE_DEADLOCK,
        Kind::TooManyLinks => Status::TOO_MANY_LINKS,
        Kind::InvalidFilename => Status::OBJECT_NAME_INVALID,
        Kind::ArgumentListTooLong => Status::INVALID_PARAMETER,
        Kind::Interrupted => Status::REQUEST_ABORTED,
        Kind::Unsupported => Status::NOT_SUPPORTED,
        Kind::UnexpectedEof => Status::END_OF_FILE,
        Kind::OutOfMemory => Status::NO_MEMORY,
        _ => Status::UNSUCCESSFUL,
    }
}
