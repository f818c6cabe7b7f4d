/* Group 24: threads: how they begin, are held back, end, what they leave, and what each has of its own. */
#include "test.h"

#include <errno.h>
#include <process.h>

#define STILL_RUNS 259u

static HANDLE go;

static DWORD WINAPI returns_its_parameter(LPVOID parameter)
{
    return (DWORD)(ULONG_PTR)parameter;
}

static DWORD WINAPI waits_for_go(LPVOID parameter)
{
    WaitForSingleObject(go, INFINITE);
    return (DWORD)(ULONG_PTR)parameter;
}

static HANDLE start(LPTHREAD_START_ROUTINE routine, ULONG_PTR parameter)
{
    HANDLE thread = CreateThread(NULL, 0, routine, (LPVOID)parameter, 0, NULL);
    CHECK(thread != NULL);
    return thread;
}

static void make_go(void)
{
    go = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(go != NULL);
}

/* Its exit code, once it has ended. */
static DWORD ended(HANDLE thread)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

static DWORD WINAPI exits(LPVOID parameter)
{
    char filled[4096];
    memset(filled, 1, sizeof filled);
    if (filled[(ULONG_PTR)parameter] == 1) {
        ExitThread(77);
    }
    return 1;
}

TEST(s268_the_exit_code_is_259_while_it_runs_and_then_what_it_ended_with)
{
    DWORD code = 0;
    make_go();
    HANDLE thread = start(waits_for_go, 0x12345678);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK_EQ(code, STILL_RUNS);
    CHECK(SetEvent(go));
    CHECK_EQ(ended(thread), 0x12345678u);
    CHECK_EQ(ended(start(exits, 9)), 77u);
}

/* Two frames deep, in a call that ours makes. */
static VOID CALLBACK exits_in_a_call(ULONG_PTR code)
{
    ExitThread((DWORD)code);
}

static DWORD WINAPI sleeps_alertably(LPVOID parameter)
{
    (void)parameter;
    SleepEx(INFINITE, TRUE);
    return 1;
}

TEST(s268_a_call_may_end_its_thread)
{
    HANDLE thread = start(sleeps_alertably, 0);
    CHECK(QueueUserAPC(exits_in_a_call, thread, 5));
    CHECK_EQ(ended(thread), 5u);
    /* And before it has begun. */
    thread = CreateThread(NULL, 0, returns_its_parameter, NULL, CREATE_SUSPENDED, NULL);
    CHECK(thread != NULL);
    CHECK(QueueUserAPC(exits_in_a_call, thread, 6));
    CHECK_EQ(ResumeThread(thread), 1u);
    CHECK_EQ(ended(thread), 6u);
}

static INIT_ONCE once_that_exits = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK exits_in_once(PINIT_ONCE once, PVOID parameter, PVOID *context)
{
    (void)once;
    (void)parameter;
    (void)context;
    ExitThread(8);
}

static DWORD WINAPI begins_once(LPVOID parameter)
{
    (void)parameter;
    InitOnceExecuteOnce(&once_that_exits, exits_in_once, NULL, NULL);
    return 1;
}

TEST(s268_a_callback_may_end_its_thread)
{
    wine_differs("Wine has the structure in a state that the next caller waits for");
    CHECK_EQ(ended(start(begins_once, 0)), 8u);
    /* It was not done: another may do it. */
    CHECK_EQ(ended(start(begins_once, 0)), 8u);
}

TEST(s269_a_thread_is_signalled_from_its_end_on)
{
    make_go();
    HANDLE thread = start(waits_for_go, 0);
    CHECK_EQ(WaitForSingleObject(thread, 0), (DWORD)WAIT_TIMEOUT);
    CHECK(SetEvent(go));
    for (int round = 0; round < 3; round++) {
        CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    }
    CHECK(CloseHandle(thread));
    CHECK_FAILS(GetExitCodeThread(thread, &(DWORD){0}), ERROR_INVALID_HANDLE);
}

