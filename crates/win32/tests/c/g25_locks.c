/* Group 25: locks of byte ranges. */
#include "help.h"

#define SHARED 0
#define EXCLUSIVE LOCKFILE_EXCLUSIVE_LOCK

struct opened {
    char path[MAX_PATH];
    HANDLE one, other;
};

/* Two file objects of one file of ten bytes. */
static struct opened two(DWORD flags)
{
    struct opened opened;
    char folder[MAX_PATH];
    DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, written;
    HANDLE file;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g25", 0, opened.path) > 0);
    file = CreateFileA(opened.path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE && WriteFile(file, "0123456789", 10, &written, NULL));
    CloseHandle(file);
    opened.one = CreateFileA(opened.path, GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING, flags, NULL);
    opened.other = CreateFileA(opened.path, GENERIC_READ | GENERIC_WRITE, share, NULL, OPEN_EXISTING, flags, NULL);
    CHECK(opened.one != INVALID_HANDLE_VALUE && opened.other != INVALID_HANDLE_VALUE);
    return opened;
}

static void both_closed(struct opened opened)
{
    CHECK(CloseHandle(opened.one) && CloseHandle(opened.other));
    CHECK(DeleteFileA(opened.path));
}

/* What is not locked is not unlocked; Wine says so by another error. */
#define CHECK_NOT_LOCKED(call)                                                                                       \
    do {                                                                                                             \
        SetLastError(0xdeadbeef);                                                                                    \
        CHECK(!(call));                                                                                              \
        if (!test_under_wine()) {                                                                                    \
            CHECK_ERROR(ERROR_NOT_LOCKED);                                                                           \
        }                                                                                                            \
    } while (0)

static BOOL lock_now(HANDLE file, DWORD kind, DWORD offset, DWORD length)
{
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = offset;
    return LockFileEx(file, kind | LOCKFILE_FAIL_IMMEDIATELY, 0, length, 0, &overlapped);
}

TEST(s303_exclusive_ranges_conflict_even_on_one_handle)
{
    struct opened files = two(0);
    CHECK(LockFile(files.one, 2, 0, 4, 0));
    CHECK_FAILS(LockFile(files.one, 5, 0, 1, 0), ERROR_LOCK_VIOLATION);
    CHECK_FAILS(LockFile(files.other, 0, 0, 3, 0), ERROR_LOCK_VIOLATION);
    CHECK(LockFile(files.other, 6, 0, 2, 0));
    CHECK_NOT_LOCKED(UnlockFile(files.one, 2, 0, 3, 0));
    CHECK_NOT_LOCKED(UnlockFile(files.other, 2, 0, 4, 0));
    CHECK(UnlockFile(files.one, 2, 0, 4, 0));
    CHECK_NOT_LOCKED(UnlockFile(files.one, 2, 0, 4, 0));
    CHECK(LockFile(files.other, 2, 0, 4, 0));
    both_closed(files);
}

TEST(s303_a_second_handle_may_share_a_shared_lock)
{
    struct opened files = two(0);
    CHECK(lock_now(files.one, SHARED, 0, 5));
    CHECK(lock_now(files.other, SHARED, 2, 5));
    CHECK_FAILS(lock_now(files.other, EXCLUSIVE, 4, 1), ERROR_LOCK_VIOLATION);
    CHECK(UnlockFile(files.one, 0, 0, 5, 0));
    CHECK(lock_now(files.one, EXCLUSIVE, 0, 2));
    both_closed(files);
}

TEST(s303_a_lock_of_no_bytes_is_legal)
{
    struct opened files = two(0);
    CHECK(LockFile(files.one, 5, 0, 0, 0));
    CHECK_NOT_LOCKED(UnlockFile(files.one, 5, 0, 1, 0));
    CHECK(UnlockFile(files.one, 5, 0, 0, 0));
    both_closed(files);
}

TEST(s303_closing_a_handle_ends_its_locks)
{
    struct opened files = two(0);
    CHECK(LockFile(files.one, 0, 0, 10, 0));
    CHECK_FAILS(LockFile(files.other, 9, 0, 1, 0), ERROR_LOCK_VIOLATION);
    CHECK(CloseHandle(files.one));
    CHECK(LockFile(files.other, 9, 0, 1, 0));
    CHECK(CloseHandle(files.other) && DeleteFileA(files.path));
}

TEST(s303_what_is_locked_is_kept_from_others)
{
    struct opened files = two(0);
    char data[4];
    DWORD count = 0xdeadbeef;
    CHECK(LockFile(files.one, 2, 0, 4, 0));
    wine_differs("its locks keep nobody from the data");
    CHECK_FAILS(ReadFile(files.other, data, 4, &count, NULL), ERROR_LOCK_VIOLATION);
    CHECK_EQ(count, 0);
    CHECK_FAILS(WriteFile(files.other, "abc", 3, &count, NULL), ERROR_LOCK_VIOLATION);
    CHECK(ReadFile(files.one, data, 4, &count, NULL));
    CHECK_EQ(count, 4);
    both_closed(files);
}

