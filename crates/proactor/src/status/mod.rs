//! Status codes: how every operation, wait and call of this library says how it ended.
//!
//! A [`Status`] is an NTSTATUS: 32 bits with a severity in the top two. One completion has several names (S389): a
//! port reports the Win32 error, Winsock its own number, Linux an errno. All of them, with a sentence for people,
//! stand in one table (`table.rs`), and every conversion is a look-up in it, without allocation.

mod convert;
mod index;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use table::{Class, Code, Row};

/// What a call of this library fails with.
pub type Result<T> = std::result::Result<T, Status>;

/// How an operation ended: an NTSTATUS value.
///
/// The constants have the values and the names Windows gives them, without `STATUS_`. Any other value can be carried
/// too ([`from_raw`](Self::from_raw)); it merely has no name.
///
/// ```
/// use proactor::Status;
///
/// let status = Status::from_errno(libc::ECONNRESET);
/// assert_eq!(status, Status::CONNECTION_RESET);
/// assert_eq!(status.to_win32(), 64); // ERROR_NETNAME_DELETED: what GetQueuedCompletionStatus reports
/// assert_eq!(status.to_winsock(), 10054); // WSAECONNRESET: what WSAGetOverlappedResult reports
/// assert!(status.is_ordinary()); // peers do that; nothing to log as a fault
/// assert_eq!(status.to_string(), "STATUS_CONNECTION_RESET (0xC000020D): the peer reset the connection");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(u32);

/// The top two bits of a [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It was done, or is on its way.
    Success,
    /// It was done, and there is something to say about it.
    Informational,
    /// It was done, but not whole. It counts as completed, so a packet follows (S020), yet it is not a success (S035).
    Warning,
    /// It was not done.
    Error,
}

/// `ERROR_MR_MID_NOT_FOUND`: the Win32 error of a status that has none.
const UNMAPPED_WIN32: u32 = 317;
/// `WSAEINVAL`: the Winsock error of an error or warning that has none (S394).
const UNMAPPED_WINSOCK: u32 = 10022;
/// Error severity and facility 7: the status made of a Win32 error that has none, as `NTSTATUS_FROM_WIN32` makes it.
const CARRIES_WIN32: u32 = 0xC007_0000;
/// The bit of statuses that are no business of the system.
const CUSTOMER: u32 = 0x2000_0000;

impl Status {
    /// The status of a raw NTSTATUS value, known or not.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::from_raw(0xC000_0120), Status::CANCELLED);
    /// assert_eq!(Status::from_raw(0xC0FF_EE00).name(), None);
    /// ```
    pub const fn from_raw(value: u32) -> Self {
        Status(value)
    }

    /// The raw NTSTATUS value.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::PENDING.raw(), 0x103);
    /// ```
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The severity, from the top two bits.
    ///
    /// ```
    /// # use proactor::{Status, status::Severity};
    /// assert_eq!(Status::BUFFER_OVERFLOW.severity(), Severity::Warning);
    /// ```
    pub const fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Success,
            1 => Severity::Informational,
            2 => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether this is no failure (`NT_SUCCESS`): severity success or informational. Decides whether
    /// `GetQueuedCompletionStatus` returns TRUE (S032).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert!(Status::PENDING.is_success());
    /// assert!(!Status::BUFFER_OVERFLOW.is_success()); // a warning
    /// ```
    pub const fn is_success(self) -> bool {
        self.0 >> 31 == 0
    }

    /// Whether the severity is warning (`NT_WARNING`).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert!(Status::BUFFER_OVERFLOW.is_warning());
    /// ```
    pub const fn is_warning(self) -> bool {
        matches!(self.severity(), Severity::Warning)
    }

    /// Whether the severity is error (`NT_ERROR`). A request refused with an error queues no packet (S018).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert!(Status::CANCELLED.is_error());
    /// ```
    pub const fn is_error(self) -> bool {
        matches!(self.severity(), Severity::Error)
    }

