/* Packets as the native layer has them: the value is the caller's, and the status block takes the OVERLAPPED's place. */
#include "help.h"

#include <winternl.h>

#ifndef __linux__
/* What mingw's header leaves out. */
typedef struct {
    PVOID KeyContext;
    PVOID ApcContext;
    IO_STATUS_BLOCK IoStatusBlock;
} FILE_IO_COMPLETION_INFORMATION;
NTSYSAPI NTSTATUS NTAPI NtCreateIoCompletion(PHANDLE, ACCESS_MASK, POBJECT_ATTRIBUTES, ULONG);
NTSYSAPI NTSTATUS NTAPI NtSetIoCompletion(HANDLE, ULONG_PTR, ULONG_PTR, NTSTATUS, SIZE_T);
NTSYSAPI NTSTATUS NTAPI NtRemoveIoCompletion(HANDLE, PULONG_PTR, PULONG_PTR, PIO_STATUS_BLOCK, PLARGE_INTEGER);
NTSYSAPI NTSTATUS NTAPI NtRemoveIoCompletionEx(HANDLE, FILE_IO_COMPLETION_INFORMATION *, ULONG, PULONG, PLARGE_INTEGER,
                                               BOOLEAN);
NTSYSAPI NTSTATUS NTAPI NtQueryIoCompletion(HANDLE, int, PVOID, ULONG, PULONG);
NTSYSAPI NTSTATUS NTAPI NtReadFile(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK, PVOID, ULONG, PLARGE_INTEGER,
                                   PULONG);
NTSYSAPI NTSTATUS NTAPI NtWriteFile(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK, const void *, ULONG,
                                    PLARGE_INTEGER, PULONG);
NTSYSAPI NTSTATUS NTAPI NtSetInformationFile(HANDLE, PIO_STATUS_BLOCK, PVOID, ULONG, FILE_INFORMATION_CLASS);
NTSYSAPI NTSTATUS NTAPI NtCancelIoFileEx(HANDLE, PIO_STATUS_BLOCK, PIO_STATUS_BLOCK);
NTSYSAPI NTSTATUS NTAPI NtCancelIoFile(HANDLE, PIO_STATUS_BLOCK);
NTSYSAPI NTSTATUS NTAPI NtFlushBuffersFile(HANDLE, PIO_STATUS_BLOCK);
#endif

#define OK ((NTSTATUS)0)
#define PENDING ((NTSTATUS)0x103)
#define CODE(value) ((NTSTATUS)(value))

/* Classes that not every header names. */
#define STANDARD_CLASS ((FILE_INFORMATION_CLASS)5)
#define END_OF_FILE_CLASS ((FILE_INFORMATION_CLASS)20)
#define POSITION_CLASS ((FILE_INFORMATION_CLASS)14)
#define COMPLETION_CLASS ((FILE_INFORMATION_CLASS)30)
#define NOTIFICATION_CLASS ((FILE_INFORMATION_CLASS)41)

static HANDLE native_port(void)
{
    HANDLE port = NULL;
    CHECK_EQ(NtCreateIoCompletion(&port, 0x1f0003 /* IO_COMPLETION_ALL_ACCESS */, NULL, 0), OK);
    CHECK(port != NULL);
    return port;
}

static void set_port(HANDLE file, HANDLE port, ULONG_PTR key)
{
    struct {
        HANDLE port;
        ULONG_PTR key;
    } completion = {port, key};
    IO_STATUS_BLOCK block;
    CHECK_EQ(NtSetInformationFile(file, &block, &completion, sizeof completion, COMPLETION_CLASS), OK);
}

/* What the next packet brings, if there is one. */
struct native {
    NTSTATUS status;
    ULONG_PTR key, value;
    IO_STATUS_BLOCK block;
};

static struct native next(HANDLE port, LONGLONG timeout)
{
    struct native packet = {.key = 0x5a5a, .value = 0x5a5a};
    LARGE_INTEGER within;
    within.QuadPart = timeout;
    packet.block.Status = 0x5a5a;
    packet.block.Information = 0x5a5a;
    packet.status = NtRemoveIoCompletion(port, &packet.key, &packet.value, &packet.block, &within);
    return packet;
}