static DWORD WINAPI tells_its_id(LPVOID parameter)
{
    *(volatile DWORD *)parameter = GetCurrentThreadId();
    return 0;
}

TEST(s269_a_thread_is_found_by_its_id_while_it_runs)
{
    DWORD id = 0, own = 0;
    make_go();
    HANDLE thread = CreateThread(NULL, 0, waits_for_go, (LPVOID)3, 0, &id);
    CHECK(thread != NULL);
    CHECK(id != 0 && id != GetCurrentThreadId());
    CHECK_EQ(GetThreadId(thread), id);
    HANDLE opened = OpenThread(THREAD_ALL_ACCESS, FALSE, id);
    CHECK(opened != NULL && opened != thread);
    CHECK_EQ(GetThreadId(opened), id);
    CHECK(SetEvent(go));
    CHECK_EQ(ended(opened), 3u);
    CHECK_EQ(ended(thread), 3u);
    CHECK_FAILS(OpenThread(THREAD_ALL_ACCESS, FALSE, 0x7ffffffc) != NULL, ERROR_INVALID_PARAMETER);
    thread = CreateThread(NULL, 0, tells_its_id, &own, 0, &id);
    CHECK(thread != NULL);
    CHECK_EQ(ended(thread), 0u);
    CHECK_EQ(own, id);
}

static volatile LONG began;

static DWORD WINAPI begins(LPVOID parameter)
{
    InterlockedExchange(&began, 1);
    return (DWORD)(ULONG_PTR)parameter;
}

TEST(s270_a_suspended_thread_begins_when_its_count_is_zero)
{
    began = 0;
    HANDLE thread = CreateThread(NULL, 0, begins, (LPVOID)4, CREATE_SUSPENDED, NULL);
    CHECK(thread != NULL);
    CHECK_EQ(SuspendThread(thread), 1u);
    CHECK_EQ(SuspendThread(thread), 2u);
    CHECK_EQ(ResumeThread(thread), 3u);
    CHECK_EQ(ResumeThread(thread), 2u);
    CHECK_EQ(WaitForSingleObject(thread, 5), (DWORD)WAIT_TIMEOUT);
    CHECK_EQ(began, 0);
    CHECK_EQ(ResumeThread(thread), 1u);
    CHECK_EQ(ended(thread), 4u);
    CHECK_EQ(began, 1);
}

TEST(s270_resume_of_a_thread_that_runs_gives_0)
{
    make_go();
    HANDLE thread = start(waits_for_go, 0);
    CHECK_EQ(ResumeThread(thread), 0u);
    CHECK(SetEvent(go));
    CHECK_EQ(ended(thread), 0u);
}

TEST(s271_a_thread_that_has_ended_is_not_suspended)
{
    HANDLE thread = start(returns_its_parameter, 0);
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SuspendThread(thread), (DWORD)-1);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK_EQ(ResumeThread(thread), 0u);
    CHECK(CloseHandle(thread));
}

TEST(s272_a_thread_that_runs_is_not_terminated)
{
    only_ours("Windows ends it wherever it is");
    make_go();
    HANDLE thread = start(waits_for_go, 2);
    began = 0;
    HANDLE running = start(begins, 0);
    EVENTUALLY(began == 1);
    CHECK_EQ(ended(running), 0u);
    EVENTUALLY(SuspendThread(thread) == (DWORD)-1 && GetLastError() == ERROR_NOT_SUPPORTED);
    CHECK_FAILS(TerminateThread(thread, 1), ERROR_NOT_SUPPORTED);
    CHECK(SetEvent(go));
    CHECK_EQ(ended(thread), 2u);
}

static DWORD WINAPI terminates_itself(LPVOID parameter)
{
    (void)parameter;
    TerminateThread(GetCurrentThread(), 12);
    return 1;
}

TEST(s268_a_thread_may_terminate_itself)
{
    CHECK_EQ(ended(start(terminates_itself, 0)), 12u);
}

