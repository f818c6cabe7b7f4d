/* Group 27: sends and receives on streams. */
#include "sock.h"

TEST(s328_an_overlapped_send_is_whole)
{
    enum { SIZE = 4 << 20 };
    struct pair p = pair();
    char *from = calloc(1, SIZE), *into = calloc(1, SIZE);
    WSABUF parts[3] = {{SIZE / 2, from}, {SIZE / 4, from + SIZE / 2}, {SIZE / 4, from + SIZE / 2 + SIZE / 4}};
    OVERLAPPED overlapped = {0};
    for (int i = 0; i < SIZE; i++) {
        from[i] = (char)(i * 7);
    }
    CHECK_STARTED(WSASend(p.ours, parts, 3, NULL, 0, &overlapped, NULL));
    receive_all(p.theirs, into, SIZE);
    CHECK_EQ(await(p.ours, &overlapped), (DWORD)SIZE);
    CHECK(memcmp(from, into, SIZE) == 0);
    free(from);
    free(into);
    close_pair(p);
}

TEST(s328_more_buffers_than_one_call_of_the_kernel_takes_go_out_in_order)
{
    enum { COUNT = 100 };
    struct pair p = pair();
    char from[COUNT], into[COUNT];
    WSABUF parts[COUNT];
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    for (int i = 0; i < COUNT; i++) {
        from[i] = (char)i;
        parts[i].len = 1;
        parts[i].buf = &from[i];
    }
    CHECK_STARTED(WSASend(p.ours, parts, COUNT, NULL, 0, &overlapped, NULL));
    CHECK_EQ(await(p.ours, &overlapped), (DWORD)COUNT);
    receive_all(p.theirs, into, COUNT);
    CHECK(memcmp(from, into, COUNT) == 0);
    CHECK_EQ(WSASend(p.ours, parts, COUNT, &bytes, 0, NULL, NULL), 0);
    CHECK_EQ(bytes, (DWORD)COUNT);
    receive_all(p.theirs, into, COUNT);
    CHECK(memcmp(from, into, COUNT) == 0);
    close_pair(p);
}

static DWORD WINAPI receive_much(void *socket)
{
    char data[65536];
    DWORD total = 0;
    int count;
    while ((count = recv((SOCKET)socket, data, sizeof data, 0)) > 0) {
        total += (DWORD)count;
    }
    return total;
}

TEST(s329_a_blocking_send_is_whole_and_says_nothing_of_delivery)
{
    enum { SIZE = 8 << 20 };
    struct pair p = pair();
    char *data = calloc(1, SIZE);
    HANDLE thread = new_thread(receive_much, (void *)p.theirs);
    CHECK_EQ(send(p.ours, data, SIZE, 0), SIZE);
    CHECK_EQ(shutdown(p.ours, SD_SEND), 0);
    CHECK_EQ(join(thread), (DWORD)SIZE);
    free(data);
    close_pair(p);
    p = pair();
    CHECK_EQ(send(p.ours, "lost", 4, 0), 4);
    closesocket(p.theirs);
    closesocket(p.ours);
}

TEST(s330_what_was_accepted_is_delivered_after_the_close)
{
    enum { SIZE = 1 << 20 };
    struct pair p = pair();
    char *data = calloc(1, SIZE);
    DWORD accepted = 0;
    int sent;
    HANDLE thread;
    set_nonblocking(p.ours, 1);
    while ((sent = send(p.ours, data, SIZE, 0)) > 0) {
        accepted += (DWORD)sent;
    }
    CHECK_ERROR(WSAEWOULDBLOCK);
    CHECK(accepted > 0);
    thread = new_thread(receive_much, (void *)p.theirs);
    closesocket(p.ours);
    CHECK_EQ(join(thread), accepted);
    free(data);
    closesocket(p.theirs);
}