#define SOON (-100000000LL)

TEST(s022_the_context_is_the_packets_value_and_none_means_no_packet)
{
    HANDLE port = native_port(), server, client;
    IO_STATUS_BLOCK quiet, loud;
    LARGE_INTEGER start = {.QuadPart = 0};
    struct native packet;
    char one[4], two[4];
    DWORD written;
    pipe_pair(&server, &client);
    set_port(server, port, 7);
    memset(&quiet, 0x5a, sizeof quiet);
    memset(&loud, 0x5a, sizeof loud);
    CHECK_EQ(NtReadFile(server, NULL, NULL, NULL, &quiet, one, sizeof one, &start, NULL), PENDING);
    CHECK_EQ(NtReadFile(server, NULL, NULL, (PVOID)0x1234, &loud, two, sizeof two, &start, NULL), PENDING);
    CHECK(WriteFile(client, "onlytell", 8, &written, NULL));
    packet = next(port, SOON);
    CHECK_EQ(packet.status, OK);
    CHECK_EQ(packet.key, 7u);
    CHECK_EQ(packet.value, 0x1234u);
    CHECK_EQ(packet.block.Status, OK);
    CHECK_EQ(packet.block.Information, 4u);
    EVENTUALLY(*(volatile NTSTATUS *)&quiet.Status == OK);
    CHECK(memcmp(one, "only", 4) == 0 && memcmp(two, "tell", 4) == 0);
    CHECK_EQ(next(port, 0).status, CODE(STATUS_TIMEOUT));
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(native_a_posted_packet_has_the_status_it_was_given)
{
    HANDLE port = native_port();
    struct native packet;
    LONG depth = 77;
    ULONG returned = 77;
    CHECK_EQ(NtSetIoCompletion(port, 1, 2, CODE(0xc0000120), 3), OK);
    CHECK_EQ(NtSetIoCompletion(port, 4, 0, OK, (SIZE_T)5 << 32), OK);
    CHECK_EQ(NtQueryIoCompletion(port, 0, &depth, sizeof depth, &returned), OK);
    CHECK_EQ(depth, 2);
    CHECK_EQ(returned, 4u);
    CHECK_EQ(NtQueryIoCompletion(port, 0, &depth, 2, NULL), CODE(0xc0000004));
    packet = next(port, 0);
    CHECK_EQ(packet.status, OK);
    CHECK_EQ(packet.key, 1u);
    CHECK_EQ(packet.value, 2u);
    CHECK_EQ(packet.block.Status, CODE(0xc0000120));
    CHECK_EQ(packet.block.Information, 3u);
    packet = next(port, SOON);
    CHECK_EQ(packet.block.Information, (SIZE_T)5 << 32);
    packet = next(port, 0);
    CHECK_EQ(packet.status, CODE(STATUS_TIMEOUT));
    CHECK_EQ(packet.key, 0x5a5au);
    CHECK(CloseHandle(port));
}

TEST(s044_none_at_all_can_not_be_removed)
{
    HANDLE port = native_port();
    FILE_IO_COMPLETION_INFORMATION entries[3];
    LARGE_INTEGER now = {.QuadPart = 0};
    ULONG removed = 77;
    wine_differs("it takes none, and says that all is well");
    CHECK_EQ(NtRemoveIoCompletionEx(port, entries, 0, &removed, &now, FALSE), CODE(0xc000000d));
    CHECK_EQ(removed, 77u);
    CHECK_EQ(NtSetIoCompletion(port, 1, 2, OK, 3), OK);
    CHECK_EQ(NtSetIoCompletion(port, 4, 5, OK, 6), OK);
    CHECK_EQ(NtRemoveIoCompletionEx(port, entries, 3, &removed, &now, FALSE), OK);
    CHECK_EQ(removed, 2u);
    CHECK_EQ((ULONG_PTR)entries[1].KeyContext, 4u);
    CHECK_EQ((ULONG_PTR)entries[1].ApcContext, 5u);
    CHECK_EQ(entries[1].IoStatusBlock.Information, 6u);
    CHECK(CloseHandle(port));
}

static DWORD WINAPI wait_for_packets(void *port)
{
    FILE_IO_COMPLETION_INFORMATION entry;
    ULONG removed;
    return (DWORD)NtRemoveIoCompletionEx(port, &entry, 1, &removed, NULL, TRUE);
}

TEST(s069_a_wait_is_abandoned_with_its_port)
{
    HANDLE port = native_port(), thread;
    wine_differs("a waiter keeps its port");
    thread = new_thread(wait_for_packets, port);
    test_pause();
    CHECK(CloseHandle(port));
    {
        /* The thread may have come too late to find the port at all. */
        DWORD status = join(thread);
        CHECK(status == 0x80 || status == 0xc0000008);
    }
}

static int called;

static void NTAPI routine(PVOID context, PIO_STATUS_BLOCK block, ULONG reserved)
{
    CHECK_EQ((ULONG_PTR)context, 0x77u);
    CHECK_EQ(block->Information, 4u);
    CHECK_EQ(reserved, 0u);
    called++;
}

TEST(s011_a_call_is_refused_where_a_port_is)
{
    HANDLE port = native_port(), server, client;
    IO_STATUS_BLOCK block;
    LARGE_INTEGER start = {.QuadPart = 0};
    char buffer[4];
    DWORD written;
    pipe_pair(&server, &client);
    called = 0;
    CHECK_EQ(NtReadFile(server, NULL, routine, (PVOID)0x77, &block, buffer, sizeof buffer, &start, NULL), PENDING);
    CHECK(WriteFile(client, "data", 4, &written, NULL));
    CHECK_EQ(SleepEx(10000, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(called, 1);
    set_port(server, port, 1);
    CHECK_EQ(NtReadFile(server, NULL, routine, NULL, &block, buffer, sizeof buffer, &start, NULL), CODE(0xc000000d));
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(s029_an_event_is_set_and_the_packet_comes_as_well)
{
    HANDLE port = native_port(), event = new_event(TRUE, TRUE), server, client;
    IO_STATUS_BLOCK block;
    LARGE_INTEGER start = {.QuadPart = 0};
    char buffer[4];
    DWORD written;
    pipe_pair(&server, &client);
    set_port(server, port, 1);
    CHECK_EQ(NtReadFile(server, event, NULL, &block, &block, buffer, sizeof buffer, &start, NULL), PENDING);
    CHECK(!is_signalled(event));
    CHECK(WriteFile(client, "data", 4, &written, NULL));
    CHECK_EQ(WaitForSingleObject(event, 10000), (DWORD)WAIT_OBJECT_0);
    CHECK_EQ(block.Status, OK);
    CHECK_EQ(block.Information, 4u);
    CHECK_EQ(next(port, SOON).value, (ULONG_PTR)&block);
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port) && CloseHandle(event));
}

TEST(s096_a_mode_of_the_native_call_is_taken)
{
    HANDLE server, client;
    IO_STATUS_BLOCK block;
    ULONG flags = 4 /* FILE_SKIP_SET_USER_EVENT_ON_FAST_IO */;
    pipe_pair(&server, &client);
    CHECK_EQ(NtSetInformationFile(server, &block, &flags, sizeof flags, NOTIFICATION_CLASS), OK);
    CHECK_EQ(NtSetInformationFile(server, &block, &flags, 2, NOTIFICATION_CLASS), CODE(0xc0000004));
    flags = 1;
    CHECK_EQ(NtSetInformationFile(client, &block, &flags, sizeof flags, NOTIFICATION_CLASS), CODE(0xc000000d));
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(s287_minus_two_is_the_position_of_a_synchronous_file_alone)
{
    HANDLE file = new_file("s287", 0), other = new_file("s287 overlapped", FILE_FLAG_OVERLAPPED);
    IO_STATUS_BLOCK block;
    LARGE_INTEGER position = {.QuadPart = -2}, end = {.QuadPart = -1}, below = {.QuadPart = -3}, found;
    char buffer[8];
    CHECK_EQ(NtWriteFile(file, NULL, NULL, NULL, &block, "01234567", 8, NULL, NULL), OK);
    found.QuadPart = 2;
    CHECK_EQ(NtSetInformationFile(file, &block, &found, sizeof found, POSITION_CLASS), OK);
    CHECK_EQ(NtReadFile(file, NULL, NULL, NULL, &block, buffer, 2, &position, NULL), OK);
    CHECK(memcmp(buffer, "23", 2) == 0);
    CHECK_EQ(NtReadFile(file, NULL, NULL, NULL, &block, buffer, 2, NULL, NULL), OK);
    CHECK(memcmp(buffer, "45", 2) == 0);
    CHECK_EQ(NtWriteFile(file, NULL, NULL, NULL, &block, "end", 3, &end, NULL), OK);
    CHECK_EQ(GetFileSize(file, NULL), 11u);
    memset(&block, 0x5a, sizeof block);
    CHECK_EQ(NtReadFile(file, NULL, NULL, NULL, &block, buffer, 2, &below, NULL), CODE(0xc000000d));
    CHECK_EQ(NtReadFile(other, NULL, NULL, NULL, &block, buffer, 2, &position, NULL), CODE(0xc000000d));
    CHECK_EQ(NtReadFile(other, NULL, NULL, NULL, &block, buffer, 2, NULL, NULL), CODE(0xc000000d));
    CHECK_EQ(block.Information, (ULONG_PTR)0x5a5a5a5a5a5a5a5a);
    CHECK(CloseHandle(file) && CloseHandle(other));
}

TEST(s299_of_what_was_read_synchronously_nobody_is_called)
{
    HANDLE file = new_file("s299", 0);
    IO_STATUS_BLOCK block;
    LARGE_INTEGER start = {.QuadPart = 0};
    char buffer[4];
    wine_differs("it calls of what was read as well");
    called = 0;
    CHECK_EQ(NtWriteFile(file, NULL, routine, (PVOID)0x77, &block, "data", 4, &start, NULL), OK);
    CHECK_EQ(called, 0);
    CHECK_EQ(SleepEx(0, TRUE), (DWORD)WAIT_IO_COMPLETION);
    CHECK_EQ(called, 1);
    CHECK_EQ(NtReadFile(file, NULL, routine, (PVOID)0x77, &block, buffer, sizeof buffer, &start, NULL), OK);
    CHECK_EQ(SleepEx(0, TRUE), 0u);
    CHECK_EQ(called, 1);
    CHECK(CloseHandle(file));
}

TEST(s321_an_overlapped_socket_is_read_at_an_offset_that_means_nothing)
{
    struct pair p = pair();
    IO_STATUS_BLOCK block;
    LARGE_INTEGER somewhere = {.QuadPart = 77}, below = {.QuadPart = -1};
    HANDLE event = new_event(TRUE, FALSE), socket = (HANDLE)p.ours;
    char buffer[4];
    wine_differs("it asks for no offset");
    CHECK_EQ(NtReadFile(socket, event, NULL, NULL, &block, buffer, sizeof buffer, NULL, NULL), CODE(0xc000000d));
    CHECK_EQ(NtReadFile(socket, event, NULL, NULL, &block, buffer, sizeof buffer, &below, NULL), CODE(0xc000000d));
    CHECK_EQ(NtReadFile(socket, event, NULL, NULL, &block, buffer, sizeof buffer, &somewhere, NULL), PENDING);
    CHECK_EQ(send(p.theirs, "data", 4, 0), 4);
    CHECK_EQ(WaitForSingleObject(event, 10000), (DWORD)WAIT_OBJECT_0);
    CHECK_EQ(block.Status, OK);
    CHECK_EQ(block.Information, 4u);
    close_pair(p);
    CHECK(CloseHandle(event));
}

TEST(s100_one_operation_is_cancelled_by_its_status_block)
{
    HANDLE port = native_port(), server, client;
    IO_STATUS_BLOCK one, two, answer;
    LARGE_INTEGER start = {.QuadPart = 0};
    char buffer[4];
    struct native packet;
    pipe_pair(&server, &client);
    set_port(server, port, 1);
    CHECK_EQ(NtReadFile(server, NULL, NULL, (PVOID)1, &one, buffer, sizeof buffer, &start, NULL), PENDING);
    CHECK_EQ(NtReadFile(server, NULL, NULL, (PVOID)2, &two, buffer, sizeof buffer, &start, NULL), PENDING);
    CHECK_EQ(NtCancelIoFileEx(server, &two, &answer), OK);
    packet = next(port, SOON);
    CHECK_EQ(packet.value, 2u);
    CHECK_EQ(packet.block.Status, CODE(0xc0000120));
    CHECK_EQ(NtCancelIoFileEx(server, &two, &answer), CODE(0xc0000225));
    CHECK_EQ(next(port, 0).status, CODE(STATUS_TIMEOUT));
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(s389_a_status_is_an_error_of_win32)
{
    CHECK_EQ(RtlNtStatusToDosError(OK), 0u);
    CHECK_EQ(RtlNtStatusToDosError(CODE(0xc0000120)), (ULONG)ERROR_OPERATION_ABORTED);
    CHECK_EQ(RtlNtStatusToDosError(CODE(0x80000005)), (ULONG)ERROR_MORE_DATA);
    CHECK_EQ(RtlNtStatusToDosError(CODE(0xc000014b)), (ULONG)ERROR_BROKEN_PIPE);
    CHECK_EQ(RtlNtStatusToDosError(CODE(0xc0ffee00)), (ULONG)ERROR_MR_MID_NOT_FOUND);
}

TEST(native_a_file_tells_what_it_is_and_takes_what_it_is_told)
{
    HANDLE file = new_file("told", 0);
    IO_STATUS_BLOCK block;
    LARGE_INTEGER number;
    struct {
        LARGE_INTEGER allocated, end;
        ULONG links;
        BOOLEAN pending, directory;
    } standard;
    CHECK_EQ(NtWriteFile(file, NULL, NULL, NULL, &block, "0123456789", 10, NULL, NULL), OK);
    CHECK_EQ(NtFlushBuffersFile(file, &block), OK);
    memset(&standard, 0x5a, sizeof standard);
    CHECK_EQ(NtQueryInformationFile(file, &block, &standard, sizeof standard, STANDARD_CLASS), OK);
    CHECK_EQ(block.Information, sizeof standard);
    CHECK_EQ(standard.end.QuadPart, 10);
    CHECK_EQ(standard.links, 1u);
    CHECK(!standard.pending && !standard.directory);
    CHECK_EQ(NtQueryInformationFile(file, &block, &number, sizeof number, POSITION_CLASS), OK);
    CHECK_EQ(number.QuadPart, 10);
    number.QuadPart = 4;
    CHECK_EQ(NtSetInformationFile(file, &block, &number, sizeof number, END_OF_FILE_CLASS), OK);
    CHECK_EQ(GetFileSize(file, NULL), 4u);
    CHECK_EQ(NtQueryInformationFile(file, &block, &number, 4, POSITION_CLASS), CODE(0xc0000004));
    CHECK_EQ(NtQueryInformationFile((HANDLE)0x7ff0, &block, &number, sizeof number, POSITION_CLASS), CODE(0xc0000008));
    CHECK(CloseHandle(file));
}

TEST(native_handles_that_are_none_are_refused)
{
    HANDLE event = new_event(TRUE, FALSE), port = native_port();
    HANDLE handles[] = {NULL, (HANDLE)0x7ff0, event, port};
    IO_STATUS_BLOCK block;
    LARGE_INTEGER start = {.QuadPart = 0};
    ULONG_PTR key, value;
    char byte;
    for (size_t turn = 0; turn < sizeof handles / sizeof *handles; turn++) {
        NTSTATUS wanted = turn < 2 ? CODE(0xc0000008) : CODE(0xc0000024);
        CHECK_EQ(NtReadFile(handles[turn], NULL, NULL, NULL, &block, &byte, 1, &start, NULL), wanted);
        CHECK_EQ(NtWriteFile(handles[turn], NULL, NULL, NULL, &block, &byte, 1, &start, NULL), wanted);
        if (turn < 2) {
            CHECK_EQ(NtCancelIoFile(handles[turn], &block), wanted);
        }
        if (handles[turn] != port) {
            CHECK_EQ(NtSetIoCompletion(handles[turn], 1, 2, OK, 3), wanted);
            CHECK_EQ(NtRemoveIoCompletion(handles[turn], &key, &value, &block, &start), wanted);
        }
    }
    CHECK(CloseHandle(event) && CloseHandle(port));
}
