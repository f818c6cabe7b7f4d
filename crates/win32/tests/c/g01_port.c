/* Group 1: making a port and associating handles with it. */
#include "pair.h"

static HANDLE scratch_file(DWORD flags)
{
    char folder[MAX_PATH], path[MAX_PATH];
    HANDLE file;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g01", 0, path) > 0);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, flags | FILE_FLAG_DELETE_ON_CLOSE,
                       NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

TEST(s001_an_unassociated_port_is_made_and_failure_is_null)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0x1234, 1);
    CHECK(port != NULL && port != INVALID_HANDLE_VALUE);
    check_nothing_queued(port);
    CHECK(CloseHandle(port));
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)(ULONG_PTR)0x7ffffff0, NULL, 0, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateIoCompletionPort(NULL, NULL, 0, 0), ERROR_INVALID_HANDLE);
}

TEST(s002_associating_gives_the_same_handle_and_ignores_the_count)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    CHECK_EQ(CreateIoCompletionPort((HANDLE)p.ours, port, 1, 99), port);
    CHECK_EQ(CreateIoCompletionPort((HANDLE)p.theirs, port, 2, 0xffffffff), port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s003_one_call_creates_and_associates)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    HANDLE port = CreateIoCompletionPort((HANDLE)p.ours, NULL, 77, 0);
    CHECK(port != NULL);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 77 && packet.bytes == 1 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s004_no_file_and_a_port_is_an_error)
{
    HANDLE port = new_port(1);
    CHECK_FAILS(CreateIoCompletionPort(INVALID_HANDLE_VALUE, port, 0, 0), ERROR_INVALID_PARAMETER);
    CloseHandle(port);
}

TEST(s006_a_synchronous_file_cannot_be_associated)
{
    HANDLE port = new_port(1), file = scratch_file(0), overlapped = scratch_file(FILE_FLAG_OVERLAPPED);
    CHECK_FAILS(CreateIoCompletionPort(file, port, 0, 0), ERROR_INVALID_PARAMETER);
    CHECK_EQ(CreateIoCompletionPort(overlapped, port, 0, 0), port);
    CloseHandle(file);
    CloseHandle(overlapped);
    CloseHandle(port);
}

TEST(s007_a_handle_is_associated_once)
{
    HANDLE port = new_port(1), other = new_port(1);
    struct pair p = pair();
    associate(p.ours, port, 1);
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)p.ours, port, 1, 0), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(CreateIoCompletionPort((HANDLE)p.ours, other, 1, 0), ERROR_INVALID_PARAMETER);
    close_pair(p);
    CloseHandle(port);
    CloseHandle(other);
}

TEST(s008_a_duplicate_completes_to_the_same_port_and_key)
{
    HANDLE port = new_port(1), duplicate = NULL;
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    associate(p.ours, port, 8);
    CHECK(DuplicateHandle(GetCurrentProcess(), (HANDLE)p.ours, GetCurrentProcess(), &duplicate, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    CHECK(duplicate != (HANDLE)p.ours);
    receive_later((SOCKET)duplicate, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 8 && packet.overlapped == &overlapped);
    CHECK(CloseHandle(duplicate));
    close_pair(p);
    CloseHandle(port);
}

TEST(s009_what_was_started_before_the_association_queues_its_packet)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    struct packet packet;
    receive_later(p.ours, &byte, 1, &overlapped);
    associate(p.ours, port, 9);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 9 && packet.bytes == 1 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

static DWORD routine_error, routine_bytes, routine_calls;

static void CALLBACK routine(DWORD error, DWORD bytes, OVERLAPPED *overlapped)
{
    (void)overlapped;
    routine_error = error;
    routine_bytes = bytes;
    routine_calls++;
}

static void CALLBACK socket_routine(DWORD error, DWORD bytes, OVERLAPPED *overlapped, DWORD flags)
{
    (void)flags;
    routine(error, bytes, overlapped);
}

TEST(s010_a_routine_of_before_the_association_runs_and_queues_nothing)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer;
    DWORD flags = 0;
    char byte;
    buffer.buf = &byte;
    buffer.len = 1;
    routine_calls = 0;
    CHECK_EQ(WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, socket_routine), SOCKET_ERROR);
    CHECK_ERROR(WSA_IO_PENDING);
    associate(p.ours, port, 10);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(SleepEx(10000, TRUE), WAIT_IO_COMPLETION);
    CHECK(routine_calls == 1 && routine_error == 0 && routine_bytes == 1);
    check_nothing_queued(port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s011_a_routine_after_the_association_is_refused)
{
    HANDLE port, file;
    OVERLAPPED overlapped = {0};
    char byte = 0;
    wine_differs("it lets routines complete on disk files");
    port = new_port(1);
    file = scratch_file(FILE_FLAG_OVERLAPPED);
    CHECK_EQ(CreateIoCompletionPort(file, port, 0, 0), port);
    routine_calls = 0;
    CHECK_FAILS(ReadFileEx(file, &byte, 1, &overlapped, routine), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(WriteFileEx(file, &byte, 1, &overlapped, routine), ERROR_INVALID_PARAMETER);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(routine_calls, 0);
    check_nothing_queued(port);
    CloseHandle(file);
    CloseHandle(port);
}

TEST(s012_a_sockets_routine_after_the_association_is_refused)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer;
    DWORD flags = 0;
    char byte = 0;
    buffer.buf = &byte;
    buffer.len = 1;
    associate(p.ours, port, 12);
    routine_calls = 0;
    CHECK_EQ(WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, socket_routine), SOCKET_ERROR);
    CHECK_ERROR(WSAEINVAL);
    CHECK_EQ(WSASend(p.ours, &buffer, 1, NULL, 0, &overlapped, socket_routine), SOCKET_ERROR);
    CHECK_ERROR(WSAEINVAL);
    CHECK_EQ(SleepEx(0, TRUE), 0);
    CHECK_EQ(routine_calls, 0);
    close_pair(p);
    CloseHandle(port);
}

