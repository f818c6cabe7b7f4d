/* Group 16: waitable timers. */
#include "objects.h"

#define MILLISECONDS(count) (-(LONGLONG)(count) * 10000)
#define NEVER MILLISECONDS(3600000)
/* Milliseconds in which a little can be done beforehand. */
#define DUE_LATER 60

static HANDLE timer(BOOL manual)
{
    HANDLE timer = CreateWaitableTimerA(NULL, manual, NULL);
    CHECK(timer != NULL);
    return timer;
}

static BOOL set(HANDLE timer, LONGLONG due, LONG period)
{
    LARGE_INTEGER time;
    time.QuadPart = due;
    return SetWaitableTimer(timer, &time, period, NULL, NULL, FALSE);
}

static LONGLONG wall_clock(void)
{
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    return (LONGLONG)now.dwHighDateTime << 32 | now.dwLowDateTime;
}

TEST(s200_a_due_time_is_relative_or_a_time_of_the_wall_clock)
{
    HANDLE once = timer(TRUE);
    CHECK(!takes(once));
    CHECK(set(once, NEVER, 0));
    CHECK(!takes(once));
    CHECK(set(once, MILLISECONDS(5), 0));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK(set(once, wall_clock() - NEVER, 0));
    CHECK(!takes(once));
    CHECK(set(once, wall_clock() - MILLISECONDS(5), 0));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(once);
}

static DWORD WINAPI wait_for(void *handle)
{
    return WaitForSingleObject(handle, PATIENCE);
}

TEST(s201_setting_an_active_timer_again_restarts_it)
{
    HANDLE again = timer(TRUE), thread;
    CHECK(set(again, 0, 0));
    CHECK_EQ(WaitForSingleObject(again, PATIENCE), WAIT_OBJECT_0);
    CHECK(set(again, NEVER, 0));
    CHECK(!takes(again));
    thread = start(wait_for, again);
    CHECK(set(again, NEVER, 0));
    CHECK(set(again, MILLISECONDS(5), 0));
    CHECK_EQ(finish(thread), WAIT_OBJECT_0);
    CloseHandle(again);
}

/* What a routine was called with, and how often. */
struct calls {
    int count;
    LONGLONG due;
    DWORD thread;
};

static VOID CALLBACK count_call(LPVOID value, DWORD low, DWORD high)
{
    struct calls *calls = value;
    calls->count++;
    calls->due = (LONGLONG)high << 32 | low;
    calls->thread = GetCurrentThreadId();
}

static BOOL set_with_call(HANDLE timer, LONGLONG due, LONG period, struct calls *calls)
{
    LARGE_INTEGER time;
    time.QuadPart = due;
    return SetWaitableTimer(timer, &time, period, count_call, calls, FALSE);
}

TEST(s201_a_queued_call_is_taken_back_when_it_is_set_again)
{
    HANDLE again = timer(TRUE);
    struct calls calls = {0, 0, 0};
    CHECK(set_with_call(again, MILLISECONDS(1), 0, &calls));
    CHECK_EQ(WaitForSingleObject(again, PATIENCE), WAIT_OBJECT_0);
    CHECK(set(again, NEVER, 0));
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(calls.count, 0);
    CloseHandle(again);
}

TEST(s202_an_auto_timer_is_consumed_by_one_wait)
{
    HANDLE once = timer(FALSE);
    CHECK(set(once, MILLISECONDS(1), 0));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK(!takes(once));
    CHECK(set(once, MILLISECONDS(1), 2));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(once);
}

TEST(s202_a_manual_timer_stays_signalled_also_when_periodic)
{
    HANDLE stays = timer(TRUE);
    CHECK(set(stays, MILLISECONDS(1), 1));
    CHECK_EQ(WaitForSingleObject(stays, PATIENCE), WAIT_OBJECT_0);
    CHECK(takes(stays) && takes(stays));
    CHECK(set(stays, NEVER, 0));
    CHECK(!takes(stays));
    CloseHandle(stays);
}

