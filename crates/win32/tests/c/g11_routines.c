/* Group 11: completion routines. */
#include "help.h"

/* What a routine was told, in its OVERLAPPED's hEvent, which is the caller's own. */
struct told {
    int calls;
    DWORD error, bytes, thread;
    OVERLAPPED *overlapped;
};

static void CALLBACK routine(DWORD error, DWORD bytes, OVERLAPPED *overlapped)
{
    struct told *told = (struct told *)overlapped->hEvent;
    told->calls++;
    told->error = error;
    told->bytes = bytes;
    told->thread = GetCurrentThreadId();
    told->overlapped = overlapped;
}

static OVERLAPPED tells(struct told *told)
{
    OVERLAPPED overlapped;
    memset(&overlapped, 0, sizeof overlapped);
    memset(told, 0, sizeof *told);
    overlapped.hEvent = (HANDLE)told;
    return overlapped;
}

/* Waits alertably, as often as it takes, until the routine has run. */
static void wait_for(struct told *told)
{
    while (told->calls == 0) {
        CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
    }
}

/* An overlapped file with this content, which goes with its handle. */
static HANDLE file_with(const char *content)
{
    char folder[MAX_PATH], path[MAX_PATH];
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    HANDLE file;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g11", 0, path) > 0);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFileEx(file, content, (DWORD)strlen(content), &overlapped, routine));
    wait_for(&told);
    CHECK(told.calls == 1 && told.error == 0 && told.bytes == strlen(content));
    return file;
}

TEST(s145_the_routine_runs_in_the_issuing_thread_and_never_within_the_call)
{
    HANDLE file = file_with("0123456789");
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char data[4];
    overlapped.Offset = 3;
    CHECK(ReadFileEx(file, data, 4, &overlapped, routine));
    CHECK_EQ(told.calls, 0);
    Sleep(1);
    CHECK_EQ(told.calls, 0);
    wait_for(&told);
    CHECK(told.calls == 1 && told.thread == GetCurrentThreadId());
    CHECK(memcmp(data, "3456", 4) == 0);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(told.calls, 1);
    CloseHandle(file);
}

TEST(s145_a_read_of_a_pipe_that_had_to_wait_ends_the_wait_of_its_thread)
{
    HANDLE server, client;
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char data[8];
    DWORD count;
    pipe_pair(&server, &client);
    CHECK(ReadFileEx(server, data, 8, &overlapped, routine));
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(told.calls, 0);
    CHECK(WriteFile(client, "hello", 5, &count, NULL));
    wait_for(&told);
    CHECK(told.calls == 1 && told.error == 0 && told.bytes == 5 && memcmp(data, "hello", 5) == 0);
    CloseHandle(server);
    CloseHandle(client);
}

static int counted;

static void CALLBACK count_only(DWORD error, DWORD bytes, OVERLAPPED *overlapped)
{
    (void)error, (void)bytes, (void)overlapped;
    counted++;
}

TEST(s146_the_event_is_the_callers_own_and_is_left_alone)
{
    HANDLE file = file_with("abc");
    char data[3];
    for (int signalled = 0; signalled < 2; signalled++) {
        OVERLAPPED overlapped;
        memset(&overlapped, 0, sizeof overlapped);
        overlapped.hEvent = new_event(TRUE, signalled);
        counted = 0;
        CHECK(ReadFileEx(file, data, 3, &overlapped, count_only));
        while (counted == 0) {
            CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
        }
        CHECK_EQ(is_signalled(overlapped.hEvent), signalled);
        CloseHandle(overlapped.hEvent);
    }
    CloseHandle(file);
}

TEST(s148_a_message_that_does_not_fit_is_told_to_the_routine)
{
    HANDLE server, client;
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char name[64], data[3];
    DWORD count;
    snprintf(name, sizeof name, "\\\\.\\pipe\\proactor-g11-%lu", (unsigned long)GetCurrentProcessId());
    server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                              PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 4096, 4096, 0, NULL);
    CHECK(server != INVALID_HANDLE_VALUE);
    client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(client != INVALID_HANDLE_VALUE);
    wine_differs("the call fails there, though the routine is called");
    CHECK(WriteFile(client, "hello", 5, &count, NULL));
    CHECK(ReadFileEx(server, data, 3, &overlapped, routine));
    wait_for(&told);
    CHECK(told.bytes == 3 && memcmp(data, "hel", 3) == 0);
    CHECK_EQ(told.error, ERROR_MORE_DATA);
    CloseHandle(server);
    CloseHandle(client);
}

TEST(s149_the_routine_has_the_error_the_count_and_the_overlapped)
{
    HANDLE server, client;
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char data[8];
    pipe_pair(&server, &client);
    CHECK(ReadFileEx(server, data, 8, &overlapped, routine));
    CHECK(CancelIo(server));
    wait_for(&told);
    CHECK(told.error == ERROR_OPERATION_ABORTED && told.bytes == 0 && told.overlapped == &overlapped);
    CloseHandle(server);
    CloseHandle(client);
}

