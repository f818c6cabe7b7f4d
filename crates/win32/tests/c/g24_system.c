/* Beside group 24: memory, text, clocks, messages, modules, the environment and console control. */
#include "test.h"

#include <stdint.h>

TEST(heap_blocks_know_their_size_and_come_zeroed_if_asked)
{
    HANDLE heap = GetProcessHeap();
    CHECK(heap != NULL);
    unsigned char *block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100);
    CHECK(block != NULL && ((uintptr_t)block & 15) == 0);
    CHECK_EQ(HeapSize(heap, 0, block), 100u);
    for (int place = 0; place < 100; place++) {
        CHECK_EQ(block[place], 0);
        block[place] = (unsigned char)place;
    }
    block = HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 200);
    CHECK(block != NULL);
    CHECK_EQ(block[99], 99);
    CHECK_EQ(block[199], 0);
    CHECK(HeapFree(heap, 0, block));
    CHECK(HeapFree(heap, 0, NULL));
}

TEST(a_heap_of_ones_own_takes_its_blocks_along)
{
    HANDLE heap = HeapCreate(0, 0, 0);
    CHECK(heap != NULL && heap != GetProcessHeap());
    CHECK(HeapAlloc(heap, 0, 1000) != NULL);
    void *block = HeapAlloc(heap, 0, 10);
    CHECK(block != NULL);
    CHECK(HeapFree(heap, 0, block));
    CHECK(HeapDestroy(heap));
}