TEST(s203_cancel_stops_it_and_leaves_its_state)
{
    HANDLE stopped = timer(TRUE);
    LONGLONG begin;
    /* Until it is stopped before it is due. */
    do {
        begin = wall_clock();
        CHECK(set(stopped, MILLISECONDS(DUE_LATER), 0));
        CHECK(CancelWaitableTimer(stopped));
    } while (wall_clock() - begin > DUE_LATER * 5000);
    CHECK_EQ(WaitForSingleObject(stopped, 2 * DUE_LATER), WAIT_TIMEOUT);
    CHECK(set(stopped, 0, 0));
    CHECK_EQ(WaitForSingleObject(stopped, PATIENCE), WAIT_OBJECT_0);
    CHECK(CancelWaitableTimer(stopped) && CancelWaitableTimer(stopped));
    CHECK(takes(stopped));
    CloseHandle(stopped);
}

TEST(s204_a_negative_period_fails_and_changes_nothing)
{
    HANDLE once = timer(TRUE);
    wine_differs("it takes it");
    CHECK(set(once, 0, 0));
    CHECK_FAILS(set(once, NEVER, -1), ERROR_INVALID_PARAMETER);
    CHECK(takes(once));
    CloseHandle(once);
}

TEST(s205_the_call_comes_to_the_thread_that_set_it_in_its_alertable_wait)
{
    HANDLE once = timer(TRUE);
    struct calls calls = {0, 0, 0};
    CHECK(set_with_call(once, MILLISECONDS(1), 0, &calls));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQ(calls.count, 0);
    CHECK_EQ(SleepEx(PATIENCE, TRUE), WAIT_IO_COMPLETION);
    CHECK_EQ(calls.count, 1);
    CHECK_EQ(calls.thread, GetCurrentThreadId());
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CloseHandle(once);
}

TEST(s205_the_call_is_told_when_the_timer_was_due)
{
    HANDLE once = timer(TRUE);
    struct calls calls = {0, 0, 0};
    LONGLONG begin = wall_clock();
    CHECK(set_with_call(once, MILLISECONDS(1), 0, &calls));
    CHECK_EQ(SleepEx(PATIENCE, TRUE), WAIT_IO_COMPLETION);
    wine_differs("it tells a time of another clock");
    /* The clock may be set meanwhile, but not by hours. */
    CHECK(calls.due > begin - 36000000000 && calls.due < begin + 36000000000);
    CloseHandle(once);
}

TEST(s206_a_periodic_timer_has_one_call_queued_at_most)
{
    HANDLE often = timer(FALSE);
    struct calls calls = {0, 0, 0};
    int turn;
    CHECK(set_with_call(often, MILLISECONDS(1), 1, &calls));
    for (turn = 0; turn < 10; turn++) {
        CHECK_EQ(WaitForSingleObject(often, PATIENCE), WAIT_OBJECT_0);
    }
    CHECK_EQ(SleepEx(PATIENCE, TRUE), WAIT_IO_COMPLETION);
    /* It may have been due again while the call ran, but not so often. */
    CHECK(calls.count >= 1 && calls.count < 10);
    turn = calls.count;
    CHECK_EQ(SleepEx(PATIENCE, TRUE), WAIT_IO_COMPLETION);
    CHECK(calls.count > turn);
    CloseHandle(often);
}

static DWORD WINAPI set_and_end(void *timer)
{
    static struct calls calls;
    return set_with_call(timer, MILLISECONDS(DUE_LATER), 0, &calls) ? 0 : GetLastError();
}

static DWORD WINAPI set_without_call_and_end(void *timer)
{
    return set(timer, MILLISECONDS(10), 0) ? 0 : GetLastError();
}

TEST(s207_the_end_of_the_thread_cancels_a_timer_with_a_call)
{
    HANDLE ended = timer(TRUE);
    LONGLONG begin;
    wine_differs("it goes on");
    /* Until the thread ends before its timer is due. */
    do {
        begin = wall_clock();
        CHECK_EQ(finish(start(set_and_end, ended)), 0);
    } while (wall_clock() - begin > DUE_LATER * 5000);
    CHECK_EQ(WaitForSingleObject(ended, 2 * DUE_LATER), WAIT_TIMEOUT);
    CloseHandle(ended);
}