TEST(s331_without_a_send_buffer_sends_still_complete)
{
    struct pair p = pair();
    int none = 0, length = sizeof none;
    char data[] = "data", into[4];
    WSABUF buffer = {4, data};
    OVERLAPPED overlapped = {0};
    CHECK_EQ(setsockopt(p.ours, SOL_SOCKET, SO_SNDBUF, (char *)&none, sizeof none), 0);
    none = 1;
    CHECK_EQ(getsockopt(p.ours, SOL_SOCKET, SO_SNDBUF, (char *)&none, &length), 0);
    CHECK_EQ(none, 0);
    CHECK_STARTED(WSASend(p.ours, &buffer, 1, NULL, 0, &overlapped, NULL));
    receive_all(p.theirs, into, 4);
    CHECK_EQ(await(p.ours, &overlapped), 4u);
    CHECK_EQ(send(p.ours, data, 4, 0), 4);
    receive_all(p.theirs, into, 4);
    close_pair(p);
}

TEST(s334_a_zero_byte_receive_waits_for_data_and_leaves_them)
{
    struct pair p = pair();
    WSABUF nothing = {0, NULL};
    char data[8];
    DWORD bytes = 0x5a5a, flags = 0;
    OVERLAPPED overlapped = {0};
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &nothing, 1, NULL, &flags, &overlapped, NULL), WSA_IO_PENDING);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(await(p.ours, &overlapped), 0u);
    CHECK_EQ(WSARecv(p.ours, &nothing, 1, &bytes, &flags, &overlapped, NULL), 0);
    CHECK_EQ(bytes, 0u);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 3);
    close_pair(p);
}

TEST(s335_no_buffers_are_refused)
{
    struct pair p = pair();
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0x5a5a, flags = 0;
    OVERLAPPED overlapped = {0};
    wine_differs("it takes none");
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 0, &bytes, &flags, &overlapped, NULL), WSAEINVAL);
    CHECK_SOCKET_FAILS(WSARecv(p.ours, NULL, 0, &bytes, &flags, NULL, NULL), WSAEINVAL);
    CHECK_EQ(bytes, 0x5a5au);
    close_pair(p);
}

TEST(s337_a_graceful_end_is_success_with_nothing_s338_again_and_again)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0x5a5a, flags = 0;
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 4);
    receive_later(p.ours, data, sizeof data, &overlapped);
    closesocket(p.theirs);
    CHECK_PACKET(port, 4, &overlapped, 0);
    CHECK_EQ(WSARecv(p.ours, &buffer, 1, &bytes, &flags, &overlapped, NULL), 0);
    CHECK_EQ(bytes, 0u);
    CHECK_PACKET(port, 4, &overlapped, 0);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 0);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 0);
    closesocket(p.ours);
    CloseHandle(port);
}

TEST(s339_a_reset_is_told_to_what_waits_s341_and_leaves_no_error_behind)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    int error = 1, length = sizeof error;
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 4);
    receive_later(p.ours, data, sizeof data, &overlapped);
    close_with_reset(p.theirs);
    CHECK_FAILED_PACKET(port, 4, &overlapped, ERROR_NETNAME_DELETED);
    CHECK((NTSTATUS)overlapped.Internal == STATUS_CONNECTION_RESET && overlapped.InternalHigh == 0);
    CHECK_EQ(getsockopt(p.ours, SOL_SOCKET, SO_ERROR, (char *)&error, &length), 0);
    CHECK_EQ(error, 0);
    closesocket(p.ours);
    CloseHandle(port);
}

TEST(s340_after_a_reset_calls_fail_at_once_and_queue_nothing)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0x5a5a, flags = 0;
    OVERLAPPED overlapped = {0};
    wine_differs("the second call meets an end");
    associate(p.ours, port, 4);
    receive_later(p.ours, data, sizeof data, &overlapped);
    close_with_reset(p.theirs);
    CHECK_FAILED_PACKET(port, 4, &overlapped, ERROR_NETNAME_DELETED);
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 1, &bytes, &flags, &overlapped, NULL), WSAECONNRESET);
    CHECK_SOCKET_FAILS(WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL), WSAECONNRESET);
    CHECK_EQ(bytes, 0x5a5au);
    CHECK_EMPTY(port);
    closesocket(p.ours);
    CloseHandle(port);
}

