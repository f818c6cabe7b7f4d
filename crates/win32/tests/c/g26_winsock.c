/* Group 26: what is common to all overlapped calls of Winsock. */
#include "sock.h"

static int routine_runs;
static DWORD routine_error, routine_bytes, routine_flags;
static OVERLAPPED *routine_overlapped;

static void CALLBACK routine(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped, DWORD flags)
{
    routine_runs++;
    routine_error = error;
    routine_bytes = bytes;
    routine_overlapped = overlapped;
    routine_flags = flags;
}

/* Two sockets, the first of which is not overlapped. */
static struct pair plain_pair(void)
{
    struct pair pair;
    struct sockaddr_in address;
    SOCKET listening;
    winsock();
    listening = listener(&address);
    pair.ours = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, 0);
    CHECK(pair.ours != INVALID_SOCKET);
    connect_to(pair.ours, address);
    pair.theirs = accept(listening, NULL, NULL);
    CHECK(pair.theirs != INVALID_SOCKET);
    closesocket(listening);
    return pair;
}

TEST(s309_socket_makes_overlapped_ones_and_wsasocket_when_asked)
{
    SOCKET made = new_socket(SOCK_STREAM);
    SOCKET plain = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, 0);
    HANDLE port = new_port(1);
    associate(made, port, 1);
    wine_differs("it associates a socket that is not overlapped");
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)plain, port, 1, 0), ERROR_INVALID_PARAMETER);
    closesocket(made);
    closesocket(plain);
    CloseHandle(port);
}

static DWORD WINAPI send_later(void *socket)
{
    test_pause();
    send((SOCKET)socket, "late", 4, 0);
    return 0;
}

TEST(s310_on_a_socket_that_is_not_overlapped_a_call_with_an_overlapped_blocks)
{
    struct pair p = plain_pair();
    char data[8] = {0};
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0, flags = 0;
    OVERLAPPED overlapped = {0};
    HANDLE thread;
    set_nonblocking(p.ours, 1);
    overlapped.hEvent = new_event(TRUE, FALSE);
    thread = new_thread(send_later, (void *)p.theirs);
    CHECK_EQ(WSARecv(p.ours, &buffer, 1, &bytes, &flags, &overlapped, NULL), 0);
    CHECK(bytes == 4 && memcmp(data, "late", 4) == 0);
    CHECK(overlapped.Internal == 0 && overlapped.InternalHigh == 4);
    CHECK(is_signalled(overlapped.hEvent));
    join(thread);
    CloseHandle(overlapped.hEvent);
    close_pair(p);
}

struct waiting_receive {
    SOCKET socket;
    HANDLE event;
    DWORD bytes;
    ULONG_PTR status;
};

static DWORD WINAPI receive_waiting(void *parameter)
{
    struct waiting_receive *receive = parameter;
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    overlapped.hEvent = receive->event;
    CHECK_EQ(WSARecv(receive->socket, &buffer, 1, &receive->bytes, &flags, &overlapped, NULL), 0);
    receive->status = overlapped.Internal;
    return 0;
}

TEST(s310_a_call_that_blocks_does_not_take_the_end_of_another_for_its_own)
{
    struct pair p = plain_pair();
    struct waiting_receive receive = {p.ours, NULL, 77, 77};
    char data[3] = {'a', 'b', 'c'};
    WSABUF buffer = {sizeof data, data};
    HANDLE thread = new_thread(receive_waiting, &receive);
    DWORD bytes = 0;
    int round;
    for (round = 0; round < 5; round++) {
        OVERLAPPED overlapped = {0};
        Sleep(5);
        CHECK_EQ(WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL), 0);
        CHECK_EQ(bytes, 3u);
    }
    CHECK_EQ(WaitForSingleObject(thread, 20), WAIT_TIMEOUT);
    CHECK_EQ(send(p.theirs, "hello", 5, 0), 5);
    join(thread);
    CHECK(receive.bytes == 5 && receive.status == 0);
    close_pair(p);
}

TEST(s311_overlapped_calls_pend_on_a_socket_that_does_not_block)
{
    struct pair p = pair();
    char data[8];
    OVERLAPPED overlapped = {0};
    set_nonblocking(p.ours, 1);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAEWOULDBLOCK);
    receive_later(p.ours, data, sizeof data, &overlapped);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(await(p.ours, &overlapped), 3u);
    close_pair(p);
}