TEST(s207_a_timer_without_a_call_goes_on)
{
    HANDLE ended = timer(TRUE);
    CHECK_EQ(finish(start(set_without_call_and_end, ended)), 0);
    CHECK_EQ(WaitForSingleObject(ended, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(ended);
}

TEST(s208_a_due_time_that_has_passed_signals_at_once)
{
    HANDLE past = timer(TRUE);
    CHECK(set(past, wall_clock() - 10000, 0));
    CHECK_EQ(WaitForSingleObject(past, PATIENCE), WAIT_OBJECT_0);
    CHECK(set(past, 0, 0));
    CHECK_EQ(WaitForSingleObject(past, PATIENCE), WAIT_OBJECT_0);
    CHECK(set(past, 1, 0));
    CHECK_EQ(WaitForSingleObject(past, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(past);
}

TEST(s209_to_be_woken_from_sleep_is_not_supported_and_no_failure)
{
    HANDLE once = timer(TRUE);
    LARGE_INTEGER due;
    due.QuadPart = MILLISECONDS(1);
    wine_differs("its last error is another");
    SetLastError(0xdeadbeef);
    CHECK(SetWaitableTimer(once, &due, 0, NULL, NULL, TRUE));
    CHECK_ERROR(ERROR_NOT_SUPPORTED);
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    SetLastError(0xdeadbeef);
    CHECK(set(once, NEVER, 0));
    CHECK_ERROR(0xdeadbeef);
    CloseHandle(once);
}

TEST(a_timer_with_a_name_is_opened_by_it)
{
    const char *name = unique("timer");
    HANDLE first = CreateWaitableTimerA(NULL, TRUE, name), second, third;
    CHECK(first != NULL);
    CHECK_ERROR(0);
    second = CreateWaitableTimerA(NULL, FALSE, name);
    CHECK(second != NULL);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    third = OpenWaitableTimerA(SYNCHRONIZE, FALSE, name);
    CHECK(third != NULL);
    CHECK(set(second, MILLISECONDS(1), 0));
    CHECK_EQ(WaitForSingleObject(third, PATIENCE), WAIT_OBJECT_0);
    CHECK(takes(first));
    CHECK_FAILS(set(third, NEVER, 0), ERROR_ACCESS_DENIED);
    CHECK_FAILS(CancelWaitableTimer(third), ERROR_ACCESS_DENIED);
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(third);
}

TEST(the_longer_functions_do_the_same)
{
    HANDLE once = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_MANUAL_RESET, TIMER_ALL_ACCESS);
    LARGE_INTEGER due;
    due.QuadPart = MILLISECONDS(1);
    CHECK(once != NULL);
    CHECK(SetWaitableTimerEx(once, &due, 0, NULL, NULL, NULL, 10));
    CHECK_EQ(WaitForSingleObject(once, PATIENCE), WAIT_OBJECT_0);
    CHECK(takes(once));
    CloseHandle(once);
}

TEST(without_a_due_time_it_is_not_set)
{
    HANDLE once = timer(TRUE);
    only_ours("a wild pointer ends a program on Windows");
    CHECK_FAILS(SetWaitableTimer(once, NULL, 0, NULL, NULL, FALSE), ERROR_NOACCESS);
    CHECK_FAILS(SetWaitableTimerEx(once, NULL, 0, NULL, NULL, NULL, 0), ERROR_NOACCESS);
    CHECK(!takes(once));
    CloseHandle(once);
}

TEST(what_is_no_timer_is_not_set)
{
    HANDLE other = event(TRUE, TRUE);
    HANDLE bad[] = BAD_HANDLES(closed_handle());
    size_t index;
    CHECK_FAILS(set(other, NEVER, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CancelWaitableTimer(other), ERROR_INVALID_HANDLE);
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        CHECK_FAILS(set(bad[index], NEVER, 0), ERROR_INVALID_HANDLE);
        CHECK_FAILS(CancelWaitableTimer(bad[index]), ERROR_INVALID_HANDLE);
    }
    CHECK(takes(other));
    CloseHandle(other);
}

static VOID CALLBACK leave(LPVOID code, DWORD low, DWORD high)
{
    (void)low;
    (void)high;
    ExitThread((DWORD)(ULONG_PTR)code);
}

static DWORD WINAPI set_and_leave(void *timer)
{
    LARGE_INTEGER due;
    due.QuadPart = MILLISECONDS(1);
    CHECK(SetWaitableTimer(timer, &due, 0, leave, (LPVOID)9, FALSE));
    SleepEx(PATIENCE, TRUE);
    return 1;
}

TEST(a_thread_may_end_in_the_call_of_a_timer)
{
    HANDLE once = timer(TRUE);
    CHECK_EQ(finish(start(set_and_leave, once)), 9);
    CHECK(takes(once));
    CloseHandle(once);
}
