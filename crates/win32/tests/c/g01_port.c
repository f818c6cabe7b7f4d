/* Group 1: making a port and associating handles with it. */
#include "pair.h"

static HANDLE scratch_file(DWORD flags)
{
    char folder[MAX_PATH], path[MAX_PATH];
    HANDLE file;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g01", 0, path) > 0);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, flags | FILE_FLAG_DELETE_ON_CLOSE,
                       NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

TEST(s001_an_unassociated_port_is_made_and_failure_is_null)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0x1234, 1);
    CHECK(port != NULL && port != INVALID_HANDLE_VALUE);
    check_nothing_queued(port);
    CHECK(CloseHandle(port));
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)(ULONG_PTR)0x7ffffff0, NULL, 0, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateIoCompletionPort(NULL, NULL, 0, 0), ERROR_INVALID_HANDLE);
}

TEST(s002_associating_gives_the_same_handle_and_ignores_the_count)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    CHECK_EQ(CreateIoCompletionPort((HANDLE)p.ours, port, 1, 99), port);
    CHECK_EQ(CreateIoCompletionPort((HANDLE)p.theirs, port, 2, 0xffffffff), port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s003_one_call_creates_and_associates)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    HANDLE port = CreateIoCompletionPort((HANDLE)p.ours, NULL, 77, 0);
    CHECK(port != NULL);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 77 && packet.bytes == 1 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s004_no_file_and_a_port_is_an_error)
{
    HANDLE port = new_port(1);
    CHECK_FAILS(CreateIoCompletionPort(INVALID_HANDLE_VALUE, port, 0, 0), ERROR_INVALID_PARAMETER);
    CloseHandle(port);
}

TEST(s006_a_synchronous_file_cannot_be_associated)
{
    HANDLE port = new_port(1), file = scratch_file(0), overlapped = scratch_file(FILE_FLAG_OVERLAPPED);
    CHECK_FAILS(CreateIoCompletionPort(file, port, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_EQ(CreateIoCompletionPort(overlapped, port, 0, 0), port);
    CloseHandle(file);
    CloseHandle(overlapped);
    CloseHandle(port);
}

TEST(s007_a_handle_is_associated_once)
{
    HANDLE port = new_port(1), other = new_port(1);
    struct pair p = pair();
    associate(p.ours, port, 1);
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)p.ours, port, 1, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)p.ours, other, 1, 0), ERROR_INVALID_PARAMETER);
    close_pair(p);
    CloseHandle(port);
    CloseHandle(other);
}

TEST(s008_a_duplicate_completes_to_the_same_port_and_key)
{
    HANDLE port = new_port(1), duplicate = NULL;
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    associate(p.ours, port, 8);
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)p.ours, GetCurrentProcess(), &duplicate, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK(duplicate != (HANDLE)p.ours);
    receive_later((SOCKET)duplicate, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 8 && packet.overlapped == &overlapped);
    CHECK(CloseHandle(duplicate));
    close_pair(p);
    CloseHandle(port);
}

TEST(s009_what_was_started_before_the_association_queues_its_packet)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    receive_later(p.ours, &byte, 1, &overlapped);
    associate(p.ours, port, 9);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 9 && packet.bytes == 1 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s014_keys_may_be_zero_and_need_not_differ)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED one = {0}, other = {0};
    char bytes[2];
    struct packet packet;
    associate(p.ours, port, 0);
    associate(p.theirs, port, 0);
    receive_later(p.ours, &bytes[0], 1, &one);
    receive_later(p.theirs, &bytes[1], 1, &other);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 0 && packet.overlapped == &one);
    CHECK_EQ(send(p.ours, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 0 && packet.overlapped == &other);
    close_pair(p);
    CloseHandle(port);
}

TEST(port_functions_refuse_what_is_no_port)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), port = new_port(1);
    HANDLE wrong[] = {NULL, event, GetCurrentProcess(), GetCurrentThread(), (HANDLE)(ULONG_PTR)0x12345678};
    DWORD bytes;
    ULONG_PTR key, index;
    OVERLAPPED *overlapped;
    CHECK(event != NULL);
    CHECK(CloseHandle(port));
    for (index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        CHECK_FAILS(GetQueuedCompletionStatus(wrong[index], &bytes, &key, &overlapped, 0), ERROR_INVALID_HANDLE);
        CHECK_FAILS(PostQueuedCompletionStatus(wrong[index], 0, 0, NULL), ERROR_INVALID_HANDLE);
    }
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(PostQueuedCompletionStatus(port, 0, 0, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateIoCompletionPort(event, NULL, 0, 0), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
}
