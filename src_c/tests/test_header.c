/* Frame headers against RFC 6455, section 5.2: every length, every finding, every place to be cut. */
#include "oracle.h"

static const wsf_frame_rules lax = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, WSF_RSV_BITS, false};

static wsf_frame_finding read_octets(const char *octets, size_t len, wsf_frame_rules rules) {
    wsf_frame_header header;
    uint8_t *copy = malloc(len + 1); /* just as long, for the address sanitizer */
    CHECK(copy != NULL, "malloc");
    memcpy(copy + 1, octets, len);
    wsf_frame_finding finding = wsf_frame_read(&header, copy + 1, len, &rules);
    free(copy);
    return finding;
}

/* What one header says, and that each shorter piece of it is incomplete. */
static void test_round_trips(void) {
    static const uint64_t sums[] = {0,          1,          125,        126,         127,
                                    128,        0xFFFF,     0x10000,    0x10001,     0x7FFFFFFF,
                                    0x80000000, 0xFFFFFFFF, 0x100000000, INT64_MAX - 1, INT64_MAX};
    static const uint8_t opcodes[] = {WSF_CONTINUATION, WSF_TEXT, WSF_BINARY,
                                      WSF_CLOSE,        WSF_PING, WSF_PONG};
    for (size_t s = 0; s < sizeof sums / sizeof *sums; s++)
        for (size_t o = 0; o < sizeof opcodes; o++)
            for (int masked = 0; masked < 2; masked++) {
                uint8_t octets[WSF_MAX_HEADER_LENGTH + 2];
                uint8_t opcode = opcodes[o], first = WSF_FIN | opcode;
                uint32_t key = masked ? 0x2A7F01C3u : 0;
                bool control = (opcode & WSF_CONTROL_BIT) != 0;
                if (control && sums[s] > WSF_MAX_CONTROL_PAYLOAD_LENGTH)
                    continue;
                size_t size = wsf_frame_header_size(sums[s], masked != 0);
                size_t extended = sums[s] < 126 ? 0 : sums[s] < 0x10000 ? 2 : 8;
                CHECK(size == 2 + extended + (masked ? 4 : 0), "%zu", size);
                memset(octets, 0xA5, sizeof octets);
                wsf_frame_write(octets + 1, first, sums[s], masked != 0, key);
                CHECK(octets[0] == 0xA5 && octets[size + 1] == 0xA5, "written outside");

                /* The length, read back most significant octet first. */
                uint64_t length = octets[2] & 0x7F;
                if (extended != 0) {
                    CHECK(length == (extended == 2 ? 126 : 127), "7-bit length");
                    length = 0;
                    for (size_t i = 0; i < extended; i++)
                        length = length * 256 + octets[3 + i];
                }
                CHECK(length == sums[s], "length");

                wsf_frame_rules rules = lax;
                wsf_frame_header header;
                rules.mask = masked ? WSF_MASK_BIT : 0;
                rules.in_message = opcode == WSF_CONTINUATION;
                for (size_t len = 0; len < size; len++)
                    CHECK(read_octets((char *)octets + 1, len, rules) == WSF_FRAME_INCOMPLETE,
                          "%zu of %zu octets", len, size);
                memset(&header, 0xA5, sizeof header);
                CHECK(wsf_frame_read(&header, octets + 1, size, &rules) == WSF_FRAME_READ, "read");
                CHECK(header.length == sums[s] && header.key == key && header.first == first &&
                          header.size == size && (header.second & WSF_MASK_BIT) == rules.mask,
                      "header");
            }
    printf("ok  header: round trips\n");
}

/* A rule, the octets that break it, at which of them it is found, and what else has to hold. */
typedef struct {
    wsf_frame_finding finding;
    const char *octets;
    size_t at;
    wsf_frame_rules rules;
} broken_rule;

#define MAX UINT64_MAX

