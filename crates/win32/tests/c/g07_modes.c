/* Group 7: how a handle reports completions. */
#include "pair.h"

static void skip(SOCKET socket, UCHAR modes)
{
    CHECK(SetFileCompletionNotificationModes((HANDLE)socket, modes));
}

TEST(s092_a_success_at_once_queues_no_packet_and_what_is_pending_does)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer;
    DWORD bytes = 0;
    char byte = 'x';
    associate(p.ours, port, 92);
    skip(p.ours, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS);
    buffer.buf = &byte;
    buffer.len = 1;
    if (WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL) == 0) {
        CHECK_EQ(bytes, 1);
        CHECK(HasOverlappedIoCompleted(&overlapped) && overlapped.InternalHigh == 1);
        check_nothing_queued(port);
    } else {
        CHECK(take(port).overlapped == &overlapped);
    }
    memset(&overlapped, 0, sizeof overlapped);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, NULL));
    CHECK(take(port).overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s094_the_handle_is_not_signalled_but_an_event_is)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    skip(p.ours, FILE_SKIP_SET_EVENT_ON_HANDLE);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(WaitForSingleObject((HANDLE)p.ours, 0), WAIT_TIMEOUT);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    EVENTUALLY(HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(WaitForSingleObject((HANDLE)p.ours, 0), WAIT_TIMEOUT);
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.hEvent = event;
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(WaitForSingleObject(event, 10000), WAIT_OBJECT_0);
    close_pair(p);
    CloseHandle(event);
}

TEST(s095_modes_stay_and_unknown_bits_say_nothing)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer;
    DWORD bytes = 0;
    char byte = 'x';
    associate(p.ours, port, 95);
    skip(p.ours, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS);
    skip(p.ours, 0);
    buffer.buf = &byte;
    buffer.len = 1;
    if (WSASend(p.ours, &buffer, 1, &bytes, 0, &overlapped, NULL) == 0) {
        check_nothing_queued(port);
    }
    close_pair(p);
    CloseHandle(port);
}

TEST(modes_are_of_files_and_sockets)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK_FAILS(SetFileCompletionNotificationModes(NULL, 1), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetFileCompletionNotificationModes(event, 1), ERROR_INVALID_HANDLE);
    CloseHandle(event);
}
