/* Group 22: one-time initialisation, barriers, waiting on an address, and the permit of a thread. */
#include "test.h"

#include <winternl.h>

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static volatile LONG runs;
static volatile LONG may_go;
static volatile LONG arrived;

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

static BOOL CALLBACK initialises(PINIT_ONCE it, PVOID parameter, PVOID *context)
{
    CHECK(it == &once && parameter == (PVOID)&runs);
    InterlockedIncrement(&runs);
    while (!may_go) {
        SwitchToThread();
    }
    *context = (PVOID)0x1230;
    return TRUE;
}

static DWORD WINAPI executes(LPVOID parameter)
{
    PVOID context = NULL;
    (void)parameter;
    InterlockedIncrement(&arrived);
    if (!InitOnceExecuteOnce(&once, initialises, (PVOID)&runs, &context)) {
        return 1;
    }
    return context == (PVOID)0x1230 ? 0 : 2;
}

TEST(s252_it_runs_once_while_others_wait)
{
    HANDLE threads[4];
    runs = may_go = arrived = 0;
    for (int number = 0; number < 4; number++) {
        threads[number] = start(executes, NULL);
    }
    EVENTUALLY(arrived == 4 && runs == 1);
    may_go = 1;
    for (int number = 0; number < 4; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(runs, 1);
}

static BOOL CALLBACK fails(PINIT_ONCE it, PVOID parameter, PVOID *context)
{
    (void)it;
    (void)context;
    InterlockedIncrement(&runs);
    SetLastError((DWORD)(ULONG_PTR)parameter);
    return FALSE;
}

TEST(s252_a_failure_leaves_it_undone_and_keeps_the_last_error)
{
    INIT_ONCE mine = INIT_ONCE_STATIC_INIT;
    PVOID context = (PVOID)0x5a5a;
    runs = 0;
    CHECK_FAILS(InitOnceExecuteOnce(&mine, fails, (PVOID)4321, &context), 4321);
    CHECK_FAILS(InitOnceExecuteOnce(&mine, fails, (PVOID)4322, &context), 4322);
    CHECK_EQ(runs, 2);
    CHECK(context == (PVOID)0x5a5a);
}

TEST(s253_two_bits_are_the_state_and_a_context_has_them_clear)
{
    INIT_ONCE mine = INIT_ONCE_STATIC_INIT;
    BOOL pending = 5;
    PVOID context = (PVOID)0x5a5a;
    CHECK(InitOnceBeginInitialize(&mine, 0, &pending, &context));
    CHECK_EQ(pending, TRUE);
    CHECK_EQ((ULONG_PTR)mine.Ptr & 3, 1u);
    CHECK_FAILS(InitOnceComplete(&mine, 0, (PVOID)0x1231), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&mine, 0, (PVOID)0x1230));
    CHECK_EQ((ULONG_PTR)mine.Ptr, 0x1232u);
    CHECK(InitOnceBeginInitialize(&mine, 0, &pending, &context));
    CHECK_EQ(pending, FALSE);
    CHECK(context == (PVOID)0x1230);
    InitOnceInitialize(&mine);
    CHECK(mine.Ptr == NULL);
    CHECK(InitOnceBeginInitialize(&mine, INIT_ONCE_ASYNC, &pending, &context));
    CHECK_EQ((ULONG_PTR)mine.Ptr & 3, 3u);
}

TEST(s254_a_check_of_what_is_not_done_fails)
{
    INIT_ONCE mine = INIT_ONCE_STATIC_INIT;
    BOOL pending = 5;
    PVOID context = (PVOID)0x5a5a;
    CHECK_FAILS(InitOnceBeginInitialize(&mine, INIT_ONCE_CHECK_ONLY, &pending, &context), ERROR_GEN_FAILURE);
    CHECK_EQ(pending, 5);
    CHECK(context == (PVOID)0x5a5a);
    CHECK(InitOnceBeginInitialize(&mine, 0, &pending, &context));
    CHECK_FAILS(InitOnceBeginInitialize(&mine, INIT_ONCE_CHECK_ONLY, &pending, &context), ERROR_GEN_FAILURE);
    CHECK(InitOnceComplete(&mine, 0, NULL));
    CHECK(InitOnceBeginInitialize(&mine, INIT_ONCE_CHECK_ONLY, &pending, &context));
    CHECK_EQ(pending, FALSE);
    CHECK(context == NULL);
}

