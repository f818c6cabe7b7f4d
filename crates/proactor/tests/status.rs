//! Statuses and their names in Win32, Winsock and Linux (S032, S035, S389 to S395), through the public API.

use std::io;

use proactor::Status;
use proactor::status::Severity;

const WSAEINVAL: u32 = 10022;
const WSAEMSGSIZE: u32 = 10040;
const WSAENETUNREACH: u32 = 10051;
const WSAECONNABORTED: u32 = 10053;
const WSAECONNRESET: u32 = 10054;
const WSAENOBUFS: u32 = 10055;
const WSAESHUTDOWN: u32 = 10058;
const WSAETIMEDOUT: u32 = 10060;
const WSAECONNREFUSED: u32 = 10061;
const WSAEWOULDBLOCK: u32 = 10035;
const WSAEHOSTUNREACH: u32 = 10065;

/// What `GetQueuedCompletionStatus` makes of the status of a packet: TRUE, or FALSE with a last error.
fn dequeued(status: Status) -> Result<(), u32> {
    if status.is_success() { Ok(()) } else { Err(status.to_win32()) }
}

fn names(status: Status) -> (u32, u32) {
    (status.to_win32(), status.to_winsock())
}

#[test]
fn s032_a_success_is_true_and_a_failure_is_the_win32_error() {
    assert_eq!(dequeued(Status::SUCCESS), Ok(()));
    assert_eq!(dequeued(Status::OBJECT_NAME_EXISTS), Ok(()), "informational");
    assert_eq!(dequeued(Status::CANCELLED), Err(995));
    assert_eq!(dequeued(Status::CONNECTION_RESET), Err(64));
    assert_eq!(dequeued(Status::END_OF_FILE), Err(38));
    assert_eq!(dequeued(Status::from_raw(0xC0FF_EE00)), Err(317), "ERROR_MR_MID_NOT_FOUND");
}

#[test]
fn s033_the_reasons_for_nothing_dequeued_have_their_statuses() {
    assert_eq!(Status::from_win32(258), Status::TIMEOUT);
    assert_eq!(Status::from_win32(735), Status::ABANDONED_WAIT_0);
    assert_eq!(Status::ABANDONED_WAIT_0.to_win32(), 735);
    assert_eq!(Status::INVALID_HANDLE.to_win32(), 6);
}

#[test]
fn s035_a_warning_is_not_a_success_and_says_more_data() {
    assert_eq!(Status::BUFFER_OVERFLOW.severity(), Severity::Warning);
    assert_eq!(dequeued(Status::BUFFER_OVERFLOW), Err(234));
    assert!(Status::BUFFER_OVERFLOW.is_warning() && !Status::BUFFER_OVERFLOW.is_error());
}

#[test]
fn s389_one_completion_has_a_win32_and_a_winsock_name() {
    for status in [Status::CONNECTION_RESET, Status::CONNECTION_REFUSED, Status::IO_TIMEOUT, Status::NO_BUFS]
    {
        let (win32, winsock) = names(status);
        assert_ne!(win32, winsock, "{status}");
        assert_eq!(Status::from_win32(win32), status);
        assert_eq!(Status::from_winsock(winsock), status);
    }
}

#[test]
fn s390_ends_of_connections() {
    assert_eq!(names(Status::CONNECTION_RESET), (64, WSAECONNRESET));
    assert_eq!(names(Status::CONNECTION_ABORTED), (1236, WSAECONNABORTED));
    assert_eq!(names(Status::CONNECTION_REFUSED), (1225, WSAECONNREFUSED));
    assert_eq!(names(Status::CANCELLED), (995, 995));
}

#[test]
fn s391_truncation_timeout_shutdown_and_would_block() {
    assert_eq!(names(Status::BUFFER_OVERFLOW), (234, WSAEMSGSIZE));
    assert_eq!(names(Status::IO_TIMEOUT), (121, WSAETIMEDOUT));
    assert_eq!(names(Status::PIPE_DISCONNECTED), (233, WSAESHUTDOWN));
    assert_eq!(names(Status::DEVICE_NOT_READY), (21, WSAEWOULDBLOCK));
}

