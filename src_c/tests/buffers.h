/* Buffers between pages that can't be touched, random numbers and random texts. */
#ifndef WSF_TESTS_BUFFERS_H
#define WSF_TESTS_BUFFERS_H

#include "oracle.h"

#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    uint8_t *begin, *end; /* the guard pages are before and at these */
} guarded;

static guarded guarded_new(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size = (size + page - 1) / page * page;
    uint8_t *at = mmap(NULL, size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
    CHECK(at != MAP_FAILED, "mmap");
    CHECK(mprotect(at, page, PROT_NONE) == 0, "mprotect");
    CHECK(mprotect(at + page + size, page, PROT_NONE) == 0, "mprotect");
    return (guarded){at + page, at + page + size};
}

/* `size` octets at the beginning or at the end. */
static uint8_t *guarded_at(const guarded *buffer, bool at_end, size_t size) {
    return at_end ? buffer->end - size : buffer->begin;
}

static uint64_t random_state = 1;

/* xorshift64*: the same numbers on every machine. */
static uint32_t random32(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)(random_state * UINT64_C(2685821657736338717) >> 32);
}

static uint32_t random_below(uint32_t limit) { return random32() % limit; }

static void random_octets(uint8_t *dst, size_t len) {
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)random32();
}

/* A key, one time in four the one that masks nothing. */
static uint32_t random_key(void) { return random_below(4) == 0 ? 0 : random32(); }

/* The code points of an alphabet: ASCII, Latin-1, BMP or all. Edges come often. */
enum { ALPHABETS = 4 };

static uint32_t random_code_point(int alphabet) {
    static const uint32_t limits[ALPHABETS] = {0x80, 0x100, 0x10000, 0x110000};
    static const uint32_t edges[] = {0,      0x7F,   0x80,    0xFF,    0x100,   0x7FF,   0x800,
                                     0xFFF,  0x1000, 0xCFFF,  0xD000,  0xD7FF,  0xE000,  0xFFFF,
                                     0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF};
    for (;;) {
        static const uint32_t most[] = {0x80, 0x100, 0x800, 0x10000, 0x110000};
        uint32_t code_point = random_below(8) == 0
                                  ? edges[random_below(sizeof edges / sizeof *edges)]
                                  : random_below(most[random_below(5)]);
        if (code_point < limits[alphabet] && oracle_is_scalar(code_point))
            return code_point;
    }
}

/* `count` code points, in runs of ASCII, of one kind of character, and of all kinds. */
static void random_text(uint32_t *code_points, size_t count, int alphabet) {
    for (size_t i = 0; i < count;) {
        size_t run = 1 + random_below(90);
        uint32_t kind = random_below(3), one = random_code_point(alphabet);
        for (; run > 0 && i < count; run--, i++)
            code_points[i] = kind == 0   ? random_below(0x80)
                             : kind == 1 ? one
                                         : random_code_point(alphabet);
    }
}

static size_t encode_text(uint8_t *dst, const uint32_t *code_points, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += oracle_encode(dst + len, code_points[i]);
    return len;
}

#endif