static const broken_rule broken[] = {
    {WSF_FRAME_RESERVED_BITS, "\xC1\x00", 1, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_RESERVED_BITS, "\xA1\x00", 1, {MAX, MAX, MAX, 0, WSF_RSV1, false}},
    {WSF_FRAME_RESERVED_BITS, "\x91\x00", 1, {MAX, MAX, MAX, 0, WSF_RSV1 | WSF_RSV2, false}},
    {WSF_FRAME_RESERVED_BITS, "\xC9\x00", 1, {MAX, MAX, MAX, 0, WSF_RSV_BITS, false}},
    {WSF_FRAME_FRAGMENTED_CONTROL, "\x08\x00", 1, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_FRAGMENTED_CONTROL, "\x0A\x00", 1, {MAX, MAX, MAX, 0, 0, true}},
    {WSF_FRAME_UNEXPECTED_CONTINUATION, "\x80\x00", 1, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_EXPECTED_CONTINUATION, "\x81\x00", 1, {MAX, MAX, MAX, 0, 0, true}},
    {WSF_FRAME_EXPECTED_CONTINUATION, "\x02\x00", 1, {MAX, MAX, MAX, 0, 0, true}},
    {WSF_FRAME_TOO_MANY_FRAGMENTS, "\x80\x00", 1, {MAX, MAX, 0, 0, 0, true}},
    {WSF_FRAME_WRONG_MASK_BIT, "\x82\x80", 2, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_WRONG_MASK_BIT, "\x82\x00", 2, {MAX, MAX, MAX, WSF_MASK_BIT, 0, false}},
    {WSF_FRAME_WRONG_MASK_BIT, "\x89\x7E", 2, {MAX, MAX, MAX, WSF_MASK_BIT, 0, false}},
    {WSF_FRAME_LONG_CONTROL, "\x88\x7E", 2, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_LONG_CONTROL, "\x89\xFF", 2, {MAX, MAX, MAX, WSF_MASK_BIT, 0, true}},
    {WSF_FRAME_TOP_BIT, "\x82\x7F\x80\0\0\0\0\0\0\0", 10, {MAX, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_TOP_BIT, "\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, {0, 0, MAX, 0, 0, false}},
    {WSF_FRAME_NOT_MINIMAL, "\x82\x7E\x00\x7D", 4, {0, 0, MAX, 0, 0, false}},
    {WSF_FRAME_NOT_MINIMAL, "\x82\x7F\0\0\0\0\0\0\xFF\xFF", 10, {0, 0, MAX, 0, 0, false}},
    {WSF_FRAME_PAYLOAD_TOO_LONG, "\x82\x0B", 2, {10, 0, MAX, 0, 0, false}},
    {WSF_FRAME_PAYLOAD_TOO_LONG, "\x8A\x0B", 2, {10, 0, MAX, 0, 0, false}},
    {WSF_FRAME_PAYLOAD_TOO_LONG, "\x82\xFE\x00\x7E", 4, {125, MAX, MAX, WSF_MASK_BIT, 0, false}},
    {WSF_FRAME_PAYLOAD_TOO_LONG, "\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10,
     {INT64_MAX - 1, MAX, MAX, 0, 0, false}},
    {WSF_FRAME_MESSAGE_TOO_LONG, "\x82\x0B", 2, {11, 10, MAX, 0, 0, false}},
    {WSF_FRAME_MESSAGE_TOO_LONG, "\x80\x01", 2, {MAX, 0, 1, 0, 0, true}},
};

static void test_findings(void) {
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const broken_rule *b = &broken[i];
        for (size_t len = 0; len < b->at; len++)
            CHECK(read_octets(b->octets, len, b->rules) == WSF_FRAME_INCOMPLETE, "%zu, %zu", i,
                  len);
        CHECK(read_octets(b->octets, b->at, b->rules) == b->finding, "row %zu", i);
    }
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        bool reserved = opcode % 8 > 2;
        char octets[2] = {(char)(0x80 | opcode), 0};
        wsf_frame_rules rules = lax;
        rules.in_message = opcode == 0;
        CHECK(read_octets(octets, 2, rules) ==
                  (reserved ? WSF_FRAME_RESERVED_OPCODE : WSF_FRAME_READ),
              "opcode %u", opcode);
    }
    printf("ok  header: findings\n");
}

/* What just keeps to the rules. */
static void test_limits(void) {
    wsf_frame_rules rules = {11, 10, MAX, 0, WSF_RSV1, false};
    CHECK(read_octets("\x82\x0A", 2, rules) == WSF_FRAME_READ, "message limit");
    CHECK(read_octets("\xC2\x0B", 2, rules) == WSF_FRAME_READ, "compressed: inflating tells");
    CHECK(read_octets("\x89\x0B", 2, rules) == WSF_FRAME_READ, "control frames are no message");
    rules.fragments_left = 0;
    CHECK(read_octets("\x89\x00", 2, rules) == WSF_FRAME_READ, "control frames are no fragments");
    printf("ok  header: limits\n");
}

int main(void) {
    test_round_trips();
    test_findings();
    test_limits();
    return 0;
}
