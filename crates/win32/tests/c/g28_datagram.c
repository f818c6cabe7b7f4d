/* Group 28: datagrams. */
#include "sock.h"

struct udp {
    SOCKET ours, theirs;
    struct sockaddr_in our_name, their_name;
};

static struct udp udp_pair(void)
{
    struct udp u;
    u.ours = new_socket(SOCK_DGRAM);
    u.theirs = new_socket(SOCK_DGRAM);
    bind_any(u.ours);
    bind_any(u.theirs);
    u.our_name = name_of(u.ours);
    u.their_name = name_of(u.theirs);
    return u;
}

static void send_to_us(struct udp *u, const char *text, int length)
{
    CHECK_EQ(sendto(u->theirs, text, length, 0, (struct sockaddr *)&u->our_name, sizeof u->our_name), length);
}

static void close_udp(struct udp u)
{
    closesocket(u.ours);
    closesocket(u.theirs);
}

TEST(s345_a_datagram_that_is_too_long_is_cut_and_says_so)
{
    struct udp u = udp_pair();
    HANDLE port = new_port(1);
    char data[4];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0, flags = 0;
    OVERLAPPED overlapped = {0};
    send_to_us(&u, "abcdef", 6);
    CHECK_SOCKET_FAILS(recv(u.ours, data, sizeof data, 0), WSAEMSGSIZE);
    CHECK(memcmp(data, "abcd", 4) == 0);
    associate(u.ours, port, 3);
    CHECK_SOCKET_FAILS(WSARecv(u.ours, &buffer, 1, NULL, &flags, &overlapped, NULL), WSA_IO_PENDING);
    send_to_us(&u, "ghijkl", 6);
    CHECK_FAILED_PACKET(port, 3, &overlapped, ERROR_MORE_DATA);
    CHECK(overlapped.InternalHigh == 4 && memcmp(data, "ghij", 4) == 0);
    CHECK(!WSAGetOverlappedResult(u.ours, &overlapped, &bytes, FALSE, &flags));
    CHECK_ERROR(WSAEMSGSIZE);
    CHECK_EQ(bytes, 4u);
    send_to_us(&u, "xy", 2);
    CHECK_EQ(recv(u.ours, data, sizeof data, 0), 2);
    close_udp(u);
    CloseHandle(port);
}

TEST(s020_a_warning_at_once_has_its_packet_all_the_same)
{
    struct udp u = udp_pair();
    HANDLE port = new_port(1);
    char data[4];
    WSABUF buffer = {sizeof data, data};
    DWORD bytes = 0, flags = 0;
    u_long there = 0;
    OVERLAPPED overlapped = {0};
    associate(u.ours, port, 3);
    send_to_us(&u, "abcdef", 6);
    EVENTUALLY(ioctlsocket(u.ours, FIONREAD, &there) == 0 && there > 0);
    CHECK_EQ(WSARecv(u.ours, &buffer, 1, &bytes, &flags, &overlapped, NULL), SOCKET_ERROR);
    CHECK(GetLastError() == WSAEMSGSIZE || GetLastError() == WSA_IO_PENDING);
    CHECK_FAILED_PACKET(port, 3, &overlapped, ERROR_MORE_DATA);
    CHECK_EQ(overlapped.InternalHigh, 4u);
    CHECK_EMPTY(port);
    close_udp(u);
    CloseHandle(port);
}

TEST(s336_a_zero_byte_receive_takes_the_datagram)
{
    struct udp u = udp_pair();
    WSABUF nothing = {0, NULL};
    DWORD bytes = 0, flags = 0;
    char data[4];
    OVERLAPPED overlapped = {0};
    CHECK_SOCKET_FAILS(WSARecv(u.ours, &nothing, 1, NULL, &flags, &overlapped, NULL), WSA_IO_PENDING);
    send_to_us(&u, "abc", 3);
    send_to_us(&u, "xy", 2);
    CHECK(!WSAGetOverlappedResult(u.ours, &overlapped, &bytes, TRUE, &flags));
    CHECK_ERROR(WSAEMSGSIZE);
    CHECK_EQ(bytes, 0u);
    CHECK_EQ(recv(u.ours, data, sizeof data, 0), 2);
    close_udp(u);
}

