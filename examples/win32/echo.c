/* An echo server on a completion port: every connection gets back what it sends.
 *
 *     echo [PORT [WORKERS]]
 *
 * PORT 0, the default, takes a free one; the first line of output says which. The server ends at Ctrl-C, or when its
 * input says `quit` or ends: it accepts no more, lets go of everybody, and says what it has done.
 *
 * What to look at:
 *   - Each connection has one operation in flight, a receive or a send, and so needs one OVERLAPPED and no lock.
 *   - AcceptEx has several calls waiting, so that a burst of connections finds them ready.
 *   - What is in flight is counted. A block is freed by who takes its last packet, never earlier: until then the
 *     system may write to it.
 */
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
#include <process.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITING_ACCEPTS = 8, BUFFER_SIZE = 16 * 1024, MOST_WORKERS = 64 };

/* AcceptEx stores both addresses, each with room to spare as it demands. */
enum { ADDRESS_SIZE = sizeof(struct sockaddr_in) + 16 };

enum operation { ACCEPTING, RECEIVING, SENDING };

/* A connection, or one that is being waited for. The OVERLAPPED comes first: its address is that of the whole. */
struct connection {
    OVERLAPPED overlapped;
    enum operation operation;
    SOCKET socket;
    DWORD received;
    DWORD sent;
    struct connection *next;
    struct connection *previous;
    char addresses[2 * ADDRESS_SIZE];
    char buffer[BUFFER_SIZE];
};

static HANDLE port;
static HANDLE stop_event;
static HANDLE idle_event;
static SOCKET listener;
static LPFN_ACCEPTEX accept_ex;

static volatile LONG stopping;
static volatile LONG accepted;
static volatile LONG64 echoed;

/* All blocks that exist; when the list is empty and we are stopping, nothing is in flight. */
static CRITICAL_SECTION list_lock;
static struct connection *list;

static void die(const char *what)
{
    fprintf(stderr, "echo: %s: error %lu\n", what, (unsigned long)GetLastError());
    exit(1);
}

static struct connection *new_connection(void)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    connection->socket = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (connection->socket == INVALID_SOCKET) {
        free(connection);
        return NULL;
    }
    EnterCriticalSection(&list_lock);
    connection->next = list;
    if (list != NULL) {
        list->previous = connection;
    }
    list = connection;
    LeaveCriticalSection(&list_lock);
    return connection;
}

/* For who has taken the last packet, so that nothing of it is in flight. */
static void free_connection(struct connection *connection)
{
    closesocket(connection->socket);
    EnterCriticalSection(&list_lock);
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        list = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    int last = list == NULL;
    LeaveCriticalSection(&list_lock);
    free(connection);
    if (last) {
        SetEvent(idle_event);
    }
}

/* Each start_ function leaves the connection to its packet, or frees it if there will be none. */
static void start_accept(void)
{
    struct connection *connection = stopping ? NULL : new_connection();
    if (connection == NULL) {
        return;
    }
    DWORD ignored;
    connection->operation = ACCEPTING;
    if (!accept_ex(listener, connection->socket, connection->addresses, 0, ADDRESS_SIZE, ADDRESS_SIZE, &ignored,
                   &connection->overlapped) &&
        WSAGetLastError() != ERROR_IO_PENDING) {
        free_connection(connection);
    }
}

static void start_receive(struct connection *connection)
{
    WSABUF buffer = {BUFFER_SIZE, connection->buffer};
    DWORD flags = 0;
    memset(&connection->overlapped, 0, sizeof connection->overlapped);
    connection->operation = RECEIVING;
    if (WSARecv(connection->socket, &buffer, 1, NULL, &flags, &connection->overlapped, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        free_connection(connection);
    }
}

static void start_send(struct connection *connection)
{
    WSABUF buffer = {connection->received - connection->sent, connection->buffer + connection->sent};
    memset(&connection->overlapped, 0, sizeof connection->overlapped);
    connection->operation = SENDING;
    if (WSASend(connection->socket, &buffer, 1, NULL, 0, &connection->overlapped, NULL) != 0 &&
        WSAGetLastError() != WSA_IO_PENDING) {
        free_connection(connection);
    }
}

static void connected(struct connection *connection)
{
    BOOL no_delay = TRUE;
    start_accept();
    InterlockedIncrement(&accepted);
    /* Without this the socket does not know that it is connected: shutdown and getpeername would fail. */
    setsockopt(connection->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&listener, sizeof listener);
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, (char *)&no_delay, sizeof no_delay);
    if (CreateIoCompletionPort((HANDLE)connection->socket, port, (ULONG_PTR)connection, 0) == NULL) {
        free_connection(connection);
        return;
    }
    start_receive(connection);
}

