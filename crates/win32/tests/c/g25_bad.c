/* Group 25: what is no handle, no memory and no number that makes sense, given to every function about files. Nothing of
 * it may be more than an error by name. */
#include "help.h"

/* Always the same numbers. */
static unsigned long long random_state = 0x9e3779b97f4a7c15ULL;

static unsigned long long any(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void every_function(HANDLE handle)
{
    static char data[16];
    OVERLAPPED overlapped;
    FILE_SEGMENT_ELEMENT segments[2];
    LARGE_INTEGER size;
    DWORD count, high;
    LONG distance = 0;
    memset(&overlapped, 0, sizeof overlapped);
    memset(segments, 0, sizeof segments);
    CHECK(!ReadFile(handle, data, sizeof data, &count, &overlapped));
    CHECK_EQ(count, 0);
    CHECK(!ReadFile(handle, data, sizeof data, &count, NULL));
    CHECK(!WriteFile(handle, data, sizeof data, &count, &overlapped));
    CHECK(!WriteFile(handle, data, sizeof data, &count, NULL));
    CHECK_EQ(count, 0);
    CHECK(!ReadFileScatter(handle, segments, 4096, NULL, &overlapped));
    CHECK(!WriteFileGather(handle, segments, 4096, NULL, &overlapped));
    CHECK(!FlushFileBuffers(handle));
    CHECK(GetFileSize(handle, &high) == INVALID_FILE_SIZE && GetLastError() != ERROR_SUCCESS);
    CHECK(!GetFileSizeEx(handle, &size));
    CHECK(SetFilePointer(handle, 0, &distance, FILE_BEGIN) == INVALID_SET_FILE_POINTER);
    CHECK(!SetEndOfFile(handle));
    CHECK(!LockFile(handle, 0, 0, 1, 0));
    CHECK(!LockFileEx(handle, 0, 0, 1, 0, &overlapped));
    CHECK(!UnlockFile(handle, 0, 0, 1, 0));
    CHECK(!UnlockFileEx(handle, 0, 1, 0, &overlapped));
    CHECK(!CancelSynchronousIo(handle));
    CHECK(GetFileType(handle) == FILE_TYPE_UNKNOWN);
}

TEST(handles_that_are_none_are_refused_by_every_function)
{
    HANDLE closed = new_event(TRUE, FALSE);
    CloseHandle(closed);
    only_ours("some of it ends a program on Windows");
    every_function(NULL);
    every_function(closed);
    every_function(INVALID_HANDLE_VALUE);
    for (int round = 0; round < 2000; round++) {
        every_function((HANDLE)(ULONG_PTR)(any() | 1ULL << 40));
    }
}

TEST(handles_of_other_kinds_are_refused_by_every_function)
{
    HANDLE event = new_event(TRUE, FALSE), port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    only_ours("some of it ends a program on Windows");
    every_function(event);
    every_function(port);
    CHECK(!is_signalled(event));
    CloseHandle(event);
    CloseHandle(port);
}

TEST(pointers_that_are_null_are_errors_where_they_are_looked_at)
{
    HANDLE file = new_file("g25-bad", FILE_FLAG_OVERLAPPED), pipe;
    char data[4];
    only_ours("some of it ends a program on Windows");
    CHECK(CreateFileA(NULL, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE);
    CHECK(CreateFileW(NULL, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE);
    CHECK_FAILS(DeleteFileA(NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(DeleteFileW(NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQ(GetFileAttributesA(NULL), INVALID_FILE_ATTRIBUTES);
    CHECK_FAILS(GetFileSizeEx(file, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(LockFileEx(file, 0, 0, 1, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(UnlockFileEx(file, 0, 1, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(ReadFile(file, data, 4, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(ReadFileEx(file, data, 4, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(ReadFileScatter(file, NULL, 4096, NULL, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreatePipe(NULL, &pipe, NULL, 0), ERROR_INVALID_PARAMETER);
    CHECK_EQ(GetTempFileNameA(NULL, NULL, 0, NULL), 0);
    CHECK_EQ(GetTempFileNameA(".", "x", 0, NULL), 0);
    CloseHandle(file);
    CHECK(DeleteFileA("g25-bad"));
}

/* Calls of all kinds with whatever numbers come, on files that are there: how each ends is left open, but all end. */
TEST(any_sequence_of_calls_leaves_the_file_usable)
{
    static char data[65536] __attribute__((aligned(4096)));
    HANDLE file = new_file("g25-any", 0);
    DWORD count;
    only_ours("it is about our own care");
    for (int round = 0; round < 3000; round++) {
        OVERLAPPED overlapped;
        DWORD length = (DWORD)(any() % sizeof data), low = (DWORD)any(), high = any() % 4 == 0 ? (DWORD)any() : 0;
        int with = any() % 2;
        memset(&overlapped, 0, sizeof overlapped);
        overlapped.Offset = any() % 2 ? low : low % 4096;
        overlapped.OffsetHigh = high;
        switch (any() % 8) {
        case 0:
            ReadFile(file, data, length, &count, with ? &overlapped : NULL);
            break;
        case 1:
            /* No more than a file system has room for. */
            overlapped.Offset %= 1 << 20;
            overlapped.OffsetHigh = 0;
            WriteFile(file, data, length, &count, &overlapped);
            break;
        case 2:
            SetFilePointer(file, (LONG)low, NULL, (DWORD)(any() % 4));
            break;
        case 3:
            SetFilePointer(file, (LONG)(low % (1 << 20)), NULL, FILE_BEGIN);
            SetEndOfFile(file);
            break;
        case 4:
            LockFile(file, low % 64, 0, (DWORD)(any() % 8), 0);
            break;
        case 5:
            UnlockFile(file, low % 64, 0, (DWORD)(any() % 8), 0);
            break;
        case 6:
            LockFileEx(file, LOCKFILE_FAIL_IMMEDIATELY | (with ? LOCKFILE_EXCLUSIVE_LOCK : 0), 0, length, high,
                       &overlapped);
            UnlockFileEx(file, 0, length, high, &overlapped);
            break;
        default:
            GetFileSize(file, &count);
            FlushFileBuffers(NULL);
            break;
        }
    }
    CHECK(CloseHandle(file));
    file = new_file("g25-any", 0);
    CHECK(WriteFile(file, "abc", 3, &count, NULL) && count == 3);
    CloseHandle(file);
    CHECK(DeleteFileA("g25-any"));
}
