/* Group 25: opening by name, what may be done meanwhile, and names that are none. */
#include "help.h"

#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* A new file's name. */
static const char *new_name(char path[MAX_PATH])
{
    char folder[MAX_PATH];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g25", 0, path) > 0);
    return path;
}

static HANDLE open_so(const char *path, DWORD access, DWORD share, DWORD disposition)
{
    SetLastError(0xdeadbeef);
    return CreateFileA(path, access, share, NULL, disposition, 0, NULL);
}

/* Opening fails with this last error. */
#define CHECK_UNOPENED(call, error)                                                                                  \
    do {                                                                                                             \
        SetLastError(0xdeadbeef);                                                                                    \
        CHECK((call) == INVALID_HANDLE_VALUE);                                                                       \
        CHECK_ERROR(error);                                                                                          \
    } while (0)

TEST(a_disposition_says_whether_the_file_is_made_and_the_last_error_whether_it_was_there)
{
    char path[MAX_PATH];
    HANDLE file;
    DWORD count;
    CHECK_UNOPENED(open_so(new_name(path), GENERIC_WRITE, 0, CREATE_NEW), ERROR_FILE_EXISTS);
    file = open_so(path, GENERIC_WRITE, 0, CREATE_ALWAYS);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    CHECK(WriteFile(file, "abc", 3, &count, NULL));
    CloseHandle(file);
    file = open_so(path, GENERIC_WRITE, 0, OPEN_ALWAYS);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    CHECK_EQ(GetFileSize(file, NULL), 3);
    CloseHandle(file);
    file = open_so(path, GENERIC_WRITE, 0, TRUNCATE_EXISTING);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetFileSize(file, NULL), 0);
    CloseHandle(file);
    CHECK(DeleteFileA(path));
    CHECK_UNOPENED(open_so(path, GENERIC_READ, 0, OPEN_EXISTING), ERROR_FILE_NOT_FOUND);
    CHECK_UNOPENED(open_so(path, GENERIC_WRITE, 0, TRUNCATE_EXISTING), ERROR_FILE_NOT_FOUND);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, 0, 6), ERROR_INVALID_PARAMETER);
    file = open_so(path, GENERIC_WRITE, 0, OPEN_ALWAYS);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_SUCCESS);
    CloseHandle(file);
    CHECK(DeleteFileA(path));
    CHECK_FAILS(DeleteFileA(path), ERROR_FILE_NOT_FOUND);
}

TEST(a_handle_does_only_what_it_was_opened_for)
{
    char path[MAX_PATH], data[1];
    DWORD count = 0xdeadbeef;
    HANDLE reads = open_so(new_name(path), GENERIC_READ, ALL_SHARED, OPEN_EXISTING);
    HANDLE writes = open_so(path, GENERIC_WRITE, ALL_SHARED, OPEN_EXISTING);
    CHECK_FAILS(WriteFile(reads, "x", 1, &count, NULL), ERROR_ACCESS_DENIED);
    CHECK_EQ(count, 0);
    CHECK_FAILS(ReadFile(writes, data, 1, &count, NULL), ERROR_ACCESS_DENIED);
    if (!test_under_wine()) {
        CHECK_FAILS(SetEndOfFile(reads), ERROR_ACCESS_DENIED);
    }
    CloseHandle(reads);
    CloseHandle(writes);
    CHECK(DeleteFileA(path));
}

TEST(what_is_not_shared_is_kept_from_others)
{
    char path[MAX_PATH];
    HANDLE first = open_so(new_name(path), GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING), second;
    CHECK_UNOPENED(open_so(path, GENERIC_WRITE, ALL_SHARED, OPEN_EXISTING), ERROR_SHARING_VIOLATION);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, FILE_SHARE_WRITE, OPEN_EXISTING), ERROR_SHARING_VIOLATION);
    CHECK_UNOPENED(open_so(path, GENERIC_WRITE, ALL_SHARED, CREATE_ALWAYS), ERROR_SHARING_VIOLATION);
    second = open_so(path, GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING);
    CHECK(second != INVALID_HANDLE_VALUE);
    CHECK_FAILS(DeleteFileA(path), ERROR_SHARING_VIOLATION);
    CloseHandle(first);
    CloseHandle(second);
    first = open_so(path, GENERIC_WRITE, 0, OPEN_EXISTING);
    CHECK(first != INVALID_HANDLE_VALUE);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, ALL_SHARED, OPEN_EXISTING), ERROR_SHARING_VIOLATION);
    CloseHandle(first);
    CHECK(DeleteFileA(path));
}