TEST(s312_timeouts_are_for_plain_calls_only)
{
    struct pair p = pair();
    char data[8];
    DWORD timeout = 20;
    OVERLAPPED overlapped = {0};
    CHECK_EQ(setsockopt(p.ours, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof timeout), 0);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAETIMEDOUT);
    receive_later(p.ours, data, sizeof data, &overlapped);
    Sleep(60);
    CHECK(!HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(await(p.ours, &overlapped), 3u);
    close_pair(p);
}

TEST(s313_without_an_overlapped_the_count_has_to_be_asked_for)
{
    struct pair p = pair();
    char data[] = "data", into[8];
    WSABUF from = {4, data}, to = {sizeof into, into};
    DWORD bytes = 0x5a5a, flags = 0;
    CHECK_SOCKET_FAILS(WSASend(p.ours, &from, 1, NULL, 0, NULL, NULL), WSAEFAULT);
    CHECK_SUCCEEDS(WSASend(p.ours, &from, 1, &bytes, 0, NULL, NULL));
    CHECK_EQ(bytes, 4u);
    CHECK_SUCCEEDS(WSARecv(p.theirs, &to, 1, &bytes, &flags, NULL, NULL));
    CHECK(bytes == 4 && flags == 0);
    set_nonblocking(p.theirs, 1);
    bytes = 0x5a5a;
    CHECK_SOCKET_FAILS(WSARecv(p.theirs, &to, 1, &bytes, &flags, NULL, NULL), WSAEWOULDBLOCK);
    CHECK_EQ(bytes, 0x5a5au);
    close_pair(p);
}

TEST(s314_the_array_of_buffers_is_captured)
{
    struct pair p = pair();
    char one[2], two[3];
    WSABUF buffers[2] = {{2, one}, {3, two}};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    CHECK_SOCKET_FAILS(WSARecv(p.ours, buffers, 2, NULL, &flags, &overlapped, NULL), WSA_IO_PENDING);
    memset(buffers, 0xff, sizeof buffers);
    CHECK_EQ(send(p.theirs, "abcde", 5, 0), 5);
    CHECK_EQ(await(p.ours, &overlapped), 5u);
    CHECK(memcmp(one, "ab", 2) == 0 && memcmp(two, "cde", 3) == 0);
    close_pair(p);
}

TEST(s315_what_is_done_at_once_has_its_packet_and_what_fails_has_none)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[] = "data";
    WSABUF buffer = {4, data};
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 5);
    CHECK_SUCCEEDS(WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL));
    CHECK_EQ(bytes, 4u);
    CHECK_PACKET(port, 5, &overlapped, 4);
    CHECK_EQ(shutdown(p.ours, SD_SEND), 0);
    bytes = 0x5a5a;
    CHECK_SOCKET_FAILS(WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL), WSAESHUTDOWN);
    CHECK_EQ(bytes, 0x5a5au);
    CHECK_EMPTY(port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s316_receives_are_filled_in_the_order_they_were_posted)
{
    enum { COUNT = 5 };
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[COUNT];
    OVERLAPPED overlapped[COUNT] = {{0}};
    associate(p.ours, port, 1);
    for (int i = 0; i < COUNT; i++) {
        receive_later(p.ours, &data[i], 1, &overlapped[i]);
    }
    CHECK_EQ(send(p.theirs, "01234", COUNT, 0), COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK(take(port).success);
    }
    CHECK(memcmp(data, "01234", COUNT) == 0);
    close_pair(p);
    CloseHandle(port);
}

TEST(s318_a_receive_completes_with_some_data_unless_it_waits_for_all)
{
    struct pair p = pair();
    char data[8];
    WSABUF buffer = {6, data};
    DWORD flags = MSG_WAITALL;
    OVERLAPPED some = {0}, all = {0};
    receive_later(p.ours, data, sizeof data, &some);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(await(p.ours, &some), 3u);
    wine_differs("it does not wait for all");
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 1, NULL, &flags, &all, NULL), WSA_IO_PENDING);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(send(p.theirs, "def", 3, 0), 3);
    CHECK_EQ(await(p.ours, &all), 6u);
    CHECK(memcmp(data, "abcdef", 6) == 0);
    close_pair(p);
}

TEST(s319_each_buffer_is_filled_before_the_next)
{
    struct pair p = pair();
    char data[3][4] = {{0}};
    WSABUF buffers[3] = {{2, data[0]}, {0, NULL}, {4, data[2]}};
    DWORD bytes = 0, flags = 0;
    CHECK_EQ(send(p.theirs, "abcd", 4, 0), 4);
    CHECK_SUCCEEDS(WSARecv(p.ours, buffers, 3, &bytes, &flags, NULL, NULL));
    CHECK(bytes == 4 && memcmp(data[0], "ab", 3) == 0 && memcmp(data[2], "cd", 3) == 0);
    close_pair(p);
}