TEST(a_region_holds_the_address_that_was_asked_for)
{
    char *pages = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(pages != NULL);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    CHECK(VirtualAlloc(pages + 0x1800, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == pages);
    pages[0] = pages[0x1800] = pages[0x27ff] = 1;
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    CHECK_FAILS(VirtualAlloc((void *)4096, 4096, MEM_RESERVE, PAGE_READWRITE) != NULL, ERROR_INVALID_PARAMETER);
}

TEST(a_copy_looks_at_no_more_than_it_takes)
{
    char *pages = VirtualAlloc(NULL, 8192, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(VirtualAlloc(pages, 4096, MEM_COMMIT, PAGE_READWRITE) == pages);
    memset(pages + 4092, 'x', 4);
    char copied[8];
    CHECK(lstrcpynA(copied, pages + 4092, 5) == copied);
    CHECK(strcmp(copied, "xxxx") == 0);
    CHECK(lstrcatA(NULL, copied) == NULL && lstrcatA(copied, NULL) == NULL);
    CHECK(strcmp(copied, "xxxx") == 0);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
}

TEST(a_module_has_a_name)
{
    CHECK_FAILS(GetModuleHandleA("") != NULL, ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(LoadLibraryA("") != NULL, ERROR_MOD_NOT_FOUND);
}

TEST(a_block_that_is_none_is_not_freed)
{
    wine_differs("Wine ends the program");
    char none[64] = {0};
    CHECK_FAILS(HeapFree(GetProcessHeap(), 0, none + 32), ERROR_INVALID_PARAMETER);
    HANDLE heap = HeapCreate(0, 0, 0);
    void *block = HeapAlloc(GetProcessHeap(), 0, 10);
    CHECK_FAILS(HeapReAlloc(heap, 0, block, 20) != NULL, ERROR_INVALID_PARAMETER);
    CHECK(HeapFree(GetProcessHeap(), 0, block));
    CHECK(HeapDestroy(heap));
    CHECK_FAILS(HeapAlloc((HANDLE)0x7ffffff0, 0, 10) != NULL, ERROR_INVALID_HANDLE);
    CHECK_FAILS(HeapAlloc(NULL, 0, 10) != NULL, ERROR_INVALID_HANDLE);
    CHECK_FAILS(HeapAlloc(GetProcessHeap(), 0, (SIZE_T)-1) != NULL, ERROR_NOT_ENOUGH_MEMORY);
}

TEST(local_memory_is_freed_to_null)
{
    char *block = LocalAlloc(LPTR, 50);
    CHECK(block != NULL);
    CHECK_EQ(block[49], 0);
    CHECK(LocalFree(block) == NULL);
    CHECK(LocalFree(NULL) == NULL);
}

TEST(pages_are_aligned_and_there_when_they_are_committed)
{
    SYSTEM_INFO system;
    DWORD before = 0;
    GetSystemInfo(&system);
    CHECK(system.dwPageSize >= 4096 && system.dwNumberOfProcessors >= 1);
    CHECK_EQ(system.dwAllocationGranularity, 65536u);
    char *pages = VirtualAlloc(NULL, 10000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(pages != NULL);
    CHECK_EQ((uintptr_t)pages % 65536, 0u);
    pages[9999] = 1;
    CHECK(VirtualProtect(pages, 1, PAGE_READONLY, &before));
    CHECK_EQ(before, (DWORD)PAGE_READWRITE);
    CHECK_EQ(pages[9999], 1);
    CHECK_FAILS(VirtualFree(pages, 100, MEM_RELEASE), ERROR_INVALID_PARAMETER);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    pages = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(pages != NULL);
    CHECK(VirtualAlloc(pages + 65536, 1, MEM_COMMIT, PAGE_READWRITE) == pages + 65536);
    pages[65536] = 7;
    CHECK(VirtualFree(pages + 65536, 4096, MEM_DECOMMIT));
    CHECK(VirtualAlloc(pages + 65536, 1, MEM_COMMIT, PAGE_READWRITE) == pages + 65536);
    CHECK_EQ(pages[65536], 0);
    CHECK(VirtualFree(pages, 0, MEM_RELEASE));
    CHECK_FAILS(VirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_READWRITE) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(VirtualAlloc(NULL, 4096, MEM_RESERVE, 0) != NULL, ERROR_INVALID_PARAMETER);
}

TEST(text_goes_to_wide_characters_and_back)
{
    static const char text[] = "na\xc3\xafve \xf0\x9f\xa6\x80";
    WCHAR wide[32];
    char back[32];
    CHECK_EQ(MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0), 9);
    CHECK_EQ(MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, 32), 9);
    CHECK_EQ(wide[2], 0xef);
    CHECK_EQ(wide[6], 0xd83e);
    CHECK_EQ(wide[8], 0);
    CHECK_EQ(lstrlenW(wide), 8);
    CHECK_EQ(WideCharToMultiByte(CP_UTF8, 0, wide, -1, back, 32, NULL, NULL), (int)sizeof text);
    CHECK_EQ(strcmp(text, back), 0);
    CHECK_EQ(WideCharToMultiByte(CP_UTF8, 0, wide, 3, back, 32, NULL, NULL), 4);
    CHECK_FAILS(MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, 3), ERROR_INSUFFICIENT_BUFFER);
    CHECK_FAILS(MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, "\xff", 1, wide, 3), ERROR_NO_UNICODE_TRANSLATION);
    CHECK_FAILS(MultiByteToWideChar(CP_UTF8, 0, text, 0, wide, 3), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(MultiByteToWideChar(4711, 0, text, -1, wide, 3), ERROR_INVALID_PARAMETER);
    CHECK_EQ(MultiByteToWideChar(CP_UTF8, 0, "\xff", 1, wide, 3), 1);
    CHECK_EQ(wide[0], 0xfffd);
    CHECK_EQ(lstrlenA(NULL), 0);
    CHECK_EQ(lstrlenA("four"), 4);
}

TEST(clocks_go_forward_and_agree)
{
    LARGE_INTEGER frequency, first, second;
    FILETIME now;
    SYSTEMTIME time;
    CHECK(QueryPerformanceFrequency(&frequency) && frequency.QuadPart > 0);
    ULONGLONG ticks = GetTickCount64();
    CHECK(QueryPerformanceCounter(&first));
    Sleep(20);
    CHECK(QueryPerformanceCounter(&second));
    CHECK((second.QuadPart - first.QuadPart) * 1000 / frequency.QuadPart >= 15);
    CHECK(GetTickCount64() - ticks >= 15);
    GetSystemTimeAsFileTime(&now);
    CHECK(FileTimeToSystemTime(&now, &time));
    CHECK(time.wYear >= 2020 && time.wMonth >= 1 && time.wMonth <= 12);
    FILETIME again;
    CHECK(SystemTimeToFileTime(&time, &again));
    CHECK_EQ(again.dwHighDateTime, now.dwHighDateTime);
    time.wMonth = 13;
    CHECK_FAILS(SystemTimeToFileTime(&time, &again), ERROR_INVALID_PARAMETER);
    now.dwHighDateTime = 0x80000000;
    CHECK_FAILS(FileTimeToSystemTime(&now, &time), ERROR_INVALID_PARAMETER);
}

TEST(a_leap_day_is_where_the_calendar_has_it)
{
    FILETIME moment = {0x2a1e0000, 0x01da6aeb};
    SYSTEMTIME time = {.wYear = 2024, .wMonth = 2, .wDay = 29, .wHour = 12};
    FILETIME made;
    CHECK(SystemTimeToFileTime(&time, &made));
    CHECK(FileTimeToSystemTime(&made, &time));
    CHECK_EQ(time.wDayOfWeek, 4);
    CHECK_EQ(time.wDay, 29);
    (void)moment;
    CHECK_EQ(((ULONGLONG)made.dwHighDateTime << 32 | made.dwLowDateTime), 133536816000000000ull);
}

TEST(system_messages_are_sentences_with_a_line_break)
{
    char text[512];
    char *allocated = NULL;
    DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD length = FormatMessageA(flags, NULL, ERROR_ACCESS_DENIED, 0, text, sizeof text, NULL);
    CHECK(length > 4);
    CHECK_EQ(length, (DWORD)strlen(text));
    CHECK_EQ(strcmp(text + length - 3, ".\r\n"), 0);
    CHECK_EQ(FormatMessageA(flags | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, ERROR_ACCESS_DENIED, 0, (char *)&allocated, 0,
                            NULL),
             length);
    CHECK_EQ(strcmp(text, allocated), 0);
    CHECK(LocalFree(allocated) == NULL);
    CHECK(FormatMessageA(flags, NULL, 10054, 0, text, sizeof text, NULL) > 0);
    CHECK_FAILS(FormatMessageA(flags, NULL, 0x1fffff, 0, text, sizeof text, NULL), ERROR_MR_MID_NOT_FOUND);
    CHECK_FAILS(FormatMessageA(flags, NULL, ERROR_ACCESS_DENIED, 0, text, 3, NULL), ERROR_INSUFFICIENT_BUFFER);
}

static DWORD format_list(char *text, DWORD room, const char *message, ...)
{
    va_list values;
    va_start(values, message);
    DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_STRING, message, 0, 0, text, room, &values);
    va_end(values);
    return length;
}