TEST(a_file_that_is_deleted_on_close_is_there_until_then)
{
    char path[MAX_PATH];
    HANDLE file = CreateFileA(new_name(path), GENERIC_READ, ALL_SHARED, NULL, OPEN_EXISTING, FILE_FLAG_DELETE_ON_CLOSE,
                              NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, FILE_SHARE_READ, OPEN_EXISTING), ERROR_SHARING_VIOLATION);
    CloseHandle(file);
    SetLastError(0xdeadbeef);
    CHECK_EQ(GetFileAttributesA(path), INVALID_FILE_ATTRIBUTES);
    CHECK_ERROR(ERROR_FILE_NOT_FOUND);
}

TEST(attributes_tell_files_from_folders)
{
    char folder[MAX_PATH], path[MAX_PATH];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK((GetFileAttributesA(folder) & FILE_ATTRIBUTE_DIRECTORY) != 0);
    CHECK((GetFileAttributesA(new_name(path)) & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_READONLY)) == 0);
    CHECK_UNOPENED(open_so(folder, GENERIC_READ, ALL_SHARED, OPEN_EXISTING), ERROR_ACCESS_DENIED);
    CHECK(DeleteFileA(path));
}

TEST(names_that_are_none_are_errors_by_name)
{
    static char longer[65537];
    char folder[MAX_PATH], path[MAX_PATH + 32];
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK_UNOPENED(open_so("", GENERIC_READ, 0, OPEN_EXISTING), ERROR_PATH_NOT_FOUND);
    snprintf(path, sizeof path, "%sg25-no-such-folder/file", folder);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, 0, OPEN_EXISTING), ERROR_PATH_NOT_FOUND);
    CHECK_UNOPENED(open_so(path, GENERIC_WRITE, 0, CREATE_NEW), ERROR_PATH_NOT_FOUND);
    CHECK_FAILS(DeleteFileA(path), ERROR_PATH_NOT_FOUND);
    snprintf(path, sizeof path, "%sg25-*", folder);
    CHECK_UNOPENED(open_so(path, GENERIC_READ, 0, OPEN_EXISTING), ERROR_INVALID_NAME);
    memset(longer, 'x', sizeof longer - 1);
    CHECK(open_so(longer, GENERIC_READ, 0, OPEN_EXISTING) == INVALID_HANDLE_VALUE);
    CHECK(GetLastError() == ERROR_FILENAME_EXCED_RANGE || !TEST_IS_OURS);
    CHECK(GetFileAttributesA(longer) == INVALID_FILE_ATTRIBUTES && !DeleteFileA(longer));
}

