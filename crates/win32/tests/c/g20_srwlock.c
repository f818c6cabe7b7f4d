/* Group 20: slim reader-writer locks: one word, no recursion, writers before readers that come after them. */
#include "test.h"

static SRWLOCK lock = SRWLOCK_INIT;
static volatile LONG in;
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

TEST(s238_one_word_that_is_zero_at_first)
{
    SRWLOCK zero;
    memset(&zero, 0, sizeof zero);
    CHECK_EQ(sizeof zero, sizeof(void *));
    AcquireSRWLockExclusive(&zero);
    ReleaseSRWLockExclusive(&zero);
    CHECK(zero.Ptr == NULL);
    memset(&zero, 0x5a, sizeof zero);
    InitializeSRWLock(&zero);
    CHECK(zero.Ptr == NULL);
    AcquireSRWLockShared(&zero);
    ReleaseSRWLockShared(&zero);
    CHECK(zero.Ptr == NULL);
}

TEST(s239_nobody_gets_it_twice_if_one_is_exclusive)
{
    AcquireSRWLockExclusive(&lock);
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    CHECK(!TryAcquireSRWLockShared(&lock));
    ReleaseSRWLockExclusive(&lock);
    AcquireSRWLockShared(&lock);
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockShared(&lock);
}

TEST(s240_readers_nest_while_no_writer_waits)
{
    AcquireSRWLockShared(&lock);
    AcquireSRWLockShared(&lock);
    CHECK(TryAcquireSRWLockShared(&lock));
    for (int number = 0; number < 3; number++) {
        ReleaseSRWLockShared(&lock);
    }
    CHECK(lock.Ptr == NULL);
}

static DWORD WINAPI writes(LPVOID parameter)
{
    AcquireSRWLockExclusive(&lock);
    LONG order = InterlockedIncrement(&step);
    ReleaseSRWLockExclusive(&lock);
    (void)parameter;
    return (DWORD)order;
}

static DWORD WINAPI reads(LPVOID parameter)
{
    AcquireSRWLockShared(&lock);
    LONG order = InterlockedIncrement(&step);
    ReleaseSRWLockShared(&lock);
    (void)parameter;
    return (DWORD)order;
}

static DWORD WINAPI tries_to_share(LPVOID parameter)
{
    (void)parameter;
    if (!TryAcquireSRWLockShared(&lock)) {
        return 0;
    }
    ReleaseSRWLockShared(&lock);
    return 1;
}

/* A writer that waits is seen by this: nobody else is let in to read. */
static int a_writer_waits(void)
{
    return ended(start(tries_to_share, NULL)) == 0;
}

TEST(s241_a_writer_that_waits_goes_before_the_reader_that_came_after_it)
{
    step = 0;
    AcquireSRWLockShared(&lock);
    HANDLE writer = start(writes, NULL);
    EVENTUALLY(a_writer_waits());
    HANDLE reader = start(reads, NULL);
    test_pause();
    CHECK_EQ(step, 0);
    ReleaseSRWLockShared(&lock);
    CHECK_EQ(ended(writer), 1u);
    CHECK_EQ(ended(reader), 2u);
}

TEST(s242_a_try_to_share_fails_behind_a_writer_that_waits)
{
    AcquireSRWLockShared(&lock);
    CHECK_EQ(ended(start(tries_to_share, NULL)), 1u);
    HANDLE writer = start(writes, NULL);
    EVENTUALLY(a_writer_waits());
    CHECK(!TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockShared(&lock);
    ended(writer);
    CHECK(TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockExclusive(&lock);
}

static DWORD WINAPI releases(LPVOID parameter)
{
    if (parameter == NULL) {
        ReleaseSRWLockExclusive(&lock);
    } else {
        ReleaseSRWLockShared(&lock);
    }
    return 0;
}

TEST(s243_another_thread_may_release_it)
{
    AcquireSRWLockExclusive(&lock);
    ended(start(releases, NULL));
    AcquireSRWLockShared(&lock);
    ended(start(releases, &lock));
    CHECK(TryAcquireSRWLockExclusive(&lock));
    ReleaseSRWLockExclusive(&lock);
}

TEST(s244_releasing_the_raw_value_1_leaves_0)
{
    wine_differs("Wine has other bits");
    SRWLOCK raw;
    raw.Ptr = (PVOID)1;
    ReleaseSRWLockExclusive(&raw);
    CHECK(raw.Ptr == NULL);
}

static DWORD WINAPI counts(LPVOID parameter)
{
    for (int round = 0; round < 2000; round++) {
        if (parameter != NULL && round % 4 != 0) {
            AcquireSRWLockShared(&lock);
            if (in != 0) {
                return 1;
            }
            ReleaseSRWLockShared(&lock);
        } else {
            AcquireSRWLockExclusive(&lock);
            in++;
            step++;
            in--;
            ReleaseSRWLockExclusive(&lock);
        }
    }
    return 0;
}

TEST(s239_a_writer_is_alone)
{
    HANDLE threads[4];
    in = step = 0;
    for (int number = 0; number < 4; number++) {
        threads[number] = start(counts, number < 2 ? NULL : &lock);
    }
    for (int number = 0; number < 4; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(step, 2 * 2000 + 2 * 500);
    CHECK(lock.Ptr == NULL);
}