TEST(messages_have_inserts_from_arrays_and_lists)
{
    char text[128];
    DWORD_PTR values[] = {(DWORD_PTR) "one", 255, 3};
    DWORD flags = FORMAT_MESSAGE_FROM_STRING | FORMAT_MESSAGE_ARGUMENT_ARRAY;
    CHECK(FormatMessageA(flags, "%1 %2!04x! 100%% %3!d!%0 no more", 0, 0, text, sizeof text, (va_list *)values) > 0);
    CHECK_EQ(strcmp(text, "one 00ff 100% 3"), 0);
    CHECK(format_list(text, sizeof text, "%2 %1!d!%n%3!u! %4!d! %5!d! %6!d! %7!d!", -5, "two", 7u, 1, 2, 3, 4) > 0);
    CHECK_EQ(strcmp(text, "two -5\r\n7 1 2 3 4"), 0);
    CHECK(FormatMessageA(FORMAT_MESSAGE_FROM_STRING | FORMAT_MESSAGE_IGNORE_INSERTS, "%1", 0, 0, text, sizeof text, NULL) ==
          2);
    CHECK_EQ(strcmp(text, "%1"), 0);
}

TEST(functions_are_found_by_name_in_our_modules)
{
    typedef DWORD(WINAPI * id_function)(void);
    HMODULE kernel = GetModuleHandleA("kernel32.dll");
    CHECK(kernel != NULL && GetModuleHandleA("KERNEL32") == kernel);
    id_function id = (id_function)(void *)GetProcAddress(kernel, "GetCurrentThreadId");
    CHECK(id != NULL);
    CHECK_EQ(id(), GetCurrentThreadId());
    CHECK_FAILS(GetProcAddress(kernel, "ThereIsNoSuchFunction") != NULL, ERROR_PROC_NOT_FOUND);
    CHECK_FAILS(GetModuleHandleA("there-is-no-such-module.dll") != NULL, ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(LoadLibraryA("there-is-no-such-module.dll") != NULL, ERROR_MOD_NOT_FOUND);
    HMODULE winsock = LoadLibraryA("ws2_32.dll");
    CHECK(winsock != NULL && winsock != kernel);
    CHECK(GetProcAddress(winsock, "bind") != NULL);
    CHECK(FreeLibrary(winsock));
    CHECK(GetModuleHandleA(NULL) != NULL && GetModuleHandleA(NULL) != kernel);
}

TEST(bad_modules_are_refused)
{
    wine_differs("Wine looks at what is there");
    HMODULE none = (HMODULE)(ULONG_PTR)0xdead0000;
    CHECK_FAILS(GetProcAddress(none, "GetLastError") != NULL, ERROR_MOD_NOT_FOUND);
    CHECK_FAILS(FreeLibrary(none), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetModuleFileNameA(none, (char[8]){0}, 8), ERROR_MOD_NOT_FOUND);
}

TEST(variables_of_the_environment_are_set_read_and_taken_away)
{
    char text[16];
    CHECK(SetEnvironmentVariableA("PROACTOR_TEST", "value"));
    CHECK_EQ(GetEnvironmentVariableA("PROACTOR_TEST", text, sizeof text), 5u);
    CHECK_EQ(strcmp(text, "value"), 0);
    CHECK_EQ(GetEnvironmentVariableA("PROACTOR_TEST", text, 3), 6u);
    CHECK(SetEnvironmentVariableA("PROACTOR_TEST", NULL));
    CHECK_FAILS(GetEnvironmentVariableA("PROACTOR_TEST", text, sizeof text), ERROR_ENVVAR_NOT_FOUND);
    CHECK_FAILS(GetEnvironmentVariableA("", text, sizeof text), ERROR_ENVVAR_NOT_FOUND);
}

TEST(the_programs_name_is_in_its_command_line)
{
    char path[1024];
    DWORD length = GetModuleFileNameA(NULL, path, sizeof path);
    CHECK(length > 0 && length < sizeof path);
    CHECK(strstr(GetCommandLineA(), "g24_system") != NULL);
    CHECK(strstr(path, "g24_system") != NULL);
}

static volatile LONG heard;
static DWORD heard_in;

static BOOL WINAPI hears(DWORD event)
{
    heard_in = GetCurrentThreadId();
    InterlockedExchange(&heard, (LONG)event + 1);
    return TRUE;
}

static BOOL WINAPI hears_not(DWORD event)
{
    (void)event;
    InterlockedIncrement(&heard);
    return FALSE;
}

TEST(console_handlers_are_asked_newest_first_in_a_thread_of_their_own)
{
    only_ours("there is no console to ask for it");
    heard = 0;
    CHECK(SetConsoleCtrlHandler(hears, TRUE));
    CHECK(SetConsoleCtrlHandler(hears_not, TRUE));
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    EVENTUALLY(heard == CTRL_C_EVENT + 1);
    CHECK(heard_in != 0 && heard_in != GetCurrentThreadId());
    CHECK(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0));
    EVENTUALLY(heard == CTRL_BREAK_EVENT + 1);
    CHECK(SetConsoleCtrlHandler(hears_not, FALSE));
    CHECK_FAILS(SetConsoleCtrlHandler(hears_not, FALSE), ERROR_INVALID_PARAMETER);
    heard = 0;
    CHECK(SetConsoleCtrlHandler(NULL, TRUE));
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    CHECK(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0));
    EVENTUALLY(heard == CTRL_BREAK_EVENT + 1);
    CHECK_FAILS(GenerateConsoleCtrlEvent(77, 0), ERROR_INVALID_PARAMETER);
}

#ifdef __linux__
#include <pthread.h>

static void *ends_as_windows_has_it(void *parameter)
{
    (void)parameter;
    /* So that the thread is one of ours too. */
    Sleep(0);
    *(volatile LONG *)parameter = 1;
    ExitThread(3);
}

static VOID CALLBACK exits(ULONG_PTR parameter)
{
    *(volatile LONG *)parameter = 2;
    ExitThread(3);
}

static void *ends_in_a_call(void *parameter)
{
    QueueUserAPC(exits, GetCurrentThread(), (ULONG_PTR)parameter);
    SleepEx(INFINITE, TRUE);
    *(volatile LONG *)parameter = 9;
    return NULL;
}
#endif

TEST(a_thread_that_the_c_library_started_may_end_so_too)
{
    only_ours("pthreads");
#ifdef __linux__
    pthread_t thread;
    volatile LONG how = 0;
    CHECK_EQ(pthread_create(&thread, NULL, ends_as_windows_has_it, (void *)&how), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(how, 1);
    CHECK_EQ(pthread_create(&thread, NULL, ends_in_a_call, (void *)&how), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(how, 2);
#endif
}
