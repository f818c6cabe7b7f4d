/* Winsock beside overlapped calls: select, WSAPoll, network events, and sockets that do not block. */
#include "sock.h"

static int ready(SOCKET socket, int which, long milliseconds)
{
    fd_set set;
    struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
    int count;
    FD_ZERO(&set);
    FD_SET(socket, &set);
    count = select(0, which == 0 ? &set : NULL, which == 1 ? &set : NULL, which == 2 ? &set : NULL, &time);
    CHECK(count == 0 || count == 1);
    CHECK_EQ(FD_ISSET(socket, &set) != 0, count == 1);
    return count;
}

TEST(select_tells_who_can_read_and_write)
{
    struct pair p = pair();
    struct sockaddr_in address;
    SOCKET listening = listener(&address), client = new_socket(SOCK_STREAM), served;
    fd_set reading, writing;
    struct timeval time = {10, 0};
    CHECK_EQ(ready(p.ours, 0, 0), 0);
    CHECK_EQ(ready(p.ours, 1, 0), 1);
    CHECK_EQ(ready(p.ours, 2, 0), 0);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(ready(p.ours, 0, 10000), 1);
    CHECK_EQ(ready(listening, 0, 0), 0);
    connect_to(client, address);
    CHECK_EQ(ready(listening, 0, 10000), 1);
    served = accept(listening, NULL, NULL);
    CHECK(served != INVALID_SOCKET);
    FD_ZERO(&reading);
    FD_ZERO(&writing);
    FD_SET(p.ours, &reading);
    FD_SET(served, &reading);
    FD_SET(p.ours, &writing);
    CHECK_EQ(select(0, &reading, &writing, NULL, &time), 2);
    CHECK(reading.fd_count == 1 && FD_ISSET(p.ours, &reading) && FD_ISSET(p.ours, &writing));
    closesocket(client);
    CHECK_EQ(ready(served, 0, 10000), 1);
    closesocket(served);
    closesocket(listening);
    close_pair(p);
}

TEST(select_refuses_what_makes_no_sense)
{
    struct pair p = pair();
    fd_set set;
    struct timeval zero = {0, 0}, negative = {-1, 0};
    FD_ZERO(&set);
    CHECK_SOCKET_FAILS(select(0, NULL, NULL, NULL, &zero), WSAEINVAL);
    CHECK_SOCKET_FAILS(select(0, &set, NULL, NULL, &zero), WSAEINVAL);
    FD_SET(p.ours, &set);
    FD_SET(INVALID_SOCKET, &set);
    CHECK_SOCKET_FAILS(select(0, &set, NULL, NULL, &zero), WSAENOTSOCK);
    FD_ZERO(&set);
    FD_SET(p.ours, &set);
    only_ours("elsewhere a negative time is a long one");
    CHECK_SOCKET_FAILS(select(0, &set, NULL, NULL, &negative), WSAEINVAL);
    close_pair(p);
}

TEST(polling_tells_the_same)
{
    struct pair p = pair();
    WSAPOLLFD list[2];
    list[0].fd = p.ours;
    list[0].events = POLLRDNORM | POLLWRNORM;
    list[1].fd = p.theirs;
    list[1].events = POLLRDNORM;
    CHECK_EQ(WSAPoll(list, 2, 0), 1);
    CHECK(list[0].revents == POLLWRNORM && list[1].revents == 0);
    CHECK_EQ(send(p.ours, "abc", 3, 0), 3);
    CHECK_EQ(WSAPoll(&list[1], 1, 10000), 1);
    CHECK_EQ(list[1].revents, POLLRDNORM);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    closesocket(p.theirs);
    list[0].events = POLLRDNORM;
    EVENTUALLY(WSAPoll(list, 1, 10) == 1 && (list[0].revents & (POLLRDNORM | POLLHUP)));
    CHECK_SOCKET_FAILS(WSAPoll(NULL, 0, 0), WSAEINVAL);
    wine_differs("it may be asked for what is told anyway");
    list[0].events = POLLERR;
    CHECK_SOCKET_FAILS(WSAPoll(list, 1, 0), WSAEINVAL);
    closesocket(p.ours);
}

TEST(a_socket_that_does_not_block_says_so)
{
    struct pair p = pair();
    struct sockaddr_in address;
    SOCKET listening = listener(&address);
    char data[8];
    set_nonblocking(p.ours, 1);
    set_nonblocking(listening, 1);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAEWOULDBLOCK);
    CHECK_EQ(accept(listening, NULL, NULL), INVALID_SOCKET);
    CHECK_ERROR(WSAEWOULDBLOCK);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(ready(p.ours, 0, 10000), 1);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 3);
    set_nonblocking(p.ours, 0);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 3);
    closesocket(listening);
    close_pair(p);
}

static LONG events_of(SOCKET socket, WSAEVENT event, WSANETWORKEVENTS *events)
{
    memset(events, 0xff, sizeof *events);
    CHECK_EQ(WSAEnumNetworkEvents(socket, event, events), 0);
    return events->lNetworkEvents;
}

static void expect_event(SOCKET socket, WSAEVENT event, LONG wanted)
{
    WSANETWORKEVENTS events;
    CHECK_EQ(WSAWaitForMultipleEvents(1, &event, FALSE, 10000, FALSE), (DWORD)WSA_WAIT_EVENT_0);
    CHECK_EQ(events_of(socket, event, &events), wanted);
    for (int bit = 0; bit < FD_MAX_EVENTS; bit++) {
        CHECK(!(wanted & (1 << bit)) || events.iErrorCode[bit] == 0);
    }
}

