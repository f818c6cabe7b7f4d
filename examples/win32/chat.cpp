// A chat on a completion port: whoever connects says a name, and from then on every line goes to all the others.
//
//     chat [PORT [IDLE]]
//
// PORT 0, the default, takes a free one; the first line of output says which. Who says nothing for IDLE milliseconds
// (ten minutes) is shown out. `/who` lists the names, `/quit` leaves. The server ends at Ctrl-C, or when its input
// says `quit` or ends.
//
// What to look at:
//   - A session has one receive and at most one send in flight. What is said meanwhile waits in a queue of its own, and
//     a session that does not read what it is sent is let go when its queue is full.
//   - An operation keeps its session alive: it holds a share of it from its start to its packet.
//   - What is said is not handed around by who received it. It goes to the room's queue, and a packet that says so
//     is posted to the port: PostQueuedCompletionStatus brings work of any kind to the same workers.
//   - A waitable timer ticks in the main thread, which posts that to the port as well.
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0600
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <process.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int worker_count = 3;
constexpr std::size_t longest_line = 1024;
constexpr std::size_t longest_queue = 256;
constexpr DWORD tick_milliseconds = 50;

// Keys of packets that are no operation of a session.
enum : ULONG_PTR { key_session = 0, key_said, key_tick, key_end };

class CriticalSection {
public:
    CriticalSection() { InitializeCriticalSectionAndSpinCount(&section, 1000); }
    ~CriticalSection() { DeleteCriticalSection(&section); }
    CriticalSection(const CriticalSection &) = delete;
    CriticalSection &operator=(const CriticalSection &) = delete;
    void enter() { EnterCriticalSection(&section); }
    void leave() { LeaveCriticalSection(&section); }

private:
    CRITICAL_SECTION section;
};

class Inside {
public:
    explicit Inside(CriticalSection &section) : section(section) { section.enter(); }
    ~Inside() { section.leave(); }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;

private:
    CriticalSection &section;
};

class Session;

// An OVERLAPPED is the beginning of each operation, which keeps the session for as long as it is in flight.
struct Operation : OVERLAPPED {
    enum class Kind { receive, send };

    explicit Operation(Kind kind) : OVERLAPPED{}, kind(kind) {}

    // For the next use: what the last one left in the OVERLAPPED is not to be taken for the next one's.
    void begin(std::shared_ptr<Session> session)
    {
        *static_cast<OVERLAPPED *>(this) = OVERLAPPED{};
        kept = std::move(session);
    }

    Kind kind;
    std::shared_ptr<Session> kept;
};

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(SOCKET socket, unsigned number) : number(number), socket(socket), last_word(GetTickCount64()) {}

    ~Session() { closesocket(socket); }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    bool associate(HANDLE port) { return CreateIoCompletionPort(HANDLE(socket), port, key_session, 0) != nullptr; }

    // False: there will be no packet.
    bool start_receive()
    {
        WSABUF buffer = {ULONG(sizeof incoming), incoming};
        DWORD flags = 0;
        receiving.begin(shared_from_this());
        if (WSARecv(socket, &buffer, 1, nullptr, &flags, &receiving, nullptr) != 0 &&
            WSAGetLastError() != WSA_IO_PENDING) {
            receiving.kept.reset();
            return false;
        }
        return true;
    }

    // Sends the line now or after those that wait.
    void say(const std::string &line)
    {
        Inside inside(section);
        if (ended) {
            return;
        }
        if (outgoing.size() == longest_queue) {
            end_now();
            return;
        }
        outgoing.push_back(line + "\n");
        if (outgoing.size() == 1) {
            start_send();
        }
    }

    // What is queued is still sent; then the peer hears the end, and answers it with its own.
    void end_after_queue()
    {
        Inside inside(section);
        if (!ended) {
            ended = true;
            if (outgoing.empty()) {
                shutdown(socket, SD_SEND);
            }
        }
    }

    // Ends what is in flight; the packets of it say so.
    void end()
    {
        Inside inside(section);
        end_now();
    }

    void sent(DWORD bytes)
    {
        Inside inside(section);
        std::string &front = outgoing.front();
        front.erase(0, bytes);
        if (front.empty()) {
            outgoing.pop_front();
        }
        if (!outgoing.empty()) {
            start_send();
        } else if (ended) {
            shutdown(socket, SD_SEND);
        }
    }

    // The lines that are complete by what has come. A line that is too long is cut.
    std::vector<std::string> received(DWORD bytes)
    {
        std::vector<std::string> lines;
        last_word = GetTickCount64();
        for (DWORD index = 0; index < bytes; index++) {
            char next = incoming[index];
            if (next == '\n') {
                lines.push_back(std::move(line));
                line.clear();
            } else if (next != '\r' && line.size() < longest_line) {
                line.push_back(next);
            }
        }
        return lines;
    }

    ULONGLONG silent_for() const { return GetTickCount64() - last_word; }

    const unsigned number;
    std::string name; // Empty until it was said; changed by who has the receive's packet.

