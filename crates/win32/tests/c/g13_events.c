/* Group 13: events. */
#include "objects.h"

static DWORD WINAPI wait_for(void *handle)
{
    return WaitForSingleObject(handle, PATIENCE);
}

/* Counts those who came back from a wait for the first handle, until the second is set. */
static LONG passed;

static DWORD WINAPI pass(void *handles)
{
    DWORD waited = WaitForMultipleObjects(2, handles, FALSE, PATIENCE);
    if (waited == WAIT_OBJECT_0) {
        InterlockedIncrement(&passed);
    }
    return waited;
}

TEST(s174_a_set_of_an_auto_reset_event_satisfies_one_wait_and_does_not_add_up)
{
    HANDLE auto_reset = event(FALSE, FALSE);
    HANDLE thread = start(wait_for, auto_reset);
    CHECK(SetEvent(auto_reset));
    CHECK_EQ(finish(thread), WAIT_OBJECT_0);
    CHECK(!takes(auto_reset));
    CHECK(SetEvent(auto_reset) && SetEvent(auto_reset) && SetEvent(auto_reset));
    CHECK(takes(auto_reset) && !takes(auto_reset));
    CloseHandle(auto_reset);
}

TEST(s175_a_set_of_a_manual_reset_event_lets_all_go_until_it_is_reset)
{
    HANDLE manual = event(TRUE, FALSE), threads[4];
    int index;
    for (index = 0; index < 4; index++) {
        threads[index] = start(wait_for, manual);
    }
    CHECK(SetEvent(manual));
    for (index = 0; index < 4; index++) {
        CHECK_EQ(finish(threads[index]), WAIT_OBJECT_0);
    }
    CHECK(takes(manual) && takes(manual));
    CHECK(ResetEvent(manual) && ResetEvent(manual));
    CHECK(!takes(manual));
    CloseHandle(manual);
}

TEST(s176_a_pulse_lets_those_go_who_wait_and_leaves_it_reset)
{
    HANDLE manual = event(TRUE, TRUE), thread;
    CHECK(PulseEvent(manual));
    CHECK(!takes(manual));
    thread = start(wait_for, manual);
    /* S178: the thread may not wait yet. */
    EVENTUALLY(PulseEvent(manual) && WaitForSingleObject(thread, 0) == WAIT_OBJECT_0);
    CHECK_EQ(finish(thread), WAIT_OBJECT_0);
    CHECK(!takes(manual));
    CloseHandle(manual);
}

TEST(s180_creating_an_existing_event_opens_it_as_it_is)
{
    const char *name = unique("s180");
    HANDLE first = CreateEventA(NULL, TRUE, TRUE, name), second;
    CHECK(first != NULL);
    CHECK_ERROR(0);
    second = CreateEventA(NULL, FALSE, FALSE, name);
    CHECK(second != NULL && second != first);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    CHECK(takes(second) && takes(second) && takes(first));
    CHECK(ResetEvent(second));
    CHECK(!takes(first));
    CloseHandle(first);
    CloseHandle(second);
}

TEST(s182_a_handle_without_the_right_to_change_an_event_does_not)
{
    HANDLE all = event(TRUE, FALSE), some, process = GetCurrentProcess();
    CHECK(DuplicateHandle(process, all, process, &some, SYNCHRONIZE, FALSE, 0));
    CHECK_FAILS(SetEvent(some), ERROR_ACCESS_DENIED);
    CHECK_FAILS(ResetEvent(some), ERROR_ACCESS_DENIED);
    CHECK_FAILS(PulseEvent(some), ERROR_ACCESS_DENIED);
    CHECK(!takes(some));
    CloseHandle(some);
    CHECK(DuplicateHandle(process, all, process, &some, GENERIC_WRITE, FALSE, 0));
    CHECK(SetEvent(some));
    CHECK_EQ(WaitForSingleObject(some, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(takes(all));
    CloseHandle(some);
    CloseHandle(all);
}

TEST(s182_an_event_is_opened_with_the_rights_that_are_asked_for)
{
    const char *name = unique("s182");
    HANDLE all = CreateEventExA(NULL, name, CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET, EVENT_ALL_ACCESS);
    HANDLE some = OpenEventA(SYNCHRONIZE, FALSE, name);
    CHECK(all != NULL && some != NULL);
    CHECK(takes(some));
    CHECK_FAILS(ResetEvent(some), ERROR_ACCESS_DENIED);
    CHECK(ResetEvent(all));
    CHECK(!takes(some));
    CloseHandle(some);
    some = CreateEventExA(NULL, name, 0, EVENT_MODIFY_STATE);
    CHECK(some != NULL);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    CHECK(SetEvent(some));
    CHECK_EQ(WaitForSingleObject(some, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(takes(all));
    CloseHandle(some);
    CloseHandle(all);
}

TEST(s183_no_more_waits_are_satisfied_than_sets_were_made)
{
    HANDLE handles[] = {event(FALSE, FALSE), event(TRUE, FALSE)}, threads[8];
    int index;
    passed = 0;
    for (index = 0; index < 8; index++) {
        threads[index] = start(pass, handles);
    }
    for (index = 0; index < 3; index++) {
        CHECK(SetEvent(handles[0]));
    }
    CHECK(SetEvent(handles[1]));
    for (index = 0; index < 8; index++) {
        CHECK(finish(threads[index]) <= WAIT_OBJECT_0 + 1);
    }
    CHECK(passed <= 3);
    CloseHandle(handles[0]);
    CloseHandle(handles[1]);
}

TEST(flags_that_are_none_are_refused)
{
    wine_differs("it looks at those it knows only");
    CHECK_FAILS(CreateEventExA(NULL, NULL, 4, EVENT_ALL_ACCESS), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateEventExW(NULL, NULL, 0x80000000, EVENT_ALL_ACCESS), ERROR_INVALID_PARAMETER);
}

TEST(what_is_no_event_is_not_set)
{
    HANDLE other = semaphore(1, 1);
    HANDLE bad[] = BAD_HANDLES(closed_handle());
    size_t index;
    CHECK_FAILS(SetEvent(other), ERROR_INVALID_HANDLE);
    CHECK_FAILS(ResetEvent(other), ERROR_INVALID_HANDLE);
    CHECK_FAILS(PulseEvent(other), ERROR_INVALID_HANDLE);
    CHECK(takes(other));
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        CHECK_FAILS(SetEvent(bad[index]), ERROR_INVALID_HANDLE);
        CHECK_FAILS(ResetEvent(bad[index]), ERROR_INVALID_HANDLE);
        CHECK_FAILS(PulseEvent(bad[index]), ERROR_INVALID_HANDLE);
    }
    CloseHandle(other);
}
