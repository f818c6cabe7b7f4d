/* Group 33: one completion, two names. */
#include "sock.h"

/* The Win32 and the Winsock name of an end. */
static void check_names(DWORD status, DWORD win32, DWORD winsock_)
{
    SOCKET made = new_socket(SOCK_STREAM);
    OVERLAPPED overlapped = {0};
    DWORD bytes = 0, flags = 0;
    BOOL success = win32 == 0;
    overlapped.Internal = status;
    overlapped.InternalHigh = 42;
    SetLastError(0);
    CHECK_EQ(GetOverlappedResult((HANDLE)made, &overlapped, &bytes, FALSE), success);
    if (!success) {
        CHECK_EQ(GetLastError(), win32);
    }
    bytes = 0;
    CHECK_EQ(WSAGetOverlappedResult(made, &overlapped, &bytes, FALSE, &flags), success);
    if (!success) {
        CHECK_EQ(GetLastError(), winsock_);
    }
    CHECK_EQ(bytes, 42u);
    closesocket(made);
}

TEST(s389_a_completion_has_a_win32_and_a_winsock_name)
{
    check_names(0, 0, 0);
    check_names((DWORD)STATUS_CONNECTION_RESET, ERROR_NETNAME_DELETED, WSAECONNRESET);
}

TEST(s390_ends_of_connections)
{
    check_names((DWORD)STATUS_CONNECTION_ABORTED, ERROR_CONNECTION_ABORTED, WSAECONNABORTED);
    check_names((DWORD)STATUS_CONNECTION_REFUSED, ERROR_CONNECTION_REFUSED, WSAECONNREFUSED);
    check_names((DWORD)STATUS_CANCELLED, ERROR_OPERATION_ABORTED, WSA_OPERATION_ABORTED);
}

TEST(s391_truncation_timeout_shutdown_and_would_block)
{
    check_names((DWORD)STATUS_BUFFER_OVERFLOW, ERROR_MORE_DATA, WSAEMSGSIZE);
    check_names((DWORD)STATUS_IO_TIMEOUT, ERROR_SEM_TIMEOUT, WSAETIMEDOUT);
    check_names((DWORD)STATUS_PIPE_DISCONNECTED, ERROR_PIPE_NOT_CONNECTED, WSAESHUTDOWN);
    check_names((DWORD)STATUS_DEVICE_NOT_READY, ERROR_NOT_READY, WSAEWOULDBLOCK);
}

TEST(s392_unreachable)
{
    check_names((DWORD)STATUS_HOST_UNREACHABLE, ERROR_HOST_UNREACHABLE, WSAEHOSTUNREACH);
    check_names((DWORD)STATUS_NETWORK_UNREACHABLE, ERROR_NETWORK_UNREACHABLE, WSAENETUNREACH);
    check_names((DWORD)STATUS_PORT_UNREACHABLE, ERROR_PORT_UNREACHABLE, WSAECONNRESET);
}

TEST(s393_whatever_runs_out)
{
    check_names((DWORD)STATUS_INSUFFICIENT_RESOURCES, ERROR_NO_SYSTEM_RESOURCES, WSAENOBUFS);
    check_names((DWORD)STATUS_NO_MEMORY, ERROR_NOT_ENOUGH_MEMORY, WSAENOBUFS);
    check_names((DWORD)STATUS_QUOTA_EXCEEDED, ERROR_NOT_ENOUGH_QUOTA, WSAENOBUFS);
}

TEST(s394_what_has_no_name_is_invalid)
{
    check_names((DWORD)STATUS_INVALID_PARAMETER, ERROR_INVALID_PARAMETER, WSAEINVAL);
    check_names((DWORD)STATUS_FILE_CORRUPT_ERROR, ERROR_FILE_CORRUPT, WSAEINVAL);
}

TEST(s395_pending_is_incomplete)
{
    SOCKET made = new_socket(SOCK_STREAM);
    OVERLAPPED overlapped = {0};
    DWORD bytes = 0x5a5a, flags = 0x5a5a;
    overlapped.Internal = STATUS_PENDING;
    CHECK_FAILS(WSAGetOverlappedResult(made, &overlapped, &bytes, FALSE, &flags), WSA_IO_INCOMPLETE);
    CHECK_FAILS(WSAGetOverlappedResult(made, NULL, &bytes, FALSE, &flags), WSA_INVALID_PARAMETER);
    CHECK_EQ(bytes, 0x5a5au);
    only_ours("others look at the end first");
    CHECK_FAILS(WSAGetOverlappedResult(made, &overlapped, NULL, FALSE, &flags), WSAEFAULT);
    CHECK_FAILS(WSAGetOverlappedResult(made, &overlapped, &bytes, FALSE, NULL), WSAEFAULT);
    closesocket(made);
}