private:
    void end_now()
    {
        ended = true;
        CancelIoEx(HANDLE(socket), nullptr);
        shutdown(socket, SD_BOTH);
    }

    void start_send()
    {
        WSABUF buffer = {ULONG(outgoing.front().size()), outgoing.front().data()};
        sending.begin(shared_from_this());
        if (WSASend(socket, &buffer, 1, nullptr, 0, &sending, nullptr) != 0 && WSAGetLastError() != WSA_IO_PENDING) {
            sending.kept.reset();
            outgoing.clear();
            ended = true;
        }
    }

    SOCKET socket;
    Operation receiving{Operation::Kind::receive};
    Operation sending{Operation::Kind::send};
    char incoming[512];
    std::string line;
    volatile ULONGLONG last_word;

    CriticalSection section; // Guards what follows.
    std::deque<std::string> outgoing;
    bool ended = false;
};

class Room {
public:
    explicit Room(HANDLE port) : port(port) {}

    void enter(SOCKET socket)
    {
        std::shared_ptr<Session> session;
        {
            Inside inside(section);
            session = std::make_shared<Session>(socket, ++last_number);
            sessions[session->number] = session;
        }
        if (!session->associate(port) || !session->start_receive()) {
            leave(session);
            return;
        }
        session->say("your name?");
    }

    void leave(const std::shared_ptr<Session> &session)
    {
        {
            Inside inside(section);
            if (sessions.erase(session->number) == 0) {
                return;
            }
        }
        if (!session->name.empty()) {
            announce(session->number, "* " + session->name + " leaves");
        }
    }

    void heard(const std::shared_ptr<Session> &session, const std::string &line)
    {
        if (session->name.empty()) {
            if (line.empty() || name_is_taken(line)) {
                session->say("another name?");
                return;
            }
            {
                Inside inside(section);
                session->name = line;
            }
            session->say("welcome, " + line);
            announce(session->number, "* " + line + " comes in");
        } else if (line == "/who") {
            session->say(names());
        } else if (line == "/quit") {
            session->say("bye");
            session->end_after_queue();
        } else {
            announce(session->number, session->name + ": " + line);
        }
    }

    // The key says what it is about; the room's queue has the rest, in the order in which it was said.
    void announce(unsigned from, std::string text)
    {
        {
            Inside inside(section);
            said.push_back({from, std::move(text)});
            count++;
        }
        PostQueuedCompletionStatus(port, 0, key_said, nullptr);
    }

    void deliver()
    {
        Inside inside(section);
        while (!said.empty()) {
            for (auto &[number, session] : sessions) {
                if (number != said.front().from && !session->name.empty()) {
                    session->say(said.front().text);
                }
            }
            said.pop_front();
        }
    }

    void show_out_the_silent(ULONGLONG milliseconds)
    {
        Inside inside(section);
        for (auto &[number, session] : sessions) {
            if (session->silent_for() > 2 * milliseconds) {
                session->end(); // It was told, and stays.
            } else if (session->silent_for() > milliseconds) {
                session->say("* you are very quiet; good bye");
                session->end_after_queue();
            }
        }
    }

    // How many are left to go.
    std::size_t end_all()
    {
        Inside inside(section);
        for (auto &[number, session] : sessions) {
            session->end();
        }
        return sessions.size();
    }

    void summary()
    {
        Inside inside(section);
        std::printf("%u sessions, %u lines\n", last_number, count);
    }

private:
    struct Said {
        unsigned from;
        std::string text;
    };

    bool name_is_taken(const std::string &name)
    {
        Inside inside(section);
        for (auto &[number, session] : sessions) {
            if (session->name == name) {
                return true;
            }
        }
        return false;
    }

    std::string names()
    {
        Inside inside(section);
        std::string text = "here are:";
        for (auto &[number, session] : sessions) {
            text += session->name.empty() ? "" : " " + session->name;
        }
        return text;
    }

    HANDLE port;
    CriticalSection section; // Guards what follows, and may be held when a session's is entered, not the other way.
    std::map<unsigned, std::shared_ptr<Session>> sessions;
    std::deque<Said> said;
    unsigned last_number = 0;
    unsigned count = 0;
};

struct Server {
    HANDLE port;
    HANDLE stop;
    SOCKET listener;
    ULONGLONG idle;
    Room *room;
};

HANDLE stop_event;

void completed(Room &room, Operation *operation, bool succeeded, DWORD bytes)
{
    // The share that the operation has held: it may be the last.
    std::shared_ptr<Session> session = std::move(operation->kept);
    if (operation->kind == Operation::Kind::send) {
        // A send that failed is followed by a receive that fails, which is where a session ends.
        if (succeeded) {
            session->sent(bytes);
        }
        return;
    }
    if (!succeeded || bytes == 0) {
        room.leave(session);
        return;
    }
    for (const std::string &line : session->received(bytes)) {
        room.heard(session, line);
    }
    if (!session->start_receive()) {
        room.leave(session);
    }
}

