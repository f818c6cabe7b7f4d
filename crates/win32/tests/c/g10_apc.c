/* Group 10: calls queued to a thread, and the waits in which they run. */
#include "test.h"

#include <winternl.h>

/* What ran, in order. */
static ULONG_PTR ran[64];
static volatile LONG ran_count;
static DWORD ran_in[64];

static VOID CALLBACK tells(ULONG_PTR value)
{
    LONG place = InterlockedIncrement(&ran_count) - 1;
    ran[place] = value;
    ran_in[place] = GetCurrentThreadId();
}

static void queue(ULONG_PTR value)
{
    CHECK(QueueUserAPC(tells, GetCurrentThread(), value));
}

static void none_ran(void)
{
    ran_count = 0;
}

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

static HANDLE make_event(BOOL manual, BOOL set)
{
    HANDLE event = CreateEventA(NULL, manual, set, NULL);
    CHECK(event != NULL);
    return event;
}

static volatile LONG is_ready;

/* One after the other: the waits in which calls run. */
static DWORD WINAPI waits_in_each_way(LPVOID parameter)
{
    HANDLE events[2] = {make_event(TRUE, FALSE), make_event(TRUE, FALSE)};
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    OVERLAPPED_ENTRY entry;
    ULONG removed;
    (void)parameter;
    for (int way = 0; way < 6; way++) {
        DWORD waited;
        is_ready = way + 1;
        switch (way) {
        case 0:
            waited = SleepEx(INFINITE, TRUE);
            break;
        case 1:
            waited = WaitForSingleObjectEx(events[0], INFINITE, TRUE);
            break;
        case 2:
            waited = WaitForMultipleObjectsEx(2, events, FALSE, INFINITE, TRUE);
            break;
        case 3:
            waited = WaitForMultipleObjectsEx(2, events, TRUE, INFINITE, TRUE);
            break;
        case 4:
            waited = SignalObjectAndWait(events[0], events[1], INFINITE, TRUE);
            ResetEvent(events[0]);
            break;
        default:
            waited = GetQueuedCompletionStatusEx(port, &entry, 1, &removed, INFINITE, TRUE) ? 0 : GetLastError();
            break;
        }
        if (waited != WAIT_IO_COMPLETION || ran_count != way + 1) {
            return (DWORD)(way + 1);
        }
    }
    CloseHandle(port);
    CloseHandle(events[0]);
    CloseHandle(events[1]);
    return 0;
}

TEST(s122_s123_calls_run_in_their_thread_in_each_kind_of_alertable_wait)
{
    DWORD id;
    none_ran();
    is_ready = 0;
    HANDLE thread = CreateThread(NULL, 0, waits_in_each_way, NULL, 0, &id);
    CHECK(thread != NULL);
    for (LONG way = 0; way < 6; way++) {
        EVENTUALLY(is_ready == way + 1);
        CHECK(QueueUserAPC(tells, thread, (ULONG_PTR)way));
    }
    CHECK_EQ(ended(thread), 0u);
    for (LONG way = 0; way < 6; way++) {
        CHECK_EQ(ran[way], (ULONG_PTR)way);
        CHECK_EQ(ran_in[way], id);
    }
}