TEST(s303_what_is_asked_wrongly_is_refused)
{
    struct opened files = two(0);
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof overlapped);
    CHECK_FAILS(LockFileEx(files.one, 0, 1, 1, 0, &overlapped), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(UnlockFileEx(files.one, 1, 1, 0, &overlapped), ERROR_INVALID_PARAMETER);
    CHECK(LockFile(files.one, 0xffffffff, 0xffffffff, 1, 0));
    CHECK(UnlockFile(files.one, 0xffffffff, 0xffffffff, 1, 0));
    both_closed(files);
}

TEST(s304_a_lock_that_is_taken_is_pending_and_its_event_tells)
{
    struct opened files = two(FILE_FLAG_OVERLAPPED);
    HANDLE event = new_event(TRUE, FALSE);
    OVERLAPPED overlapped;
    DWORD count;
    CHECK(lock_now(files.one, EXCLUSIVE, 0, 10) || GetLastError() == ERROR_IO_PENDING);
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = 3;
    overlapped.hEvent = event;
    wine_differs("nobody is told there of a lock that was waited for");
    CHECK_FAILS(LockFileEx(files.other, EXCLUSIVE, 0, 2, 0, &overlapped), ERROR_IO_PENDING);
    CHECK(!is_signalled(event));
    CHECK_FAILS(GetOverlappedResult(files.other, &overlapped, &count, FALSE), ERROR_IO_INCOMPLETE);
    CHECK(UnlockFile(files.one, 0, 0, 10, 0));
    CHECK_EQ(WaitForSingleObject(event, 10000), WAIT_OBJECT_0);
    CHECK(GetOverlappedResult(files.other, &overlapped, &count, FALSE));
    CHECK_FAILS(lock_now(files.one, EXCLUSIVE, 4, 1), ERROR_LOCK_VIOLATION);
    CHECK(UnlockFileEx(files.other, 0, 2, 0, &overlapped));
    CloseHandle(event);
    both_closed(files);
}

TEST(s304_a_lock_that_is_taken_is_pending_and_its_packet_tells)
{
    struct opened files = two(FILE_FLAG_OVERLAPPED);
    HANDLE port = CreateIoCompletionPort(files.other, NULL, 7, 0);
    OVERLAPPED overlapped;
    CHECK(lock_now(files.one, EXCLUSIVE, 0, 10) || GetLastError() == ERROR_IO_PENDING);
    memset(&overlapped, 0, sizeof overlapped);
    wine_differs("a lock that waits queues no packet there");
    CHECK_FAILS(LockFileEx(files.other, EXCLUSIVE, 0, 2, 0, &overlapped), ERROR_IO_PENDING);
    CHECK_EMPTY(port);
    CHECK(UnlockFile(files.one, 0, 0, 10, 0));
    CHECK_PACKET(port, 7, &overlapped, 0);
    CHECK_EMPTY(port);
    both_closed(files);
    CloseHandle(port);
}

TEST(s304_waiting_for_a_lock_is_cancelled)
{
    struct opened files = two(FILE_FLAG_OVERLAPPED);
    OVERLAPPED overlapped;
    DWORD count;
    CHECK(lock_now(files.one, EXCLUSIVE, 0, 10) || GetLastError() == ERROR_IO_PENDING);
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.hEvent = new_event(TRUE, FALSE);
    wine_differs("a lock that waits can't be cancelled there");
    CHECK_FAILS(LockFileEx(files.other, EXCLUSIVE, 0, 2, 0, &overlapped), ERROR_IO_PENDING);
    CHECK(CancelIoEx(files.other, &overlapped));
    CHECK_FAILS(GetOverlappedResult(files.other, &overlapped, &count, TRUE), ERROR_OPERATION_ABORTED);
    CHECK_FAILS(CancelIoEx(files.other, &overlapped), ERROR_NOT_FOUND);
    CloseHandle(overlapped.hEvent);
    both_closed(files);
}

static DWORD WINAPI lock_here(void *file)
{
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof overlapped);
    return LockFileEx(file, EXCLUSIVE, 0, 2, 0, &overlapped) ? ERROR_SUCCESS : GetLastError();
}

TEST(s304_a_synchronous_handle_waits_in_the_call)
{
    struct opened files = two(0);
    HANDLE thread;
    CHECK(LockFile(files.one, 0, 0, 10, 0));
    thread = new_thread(lock_here, files.other);
    CHECK_EQ(WaitForSingleObject(thread, 20), WAIT_TIMEOUT);
    CHECK(UnlockFile(files.one, 0, 0, 10, 0));
    CHECK_EQ(join(thread), ERROR_SUCCESS);
    CHECK_FAILS(LockFile(files.one, 1, 0, 1, 0), ERROR_LOCK_VIOLATION);
    both_closed(files);
}

TEST(s107_a_call_that_waits_for_a_lock_is_ended_from_another_thread)
{
    struct opened files = two(0);
    HANDLE thread;
    CHECK(LockFile(files.one, 0, 0, 10, 0));
    wine_differs("it ends no such call");
    thread = new_thread(lock_here, files.other);
    EVENTUALLY(CancelSynchronousIo(thread));
    CHECK_EQ(join(thread), ERROR_OPERATION_ABORTED);
    both_closed(files);
}