unsigned __stdcall worker(void *argument)
{
    Server &server = *static_cast<Server *>(argument);
    for (;;) {
        DWORD bytes = 0;
        ULONG_PTR key = key_end;
        OVERLAPPED *overlapped = nullptr;
        BOOL succeeded = GetQueuedCompletionStatus(server.port, &bytes, &key, &overlapped, INFINITE);
        if (!succeeded && overlapped == nullptr) {
            return 1;
        }
        switch (key) {
        case key_session:
            completed(*server.room, static_cast<Operation *>(overlapped), succeeded != FALSE, bytes);
            break;
        case key_said:
            server.room->deliver();
            break;
        case key_tick:
            server.room->show_out_the_silent(server.idle);
            break;
        case key_end:
            return 0;
        }
    }
}

// A thread that waits for one connection after the other; it ends when the listener is closed.
unsigned __stdcall accept_all(void *argument)
{
    Server &server = *static_cast<Server *>(argument);
    for (;;) {
        SOCKET socket = accept(server.listener, nullptr, nullptr);
        if (socket != INVALID_SOCKET) {
            server.room->enter(socket);
        } else if (WaitForSingleObject(server.stop, 0) == WAIT_OBJECT_0) {
            return 0;
        }
    }
}

unsigned __stdcall read_input(void *)
{
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr && std::strncmp(line, "quit", 4) != 0) {
    }
    SetEvent(stop_event);
    return 0;
}

BOOL WINAPI console_event(DWORD)
{
    SetEvent(stop_event);
    return TRUE;
}

SOCKET listen_on(unsigned short number)
{
    sockaddr_in address = {};
    int length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (listener == INVALID_SOCKET || bind(listener, reinterpret_cast<sockaddr *>(&address), length) != 0 ||
        listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length) != 0) {
        std::fprintf(stderr, "chat: no socket to listen on: error %d\n", WSAGetLastError());
        std::exit(1);
    }
    std::printf("listening on 127.0.0.1:%u\n", unsigned(ntohs(address.sin_port)));
    std::fflush(stdout);
    return listener;
}

// Until the stop; each tick is work for the workers.
void tick(const Server &server)
{
    HANDLE timer = CreateWaitableTimerA(nullptr, FALSE, nullptr);
    LARGE_INTEGER first;
    first.QuadPart = -LONGLONG(tick_milliseconds) * 10000;
    SetWaitableTimer(timer, &first, LONG(tick_milliseconds), nullptr, nullptr, FALSE);
    HANDLE both[] = {server.stop, timer};
    while (WaitForMultipleObjects(2, both, FALSE, INFINITE) == WAIT_OBJECT_0 + 1) {
        PostQueuedCompletionStatus(server.port, 0, key_tick, nullptr);
    }
    CancelWaitableTimer(timer);
    CloseHandle(timer);
}

} // namespace

int main(int argc, char **argv)
{
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        std::fprintf(stderr, "chat: no Winsock\n");
        return 1;
    }
    Server server = {};
    server.port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 0);
    server.stop = stop_event = CreateEventA(nullptr, TRUE, FALSE, nullptr);
    server.listener = listen_on(argc > 1 ? static_cast<unsigned short>(std::atoi(argv[1])) : 0);
    server.idle = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 600000;
    Room room(server.port);
    server.room = &room;
    SetConsoleCtrlHandler(console_event, TRUE);

    std::vector<HANDLE> workers;
    for (int index = 0; index < worker_count; index++) {
        workers.push_back(reinterpret_cast<HANDLE>(_beginthreadex(nullptr, 0, worker, &server, 0, nullptr)));
    }
    HANDLE acceptor = reinterpret_cast<HANDLE>(_beginthreadex(nullptr, 0, accept_all, &server, 0, nullptr));
    HANDLE reader = reinterpret_cast<HANDLE>(_beginthreadex(nullptr, 0, read_input, nullptr, 0, nullptr));

    tick(server);

    closesocket(server.listener);
    WaitForSingleObject(acceptor, INFINITE);
    while (room.end_all() > 0) {
        Sleep(1);
    }
    for (int index = 0; index < worker_count; index++) {
        PostQueuedCompletionStatus(server.port, 0, key_end, nullptr);
    }
    WaitForMultipleObjects(DWORD(workers.size()), workers.data(), TRUE, INFINITE);
    for (HANDLE thread : workers) {
        CloseHandle(thread);
    }
    CloseHandle(acceptor);
    CloseHandle(reader);
    CloseHandle(server.port);
    CloseHandle(server.stop);
    WSACleanup();
    room.summary();
    return 0;
}
