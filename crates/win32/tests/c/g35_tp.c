/* Group 35: work, environments, cleanup groups and instances of the thread pool. */
#include "tp.h"

static char calls_of_nobody;

static void NTAPI count_work(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WORK work)
{
    CHECK(instance != NULL && context == &state && work != NULL);
    InterlockedIncrement(&state.count);
}

/* Says that it has begun, and ends when it may. */
static void NTAPI hold(PTP_CALLBACK_INSTANCE instance, void *context)
{
    (void)instance;
    (void)context;
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
    wait_for(state.go);
    InterlockedIncrement(&state.count);
}

TEST(s405_each_submission_is_one_callback)
{
    PTP_WORK work;
    int index;
    state_new();
    work = CreateThreadpoolWork(count_work, &state, NULL);
    CHECK(work != NULL);
    for (index = 0; index < 50; index++) {
        SubmitThreadpoolWork(work);
    }
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(state.count, 50);
    CloseThreadpoolWork(work);
}

TEST(s405_a_cancelling_wait_drops_what_has_not_begun)
{
    PTP_POOL pool = pool_of(1);
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    PTP_WORK work;
    int index;
    state_new();
    CHECK(TrySubmitThreadpoolCallback(hold, NULL, &environment));
    wait_for(state.begun);
    work = CreateThreadpoolWork(count_work, &state, &environment);
    CHECK(work != NULL);
    for (index = 0; index < 10; index++) {
        SubmitThreadpoolWork(work);
    }
    WaitForThreadpoolWorkCallbacks(work, TRUE);
    CHECK_EQ(state.count, 0);
    CHECK(SetEvent(state.go));
    SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(state.count, 2);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
}

static void NTAPI note(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WORK work)
{
    (void)instance;
    (void)work;
    state.log[state.order++] = *(char *)context;
}

TEST(s406_objects_of_one_thread_take_turns)
{
    PTP_POOL pool = pool_of(1);
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    PTP_WORK left, right;
    int index;
    state_new();
    CHECK(TrySubmitThreadpoolCallback(hold, NULL, &environment));
    wait_for(state.begun);
    left = CreateThreadpoolWork(note, "l", &environment);
    right = CreateThreadpoolWork(note, "r", &environment);
    CHECK(left != NULL && right != NULL);
    for (index = 0; index < 5; index++) {
        SubmitThreadpoolWork(left);
    }
    for (index = 0; index < 5; index++) {
        SubmitThreadpoolWork(right);
    }
    CHECK(SetEvent(state.go));
    WaitForThreadpoolWorkCallbacks(left, FALSE);
    WaitForThreadpoolWorkCallbacks(right, FALSE);
    CHECK(strcmp(state.log, "lrlrlrlrlr") == 0);
    CloseThreadpoolWork(left);
    CloseThreadpoolWork(right);
    CloseThreadpool(pool);
}

static void NTAPI cancelled(void *object, void *cleanup)
{
    CHECK(object == &state && cleanup == &calls_of_nobody);
    CHECK_EQ(GetCurrentThreadId(), state.thread);
    InterlockedIncrement(&state.cancelled);
}

TEST(s407_closing_a_group_waits_for_its_members)
{
    PTP_POOL pool = pool_of(2);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    PTP_WORK work;
    int index;
    state_new();
    CHECK(group != NULL);
    SetThreadpoolCallbackCleanupGroup(&environment, group, NULL);
    work = CreateThreadpoolWork(count_work, &state, &environment);
    CHECK(work != NULL);
    for (index = 0; index < 20; index++) {
        SubmitThreadpoolWork(work);
    }
    CHECK(SetEvent(state.go));
    CHECK(TrySubmitThreadpoolCallback(hold, NULL, &environment));
    CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
    CHECK_EQ(state.count, 21);
    CloseThreadpoolCleanupGroup(group);
    CloseThreadpool(pool);
}

TEST(s407_cancelled_members_are_told_once_on_this_thread)
{
    PTP_POOL pool = pool_of(1);
    PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    PTP_WORK work;
    int index;
    state_new();
    state.thread = GetCurrentThreadId();
    CHECK(TrySubmitThreadpoolCallback(hold, NULL, &environment));
    wait_for(state.begun);
    SetThreadpoolCallbackCleanupGroup(&environment, group, cancelled);
    work = CreateThreadpoolWork(count_work, &state, &environment);
    CHECK(work != NULL);
    for (index = 0; index < 10; index++) {
        SubmitThreadpoolWork(work);
    }
    CloseThreadpoolCleanupGroupMembers(group, TRUE, &calls_of_nobody);
    CHECK(state.cancelled == 1 && state.count == 0);
    CHECK(SetEvent(state.go));
    EVENTUALLY(state.count == 1);
    CloseThreadpoolCleanupGroup(group);
    CloseThreadpool(pool);
}

static void NTAPI leave_object(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WORK work)
{
    (void)context;
    (void)work;
    DisassociateCurrentThreadFromCallback(instance);
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
    wait_for(state.go);
    InterlockedIncrement(&state.count);
}

TEST(s408_who_waits_goes_on_when_the_callback_leaves)
{
    PTP_WORK work;
    state_new();
    work = CreateThreadpoolWork(leave_object, NULL, NULL);
    CHECK(work != NULL);
    SubmitThreadpoolWork(work);
    wait_for(state.begun);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(state.count, 0);
    CHECK(SetEvent(state.go));
    EVENTUALLY(state.count == 1);
    CloseThreadpoolWork(work);
}

static HANDLE event_after, semaphore_after, mutex_after;

