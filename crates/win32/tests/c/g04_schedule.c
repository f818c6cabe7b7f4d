/* Group 4: which of a port's threads run, and waiting for a port. */
#include "help.h"

/* A worker that takes one packet at a time and says which. */
struct worker {
    HANDLE port;
    HANDLE thread;
    volatile LONG taking; /* It is about to take. */
    volatile LONG taken;  /* Packets so far. */
    volatile ULONG_PTR last_key;
    HANDLE blocked_by;    /* Waited for after each packet, if there is one. */
    volatile LONG spin;   /* While this is set it runs on after a packet, without end. */
};

static DWORD CALLBACK work(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        worker->taking = 1;
        struct packet packet = take_within(worker->port, INFINITE);
        if (!packet.success || packet.key == 0) {
            return 0;
        }
        worker->taking = 0;
        worker->last_key = packet.key;
        InterlockedIncrement(&worker->taken);
        if (worker->blocked_by != NULL) {
            WaitForSingleObject(worker->blocked_by, INFINITE);
        }
        while (worker->spin) {
            YieldProcessor();
        }
    }
}

static void start(struct worker *worker, HANDLE port)
{
    worker->port = port;
    worker->thread = new_thread(work, worker);
    EVENTUALLY(worker->taking);
    Sleep(20); /* It is about to wait, and now does. What is shown fails here at times otherwise, nothing passes. */
}

static void stop(HANDLE port, struct worker *workers, int count)
{
    for (int index = 0; index < count; index++) {
        CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    }
    for (int index = 0; index < count; index++) {
        join(workers[index].thread);
    }
    CHECK(CloseHandle(port));
}

TEST(s052_the_newest_waiter_is_released)
{
    wine_differs("it releases the oldest");
    HANDLE port = new_port(4);
    struct worker workers[2] = {{0}};
    start(&workers[0], port);
    start(&workers[1], port);
    for (ULONG_PTR key = 1; key <= 3; key++) {
        CHECK(PostQueuedCompletionStatus(port, 0, key, NULL));
        EVENTUALLY(workers[1].last_key == key);
        EVENTUALLY(workers[1].taking);
        Sleep(20);
    }
    CHECK_EQ(workers[0].taken, 0);
    stop(port, workers, 2);
}

TEST(s055_a_worker_that_blocks_lets_another_in)
{
    wine_differs("it ignores the concurrency value");
    HANDLE port = new_port(1), event = new_event(TRUE, FALSE);
    struct worker workers[2] = {{.blocked_by = event}, {.blocked_by = event}};
    start(&workers[0], port);
    start(&workers[1], port);
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    CHECK(PostQueuedCompletionStatus(port, 0, 2, NULL));
    EVENTUALLY(workers[0].taken == 1 && workers[1].taken == 1);
    CHECK(SetEvent(event));
    stop(port, workers, 2);
    CHECK(CloseHandle(event));
}

TEST(s057_a_packet_stays_while_the_limit_is_reached)
{
    wine_differs("it ignores the concurrency value");
    HANDLE port = new_port(1);
    struct worker workers[2] = {{.spin = 1}, {.spin = 1}};
    start(&workers[0], port);
    start(&workers[1], port);
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    EVENTUALLY(workers[0].taken + workers[1].taken == 1);
    CHECK(PostQueuedCompletionStatus(port, 0, 2, NULL));
    Sleep(50);
    CHECK_EQ(workers[0].taken + workers[1].taken, 1);
    workers[0].spin = workers[1].spin = 0;
    EVENTUALLY(workers[0].taken + workers[1].taken == 2);
    stop(port, workers, 2);
}

TEST(s058_a_thread_of_the_port_takes_the_oldest_at_once)
{
    HANDLE port = new_port(1);
    for (ULONG_PTR key = 1; key <= 3; key++) {
        CHECK(PostQueuedCompletionStatus(port, 0, key, NULL));
    }
    for (ULONG_PTR key = 1; key <= 3; key++) {
        CHECK_PACKET(port, key, NULL, 0);
    }
    CHECK(CloseHandle(port));
}

TEST(s064_a_port_is_signalled_while_it_has_packets)
{
    HANDLE port = new_port(0);
    CHECK(!is_signalled(port));
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    CHECK(is_signalled(port));
    CHECK(is_signalled(port));
    CHECK_PACKET(port, 1, NULL, 0);
    CHECK(!is_signalled(port));
    CHECK(CloseHandle(port));
}

static DWORD CALLBACK wait_for(void *handle)
{
    return WaitForSingleObject(handle, 10000);
}

TEST(s065_all_who_wait_for_the_port_wake_for_one_packet)
{
    HANDLE port = new_port(0), threads[3];
    for (int index = 0; index < 3; index++) {
        threads[index] = new_thread(wait_for, port);
    }
    CHECK(PostQueuedCompletionStatus(port, 0, 1, NULL));
    for (int index = 0; index < 3; index++) {
        CHECK_EQ(join(threads[index]), (DWORD)WAIT_OBJECT_0);
    }
    CHECK_PACKET(port, 1, NULL, 0);
    CHECK(CloseHandle(port));
}
