/* Group 12: what all waits have in common. */
#include "objects.h"

TEST(s155_success_and_timeout_leave_the_last_error_alone)
{
    HANDLE set = event(TRUE, TRUE), unset = event(TRUE, FALSE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(set, INFINITE), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(unset, 1), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObjectEx(unset, 0, TRUE), WAIT_TIMEOUT);
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(WILD, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CloseHandle(set);
    CloseHandle(unset);
}

TEST(s156_the_two_lowest_bits_do_not_count)
{
    HANDLE set = event(TRUE, TRUE), tagged[3];
    int bits;
    for (bits = 0; bits < 4; bits++) {
        CHECK_EQ(WaitForSingleObject((HANDLE)((ULONG_PTR)set | bits), 0), WAIT_OBJECT_0);
        tagged[bits % 3] = (HANDLE)((ULONG_PTR)set | bits);
    }
    CHECK_EQ(WaitForMultipleObjects(3, tagged, FALSE, 0), WAIT_OBJECT_0);
    CHECK(CloseHandle((HANDLE)((ULONG_PTR)set | 3)));
    CHECK_FAILS(CloseHandle(set), ERROR_INVALID_HANDLE);
}

TEST(s157_this_process_and_thread_are_waited_for_one_at_a_time)
{
    CHECK_EQ(WaitForSingleObject(GetCurrentProcess(), 1), WAIT_TIMEOUT);
    CHECK_EQ(WaitForSingleObject(GetCurrentThread(), 1), WAIT_TIMEOUT);
}

TEST(s157_no_pseudo_handle_is_waited_for_among_several)
{
    HANDLE set = event(TRUE, TRUE);
    HANDLE first[] = {GetCurrentProcess(), set}, last[] = {set, GetCurrentThread()};
    wine_differs("it waits for them");
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, first, FALSE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, last, FALSE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CloseHandle(set);
}

TEST(s158_a_wait_takes_one_to_sixty_four_handles)
{
    HANDLE handles[MAXIMUM_WAIT_OBJECTS + 1];
    int index;
    for (index = 0; index <= MAXIMUM_WAIT_OBJECTS; index++) {
        handles[index] = event(TRUE, index == MAXIMUM_WAIT_OBJECTS - 1);
    }
    CHECK_EQ(WaitForMultipleObjects(MAXIMUM_WAIT_OBJECTS, handles, FALSE, 0), WAIT_OBJECT_0 + 63);
    CHECK_EQ(WaitForMultipleObjects(MAXIMUM_WAIT_OBJECTS, handles, TRUE, 0), WAIT_TIMEOUT);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(MAXIMUM_WAIT_OBJECTS + 1, handles, FALSE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_PARAMETER);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjectsEx(0, handles, FALSE, 0, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_PARAMETER);
    for (index = 0; index <= MAXIMUM_WAIT_OBJECTS; index++) {
        CloseHandle(handles[index]);
    }
}

TEST(s159_wait_any_takes_the_first_that_is_signalled_and_no_other)
{
    HANDLE handles[] = {event(FALSE, FALSE), event(FALSE, TRUE), event(FALSE, TRUE)};
    CHECK_EQ(WaitForMultipleObjects(3, handles, FALSE, PATIENCE), WAIT_OBJECT_0 + 1);
    CHECK(!takes(handles[0]) && !takes(handles[1]) && takes(handles[2]));
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
    CloseHandle(handles[2]);
}

TEST(s160_repeating_the_wait_walks_through_the_indices)
{
    HANDLE handles[] = {event(FALSE, TRUE), semaphore(1, 1), event(TRUE, TRUE), event(FALSE, TRUE)};
    DWORD index;
    for (index = 0; index < 5; index++) {
        DWORD wanted = WAIT_OBJECT_0 + (index < 2 ? index : 2);
        CHECK_EQ(WaitForMultipleObjects(4, handles, FALSE, 0), wanted);
    }
    CHECK(takes(handles[3]));
    for (index = 0; index < 4; index++) {
        CloseHandle(handles[index]);
    }
}

static DWORD WINAPI wait_for_both(void *handles)
{
    return WaitForMultipleObjects(2, handles, TRUE, PATIENCE);
}

TEST(s161_until_all_are_signalled_none_is_taken)
{
    HANDLE handles[] = {event(FALSE, TRUE), semaphore(0, 5)};
    HANDLE thread = start(wait_for_both, handles);
    CHECK(takes(handles[0]));
    CHECK(ReleaseSemaphore(handles[1], 1, NULL));
    CHECK(takes(handles[1]));
    CHECK_EQ(WaitForSingleObject(thread, 0), WAIT_TIMEOUT);
    CHECK(SetEvent(handles[0]));
    CHECK(ReleaseSemaphore(handles[1], 1, NULL));
    CHECK_EQ(finish(thread), WAIT_OBJECT_0);
    CHECK(!takes(handles[0]) && !takes(handles[1]));
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

TEST(s162_a_wait_for_all_has_no_index)
{
    HANDLE handles[] = {event(FALSE, TRUE), mutex(FALSE), event(TRUE, TRUE)};
    CHECK_EQ(WaitForMultipleObjects(3, handles, TRUE, 0), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(handles[1]));
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
    CloseHandle(handles[2]);
}

TEST(s163_one_handle_twice_is_refused_in_a_wait_for_all)
{
    HANDLE set = event(TRUE, TRUE);
    HANDLE handles[] = {set, set};
    CHECK_EQ(WaitForMultipleObjects(2, handles, FALSE, 0), WAIT_OBJECT_0);
    wine_differs("it waits for both");
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, handles, TRUE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_PARAMETER);
    CHECK(DuplicateHandle(GetCurrentProcess(), set, GetCurrentProcess(), &handles[1], 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK_EQ(WaitForMultipleObjects(2, handles, TRUE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_PARAMETER);
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

/* Ends with the mutex in its hands. */
static DWORD WINAPI keep(void *mutex)
{
    return WaitForSingleObject(mutex, PATIENCE);
}

TEST(s164_wait_any_says_which_mutex_was_abandoned_and_grants_it)
{
    HANDLE handles[] = {event(FALSE, FALSE), mutex(FALSE)};
    CHECK_EQ(finish(start(keep, handles[1])), WAIT_OBJECT_0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, handles, FALSE, PATIENCE), WAIT_ABANDONED_0 + 1);
    CHECK_ERROR(0xdeadbeef);
    CHECK(ReleaseMutex(handles[1]));
    CHECK_FAILS(ReleaseMutex(handles[1]), ERROR_NOT_OWNER);
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

TEST(s165_wait_all_says_that_one_was_abandoned)
{
    HANDLE handles[] = {event(FALSE, TRUE), mutex(FALSE)};
    DWORD waited;
    CHECK_EQ(finish(start(keep, handles[1])), WAIT_OBJECT_0);
    waited = WaitForMultipleObjects(2, handles, TRUE, PATIENCE);
    CHECK(waited >= WAIT_ABANDONED_0 && waited < WAIT_ABANDONED_0 + 2);
    CHECK(!takes(handles[0]));
    CHECK(ReleaseMutex(handles[1]));
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

TEST(s166_a_handle_without_the_right_to_wait_is_not_waited_for)
{
    HANDLE set = event(TRUE, TRUE), handles[2], process = GetCurrentProcess();
    handles[0] = set;
    CHECK(DuplicateHandle(process, set, process, &handles[1], EVENT_MODIFY_STATE, FALSE, 0));
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(handles[1], 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, handles, FALSE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    SetLastError(0xdeadbeef);
    CHECK_EQ(SignalObjectAndWait(set, handles[1], 0, FALSE), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(SetEvent(handles[1]));
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

TEST(s167_a_timeout_of_zero_looks_and_takes)
{
    HANDLE units = semaphore(2, 2);
    CHECK(takes(units) && takes(units) && !takes(units));
    CloseHandle(units);
}

static DWORD WINAPI wait_for_one(void *handle)
{
    return WaitForSingleObject(handle, PATIENCE);
}

TEST(s169_waiting_for_a_thread_changes_nothing)
{
    HANDLE set = event(TRUE, TRUE), thread = start(wait_for_one, set);
    HANDLE both[] = {thread, set};
    CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, PATIENCE), WAIT_OBJECT_0);
    CHECK(takes(thread) && takes(thread));
    CHECK_EQ(finish(thread), WAIT_OBJECT_0);
    CloseHandle(set);
}

TEST(s172_a_timeout_is_never_short)
{
    HANDLE never = event(TRUE, FALSE);
    LARGE_INTEGER begin, end, frequency;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&begin);
    CHECK_EQ(WaitForSingleObject(never, 30), WAIT_TIMEOUT);
    QueryPerformanceCounter(&end);
    CHECK((end.QuadPart - begin.QuadPart) * 1000 >= 30 * frequency.QuadPart);
    CloseHandle(never);
}

TEST(s173_objects_of_all_kinds_are_waited_for_together)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    HANDLE timer = CreateWaitableTimerA(NULL, TRUE, NULL), set = event(TRUE, TRUE);
    HANDLE thread = start(wait_for_one, set);
    HANDLE handles[] = {set, mutex(FALSE), semaphore(1, 1), timer, thread};
    LARGE_INTEGER due = {{0}};
    CHECK(SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    CHECK_EQ(WaitForMultipleObjects(5, handles, TRUE, PATIENCE), WAIT_OBJECT_0);
    CHECK(ReleaseMutex(handles[1]));
    CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
    CHECK_EQ(WaitForSingleObject(port, PATIENCE), WAIT_OBJECT_0);
    finish(thread);
    CloseHandle(port);
    CloseHandle(timer);
    CloseHandle(handles[1]);
    CloseHandle(handles[2]);
    CloseHandle(set);
}

TEST(waits_refuse_what_is_no_handle)
{
    HANDLE set = event(TRUE, TRUE);
    HANDLE bad[] = {NULL, WILD, closed_handle(), (HANDLE)(ULONG_PTR)0x123456789abcull, (HANDLE)(LONG_PTR)-7};
    size_t index;
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        HANDLE pair[] = {set, bad[index]};
        SetLastError(0xdeadbeef);
        CHECK_EQ(WaitForSingleObject(bad[index], 0), WAIT_FAILED);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(WaitForMultipleObjects(2, pair, FALSE, 0), WAIT_FAILED);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(WaitForMultipleObjectsEx(2, pair, TRUE, 0, TRUE), WAIT_FAILED);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
    }
    CloseHandle(set);
}

TEST(s168_a_wait_keeps_its_object_when_the_handle_is_closed)
{
    HANDLE process = GetCurrentProcess(), units = semaphore(0, 1), waited, thread;
    DWORD code;
    do {
        CHECK(DuplicateHandle(process, units, process, &waited, 0, FALSE, DUPLICATE_SAME_ACCESS));
        thread = start(wait_for_one, waited);
        test_pause();
        CHECK(CloseHandle(waited));
        CHECK(ReleaseSemaphore(units, 1, NULL));
        code = finish(thread);
        /* Unless the thread came too late to wait. */
        CHECK(code == WAIT_OBJECT_0 || (code == WAIT_FAILED && takes(units)));
    } while (code == WAIT_FAILED);
    CHECK(!takes(units));
    CloseHandle(units);
}

TEST(handles_may_lie_anywhere_and_not_nowhere)
{
    char place[3 * sizeof(HANDLE)];
    HANDLE set = event(TRUE, TRUE), unset = event(TRUE, FALSE);
    memcpy(place + 1, &unset, sizeof unset);
    memcpy(place + 1 + sizeof unset, &set, sizeof set);
    CHECK_EQ(WaitForMultipleObjects(2, (const HANDLE *)(const void *)(place + 1), FALSE, 0), WAIT_OBJECT_0 + 1);
    only_ours("a wild pointer ends a program on Windows");
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForMultipleObjects(2, NULL, FALSE, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_NOACCESS);
    CHECK_FAILS(GetHandleInformation(set, NULL), ERROR_NOACCESS);
    CloseHandle(set);
    CloseHandle(unset);
}

static VOID CALLBACK leave(ULONG_PTR code)
{
    ExitThread((DWORD)code);
}

static DWORD WINAPI wait_with_a_mutex(void *handles)
{
    HANDLE *of = handles;
    CHECK_EQ(WaitForSingleObject(of[0], PATIENCE), WAIT_OBJECT_0);
    CHECK(QueueUserAPC(leave, GetCurrentThread(), 7));
    WaitForMultipleObjectsEx(2, of, TRUE, PATIENCE, TRUE);
    return 1;
}

static DWORD WINAPI signal_and_wait(void *handles)
{
    HANDLE *of = handles;
    CHECK_EQ(WaitForSingleObject(of[0], PATIENCE), WAIT_ABANDONED);
    CHECK(QueueUserAPC(leave, GetCurrentThread(), 8));
    SignalObjectAndWait(of[0], of[1], PATIENCE, TRUE);
    return 1;
}

TEST(a_thread_may_end_in_a_call_in_its_wait)
{
    HANDLE handles[] = {mutex(FALSE), event(TRUE, FALSE)};
    CHECK_EQ(finish(start(wait_with_a_mutex, handles)), 7);
    CHECK_EQ(finish(start(signal_and_wait, handles)), 8);
    CHECK_EQ(WaitForSingleObject(handles[0], 0), WAIT_OBJECT_0);
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}