static void completed(struct connection *connection, BOOL succeeded, DWORD bytes)
{
    if (succeeded && connection->operation == SENDING) {
        InterlockedExchangeAdd64(&echoed, bytes);
    }
    if (!succeeded || stopping) {
        int go_on = connection->operation == ACCEPTING;
        free_connection(connection);
        if (go_on) {
            start_accept();
        }
        return;
    }
    switch (connection->operation) {
    case ACCEPTING:
        connected(connection);
        break;
    case RECEIVING:
        if (bytes == 0) { /* The peer has said all. */
            shutdown(connection->socket, SD_SEND);
            free_connection(connection);
            break;
        }
        connection->received = bytes;
        connection->sent = 0;
        start_send(connection);
        break;
    case SENDING:
        connection->sent += bytes;
        if (connection->sent < connection->received) {
            start_send(connection);
        } else {
            start_receive(connection);
        }
        break;
    }
}

static unsigned __stdcall worker(void *argument)
{
    (void)argument;
    for (;;) {
        DWORD bytes = 0;
        ULONG_PTR key = 0;
        OVERLAPPED *overlapped = NULL;
        BOOL succeeded = GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE);
        if (overlapped == NULL) {
            return 0; /* What main posts at the end, or the port is gone. */
        }
        completed(CONTAINING_RECORD(overlapped, struct connection, overlapped), succeeded, bytes);
    }
}

static BOOL WINAPI console_event(DWORD event)
{
    (void)event;
    SetEvent(stop_event);
    return TRUE;
}

static unsigned __stdcall read_input(void *argument)
{
    char line[64];
    (void)argument;
    while (fgets(line, sizeof line, stdin) != NULL && strncmp(line, "quit", 4) != 0) {
    }
    SetEvent(stop_event);
    return 0;
}

static void listen_on(unsigned short number)
{
    struct sockaddr_in address;
    int length = sizeof address;
    GUID guid = WSAID_ACCEPTEX;
    DWORD bytes;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    listener = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (listener == INVALID_SOCKET || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        die("no socket to listen on");
    }
    /* The function belongs to the provider of the socket, which is asked for it. */
    if (WSAIoctl(listener, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &accept_ex, sizeof accept_ex,
                 &bytes, NULL, NULL) != 0) {
        die("no AcceptEx");
    }
    if (CreateIoCompletionPort((HANDLE)listener, port, 0, 0) == NULL) {
        die("the listener can't be associated");
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
}

/* Ends what is in flight; each connection is freed where its packet is taken. */
static void cancel_all(void)
{
    EnterCriticalSection(&list_lock);
    for (struct connection *connection = list; connection != NULL; connection = connection->next) {
        CancelIoEx((HANDLE)connection->socket, NULL);
    }
    LeaveCriticalSection(&list_lock);
}

static int nothing_left(void)
{
    EnterCriticalSection(&list_lock);
    int empty = list == NULL;
    LeaveCriticalSection(&list_lock);
    return empty;
}

int main(int argc, char **argv)
{
    HANDLE workers[MOST_WORKERS];
    WSADATA data;
    int number = argc > 1 ? atoi(argv[1]) : 0;
    int count = argc > 2 ? atoi(argv[2]) : 4;

    if (count < 1 || count > MOST_WORKERS || number < 0 || number > 65535) {
        fprintf(stderr, "echo [PORT [WORKERS]], with 1 to %d workers\n", MOST_WORKERS);
        return 2;
    }
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        fprintf(stderr, "echo: no Winsock\n");
        return 1;
    }
    InitializeCriticalSection(&list_lock);
    stop_event = CreateEventA(NULL, TRUE, FALSE, NULL);
    idle_event = CreateEventA(NULL, FALSE, FALSE, NULL);
    port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
    if (stop_event == NULL || idle_event == NULL || port == NULL) {
        die("no event or port");
    }
    SetConsoleCtrlHandler(console_event, TRUE);
    listen_on((unsigned short)number);
    for (int index = 0; index < count; index++) {
        workers[index] = (HANDLE)_beginthreadex(NULL, 0, worker, NULL, 0, NULL);
        if (workers[index] == NULL) {
            die("no thread");
        }
    }
    for (int index = 0; index < WAITING_ACCEPTS; index++) {
        start_accept();
    }
    HANDLE reader = (HANDLE)_beginthreadex(NULL, 0, read_input, NULL, 0, NULL);

    WaitForSingleObject(stop_event, INFINITE);
    InterlockedExchange(&stopping, 1);
    closesocket(listener);
    /* A worker that was between two operations may start one after all were cancelled: hence again and again. */
    while (!nothing_left()) {
        cancel_all();
        WaitForSingleObject(idle_event, 50);
    }
    for (int index = 0; index < count; index++) {
        PostQueuedCompletionStatus(port, 0, 0, NULL);
    }
    WaitForMultipleObjects((DWORD)count, workers, TRUE, INFINITE);
    for (int index = 0; index < count; index++) {
        CloseHandle(workers[index]);
    }
    CloseHandle(reader);
    CloseHandle(port);
    CloseHandle(idle_event);
    CloseHandle(stop_event);
    DeleteCriticalSection(&list_lock);
    WSACleanup();
    printf("%ld connections, %lld bytes\n", (long)accepted, (long long)echoed);
    return 0;
}
