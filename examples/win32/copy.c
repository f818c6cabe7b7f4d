/* Copies a file with unbuffered overlapped I/O, several requests in flight, on a completion port.
 *
 *     copy SOURCE TARGET [REQUESTS]
 *
 * What to look at:
 *   - An overlapped file has no position: each request carries its offset, so that any order of completion is right.
 *   - A buffer goes in a circle: it is read into, written out, and read into again. With eight of them the disks never
 *     wait for us.
 *   - Without buffering, offsets, lengths and addresses have to be multiples of the sector's size. VirtualAlloc gives
 *     whole pages. The last write is rounded up to a sector, and the file's end is set to where it belongs afterwards.
 *   - One thread is enough: it only moves requests on.
 */
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600
#endif

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sectors are smaller or as large; a page always is a multiple of them. */
enum { BLOCK_SIZE = 256 * 1024, SECTOR = 4096, MOST_REQUESTS = 64 };

enum { SOURCE_KEY = 1, TARGET_KEY };

/* One buffer and where in the file it is at present. */
struct request {
    OVERLAPPED overlapped;
    char *buffer;
    ULONGLONG offset;
    DWORD bytes;
};

static HANDLE port;
static HANDLE source;
static HANDLE target;
static ULONGLONG size;
static ULONGLONG next_offset;
static ULONGLONG copied;
static int in_flight;
static DWORD failure;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "copy: %s %s: error %lu\n", what, name, (unsigned long)GetLastError());
    exit(1);
}

static HANDLE open_file(const char *name, DWORD access, DWORD disposition, DWORD key)
{
    HANDLE file = CreateFileA(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, disposition,
                              FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        die("can't open", name);
    }
    if (CreateIoCompletionPort(file, port, key, 0) == NULL) {
        die("can't associate", name);
    }
    return file;
}

static void place(struct request *request)
{
    memset(&request->overlapped, 0, sizeof request->overlapped);
    request->overlapped.Offset = (DWORD)request->offset;
    request->overlapped.OffsetHigh = (DWORD)(request->offset >> 32);
}

/* Counts what was started; there is a packet for it even if it is done already. */
static void started(BOOL at_once)
{
    if (at_once || GetLastError() == ERROR_IO_PENDING) {
        in_flight++;
    } else if (failure == 0) {
        failure = GetLastError();
    }
}

/* Reads the next block that nobody reads yet, if there is one. */
static void start_read(struct request *request)
{
    if (failure != 0 || next_offset >= size) {
        return;
    }
    request->offset = next_offset;
    next_offset += BLOCK_SIZE;
    place(request);
    started(ReadFile(source, request->buffer, BLOCK_SIZE, NULL, &request->overlapped));
}

static void start_write(struct request *request, DWORD bytes)
{
    DWORD whole_sectors = (bytes + SECTOR - 1) / SECTOR * SECTOR;
    request->bytes = bytes;
    memset(request->buffer + bytes, 0, whole_sectors - bytes);
    place(request);
    started(WriteFile(target, request->buffer, whole_sectors, NULL, &request->overlapped));
}

static void take_one_packet(void)
{
    DWORD bytes = 0;
    ULONG_PTR key = 0;
    OVERLAPPED *overlapped = NULL;
    BOOL succeeded = GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE);
    if (overlapped == NULL) {
        die("no packet from", "the port");
    }
    struct request *request = CONTAINING_RECORD(overlapped, struct request, overlapped);
    in_flight--;
    if (!succeeded) {
        if (failure == 0) {
            failure = GetLastError();
        }
    } else if (key == SOURCE_KEY) {
        start_write(request, bytes);
    } else {
        copied += request->bytes;
        start_read(request);
    }
}

/* The last sector was written whole. Without buffering an end can't be set but at a sector: another handle can. */
static void set_end(const char *name)
{
    LARGE_INTEGER end;
    HANDLE file = CreateFileA(name, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
    end.QuadPart = (LONGLONG)size;
    if (file == INVALID_HANDLE_VALUE || !SetFilePointerEx(file, end, NULL, FILE_BEGIN) || !SetEndOfFile(file)) {
        die("can't set the end of", name);
    }
    CloseHandle(file);
}

int main(int argc, char **argv)
{
    struct request requests[MOST_REQUESTS];
    LARGE_INTEGER whole;
    int count = argc > 3 ? atoi(argv[3]) : 8;

    if (argc < 3 || count < 1 || count > MOST_REQUESTS) {
        fprintf(stderr, "copy SOURCE TARGET [REQUESTS], with 1 to %d requests\n", MOST_REQUESTS);
        return 2;
    }
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (port == NULL) {
        die("can't make", "a port");
    }
    source = open_file(argv[1], GENERIC_READ, OPEN_EXISTING, SOURCE_KEY);
    target = open_file(argv[2], GENERIC_WRITE, CREATE_ALWAYS, TARGET_KEY);
    if (!GetFileSizeEx(source, &whole)) {
        die("can't tell the size of", argv[1]);
    }
    size = (ULONGLONG)whole.QuadPart;

    memset(requests, 0, sizeof requests);
    for (int index = 0; index < count; index++) {
        requests[index].buffer = VirtualAlloc(NULL, BLOCK_SIZE, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
        if (requests[index].buffer == NULL) {
            die("no memory for", "a buffer");
        }
        start_read(&requests[index]);
    }
    /* Also after a failure: what is in flight still uses its buffer. */
    while (in_flight > 0) {
        take_one_packet();
    }
    for (int index = 0; index < count; index++) {
        VirtualFree(requests[index].buffer, 0, MEM_RELEASE);
    }
    CloseHandle(source);
    CloseHandle(target);
    CloseHandle(port);
    if (failure != 0) {
        SetLastError(failure);
        die("can't copy", argv[1]);
    }
    set_end(argv[2]);
    printf("%llu bytes copied\n", (unsigned long long)copied);
    return 0;
}