#[test]
fn s392_unreachable() {
    assert_eq!(names(Status::HOST_UNREACHABLE), (1232, WSAEHOSTUNREACH));
    assert_eq!(names(Status::NETWORK_UNREACHABLE), (1231, WSAENETUNREACH));
    assert_eq!(names(Status::PORT_UNREACHABLE), (1234, WSAECONNRESET));
}

#[test]
fn s393_whatever_runs_out_is_wsaenobufs() {
    for (status, win32) in [
        (Status::INSUFFICIENT_RESOURCES, 1450),
        (Status::NO_MEMORY, 8),
        (Status::QUOTA_EXCEEDED, 1816),
        (Status::PAGEFILE_QUOTA, 1454),
        (Status::WORKING_SET_QUOTA, 1453),
        (Status::COMMITMENT_LIMIT, 1455),
    ] {
        assert_eq!(names(status), (win32, WSAENOBUFS), "{status}");
        assert!(status.is_shortage() && !status.is_ordinary(), "{status}");
    }
    assert_eq!(Status::from_winsock(WSAENOBUFS), Status::NO_BUFS);
}

#[test]
fn s394_unmapped_errors_and_warnings_become_wsaeinval() {
    for status in [
        Status::UNSUCCESSFUL,
        Status::END_OF_FILE,
        Status::DISK_FULL,
        Status::from_raw(0xC0FF_EE00),
        Status::from_raw(0x80FF_EE00),
    ] {
        assert_eq!(status.to_winsock(), WSAEINVAL, "{status}");
    }
    assert_eq!(Status::from_raw(0x0000_0001).to_winsock(), 0, "a success is no error");
}

#[test]
fn s395_pending_is_io_incomplete_to_winsock() {
    assert_eq!(Status::PENDING.to_winsock(), 996);
    assert_eq!(Status::PENDING.to_win32(), 997, "ERROR_IO_PENDING, as RtlNtStatusToDosError says");
    for code in [996, 997] {
        assert_eq!(Status::from_winsock(code), Status::PENDING);
        assert_eq!(Status::from_win32(code), Status::PENDING);
    }
}