TEST(s255_the_modes_do_not_mix_and_the_first_to_finish_wins)
{
    INIT_ONCE mine = INIT_ONCE_STATIC_INIT;
    BOOL pending;
    PVOID context;
    CHECK(InitOnceBeginInitialize(&mine, 0, &pending, &context));
    CHECK_FAILS(InitOnceBeginInitialize(&mine, INIT_ONCE_ASYNC, &pending, &context), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&mine, INIT_ONCE_INIT_FAILED, NULL));
    CHECK(InitOnceBeginInitialize(&mine, INIT_ONCE_ASYNC, &pending, &context));
    CHECK_FAILS(InitOnceBeginInitialize(&mine, 0, &pending, &context), ERROR_INVALID_PARAMETER);
    pending = 5;
    CHECK(InitOnceBeginInitialize(&mine, INIT_ONCE_ASYNC, &pending, &context));
    CHECK_EQ(pending, TRUE);
    CHECK(InitOnceComplete(&mine, INIT_ONCE_ASYNC, (PVOID)0x10));
    CHECK_FAILS(InitOnceComplete(&mine, INIT_ONCE_ASYNC, (PVOID)0x20), ERROR_GEN_FAILURE);
    CHECK(InitOnceBeginInitialize(&mine, INIT_ONCE_CHECK_ONLY, &pending, &context));
    CHECK(context == (PVOID)0x10);
}

TEST(s255_what_one_begins_alone_is_not_finished_as_by_several)
{
    INIT_ONCE mine = INIT_ONCE_STATIC_INIT;
    BOOL pending;
    PVOID context;
    wine_differs("Wine takes either end for the other, and all flags");
    CHECK_FAILS(InitOnceBeginInitialize(&mine, 0x80, &pending, &context), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceBeginInitialize(&mine, 0, &pending, &context));
    CHECK_FAILS(InitOnceComplete(&mine, INIT_ONCE_ASYNC, NULL), ERROR_INVALID_PARAMETER);
    CHECK(InitOnceComplete(&mine, 0, NULL));
}

static SYNCHRONIZATION_BARRIER barrier;
static volatile LONG chosen;

static DWORD WINAPI comes_to_the_barrier(LPVOID parameter)
{
    for (int round = 0; round < 100; round++) {
        InterlockedIncrement(&arrived);
        if (EnterSynchronizationBarrier(&barrier, 0)) {
            InterlockedIncrement(&chosen);
        }
        if (arrived < 3 * (round + 1)) {
            return 1;
        }
    }
    (void)parameter;
    return 0;
}

