/* What a conformance program is made of: one file, a function for each thing that holds, one line of output for each.
 *
 *     TEST(s034_a_timeout_clears_only_the_overlapped)
 *     {
 *         ...
 *         CHECK(overlapped == NULL);
 *         CHECK_ERROR(WAIT_TIMEOUT);
 *     }
 *
 * Without arguments a program runs all of its tests, else those that are named. It prints `ok NAME`, `skipped NAME: why`
 * or `FAILED NAME: file:line: what`, and ends at the first failure. The same source is built for Windows and for us.
 */
#ifndef PROACTOR_TEST_H
#define PROACTOR_TEST_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct test {
    const char *name;
    void (*run)(void);
    int line;
    struct test *next;
};

/* In the order of their lines. */
static struct test *test_list;
static const char *test_name = "start";
static const char *test_skipped;

#define TEST(name_)                                                                                                  \
    static void name_(void);                                                                                         \
    static struct test test_##name_ = {#name_, name_, __LINE__, NULL};                                               \
    __attribute__((constructor)) static void test_add_##name_(void) { test_add(&test_##name_); }                     \
    static void name_(void)

/* Constructors run in an order that differs between systems. */
__attribute__((unused)) static void test_add(struct test *test)
{
    struct test **place = &test_list;
    while (*place != NULL && (*place)->line < test->line) {
        place = &(*place)->next;
    }
    test->next = *place;
    *place = test;
}

/* Ends the program: another thread may have failed, and what a failure leaves behind would spoil the next test. */
__attribute__((noreturn, unused, format(printf, 3, 4))) static void test_fail(const char *file, int line,
                                                                               const char *what, ...)
{
    char text[1024];
    va_list values;
    va_start(values, what);
    vsnprintf(text, sizeof text, what, values);
    va_end(values);
    printf("FAILED %s: %s:%d: %s\n", test_name, file, line, text);
    fflush(stdout);
    _Exit(1);
}

#define CHECK(condition)                                                                                             \
    do {                                                                                                             \
        if (!(condition)) {                                                                                          \
            DWORD error_ = GetLastError();                                                                           \
            test_fail(__FILE__, __LINE__, "%s does not hold (last error %lu)", #condition, (unsigned long)error_);   \
        }                                                                                                            \
    } while (0)

/* Says both values when they differ. */
#define CHECK_EQ(actual, wanted)                                                                                     \
    do {                                                                                                             \
        __auto_type actual_ = (actual);                                                                              \
        if (!(actual_ == (wanted))) {                                                                                \
            test_fail(__FILE__, __LINE__, "%s is %#llx, not %s = %#llx", #actual, (unsigned long long)actual_,       \
                      #wanted, (unsigned long long)(wanted));                                                        \
        }                                                                                                            \
    } while (0)

/* What the call before has left as the last error; WSAGetLastError is the same one. */
#define CHECK_ERROR(code)                                                                                            \
    do {                                                                                                             \
        DWORD error_ = GetLastError();                                                                               \
        if (error_ != (DWORD)(code)) {                                                                               \
            test_fail(__FILE__, __LINE__, "the last error is %lu, not %s = %lu", (unsigned long)error_, #code,       \
                      (unsigned long)(code));                                                                        \
        }                                                                                                            \
    } while (0)

/* The call gives 0, FALSE or NULL, and this last error. */
#define CHECK_FAILS(call, code)                                                                                      \
    do {                                                                                                             \
        SetLastError(0xdeadbeef);                                                                                    \
        if (call) {                                                                                                  \
            test_fail(__FILE__, __LINE__, "%s succeeds", #call);                                                     \
        }                                                                                                            \
        CHECK_ERROR(code);                                                                                           \
    } while (0)

/* A millisecond, by none of the functions under test. */
__attribute__((unused)) static void test_pause(void)
{
#ifdef __linux__
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
#else
    Sleep(1);
#endif
}

/* Holds now or within ten seconds: for what another thread brings about. */
#define EVENTUALLY(condition)                                                                                        \
    do {                                                                                                             \
        int tries_ = 0;                                                                                              \
        while (!(condition)) {                                                                                       \
            if (++tries_ > 10000) {                                                                                  \
                test_fail(__FILE__, __LINE__, "%s does not come to hold", #condition);                               \
            }                                                                                                        \
            test_pause();                                                                                            \
        }                                                                                                            \
    } while (0)

__attribute__((unused)) static int test_under_wine(void)
{
#ifdef __linux__
    return 0;
#else
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
#endif
}

#ifdef __linux__
#define TEST_IS_OURS 1
#else
#define TEST_IS_OURS 0
#endif

#define TEST_SKIP_IF(condition, why)                                                                                 \
    do {                                                                                                             \
        if (condition) {                                                                                             \
            test_skipped = (why);                                                                                    \
            return;                                                                                                  \
        }                                                                                                            \
    } while (0)

/* Ends the test where Wine does other than Windows. Only for what Wine can't judge. */
#define wine_differs(why) TEST_SKIP_IF(test_under_wine(), why)

/* Ends the test on Windows and Wine: it is about something that only we have. */
#define only_ours(why) TEST_SKIP_IF(!TEST_IS_OURS, why)

__attribute__((unused)) static void test_run(const struct test *test)
{
    test_name = test->name;
    test_skipped = NULL;
    test->run();
    if (test_skipped != NULL) {
        printf("skipped %s: %s\n", test->name, test_skipped);
    } else {
        printf("ok %s\n", test->name);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        for (const struct test *test = test_list; test != NULL; test = test->next) {
            test_run(test);
        }
        return 0;
    }
    for (int index = 1; index < argc; index++) {
        const struct test *test = test_list;
        while (test != NULL && strcmp(test->name, argv[index]) != 0) {
            test = test->next;
        }
        if (test == NULL) {
            printf("there is no test %s\n", argv[index]);
            return 2;
        }
        test_run(test);
    }
    return 0;
}

#endif