static VOID CALLBACK does_nothing(ULONG_PTR parameter)
{
    (void)parameter;
}

TEST(s273_a_thread_that_never_began_is_terminated_and_takes_no_calls)
{
    began = 0;
    HANDLE thread = CreateThread(NULL, 0, begins, NULL, CREATE_SUSPENDED, NULL);
    CHECK(thread != NULL);
    CHECK(TerminateThread(thread, 9));
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(QueueUserAPC(does_nothing, thread, 0), 0u);
    CHECK_ERROR(ERROR_GEN_FAILURE);
    CHECK_EQ(ended(thread), 9u);
    CHECK_EQ(began, 0);
}

TEST(s274_a_start_leaves_the_last_error)
{
    SetLastError(0xdeadbeef);
    HANDLE thread = CreateThread(NULL, 0, returns_its_parameter, NULL, 0, NULL);
    CHECK(thread != NULL);
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(ended(thread), 0u);
}

static unsigned __stdcall ends_by_the_library(void *parameter)
{
    _endthreadex((unsigned)(ULONG_PTR)parameter);
    return 1;
}

TEST(s276_beginthreadex_gives_a_handle_to_close)
{
    unsigned id = 0;
    HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, ends_by_the_library, (void *)11, 0, &id);
    CHECK(thread != NULL);
    CHECK_EQ(GetThreadId(thread), (DWORD)id);
    CHECK_EQ(ended(thread), 11u);
    began = 0;
    thread = (HANDLE)_beginthreadex(NULL, 0, (unsigned(__stdcall *)(void *))(void *)begins, NULL, CREATE_SUSPENDED, NULL);
    CHECK(thread != NULL);
    CHECK_EQ(ResumeThread(thread), 1u);
    CHECK_EQ(ended(thread), 0u);
    CHECK_EQ(began, 1);
}

static void __cdecl begins_for_the_library(void *parameter)
{
    WaitForSingleObject(go, INFINITE);
    InterlockedExchange((volatile LONG *)parameter, 1);
}

static void __cdecl ends_for_the_library(void *parameter)
{
    InterlockedExchange((volatile LONG *)parameter, 1);
    _endthread();
}

TEST(s276_beginthread_closes_its_own_handle)
{
    DWORD flags;
    make_go();
    began = 0;
    HANDLE thread = (HANDLE)_beginthread(begins_for_the_library, 0, (void *)&began);
    CHECK(thread != (HANDLE)-1);
    CHECK(GetHandleInformation(thread, &flags));
    CHECK(SetEvent(go));
    EVENTUALLY(!GetHandleInformation(thread, &flags));
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CHECK_EQ(began, 1);
    began = 0;
    CHECK((HANDLE)_beginthread(ends_for_the_library, 0, (void *)&began) != (HANDLE)-1);
    EVENTUALLY(began == 1);
}

TEST(s277_no_function_is_einval)
{
    only_ours("mingw's C library, which is an old one, starts a thread at NULL");
    errno = 0;
    CHECK_EQ(_beginthreadex(NULL, 0, NULL, NULL, 0, NULL), 0u);
    CHECK_EQ(errno, EINVAL);
    errno = 0;
    CHECK_EQ(_beginthread(NULL, 0, NULL), (uintptr_t)-1);
    CHECK_EQ(errno, EINVAL);
    CHECK_FAILS(CreateThread(NULL, 0, NULL, NULL, 0, NULL) != NULL, ERROR_INVALID_PARAMETER);
}

static DWORD slot;

static DWORD WINAPI sees_null(LPVOID parameter)
{
    (void)parameter;
    if (TlsGetValue(slot) != NULL || GetLastError() != 0) {
        return 1;
    }
    return TlsSetValue(slot, &slot) && TlsGetValue(slot) == &slot ? 0 : 2;
}