static int wsa_calls;
static DWORD wsa_error, wsa_bytes, wsa_flags;
static WSAOVERLAPPED *wsa_overlapped;

static void CALLBACK wsa_routine(DWORD error, DWORD bytes, WSAOVERLAPPED *overlapped, DWORD flags)
{
    wsa_calls++;
    wsa_error = error;
    wsa_bytes = bytes;
    wsa_flags = flags;
    wsa_overlapped = overlapped;
}

TEST(s147_a_receive_with_a_routine_signals_no_event_s149_and_tells_flags)
{
    struct pair p = pair();
    WSAOVERLAPPED overlapped;
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD flags = 0, bytes;
    int result;
    memset(&overlapped, 0, sizeof overlapped);
    overlapped.hEvent = new_event(TRUE, FALSE);
    wsa_calls = 0;
    result = WSARecv(p.ours, &buffer, 1, &bytes, &flags, &overlapped, wsa_routine);
    CHECK(result == SOCKET_ERROR && WSAGetLastError() == WSA_IO_PENDING);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    while (wsa_calls == 0) {
        CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
    }
    CHECK(wsa_calls == 1 && wsa_error == 0 && wsa_bytes == 3 && wsa_flags == 0 && wsa_overlapped == &overlapped);
    CHECK(!is_signalled(overlapped.hEvent));
    CloseHandle(overlapped.hEvent);
    close_pair(p);
}

TEST(s150_a_read_beyond_the_end_ends_so)
{
    HANDLE file = file_with("abc");
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char data[4];
    overlapped.Offset = 10;
    if (ReadFileEx(file, data, 4, &overlapped, routine)) {
        wait_for(&told);
        CHECK(told.error == ERROR_HANDLE_EOF && told.bytes == 0);
    } else {
        CHECK_ERROR(ERROR_HANDLE_EOF);
    }
    CloseHandle(file);
}

static int depth, deepest, nested_calls;

static void CALLBACK nesting(DWORD error, DWORD bytes, WSAOVERLAPPED *overlapped, DWORD flags)
{
    (void)error, (void)bytes, (void)overlapped, (void)flags;
    nested_calls++;
    depth++;
    if (depth > deepest) {
        deepest = depth;
    }
    SleepEx(0, TRUE);
    depth--;
}

TEST(s151_routines_of_one_socket_are_not_nested)
{
    struct pair p = pair();
    WSAOVERLAPPED overlapped[2];
    char data[2];
    WSABUF buffers[2] = {{1, data}, {1, data + 1}};
    DWORD flags = 0, bytes;
    memset(overlapped, 0, sizeof overlapped);
    wine_differs("it nests them");
    depth = deepest = nested_calls = 0;
    CHECK_EQ(send(p.theirs, "ab", 2, 0), 2);
    for (int index = 0; index < 2; index++) {
        int result = WSARecv(p.ours, &buffers[index], 1, &bytes, &flags, &overlapped[index], nesting);
        CHECK(result == 0 || WSAGetLastError() == WSA_IO_PENDING);
    }
    while (nested_calls < 2) {
        CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
    }
    CHECK(nested_calls == 2 && deepest == 1);
    close_pair(p);
}

TEST(s152_all_routines_that_wait_are_called_before_the_wait_returns)
{
    HANDLE server, client;
    struct told told[3];
    OVERLAPPED overlapped[3];
    char data[3];
    DWORD count;
    pipe_pair(&server, &client);
    for (int index = 0; index < 3; index++) {
        overlapped[index] = tells(&told[index]);
        CHECK(ReadFileEx(server, &data[index], 1, &overlapped[index], routine));
    }
    CHECK(WriteFile(client, "abc", 3, &count, NULL));
    for (int index = 0; index < 3; index++) {
        EVENTUALLY(HasOverlappedIoCompleted(&overlapped[index]));
    }
    CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
    CHECK(told[0].calls == 1 && told[1].calls == 1 && told[2].calls == 1);
    CHECK(memcmp(data, "abc", 3) == 0);
    CloseHandle(server);
    CloseHandle(client);
}

TEST(s011_an_associated_file_takes_no_routines)
{
    HANDLE file = file_with("abc"), port = CreateIoCompletionPort(file, NULL, 7, 0);
    struct told told;
    OVERLAPPED overlapped = tells(&told);
    char data[4];
    wine_differs("it takes them on disk files");
    CHECK_FAILS(ReadFileEx(file, data, 3, &overlapped, routine), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFileEx(file, data, 3, &overlapped, routine), ERROR_INVALID_PARAMETER);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(told.calls, 0);
    CloseHandle(file);
    CloseHandle(port);
}