TEST(network_events_are_told_once_until_they_are_made_use_of)
{
    struct pair p = pair();
    WSAEVENT event = WSACreateEvent();
    WSANETWORKEVENTS events;
    char data[16];
    CHECK(event != WSA_INVALID_EVENT);
    CHECK_EQ(WSAEventSelect(p.ours, event, FD_READ | FD_WRITE | FD_CLOSE), 0);
    expect_event(p.ours, event, FD_WRITE);
    CHECK(!is_signalled(event));
    CHECK_EQ(send(p.theirs, "abcdef", 6, 0), 6);
    expect_event(p.ours, event, FD_READ);
    CHECK_EQ(events_of(p.ours, event, &events), 0);
    CHECK_EQ(recv(p.ours, data, 2, 0), 2);
    expect_event(p.ours, event, FD_READ);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 4);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAEWOULDBLOCK);
    CHECK_EQ(events_of(p.ours, event, &events), 0);
    closesocket(p.theirs);
    expect_event(p.ours, event, FD_CLOSE);
    closesocket(p.ours);
    CHECK(WSACloseEvent(event));
}

TEST(network_events_of_listeners_and_connects)
{
    struct sockaddr_in address;
    SOCKET listening, client, served;
    WSAEVENT accepting = WSACreateEvent(), connecting = WSACreateEvent();
    winsock();
    listening = listener(&address);
    client = new_socket(SOCK_STREAM);
    CHECK_EQ(WSAEventSelect(listening, accepting, FD_ACCEPT | FD_CLOSE), 0);
    CHECK_EQ(WSAEventSelect(client, connecting, FD_CONNECT), 0);
    CHECK_SOCKET_FAILS(connect(client, (struct sockaddr *)&address, sizeof address), WSAEWOULDBLOCK);
    expect_event(client, connecting, FD_CONNECT);
    expect_event(listening, accepting, FD_ACCEPT);
    served = accept(listening, NULL, NULL);
    CHECK(served != INVALID_SOCKET);
    closesocket(served);
    closesocket(client);
    closesocket(listening);
    WSACloseEvent(accepting);
    WSACloseEvent(connecting);
}

TEST(a_refused_connect_is_told_with_its_error)
{
    SOCKET client = new_socket(SOCK_STREAM);
    struct sockaddr_in address = nobody();
    WSAEVENT event = WSACreateEvent();
    WSANETWORKEVENTS events;
    CHECK_EQ(WSAEventSelect(client, event, FD_CONNECT), 0);
    CHECK_SOCKET_FAILS(connect(client, (struct sockaddr *)&address, sizeof address), WSAEWOULDBLOCK);
    CHECK_EQ(WSAWaitForMultipleEvents(1, &event, FALSE, 10000, FALSE), (DWORD)WSA_WAIT_EVENT_0);
    CHECK_EQ(events_of(client, event, &events), FD_CONNECT);
    CHECK_EQ(events.iErrorCode[FD_CONNECT_BIT], WSAECONNREFUSED);
    closesocket(client);
    WSACloseEvent(event);
}

TEST(a_socket_with_events_does_not_block_until_they_are_given_up)
{
    struct pair p = pair();
    WSAEVENT event = WSACreateEvent();
    WSANETWORKEVENTS events;
    char data[8];
    u_long off = 0;
    CHECK_EQ(WSAEventSelect(p.ours, event, FD_READ), 0);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAEWOULDBLOCK);
    CHECK_SOCKET_FAILS(ioctlsocket(p.ours, FIONBIO, &off), WSAEINVAL);
    CHECK_EQ(WSAEventSelect(p.ours, NULL, 0), 0);
    CHECK_EQ(ioctlsocket(p.ours, FIONBIO, &off), 0);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 3);
    CHECK_EQ(events_of(p.ours, NULL, &events), 0);
    CHECK_SOCKET_FAILS(WSAEnumNetworkEvents(INVALID_SOCKET, NULL, &events), WSAENOTSOCK);
    CHECK_SOCKET_FAILS(WSAEventSelect(INVALID_SOCKET, event, FD_READ), WSAENOTSOCK);
    close_pair(p);
    WSACloseEvent(event);
}

TEST(events_of_winsock_are_events)
{
    WSAEVENT events[2];
    winsock();
    events[0] = WSACreateEvent();
    events[1] = WSACreateEvent();
    CHECK(!is_signalled(events[0]));
    CHECK_EQ(WSAWaitForMultipleEvents(2, events, FALSE, 0, FALSE), (DWORD)WSA_WAIT_TIMEOUT);
    CHECK(WSASetEvent(events[1]));
    CHECK_EQ(WSAWaitForMultipleEvents(2, events, FALSE, 0, FALSE), (DWORD)WSA_WAIT_EVENT_0 + 1);
    CHECK_EQ(WSAWaitForMultipleEvents(2, events, TRUE, 0, FALSE), (DWORD)WSA_WAIT_TIMEOUT);
    CHECK(WSASetEvent(events[0]));
    CHECK_EQ(WSAWaitForMultipleEvents(2, events, TRUE, 0, FALSE), (DWORD)WSA_WAIT_EVENT_0);
    CHECK(WSAResetEvent(events[0]) && !is_signalled(events[0]));
    CHECK(WSACloseEvent(events[0]) && WSACloseEvent(events[1]));
    CHECK_FAILS(WSASetEvent((WSAEVENT)(ULONG_PTR)0x7ffffff0), WSA_INVALID_HANDLE);
}