TEST(s124_one_wait_runs_all_that_are_queued_in_order_and_ends_once)
{
    none_ran();
    for (ULONG_PTR value = 1; value <= 5; value++) {
        queue(value);
    }
    CHECK_EQ(ran_count, 0);
    CHECK_EQ(SleepEx(INFINITE, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 5);
    for (LONG place = 0; place < 5; place++) {
        CHECK_EQ(ran[place], (ULONG_PTR)place + 1);
    }
    CHECK_EQ(SleepEx(0, TRUE), 0u);
}

static VOID CALLBACK queues_another(ULONG_PTR left)
{
    tells(left);
    if (left > 0) {
        CHECK(QueueUserAPC(queues_another, GetCurrentThread(), left - 1));
    }
}

TEST(s125_calls_that_a_call_queues_run_in_the_same_wait)
{
    none_ran();
    CHECK(QueueUserAPC(queues_another, GetCurrentThread(), 4));
    CHECK_EQ(SleepEx(INFINITE, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 5);
    CHECK_EQ(ran[4], 0u);
    CHECK_EQ(SleepEx(0, TRUE), 0u);
}

static VOID CALLBACK waits_itself(ULONG_PTR value)
{
    tells(value);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    tells(value + 100);
}

TEST(s126_an_alertable_wait_within_a_call_runs_those_behind_it)
{
    none_ran();
    CHECK(QueueUserAPC(waits_itself, GetCurrentThread(), 1));
    queue(2);
    CHECK_EQ(SleepEx(INFINITE, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 3);
    CHECK_EQ(ran[0], 1u);
    CHECK_EQ(ran[1], 2u);
    CHECK_EQ(ran[2], 101u);
}

TEST(s127_a_call_goes_before_a_signalled_object_which_stays_signalled)
{
    static const DWORD timeouts[] = {INFINITE, 2, 0};
    wine_differs("Wine takes the object, as Windows did before 8");
    HANDLE event = make_event(FALSE, TRUE);
    for (int number = 0; number < 3; number++) {
        none_ran();
        queue(1);
        DWORD waited = WaitForSingleObjectEx(event, timeouts[number], TRUE);
        CHECK_EQ(waited, (DWORD)WAIT_IO_COMPLETION);
        CHECK_EQ(ran_count, 1);
        CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
        CHECK(SetEvent(event));
    }
    CHECK(CloseHandle(event));
}

static VOID CALLBACK sets(ULONG_PTR event)
{
    CHECK(SetEvent((HANDLE)event));
}

TEST(s128_a_call_that_signals_the_object_ends_the_wait_and_the_next_one_gets_it)
{
    HANDLE event = make_event(FALSE, FALSE);
    CHECK(QueueUserAPC(sets, GetCurrentThread(), (ULONG_PTR)event));
    CHECK_EQ(WaitForSingleObjectEx(event, INFINITE, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(WaitForSingleObjectEx(event, 0, TRUE), WAIT_OBJECT_0);
    CHECK(CloseHandle(event));
}

TEST(s129_a_sleep_of_no_time_runs_what_waits_or_returns)
{
    none_ran();
    CHECK_EQ(SleepEx(0, TRUE), 0u);
    queue(1);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 1);
}

TEST(s130_a_wait_that_is_not_alertable_neither_runs_nor_loses_calls)
{
    HANDLE event = make_event(TRUE, TRUE);
    none_ran();
    queue(1);
    CHECK_EQ(SleepEx(1, FALSE), 0u);
    Sleep(0);
    CHECK_EQ(WaitForSingleObjectEx(event, 1, FALSE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(ran_count, 0);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 1);
    CHECK(CloseHandle(event));
}

TEST(s131_calls_go_before_the_timeout)
{
    HANDLE event = make_event(TRUE, FALSE);
    none_ran();
    queue(1);
    CHECK_EQ(WaitForSingleObjectEx(event, 0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 1);
    CHECK_EQ(WaitForSingleObjectEx(event, 0, TRUE), (DWORD)WAIT_TIMEOUT);
    CHECK(CloseHandle(event));
}

static DWORD WINAPI tells_that_it_begins(LPVOID parameter)
{
    tells((ULONG_PTR)parameter);
    return 0;
}

TEST(s132_calls_to_a_thread_that_has_not_begun_run_before_its_start_routine)
{
    none_ran();
    HANDLE thread = CreateThread(NULL, 0, tells_that_it_begins, (LPVOID)3, CREATE_SUSPENDED, NULL);
    CHECK(thread != NULL);
    CHECK(QueueUserAPC(tells, thread, 1));
    CHECK(QueueUserAPC(tells, thread, 2));
    CHECK_EQ(ResumeThread(thread), 1u);
    CHECK_EQ(ended(thread), 0u);
    CHECK_EQ(ran_count, 3);
    for (LONG place = 0; place < 3; place++) {
        CHECK_EQ(ran[place], (ULONG_PTR)place + 1);
        CHECK_EQ(ran_in[place], ran_in[0]);
    }
}

TEST(s133_a_thread_that_has_ended_takes_no_calls)
{
    HANDLE thread = start(tells_that_it_begins, NULL);
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CHECK_FAILS(QueueUserAPC(tells, thread, 1), ERROR_GEN_FAILURE);
    CHECK(CloseHandle(thread));
}

TEST(s134_a_bad_handle_takes_no_calls)
{
    HANDLE event = make_event(TRUE, FALSE);
    CHECK_FAILS(QueueUserAPC(tells, NULL, 1), ERROR_INVALID_HANDLE);
    CHECK_FAILS(QueueUserAPC(tells, event, 1), ERROR_INVALID_HANDLE);
    CHECK_FAILS(QueueUserAPC(tells, (HANDLE)0x7ffffff0, 1), ERROR_INVALID_HANDLE);
    CHECK_FAILS(QueueUserAPC(tells, GetCurrentProcess(), 1), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
    CHECK_FAILS(QueueUserAPC(tells, event, 1), ERROR_INVALID_HANDLE);
}

TEST(s135_a_call_to_the_own_thread_is_just_queued)
{
    none_ran();
    SetLastError(0xdeadbeef);
    queue(1);
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(ran_count, 0);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
}

typedef NTSTATUS(NTAPI *queue_function)(HANDLE, PVOID, ULONG_PTR, ULONG_PTR, ULONG_PTR);
typedef NTSTATUS(NTAPI *queue_ex_function)(HANDLE, HANDLE, PVOID, ULONG_PTR, ULONG_PTR, ULONG_PTR);
typedef NTSTATUS(NTAPI *alert_function)(void);
typedef NTSTATUS(NTAPI *delay_function)(BOOLEAN, const LARGE_INTEGER *);

/* Older headers do not have it. */
typedef BOOL(WINAPI *queue2_function)(PAPCFUNC, HANDLE, ULONG_PTR, int);

static void *native(const char *name)
{
    void *function = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), name);
    CHECK(function != NULL);
    return function;
}

static VOID NTAPI tells_all(ULONG_PTR first, ULONG_PTR second, ULONG_PTR third)
{
    tells(first);
    tells(second);
    tells(third);
}

TEST(s136_a_native_call_has_three_arguments_and_one_without_a_routine_is_nothing)
{
    queue_function queue_native = (queue_function)native("NtQueueApcThread");
    none_ran();
    CHECK_EQ(queue_native(GetCurrentThread(), (PVOID)tells_all, 7, 8, 9), 0);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 3);
    CHECK_EQ(ran[0] * 100 + ran[1] * 10 + ran[2], 789u);
    CHECK_EQ(queue_native(NULL, (PVOID)tells_all, 0, 0, 0), (NTSTATUS)0xc0000008);
    CHECK_EQ(queue_native(GetCurrentThread(), NULL, 0, 0, 0), 0);
    CHECK_EQ(SleepEx(0, TRUE), 0u);
}

TEST(s137_calls_can_be_run_without_a_wait)
{
    alert_function test_alert = (alert_function)native("NtTestAlert");
    none_ran();
    CHECK_EQ(test_alert(), 0);
    queue(1);
    queue(2);
    CHECK_EQ(test_alert(), 0);
    CHECK_EQ(ran_count, 2);
}

TEST(s123_a_native_delay_runs_calls)
{
    delay_function delay = (delay_function)native("NtDelayExecution");
    LARGE_INTEGER millisecond = {.QuadPart = -10000};
    none_ran();
    CHECK(delay(TRUE, &millisecond) != 0xc0);
    queue(1);
    CHECK_EQ(delay(FALSE, &millisecond), 0);
    CHECK_EQ(ran_count, 0);
    CHECK_EQ(delay(TRUE, &millisecond), 0xc0);
    CHECK_EQ(ran_count, 1);
}

TEST(s138_a_call_that_is_to_interrupt_its_thread_is_refused)
{
    only_ours("Windows interrupts the thread, and Wine has no such function");
    queue2_function queue2 = (queue2_function)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "QueueUserAPC2");
    CHECK(queue2 != NULL);
    none_ran();
    CHECK_FAILS(queue2(tells, GetCurrentThread(), 1, 1), ERROR_NOT_SUPPORTED);
    CHECK_FAILS(queue2(tells, GetCurrentThread(), 1, 2), ERROR_INVALID_PARAMETER);
    CHECK_EQ(SleepEx(0, TRUE), 0u);
    CHECK(queue2(tells, GetCurrentThread(), 2, 0));
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 1);
}

TEST(s139_there_are_no_reserve_objects)
{
    only_ours("Windows has them");
    queue_ex_function queue_native = (queue_ex_function)native("NtQueueApcThreadEx");
    none_ran();
    CHECK_EQ(queue_native(GetCurrentThread(), NULL, (PVOID)tells_all, 1, 2, 3), 0);
    CHECK_EQ(queue_native(GetCurrentThread(), (HANDLE)0x7ffffff0, (PVOID)tells_all, 1, 2, 3), (NTSTATUS)0xc0000008);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(ran_count, 3);
}

TEST(s140_a_sleep_leaves_the_last_error)
{
    none_ran();
    SetLastError(0xdeadbeef);
    Sleep(0);
    Sleep(1);
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(SleepEx(1, TRUE), 0u);
    CHECK_ERROR(0xdeadbeef);
    queue(1);
    CHECK_EQ(SleepEx(1, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_ERROR(0xdeadbeef);
}

TEST(s141_a_wait_that_ran_calls_returns_whatever_time_is_left)
{
    ULONGLONG started = GetTickCount64();
    none_ran();
    queue(1);
    CHECK_EQ(SleepEx(60000, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK(GetTickCount64() - started < 30000);
}
