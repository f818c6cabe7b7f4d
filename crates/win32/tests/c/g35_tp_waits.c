/* Group 35: timers and waits of the thread pool. */
#include "tp.h"

static FILETIME relative(LONG milliseconds)
{
    LARGE_INTEGER time;
    FILETIME due;
    time.QuadPart = milliseconds * -10000LL;
    due.dwLowDateTime = time.LowPart;
    due.dwHighDateTime = (DWORD)time.HighPart;
    return due;
}

static void NTAPI on_timer(PTP_CALLBACK_INSTANCE instance, void *context, PTP_TIMER timer)
{
    CHECK(instance != NULL && context == &state && timer != NULL);
    InterlockedIncrement(&state.count);
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
}

static PTP_TIMER new_timer(void)
{
    PTP_TIMER timer = CreateThreadpoolTimer(on_timer, &state, NULL);
    CHECK(timer != NULL);
    return timer;
}

TEST(s410_a_timer_stays_set_until_it_is_unset)
{
    PTP_TIMER timer;
    FILETIME due = relative(1), now = {0, 0};
    state_new();
    timer = new_timer();
    CHECK(!IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, &due, 0, 0);
    wait_for(state.begun);
    CHECK(IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, &now, 0, 0);
    wait_for(state.begun);
    CHECK(IsThreadpoolTimerSet(timer));
    SetThreadpoolTimer(timer, NULL, 0, 0);
    CHECK(!IsThreadpoolTimerSet(timer));
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    CHECK_EQ(state.count, 2);
    CloseThreadpoolTimer(timer);
}

TEST(a_period_goes_on_until_the_timer_is_unset)
{
    PTP_TIMER timer;
    FILETIME due = relative(2);
    LONG count;
    int index;
    state_new();
    timer = new_timer();
    SetThreadpoolTimer(timer, &due, 3, 0);
    for (index = 0; index < 4; index++) {
        wait_for(state.begun);
    }
    SetThreadpoolTimer(timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, TRUE);
    count = state.count;
    test_pause();
    test_pause();
    CHECK_EQ(state.count, count);
    CloseThreadpoolTimer(timer);
}

TEST(s411_waiting_for_callbacks_is_not_waiting_for_the_due_time)
{
    PTP_TIMER timer;
    FILETIME due = relative(3600 * 1000);
    state_new();
    timer = new_timer();
    SetThreadpoolTimer(timer, &due, 0, 0);
    WaitForThreadpoolTimerCallbacks(timer, FALSE);
    CHECK(IsThreadpoolTimerSet(timer) && state.count == 0);
    CloseThreadpoolTimer(timer);
}

TEST(s412_a_window_lets_a_timer_wait_for_another)
{
    PTP_TIMER early, other;
    FILETIME first = relative(5), second = relative(40);
    ULONGLONG begin;
    state_new();
    early = new_timer();
    other = new_timer();
    begin = GetTickCount64();
    /* With the other one, or by itself in ten seconds. */
    SetThreadpoolTimer(early, &first, 0, 10000);
    SetThreadpoolTimer(other, &second, 0, 0);
    wait_for(state.begun);
    CHECK_EQ(WaitForSingleObject(state.begun, 5000), (DWORD)WAIT_OBJECT_0);
    CHECK(GetTickCount64() - begin >= 30);
    CloseThreadpoolTimer(early);
    CloseThreadpoolTimer(other);
}

static void NTAPI on_wait(PTP_CALLBACK_INSTANCE instance, void *context, PTP_WAIT wait, TP_WAIT_RESULT result)
{
    CHECK(instance != NULL && context == &state && wait != NULL);
    state.result = result;
    InterlockedIncrement(&state.count);
    CHECK(ReleaseSemaphore(state.begun, 1, NULL));
}

static PTP_WAIT new_wait(void)
{
    PTP_WAIT wait = CreateThreadpoolWait(on_wait, &state, NULL);
    CHECK(wait != NULL);
    return wait;
}

TEST(s413_a_wait_is_for_one_callback)
{
    PTP_WAIT wait;
    HANDLE event = new_event(TRUE, FALSE);
    FILETIME soon = relative(1), now = {0, 0};
    state_new();
    wait = new_wait();
    SetThreadpoolWait(wait, event, NULL);
    CHECK(SetEvent(event));
    wait_for(state.begun);
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK(state.result == WAIT_OBJECT_0 && state.count == 1);
    CHECK(ResetEvent(event));
    SetThreadpoolWait(wait, event, &soon);
    wait_for(state.begun);
    CHECK_EQ(state.result, (DWORD)WAIT_TIMEOUT);
    SetThreadpoolWait(wait, event, &now);
    wait_for(state.begun);
    CHECK_EQ(state.result, (DWORD)WAIT_TIMEOUT);
    SetThreadpoolWait(wait, event, NULL);
    SetThreadpoolWait(wait, NULL, NULL);
    CHECK(SetEvent(event));
    WaitForThreadpoolWaitCallbacks(wait, FALSE);
    CHECK_EQ(state.count, 3);
    CloseThreadpoolWait(wait);
}

TEST(s414_a_callback_takes_the_object_once)
{
    PTP_WAIT first, second;
    HANDLE semaphore = CreateSemaphoreA(NULL, 0, 2, NULL);
    state_new();
    first = new_wait();
    second = new_wait();
    SetThreadpoolWait(first, semaphore, NULL);
    SetThreadpoolWait(second, semaphore, NULL);
    CHECK(ReleaseSemaphore(semaphore, 1, NULL));
    wait_for(state.begun);
    CHECK(!is_signalled(semaphore));
    CHECK_EQ(state.count, 1);
    CHECK(ReleaseSemaphore(semaphore, 1, NULL));
    wait_for(state.begun);
    CHECK(!is_signalled(semaphore));
    CloseThreadpoolWait(first);
    CloseThreadpoolWait(second);
}

TEST(s415_an_object_is_waited_for_after_its_handle_is_closed)
{
    PTP_WAIT wait;
    FILETIME soon = relative(20);
    HANDLE event = new_event(FALSE, FALSE), again;
    state_new();
    CHECK(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &again, 0, FALSE, DUPLICATE_SAME_ACCESS));
    wait = new_wait();
    SetThreadpoolWait(wait, event, &soon);
    CHECK(CloseHandle(event));
    wait_for(state.begun);
    CHECK_EQ(state.result, (DWORD)WAIT_TIMEOUT);
    CloseThreadpoolWait(wait);
    CHECK(CloseHandle(again));
}

TEST(s416_waiting_for_callbacks_ends_no_wait)
{
    PTP_WAIT wait;
    HANDLE event = new_event(FALSE, FALSE);
    state_new();
    wait = new_wait();
    SetThreadpoolWait(wait, event, NULL);
    WaitForThreadpoolWaitCallbacks(wait, TRUE);
    CHECK(SetEvent(event));
    wait_for(state.begun);
    CHECK_EQ(state.result, (DWORD)WAIT_OBJECT_0);
    CloseThreadpoolWait(wait);
}

TEST(a_wait_for_what_is_no_object_is_refused)
{
    PTP_WAIT wait;
    only_ours("Windows raises an exception");
    state_new();
    wait = new_wait();
    SetLastError(0xdeadbeef);
    SetThreadpoolWait(wait, (HANDLE)(ULONG_PTR)0x1234, NULL);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CloseThreadpoolWait(wait);
}