TEST(s342_a_stream_that_is_not_connected_neither_sends_nor_receives)
{
    SOCKET made = new_socket(SOCK_STREAM);
    char data[] = "data";
    WSABUF buffer = {4, data};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    wine_differs("it lets them pend, or speaks of a reset");
    CHECK_SOCKET_FAILS(send(made, data, 4, 0), WSAENOTCONN);
    CHECK_SOCKET_FAILS(recv(made, data, 4, 0), WSAENOTCONN);
    CHECK_SOCKET_FAILS(WSASend(made, &buffer, 1, NULL, 0, &overlapped, NULL), WSAENOTCONN);
    CHECK_SOCKET_FAILS(WSARecv(made, &buffer, 1, NULL, &flags, &overlapped, NULL), WSAENOTCONN);
    closesocket(made);
}

TEST(s343_a_peek_leaves_the_data_and_a_receive_may_wait_for_all)
{
    struct pair p = pair();
    char data[8] = {0};
    CHECK_EQ(send(p.theirs, "abcdef", 6, 0), 6);
    CHECK_EQ(recv(p.ours, data, 3, MSG_PEEK), 3);
    CHECK(memcmp(data, "abc", 3) == 0);
    CHECK_EQ(recv(p.ours, data, 6, MSG_WAITALL), 6);
    CHECK(memcmp(data, "abcdef", 6) == 0);
    close_pair(p);
}

TEST(s344_flags_come_back_clear_from_a_stream)
{
    struct pair p = pair();
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0, flags = 0, result = 0x5a5a;
    OVERLAPPED overlapped = {0};
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    EVENTUALLY(ioctlsocket(p.ours, FIONREAD, (u_long *)&bytes) == 0 && bytes == 3);
    CHECK_STARTED(WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, NULL));
    CHECK_EQ(flags, 0u);
    CHECK(WSAGetOverlappedResult(p.ours, &overlapped, &bytes, TRUE, &result));
    CHECK(bytes == 3 && result == 0);
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 1, NULL, NULL, &overlapped, NULL), WSAEFAULT);
    close_pair(p);
}

static DWORD WINAPI close_later(void *socket)
{
    Sleep(20);
    closesocket((SOCKET)socket);
    return 0;
}

TEST(a_call_that_blocks_ends_when_its_socket_is_closed)
{
    struct pair p = pair();
    char data[8];
    struct sockaddr_in address;
    SOCKET listening;
    HANDLE thread = new_thread(close_later, (void *)p.ours);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), SOCKET_ERROR);
    join(thread);
    listening = listener(&address);
    thread = new_thread(close_later, (void *)listening);
    CHECK_EQ(accept(listening, NULL, NULL), INVALID_SOCKET);
    CHECK(GetLastError() == WSAEINTR || GetLastError() == WSAENOTSOCK || GetLastError() == WSA_OPERATION_ABORTED);
    join(thread);
    closesocket(p.theirs);
}

TEST(memory_at_null_is_refused)
{
    struct pair p = pair();
    WSABUF buffer = {4, NULL};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    CHECK_SOCKET_FAILS(send(p.ours, NULL, 4, 0), WSAEFAULT);
    CHECK_SOCKET_FAILS(recv(p.ours, NULL, 4, 0), WSAEFAULT);
    only_ours("others find out when there are data");
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, NULL), WSAEFAULT);
    CHECK_SOCKET_FAILS(send(p.ours, "abc", 3, MSG_OOB), WSAEOPNOTSUPP);
    close_pair(p);
}
