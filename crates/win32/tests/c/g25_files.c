/* Group 25: files, overlapped and synchronous. */
#include "help.h"

#define AT_POSITION_LOW 0xfffffffe
#define END_LOW 0xffffffff

/* A new file's name. */
static const char *new_name(char path[MAX_PATH])
{
    char folder[MAX_PATH];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g25", 0, path) > 0);
    return path;
}

/* A new file with this content, opened so, which goes with its handle. */
static HANDLE file_with(const char *content, DWORD flags)
{
    char path[MAX_PATH];
    DWORD written = 0;
    HANDLE file = CreateFileA(new_name(path), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, content, (DWORD)strlen(content), &written, NULL));
    CHECK_EQ(written, strlen(content));
    CHECK(CloseHandle(file));
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, flags | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

static OVERLAPPED at(DWORD low, DWORD high)
{
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.Offset = low;
    overlapped.OffsetHigh = high;
    return overlapped;
}

/* What an overlapped call comes to: at once or later. The last error when it fails. */
static DWORD outcome(HANDLE file, BOOL started, OVERLAPPED *overlapped, DWORD *count)
{
    *count = 0xdeadbeef;
    if (!started && GetLastError() != ERROR_IO_PENDING) {
        return GetLastError();
    }
    return GetOverlappedResult(file, overlapped, count, TRUE) ? ERROR_SUCCESS : GetLastError();
}

static LONGLONG position(HANDLE file)
{
    LARGE_INTEGER none = {0}, now;
    CHECK(SetFilePointerEx(file, none, &now, FILE_CURRENT));
    return now.QuadPart;
}

