/* Group 12: waiting for what has overlapped operations. */
#include "objects.h"
#include "pair.h"

TEST(s170_a_socket_is_reset_by_a_start_and_set_by_a_completion)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    HANDLE handles[] = {event(TRUE, FALSE), (HANDLE)p.ours};
    char byte = 0;
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(WaitForSingleObject((HANDLE)p.ours, 0), WAIT_TIMEOUT);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(WaitForMultipleObjects(2, handles, FALSE, PATIENCE), WAIT_OBJECT_0 + 1);
    CHECK_EQ(byte, 'x');
    CHECK(takes((HANDLE)p.ours));
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(!takes((HANDLE)p.ours));
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    CHECK_EQ(WaitForSingleObject((HANDLE)p.ours, PATIENCE), WAIT_OBJECT_0);
    CHECK(CloseHandle(handles[0]));
    close_pair(p);
}

TEST(s170_a_pipe_is_signalled_until_an_operation_starts)
{
    const char *name = "\\\\.\\pipe\\g12";
    char path[100], byte = 0;
    HANDLE server, client;
    OVERLAPPED overlapped = {0};
    DWORD moved;
    snprintf(path, sizeof path, "%s of %lu", name, (unsigned long)GetCurrentProcessId());
    server = CreateNamedPipeA(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1, 100, 100, 0, NULL);
    CHECK(server != INVALID_HANDLE_VALUE);
    client = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(client != INVALID_HANDLE_VALUE);
    CHECK(takes(server));
    overlapped.hEvent = NULL;
    CHECK_FAILS(ReadFile(server, &byte, 1, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(!takes(server));
    CHECK(WriteFile(client, "y", 1, &moved, NULL) && moved == 1);
    CHECK_EQ(WaitForSingleObject(server, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQ(byte, 'y');
    CHECK(GetOverlappedResult(server, &overlapped, &moved, FALSE) && moved == 1);
    CHECK(CloseHandle(client) && CloseHandle(server));
}
