/* Group 19: critical sections: what their words say, who waits, and what is not detected. */
#include "test.h"

static CRITICAL_SECTION section;
static volatile LONG inside;
static volatile LONG most;
static volatile LONG step;

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

static void check_words(LONG lock, LONG recursion, DWORD owner)
{
    CHECK_EQ(section.LockCount, lock);
    CHECK_EQ(section.RecursionCount, recursion);
    CHECK(section.OwningThread == (HANDLE)(ULONG_PTR)owner);
}

TEST(s229_the_words_say_who_is_in_and_how_often)
{
    InitializeCriticalSection(&section);
    check_words(-1, 0, 0);
    EnterCriticalSection(&section);
    CHECK_EQ(section.RecursionCount, 1);
    CHECK(section.OwningThread == (HANDLE)(ULONG_PTR)GetCurrentThreadId());
    EnterCriticalSection(&section);
    CHECK_EQ(section.RecursionCount, 2);
    LeaveCriticalSection(&section);
    LeaveCriticalSection(&section);
    check_words(-1, 0, 0);
    DeleteCriticalSection(&section);
}

TEST(s229_an_owned_one_without_waiters_has_the_count_minus_2)
{
    wine_differs("Wine counts as Windows did before 2003: 0");
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    check_words(-2, 1, GetCurrentThreadId());
    EnterCriticalSection(&section);
    check_words(-2, 2, GetCurrentThreadId());
    LeaveCriticalSection(&section);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
}

static DWORD WINAPI tries(LPVOID parameter)
{
    (void)parameter;
    if (!TryEnterCriticalSection(&section)) {
        return 0;
    }
    LeaveCriticalSection(&section);
    return 1;
}

TEST(s230_a_try_takes_what_is_free_or_ones_own)
{
    InitializeCriticalSection(&section);
    CHECK(TryEnterCriticalSection(&section));
    CHECK(TryEnterCriticalSection(&section));
    CHECK_EQ(ended(start(tries, NULL)), 0u);
    LeaveCriticalSection(&section);
    CHECK_EQ(ended(start(tries, NULL)), 0u);
    LeaveCriticalSection(&section);
    CHECK_EQ(ended(start(tries, NULL)), 1u);
    DeleteCriticalSection(&section);
}

static DWORD WINAPI goes_in_and_out(LPVOID parameter)
{
    for (int round = 0; round < 2000; round++) {
        EnterCriticalSection(&section);
        LONG now = InterlockedIncrement(&inside);
        if (now > most) {
            most = now;
        }
        step++;
        InterlockedDecrement(&inside);
        LeaveCriticalSection(&section);
    }
    return (DWORD)(ULONG_PTR)parameter;
}

TEST(s231_one_thread_at_a_time_is_in)
{
    HANDLE threads[4];
    inside = most = step = 0;
    CHECK(InitializeCriticalSectionAndSpinCount(&section, 100));
    for (int number = 0; number < 4; number++) {
        threads[number] = start(goes_in_and_out, NULL);
    }
    for (int number = 0; number < 4; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(step, 8000);
    CHECK_EQ(most, 1);
    check_words(-1, 0, 0);
    DeleteCriticalSection(&section);
}

static DWORD WINAPI enters_and_leaves(LPVOID parameter)
{
    EnterCriticalSection(&section);
    InterlockedIncrement((volatile LONG *)parameter);
    LeaveCriticalSection(&section);
    return 0;
}

TEST(s231_leaving_lets_one_that_waits_in)
{
    HANDLE threads[3];
    step = 0;
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    for (int number = 0; number < 3; number++) {
        threads[number] = start(enters_and_leaves, (LPVOID)&step);
    }
    test_pause();
    CHECK_EQ(step, 0);
    LeaveCriticalSection(&section);
    for (int number = 0; number < 3; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(step, 3);
    DeleteCriticalSection(&section);
}

TEST(s232_leaving_what_nobody_owns_is_put_right_by_the_next)
{
    wine_differs("Wine logs it and counts otherwise");
    InitializeCriticalSection(&section);
    LeaveCriticalSection(&section);
    CHECK_EQ(section.RecursionCount, -1);
    CHECK_EQ(section.LockCount, -1);
    LeaveCriticalSection(&section);
    CHECK_EQ(section.RecursionCount, -2);
    EnterCriticalSection(&section);
    check_words(-2, 1, GetCurrentThreadId());
    LeaveCriticalSection(&section);
    check_words(-1, 0, 0);
    DeleteCriticalSection(&section);
}

static DWORD WINAPI ends_inside(LPVOID parameter)
{
    (void)parameter;
    EnterCriticalSection(&section);
    ExitThread(4);
}

TEST(s233_a_thread_that_ends_inside_leaves_it_closed)
{
    InitializeCriticalSection(&section);
    CHECK_EQ(ended(start(ends_inside, NULL)), 4u);
    CHECK(!TryEnterCriticalSection(&section));
    CHECK(section.OwningThread != NULL);
}

TEST(s234_debug_information_is_there_only_if_it_is_asked_for)
{
    wine_differs("Wine has it always");
    InitializeCriticalSection(&section);
    CHECK((ULONG_PTR)section.DebugInfo == ~(ULONG_PTR)0);
    DeleteCriticalSection(&section);
    CHECK(section.DebugInfo == NULL);
    CHECK(InitializeCriticalSectionEx(&section, 0, RTL_CRITICAL_SECTION_FLAG_FORCE_DEBUG_INFO));
    CHECK(section.DebugInfo != NULL && (ULONG_PTR)section.DebugInfo != ~(ULONG_PTR)0);
    DeleteCriticalSection(&section);
    CHECK(section.DebugInfo == NULL);
    CHECK(InitializeCriticalSectionEx(&section, 0, CRITICAL_SECTION_NO_DEBUG_INFO));
    CHECK((ULONG_PTR)section.DebugInfo == ~(ULONG_PTR)0);
    DeleteCriticalSection(&section);
}

TEST(s236_the_spin_count_is_kept_and_initialising_succeeds)
{
    CHECK(InitializeCriticalSectionAndSpinCount(&section, 4000));
    SetCriticalSectionSpinCount(&section, 10);
    EnterCriticalSection(&section);
    LeaveCriticalSection(&section);
    DeleteCriticalSection(&section);
    CHECK(InitializeCriticalSectionEx(&section, 4000, 0));
    DeleteCriticalSection(&section);
}

TEST(s236_setting_the_spin_count_gives_the_one_before)
{
    wine_differs("Wine keeps no spin count on one processor");
    CHECK(InitializeCriticalSectionAndSpinCount(&section, 4000));
    CHECK_EQ(SetCriticalSectionSpinCount(&section, 10), 4000u);
    CHECK_EQ(SetCriticalSectionSpinCount(&section, 0), 10u);
    DeleteCriticalSection(&section);
}

TEST(s237_deleting_an_owned_section_does_not_fail)
{
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    DeleteCriticalSection(&section);
    InitializeCriticalSection(&section);
    CHECK_EQ(ended(start(ends_inside, NULL)), 4u);
    DeleteCriticalSection(&section);
}
