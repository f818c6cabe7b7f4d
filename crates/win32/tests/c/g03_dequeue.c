/* Group 3: taking packets. */
#include "pair.h"

static DWORD calls;

static void CALLBACK count_call(ULONG_PTR by)
{
    calls += (DWORD)by;
}

TEST(s032_a_failed_operation_brings_its_key_count_and_error)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    associate(p.ours, port, 32);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    packet = take(port);
    CHECK(!packet.success && packet.error == ERROR_OPERATION_ABORTED);
    CHECK(packet.key == 32 && packet.bytes == 0 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s033_nothing_dequeued_says_why)
{
    HANDLE port = new_port(1);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped = (OVERLAPPED *)1;
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 1), WAIT_TIMEOUT);
    CHECK(overlapped == NULL);
    CHECK(CloseHandle(port));
    overlapped = (OVERLAPPED *)1;
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), ERROR_INVALID_HANDLE);
    CHECK(overlapped == NULL);
}

TEST(s034_a_timeout_clears_only_the_overlapped)
{
    HANDLE port = new_port(1);
    DWORD bytes = 0xcccccccc;
    ULONG_PTR key = 0xdeadbeef;
    OVERLAPPED *overlapped = (OVERLAPPED *)(ULONG_PTR)0xdeadbeef;
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), WAIT_TIMEOUT);
    CHECK(overlapped == NULL);
    CHECK_EQ(bytes, 0xcccccccc);
    CHECK_EQ(key, 0xdeadbeef);
    CloseHandle(port);
}

TEST(s036_a_posted_packet_may_carry_no_overlapped)
{
    HANDLE port = new_port(1);
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED *overlapped = (OVERLAPPED *)1;
    CHECK(PostQueuedCompletionStatus(port, 3, 36, NULL));
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0));
    CHECK(overlapped == NULL && bytes == 3 && key == 36);
    CloseHandle(port);
}

TEST(s037_s038_what_is_posted_comes_back_as_it_was_with_success)
{
    HANDLE port = new_port(1);
    /* Nobody looks behind the pointer. */
    OVERLAPPED *nowhere = (OVERLAPPED *)(ULONG_PTR)0xbadbeef0, *overlapped;
    DWORD values[] = {0, 1, 0xcccccccc, 0xffffffff}, bytes;
    ULONG_PTR key, index;
    for (index = 0; index < 4; index++) {
        CHECK(PostQueuedCompletionStatus(port, values[index], (ULONG_PTR)-1 - index, nowhere));
    }
    for (index = 0; index < 4; index++) {
        CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0));
        CHECK(bytes == values[index] && key == (ULONG_PTR)-1 - index && overlapped == nowhere);
    }
    check_nothing_queued(port);
    CloseHandle(port);
}

TEST(s039_success_leaves_the_last_error_alone)
{
    HANDLE port = new_port(1);
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    SetLastError(0xdeadbeef);
    CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    CHECK_ERROR(0xdeadbeef);
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE));
    CHECK_ERROR(0xdeadbeef);
    CloseHandle(port);
}

TEST(s042_s043_several_at_once_come_in_order_and_only_the_first_is_waited_for)
{
    HANDLE port = new_port(1);
    OVERLAPPED_ENTRY entries[4];
    ULONG count = 0xdeadbeef, index;
    for (index = 0; index < 3; index++) {
        CHECK(PostQueuedCompletionStatus(port, index, index + 10, (OVERLAPPED *)(ULONG_PTR)(16 * index)));
    }
    CHECK(GetQueuedCompletionStatusEx(port, entries, 2, &count, INFINITE, FALSE));
    CHECK_EQ(count, 2);
    CHECK(GetQueuedCompletionStatusEx(port, entries + 2, 2, &count, INFINITE, FALSE));
    CHECK_EQ(count, 1);
    for (index = 0; index < 3; index++) {
        CHECK(entries[index].lpCompletionKey == index + 10 && entries[index].dwNumberOfBytesTransferred == index);
        CHECK(entries[index].lpOverlapped == (OVERLAPPED *)(ULONG_PTR)(16 * index));
    }
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, entries, 4, &count, 0, FALSE), WAIT_TIMEOUT);
    CloseHandle(port);
}