/// Every errno that the manual pages of the socket, file, pipe, epoll, process and futex calls list.
const ERRNOS: &[(i32, Status)] = &[
    (libc::EPERM, Status::ACCESS_DENIED),
    (libc::ENOENT, Status::OBJECT_NAME_NOT_FOUND),
    (libc::ESRCH, Status::INVALID_CID),
    (libc::EINTR, Status::REQUEST_ABORTED),
    (libc::EIO, Status::IO_DEVICE_ERROR),
    (libc::ENXIO, Status::DEVICE_DOES_NOT_EXIST),
    (libc::E2BIG, Status::INVALID_PARAMETER),
    (libc::ENOEXEC, Status::INVALID_IMAGE_FORMAT),
    (libc::EBADF, Status::INVALID_HANDLE),
    (libc::ECHILD, Status::INVALID_CID),
    (libc::EAGAIN, Status::DEVICE_NOT_READY),
    (libc::EWOULDBLOCK, Status::DEVICE_NOT_READY),
    (libc::ENOMEM, Status::NO_MEMORY),
    (libc::EACCES, Status::ACCESS_DENIED),
    (libc::EFAULT, Status::ACCESS_VIOLATION),
    (libc::EBUSY, Status::SHARING_VIOLATION),
    (libc::EEXIST, Status::OBJECT_NAME_COLLISION),
    (libc::EXDEV, Status::NOT_SAME_DEVICE),
    (libc::ENODEV, Status::NO_SUCH_DEVICE),
    (libc::ENOTDIR, Status::NOT_A_DIRECTORY),
    (libc::EISDIR, Status::FILE_IS_A_DIRECTORY),
    (libc::EINVAL, Status::INVALID_PARAMETER),
    (libc::ENFILE, Status::TOO_MANY_OPENED_FILES),
    (libc::EMFILE, Status::TOO_MANY_OPENED_FILES),
    (libc::ENOTTY, Status::INVALID_DEVICE_REQUEST),
    (libc::ETXTBSY, Status::SHARING_VIOLATION),
    (libc::EFBIG, Status::FILE_TOO_LARGE),
    (libc::ENOSPC, Status::DISK_FULL),
    (libc::ESPIPE, Status::INVALID_DEVICE_REQUEST),
    (libc::EROFS, Status::MEDIA_WRITE_PROTECTED),
    (libc::EMLINK, Status::TOO_MANY_LINKS),
    (libc::EPIPE, Status::PIPE_BROKEN),
    (libc::ERANGE, Status::INVALID_PARAMETER),
    (libc::EDEADLK, Status::POSSIBLE_DEADLOCK),
    (libc::ENAMETOOLONG, Status::NAME_TOO_LONG),
    (libc::ENOLCK, Status::INSUFFICIENT_RESOURCES),
    (libc::ENOSYS, Status::NOT_IMPLEMENTED),
    (libc::ENOTEMPTY, Status::DIRECTORY_NOT_EMPTY),
    (libc::ELOOP, Status::REPARSE_POINT_NOT_RESOLVED),
    (libc::ENOSR, Status::INSUFFICIENT_RESOURCES),
    (libc::ENONET, Status::UNEXPECTED_NETWORK_ERROR),
    (libc::ECOMM, Status::LINK_FAILED),
    (libc::EPROTO, Status::INVALID_NETWORK_RESPONSE),
    (libc::EBADMSG, Status::DATA_ERROR),
    (libc::EOVERFLOW, Status::INTEGER_OVERFLOW),
    (libc::EILSEQ, Status::OBJECT_NAME_INVALID),
    (libc::EUSERS, Status::WSAEUSERS),
    (libc::ENOTSOCK, Status::OBJECT_TYPE_MISMATCH),
    (libc::EDESTADDRREQ, Status::WSAEDESTADDRREQ),
    (libc::EMSGSIZE, Status::INVALID_BUFFER_SIZE),
    (libc::EPROTOTYPE, Status::WSAEPROTOTYPE),
    (libc::ENOPROTOOPT, Status::WSAENOPROTOOPT),
    (libc::EPROTONOSUPPORT, Status::WSAEPROTONOSUPPORT),
    (libc::ESOCKTNOSUPPORT, Status::WSAESOCKTNOSUPPORT),
    (libc::EOPNOTSUPP, Status::NOT_SUPPORTED),
    (libc::ENOTSUP, Status::NOT_SUPPORTED),
    (libc::EPFNOSUPPORT, Status::WSAEPFNOSUPPORT),
    (libc::EAFNOSUPPORT, Status::WSAEAFNOSUPPORT),
    (libc::EADDRINUSE, Status::ADDRESS_ALREADY_EXISTS),
    (libc::EADDRNOTAVAIL, Status::INVALID_ADDRESS_COMPONENT),
    (libc::ENETDOWN, Status::UNEXPECTED_NETWORK_ERROR),
    (libc::ENETUNREACH, Status::NETWORK_UNREACHABLE),
    (libc::ENETRESET, Status::WSAENETRESET),
    (libc::ECONNABORTED, Status::CONNECTION_ABORTED),
    (libc::ECONNRESET, Status::CONNECTION_RESET),
    (libc::ENOBUFS, Status::NO_BUFS),
    (libc::EISCONN, Status::CONNECTION_ACTIVE),
    (libc::ENOTCONN, Status::INVALID_CONNECTION),
    (libc::ESHUTDOWN, Status::PIPE_DISCONNECTED),
    (libc::ETOOMANYREFS, Status::WSAETOOMANYREFS),
    (libc::ETIMEDOUT, Status::IO_TIMEOUT),
    (libc::ETIME, Status::IO_TIMEOUT),
    (libc::ECONNREFUSED, Status::CONNECTION_REFUSED),
    (libc::EHOSTDOWN, Status::WSAEHOSTDOWN),
    (libc::EHOSTUNREACH, Status::HOST_UNREACHABLE),
    (libc::EALREADY, Status::WSAEALREADY),
    (libc::EINPROGRESS, Status::OPERATION_IN_PROGRESS),
    (libc::ESTALE, Status::FILE_INVALID),
    (libc::EUCLEAN, Status::FILE_CORRUPT_ERROR),
    (libc::EDQUOT, Status::DISK_QUOTA_EXCEEDED),
    (libc::ECANCELED, Status::CANCELLED),
];