TEST(s320_a_socket_is_a_file_handle)
{
    struct pair p = pair();
    char data[8];
    DWORD bytes = 0;
    OVERLAPPED reading = {0}, writing = {0};
    CHECK(SetFileCompletionNotificationModes((HANDLE)p.ours, 0));
    CHECK_FAILS(ReadFile((HANDLE)p.ours, data, sizeof data, NULL, &reading), ERROR_IO_PENDING);
    if (!WriteFile((HANDLE)p.theirs, "abc", 3, NULL, &writing)) {
        CHECK_ERROR(ERROR_IO_PENDING);
    }
    CHECK(GetOverlappedResult((HANDLE)p.theirs, &writing, &bytes, TRUE) && bytes == 3);
    CHECK(GetOverlappedResult((HANDLE)p.ours, &reading, &bytes, TRUE) && bytes == 3);
    receive_later(p.ours, data, sizeof data, &reading);
    CHECK(CancelIoEx((HANDLE)p.ours, &reading));
    CHECK(!GetOverlappedResult((HANDLE)p.ours, &reading, &bytes, TRUE));
    CHECK_ERROR(ERROR_OPERATION_ABORTED);
    CHECK(CloseHandle((HANDLE)p.ours));
    closesocket(p.theirs);
}

TEST(s322_a_duplicate_does_io_but_has_no_results_of_winsocks)
{
    struct pair p = pair();
    HANDLE copy = NULL;
    char data[8];
    DWORD bytes = 0, flags;
    OVERLAPPED overlapped = {0};
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)p.ours, GetCurrentProcess(), &copy, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    receive_later((SOCKET)copy, data, sizeof data, &overlapped);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK(GetOverlappedResult(copy, &overlapped, &bytes, TRUE) && bytes == 3);
    CHECK_FAILS(WSAGetOverlappedResult((SOCKET)copy, &overlapped, &bytes, FALSE, &flags), WSAENOTSOCK);
    CHECK(WSAGetOverlappedResult(p.ours, &overlapped, &bytes, FALSE, &flags) && bytes == 3);
    CloseHandle(copy);
    close_pair(p);
}

TEST(s323_functions_are_had_by_guid)
{
    SOCKET made = new_socket(SOCK_STREAM);
    GUID known[] = {WSAID_ACCEPTEX, WSAID_CONNECTEX, WSAID_DISCONNECTEX, WSAID_GETACCEPTEXSOCKADDRS,
                    WSAID_TRANSMITFILE, WSAID_WSARECVMSG, WSAID_WSASENDMSG};
    GUID unknown = {1, 2, 3, {4}};
    void *function;
    DWORD bytes = 0x5a5a;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK(extension(made, known[i]) != NULL);
    }
    CHECK_SOCKET_FAILS(WSAIoctl(made, SIO_GET_EXTENSION_FUNCTION_POINTER, &unknown, sizeof unknown, &function,
                                sizeof function, &bytes, NULL, NULL), WSAEINVAL);
    wine_differs("it writes to NULL");
    CHECK_SOCKET_FAILS(WSAIoctl(made, SIO_GET_EXTENSION_FUNCTION_POINTER, &known[0], sizeof known[0], NULL, 0, &bytes,
                                NULL, NULL), WSAEFAULT);
    closesocket(made);
}

