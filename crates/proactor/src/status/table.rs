//! The one table: what a status is called, in each of the four languages that speak of errors.
//!
//! The Win32 column is what `RtlNtStatusToDosError` answers, the Winsock column what `WSAGetOverlappedResult`
//! answers (S389 to S395); an empty column is "unmapped". Several statuses share a code, so a column says which of
//! them the code stands for on the way back:
//!
//! - `[= code]` both ways; `[= code < other]` also takes `other` back;
//! - `[> code]` outward only;
//! - `[]` unmapped.
//!
//! Two rows that take the same code back do not compile (`index.rs`).
//!
//! Winsock has errors for which NT has no status. They are carried as NT carries any Win32 number, in facility 7
//! (0xC007 in front), and go by their Winsock names.

use super::Status;

/// One way of naming a status.
pub(super) struct Code {
    pub number: u32,
    pub name: &'static str,
    /// Whether `number` converts back to this row.
    pub back: bool,
    /// Further numbers that convert back to this row and are never given out.
    pub also: &'static [u32],
}

/// What a server is to make of a status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Somebody's mistake or misfortune.
    Fault,
    /// An end that a peer, or this side, brings about every day.
    Ordinary,
    /// Something has run out and may be had again when others give theirs back.
    Shortage,
}

pub(super) struct Row {
    pub value: u32,
    pub name: &'static str,
    pub message: &'static str,
    pub win32: Option<Code>,
    pub winsock: Option<Code>,
    pub errno: Option<Code>,
    pub class: Class,
}

macro_rules! code {
    ([]) => { None };
    ([= $number:literal $name:ident $(< $other:literal $other_name:ident)*]) => {
        Some(Code { number: $number, name: stringify!($name), back: true, also: &[$($other),*] })
    };
    ([> $number:literal $name:ident]) => {
        Some(Code { number: $number, name: stringify!($name), back: false, also: &[] })
    };
}

macro_rules! errno {
    ([]) => { None };
    ([= $name:ident $(< $other:ident)*]) => {
        Some(Code {
            number: libc::$name as u32,
            name: stringify!($name),
            back: true,
            also: &[$(libc::$other as u32),*],
        })
    };
    ([> $name:ident]) => {
        Some(Code { number: libc::$name as u32, name: stringify!($name), back: false, also: &[] })
    };
}

// A row that is not a STATUS_ of Windows says `as` what it is called.
macro_rules! name {
    ($name:ident) => {
        concat!("STATUS_", stringify!($name))
    };
    ($name:ident $windows:ident) => {
        stringify!($windows)
    };
}

macro_rules! class {
    () => {
        Class::Fault
    };
    (ordinary) => {
        Class::Ordinary
    };
    (shortage) => {
        Class::Shortage
    };
}

macro_rules! statuses {
    ($($name:ident = $value:literal $(as $windows:ident)?, $message:literal,
        $win32:tt $winsock:tt $errno:tt $($class:ident)?;)*) => {
        /// Every status that has a name. The values and names are those of Windows.
        impl Status {
            $(
                #[doc = concat!("`", name!($name $($windows)?), "` (", stringify!($value), "): ", $message, ".")]
                pub const $name: Status = Status($value);
            )*
        }

        pub(super) const TABLE: &[Row] = &[$(
            Row {
                value: $value,
                name: name!($name $($windows)?),
                message: $message,
                win32: code!($win32),
                winsock: code!($winsock),
                errno: errno!($errno),
                class: class!($($class)?),
            },
        )*];
    };
}

