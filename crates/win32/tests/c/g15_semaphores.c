/* Group 15: semaphores. */
#include "objects.h"

static DWORD WINAPI wait_for(void *handle)
{
    return WaitForSingleObject(handle, PATIENCE);
}

TEST(s195_a_wait_takes_one_while_there_is_any)
{
    HANDLE units = semaphore(3, 3);
    CHECK(takes(units) && takes(units) && takes(units) && !takes(units));
    CloseHandle(units);
}

TEST(s196_a_release_adds_at_once_and_says_what_there_was)
{
    HANDLE units = semaphore(1, 10), threads[3];
    LONG before = -1;
    int index;
    CHECK(ReleaseSemaphore(units, 4, &before));
    CHECK_EQ(before, 1);
    CHECK(ReleaseSemaphore(units, 1, NULL));
    for (index = 0; index < 6; index++) {
        CHECK(takes(units));
    }
    for (index = 0; index < 3; index++) {
        threads[index] = start(wait_for, units);
    }
    CHECK(ReleaseSemaphore(units, 3, NULL));
    for (index = 0; index < 3; index++) {
        CHECK_EQ(finish(threads[index]), WAIT_OBJECT_0);
    }
    CHECK(!takes(units));
    CloseHandle(units);
}

TEST(s197_beyond_its_maximum_nothing_changes)
{
    HANDLE units = semaphore(2, 3);
    LONG before = -1;
    CHECK_FAILS(ReleaseSemaphore(units, 2, &before), ERROR_TOO_MANY_POSTS);
    CHECK_FAILS(ReleaseSemaphore(units, 0x7fffffff, &before), ERROR_TOO_MANY_POSTS);
    CHECK_EQ(before, -1);
    CHECK(takes(units) && takes(units) && !takes(units));
    CloseHandle(units);
}

TEST(s198_a_release_of_none_or_less_is_refused)
{
    HANDLE units = semaphore(2, 3);
    LONG before = -1;
    wine_differs("it adds none and is content");
    CHECK_FAILS(ReleaseSemaphore(units, -1, &before), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(ReleaseSemaphore(units, 0, &before), ERROR_INVALID_PARAMETER);
    CHECK_EQ(before, -1);
    CloseHandle(units);
}

TEST(s199_it_begins_within_its_maximum_which_is_above_zero)
{
    const char *name = unique("s199");
    HANDLE units = CreateSemaphoreA(NULL, 0, 1, name);
    CHECK(units != NULL);
    CHECK_FAILS(CreateSemaphoreA(NULL, 2, 1, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 0, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 0, -1, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, -1, 1, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateSemaphoreA(NULL, 2, 1, name), ERROR_INVALID_PARAMETER);
    CloseHandle(units);
}

TEST(a_handle_for_waiting_adds_nothing)
{
    const char *name = unique("rights of a semaphore");
    HANDLE all = CreateSemaphoreExA(NULL, 1, 2, name, 0, SEMAPHORE_ALL_ACCESS);
    HANDLE some = OpenSemaphoreA(SYNCHRONIZE, FALSE, name);
    CHECK(all != NULL && some != NULL);
    CHECK_FAILS(ReleaseSemaphore(some, 1, NULL), ERROR_ACCESS_DENIED);
    CHECK(takes(some) && !takes(some));
    CloseHandle(some);
    CloseHandle(all);
}

TEST(what_is_no_semaphore_is_not_released)
{
    HANDLE other = event(TRUE, FALSE);
    HANDLE bad[] = BAD_HANDLES(closed_handle());
    LONG before = -1;
    size_t index;
    CHECK_FAILS(ReleaseSemaphore(other, 1, &before), ERROR_INVALID_HANDLE);
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        CHECK_FAILS(ReleaseSemaphore(bad[index], 1, &before), ERROR_INVALID_HANDLE);
    }
    CHECK_EQ(before, -1);
    CloseHandle(other);
}