TEST(s324_a_control_call_that_is_done_at_once_is_told_as_any)
{
    SOCKET made = new_socket(SOCK_STREAM), other = new_socket(SOCK_STREAM);
    HANDLE port = new_port(1);
    GUID guid = WSAID_ACCEPTEX, unknown = {1, 2, 3, {4}};
    void *function = NULL;
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    associate(made, port, 9);
    CHECK_EQ(WSAIoctl(made, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &function, sizeof function, &bytes,
                      &overlapped, NULL), 0);
    CHECK(function != NULL && bytes == sizeof function);
    CHECK_PACKET(port, 9, &overlapped, 0);
    CHECK_SOCKET_FAILS(WSAIoctl(made, SIO_GET_EXTENSION_FUNCTION_POINTER, &unknown, sizeof unknown, &function,
                                sizeof function, &bytes, &overlapped, NULL), WSAEINVAL);
    CHECK_EMPTY(port);
    routine_runs = 0;
    CHECK_EQ(WSAIoctl(other, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &function, sizeof function, &bytes,
                      &overlapped, routine), 0);
    CHECK_EQ(routine_runs, 0);
    CHECK_EQ(SleepEx(1000, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK(routine_runs == 1 && routine_error == 0 && routine_bytes == 0 && routine_overlapped == &overlapped);
    closesocket(made);
    closesocket(other);
    CloseHandle(port);
}

TEST(s325_calls_before_the_first_startup_fail_and_startups_are_counted)
{
    WSADATA data;
    while (WSACleanup() == 0) {
    }
    CHECK_ERROR(WSANOTINITIALISED);
    SetLastError(0);
    CHECK_EQ(socket(AF_INET, SOCK_STREAM, 0), INVALID_SOCKET);
    CHECK_ERROR(WSANOTINITIALISED);
    CHECK_SOCKET_FAILS(closesocket(4), WSANOTINITIALISED);
    CHECK_EQ(WSAStartup(0, &data), WSAVERNOTSUPPORTED);
    CHECK_EQ(WSAStartup(MAKEWORD(2, 2), NULL), WSAEFAULT);
    CHECK_EQ(WSAStartup(MAKEWORD(2, 2), &data), 0);
    CHECK(data.wVersion == MAKEWORD(2, 2) && data.wHighVersion == MAKEWORD(2, 2));
    CHECK_EQ(WSAStartup(MAKEWORD(1, 1), &data), 0);
    CHECK(data.wVersion == MAKEWORD(1, 1) && data.wHighVersion == MAKEWORD(2, 2));
    CHECK_EQ(WSACleanup(), 0);
    closesocket(new_socket(SOCK_STREAM));
}

TEST(s326_there_is_one_last_error)
{
    WSASetLastError(4711);
    CHECK_EQ(GetLastError(), 4711u);
    SetLastError(4712);
    CHECK_EQ(WSAGetLastError(), 4712);
}

TEST(s327_success_clears_the_last_error)
{
    struct pair p = pair();
    char data[8];
    int value = 1;
    SetLastError(0xdeadbeef);
    CHECK_EQ(send(p.ours, "abc", 3, 0), 3);
    CHECK_ERROR(0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(recv(p.theirs, data, sizeof data, 0), 3);
    CHECK_ERROR(0);
    CHECK_SUCCEEDS(setsockopt(p.ours, IPPROTO_TCP, TCP_NODELAY, (char *)&value, sizeof value));
    CHECK_SUCCEEDS(shutdown(p.ours, SD_SEND));
    close_pair(p);
}

TEST(s012_routines_are_not_for_sockets_of_a_port)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 1);
    routine_runs = 0;
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, routine), WSAEINVAL);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(SleepEx(0, TRUE), 0u);
    CHECK_EQ(routine_runs, 0);
    CHECK_EMPTY(port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s145_a_routine_is_told_how_its_call_ended)
{
    struct pair p = pair();
    char data[8], text[] = "abc";
    WSABUF to = {sizeof data, data}, from = {3, text};
    DWORD bytes = 0, flags = 0;
    OVERLAPPED receiving = {0}, sending = {0};
    routine_runs = 0;
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &to, 1, NULL, &flags, &receiving, routine), WSA_IO_PENDING);
    CHECK_STARTED(WSASend(p.theirs, &from, 1, &bytes, 0, &sending, NULL));
    CHECK_EQ(SleepEx(10000, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK(routine_runs == 1 && routine_error == 0 && routine_bytes == 3 && routine_overlapped == &receiving);
    CHECK_EQ(routine_flags, 0u);
    CHECK_SOCKET_FAILS(WSARecv(p.ours, &to, 1, NULL, &flags, &receiving, routine), WSA_IO_PENDING);
    close_with_reset(p.theirs);
    CHECK_EQ(SleepEx(10000, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK(routine_runs == 2 && routine_error == WSAECONNRESET && routine_bytes == 0);
    closesocket(p.ours);
}

TEST(s021_an_event_with_its_lowest_bit_set_keeps_the_packet_away)
{
    struct pair p = pair();
    HANDLE port = new_port(1), event = new_event(TRUE, FALSE);
    char data[8];
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 1);
    overlapped.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    receive_later(p.ours, data, sizeof data, &overlapped);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK(GetOverlappedResult((HANDLE)p.ours, &overlapped, &bytes, TRUE) && bytes == 3);
    CHECK(is_signalled(event));
    CHECK_EMPTY(port);
    close_pair(p);
    CloseHandle(port);
    CloseHandle(event);
}

TEST(s023_an_event_is_set_and_the_packet_comes_too)
{
    struct pair p = pair();
    HANDLE port = new_port(1), event = new_event(TRUE, TRUE);
    char data[8];
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 1);
    overlapped.hEvent = event;
    receive_later(p.ours, data, sizeof data, &overlapped);
    CHECK(!is_signalled(event));
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_PACKET(port, 1, &overlapped, 3);
    CHECK(is_signalled(event));
    close_pair(p);
    CloseHandle(port);
    CloseHandle(event);
}

TEST(s024_calls_without_an_overlapped_queue_nothing)
{
    HANDLE port = new_port(1);
    struct sockaddr_in address;
    SOCKET listening, client = new_socket(SOCK_STREAM), served;
    char data[4];
    listening = listener(&address);
    associate(listening, port, 1);
    associate(client, port, 2);
    connect_to(client, address);
    served = accept(listening, NULL, NULL);
    CHECK(served != INVALID_SOCKET);
    associate(served, port, 3);
    CHECK_EQ(send(client, "abcd", 4, 0), 4);
    receive_all(served, data, 4);
    CHECK_EQ(WSASendDisconnect(client, NULL), 0);
    CHECK_EQ(recv(served, data, 4, 0), 0);
    CHECK_EQ(shutdown(served, SD_BOTH), 0);
    CHECK(disconnect_ex(client)(client, NULL, 0, 0));
    CHECK_EMPTY(port);
    closesocket(served);
    closesocket(client);
    closesocket(listening);
    CHECK_EMPTY(port);
    CloseHandle(port);
}

TEST(calls_on_what_is_no_socket_say_so)
{
    HANDLE event = new_event(TRUE, FALSE);
    SOCKET closed = new_socket(SOCK_STREAM);
    SOCKET wrong[] = {INVALID_SOCKET, 0, 1, 0x7ffffffc, (SOCKET)event, closed, (SOCKET)GetCurrentProcess()};
    closesocket(closed);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char data[8];
        WSABUF buffer = {sizeof data, data};
        DWORD bytes = 0x5a5a, flags = 0;
        u_long number = 1;
        int length = 4;
        struct sockaddr_in address = loopback(1);
        OVERLAPPED overlapped = {0};
        CHECK_SOCKET_FAILS(send(wrong[i], data, 1, 0), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(recv(wrong[i], data, 1, 0), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(WSASend(wrong[i], &buffer, 1, &bytes, 0, &overlapped, NULL), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(WSARecv(wrong[i], &buffer, 1, &bytes, &flags, &overlapped, NULL), WSAENOTSOCK);
        CHECK_EQ(bytes, 0x5a5au);
        CHECK_SOCKET_FAILS(bind(wrong[i], (struct sockaddr *)&address, sizeof address), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(connect(wrong[i], (struct sockaddr *)&address, sizeof address), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(listen(wrong[i], 1), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(shutdown(wrong[i], SD_SEND), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(ioctlsocket(wrong[i], FIONBIO, &number), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(getsockopt(wrong[i], SOL_SOCKET, SO_TYPE, data, &length), WSAENOTSOCK);
        CHECK_SOCKET_FAILS(setsockopt(wrong[i], SOL_SOCKET, SO_KEEPALIVE, data, length), WSAENOTSOCK);
        CHECK_EQ(accept(wrong[i], NULL, NULL), INVALID_SOCKET);
        CHECK_ERROR(WSAENOTSOCK);
    }
    CHECK(CloseHandle(event));
}

TEST(names_of_machines_are_found_also_in_the_old_way)
{
    struct hostent *host;
    char name[256];
    winsock();
    host = gethostbyname("127.0.0.1");
    CHECK(host != NULL && host->h_addrtype == AF_INET && host->h_length == 4);
    CHECK(memcmp(host->h_addr_list[0], "\x7f\0\0\1", 4) == 0 && host->h_addr_list[1] == NULL);
    CHECK(host->h_aliases[0] == NULL && strcmp(host->h_name, "127.0.0.1") == 0);
    CHECK_EQ(gethostname(name, sizeof name), 0);
    CHECK(gethostbyname("localhost") != NULL);
    CHECK(gethostbyname("no such name of a machine") == NULL);
    CHECK_ERROR(WSAHOST_NOT_FOUND);
}