TEST(s278_a_slot_is_null_in_every_thread)
{
    slot = TlsAlloc();
    CHECK(slot != TLS_OUT_OF_INDEXES);
    SetLastError(0xdeadbeef);
    CHECK(TlsGetValue(slot) == NULL);
    CHECK_ERROR(0);
    CHECK(TlsSetValue(slot, (LPVOID)0x1234));
    CHECK_EQ(ended(start(sees_null, 0)), 0u);
    CHECK(TlsGetValue(slot) == (LPVOID)0x1234);
    CHECK(TlsFree(slot));
    CHECK_FAILS(TlsFree(slot), ERROR_INVALID_PARAMETER);
    /* The same one again is empty. */
    DWORD again = TlsAlloc();
    CHECK_EQ(again, slot);
    CHECK(TlsGetValue(again) == NULL);
    CHECK(TlsFree(again));
}

TEST(s278_there_are_at_least_1000_slots_and_no_others)
{
    static DWORD slots[2048];
    int count = 0;
    while (count < 2048 && (slots[count] = TlsAlloc()) != TLS_OUT_OF_INDEXES) {
        count++;
    }
    CHECK(count >= 1000 && count <= 1088);
    CHECK_ERROR(ERROR_NO_MORE_ITEMS);
    while (count > 0) {
        CHECK(TlsFree(slots[--count]));
    }
    CHECK_FAILS(TlsGetValue(5000) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TlsSetValue(5000, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(TlsFree(5000), ERROR_INVALID_PARAMETER);
}

static volatile LONG finished;
static volatile LONG finished_sum;

static VOID WINAPI finishes(PVOID value)
{
    InterlockedExchangeAdd(&finished_sum, (LONG)(LONG_PTR)value);
    InterlockedIncrement(&finished);
}

static DWORD WINAPI leaves_a_value(LPVOID parameter)
{
    if (!FlsSetValue(slot, parameter)) {
        return 1;
    }
    if (go != NULL) {
        WaitForSingleObject(go, INFINITE);
    }
    if ((ULONG_PTR)parameter == 3) {
        ExitThread(0);
    }
    return 0;
}

TEST(s279_what_a_thread_leaves_in_a_slot_is_finished_at_its_end)
{
    finished = finished_sum = 0;
    go = NULL;
    slot = FlsAlloc(finishes);
    CHECK(slot != FLS_OUT_OF_INDEXES && slot != 0);
    CHECK_EQ(ended(start(leaves_a_value, 2)), 0u);
    CHECK_EQ(finished, 1);
    CHECK_EQ(ended(start(leaves_a_value, 3)), 0u);
    CHECK_EQ(finished, 2);
    /* NULL is nothing to finish. */
    CHECK_EQ(ended(start(leaves_a_value, 0)), 0u);
    CHECK_EQ(finished, 2);
    CHECK_EQ(finished_sum, 5);
    CHECK(FlsFree(slot));
    CHECK_FAILS(FlsFree(slot), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(FlsSetValue(100000, &slot), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(FlsGetValue(0) != NULL, ERROR_INVALID_PARAMETER);
}

TEST(s279_freeing_a_slot_finishes_what_is_in_it)
{
    finished = finished_sum = 0;
    make_go();
    slot = FlsAlloc(finishes);
    CHECK(slot != FLS_OUT_OF_INDEXES);
    CHECK(FlsSetValue(slot, (PVOID)10));
    SetLastError(0xdeadbeef);
    CHECK(FlsGetValue(slot) == (PVOID)10);
    CHECK_ERROR(0);
    CHECK(FlsFree(slot));
    CHECK_EQ(finished, 1);
    CHECK_EQ(finished_sum, 10);
    CHECK(CloseHandle(go));
}

static DWORD WINAPI gives_its_last_error(LPVOID parameter)
{
    DWORD error = GetLastError();
    SetLastError((DWORD)(ULONG_PTR)parameter);
    return error;
}

TEST(s280_the_last_error_is_each_threads_own)
{
    SetLastError(1234);
    CHECK_EQ(ended(start(gives_its_last_error, 99)), 0u);
    SetLastError(1234);
    HANDLE thread = start(gives_its_last_error, 99);
    WaitForSingleObject(thread, 10000);
    CHECK_ERROR(1234);
    CHECK(CloseHandle(thread));
}

static HANDLE mutex;

static DWORD WINAPI ends_with_a_mutex(LPVOID parameter)
{
    WaitForSingleObject(mutex, INFINITE);
    if (parameter != NULL) {
        ExitThread(0);
    }
    return 0;
}

TEST(s164_a_mutex_is_abandoned_however_its_thread_ends)
{
    mutex = CreateMutexA(NULL, FALSE, NULL);
    CHECK(mutex != NULL);
    for (ULONG_PTR how = 0; how < 2; how++) {
        CHECK_EQ(ended(start(ends_with_a_mutex, how)), 0u);
        CHECK_EQ(WaitForSingleObject(mutex, 10000), (DWORD)WAIT_ABANDONED);
        CHECK(ReleaseMutex(mutex));
    }
    CHECK(CloseHandle(mutex));
}

static DWORD WINAPI ends_with_its_stack(LPVOID parameter)
{
    volatile char page[64 * 1024];
    page[0] = (char)(ULONG_PTR)parameter;
    ExitThread((DWORD)page[0]);
}

TEST(s268_many_threads_may_end_so_and_leave_nothing)
{
    for (int round = 0; round < 40; round++) {
        HANDLE threads[16];
        for (int number = 0; number < 16; number++) {
            threads[number] = start(ends_with_its_stack, 7);
        }
        for (int number = 0; number < 16; number++) {
            CHECK_EQ(ended(threads[number]), 7u);
        }
    }
}

TEST(s268_handles_that_are_no_threads_are_refused)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE wrong[] = {NULL, event, (HANDLE)0x7ffffff0, (HANDLE)(ULONG_PTR)0xdeadbee0, INVALID_HANDLE_VALUE};
    for (unsigned number = 0; number < sizeof wrong / sizeof wrong[0]; number++) {
        DWORD code = 0x5a5a;
        CHECK_FAILS(GetExitCodeThread(wrong[number], &code), ERROR_INVALID_HANDLE);
        CHECK_EQ(code, 0x5a5au);
        CHECK_FAILS(TerminateThread(wrong[number], 1), ERROR_INVALID_HANDLE);
        CHECK_FAILS(SetThreadPriority(wrong[number], 0), ERROR_INVALID_HANDLE);
        CHECK_FAILS(GetThreadId(wrong[number]), ERROR_INVALID_HANDLE);
        CHECK_FAILS(SuspendThread(wrong[number]) != (DWORD)-1, ERROR_INVALID_HANDLE);
        CHECK_FAILS(ResumeThread(wrong[number]) != (DWORD)-1, ERROR_INVALID_HANDLE);
        CHECK_FAILS(QueueUserAPC(does_nothing, wrong[number], 0), ERROR_INVALID_HANDLE);
    }
    CHECK(CloseHandle(event));
    DWORD code = 0;
    CHECK(GetExitCodeThread(GetCurrentThread(), &code));
    CHECK_EQ(code, STILL_RUNS);
    CHECK_EQ(GetThreadId(GetCurrentThread()), GetCurrentThreadId());
}

TEST(s268_a_priority_is_one_of_seven)
{
    make_go();
    HANDLE thread = start(waits_for_go, 0);
    /* The whole program may have been started with less than the usual one. */
    int first = GetThreadPriority(thread);
    CHECK(first >= THREAD_PRIORITY_IDLE && first <= THREAD_PRIORITY_NORMAL);
    CHECK(SetThreadPriority(thread, THREAD_PRIORITY_IDLE));
    CHECK_EQ(GetThreadPriority(thread), THREAD_PRIORITY_IDLE);
    CHECK_FAILS(SetThreadPriority(thread, 100), ERROR_INVALID_PARAMETER);
    CHECK(SetEvent(go));
    CHECK_EQ(ended(thread), 0u);
}
