/* A stream in pieces: however it is cut, the framer finds the same messages, and the scan agrees
 * with it on where each one ends. The first byte of the input chooses the pieces. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/frame.h"
#include "tests/fuzz/fuzz_sip_exercise.h"

enum { MAX = 4096, RESULTS = 64 };

struct result {
    enum frame_result what;
    size_t length;
};

/* What comes out when the bytes arrive in pieces of this many. A message is always seen in memory
 * of exactly what has arrived. */
static unsigned run(struct str bytes, size_t piece, struct result *out)
{
    struct frame f = {0};
    size_t from = 0, arrived = 0, length;
    unsigned count = 0;
    while (count < RESULTS) {
        size_t n = arrived - from;
        char *copy = malloc(n ? n : 1);
        memcpy(copy, bytes.p + from, n);
        enum frame_result r = frame_next(&f, str_make(copy, n), MAX, &length);
        free(copy);
        MUST(length <= n && (length > 0) == (r != FRAME_MORE && r != FRAME_BAD));
        if (r == FRAME_MORE) {
            MUST(n < MAX + 4);
            if (arrived == bytes.len)
                break;
            arrived += piece < bytes.len - arrived ? piece : bytes.len - arrived;
            continue;
        }
        out[count++] = (struct result){r, length};
        from += length;
        if (r == FRAME_BAD)
            break;
    }
    return count;
}

/* What the framer calls a message has that end for the scan too, or a fault. */
static void agree(struct str bytes)
{
    struct arena a;
    struct msg m;
    arena_init(&a, NULL, 4096);
    if (msg_scan(&m, &a, bytes) == ERR_OK && m.fault.code == 0) {
        uint32_t length;
        MUST(m.raw.len == bytes.len && m.raw.p == bytes.p);
        MUST(msg_content_length(&m, &length) == ERR_OK && length == m.body.len);
    }
    arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole[RESULTS], parts[RESULTS];
    if (size < 2 || size > 3 * MAX)
        return 0;
    struct str bytes = str_make((const char *)data + 1, size - 1);
    unsigned n = run(bytes, bytes.len, whole), k = run(bytes, (size_t)data[0] % 97 + 1, parts);
    size_t at = 0;
    MUST(n == k);
    for (unsigned i = 0; i < n; i++) {
        MUST(whole[i].what == parts[i].what && whole[i].length == parts[i].length);
        if (whole[i].what == FRAME_MESSAGE)
            agree(str_sub(bytes, at, at + whole[i].length));
        at += whole[i].length;
    }
    return 0;
}