TEST(s042_failed_operations_are_entries_like_others)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    OVERLAPPED_ENTRY entry;
    ULONG count = 0;
    char byte;
    associate(p.ours, port, 42);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, NULL));
    CHECK(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 10000, FALSE));
    CHECK(count == 1 && entry.lpOverlapped == &overlapped && entry.lpCompletionKey == 42);
    /* STATUS_CANCELLED, there and in the OVERLAPPED itself. */
    CHECK_EQ((DWORD)overlapped.Internal, 0xc0000120);
    close_pair(p);
    CloseHandle(port);
}

TEST(s044_a_count_of_zero_is_an_error_and_changes_nothing)
{
    HANDLE port;
    OVERLAPPED_ENTRY entry;
    ULONG count = 0xdeadbeef;
    wine_differs("it accepts a count of 0");
    port = new_port(1);
    CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 0, &count, 0, FALSE), ERROR_INVALID_PARAMETER);
    CHECK_EQ(count, 0xdeadbeef);
    CloseHandle(port);
}

TEST(s045_s046_an_alertable_removal_runs_calls)
{
    HANDLE port = new_port(1);
    OVERLAPPED_ENTRY entry;
    ULONG count = 0xdeadbeef;
    calls = 0;
    CHECK(QueueUserAPC(count_call, GetCurrentThread(), 5));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 1000, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(calls, 5);
    CHECK(count <= 1);
    CloseHandle(port);
}

TEST(s047_s050_other_removals_run_none)
{
    HANDLE port = new_port(1);
    OVERLAPPED_ENTRY entry;
    ULONG count;
    calls = 0;
    CHECK(QueueUserAPC(count_call, GetCurrentThread(), 1));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 1, FALSE), WAIT_TIMEOUT);
    check_nothing_queued(port);
    CHECK_EQ(calls, 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(calls, 1);
    CloseHandle(port);
}

TEST(s048_a_packet_goes_before_a_call_for_a_worker_of_the_port)
{
    HANDLE port = new_port(1);
    OVERLAPPED_ENTRY entry;
    ULONG count;
    calls = 0;
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    CHECK(PostQueuedCompletionStatus(port, 0, 2, NULL));
    take(port);
    CHECK(QueueUserAPC(count_call, GetCurrentThread(), 1));
    CHECK(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 0, TRUE));
    CHECK(count == 1 && entry.lpCompletionKey == 2);
    CHECK_EQ(calls, 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    CloseHandle(port);
}

TEST(s048_a_call_goes_before_a_packet_for_a_stranger)
{
    HANDLE port, other;
    OVERLAPPED_ENTRY entry;
    ULONG count;
    wine_differs("it takes the packet whoever asks");
    port = new_port(1);
    other = new_port(1);
    check_nothing_queued(other);
    calls = 0;
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    CHECK(QueueUserAPC(count_call, GetCurrentThread(), 1));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 0, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(calls, 1);
    CHECK(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 0, TRUE));
    CloseHandle(port);
    CloseHandle(other);
}

TEST(s051_an_entry_has_32_bytes)
{
    CHECK_EQ(sizeof(OVERLAPPED_ENTRY), 32);
    CHECK_EQ(offsetof(OVERLAPPED_ENTRY, lpCompletionKey), 0);
    CHECK_EQ(offsetof(OVERLAPPED_ENTRY, lpOverlapped), 8);
    CHECK_EQ(offsetof(OVERLAPPED_ENTRY, Internal), 16);
    CHECK_EQ(offsetof(OVERLAPPED_ENTRY, dwNumberOfBytesTransferred), 24);
}
