/* Group 21: condition variables, with critical sections and with reader-writer locks. */
#include "test.h"

static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static CRITICAL_SECTION section;
static SRWLOCK lock = SRWLOCK_INIT;
static volatile LONG asleep;
static volatile LONG ready;

static HANDLE start(LPTHREAD_START_ROUTINE routine, LPVOID parameter)
{
    HANDLE thread = CreateThread(NULL, 0, routine, parameter, 0, NULL);
    CHECK(thread != NULL);
    return thread;
}

static DWORD ended(HANDLE thread)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(thread, 20000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

TEST(s246_a_wake_without_sleepers_is_lost)
{
    InitializeCriticalSection(&section);
    WakeConditionVariable(&changed);
    WakeAllConditionVariable(&changed);
    EnterCriticalSection(&section);
    CHECK_FAILS(SleepConditionVariableCS(&changed, &section, 5), ERROR_TIMEOUT);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
}

TEST(s247_a_timeout_comes_with_the_lock_taken_again)
{
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    CHECK_FAILS(SleepConditionVariableCS(&changed, &section, 0), ERROR_TIMEOUT);
    CHECK(section.OwningThread == (HANDLE)(ULONG_PTR)GetCurrentThreadId());
    CHECK_EQ(section.RecursionCount, 1);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    AcquireSRWLockExclusive(&lock);
    CHECK_FAILS(SleepConditionVariableSRW(&changed, &lock, 1, 0), ERROR_TIMEOUT);
    CHECK(!TryAcquireSRWLockShared(&lock));
    ReleaseSRWLockExclusive(&lock);
}

static DWORD WINAPI sleeps_in_a_section(LPVOID parameter)
{
    (void)parameter;
    EnterCriticalSection(&section);
    asleep++;
    while (!ready) {
        if (!SleepConditionVariableCS(&changed, &section, INFINITE)) {
            return 1;
        }
    }
    asleep--;
    LeaveCriticalSection(&section);
    return 0;
}

TEST(s246_a_wake_that_finds_sleepers_wakes_them)
{
    HANDLE threads[3];
    asleep = ready = 0;
    InitializeCriticalSection(&section);
    InitializeConditionVariable(&changed);
    for (int number = 0; number < 3; number++) {
        threads[number] = start(sleeps_in_a_section, NULL);
    }
    EVENTUALLY(asleep == 3);
    EnterCriticalSection(&section);
    ready = 1;
    LeaveCriticalSection(&section);
    WakeConditionVariable(&changed);
    EVENTUALLY(asleep < 3);
    WakeAllConditionVariable(&changed);
    for (int number = 0; number < 3; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(asleep, 0);
    DeleteCriticalSection(&section);
}

static DWORD WINAPI sleeps_in_a_lock(LPVOID parameter)
{
    ULONG mode = parameter == NULL ? 0 : CONDITION_VARIABLE_LOCKMODE_SHARED;
    DWORD result = 0;
    if (mode == 0) {
        AcquireSRWLockExclusive(&lock);
    } else {
        AcquireSRWLockShared(&lock);
    }
    InterlockedIncrement(&asleep);
    while (!ready) {
        if (!SleepConditionVariableSRW(&changed, &lock, INFINITE, mode)) {
            return 99;
        }
    }
    /* In which mode it is held shows by who else gets it. */
    if (TryAcquireSRWLockShared(&lock)) {
        ReleaseSRWLockShared(&lock);
        result = 1;
    }
    if (mode == 0) {
        ReleaseSRWLockExclusive(&lock);
    } else {
        ReleaseSRWLockShared(&lock);
    }
    return result;
}

TEST(s248_the_lock_comes_back_in_the_same_mode)
{
    for (ULONG_PTR shared = 0; shared < 2; shared++) {
        asleep = ready = 0;
        HANDLE thread = start(sleeps_in_a_lock, (LPVOID)shared);
        EVENTUALLY(asleep == 1);
        AcquireSRWLockExclusive(&lock);
        ready = 1;
        ReleaseSRWLockExclusive(&lock);
        WakeAllConditionVariable(&changed);
        CHECK_EQ(ended(thread), (DWORD)shared);
    }
}

static DWORD WINAPI sleeps_for_a_while(LPVOID parameter)
{
    (void)parameter;
    AcquireSRWLockExclusive(&lock);
    asleep = 1;
    BOOL woken = SleepConditionVariableSRW(&changed, &lock, 300, 0);
    ReleaseSRWLockExclusive(&lock);
    return (DWORD)woken;
}

TEST(s249_a_wake_in_time_counts_however_late_the_lock_comes)
{
    asleep = 0;
    ULONGLONG started = GetTickCount64();
    HANDLE thread = start(sleeps_for_a_while, NULL);
    EVENTUALLY(asleep == 1);
    /* It sleeps: otherwise it had the lock. */
    AcquireSRWLockExclusive(&lock);
    WakeConditionVariable(&changed);
    BOOL in_time = GetTickCount64() - started < 300;
    Sleep(350);
    ReleaseSRWLockExclusive(&lock);
    DWORD woken = ended(thread);
    CHECK(woken || !in_time);
}

static DWORD WINAPI wakes_until_ready(LPVOID parameter)
{
    (void)parameter;
    while (!ready) {
        WakeAllConditionVariable(&changed);
        SwitchToThread();
    }
    return 0;
}

TEST(s250_a_wake_may_come_with_nothing_changed)
{
    ready = 0;
    HANDLE thread = start(wakes_until_ready, NULL);
    AcquireSRWLockExclusive(&lock);
    CHECK(SleepConditionVariableSRW(&changed, &lock, 10000, 0));
    ready = 1;
    ReleaseSRWLockExclusive(&lock);
    CHECK_EQ(ended(thread), 0u);
}

static DWORD WINAPI tries_the_section(LPVOID parameter)
{
    (void)parameter;
    return (DWORD)TryEnterCriticalSection(&section);
}

static HANDLE meanwhile;

static DWORD WINAPI tries_and_wakes(LPVOID parameter)
{
    DWORD entered = tries_the_section(parameter);
    ready = 1;
    WakeAllConditionVariable(&changed);
    return entered;
}

TEST(s251_only_one_entry_is_left)
{
    ready = 0;
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    EnterCriticalSection(&section);
    meanwhile = start(tries_and_wakes, NULL);
    while (!ready) {
        SleepConditionVariableCS(&changed, &section, 1);
    }
    CHECK_EQ(section.RecursionCount, 2);
    CHECK_EQ(ended(meanwhile), 0u);
    LeaveCriticalSection(&section);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
}

TEST(s246_flags_that_are_none_are_refused)
{
    wine_differs("Wine takes them for the shared mode");
    AcquireSRWLockExclusive(&lock);
    CHECK_FAILS(SleepConditionVariableSRW(&changed, &lock, 0, 0x80), ERROR_INVALID_PARAMETER);
    ReleaseSRWLockExclusive(&lock);
}
