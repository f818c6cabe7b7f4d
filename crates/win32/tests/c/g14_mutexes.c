/* Group 14: mutex objects. */
#include "objects.h"

static DWORD WINAPI take(void *mutex)
{
    return WaitForSingleObject(mutex, PATIENCE);
}

static DWORD WINAPI try_to_take(void *mutex)
{
    return WaitForSingleObject(mutex, 0);
}

static DWORD WINAPI try_to_release(void *mutex)
{
    SetLastError(0xdeadbeef);
    return ReleaseMutex(mutex) ? 0 : GetLastError();
}

TEST(s184_its_owner_takes_it_again_and_gives_it_back_as_often)
{
    HANDLE owned = mutex(TRUE);
    CHECK(takes(owned) && takes(owned));
    CHECK(ReleaseMutex(owned) && ReleaseMutex(owned));
    CHECK_EQ(finish(start(try_to_take, owned)), WAIT_TIMEOUT);
    CHECK(ReleaseMutex(owned));
    CHECK_FAILS(ReleaseMutex(owned), ERROR_NOT_OWNER);
    CHECK_EQ(finish(start(try_to_take, owned)), WAIT_OBJECT_0);
    CloseHandle(owned);
}

TEST(s185_it_belongs_to_the_thread_and_any_handle_gives_it_back)
{
    HANDLE owned = mutex(TRUE), second, process = GetCurrentProcess();
    CHECK(DuplicateHandle(process, owned, process, &second, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(ReleaseMutex(second));
    CHECK_FAILS(ReleaseMutex(owned), ERROR_NOT_OWNER);
    CloseHandle(owned);
    CloseHandle(second);
}

TEST(s186_only_its_owner_gives_it_back)
{
    HANDLE owned = mutex(TRUE);
    CHECK_EQ(finish(start(try_to_release, owned)), ERROR_NOT_OWNER);
    CHECK(ReleaseMutex(owned));
    CHECK_EQ(finish(start(try_to_release, owned)), ERROR_NOT_OWNER);
    CloseHandle(owned);
}

static DWORD WINAPI take_twice(void *mutex)
{
    return WaitForSingleObject(mutex, PATIENCE) + WaitForSingleObject(mutex, PATIENCE);
}

TEST(s187_the_end_of_its_owner_gives_it_to_one_who_waits_as_abandoned)
{
    HANDLE lock = mutex(FALSE);
    CHECK_EQ(finish(start(take_twice, lock)), 0);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(lock, PATIENCE), WAIT_ABANDONED);
    CHECK_ERROR(0xdeadbeef);
    CHECK(ReleaseMutex(lock));
    CHECK_FAILS(ReleaseMutex(lock), ERROR_NOT_OWNER);
    CloseHandle(lock);
}

TEST(s188_it_is_told_once_that_it_was_abandoned)
{
    HANDLE lock = mutex(FALSE);
    CHECK_EQ(finish(start(take, lock)), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(lock, PATIENCE), WAIT_ABANDONED);
    CHECK(takes(lock));
    CHECK(ReleaseMutex(lock) && ReleaseMutex(lock));
    CHECK(takes(lock));
    CHECK(ReleaseMutex(lock));
    CloseHandle(lock);
}

TEST(s189_it_stays_abandoned_until_somebody_takes_it)
{
    HANDLE lock = mutex(FALSE);
    CHECK_EQ(finish(start(take, lock)), WAIT_OBJECT_0);
    CHECK_EQ(finish(start(try_to_release, lock)), ERROR_NOT_OWNER);
    CHECK_EQ(finish(start(take, lock)), WAIT_ABANDONED);
    CHECK_EQ(finish(start(take, lock)), WAIT_ABANDONED);
    CloseHandle(lock);
}

TEST(s190_closing_a_handle_gives_nothing_back)
{
    HANDLE owned = mutex(TRUE), second, process = GetCurrentProcess();
    CHECK(DuplicateHandle(process, owned, process, &second, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(CloseHandle(owned));
    CHECK_EQ(finish(start(try_to_take, second)), WAIT_TIMEOUT);
    CHECK(ReleaseMutex(second));
    CloseHandle(second);
}

TEST(s192_creating_an_existing_mutex_owned_does_not_own_it)
{
    const char *name = unique("s192");
    HANDLE first = CreateMutexA(NULL, FALSE, name), second = CreateMutexA(NULL, TRUE, name);
    CHECK(first != NULL && second != NULL);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    CHECK_FAILS(ReleaseMutex(second), ERROR_NOT_OWNER);
    CHECK(takes(first));
    CHECK(ReleaseMutex(second));
    CloseHandle(first);
    CloseHandle(second);
}

TEST(s194_releasing_is_possible_with_any_right_that_opens)
{
    const char *name = unique("s194");
    HANDLE all = CreateMutexA(NULL, FALSE, name), some = OpenMutexA(READ_CONTROL, FALSE, name);
    CHECK(all != NULL && some != NULL);
    SetLastError(0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(some, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(takes(all));
    CHECK(ReleaseMutex(some));
    CHECK_FAILS(ReleaseMutex(some), ERROR_NOT_OWNER);
    CloseHandle(some);
    some = OpenMutexA(GENERIC_READ | GENERIC_WRITE, FALSE, name);
    CHECK(some != NULL);
    CHECK_EQ(WaitForSingleObject(some, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CloseHandle(some);
    some = OpenMutexA(GENERIC_EXECUTE, FALSE, name);
    CHECK(some != NULL);
    CHECK(takes(some));
    CHECK(ReleaseMutex(some));
    CloseHandle(some);
    CloseHandle(all);
}

TEST(flags_own_it_from_the_start)
{
    HANDLE owned = CreateMutexExA(NULL, NULL, CREATE_MUTEX_INITIAL_OWNER, MUTEX_ALL_ACCESS);
    CHECK(owned != NULL);
    CHECK_EQ(finish(start(try_to_take, owned)), WAIT_TIMEOUT);
    CHECK(ReleaseMutex(owned));
    CloseHandle(owned);
}

TEST(what_is_no_mutex_is_not_released)
{
    HANDLE other = event(TRUE, FALSE);
    HANDLE bad[] = BAD_HANDLES(closed_handle());
    size_t index;
    CHECK_FAILS(ReleaseMutex(other), ERROR_INVALID_HANDLE);
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        CHECK_FAILS(ReleaseMutex(bad[index]), ERROR_INVALID_HANDLE);
    }
    CloseHandle(other);
}