static void NTAPI ask_for_after(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WORK work)
{
    (void)context;
    (void)work;
    wait_for(mutex_after);
    EnterCriticalSection(&state.section);
    SetEventWhenCallbackReturns(instance, event_after);
    ReleaseSemaphoreWhenCallbackReturns(instance, semaphore_after, 2);
    ReleaseMutexWhenCallbackReturns(instance, mutex_after);
    LeaveCriticalSectionWhenCallbackReturns(instance, &state.section);
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
    wait_for(state.go);
}

TEST(s409_what_is_asked_for_at_return_is_done_then)
{
    PTP_WORK work;
    state_new();
    event_after = new_event(TRUE, FALSE);
    semaphore_after = CreateSemaphoreA(NULL, 0, 2, NULL);
    mutex_after = CreateMutexA(NULL, FALSE, NULL);
    InitializeCriticalSection(&state.section);
    work = CreateThreadpoolWork(ask_for_after, NULL, NULL);
    CHECK(work != NULL);
    SubmitThreadpoolWork(work);
    wait_for(state.begun);
    CHECK(!is_signalled(event_after) && !is_signalled(semaphore_after) && !is_signalled(mutex_after));
    CHECK(!TryEnterCriticalSection(&state.section));
    CHECK(SetEvent(state.go));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK(is_signalled(event_after) && is_signalled(semaphore_after) && is_signalled(semaphore_after));
    CHECK(!is_signalled(semaphore_after) && is_signalled(mutex_after));
    CHECK(TryEnterCriticalSection(&state.section));
    LeaveCriticalSection(&state.section);
    DeleteCriticalSection(&state.section);
    CloseThreadpoolWork(work);
}

TEST(s417_an_environment_of_no_priority_is_refused)
{
    TP_CALLBACK_ENVIRON environment = environment_in(NULL);
    state_new();
    SetThreadpoolCallbackPriority(&environment, TP_CALLBACK_PRIORITY_INVALID);
    CHECK_FAILS(CreateThreadpoolWork(count_work, &state, &environment) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TrySubmitThreadpoolCallback(hold, NULL, &environment), ERROR_INVALID_PARAMETER);
}

TEST(s417_an_environment_of_no_version_is_refused)
{
    TP_CALLBACK_ENVIRON environment = environment_in(NULL);
    wine_differs("it takes any version");
    state_new();
    environment.Version = 9999;
    CHECK_FAILS(CreateThreadpoolWork(count_work, &state, &environment) != NULL, ERROR_INVALID_PARAMETER);
}

static void NTAPI hold_work(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WORK work)
{
    (void)work;
    hold(instance, context);
}

TEST(s418_a_thread_is_added_for_each_callback_that_blocks)
{
    PTP_POOL pool = pool_of(500);
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    PTP_WORK work;
    int index;
    state_new();
    work = CreateThreadpoolWork(hold_work, NULL, &environment);
    CHECK(work != NULL);
    for (index = 0; index < 20; index++) {
        SubmitThreadpoolWork(work);
        wait_for(state.begun);
    }
    CHECK(SetEvent(state.go));
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CHECK_EQ(state.count, 20);
    CloseThreadpoolWork(work);
    CloseThreadpool(pool);
}

static BOOL may_run_long;

static void NTAPI ask_to_run_long(PTP_CALLBACK_INSTANCE instance, void *context)
{
    (void)context;
    may_run_long = CallbackMayRunLong(instance);
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
}

TEST(running_long_takes_another_thread)
{
    PTP_POOL pool = pool_of(1);
    TP_CALLBACK_ENVIRON environment = environment_in(pool);
    state_new();
    CHECK(TrySubmitThreadpoolCallback(ask_to_run_long, NULL, NULL));
    wait_for(state.begun);
    CHECK(may_run_long);
    CHECK(TrySubmitThreadpoolCallback(ask_to_run_long, NULL, &environment));
    wait_for(state.begun);
    CHECK(!may_run_long);
    CloseThreadpool(pool);
}

static PTP_CALLBACK_INSTANCE kept_instance;

static void NTAPI keep_instance(PTP_CALLBACK_INSTANCE instance, void *context)
{
    (void)context;
    kept_instance = instance;
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
}

TEST(what_is_wild_closed_or_over_is_refused)
{
    void *wild = (void *)(ULONG_PTR)0x12345670;
    PTP_WORK work;
    only_ours("Windows raises exceptions, or worse");
    state_new();
    SetLastError(0xdeadbeef);
    SubmitThreadpoolWork(wild);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    WaitForThreadpoolTimerCallbacks(wild, TRUE);
    CloseThreadpoolWait(NULL);
    CloseThreadpool(wild);
    CloseThreadpoolCleanupGroupMembers(wild, TRUE, NULL);
    CloseThreadpoolCleanupGroup(NULL);
    CHECK(!IsThreadpoolTimerSet(wild) && !SetThreadpoolThreadMinimum(wild, 1));
    work = CreateThreadpoolWork(count_work, &state, NULL);
    CHECK(work != NULL);
    SetThreadpoolWait((PTP_WAIT)work, NULL, NULL);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CloseThreadpoolWork(work);
    SetLastError(0xdeadbeef);
    CloseThreadpoolWork(work);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateThreadpoolWork(NULL, NULL, NULL) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateThreadpool(wild) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(TrySubmitThreadpoolCallback(keep_instance, NULL, NULL));
    wait_for(state.begun);
    CHECK_FAILS(CallbackMayRunLong(kept_instance), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CallbackMayRunLong(NULL), ERROR_INVALID_PARAMETER);
}
