/* Group 23: interlocked operations and lists. */
#include "test.h"

#include <stdint.h>

struct entry {
    SLIST_ENTRY link;
    LONG number;
};

static HANDLE start(LPTHREAD_START_ROUTINE routine, LPVOID parameter)
{
    HANDLE thread = CreateThread(NULL, 0, routine, parameter, 0, NULL);
    CHECK(thread != NULL);
    return thread;
}

static DWORD ended(HANDLE thread)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(thread, 20000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

/* The C library's, which every system has under its own name. */
static void *aligned_memory(size_t size)
{
    char *memory = malloc(size + 16);
    CHECK(memory != NULL);
    return (void *)(((uintptr_t)memory + 15) & ~(uintptr_t)15);
}

TEST(s262_what_they_return)
{
    volatile LONG value = 5;
    CHECK_EQ(InterlockedIncrement(&value), 6);
    CHECK_EQ(InterlockedDecrement(&value), 5);
    CHECK_EQ(InterlockedExchange(&value, 9), 5);
    CHECK_EQ(InterlockedExchangeAdd(&value, 3), 9);
    CHECK_EQ(InterlockedCompareExchange(&value, 1, 99), 12);
    CHECK_EQ(InterlockedCompareExchange(&value, 1, 12), 12);
    CHECK_EQ(InterlockedOr(&value, 6), 1);
    CHECK_EQ(InterlockedAnd(&value, 3), 7);
    CHECK_EQ(InterlockedXor(&value, 1), 3);
    CHECK_EQ(value, 2);
}

TEST(s262_what_those_of_64_bits_and_of_pointers_return)
{
    volatile LONG64 value = 0x100000000;
    PVOID volatile pointer = (PVOID)&value;
    CHECK_EQ(InterlockedIncrement64(&value), 0x100000001);
    CHECK_EQ(InterlockedDecrement64(&value), 0x100000000);
    CHECK_EQ(InterlockedExchangeAdd64(&value, 1), 0x100000000);
    CHECK_EQ(InterlockedExchange64(&value, 7), 0x100000001);
    CHECK_EQ(InterlockedCompareExchange64(&value, 8, 7), 7);
    CHECK_EQ(value, 8);
    CHECK(InterlockedExchangePointer(&pointer, NULL) == (PVOID)&value);
    CHECK(InterlockedCompareExchangePointer(&pointer, (PVOID)1, NULL) == NULL);
    CHECK(pointer == (PVOID)1);
}

static volatile LONG total;

static DWORD WINAPI adds(LPVOID parameter)
{
    for (int round = 0; round < 20000; round++) {
        InterlockedIncrement(&total);
        InterlockedExchangeAdd(&total, 2);
        InterlockedDecrement(&total);
    }
    (void)parameter;
    return 0;
}

TEST(s262_none_is_lost)
{
    HANDLE threads[3];
    total = 0;
    for (int number = 0; number < 3; number++) {
        threads[number] = start(adds, NULL);
    }
    for (int number = 0; number < 3; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    CHECK_EQ(total, 3 * 20000 * 2);
}

TEST(s263_push_gives_the_head_before_pop_the_head_and_flush_the_chain)
{
    PSLIST_HEADER list = aligned_memory(sizeof *list);
    struct entry *entries = aligned_memory(3 * sizeof *entries);
    InitializeSListHead(list);
    CHECK(InterlockedPopEntrySList(list) == NULL);
    CHECK(InterlockedFlushSList(list) == NULL);
    CHECK(InterlockedPushEntrySList(list, &entries[0].link) == NULL);
    CHECK(InterlockedPushEntrySList(list, &entries[1].link) == &entries[0].link);
    CHECK(InterlockedPushEntrySList(list, &entries[2].link) == &entries[1].link);
    CHECK_EQ(QueryDepthSList(list), 3);
    CHECK(InterlockedPopEntrySList(list) == &entries[2].link);
    PSLIST_ENTRY chain = InterlockedFlushSList(list);
    CHECK(chain == &entries[1].link);
    CHECK(chain->Next == &entries[0].link);
    CHECK(chain->Next->Next == NULL);
    CHECK_EQ(QueryDepthSList(list), 0);
    CHECK(InterlockedPopEntrySList(list) == NULL);
}

TEST(s264_the_depth_has_16_bits)
{
    PSLIST_HEADER list = aligned_memory(sizeof *list);
    struct entry *entries = aligned_memory(65536 * sizeof *entries);
    InitializeSListHead(list);
    for (int number = 0; number < 65535; number++) {
        InterlockedPushEntrySList(list, &entries[number].link);
    }
    CHECK_EQ(QueryDepthSList(list), 65535);
    InterlockedPushEntrySList(list, &entries[65535].link);
    CHECK_EQ(QueryDepthSList(list), 0);
    CHECK(InterlockedPopEntrySList(list) == &entries[65535].link);
    CHECK_EQ(QueryDepthSList(list), 65535);
}

typedef PSLIST_ENTRY(WINAPI *push_list)(PSLIST_HEADER, PSLIST_ENTRY, PSLIST_ENTRY, ULONG);

TEST(s265_the_count_of_a_list_that_is_pushed_is_believed)
{
    PSLIST_HEADER list = aligned_memory(sizeof *list);
    struct entry *entries = aligned_memory(3 * sizeof *entries);
    push_list push = (push_list)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "InterlockedPushListSListEx");
    CHECK(push != NULL);
    InitializeSListHead(list);
    InterlockedPushEntrySList(list, &entries[2].link);
    entries[0].link.Next = &entries[1].link;
    CHECK(push(list, &entries[0].link, &entries[1].link, 40) == &entries[2].link);
    CHECK_EQ(QueryDepthSList(list), 41);
    CHECK(InterlockedPopEntrySList(list) == &entries[0].link);
    CHECK(InterlockedPopEntrySList(list) == &entries[1].link);
    CHECK(InterlockedPopEntrySList(list) == &entries[2].link);
    CHECK(InterlockedPopEntrySList(list) == NULL);
}

TEST(s266_headers_and_entries_are_aligned_to_16)
{
    CHECK_EQ(sizeof(SLIST_HEADER), 16u);
    CHECK_EQ(_Alignof(SLIST_HEADER), 16u);
    CHECK_EQ(_Alignof(SLIST_ENTRY), 16u);
}

static PSLIST_HEADER shared;

static DWORD WINAPI takes_and_puts_back(LPVOID parameter)
{
    LONG sum = 0;
    (void)parameter;
    for (int round = 0; round < 20000; round++) {
        struct entry *first = (struct entry *)InterlockedPopEntrySList(shared);
        struct entry *second = (struct entry *)InterlockedPopEntrySList(shared);
        if (first != NULL) {
            sum += first->number++ >= 0;
            InterlockedPushEntrySList(shared, &first->link);
        }
        if (second != NULL) {
            sum += second->number++ >= 0;
            InterlockedPushEntrySList(shared, &second->link);
        }
    }
    return (DWORD)sum;
}

TEST(s267_entries_that_come_back_confuse_no_pop)
{
    HANDLE threads[3];
    LONG sum = 0;
    shared = aligned_memory(sizeof *shared);
    struct entry *entries = aligned_memory(4 * sizeof *entries);
    InitializeSListHead(shared);
    for (int number = 0; number < 4; number++) {
        entries[number].number = 0;
        InterlockedPushEntrySList(shared, &entries[number].link);
    }
    for (int number = 0; number < 3; number++) {
        threads[number] = start(takes_and_puts_back, NULL);
    }
    for (int number = 0; number < 3; number++) {
        sum += (LONG)ended(threads[number]);
    }
    CHECK_EQ(QueryDepthSList(shared), 4);
    for (int number = 0; number < 4; number++) {
        sum -= entries[number].number;
    }
    CHECK_EQ(sum, 0);
}