    /// Whether this is one of the ends that a peer or this side brings about every day, and which a server
    /// must not log as faults: successes, reset, aborted, cancelled, disconnected, broken pipe, end of file, closed.
    /// A resource that was refused is not among them, nor a connection that could not be made.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert!(Status::CONNECTION_RESET.is_ordinary());
    /// assert!(!Status::INSUFFICIENT_RESOURCES.is_ordinary());
    /// ```
    pub const fn is_ordinary(self) -> bool {
        self.is_success() || matches!(self.class(), Class::Ordinary)
    }

    /// Whether memory, handles, threads or a limit ran out (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`, `WSAENOBUFS`).
    /// It may pass when others give theirs back: drop or delay the one session, and keep accepting.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert!(Status::from_errno(libc::EMFILE).is_shortage());
    /// assert!(!Status::DISK_FULL.is_shortage()); // does not pass by itself
    /// ```
    pub const fn is_shortage(self) -> bool {
        matches!(self.class(), Class::Shortage)
    }

    /// The name Windows gives it, if it is known here.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::TOO_MANY_POSTS.name(), Some("STATUS_SEMAPHORE_LIMIT_EXCEEDED"));
    /// ```
    pub const fn name(self) -> Option<&'static str> {
        match self.row() {
            Some(row) => Some(row.name),
            None => None,
        }
    }

    /// What it means, for people: a sentence without capital and full stop.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::DISK_FULL.message(), "no space is left on the device");
    /// ```
    pub const fn message(self) -> &'static str {
        match self.row() {
            Some(row) => row.message,
            None => "unknown status",
        }
    }

    /// The Win32 error (`RtlNtStatusToDosError`), as `GetQueuedCompletionStatus` and `GetOverlappedResult` report it
    /// (S032, S389). A status without one gives `ERROR_MR_MID_NOT_FOUND` (317).
    ///
    /// A wait that times out reports `WAIT_TIMEOUT` (258) instead of the `ERROR_TIMEOUT` (1460) of
    /// [`TIMEOUT`](Self::TIMEOUT); that is the calls' doing, not the status'.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::CONNECTION_RESET.to_win32(), 64);
    /// assert_eq!(Status::from_raw(0xC0FF_EE00).to_win32(), 317);
    /// ```
    pub const fn to_win32(self) -> u32 {
        if let Some(Row { win32: Some(code), .. }) = self.row() {
            return code.number;
        }
        match self.0 >> 16 {
            0xC007 | 0xC001 | 0x8007 => self.0 & 0xFFFF,
            _ if self.0 & CUSTOMER != 0 => self.0,
            _ => UNMAPPED_WIN32,
        }
    }

    /// The Winsock error, as `WSAGetOverlappedResult` and the failing call itself report it (S389 to S395). An error
    /// or warning without one gives `WSAEINVAL` (S394), a success without one 0.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::CONNECTION_RESET.to_winsock(), 10054);
    /// assert_eq!(Status::PENDING.to_winsock(), 996); // WSA_IO_INCOMPLETE
    /// ```
    pub const fn to_winsock(self) -> u32 {
        if let Some(Row { winsock: Some(code), .. }) = self.row() {
            return code.number;
        }
        match self.0 & 0xFFFF {
            code @ 10_000..12_000 if self.0 & 0xFFFF_0000 == CARRIES_WIN32 => code,
            _ if self.is_success() => 0,
            _ => UNMAPPED_WINSOCK,
        }
    }

    /// The errno that says the same, if there is one. A success has none.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::NO_BUFS.to_errno(), Some(libc::ENOBUFS));
    /// assert_eq!(Status::SUCCESS.to_errno(), None);
    /// ```
    pub const fn to_errno(self) -> Option<i32> {
        match self.row() {
            Some(Row { errno: Some(code), .. }) => Some(code.number as i32),
            _ => None,
        }
    }

    /// The status of an errno, always of error severity; 0 is [`SUCCESS`](Self::SUCCESS). An errno that no call
    /// of files, sockets and processes gives is [`UNSUCCESSFUL`](Self::UNSUCCESSFUL).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::from_errno(libc::EAGAIN), Status::DEVICE_NOT_READY);
    /// ```
    pub const fn from_errno(errno: i32) -> Self {
        match index::by_errno(errno) {
            Some(row) => Status(row.value),
            None if errno == 0 => Status::SUCCESS,
            None => Status::UNSUCCESSFUL,
        }
    }

    /// The status of a Win32 error. One that stands for several statuses gives the commonest of them; one that is
    /// not in the table is carried in facility 7, and comes back from [`to_win32`](Self::to_win32) as it was. What
    /// is no Win32 error (more than 16 bits) gives [`UNSUCCESSFUL`](Self::UNSUCCESSFUL).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::from_win32(64), Status::CONNECTION_RESET);
    /// assert_eq!(Status::from_win32(1400).to_win32(), 1400);
    /// ```
    pub const fn from_win32(code: u32) -> Self {
        match index::by_win32(code) {
            Some(row) => Status(row.value),
            None => Status::carrying(code),
        }
    }

    /// The status of a Winsock error; otherwise as [`from_win32`](Self::from_win32).
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::from_winsock(10055), Status::NO_BUFS);
    /// assert_eq!(Status::from_winsock(10093).to_winsock(), 10093); // WSANOTINITIALISED, carried
    /// ```
    pub const fn from_winsock(code: u32) -> Self {
        match index::by_winsock(code) {
            Some(row) => Status(row.value),
            None => Status::from_win32(code),
        }
    }

    /// The name of the Win32 error, if the status has one.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::CONNECTION_RESET.win32_name(), Some("ERROR_NETNAME_DELETED"));
    /// ```
    pub const fn win32_name(self) -> Option<&'static str> {
        match self.row() {
            Some(row) => name_of(&row.win32),
            None => None,
        }
    }

    /// The name of the Winsock error, if the status has one.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::CONNECTION_RESET.winsock_name(), Some("WSAECONNRESET"));
    /// ```
    pub const fn winsock_name(self) -> Option<&'static str> {
        match self.row() {
            Some(row) => name_of(&row.winsock),
            None => None,
        }
    }

    /// The name of the errno, if the status has one.
    ///
    /// ```
    /// # use proactor::Status;
    /// assert_eq!(Status::CONNECTION_RESET.errno_name(), Some("ECONNRESET"));
    /// ```
    pub const fn errno_name(self) -> Option<&'static str> {
        match self.row() {
            Some(row) => name_of(&row.errno),
            None => None,
        }
    }

    /// Every status that has a name, in the order of the table; each once.
    ///
    /// ```
    /// # use proactor::Status;
    /// let shortages = Status::known().filter(|status| status.is_shortage());
    /// assert!(shortages.count() > 5);
    /// ```
    pub fn known() -> impl ExactSizeIterator<Item = Status> {
        table::TABLE.iter().map(|row| Status(row.value))
    }

    const fn row(self) -> Option<&'static Row> {
        index::by_value(self.0)
    }

    const fn class(self) -> Class {
        match self.row() {
            Some(row) => row.class,
            None => Class::Fault,
        }
    }

    const fn carrying(code: u32) -> Self {
        if code <= 0xFFFF { Status(CARRIES_WIN32 | code) } else { Status::UNSUCCESSFUL }
    }
}

const fn name_of(code: &Option<Code>) -> Option<&'static str> {
    match code {
        Some(code) => Some(code.name),
        None => None,
    }
}

/// Name, value and sentence; of an unknown status the value only.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => write!(f, "{} (0x{:08X}): {}", row.name, self.0, row.message),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

/// The name; of an unknown status the value.
impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl std::error::Error for Status {}
