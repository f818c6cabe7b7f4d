/* Groups 4 and 5: who takes a packet, and what becomes of waiters and packets when a port is closed. */
#include "pair.h"

struct waiter {
    HANDLE port, thread;
    volatile LONG waits, count;
    BOOL success;
    DWORD error;
    OVERLAPPED *overlapped;
    ULONG_PTR key;
    int many, packets;
};

static DWORD WINAPI wait_there(void *argument)
{
    struct waiter *waiter = argument;
    DWORD bytes;
    OVERLAPPED_ENTRY entry;
    ULONG count;
    InterlockedExchange(&waiter->waits, 1);
    do {
        if (waiter->many) {
            waiter->success = GetQueuedCompletionStatusEx(waiter->port, &entry, 1, &count, INFINITE, TRUE);
        } else {
            waiter->overlapped = (OVERLAPPED *)1;
            waiter->success =
                GetQueuedCompletionStatus(waiter->port, &bytes, &waiter->key, &waiter->overlapped, INFINITE);
        }
        waiter->error = GetLastError();
    } while (InterlockedIncrement(&waiter->count) < waiter->packets);
    return 0;
}

static void start(struct waiter *waiter, HANDLE port, int many, int packets)
{
    memset(waiter, 0, sizeof *waiter);
    waiter->port = port;
    waiter->many = many;
    waiter->packets = packets;
    waiter->thread = CreateThread(NULL, 0, wait_there, waiter, 0, NULL);
    CHECK(waiter->thread != NULL);
    EVENTUALLY(waiter->waits);
}

static void join(struct waiter *waiter)
{
    CHECK_EQ(WaitForSingleObject(waiter->thread, 10000), WAIT_OBJECT_0);
    CloseHandle(waiter->thread);
}

TEST(s058_a_running_worker_takes_the_next_packet_itself)
{
    HANDLE port = new_port(1);
    ULONG_PTR index;
    for (index = 0; index < 100; index++) {
        CHECK(PostQueuedCompletionStatus(port, 0, index, NULL));
    }
    for (index = 0; index < 100; index++) {
        CHECK_EQ(take(port).key, index);
    }
    CloseHandle(port);
}

TEST(s059_s057_one_thread_serves_while_others_wait)
{
    HANDLE port;
    struct waiter waiter;
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    int index;
    wine_differs("it does not keep to the concurrency value");
    port = new_port(1);
    /* This thread becomes the one that runs. */
    CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    take(port);
    start(&waiter, port, 0, 1);
    for (index = 0; index < 1000; index++) {
        CHECK(PostQueuedCompletionStatus(port, 0, index, NULL));
        CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0));
    }
    CHECK_EQ(waiter.count, 0);
    CHECK(PostQueuedCompletionStatus(port, 0, 7, NULL));
    /* It blocks, so that the other is let in. */
    CHECK_EQ(WaitForSingleObject(waiter.thread, 10000), WAIT_OBJECT_0);
    CHECK(waiter.success && waiter.key == 7);
    CloseHandle(waiter.thread);
    CloseHandle(port);
}

TEST(s064_a_port_can_be_waited_for_and_nothing_is_taken)
{
    HANDLE port = new_port(1);
    CHECK_EQ(WaitForSingleObject(port, 0), WAIT_TIMEOUT);
    CHECK(PostQueuedCompletionStatus(port, 0, 64, NULL));
    CHECK_EQ(WaitForSingleObject(port, 1000), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(port, 0), WAIT_OBJECT_0);
    CHECK_EQ(take(port).key, 64);
    CHECK_EQ(WaitForSingleObject(port, 0), WAIT_TIMEOUT);
    CloseHandle(port);
}

TEST(s068_s069_closing_wakes_every_waiter_abandoned)
{
    HANDLE port;
    struct waiter plain, many;
    wine_differs("its waiters go on waiting");
    port = new_port(2);
    start(&plain, port, 0, 1);
    start(&many, port, 1, 1);
    CHECK(CloseHandle(port));
    join(&plain);
    join(&many);
    /* One that came too late finds no handle. */
    CHECK(!plain.success && plain.overlapped == NULL);
    CHECK(plain.error == ERROR_ABANDONED_WAIT_0 || plain.error == ERROR_INVALID_HANDLE);
    CHECK(!many.success && (many.error == ERROR_ABANDONED_WAIT_0 || many.error == ERROR_INVALID_HANDLE));
}

TEST(s071_a_removal_from_a_closed_port_is_an_invalid_handle)
{
    HANDLE port = new_port(1);
    OVERLAPPED_ENTRY entry;
    ULONG count;
    check_nothing_queued(port);
    CHECK(CloseHandle(port));
    CHECK_FAILS(GetQueuedCompletionStatusEx(port, &entry, 1, &count, 0, FALSE), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle(port), ERROR_INVALID_HANDLE);
}

TEST(s072_s073_packets_of_a_closed_port_go_away_with_it)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    char byte = 0;
    associate(p.ours, port, 72);
    CHECK(PostQueuedCompletionStatus(port, 0, 1, (OVERLAPPED *)(ULONG_PTR)16));
    CHECK(CloseHandle(port));
    /* The socket can be used without it. */
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(recv(p.ours, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    close_pair(p);
}
