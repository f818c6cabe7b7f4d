/* Group 36: work items, registered waits, timer queues and bound handles, as they were before Vista. */
#include "help.h"

struct state {
    LONG count, inside, together;
    LONG late;
    HANDLE begun, go;
    HANDLE wait;
    DWORD thread;
    BOOL unregistered;
    DWORD error, bytes;
    void *overlapped;
};

static struct state state;

static void state_new(void)
{
    memset(&state, 0, sizeof state);
    state.begun = CreateSemaphoreA(NULL, 0, 1000, NULL);
    state.go = new_event(TRUE, FALSE);
    CHECK(state.begun != NULL);
}

static void wait_for(HANDLE handle)
{
    CHECK_EQ(WaitForSingleObject(handle, 10000), (DWORD)WAIT_OBJECT_0);
}

static void begun(void)
{
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
}

static void NTAPI completed(DWORD error, DWORD bytes, OVERLAPPED *overlapped)
{
    state.error = error;
    state.bytes = bytes;
    state.overlapped = overlapped;
    begun();
}

TEST(s419_a_handle_is_bound_once)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    state_new();
    CHECK(BindIoCompletionCallback((HANDLE)p.ours, completed, 0));
    CHECK_FAILS(BindIoCompletionCallback((HANDLE)p.ours, completed, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(BindIoCompletionCallback((HANDLE)p.ours, NULL, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(BindIoCompletionCallback(NULL, completed, 0), ERROR_INVALID_HANDLE);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    wait_for(state.begun);
    CHECK(state.error != 0 && state.bytes == 0 && state.overlapped == &overlapped);
    close_pair(p);
}

TEST(s419_a_synchronous_handle_can_not_be_bound)
{
    HANDLE file = new_file("bound", 0);
    CHECK_FAILS(BindIoCompletionCallback(file, completed, 0), ERROR_INVALID_PARAMETER);
    CHECK(CloseHandle(file));
}

TEST(s420_a_bound_handle_needs_no_announcements)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    state_new();
    CHECK(BindIoCompletionCallback((HANDLE)p.ours, completed, 0));
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    wait_for(state.begun);
    CHECK(state.error == 0 && state.bytes == 1 && byte == 'x');
    close_pair(p);
}

static LONG ran[100];

static DWORD WINAPI run_item(void *item)
{
    InterlockedIncrement((LONG *)item);
    begun();
    return 0;
}

TEST(s421_each_item_runs_once)
{
    int index;
    state_new();
    for (index = 0; index < 100; index++) {
        ULONG flags = index % 3 == 0 ? WT_EXECUTELONGFUNCTION : WT_EXECUTEDEFAULT;
        CHECK(QueueUserWorkItem(run_item, &ran[index], flags));
    }
    for (index = 0; index < 100; index++) {
        wait_for(state.begun);
    }
    for (index = 0; index < 100; index++) {
        CHECK_EQ(ran[index], 1);
    }
}

static void NTAPI fired(void *context, BOOLEAN late)
{
    CHECK(context == &state);
    state.late = late;
    InterlockedIncrement(&state.count);
    begun();
}

static void NTAPI counted(void *context, BOOLEAN late)
{
    (void)context;
    CHECK_EQ(late, FALSE);
    InterlockedIncrement(&state.count);
}

/* Says that it has begun, and ends when it may. */
static void NTAPI hold(void *context, BOOLEAN late)
{
    (void)context;
    (void)late;
    begun();
    wait_for(state.go);
    InterlockedIncrement(&state.count);
}

static HANDLE registered(HANDLE object, WAITORTIMERCALLBACK callback, ULONG timeout, ULONG flags)
{
    HANDLE wait = NULL;
    CHECK(RegisterWaitForSingleObject(&wait, object, callback, &state, timeout, flags));
    CHECK(wait != NULL);
    return wait;
}

TEST(s422_a_wait_goes_on_or_is_for_once)
{
    HANDLE event = new_event(TRUE, TRUE), automatic = new_event(FALSE, TRUE), wait;
    state_new();
    wait = registered(event, counted, INFINITE, WT_EXECUTEDEFAULT);
    EVENTUALLY(*(volatile LONG *)&state.count >= 3);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    state_new();
    wait = registered(automatic, fired, INFINITE, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK(SetEvent(automatic));
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CHECK(state.count == 1 && is_signalled(automatic));
}

TEST(s423_the_callback_is_told_whether_the_time_was_over)
{
    HANDLE event = new_event(FALSE, TRUE), wait;
    state_new();
    wait = registered(event, fired, 5000, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK_EQ(state.late, FALSE);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    wait = registered(event, fired, 0, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK_EQ(state.late, TRUE);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
}

TEST(s424_unregistering_says_whether_a_callback_runs)
{
    HANDLE event = new_event(TRUE, FALSE), wait;
    state_new();
    wait = registered(event, hold, INFINITE, WT_EXECUTEONLYONCE);
    CHECK(UnregisterWait(wait));
    CHECK(SetEvent(event));
    wait = registered(event, hold, INFINITE, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK_FAILS(UnregisterWait(wait), ERROR_IO_PENDING);
    CHECK(SetEvent(state.go));
    EVENTUALLY(state.count == 1);
}

TEST(s425_unregistering_waits_or_sets_an_event)
{
    HANDLE event = new_event(TRUE, TRUE), done = new_event(FALSE, FALSE), wait;
    state_new();
    wait = registered(event, hold, INFINITE, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK_FAILS(UnregisterWaitEx(wait, done), ERROR_IO_PENDING);
    CHECK(!is_signalled(done));
    CHECK(SetEvent(state.go));
    wait_for(done);
    CHECK_EQ(state.count, 1);
    wait = registered(event, hold, INFINITE, WT_EXECUTEONLYONCE);
    wait_for(state.begun);
    CHECK(UnregisterWaitEx(wait, INVALID_HANDLE_VALUE));
    CHECK_EQ(state.count, 2);
}

TEST(s426_there_is_no_wait_to_unregister)
{
    CHECK_FAILS(UnregisterWait(NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(UnregisterWaitEx(NULL, NULL), ERROR_INVALID_HANDLE);
}

static void NTAPI unregister_itself(void *context, BOOLEAN late)
{
    (void)context;
    (void)late;
    CHECK(state.wait != INVALID_HANDLE_VALUE);
    state.unregistered = UnregisterWait(state.wait);
    begun();
}

TEST(s427_a_wait_can_be_unregistered_by_its_own_callback)
{
    HANDLE event = new_event(TRUE, TRUE);
    int index;
    wine_differs("it says that the callback runs");
    state_new();
    for (index = 0; index < 50; index++) {
        state.wait = INVALID_HANDLE_VALUE;
        CHECK(RegisterWaitForSingleObject(&state.wait, event, unregister_itself, &state, INFINITE,
                                          WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD));
        wait_for(state.begun);
        CHECK(state.unregistered);
    }
}

static void NTAPI alone(void *context, BOOLEAN late)
{
    (void)context;
    (void)late;
    if (InterlockedIncrement(&state.inside) != 1) {
        InterlockedIncrement(&state.together);
    }
    if (state.thread == 0) {
        state.thread = GetCurrentThreadId();
    }
    CHECK_EQ(GetCurrentThreadId(), state.thread);
    test_pause();
    InterlockedDecrement(&state.inside);
    begun();
}

TEST(s428_callbacks_in_the_wait_thread_run_one_after_the_other)
{
    HANDLE events[6], waits[6];
    int index;
    state_new();
    for (index = 0; index < 6; index++) {
        events[index] = new_event(FALSE, FALSE);
        waits[index] = registered(events[index], alone, INFINITE, WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD);
    }
    for (index = 0; index < 6; index++) {
        CHECK(SetEvent(events[index]));
    }
    for (index = 0; index < 6; index++) {
        wait_for(state.begun);
    }
    CHECK_EQ(state.together, 0);
    for (index = 0; index < 6; index++) {
        UnregisterWaitEx(waits[index], INVALID_HANDLE_VALUE);
    }
}

static HANDLE queue_timer(HANDLE queue, WAITORTIMERCALLBACK callback, DWORD due, DWORD period)
{
    HANDLE timer = NULL;
    CHECK(CreateTimerQueueTimer(&timer, queue, callback, &state, due, period, 0));
    CHECK(timer != NULL);
    return timer;
}

TEST(s429_a_timer_fires_once_or_each_period)
{
    HANDLE queue = CreateTimerQueue(), once, again;
    int index;
    CHECK(queue != NULL);
    state_new();
    once = queue_timer(queue, fired, 0, 0);
    wait_for(state.begun);
    CHECK_EQ(state.late, TRUE);
    CHECK(DeleteTimerQueueTimer(queue, once, INVALID_HANDLE_VALUE));
    CHECK_EQ(state.count, 1);
    again = queue_timer(queue, fired, 1, 3);
    for (index = 0; index < 4; index++) {
        wait_for(state.begun);
    }
    CHECK(DeleteTimerQueueTimer(queue, again, INVALID_HANDLE_VALUE));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
}

static void NTAPI delete_itself(void *context, BOOLEAN late)
{
    (void)late;
    SetLastError(0xdeadbeef);
    state.unregistered = DeleteTimerQueueTimer(context, state.wait, NULL);
    state.error = GetLastError();
    begun();
}

TEST(s430_deleting_says_whether_a_callback_runs_or_waits)
{
    HANDLE queue = CreateTimerQueue(), timer, done = new_event(FALSE, FALSE);
    CHECK(queue != NULL);
    state_new();
    timer = queue_timer(queue, hold, 0, 0);
    wait_for(state.begun);
    CHECK_FAILS(DeleteTimerQueueTimer(queue, timer, NULL), ERROR_IO_PENDING);
    CHECK(SetEvent(state.go));
    EVENTUALLY(state.count == 1);
    timer = queue_timer(queue, hold, 0, 0);
    wait_for(state.begun);
    CHECK(DeleteTimerQueueTimer(queue, timer, INVALID_HANDLE_VALUE));
    CHECK_EQ(state.count, 2);
    timer = queue_timer(queue, hold, 0, 0);
    wait_for(state.begun);
    DeleteTimerQueueTimer(queue, timer, done);
    wait_for(done);
    CHECK_EQ(state.count, 3);
    CHECK(CreateTimerQueueTimer(&state.wait, queue, delete_itself, queue, 20, 0, 0));
    wait_for(state.begun);
    CHECK(!state.unregistered && state.error == ERROR_IO_PENDING);
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
}

TEST(s431_a_timer_can_be_changed_until_it_has_fired)
{
    HANDLE queue = CreateTimerQueue(), fired_one, waiting;
    CHECK(queue != NULL);
    state_new();
    fired_one = queue_timer(queue, fired, 0, 0);
    wait_for(state.begun);
    CHECK(ChangeTimerQueueTimer(queue, fired_one, 0, 1));
    waiting = queue_timer(queue, fired, 3600 * 1000, 0);
    CHECK(ChangeTimerQueueTimer(queue, waiting, 1, 0));
    wait_for(state.begun);
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    CHECK_EQ(state.count, 2);
}

static void NTAPI never(void *context, BOOLEAN late)
{
    (void)context;
    (void)late;
    test_fail(__FILE__, __LINE__, "a deleted timer has fired");
}

TEST(s432_a_deleted_timer_never_fires)
{
    HANDLE queue = CreateTimerQueue(), deleted, other;
    int index;
    CHECK(queue != NULL);
    state_new();
    deleted = queue_timer(queue, never, 3600 * 1000, 1);
    other = queue_timer(queue, fired, 5, 5);
    CHECK(DeleteTimerQueueTimer(queue, deleted, INVALID_HANDLE_VALUE));
    for (index = 0; index < 3; index++) {
        wait_for(state.begun);
    }
    CHECK(DeleteTimerQueueTimer(queue, other, INVALID_HANDLE_VALUE));
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
}

TEST(s433_the_queue_of_the_process_can_not_be_deleted)
{
    HANDLE timer;
    state_new();
    timer = queue_timer(NULL, fired, 0, 0);
    wait_for(state.begun);
    CHECK(DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE));
    CHECK_FAILS(DeleteTimerQueueEx(NULL, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(DeleteTimerQueue(NULL), ERROR_INVALID_HANDLE);
}

TEST(what_is_wild_or_gone_is_refused)
{
    HANDLE wild = (HANDLE)(ULONG_PTR)0x12345670, event = new_event(FALSE, FALSE), wait, queue;
    only_ours("Windows takes handles of waits and timers for pointers");
    state_new();
    CHECK_FAILS(UnregisterWait(wild), ERROR_INVALID_HANDLE);
    CHECK_FAILS(UnregisterWait(event), ERROR_INVALID_HANDLE);
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, wild, fired, NULL, 0, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(RegisterWaitForSingleObject(&wait, event, NULL, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(RegisterWaitForSingleObject(NULL, event, fired, NULL, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(QueueUserWorkItem(NULL, NULL, 0), ERROR_INVALID_PARAMETER);
    wait = registered(event, fired, INFINITE, 0);
    CHECK_FAILS(CloseHandle(wait), ERROR_INVALID_HANDLE);
    CHECK_FAILS(WaitForSingleObject(wait, 0) != WAIT_FAILED, ERROR_INVALID_HANDLE);
    CHECK_FAILS(UnregisterWaitEx(wait, wild), ERROR_INVALID_HANDLE);
    CHECK(UnregisterWait(wait));
    CHECK_FAILS(UnregisterWait(wait), ERROR_INVALID_HANDLE);
    queue = CreateTimerQueue();
    CHECK_FAILS(DeleteTimerQueueTimer(queue, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(DeleteTimerQueueTimer(queue, wait, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ChangeTimerQueueTimer(wild, wait, 0, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateTimerQueueTimer(&wait, wild, fired, NULL, 0, 0, 0), ERROR_INVALID_HANDLE);
    CHECK(DeleteTimerQueueEx(queue, INVALID_HANDLE_VALUE));
    CHECK_FAILS(DeleteTimerQueueEx(queue, NULL), ERROR_INVALID_HANDLE);
}