TEST(wide_names_name_the_same_files)
{
    char path[MAX_PATH];
    WCHAR wide[MAX_PATH];
    HANDLE file;
    int index;
    new_name(path);
    for (index = 0; path[index] != 0; index++) {
        wide[index] = (WCHAR)(unsigned char)path[index];
    }
    wide[index] = 0;
    file = CreateFileW(wide, GENERIC_READ, ALL_SHARED, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    CHECK_EQ(GetFileAttributesW(wide), GetFileAttributesA(path));
    CHECK(DeleteFileW(wide));
    CHECK_EQ(GetFileAttributesW(wide), INVALID_FILE_ATTRIBUTES);
}

TEST(half_a_wide_character_is_no_name)
{
    static const WCHAR half[] = {'g', 0xd800, 0};
    only_ours("Windows' names are any characters");
    CHECK_UNOPENED(CreateFileW(half, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL), ERROR_INVALID_NAME);
}

TEST(both_slashes_part_names)
{
    char path[MAX_PATH];
    HANDLE file;
    new_name(path);
    for (char *at = path; *at != 0; at++) {
        if (*at == '\\') {
            *at = '/';
        } else if (*at == '/') {
            *at = '\\';
        }
    }
    file = open_so(path, GENERIC_READ, 0, OPEN_EXISTING);
    CHECK(file != INVALID_HANDLE_VALUE);
    CloseHandle(file);
    CHECK(DeleteFileA(path));
}

TEST(there_are_no_drives_and_no_other_machines)
{
    only_ours("Windows has drives");
    CHECK_UNOPENED(open_so("C:\\file", GENERIC_READ, 0, OPEN_EXISTING), ERROR_PATH_NOT_FOUND);
    CHECK_UNOPENED(open_so("\\\\?\\C:\\file", GENERIC_READ, 0, OPEN_EXISTING), ERROR_PATH_NOT_FOUND);
    CHECK_UNOPENED(open_so("\\\\server\\share\\file", GENERIC_READ, 0, OPEN_EXISTING), ERROR_BAD_NETPATH);
    CHECK_UNOPENED(open_so("\\\\.\\COM77", GENERIC_READ, 0, OPEN_EXISTING), ERROR_FILE_NOT_FOUND);
}

TEST(the_null_device_takes_everything_and_has_nothing)
{
    HANDLE null = open_so("NUL", GENERIC_READ | GENERIC_WRITE, ALL_SHARED, OPEN_EXISTING);
    char data[4];
    DWORD count = 0xdeadbeef;
    CHECK(null != INVALID_HANDLE_VALUE);
    CHECK_EQ(GetFileType(null), FILE_TYPE_CHAR);
    CHECK(WriteFile(null, "abc", 3, &count, NULL));
    CHECK_EQ(count, 3);
    CHECK(ReadFile(null, data, 4, &count, NULL));
    CHECK_EQ(count, 0);
    CloseHandle(null);
}

TEST(a_pipe_without_a_name_carries_bytes_and_breaks_with_its_writer)
{
    HANDLE read, write;
    char data[8];
    DWORD count = 0xdeadbeef;
    CHECK(CreatePipe(&read, &write, NULL, 0));
    CHECK_EQ(GetFileType(read), FILE_TYPE_PIPE);
    CHECK(WriteFile(write, "hello", 5, &count, NULL));
    CHECK_EQ(count, 5);
    CHECK(ReadFile(read, data, 2, &count, NULL));
    CHECK(count == 2 && memcmp(data, "he", 2) == 0);
    CHECK_FAILS(WriteFile(read, "x", 1, &count, NULL), ERROR_ACCESS_DENIED);
    CHECK_FAILS(ReadFile(write, data, 1, &count, NULL), ERROR_ACCESS_DENIED);
    CloseHandle(write);
    CHECK(ReadFile(read, data, 8, &count, NULL));
    CHECK(count == 3 && memcmp(data, "llo", 3) == 0);
    CHECK_FAILS(ReadFile(read, data, 8, &count, NULL), ERROR_BROKEN_PIPE);
    CHECK_EQ(count, 0);
    CloseHandle(read);
}

TEST(a_pipe_without_a_reader_takes_no_more)
{
    HANDLE read, write;
    DWORD count = 0xdeadbeef;
    CHECK(CreatePipe(&read, &write, NULL, 4096));
    CloseHandle(read);
    CHECK_FAILS(WriteFile(write, "x", 1, &count, NULL), ERROR_NO_DATA);
    CHECK_EQ(count, 0);
    CloseHandle(write);
}

static DWORD WINAPI read_here(void *pipe)
{
    char byte;
    DWORD count;
    return ReadFile(pipe, &byte, 1, &count, NULL) ? ERROR_SUCCESS : GetLastError();
}

TEST(s107_a_read_of_a_pipe_is_ended_from_another_thread_s109_and_the_last_error_stays)
{
    HANDLE read, write, thread;
    CHECK_FAILS(CancelSynchronousIo(GetCurrentThread()), ERROR_NOT_FOUND);
    CHECK_FAILS(CancelSynchronousIo((HANDLE)(ULONG_PTR)0x7ffffff0), ERROR_INVALID_HANDLE);
    CHECK(CreatePipe(&read, &write, NULL, 0));
    thread = new_thread(read_here, read);
    do {
        SetLastError(0xdeadbeef);
    } while (!CancelSynchronousIo(thread));
    CHECK_ERROR(0xdeadbeef);
    CHECK_EQ(join(thread), ERROR_OPERATION_ABORTED);
    CloseHandle(read);
    CloseHandle(write);
}

TEST(a_path_and_a_name_for_what_is_temporary)
{
    char folder[MAX_PATH], path[MAX_PATH], small[2] = {'?', '?'};
    DWORD length = GetTempPathA(sizeof folder, folder);
    CHECK(length > 1 && length == strlen(folder));
    CHECK(folder[length - 1] == '/' || folder[length - 1] == '\\');
    CHECK_EQ(GetTempPathA(1, small), length + 1);
    CHECK_EQ(GetTempPathA(0, NULL), length + 1);
    CHECK_EQ(small[1], '?');
    CHECK_EQ(GetTempFileNameA(folder, "prefix", 0x1a2b, path), 0x1a2b);
    CHECK(strstr(path, "pre1A2B.") != NULL || strstr(path, "pre1a2b.") != NULL);
    CHECK_EQ(GetFileAttributesA(path), INVALID_FILE_ATTRIBUTES);
    CHECK_FAILS(GetTempFileNameA("g25-no-such-folder", "x", 0, path), ERROR_DIRECTORY);
}

TEST(standard_handles_are_the_same_each_time_and_may_be_set)
{
    HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE), null;
    DWORD count;
    CHECK(output != INVALID_HANDLE_VALUE && output == GetStdHandle(STD_OUTPUT_HANDLE));
    SetLastError(0xdeadbeef);
    CHECK(GetStdHandle(5) == INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    null = open_so("NUL", GENERIC_WRITE, ALL_SHARED, OPEN_EXISTING);
    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, null));
    CHECK(GetStdHandle(STD_OUTPUT_HANDLE) == null);
    CHECK(SetStdHandle(STD_OUTPUT_HANDLE, output));
    CHECK(WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "", 0, &count, NULL));
    CHECK_FAILS(SetStdHandle(5, null), ERROR_INVALID_HANDLE);
    CloseHandle(null);
}