TEST(s346_the_sender_is_written_when_the_datagram_comes)
{
    struct udp u = udp_pair();
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD flags = 0;
    struct sockaddr_in from;
    int length = 64;
    OVERLAPPED overlapped = {0};
    memset(&from, 0, sizeof from);
    CHECK_SOCKET_FAILS(WSARecvFrom(u.ours, &buffer, 1, NULL, &flags, (struct sockaddr *)&from, &length, &overlapped,
                                   NULL), WSA_IO_PENDING);
    CHECK(from.sin_family == 0 && length == 64);
    send_to_us(&u, "abc", 3);
    CHECK_EQ(await(u.ours, &overlapped), 3u);
    CHECK_EQ(length, (int)sizeof from);
    CHECK(memcmp(&from, &u.their_name, sizeof from) == 0);
    length = sizeof from;
    memset(&from, 0, sizeof from);
    send_to_us(&u, "de", 2);
    CHECK_EQ(recvfrom(u.ours, data, sizeof data, MSG_PEEK, (struct sockaddr *)&from, &length), 2);
    CHECK_EQ(recvfrom(u.ours, data, sizeof data, 0, (struct sockaddr *)&from, &length), 2);
    CHECK(memcmp(&from, &u.their_name, sizeof from) == 0);
    close_udp(u);
}

TEST(s347_a_send_binds_a_socket_without_an_address)
{
    struct udp u = udp_pair();
    SOCKET fresh = new_socket(SOCK_DGRAM);
    struct sockaddr_in name;
    int length = sizeof name;
    char text[] = "abc", data[8];
    WSABUF buffer = {3, text};
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    CHECK_SOCKET_FAILS(getsockname(fresh, (struct sockaddr *)&name, &length), WSAEINVAL);
    CHECK_STARTED(WSASendTo(fresh, &buffer, 1, &bytes, 0, (struct sockaddr *)&u.our_name, sizeof u.our_name, &overlapped,
                            NULL));
    CHECK_EQ(await(fresh, &overlapped), 3u);
    CHECK(name_of(fresh).sin_port != 0);
    CHECK_EQ(recv(u.ours, data, sizeof data, 0), 3);
    closesocket(fresh);
    close_udp(u);
}

TEST(s349_a_peer_can_be_set_changed_and_taken_away)
{
    struct udp u = udp_pair();
    struct udp other = udp_pair();
    struct sockaddr_in none, name;
    int length = sizeof name;
    char data[8];
    memset(&none, 0, sizeof none);
    CHECK_SOCKET_FAILS(getpeername(u.theirs, (struct sockaddr *)&name, &length), WSAENOTCONN);
    connect_to(u.theirs, u.our_name);
    CHECK_EQ(getpeername(u.theirs, (struct sockaddr *)&name, &length), 0);
    CHECK(memcmp(&name, &u.our_name, sizeof name) == 0);
    CHECK_EQ(send(u.theirs, "abc", 3, 0), 3);
    CHECK_EQ(recv(u.ours, data, sizeof data, 0), 3);
    connect_to(u.theirs, other.our_name);
    CHECK_EQ(send(u.theirs, "de", 2, 0), 2);
    CHECK_EQ(recv(other.ours, data, sizeof data, 0), 2);
    wine_differs("it calls what has no peer invalid");
    CHECK_EQ(connect(u.theirs, (struct sockaddr *)&none, sizeof none), 0);
    CHECK_SOCKET_FAILS(getpeername(u.theirs, (struct sockaddr *)&name, &length), WSAENOTCONN);
    CHECK_SOCKET_FAILS(send(u.theirs, "abc", 3, 0), WSAENOTCONN);
    close_udp(u);
    close_udp(other);
}

TEST(s350_nothing_is_received_on_a_socket_without_an_address)
{
    SOCKET fresh = new_socket(SOCK_DGRAM);
    char data[8];
    WSABUF buffer = {sizeof data, data};
    DWORD flags = 0;
    OVERLAPPED overlapped = {0};
    wine_differs("it waits");
    CHECK_SOCKET_FAILS(recv(fresh, data, sizeof data, 0), WSAEINVAL);
    CHECK_SOCKET_FAILS(WSARecv(fresh, &buffer, 1, NULL, &flags, &overlapped, NULL), WSAEINVAL);
    closesocket(fresh);
}

static void ask_for_destination(SOCKET socket)
{
    DWORD on = 1;
    CHECK_EQ(setsockopt(socket, IPPROTO_IP, IP_PKTINFO, (char *)&on, sizeof on), 0);
}