statuses! {
    // Not failures.
    SUCCESS = 0x0000_0000, "the operation succeeded",
        [= 0 ERROR_SUCCESS] [= 0 ERROR_SUCCESS] [];
    ABANDONED_WAIT_0 = 0x0000_0080, "what was waited for is gone: the port was closed, or a mutex's owner ended",
        [= 735 ERROR_ABANDONED_WAIT_0] [] [] ordinary;
    USER_APC = 0x0000_00C0, "the wait ended because calls queued to this thread ran",
        [= 737 ERROR_USER_APC < 192 WAIT_IO_COMPLETION] [] [];
    ALERTED = 0x0000_0101, "the wait ended because this thread was alerted",
        [= 739 ERROR_ALERTED] [] [];
    TIMEOUT = 0x0000_0102, "the time given for the wait has passed",
        [= 1460 ERROR_TIMEOUT < 258 WAIT_TIMEOUT] [> 10060 WSAETIMEDOUT] [];
    PENDING = 0x0000_0103, "the operation is under way and will complete later",
        [= 997 ERROR_IO_PENDING < 996 ERROR_IO_INCOMPLETE]
        [= 996 WSA_IO_INCOMPLETE < 997 WSA_IO_PENDING] [];
    OBJECT_NAME_EXISTS = 0x4000_0000, "an object of this name was there already and was opened",
        [= 698 ERROR_OBJECT_NAME_EXISTS] [] [];
    TIMER_RESUME_IGNORED = 0x4000_0025, "the timer was set, but will not wake a machine that is asleep",
        [= 722 ERROR_TIMER_RESUME_IGNORED] [] [];

    // Warnings: the operation completed, but not whole.
    BUFFER_OVERFLOW = 0x8000_0005, "the message was longer than the buffer; what fitted was delivered",
        [= 234 ERROR_MORE_DATA] [= 10040 WSAEMSGSIZE] [> EMSGSIZE];
    DEVICE_BUSY = 0x8000_0011, "the device is busy; try again later",
        [= 170 ERROR_BUSY] [] [> EBUSY];

    // Ends of connections and operations.
    CONNECTION_RESET = 0xC000_020D, "the peer reset the connection",
        [= 64 ERROR_NETNAME_DELETED] [= 10054 WSAECONNRESET] [= ECONNRESET] ordinary;
    CONNECTION_DISCONNECTED = 0xC000_020C, "the peer has disconnected",
        [> 64 ERROR_NETNAME_DELETED] [> 10054 WSAECONNRESET] [> ECONNRESET] ordinary;
    CONNECTION_ABORTED = 0xC000_0241, "the connection was aborted on this side",
        [= 1236 ERROR_CONNECTION_ABORTED] [= 10053 WSAECONNABORTED] [= ECONNABORTED] ordinary;
    LOCAL_DISCONNECT = 0xC000_013B, "this side has disconnected",
        [> 64 ERROR_NETNAME_DELETED] [> 10053 WSAECONNABORTED] [> ECONNABORTED] ordinary;
    REMOTE_DISCONNECT = 0xC000_013C, "the other side has disconnected",
        [> 64 ERROR_NETNAME_DELETED] [> 10054 WSAECONNRESET] [> ECONNRESET] ordinary;
    GRACEFUL_DISCONNECT = 0xC000_0237, "the connection was closed in good order",
        [= 1226 ERROR_GRACEFUL_DISCONNECT] [= 10101 WSAEDISCON] [] ordinary;
    TRANSACTION_ABORTED = 0xC000_020F, "the request was aborted by the transport",
        [> 59 ERROR_UNEXP_NET_ERR] [> 10053 WSAECONNABORTED] [> ECONNABORTED] ordinary;
    LINK_FAILED = 0xC000_013E, "the network link has failed",
        [> 59 ERROR_UNEXP_NET_ERR] [> 10054 WSAECONNRESET] [= ENOLINK < ECOMM];
    WSAENETRESET = 0xC007_2744 as WSAENETRESET, "the network dropped the connection (keep-alive had no answer)",
        [= 10052 WSAENETRESET] [= 10052 WSAENETRESET] [= ENETRESET] ordinary;
    CANCELLED = 0xC000_0120, "the operation was cancelled",
        [= 995 ERROR_OPERATION_ABORTED] [= 995 WSA_OPERATION_ABORTED] [= ECANCELED] ordinary;
    REQUEST_ABORTED = 0xC000_0240, "the call was interrupted; make it again",
        [= 1235 ERROR_REQUEST_ABORTED] [= 10004 WSAEINTR] [= EINTR];
    END_OF_FILE = 0xC000_0011, "the end of the file was reached",
        [= 38 ERROR_HANDLE_EOF] [] [] ordinary;
    // Linux says EPIPE for every send after the reset was reported: the same end, so the same Winsock code (S340).
    PIPE_BROKEN = 0xC000_014B, "the other end has been closed",
        [= 109 ERROR_BROKEN_PIPE] [> 10054 WSAECONNRESET] [= EPIPE] ordinary;
    PIPE_DISCONNECTED = 0xC000_00B0, "this direction has been shut down",
        [= 233 ERROR_PIPE_NOT_CONNECTED] [= 10058 WSAESHUTDOWN] [= ESHUTDOWN] ordinary;
    PIPE_CLOSING = 0xC000_00B1, "the other end of the pipe is being closed",
        [= 232 ERROR_NO_DATA] [] [> EPIPE] ordinary;

    // Named pipes.
    PIPE_EMPTY = 0xC000_00D9, "there is nothing to read in the pipe",
        [> 232 ERROR_NO_DATA] [] [= ENODATA < ENOMSG];
    PIPE_CONNECTED = 0xC000_00B2, "a client had connected to the pipe already",
        [= 535 ERROR_PIPE_CONNECTED] [] [];
    PIPE_LISTENING = 0xC000_00B3, "the pipe still waits for a client",
        [= 536 ERROR_PIPE_LISTENING] [] [];
    PIPE_BUSY = 0xC000_00AE, "all instances of the pipe are in use",
        [= 231 ERROR_PIPE_BUSY] [] [];
    PIPE_NOT_AVAILABLE = 0xC000_00AC, "no instance of the pipe is free",
        [> 231 ERROR_PIPE_BUSY] [] [];
    INSTANCE_NOT_AVAILABLE = 0xC000_00AB, "the pipe has as many instances as it may have",
        [> 231 ERROR_PIPE_BUSY] [] [];
    INVALID_PIPE_STATE = 0xC000_00AD, "the pipe is not in a state that allows this",
        [= 230 ERROR_BAD_PIPE] [] [];
    INVALID_READ_MODE = 0xC000_00B4, "the pipe is not received from by messages",
        [> 230 ERROR_BAD_PIPE] [] [];

    // Connecting and addresses.
    CONNECTION_REFUSED = 0xC000_0236, "the peer refused the connection: nobody listens there",
        [= 1225 ERROR_CONNECTION_REFUSED] [= 10061 WSAECONNREFUSED] [= ECONNREFUSED];
    IO_TIMEOUT = 0xC000_00B5, "the other side did not answer in time",
        [= 121 ERROR_SEM_TIMEOUT] [= 10060 WSAETIMEDOUT] [= ETIMEDOUT < ETIME];
    LINK_TIMEOUT = 0xC000_013F, "the network link did not answer in time",
        [> 59 ERROR_UNEXP_NET_ERR] [> 10060 WSAETIMEDOUT] [> ETIMEDOUT];
    INVALID_CONNECTION = 0xC000_0140, "the socket is not connected",
        [> 59 ERROR_UNEXP_NET_ERR] [= 10057 WSAENOTCONN] [= ENOTCONN];
    CONNECTION_INVALID = 0xC000_023A, "there is no such connection",
        [= 1229 ERROR_CONNECTION_INVALID] [> 10057 WSAENOTCONN] [> ENOTCONN];
    CONNECTION_ACTIVE = 0xC000_023B, "the socket is connected already",
        [= 1230 ERROR_CONNECTION_ACTIVE] [= 10056 WSAEISCONN] [= EISCONN];
    CONNECTION_COUNT_LIMIT = 0xC000_0246, "the limit on connections was reached",
        [= 1238 ERROR_CONNECTION_COUNT_LIMIT] [] [] shortage;
    OPERATION_IN_PROGRESS = 0xC000_0476, "an earlier operation of this kind is still under way",
        [= 329 ERROR_OPERATION_IN_PROGRESS] [= 10036 WSAEINPROGRESS] [= EINPROGRESS];
    WSAEALREADY = 0xC007_2735 as WSAEALREADY, "the socket is being connected already",
        [= 10037 WSAEALREADY] [= 10037 WSAEALREADY] [= EALREADY];
    ADDRESS_ALREADY_EXISTS = 0xC000_020A, "the address is in use; another socket is bound to it",
        [= 52 ERROR_DUP_NAME] [= 10048 WSAEADDRINUSE] [= EADDRINUSE < ENOTUNIQ];
    INVALID_ADDRESS_COMPONENT = 0xC000_0207, "the address is not one of this host, or no local port is left",
        [= 1214 ERROR_INVALID_NETNAME] [= 10049 WSAEADDRNOTAVAIL] [= EADDRNOTAVAIL];
    INVALID_ADDRESS = 0xC000_0141, "the address is not valid",
        [> 59 ERROR_UNEXP_NET_ERR] [> 10049 WSAEADDRNOTAVAIL] [> EADDRNOTAVAIL];
    ADDRESS_ALREADY_ASSOCIATED = 0xC000_0238, "the socket has an address already",
        [= 1227 ERROR_ADDRESS_ALREADY_ASSOCIATED] [] [];
    ADDRESS_NOT_ASSOCIATED = 0xC000_0239, "the socket has no address yet",
        [= 1228 ERROR_ADDRESS_NOT_ASSOCIATED] [] [];
    WSAEDESTADDRREQ = 0xC007_2737 as WSAEDESTADDRREQ, "the send needs an address: the socket has no peer",
        [= 10039 WSAEDESTADDRREQ] [= 10039 WSAEDESTADDRREQ] [= EDESTADDRREQ];

    // The network.
    HOST_UNREACHABLE = 0xC000_023D, "no route leads to the host",
        [= 1232 ERROR_HOST_UNREACHABLE] [= 10065 WSAEHOSTUNREACH] [= EHOSTUNREACH];
    NETWORK_UNREACHABLE = 0xC000_023C, "no route leads to the network",
        [= 1231 ERROR_NETWORK_UNREACHABLE] [= 10051 WSAENETUNREACH] [= ENETUNREACH];
    PROTOCOL_UNREACHABLE = 0xC000_023E, "the host does not speak the protocol",
        [= 1233 ERROR_PROTOCOL_UNREACHABLE] [> 10051 WSAENETUNREACH] [> ENETUNREACH];
    PORT_UNREACHABLE = 0xC000_023F, "an earlier datagram found nobody at the port",
        [= 1234 ERROR_PORT_UNREACHABLE] [> 10054 WSAECONNRESET] [> ECONNREFUSED] ordinary;
    BAD_NETWORK_PATH = 0xC000_00BE, "the network path was not found",
        [= 53 ERROR_BAD_NETPATH] [> 10051 WSAENETUNREACH] [> ENETUNREACH];
    UNEXPECTED_NETWORK_ERROR = 0xC000_00C4, "the network is down",
        [= 59 ERROR_UNEXP_NET_ERR] [= 10050 WSAENETDOWN] [= ENETDOWN < ENONET < ERFKILL];
    NETWORK_BUSY = 0xC000_00BF, "the network is busy",
        [= 54 ERROR_NETWORK_BUSY] [> 10050 WSAENETDOWN] [> ENETDOWN];
    INVALID_NETWORK_RESPONSE = 0xC000_00C3, "the peer broke the protocol",
        [= 58 ERROR_BAD_NET_RESP] [> 10050 WSAENETDOWN] [= EPROTO];
    WSAEHOSTDOWN = 0xC007_2750 as WSAEHOSTDOWN, "the host is down",
        [= 10064 WSAEHOSTDOWN] [= 10064 WSAEHOSTDOWN] [= EHOSTDOWN];

    // What a socket can and cannot do.
    NOT_SUPPORTED = 0xC000_00BB, "the operation is not supported here",
        [= 50 ERROR_NOT_SUPPORTED] [= 10045 WSAEOPNOTSUPP] [= EOPNOTSUPP];
    NOT_IMPLEMENTED = 0xC000_0002, "the system does not have this call",
        [> 1 ERROR_INVALID_FUNCTION] [> 10045 WSAEOPNOTSUPP] [= ENOSYS];
    INVALID_BUFFER_SIZE = 0xC000_0206, "the message is too long to be sent in one piece",
        [> 1784 ERROR_INVALID_USER_BUFFER] [> 10040 WSAEMSGSIZE] [= EMSGSIZE];
    WSAEPROTOTYPE = 0xC007_2739 as WSAEPROTOTYPE, "the protocol does not go with this type of socket",
        [= 10041 WSAEPROTOTYPE] [= 10041 WSAEPROTOTYPE] [= EPROTOTYPE];
    WSAENOPROTOOPT = 0xC007_273A as WSAENOPROTOOPT, "the socket has no such option",
        [= 10042 WSAENOPROTOOPT] [= 10042 WSAENOPROTOOPT] [= ENOPROTOOPT];
    WSAEPROTONOSUPPORT = 0xC007_273B as WSAEPROTONOSUPPORT, "the protocol is not supported",
        [= 10043 WSAEPROTONOSUPPORT] [= 10043 WSAEPROTONOSUPPORT] [= EPROTONOSUPPORT];
    WSAESOCKTNOSUPPORT = 0xC007_273C as WSAESOCKTNOSUPPORT, "the type of socket is not supported",
        [= 10044 WSAESOCKTNOSUPPORT] [= 10044 WSAESOCKTNOSUPPORT] [= ESOCKTNOSUPPORT];
    WSAEPFNOSUPPORT = 0xC007_273E as WSAEPFNOSUPPORT, "the protocol family is not supported",
        [= 10046 WSAEPFNOSUPPORT] [= 10046 WSAEPFNOSUPPORT] [= EPFNOSUPPORT];
    WSAEAFNOSUPPORT = 0xC007_273F as WSAEAFNOSUPPORT, "the address family is not supported",
        [= 10047 WSAEAFNOSUPPORT] [= 10047 WSAEAFNOSUPPORT] [= EAFNOSUPPORT];

    // Come back later.
    DEVICE_NOT_READY = 0xC000_00A3, "nothing can be moved now; wait until the socket is ready",
        [= 21 ERROR_NOT_READY] [= 10035 WSAEWOULDBLOCK] [= EAGAIN];
    REQUEST_NOT_ACCEPTED = 0xC000_00D0, "the other side takes no more requests now",
        [= 71 ERROR_REQ_NOT_ACCEP] [> 10035 WSAEWOULDBLOCK] [> EAGAIN];

    // Something has run out. Drop the one session that asked, not the server.
    INSUFFICIENT_RESOURCES = 0xC000_009A, "no buffer space is left, or a limit on locked memory was reached",
        [= 1450 ERROR_NO_SYSTEM_RESOURCES] [= 10055 WSAENOBUFS] [= ENOBUFS < ENOLCK < ENOSR] shortage;
    NO_MEMORY = 0xC000_0017, "no memory is left",
        [= 8 ERROR_NOT_ENOUGH_MEMORY < 14 ERROR_OUTOFMEMORY] [> 10055 WSAENOBUFS] [= ENOMEM] shortage;
    QUOTA_EXCEEDED = 0xC000_0044, "the quota of pooled memory was reached",
        [= 1816 ERROR_NOT_ENOUGH_QUOTA] [> 10055 WSAENOBUFS] [> ENOBUFS] shortage;
    PAGEFILE_QUOTA = 0xC000_0007, "the quota of swap space was reached",
        [= 1454 ERROR_PAGEFILE_QUOTA] [> 10055 WSAENOBUFS] [> ENOMEM] shortage;
    WORKING_SET_QUOTA = 0xC000_00A1, "the quota of resident memory was reached",
        [= 1453 ERROR_WORKING_SET_QUOTA] [> 10055 WSAENOBUFS] [> ENOMEM] shortage;
    COMMITMENT_LIMIT = 0xC000_012D, "the system has no memory left to promise",
        [= 1455 ERROR_COMMITMENT_LIMIT] [> 10055 WSAENOBUFS] [> ENOMEM] shortage;
    CONFLICTING_ADDRESSES = 0xC000_0018, "the address range is taken",
        [= 487 ERROR_INVALID_ADDRESS] [> 10055 WSAENOBUFS] [];
    TOO_MANY_PAGING_FILES = 0xC000_0097, "no further swap file can be had",
        [> 8 ERROR_NOT_ENOUGH_MEMORY] [> 10055 WSAENOBUFS] [> ENOMEM] shortage;
    REMOTE_RESOURCES = 0xC000_013D, "the other side has run out of resources",
        [> 51 ERROR_REM_NOT_LIST] [> 10055 WSAENOBUFS] [> ENOBUFS] shortage;
    TOO_MANY_ADDRESSES = 0xC000_0209, "no further address can be had",
        [= 68 ERROR_TOO_MANY_NAMES] [> 10055 WSAENOBUFS] [> ENOBUFS] shortage;
    TOO_MANY_OPENED_FILES = 0xC000_011F, "too many files and sockets are open; raise the limit or close some",
        [= 4 ERROR_TOO_MANY_OPEN_FILES] [= 10024 WSAEMFILE] [= EMFILE < ENFILE] shortage;
    TOO_MANY_THREADS = 0xC000_0129, "too many threads",
        [= 565 ERROR_TOO_MANY_THREADS] [] [] shortage;
    SEMAPHORE_LIMIT_EXCEEDED = 0xC000_0047, "the limit on posts was reached, or the semaphore is at its maximum",
        [= 298 ERROR_TOO_MANY_POSTS] [] [] shortage;
    WSAETOOMANYREFS = 0xC007_274B as WSAETOOMANYREFS, "too many descriptors are in flight between processes",
        [= 10059 WSAETOOMANYREFS] [= 10059 WSAETOOMANYREFS] [= ETOOMANYREFS] shortage;
    WSAEUSERS = 0xC007_2754 as WSAEUSERS, "too many users",
        [= 10068 WSAEUSERS] [= 10068 WSAEUSERS] [= EUSERS] shortage;

    // What the caller got wrong.
    INVALID_PARAMETER = 0xC000_000D, "an argument is not valid, or not in this state of the object",
        [= 87 ERROR_INVALID_PARAMETER] [= 10022 WSAEINVAL] [= EINVAL < E2BIG < EDOM < ERANGE];
    INVALID_PARAMETER_MIX = 0xC000_0030, "the arguments are not valid together",
        [> 87 ERROR_INVALID_PARAMETER] [] [> EINVAL];
    INVALID_PARAMETER_1 = 0xC000_00EF, "the first argument is not valid",
        [> 87 ERROR_INVALID_PARAMETER] [] [> EINVAL];
    INVALID_PARAMETER_2 = 0xC000_00F0, "the second argument is not valid",
        [> 87 ERROR_INVALID_PARAMETER] [] [> EINVAL];
    INVALID_PARAMETER_3 = 0xC000_00F1, "the third argument is not valid",
        [> 87 ERROR_INVALID_PARAMETER] [] [> EINVAL];
    INVALID_PARAMETER_6 = 0xC000_00F4, "the sixth argument is not valid",
        [> 87 ERROR_INVALID_PARAMETER] [] [> EINVAL];
    INVALID_HANDLE = 0xC000_0008, "the handle is not open",
        [= 6 ERROR_INVALID_HANDLE] [> 10038 WSAENOTSOCK] [= EBADF < EBADFD];
    HANDLE_NOT_CLOSABLE = 0xC000_0235, "the handle is protected from being closed",
        [> 6 ERROR_INVALID_HANDLE] [] [];
    OBJECT_TYPE_MISMATCH = 0xC000_0024, "the handle is of another kind of object; a socket was expected",
        [> 6 ERROR_INVALID_HANDLE] [= 10038 WSAENOTSOCK] [= ENOTSOCK];
    INVALID_CID = 0xC000_000B, "there is no such thread or process",
        [> 87 ERROR_INVALID_PARAMETER] [] [= ESRCH < ECHILD];
    ACCESS_DENIED = 0xC000_0022, "permission denied",
        [= 5 ERROR_ACCESS_DENIED] [= 10013 WSAEACCES] [= EACCES < EPERM];
    PRIVILEGE_NOT_HELD = 0xC000_0061, "a privilege is missing",
        [= 1314 ERROR_PRIVILEGE_NOT_HELD] [] [> EACCES];
    ACCESS_VIOLATION = 0xC000_0005, "the memory given cannot be accessed",
        [= 998 ERROR_NOACCESS] [= 10014 WSAEFAULT] [= EFAULT];
    INVALID_USER_BUFFER = 0xC000_00E8, "the buffer given is not valid",
        [= 1784 ERROR_INVALID_USER_BUFFER] [] [> EFAULT];
    BUFFER_TOO_SMALL = 0xC000_0023, "the buffer is too small; nothing was put into it",
        [= 122 ERROR_INSUFFICIENT_BUFFER] [> 10014 WSAEFAULT] [];
    INVALID_DEVICE_REQUEST = 0xC000_0010, "this kind of file does not have this operation",
        [= 1 ERROR_INVALID_FUNCTION] [] [= ENOTTY < ESPIPE < ENOTBLK];
    INVALID_INFO_CLASS = 0xC000_0003, "the object has no such information",
        [> 87 ERROR_INVALID_PARAMETER] [] [];
    INFO_LENGTH_MISMATCH = 0xC000_0004, "the length does not match the information asked for",
        [= 24 ERROR_BAD_LENGTH] [] [];
    INTEGER_OVERFLOW = 0xC000_0095, "the value does not fit its type",
        [= 534 ERROR_ARITHMETIC_OVERFLOW] [] [= EOVERFLOW];
    NOT_FOUND = 0xC000_0225, "there was nothing of the kind asked for, such as nothing to cancel",
        [= 1168 ERROR_NOT_FOUND] [] [];

    // Objects, threads, processes.
    MUTANT_NOT_OWNED = 0xC000_0046, "the mutex belongs to another thread, or to none",
        [= 288 ERROR_NOT_OWNER] [] [];
    NOT_SAME_OBJECT = 0xC000_01AC, "the handles are not of one object",
        [= 1656 ERROR_NOT_SAME_OBJECT] [] [];
    POSSIBLE_DEADLOCK = 0xC000_0194, "the wait would never end",
        [= 1131 ERROR_POSSIBLE_DEADLOCK] [] [= EDEADLK];
    SUSPEND_COUNT_EXCEEDED = 0xC000_004A, "the thread cannot be suspended once more",
        [= 156 ERROR_SIGNAL_REFUSED] [] [];
    THREAD_IS_TERMINATING = 0xC000_004B, "the thread is ending",
        [> 5 ERROR_ACCESS_DENIED] [] [];
    PROCESS_IS_TERMINATING = 0xC000_010A, "the process is ending",
        [> 5 ERROR_ACCESS_DENIED] [] [];
    SHUTDOWN_IN_PROGRESS = 0xC000_02FE, "a shutdown is under way",
        [= 1115 ERROR_SHUTDOWN_IN_PROGRESS] [] [];
    INVALID_IMAGE_FORMAT = 0xC000_007B, "the file is not a program for this machine",
        [= 193 ERROR_BAD_EXE_FORMAT] [] [= ENOEXEC];

    // Files and names.
    OBJECT_NAME_NOT_FOUND = 0xC000_0034, "there is no file or object of this name",
        [= 2 ERROR_FILE_NOT_FOUND] [> 10050 WSAENETDOWN] [= ENOENT];
    NO_SUCH_FILE = 0xC000_000F, "there is no such file",
        [> 2 ERROR_FILE_NOT_FOUND] [> 10050 WSAENETDOWN] [> ENOENT];
    NO_SUCH_DEVICE = 0xC000_000E, "there is no such device",
        [> 2 ERROR_FILE_NOT_FOUND] [> 10050 WSAENETDOWN] [= ENODEV];
    DEVICE_DOES_NOT_EXIST = 0xC000_00C0, "the device, or the reader of the pipe, is not there",
        [= 55 ERROR_DEV_NOT_EXIST] [] [= ENXIO < ENOMEDIUM];
    OBJECT_PATH_NOT_FOUND = 0xC000_003A, "a directory on the way to the file does not exist",
        [= 3 ERROR_PATH_NOT_FOUND] [> 10050 WSAENETDOWN] [> ENOENT];
    OBJECT_PATH_SYNTAX_BAD = 0xC000_003B, "the name does not begin with a backslash",
        [= 161 ERROR_BAD_PATHNAME] [] [];
    OBJECT_NAME_COLLISION = 0xC000_0035, "a file or object of this name exists already",
        [= 183 ERROR_ALREADY_EXISTS < 80 ERROR_FILE_EXISTS] [] [= EEXIST];
    OBJECT_NAME_INVALID = 0xC000_0033, "the name is not a valid one",
        [= 123 ERROR_INVALID_NAME] [] [= EILSEQ];
    NAME_TOO_LONG = 0xC000_0106, "the name is too long",
        [= 206 ERROR_FILENAME_EXCED_RANGE] [] [= ENAMETOOLONG];
    REPARSE_POINT_NOT_RESOLVED = 0xC000_0280, "the name leads through too many links",
        [= 1921 ERROR_CANT_RESOLVE_FILENAME] [] [= ELOOP];
    SHARING_VIOLATION = 0xC000_0043, "the file is in use elsewhere",
        [= 32 ERROR_SHARING_VIOLATION] [> 10048 WSAEADDRINUSE] [= EBUSY < ETXTBSY];
    LOCK_NOT_GRANTED = 0xC000_0055, "the range of the file is locked",
        [= 33 ERROR_LOCK_VIOLATION] [] [> EAGAIN];
    FILE_LOCK_CONFLICT = 0xC000_0054, "another has locked this range of the file",
        [> 33 ERROR_LOCK_VIOLATION] [] [> EAGAIN];
    RANGE_NOT_LOCKED = 0xC000_007E, "the range of the file was not locked",
        [= 158 ERROR_NOT_LOCKED] [] [];
    INVALID_LOCK_RANGE = 0xC000_01A1, "the range to lock reaches beyond the largest offset",
        [= 307 ERROR_INVALID_LOCK_RANGE] [] [];
    DELETE_PENDING = 0xC000_0056, "the file is about to be deleted",
        [> 5 ERROR_ACCESS_DENIED] [] [> EBUSY];
    FILE_IS_A_DIRECTORY = 0xC000_00BA, "the file is a directory",
        [> 5 ERROR_ACCESS_DENIED] [] [= EISDIR];
    NOT_A_DIRECTORY = 0xC000_0103, "the file is not a directory",
        [= 267 ERROR_DIRECTORY] [] [= ENOTDIR];
    DIRECTORY_NOT_EMPTY = 0xC000_0101, "the directory is not empty",
        [= 145 ERROR_DIR_NOT_EMPTY] [] [= ENOTEMPTY];
    NOT_SAME_DEVICE = 0xC000_00D4, "the two names are not on the same file system",
        [= 17 ERROR_NOT_SAME_DEVICE] [] [= EXDEV];
    TOO_MANY_LINKS = 0xC000_0265, "the file has as many names as it may have",
        [= 1142 ERROR_TOO_MANY_LINKS] [] [= EMLINK];
    FILE_CLOSED = 0xC000_0128, "the file has been closed",
        [> 6 ERROR_INVALID_HANDLE] [] [> EBADF];
    FILE_INVALID = 0xC000_0098, "the file behind the handle is not there any more",
        [= 1006 ERROR_FILE_INVALID] [] [= ESTALE];
    MEDIA_WRITE_PROTECTED = 0xC000_00A2, "the file system is read-only",
        [= 19 ERROR_WRITE_PROTECT] [] [= EROFS];
    DISK_FULL = 0xC000_007F, "no space is left on the device",
        [= 112 ERROR_DISK_FULL] [] [= ENOSPC];
    DISK_QUOTA_EXCEEDED = 0xC000_0802, "the disk quota was reached",
        [= 1295 ERROR_DISK_QUOTA_EXCEEDED] [] [= EDQUOT];
    FILE_TOO_LARGE = 0xC000_0904, "the file would become larger than allowed",
        [= 223 ERROR_FILE_TOO_LARGE] [] [= EFBIG];
    IO_DEVICE_ERROR = 0xC000_0185, "the device reported an error",
        [= 1117 ERROR_IO_DEVICE] [] [= EIO < EREMOTEIO];
    DATA_ERROR = 0xC000_003E, "the data read are damaged",
        [= 23 ERROR_CRC] [] [= EBADMSG < EHWPOISON];
    FILE_CORRUPT_ERROR = 0xC000_0102, "the file system is damaged",
        [= 1392 ERROR_FILE_CORRUPT] [] [= EUCLEAN];

    UNSUCCESSFUL = 0xC000_0001, "the operation failed, and nothing more is known",
        [= 31 ERROR_GEN_FAILURE] [] [];
}

/// Further names for the same statuses.
impl Status {
    /// Another name for [`Status::INSUFFICIENT_RESOURCES`]: what Winsock calls `WSAENOBUFS` and Linux `ENOBUFS`.
    pub const NO_BUFS: Status = Status::INSUFFICIENT_RESOURCES;
    /// Another name for [`Status::SEMAPHORE_LIMIT_EXCEEDED`]: what Win32 calls `ERROR_TOO_MANY_POSTS`.
    pub const TOO_MANY_POSTS: Status = Status::SEMAPHORE_LIMIT_EXCEEDED;
}