TEST(s256_one_thread_of_each_round_is_told_so)
{
    HANDLE threads[3];
    wine_differs("Wine has no barriers");
    arrived = chosen = 0;
    CHECK(InitializeSynchronizationBarrier(&barrier, 3, -1));
    for (int number = 0; number < 3; number++) {
        threads[number] = start(comes_to_the_barrier, NULL);
    }
    for (int number = 0; number < 3; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(chosen, 100);
    CHECK(DeleteSynchronizationBarrier(&barrier));
    CHECK_FAILS(InitializeSynchronizationBarrier(&barrier, 0, -1), ERROR_INVALID_PARAMETER);
}

static volatile LONG64 word;

TEST(s257_it_takes_one_two_four_and_eight_bytes)
{
    LONG64 other = 1;
    word = 0;
    for (SIZE_T size = 0; size <= 16; size++) {
        if (size == 1 || size == 2 || size == 4 || size == 8) {
            CHECK(WaitOnAddress(&word, &other, size, 0));
        } else {
            CHECK_FAILS(WaitOnAddress(&word, &other, size, 0), ERROR_INVALID_PARAMETER);
        }
    }
}

TEST(s258_another_value_returns_at_once_and_the_same_times_out)
{
    LONG64 other = 1, same = 0;
    word = 0;
    SetLastError(0xdeadbeef);
    CHECK(WaitOnAddress(&word, &other, 8, INFINITE));
    CHECK_ERROR(0xdeadbeef);
    CHECK_FAILS(WaitOnAddress(&word, &same, 8, 5), ERROR_TIMEOUT);
    CHECK_FAILS(WaitOnAddress(&word, &same, 1, 0), ERROR_TIMEOUT);
}

static DWORD WINAPI waits_for_the_word(LPVOID parameter)
{
    LONG64 undesired = 0;
    (void)parameter;
    InterlockedIncrement(&arrived);
    while (word == 0) {
        if (!WaitOnAddress(&word, &undesired, sizeof undesired, INFINITE)) {
            return 1;
        }
    }
    return 0;
}

TEST(s258_who_waits_is_woken_by_the_address)
{
    HANDLE threads[3];
    word = arrived = 0;
    for (int number = 0; number < 3; number++) {
        threads[number] = start(waits_for_the_word, NULL);
    }
    EVENTUALLY(arrived == 3);
    word = 7;
    WakeByAddressSingle((PVOID)&word);
    WakeByAddressAll((PVOID)&word);
    for (int number = 0; number < 3; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
}

TEST(s259_wakes_of_nobody_do_no_harm)
{
    WakeByAddressSingle(NULL);
    WakeByAddressAll(NULL);
    WakeByAddressSingle((PVOID)(ULONG_PTR)0x10);
    WakeByAddressAll((PVOID)(ULONG_PTR)0x7fffffff0000);
}

typedef NTSTATUS(NTAPI *alert_function)(HANDLE);
typedef NTSTATUS(NTAPI *wait_function)(const void *, const LARGE_INTEGER *);

static alert_function alert_thread;
static wait_function wait_for_alert;

static void find_alerts(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    CHECK(ntdll != NULL);
    alert_thread = (alert_function)(void *)GetProcAddress(ntdll, "NtAlertThreadByThreadId");
    wait_for_alert = (wait_function)(void *)GetProcAddress(ntdll, "NtWaitForAlertByThreadId");
    CHECK(alert_thread != NULL && wait_for_alert != NULL);
}

TEST(s261_a_permit_stays_and_two_are_one)
{
    LARGE_INTEGER now = {.QuadPart = 0}, soon = {.QuadPart = -20000};
    find_alerts();
    HANDLE me = (HANDLE)(ULONG_PTR)GetCurrentThreadId();
    CHECK_EQ(alert_thread(me), 0);
    CHECK_EQ(alert_thread(me), 0);
    CHECK_EQ(wait_for_alert(NULL, NULL), 0x101);
    CHECK_EQ(wait_for_alert(NULL, &now), 0x102);
    CHECK_EQ(wait_for_alert(NULL, &soon), 0x102);
    CHECK_EQ(alert_thread((HANDLE)(ULONG_PTR)0x7ffffffc), (NTSTATUS)0xc000000b);
}

static DWORD WINAPI waits_for_an_alert(LPVOID parameter)
{
    (void)parameter;
    InterlockedIncrement(&arrived);
    return wait_for_alert(NULL, NULL) == 0x101 ? 0 : 1;
}

TEST(s261_a_permit_wakes_the_thread_it_is_for)
{
    DWORD id;
    find_alerts();
    arrived = 0;
    HANDLE thread = CreateThread(NULL, 0, waits_for_an_alert, NULL, 0, &id);
    CHECK(thread != NULL);
    EVENTUALLY(arrived == 1);
    CHECK_EQ(alert_thread((HANDLE)(ULONG_PTR)id), 0);
    CHECK_EQ(ended(thread), 0u);
}