TEST(s351_a_message_brings_where_it_was_sent_to)
{
    struct udp u = udp_pair();
    GUID guid = WSAID_WSARECVMSG;
    LPFN_WSARECVMSG receive = (LPFN_WSARECVMSG)extension(u.ours, guid);
    char data[8], control[64];
    struct sockaddr_in from;
    WSABUF buffer = {sizeof data, data};
    WSAMSG message = {(struct sockaddr *)&from, sizeof from, &buffer, 1, {sizeof control, control}, 0};
    DWORD bytes = 0;
    OVERLAPPED overlapped = {0};
    struct in_pktinfo *info;
    WSACMSGHDR *header;
    ask_for_destination(u.ours);
    send_to_us(&u, "abc", 3);
    CHECK_EQ(receive(u.ours, &message, &bytes, NULL, NULL), 0);
    CHECK(bytes == 3 && memcmp(&from, &u.their_name, sizeof from) == 0);
    header = WSA_CMSG_FIRSTHDR(&message);
    CHECK(header != NULL);
    CHECK(header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO);
    info = (struct in_pktinfo *)WSA_CMSG_DATA(header);
    CHECK_EQ(info->ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK(WSA_CMSG_NXTHDR(&message, header) == NULL);
    CHECK_EQ(message.dwFlags, 0u);

    message.namelen = sizeof from;
    message.Control.len = sizeof control;
    memset(control, 0, sizeof control);
    CHECK_EQ(receive(u.ours, &message, NULL, &overlapped, NULL), SOCKET_ERROR);
    CHECK_ERROR(WSA_IO_PENDING);
    send_to_us(&u, "de", 2);
    CHECK_EQ(await(u.ours, &overlapped), 2u);
    header = WSA_CMSG_FIRSTHDR(&message);
    CHECK(header != NULL && header->cmsg_type == IP_PKTINFO);
    close_udp(u);
}

TEST(s351_too_little_room_for_control_data_says_so)
{
    struct udp u = udp_pair();
    GUID guid = WSAID_WSARECVMSG;
    LPFN_WSARECVMSG receive = (LPFN_WSARECVMSG)extension(u.ours, guid);
    char data[8], control[4];
    struct sockaddr_in from;
    WSABUF buffer = {sizeof data, data};
    WSAMSG message = {(struct sockaddr *)&from, sizeof from, &buffer, 1, {sizeof control, control}, 0};
    DWORD bytes = 0;
    ask_for_destination(u.ours);
    send_to_us(&u, "abc", 3);
    CHECK_SOCKET_FAILS(receive(u.ours, &message, &bytes, NULL, NULL), WSAEMSGSIZE);
    CHECK((message.dwFlags & MSG_CTRUNC) != 0);
    close_udp(u);
}

TEST(s351_a_message_says_where_to_send_it_from)
{
    struct udp u = udp_pair();
    GUID guid = WSAID_WSASENDMSG;
    LPFN_WSASENDMSG send_message = (LPFN_WSASENDMSG)extension(u.ours, guid);
    SOCKET any = new_socket(SOCK_DGRAM);
    struct sockaddr_in address = loopback(0), from;
    int length = sizeof from;
    char text[] = "abc", data[8];
    union {
        char bytes[WSA_CMSG_SPACE(sizeof(struct in_pktinfo))];
        WSACMSGHDR header;
    } control;
    WSABUF buffer = {3, text};
    WSAMSG message = {(struct sockaddr *)&u.our_name, sizeof u.our_name, &buffer, 1,
                      {sizeof control.bytes, control.bytes}, 0};
    struct in_pktinfo *info = (struct in_pktinfo *)WSA_CMSG_DATA(&control.header);
    DWORD bytes = 0;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    CHECK_EQ(bind(any, (struct sockaddr *)&address, sizeof address), 0);
    memset(&control, 0, sizeof control);
    control.header.cmsg_len = WSA_CMSG_LEN(sizeof *info);
    control.header.cmsg_level = IPPROTO_IP;
    control.header.cmsg_type = IP_PKTINFO;
    info->ipi_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    wine_differs("it sends from the usual address");
    CHECK_EQ(send_message(any, &message, 0, &bytes, NULL, NULL), 0);
    CHECK_EQ(bytes, 3u);
    CHECK_EQ(recvfrom(u.ours, data, sizeof data, 0, (struct sockaddr *)&from, &length), 3);
    CHECK_EQ(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK + 1));
    closesocket(any);
    close_udp(u);
}

TEST(s348_who_has_a_peer_is_told_that_nobody_is_there)
{
    struct udp u = udp_pair();
    char data[8];
    DWORD off = FALSE, bytes = 0;
    wine_differs("it tells of nothing");
    connect_to(u.ours, u.their_name);
    closesocket(u.theirs);
    CHECK_EQ(send(u.ours, "abc", 3, 0), 3);
    CHECK_SOCKET_FAILS(recv(u.ours, data, sizeof data, 0), WSAECONNRESET);
    closesocket(u.ours);
    u = udp_pair();
    CHECK_EQ(WSAIoctl(u.ours, SIO_UDP_CONNRESET, &off, sizeof off, NULL, 0, &bytes, NULL, NULL), 0);
    connect_to(u.ours, u.their_name);
    closesocket(u.theirs);
    CHECK_EQ(send(u.ours, "abc", 3, 0), 3);
    off = 50;
    CHECK_EQ(setsockopt(u.ours, SOL_SOCKET, SO_RCVTIMEO, (char *)&off, sizeof off), 0);
    CHECK_SOCKET_FAILS(recv(u.ours, data, sizeof data, 0), WSAETIMEDOUT);
    closesocket(u.ours);
}
