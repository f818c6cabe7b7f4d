/* Two ends of a TCP connection on this machine, overlapped, as sockets are unless they are asked to be otherwise. */
#ifndef PROACTOR_TEST_PAIR_H
#define PROACTOR_TEST_PAIR_H

#include "test.h"

struct pair {
    SOCKET ours, theirs;
};

__attribute__((unused)) static void winsock(void)
{
    WSADATA data;
    CHECK_EQ(WSAStartup(MAKEWORD(2, 2), &data), 0);
}

__attribute__((unused)) static SOCKET listener(struct sockaddr_in *address)
{
    int length = sizeof *address;
    SOCKET listening = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    CHECK(listening != INVALID_SOCKET);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(listening, (struct sockaddr *)address, sizeof *address), 0);
    CHECK_EQ(listen(listening, 16), 0);
    CHECK_EQ(getsockname(listening, (struct sockaddr *)address, &length), 0);
    return listening;
}

__attribute__((unused)) static struct pair pair(void)
{
    struct pair pair;
    struct sockaddr_in address;
    SOCKET listening;
    winsock();
    listening = listener(&address);
    pair.theirs = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    CHECK(pair.theirs != INVALID_SOCKET);
    CHECK_EQ(connect(pair.theirs, (struct sockaddr *)&address, sizeof address), 0);
    pair.ours = accept(listening, NULL, NULL);
    CHECK(pair.ours != INVALID_SOCKET);
    CHECK_EQ(closesocket(listening), 0);
    return pair;
}

__attribute__((unused)) static void close_pair(struct pair pair)
{
    closesocket(pair.ours);
    closesocket(pair.theirs);
}

/* Starts a receive that has to wait. */
__attribute__((unused)) static void receive_later(SOCKET socket, char *into, DWORD length, OVERLAPPED *overlapped)
{
    WSABUF buffer = {length, into};
    DWORD flags = 0;
    CHECK_EQ(WSARecv(socket, &buffer, 1, NULL, &flags, overlapped, NULL), SOCKET_ERROR);
    CHECK_ERROR(WSA_IO_PENDING);
}

/* A new port. */
__attribute__((unused)) static HANDLE new_port(DWORD threads)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, threads);
    CHECK(port != NULL);
    return port;
}

__attribute__((unused)) static void associate(SOCKET socket, HANDLE port, ULONG_PTR key)
{
    CHECK_EQ(CreateIoCompletionPort((HANDLE)socket, port, key, 0), port);
}

struct packet {
    BOOL success;
    DWORD error, bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
};

/* Takes a packet that is there or comes soon. */
__attribute__((unused)) static struct packet take(HANDLE port)
{
    struct packet packet = {FALSE, 0, 0, 0, NULL};
    packet.success =
        GetQueuedCompletionStatus(port, &packet.bytes, &packet.key, &packet.overlapped, 10000);
    packet.error = packet.success ? 0 : GetLastError();
    CHECK(packet.success || packet.overlapped != NULL);
    return packet;
}

__attribute__((unused)) static void check_nothing_queued(HANDLE port)
{
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    CHECK_FAILS(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0), WAIT_TIMEOUT);
    CHECK(overlapped == NULL);
}

#endif
