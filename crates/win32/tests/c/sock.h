/* What the conformance programs about Winsock share: extension functions, addresses, and what comes later. */
#ifndef PROACTOR_TEST_SOCK_H
#define PROACTOR_TEST_SOCK_H

#define _WIN32_WINNT 0x0A00
/* All statuses are in a header of their own. */
#define WIN32_NO_STATUS
#include <winsock2.h>
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>

#include "help.h"

/* The function that a GUID stands for. */
static UNUSED void *extension(SOCKET socket, GUID guid)
{
    void *function = NULL;
    DWORD bytes = 0;
    CHECK_EQ(WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof guid, &function, sizeof function, &bytes,
                      NULL, NULL), 0);
    CHECK_EQ(bytes, (DWORD)sizeof function);
    CHECK(function != NULL);
    return function;
}

static UNUSED LPFN_CONNECTEX connect_ex(SOCKET socket)
{
    GUID guid = WSAID_CONNECTEX;
    return (LPFN_CONNECTEX)extension(socket, guid);
}

static UNUSED LPFN_DISCONNECTEX disconnect_ex(SOCKET socket)
{
    GUID guid = WSAID_DISCONNECTEX;
    return (LPFN_DISCONNECTEX)extension(socket, guid);
}

static UNUSED SOCKET new_socket(int type)
{
    SOCKET made;
    winsock();
    made = socket(AF_INET, type, 0);
    CHECK(made != INVALID_SOCKET);
    return made;
}

static UNUSED struct sockaddr_in loopback(unsigned short port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static UNUSED void bind_any(SOCKET socket)
{
    struct sockaddr_in address = loopback(0);
    CHECK_EQ(bind(socket, (struct sockaddr *)&address, sizeof address), 0);
}

static UNUSED struct sockaddr_in name_of(SOCKET socket)
{
    struct sockaddr_in address;
    int length = sizeof address;
    CHECK_EQ(getsockname(socket, (struct sockaddr *)&address, &length), 0);
    CHECK_EQ(length, (int)sizeof address);
    return address;
}

static UNUSED void connect_to(SOCKET socket, struct sockaddr_in address)
{
    CHECK_EQ(connect(socket, (struct sockaddr *)&address, sizeof address), 0);
}

/* An address at which nobody listens. */
static UNUSED struct sockaddr_in nobody(void)
{
    SOCKET gone = new_socket(SOCK_STREAM);
    struct sockaddr_in address;
    bind_any(gone);
    address = name_of(gone);
    closesocket(gone);
    return address;
}

static UNUSED void set_nonblocking(SOCKET socket, u_long on)
{
    CHECK_EQ(ioctlsocket(socket, FIONBIO, &on), 0);
}

/* The call gives SOCKET_ERROR, and this last error. */
#define CHECK_SOCKET_FAILS(call, code)                                                                               \
    do {                                                                                                             \
        SetLastError(0xdeadbeef);                                                                                    \
        if ((call) != SOCKET_ERROR) {                                                                                \
            test_fail(__FILE__, __LINE__, "%s succeeds", #call);                                                     \
        }                                                                                                            \
        CHECK_ERROR(code);                                                                                           \
    } while (0)

/* The call gives 0, and clears the last error (S327). */
#define CHECK_SUCCEEDS(call)                                                                                         \
    do {                                                                                                             \
        SetLastError(0xdeadbeef);                                                                                    \
        CHECK_EQ(call, 0);                                                                                           \
        CHECK_ERROR(0);                                                                                              \
    } while (0)

/* Receives exactly so many bytes. */
static UNUSED void receive_all(SOCKET socket, char *into, int length)
{
    int done = 0;
    while (done < length) {
        int count = recv(socket, into + done, length - done, 0);
        CHECK(count > 0);
        done += count;
    }
}

/* The end of an operation, waited for. */
static UNUSED DWORD await(SOCKET socket, OVERLAPPED *overlapped)
{
    DWORD bytes = 0x5a5a5a5a, flags;
    CHECK(WSAGetOverlappedResult(socket, overlapped, &bytes, TRUE, &flags));
    return bytes;
}

static UNUSED DWORD await_failure(SOCKET socket, OVERLAPPED *overlapped)
{
    DWORD bytes, flags;
    CHECK(!WSAGetOverlappedResult(socket, overlapped, &bytes, TRUE, &flags));
    return GetLastError();
}

/* It is under way, or has ended with success at once. */
#define CHECK_STARTED(result)                                                                                        \
    do {                                                                                                             \
        if ((result) != 0) {                                                                                         \
            CHECK_ERROR(WSA_IO_PENDING);                                                                             \
        }                                                                                                            \
    } while (0)

#endif
