/* Groups 8 and 9: cancelling, and what becomes of pending operations when their thread or handle ends. */
#include "pair.h"

struct receive {
    SOCKET socket;
    OVERLAPPED overlapped;
    char byte;
};

static DWORD WINAPI start_receive(void *argument)
{
    struct receive *receive = argument;
    receive_later(receive->socket, &receive->byte, 1, &receive->overlapped);
    return 0;
}

static void start_in_a_thread_that_ends(struct receive *receive)
{
    HANDLE thread = CreateThread(NULL, 0, start_receive, receive, 0, NULL);
    CHECK(thread != NULL);
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CloseHandle(thread);
}

TEST(s100_cancelling_is_of_this_thread_of_all_or_of_one)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    static struct receive other;
    OVERLAPPED one = {0}, two = {0};
    char bytes[2];
    associate(p.ours, port, 100);
    memset(&other, 0, sizeof other);
    other.socket = p.ours;
    start_in_a_thread_that_ends(&other);
    /* Of this thread nothing is pending: no error, and nothing happens (S101). */
    CHECK(CancelIo((HANDLE)p.ours));
    CHECK(!HasOverlappedIoCompleted(&other.overlapped));
    receive_later(p.ours, &bytes[0], 1, &one);
    receive_later(p.ours, &bytes[1], 1, &two);
    CHECK(CancelIoEx((HANDLE)p.ours, &two));
    CHECK(take(port).overlapped == &two);
    CHECK(CancelIo((HANDLE)p.ours));
    CHECK(take(port).overlapped == &one);
    CHECK(CancelIoEx((HANDLE)p.ours, NULL));
    CHECK(take(port).overlapped == &other.overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s101_nothing_to_cancel_is_an_error_of_one_of_the_two)
{
    struct pair p;
    OVERLAPPED overlapped = {0};
    wine_differs("calls that blocked leave something to cancel there");
    p = pair();
    CHECK(CancelIo((HANDLE)p.ours));
    CHECK_FAILS(CancelIoEx((HANDLE)p.ours, NULL), ERROR_NOT_FOUND);
    CHECK_FAILS(CancelIoEx((HANDLE)p.ours, &overlapped), ERROR_NOT_FOUND);
    close_pair(p);
}

TEST(s103_s104_the_end_comes_by_the_operations_own_way)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    DWORD bytes = 1, flags;
    char byte;
    overlapped.hEvent = event;
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    CHECK_FAILS(GetOverlappedResult((HANDLE)p.ours, &overlapped, &bytes, TRUE), ERROR_OPERATION_ABORTED);
    CHECK_EQ(bytes, 0);
    CHECK_FAILS(WSAGetOverlappedResult(p.ours, &overlapped, &bytes, TRUE, &flags), WSA_OPERATION_ABORTED);
    close_pair(p);
    CloseHandle(event);
}

TEST(s106_a_send_that_is_buffered_is_complete)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer;
    DWORD bytes;
    char byte = 'x';
    buffer.buf = &byte;
    buffer.len = 1;
    WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL);
    EVENTUALLY(HasOverlappedIoCompleted(&overlapped));
    CHECK_FAILS(CancelIoEx((HANDLE)p.ours, &overlapped), ERROR_NOT_FOUND);
    close_pair(p);
}

TEST(s110_without_a_port_it_ends_with_its_thread)
{
    struct pair p = pair();
    static struct receive receive;
    memset(&receive, 0, sizeof receive);
    receive.socket = p.ours;
    start_in_a_thread_that_ends(&receive);
    EVENTUALLY(HasOverlappedIoCompleted(&receive.overlapped));
    CHECK_EQ((DWORD)receive.overlapped.Internal, 0xc0000120);
    close_pair(p);
}

TEST(s111_with_a_port_it_outlives_its_thread)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    static struct receive receive;
    struct packet packet;
    memset(&receive, 0, sizeof receive);
    receive.socket = p.ours;
    associate(p.ours, port, 111);
    start_in_a_thread_that_ends(&receive);
    check_nothing_queued(port);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.bytes == 1 && packet.overlapped == &receive.overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s111_with_an_event_it_does_not_even_with_a_port)
{
    HANDLE port = new_port(1), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct pair p = pair();
    static struct receive receive;
    struct packet packet;
    memset(&receive, 0, sizeof receive);
    receive.socket = p.ours;
    receive.overlapped.hEvent = event;
    associate(p.ours, port, 111);
    start_in_a_thread_that_ends(&receive);
    packet = take(port);
    CHECK(!packet.success && packet.error == ERROR_OPERATION_ABORTED && packet.overlapped == &receive.overlapped);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    close_pair(p);
    CloseHandle(event);
    CloseHandle(port);
}

TEST(s115_closing_one_of_two_handles_cancels_nothing)
{
    HANDLE port = new_port(1), duplicate = NULL;
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    associate(p.ours, port, 115);
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)p.ours, GetCurrentProcess(), &duplicate, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CloseHandle(duplicate));
    CHECK(!HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK(take(port).success);
    close_pair(p);
    CloseHandle(port);
}

TEST(s118_s121_closing_a_socket_aborts_what_is_pending)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    struct packet packet;
    char byte;
    associate(p.ours, port, 118);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(closesocket(p.ours), 0);
    packet = take(port);
    CHECK(!packet.success && packet.key == 118 && packet.overlapped == &overlapped);
    if (!test_under_wine()) {
        CHECK_EQ(packet.error, ERROR_CONNECTION_ABORTED);
    }
    closesocket(p.theirs);
    CloseHandle(port);
}