#[test]
fn every_errno_of_the_calls_has_a_status() {
    for &(errno, status) in ERRNOS {
        assert_eq!(Status::from_errno(errno), status, "errno {errno}");
    }
}

/// An `Err` must never hold something that counts as done.
#[test]
fn no_errno_is_a_success() {
    for errno in (1..4096).chain([-1, i32::MIN, i32::MAX]) {
        assert!(Status::from_errno(errno).is_error(), "errno {errno}");
    }
    assert_eq!(Status::from_errno(0), Status::SUCCESS);
}

/// Linux and Winsock have most of their socket errors from the same ancestor: the names must meet.
#[test]
fn an_errno_of_sockets_keeps_its_name_in_winsock() {
    // Where NT has one status for what Linux tells apart, or calls it otherwise.
    const OTHERWISE: [&str; 11] = [
        "EAGAIN",
        "EBADF",
        "EBUSY",
        "ECANCELED",
        "ENODEV",
        "ENOENT",
        "ENOLINK",
        "ENOMEM",
        "ENOSYS",
        "EPIPE",
        "EPROTO",
    ];
    for &(errno, status) in ERRNOS {
        if let (Some(linux), Some(winsock)) = (status.errno_name(), status.winsock_name()) {
            assert!(
                winsock == format!("WSA{linux}") || OTHERWISE.contains(&linux),
                "{errno}: {linux} {winsock}"
            );
        }
    }
}

#[test]
fn a_status_goes_through_an_io_error_and_back() {
    let strange = [0xC0FF_EE00, 0x8000_1234, 0x4000_4321, 0x0000_003F, 0xE000_0001].map(Status::from_raw);
    for status in Status::known().chain(strange) {
        let error = io::Error::from(status);
        assert_eq!(Status::from(&error), status, "{error:?}");
        let twice = io::Error::from(Status::from(error));
        assert_eq!(Status::from(twice), status);
    }
}

#[test]
fn an_io_error_has_the_errno_only_if_that_is_the_same_status() {
    for status in Status::known() {
        match io::Error::from(status).raw_os_error() {
            Some(errno) => assert_eq!(Status::from_errno(errno), status),
            None => assert_ne!(status.to_errno().map(Status::from_errno), Some(status), "{status}"),
        }
    }
}

#[test]
fn an_io_error_has_the_kind_of_its_status() {
    for (status, kind) in [
        (Status::CONNECTION_RESET, io::ErrorKind::ConnectionReset),
        (Status::REMOTE_DISCONNECT, io::ErrorKind::ConnectionReset),
        (Status::PIPE_BROKEN, io::ErrorKind::BrokenPipe),
        (Status::END_OF_FILE, io::ErrorKind::UnexpectedEof),
        (Status::DEVICE_NOT_READY, io::ErrorKind::WouldBlock),
        (Status::COMMITMENT_LIMIT, io::ErrorKind::OutOfMemory),
        (Status::TIMEOUT, io::ErrorKind::TimedOut),
        (Status::ACCESS_DENIED, io::ErrorKind::PermissionDenied),
        (Status::NO_MEMORY, io::ErrorKind::OutOfMemory),
    ] {
        assert_eq!(status.kind(), kind, "{status}");
        assert_eq!(io::Error::from(status).kind(), kind, "{status}");
    }
}