TEST(s283_an_overlapped_file_refuses_without_an_overlapped)
{
    HANDLE file = file_with("0123456789", FILE_FLAG_OVERLAPPED);
    char data[4];
    DWORD count = 0xdeadbeef;
    CHECK_FAILS(ReadFile(file, data, 4, &count, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQ(count, 0);
    count = 0xdeadbeef;
    CHECK_FAILS(WriteFile(file, "x", 1, &count, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQ(count, 0);
    CloseHandle(file);
}

TEST(s284_an_overlapped_file_has_no_pointer_that_operations_move)
{
    HANDLE file = file_with("0123456789", FILE_FLAG_OVERLAPPED);
    char data[4];
    DWORD count;
    OVERLAPPED overlapped = at(3, 0);
    CHECK_EQ(outcome(file, ReadFile(file, data, 4, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
    CHECK(count == 4 && memcmp(data, "3456", 4) == 0);
    CHECK_EQ(position(file), 0);
    CHECK_EQ(overlapped.Offset, 3);
    overlapped = at(1, 0);
    CHECK_EQ(outcome(file, WriteFile(file, "ab", 2, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
    CHECK_EQ(count, 2);
    CHECK_EQ(position(file), 0);
    CloseHandle(file);
}

TEST(s285_a_synchronous_file_uses_the_offset_and_moves_the_pointer_behind_it)
{
    HANDLE file = file_with("0123456789", 0);
    char data[4];
    DWORD count = 0xdeadbeef;
    OVERLAPPED overlapped = at(3, 0);
    CHECK(ReadFile(file, data, 4, &count, &overlapped));
    CHECK(count == 4 && memcmp(data, "3456", 4) == 0);
    CHECK(overlapped.Internal == 0 && overlapped.InternalHigh == 4);
    CHECK_EQ(position(file), 7);
    CHECK(ReadFile(file, data, 2, &count, NULL));
    CHECK(count == 2 && memcmp(data, "78", 2) == 0);
    overlapped = at(1, 0);
    CHECK(WriteFile(file, "xy", 2, &count, &overlapped));
    CHECK(count == 2 && position(file) == 3);
    CloseHandle(file);
}

TEST(s285_an_event_is_signalled_by_what_is_done_in_the_call)
{
    HANDLE file = file_with("0123456789", 0), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    char data[4];
    DWORD count;
    OVERLAPPED overlapped = at(0, 0);
    overlapped.hEvent = event;
    CHECK(ReadFile(file, data, 4, &count, &overlapped));
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CHECK(GetOverlappedResult(file, &overlapped, &count, FALSE));
    CHECK_EQ(count, 4);
    CloseHandle(event);
    CloseHandle(file);
}

TEST(s286_the_largest_offset_is_the_end_to_write_at_and_no_place_to_read)
{
    DWORD flags[2] = {0, FILE_FLAG_OVERLAPPED};
    for (int index = 0; index < 2; index++) {
        HANDLE file = file_with("abc", flags[index]);
        char data[8];
        DWORD count;
        OVERLAPPED overlapped = at(END_LOW, END_LOW);
        CHECK_EQ(outcome(file, WriteFile(file, "de", 2, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
        CHECK(count == 2 && GetFileSize(file, NULL) == 5);
        overlapped = at(END_LOW, END_LOW);
        CHECK_FAILS(ReadFile(file, data, 1, &count, &overlapped), ERROR_INVALID_PARAMETER);
        CHECK_EQ(count, 0);
        CloseHandle(file);
    }
}

TEST(s287_the_pointer_as_an_offset_is_for_synchronous_files)
{
    HANDLE file = file_with("0123456789", 0), overlapped_file = file_with("0123456789", FILE_FLAG_OVERLAPPED);
    char data[4];
    DWORD count;
    OVERLAPPED overlapped = at(AT_POSITION_LOW, END_LOW);
    CHECK_EQ(SetFilePointer(file, 4, NULL, FILE_BEGIN), 4);
    CHECK(ReadFile(file, data, 2, &count, &overlapped));
    CHECK(count == 2 && memcmp(data, "45", 2) == 0 && position(file) == 6);
    overlapped = at(AT_POSITION_LOW, END_LOW);
    CHECK_FAILS(ReadFile(overlapped_file, data, 2, &count, &overlapped), ERROR_INVALID_PARAMETER);
    overlapped = at(0xfffffff0, END_LOW);
    CHECK_FAILS(ReadFile(file, data, 2, &count, &overlapped), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(ReadFile(overlapped_file, data, 2, &count, &overlapped), ERROR_INVALID_PARAMETER);
    CloseHandle(file);
    CloseHandle(overlapped_file);
}

TEST(s288_a_file_opened_to_append_ignores_offsets)
{
    char path[MAX_PATH];
    DWORD count;
    HANDLE file = CreateFileA(new_name(path), FILE_APPEND_DATA, 0, NULL, OPEN_EXISTING, 0, NULL);
    OVERLAPPED overlapped = at(0, 0);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, "one", 3, &count, NULL));
    CHECK(WriteFile(file, "two", 3, &count, &overlapped));
    CHECK_EQ(count, 3);
    CHECK_EQ(GetFileSize(file, NULL), 6);
    CloseHandle(file);
    CHECK(DeleteFileA(path));
}

TEST(s289_a_read_at_the_end_without_an_overlapped_is_true_and_nothing)
{
    HANDLE file = file_with("abc", 0);
    char data[4];
    DWORD count = 0xdeadbeef;
    CHECK_EQ(SetFilePointer(file, 0, NULL, FILE_END), 3);
    SetLastError(0xdeadbeef);
    CHECK(ReadFile(file, data, 4, &count, NULL));
    CHECK_EQ(count, 0);
    CloseHandle(file);
}

TEST(s289_a_read_at_the_end_with_an_overlapped_says_so_on_a_synchronous_file)
{
    HANDLE file = file_with("abc", 0);
    char data[4];
    DWORD count = 0xdeadbeef;
    OVERLAPPED overlapped = at(3, 0);
    CHECK_FAILS(ReadFile(file, data, 4, &count, &overlapped), ERROR_HANDLE_EOF);
    CHECK_EQ(count, 0);
    overlapped = at(100, 0);
    CHECK_FAILS(ReadFile(file, data, 4, &count, &overlapped), ERROR_HANDLE_EOF);
    CloseHandle(file);
}

TEST(s289_a_read_at_the_end_of_an_overlapped_file_ends_so_s306_with_a_packet_if_it_was_pending)
{
    HANDLE file = file_with("abc", FILE_FLAG_OVERLAPPED), port = CreateIoCompletionPort(file, NULL, 7, 0);
    char data[4];
    DWORD count = 0xdeadbeef, bytes = 0xdeadbeef, error;
    ULONG_PTR key = 0;
    OVERLAPPED overlapped = at(3, 0), *taken = NULL;
    CHECK(port != NULL);
    CHECK(!ReadFile(file, data, 4, &count, &overlapped));
    error = GetLastError();
    CHECK_EQ(count, 0);
    if (error == ERROR_IO_PENDING) {
        CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &taken, 10000), ERROR_HANDLE_EOF);
        CHECK(taken == &overlapped && key == 7 && bytes == 0);
        CHECK_FAILS(GetOverlappedResult(file, &overlapped, &bytes, FALSE), ERROR_HANDLE_EOF);
    } else {
        CHECK_EQ(error, ERROR_HANDLE_EOF);
    }
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &taken, 0), WAIT_TIMEOUT);
    CHECK(taken == NULL);
    CloseHandle(file);
    CloseHandle(port);
}

TEST(s290_a_read_of_nothing_at_the_end_succeeds)
{
    HANDLE file = file_with("abc", 0), overlapped_file = file_with("abc", FILE_FLAG_OVERLAPPED);
    char data[4];
    DWORD count = 0xdeadbeef;
    OVERLAPPED overlapped = at(3, 0);
    CHECK(ReadFile(file, data, 0, &count, &overlapped));
    CHECK_EQ(count, 0);
    overlapped = at(3, 0);
    CHECK_EQ(outcome(overlapped_file, ReadFile(overlapped_file, data, 0, NULL, &overlapped), &overlapped, &count), 0);
    CHECK_EQ(count, 0);
    CloseHandle(file);
    CloseHandle(overlapped_file);
}

TEST(s291_a_read_that_crosses_the_end_is_a_short_success)
{
    HANDLE file = file_with("abc", FILE_FLAG_OVERLAPPED);
    char data[8];
    DWORD count;
    OVERLAPPED overlapped = at(1, 0);
    CHECK_EQ(outcome(file, ReadFile(file, data, 8, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
    CHECK(count == 2 && memcmp(data, "bc", 2) == 0);
    CloseHandle(file);
}

TEST(s292_a_cached_read_is_done_at_once_or_pending_and_queues_one_packet)
{
    HANDLE file = file_with("abc", FILE_FLAG_OVERLAPPED), port = CreateIoCompletionPort(file, NULL, 7, 0);
    char data[8];
    DWORD bytes, count;
    ULONG_PTR key;
    OVERLAPPED overlapped = at(0, 0), *taken;
    if (!ReadFile(file, data, 3, &count, &overlapped)) {
        CHECK_ERROR(ERROR_IO_PENDING);
    } else {
        CHECK_EQ(count, 3);
    }
    CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &taken, 10000));
    CHECK(taken == &overlapped && bytes == 3 && key == 7 && memcmp(data, "abc", 3) == 0);
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &taken, 0), WAIT_TIMEOUT);
    CloseHandle(file);
    CloseHandle(port);
}

static char pages[3 * 4096] __attribute__((aligned(4096)));

/* An unbuffered overlapped file of this many pages; NULL where there is none. */
static HANDLE unbuffered(int pages, char path[MAX_PATH])
{
    HANDLE file = CreateFileA(new_name(path), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              OPEN_EXISTING, FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING, NULL);
    LARGE_INTEGER size;
    if (file == INVALID_HANDLE_VALUE) {
        CHECK_ERROR(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    size.QuadPart = pages * 4096;
    CHECK(SetFilePointerEx(file, size, NULL, FILE_BEGIN) && SetEndOfFile(file));
    return file;
}

static void discard(HANDLE file, const char *path)
{
    CHECK(CloseHandle(file));
    CHECK(DeleteFileA(path));
}

TEST(s295_unbuffered_operations_are_aligned_or_refused)
{
    char path[MAX_PATH];
    HANDLE file = unbuffered(2, path);
    OVERLAPPED overlapped = at(0, 0);
    DWORD count;
    TEST_SKIP_IF(file == NULL, "the file system has no unbuffered files");
    wine_differs("it takes what is not aligned");
    CHECK_FAILS(ReadFile(file, pages, 100, NULL, &overlapped), ERROR_INVALID_PARAMETER);
    overlapped = at(100, 0);
    CHECK_FAILS(ReadFile(file, pages, 4096, NULL, &overlapped), ERROR_INVALID_PARAMETER);
    overlapped = at(0, 0);
    CHECK_FAILS(WriteFile(file, pages, 100, NULL, &overlapped), ERROR_INVALID_PARAMETER);
    overlapped = at(4096, 0);
    CHECK_EQ(outcome(file, ReadFile(file, pages, 4096, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
    CHECK_EQ(count, 4096);
    discard(file, path);
}

TEST(s305_pages_are_scattered_and_gathered_on_unbuffered_overlapped_files_only)
{
    char path[MAX_PATH];
    HANDLE file = unbuffered(2, path), plain;
    FILE_SEGMENT_ELEMENT segments[3];
    OVERLAPPED overlapped = at(0, 0);
    DWORD count;
    TEST_SKIP_IF(file == NULL, "the file system has no unbuffered files");
    memset(segments, 0, sizeof segments);
    memset(pages, 'a', 4096);
    memset(pages + 8192, 'c', 4096);
    segments[0].Buffer = pages + 8192;
    segments[1].Buffer = pages;
    CHECK_EQ(outcome(file, WriteFileGather(file, segments, 8192, NULL, &overlapped), &overlapped, &count), 0);
    CHECK_EQ(count, 8192);
    memset(pages, 0, sizeof pages);
    segments[0].Buffer = pages;
    segments[1].Buffer = pages + 4096;
    overlapped = at(0, 0);
    CHECK_EQ(outcome(file, ReadFileScatter(file, segments, 8192, NULL, &overlapped), &overlapped, &count), 0);
    CHECK(count == 8192 && pages[0] == 'c' && pages[4095] == 'c' && pages[4096] == 'a' && pages[8192] == 0);
    plain = file_with("abc", FILE_FLAG_OVERLAPPED);
    overlapped = at(0, 0);
    CHECK_FAILS(ReadFileScatter(plain, segments, 4096, NULL, &overlapped), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFileGather(plain, segments, 4096, NULL, &overlapped), ERROR_INVALID_PARAMETER);
    CloseHandle(plain);
    discard(file, path);
}

TEST(s296_no_buffer_for_some_bytes_is_refused)
{
    HANDLE files[2] = {file_with("abc", 0), file_with("abc", FILE_FLAG_OVERLAPPED)};
    for (int index = 0; index < 2; index++) {
        OVERLAPPED overlapped = at(0, 0);
        DWORD count = 0xdeadbeef;
        CHECK_FAILS(ReadFile(files[index], NULL, 1, &count, &overlapped), ERROR_NOACCESS);
        CHECK_EQ(count, 0);
        overlapped = at(0, 0);
        CHECK_FAILS(WriteFile(files[index], NULL, 1, &count, &overlapped), ERROR_INVALID_USER_BUFFER);
        CHECK_EQ(count, 0);
        CloseHandle(files[index]);
    }
}

TEST(s297_what_is_no_handle_is_said_and_the_count_is_nothing)
{
    HANDLE closed = file_with("abc", 0), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE handles[3] = {NULL, (HANDLE)(ULONG_PTR)0x7ffffff0, closed};
    char data[1];
    CloseHandle(closed);
    for (int index = 0; index < 3; index++) {
        OVERLAPPED overlapped = at(0, 0);
        DWORD count = 0xdeadbeef;
        CHECK_FAILS(ReadFile(handles[index], data, 1, &count, &overlapped), ERROR_INVALID_HANDLE);
        CHECK_EQ(count, 0);
        count = 0xdeadbeef;
        CHECK_FAILS(WriteFile(handles[index], data, 1, &count, &overlapped), ERROR_INVALID_HANDLE);
        CHECK_EQ(count, 0);
        CHECK_FAILS(FlushFileBuffers(handles[index]), ERROR_INVALID_HANDLE);
        CHECK_FAILS(SetEndOfFile(handles[index]), ERROR_INVALID_HANDLE);
        CHECK_FAILS(LockFile(handles[index], 0, 0, 1, 0), ERROR_INVALID_HANDLE);
        CHECK_FAILS(UnlockFile(handles[index], 0, 0, 1, 0), ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(GetFileType(handles[index]), FILE_TYPE_UNKNOWN);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(GetFileSize(handles[index], NULL), INVALID_FILE_SIZE);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
        SetLastError(0xdeadbeef);
        CHECK_EQ(SetFilePointer(handles[index], 0, NULL, FILE_BEGIN), INVALID_SET_FILE_POINTER);
        CHECK_ERROR(ERROR_INVALID_HANDLE);
    }
    CloseHandle(event);
}

struct reader {
    HANDLE pipe, started;
    char byte;
    DWORD count;
    BOOL read;
    DWORD error;
};

static DWORD WINAPI read_one(void *argument)
{
    struct reader *reader = argument;
    SetEvent(reader->started);
    reader->read = ReadFile(reader->pipe, &reader->byte, 1, &reader->count, NULL);
    reader->error = GetLastError();
    return 0;
}

TEST(s298_a_second_call_on_a_synchronous_file_waits_for_the_first)
{
    struct reader readers[2];
    HANDLE threads[2], read, write;
    DWORD count;
    CHECK(CreatePipe(&read, &write, NULL, 0));
    for (int index = 0; index < 2; index++) {
        readers[index].pipe = read;
        readers[index].started = CreateEventA(NULL, TRUE, FALSE, NULL);
        threads[index] = CreateThread(NULL, 0, read_one, &readers[index], 0, NULL);
        CHECK_EQ(WaitForSingleObject(readers[index].started, 10000), WAIT_OBJECT_0);
    }
    CHECK(WriteFile(write, "a", 1, &count, NULL));
    CHECK_EQ(WaitForMultipleObjects(2, threads, FALSE, 10000) < 2, TRUE);
    CHECK(WriteFile(write, "b", 1, &count, NULL));
    CHECK_EQ(WaitForMultipleObjects(2, threads, TRUE, 10000), WAIT_OBJECT_0);
    CHECK(readers[0].read && readers[1].read && readers[0].count == 1 && readers[1].count == 1);
    CHECK_EQ(readers[0].byte + readers[1].byte, 'a' + 'b');
    for (int index = 0; index < 2; index++) {
        CloseHandle(threads[index]);
        CloseHandle(readers[index].started);
    }
    CloseHandle(read);
    CloseHandle(write);
}

TEST(s300_a_flush_needs_the_right_to_write)
{
    char path[MAX_PATH];
    HANDLE file = CreateFileA(new_name(path), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK_FAILS(FlushFileBuffers(file), ERROR_ACCESS_DENIED);
    CloseHandle(file);
    file = CreateFileA(path, FILE_APPEND_DATA, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(FlushFileBuffers(file));
    CloseHandle(file);
    file = CreateFileA(path, GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    CHECK(FlushFileBuffers(file));
    discard(file, path);
}

TEST(s301_the_end_is_set_at_the_pointer_and_zeros_fill_what_is_new)
{
    HANDLE file = file_with("0123456789", 0);
    char data[8];
    DWORD count;
    CHECK_EQ(SetFilePointer(file, 2, NULL, FILE_BEGIN), 2);
    CHECK(SetEndOfFile(file));
    CHECK_EQ(GetFileSize(file, NULL), 2);
    CHECK_EQ(SetFilePointer(file, 5, NULL, FILE_BEGIN), 5);
    CHECK(SetEndOfFile(file));
    CHECK_EQ(SetFilePointer(file, 0, NULL, FILE_BEGIN), 0);
    CHECK(ReadFile(file, data, 8, &count, NULL));
    CHECK(count == 5 && memcmp(data, "01\0\0\0", 5) == 0);
    CloseHandle(file);
}

TEST(s302_a_pointer_beyond_the_end_changes_no_size)
{
    HANDLE file = file_with("abc", 0);
    LARGE_INTEGER size, by, now;
    LONG high = 1;
    CHECK_EQ(SetFilePointer(file, 100, NULL, FILE_END), 103);
    CHECK_EQ(GetFileSize(file, NULL), 3);
    CHECK_EQ(SetFilePointer(file, 5, &high, FILE_BEGIN), 5);
    CHECK_EQ(high, 1);
    CHECK_EQ(position(file), 0x100000005LL);
    CHECK(GetFileSizeEx(file, &size));
    CHECK_EQ(size.QuadPart, 3);
    by.QuadPart = -1;
    now.QuadPart = 77;
    CHECK_FAILS(SetFilePointerEx(file, by, &now, FILE_BEGIN), ERROR_NEGATIVE_SEEK);
    CHECK_EQ(now.QuadPart, 77);
    CHECK_FAILS(SetFilePointerEx(file, by, &now, 3), ERROR_INVALID_PARAMETER);
    CHECK_EQ(position(file), 0x100000005LL);
    if (!test_under_wine()) {
        CHECK_EQ(SetFilePointer(file, 0, NULL, FILE_CURRENT), INVALID_SET_FILE_POINTER);
        CHECK_ERROR(ERROR_INVALID_PARAMETER);
    }
    CloseHandle(file);
}

TEST(s308_a_read_of_nothing_on_a_pipe_waits_for_data_and_leaves_them)
{
    HANDLE server, client, event = new_event(TRUE, FALSE);
    OVERLAPPED overlapped = at(0, 0);
    char data[4];
    DWORD count;
    pipe_pair(&server, &client);
    overlapped.hEvent = event;
    CHECK_FAILS(ReadFile(server, data, 0, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(!is_signalled(event));
    CHECK(WriteFile(client, "abc", 3, &count, NULL));
    CHECK(GetOverlappedResult(server, &overlapped, &count, TRUE));
    CHECK_EQ(count, 0);
    overlapped = at(0, 0);
    overlapped.hEvent = event;
    CHECK_EQ(outcome(server, ReadFile(server, data, 4, NULL, &overlapped), &overlapped, &count), ERROR_SUCCESS);
    CHECK(count == 3 && memcmp(data, "abc", 3) == 0);
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(event);
}