/* The server's end of a pipe with a client that says nothing. */
static HANDLE quiet_pipe(HANDLE *client, DWORD number)
{
    char name[64];
    HANDLE server;
    snprintf(name, sizeof name, "\\\\.\\pipe\\g01-%lu-%lu", (unsigned long)GetCurrentProcessId(),
             (unsigned long)number);
    server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE | PIPE_WAIT, 1, 4096,
                              4096, 0, NULL);
    CHECK(server != INVALID_HANDLE_VALUE);
    *client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    CHECK(*client != INVALID_HANDLE_VALUE);
    return server;
}

TEST(s013_the_association_signals_the_handle_unless_it_is_told_not_to)
{
    HANDLE port, client, server;
    OVERLAPPED overlapped = {0};
    char byte;
    wine_differs("its older versions leave the handle as it is");
    port = new_port(1);
    server = quiet_pipe(&client, 1);
    CHECK_FAILS(ReadFile(server, &byte, 1, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK_EQ(WaitForSingleObject(server, 0), WAIT_TIMEOUT);
    CHECK_EQ(CreateIoCompletionPort(server, port, 13, 0), port);
    CHECK_EQ(WaitForSingleObject(server, 0), WAIT_OBJECT_0);
    CHECK(CancelIo(server));
    take(port);
    CloseHandle(server);
    CloseHandle(client);

    server = quiet_pipe(&client, 2);
    CHECK(SetFileCompletionNotificationModes(server, FILE_SKIP_SET_EVENT_ON_HANDLE));
    CHECK_FAILS(ReadFile(server, &byte, 1, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK_EQ(CreateIoCompletionPort(server, port, 13, 0), port);
    CHECK_EQ(WaitForSingleObject(server, 0), WAIT_TIMEOUT);
    CHECK(CancelIo(server));
    take(port);
    CloseHandle(server);
    CloseHandle(client);
    CloseHandle(port);
}

TEST(s014_keys_may_be_zero_and_need_not_differ)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED one = {0}, other = {0};
    char bytes[2];
    struct packet packet;
    associate(p.ours, port, 0);
    associate(p.theirs, port, 0);
    receive_later(p.ours, &bytes[0], 1, &one);
    receive_later(p.theirs, &bytes[1], 1, &other);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 0 && packet.overlapped == &one);
    CHECK_EQ(send(p.ours, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 0 && packet.overlapped == &other);
    close_pair(p);
    CloseHandle(port);
}

TEST(port_functions_refuse_what_is_no_port)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL), port = new_port(1);
    HANDLE wrong[] = {NULL, event, GetCurrentProcess(), GetCurrentThread(), (HANDLE)(ULONG_PTR)0x12345678};
    DWORD bytes;
    ULONG_PTR key, index;
    OVERLAPPED *overlapped;
    CHECK(event != NULL);
    CHECK(CloseHandle(port));
    for (index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        CHECK_FAILS(GetQueuedCompletionStatus(wrong[index], &bytes, &key, &overlapped, 0), ERROR_INVALID_HANDLE);
        CHECK_FAILS(PostQueuedCompletionStatus(wrong[index], 0, 0, NULL), ERROR_INVALID_HANDLE);
    }
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(PostQueuedCompletionStatus(port, 0, 0, NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateIoCompletionPort(event, NULL, 0, 0), ERROR_INVALID_HANDLE);
    CHECK(CloseHandle(event));
}