#[test]
fn the_status_inside_an_io_error_comes_first() {
    let error = io::Error::new(io::ErrorKind::NotFound, Status::TOO_MANY_POSTS);
    assert_eq!(Status::from(error), Status::TOO_MANY_POSTS);
    let error = io::Error::new(io::ErrorKind::NotFound, "something else");
    assert_eq!(Status::from(error), Status::OBJECT_NAME_NOT_FOUND);
    assert_eq!(Status::from(io::Error::other("no idea")), Status::UNSUCCESSFUL);
}

#[test]
fn kinds_without_an_errno_keep_their_kind() {
    for kind in [
        io::ErrorKind::NotFound,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::TimedOut,
        io::ErrorKind::WouldBlock,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::Interrupted,
        io::ErrorKind::OutOfMemory,
        io::ErrorKind::Unsupported,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::AddrInUse,
    ] {
        assert_eq!(Status::from(io::Error::from(kind)).kind(), kind);
    }
}

#[test]
fn a_real_refusal_arrives_as_connection_refused() {
    // A port that was just given up: nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(Status::from(error), Status::CONNECTION_REFUSED);
}

#[test]
fn a_server_logs_no_everyday_end_and_every_refused_resource() {
    for status in [
        Status::CONNECTION_RESET,
        Status::CONNECTION_ABORTED,
        Status::CONNECTION_DISCONNECTED,
        Status::CANCELLED,
        Status::PIPE_BROKEN,
        Status::PIPE_DISCONNECTED,
        Status::ABANDONED_WAIT_0,
        Status::END_OF_FILE,
        Status::GRACEFUL_DISCONNECT,
        Status::SUCCESS,
    ] {
        assert!(status.is_ordinary() && !status.is_shortage(), "{status}");
    }
    for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
        let status = Status::from_errno(errno);
        assert!(status.is_shortage() && !status.is_ordinary(), "{status}");
    }
    for status in [Status::INVALID_HANDLE, Status::ACCESS_DENIED, Status::from_raw(0xC0FF_EE00)] {
        assert!(!status.is_shortage() && !status.is_ordinary(), "{status}");
    }
}

#[test]
fn numbers_without_a_row_are_carried_and_come_back() {
    assert_eq!(Status::from_win32(1400).raw(), 0xC007_0578);
    for code in (1..=0xFFFF).filter(|code| ![192, 258, 996, 14, 80].contains(code)) {
        assert_eq!(Status::from_win32(code).to_win32(), code);
    }
    for code in 10_000..12_000 {
        assert_eq!(Status::from_winsock(code).to_winsock(), code);
    }
    assert_eq!(Status::from_win32(0x1_0000), Status::UNSUCCESSFUL);
}

#[test]
fn severities_follow_the_top_two_bits() {
    for (value, severity) in [
        (0x3FFF_FFFF, Severity::Success),
        (0x4000_0000, Severity::Informational),
        (0x8000_0000, Severity::Warning),
        (0xC000_0000, Severity::Error),
    ] {
        let status = Status::from_raw(value);
        assert_eq!(status.severity(), severity);
        assert_eq!(status.is_success(), severity <= Severity::Informational);
        assert_eq!(status.is_warning(), severity == Severity::Warning);
        assert_eq!(status.is_error(), severity == Severity::Error);
    }
}

#[test]
fn text_names_the_status_and_an_unknown_one_its_value() {
    let reset = Status::CONNECTION_RESET;
    assert_eq!(reset.to_string(), "STATUS_CONNECTION_RESET (0xC000020D): the peer reset the connection");
    assert_eq!(format!("{reset:?}"), "STATUS_CONNECTION_RESET");
    let unknown = Status::from_raw(0x8000_0ABC);
    assert_eq!((unknown.to_string(), format!("{unknown:?}")), ("0x80000ABC".into(), "0x80000ABC".into()));
}
