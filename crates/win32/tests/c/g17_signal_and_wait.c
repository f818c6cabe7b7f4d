/* Group 17: SignalObjectAndWait. */
#include "objects.h"

TEST(s210_events_semaphores_and_mutexes_are_signalled_and_then_it_waits)
{
    HANDLE set = event(TRUE, TRUE), unset = event(TRUE, FALSE), units = semaphore(0, 1), owned = mutex(TRUE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(unset, set, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(units, set, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(SignalObjectAndWait(owned, set, INFINITE, FALSE), WAIT_OBJECT_0);
    CHECK_ERROR(0xdeadbeef);
    CHECK(takes(unset) && takes(units));
    CHECK_FAILS(ReleaseMutex(owned), ERROR_NOT_OWNER);
    CloseHandle(set);
    CloseHandle(unset);
    CloseHandle(units);
    CloseHandle(owned);
}

TEST(s210_other_objects_are_not_signalled)
{
    HANDLE set = event(TRUE, TRUE), timer = CreateWaitableTimerA(NULL, TRUE, NULL);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(timer, set, 0, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(GetCurrentThread(), set, 0, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CHECK_EQ(SignalObjectAndWait(set, GetCurrentThread(), 1, FALSE), WAIT_TIMEOUT);
    CloseHandle(set);
    CloseHandle(timer);
}

TEST(s211_one_auto_reset_event_can_be_both)
{
    HANDLE both = event(FALSE, FALSE);
    int turn;
    for (turn = 0; turn < 10000; turn++) {
        CHECK_EQ(SignalObjectAndWait(both, both, INFINITE, FALSE), WAIT_OBJECT_0);
    }
    CHECK(!takes(both));
    CloseHandle(both);
}

TEST(s212_what_cannot_be_signalled_is_not_waited_for)
{
    HANDLE taken = event(FALSE, TRUE), full = semaphore(1, 1), unowned = mutex(FALSE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(full, taken, INFINITE, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_TOO_MANY_POSTS);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(unowned, taken, INFINITE, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_NOT_OWNER);
    CHECK(takes(taken));
    CloseHandle(taken);
    CloseHandle(full);
    CloseHandle(unowned);
}

TEST(s213_a_timeout_does_not_undo_the_signal)
{
    HANDLE units = semaphore(0, 2), never = event(TRUE, FALSE);
    CHECK_EQ(SignalObjectAndWait(units, never, 1, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(SignalObjectAndWait(units, never, 0, FALSE), WAIT_TIMEOUT);
    CHECK(takes(units) && takes(units) && !takes(units));
    CloseHandle(units);
    CloseHandle(never);
}

static VOID CALLBACK count_call(ULONG_PTR value)
{
    ++*(int *)value;
}

TEST(s215_alertably_it_runs_calls_after_the_signal)
{
    HANDLE units = semaphore(0, 2), never = event(TRUE, FALSE);
    int calls = 0;
    CHECK(QueueUserAPC(count_call, GetCurrentThread(), (ULONG_PTR)&calls));
    CHECK_EQ(SignalObjectAndWait(units, never, 0, FALSE), WAIT_TIMEOUT);
    CHECK_EQ(calls, 0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(units, never, INFINITE, TRUE), WAIT_IO_COMPLETION);
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(calls, 1);
    CHECK(takes(units) && takes(units));
    CloseHandle(units);
    CloseHandle(never);
}

TEST(s216_null_for_either_handle_fails)
{
    HANDLE set = event(TRUE, TRUE), units = semaphore(0, 1);
    HANDLE bad[] = {NULL, WILD, closed_handle()};
    size_t index;
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        SetLastError(0xdeadbeef);
        CHECK_EQ(SignalObjectAndWait(bad[index], set, 0, FALSE), WAIT_FAILED);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(SignalObjectAndWait(units, bad[index], 0, FALSE), WAIT_FAILED);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
    }
    CHECK_EQ(SignalObjectAndWait(NULL, NULL, 0, FALSE), WAIT_FAILED);
    CHECK(!takes(units));
    CloseHandle(set);
    CloseHandle(units);
}

TEST(a_handle_for_waiting_signals_nothing)
{
    HANDLE set = event(TRUE, TRUE), units = semaphore(0, 1), some, process = GetCurrentProcess();
    CHECK(DuplicateHandle(process, units, process, &some, SYNCHRONIZE, FALSE, 0));
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(some, set, 0, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(!takes(units));
    CloseHandle(set);
    CloseHandle(units);
    CloseHandle(some);
}
