/* MD5, SHA-256 and SHA-512/256: the texts of their standards, and texts that end at the edges of a
 * block, in one piece and byte after byte. */
/* SPDX-License-Identifier: MIT */
#include "core/base/sum.h"
#include "tests/lib/unit.h"

struct known {
    char letter; /* 0: the text is "abc" */
    size_t n;
    const char *md5, *sha256, *sha512_256;
};

static const struct known known[] = {
    {'x', 0, "d41d8cd98f00b204e9800998ecf8427e",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"},
    {0, 3, "900150983cd24fb0d6963f7d28e17f72",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    {'a', 55, "ef1772b6dff9a122358552954ad0df65",
     "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",
     "f6513468f05e7cec7d52fc337ef79dfa7c82520268d3aeba4002ead9a5642916"},
    {'a', 56, "3b0c8ac703f828b04c6c197006d17218",
     "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a",
     "baa8bd7fb02a11878c6a1d5400f06ec5d96cd6f566da032f8dcbb602beea4ca5"},
    {'a', 63, "b06521f39153d618550606be297466d5",
     "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",
     "3c4458337119e69459650d3851234acd0300b39640803807b139ffc1da44c8ba"},
    {'a', 64, "014842d480b571495a4a0363793f7367",
     "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
     "2c3fa8f196f2aac65f15166666ecc77bd9fe195bae83ef06bb75c7857c163db9"},
    {'a', 65, "c743a45e0d2e6a95cb859adae0248435",
     "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0",
     "bf4196e5f652f84a5a6655400236cf0167399c36c4e268f6d472ab5eef405c24"},
    {'a', 111, "089f243d1e831c5879aa375ee364a06e",
     "6374f73208854473827f6f6a3f43b1f53eaa3b82c21c1a6d69a2110b2a79baad",
     "0239e429f98d0ed61ee8e2a7c30afe98c1c3a80ce5dff62a107e9c538f7632ce"},
    {'a', 112, "9146ef3527c7cfcc66dc615c3986e391",
     "f54353008a2553262ecdc4a34749563ba0950e8b0fc8652780b0a614b99683c1",
     "9216b5303edb66504570bee90e48ea5beaa5e9fe9f760bbd3e0460559fc005f6"},
    {'a', 127, "020406e1d05cdc2aa287641f7ae2cc39",
     "c57e9278af78fa3cab38667bef4ce29d783787a2f731d4e12200270f0c32320a",
     "2fe3b2a6ee7e12f6fe4ba82166541ad9b4ed882c493581cbe300d68f3757b778"},
    {'a', 128, "e510683b3f5ffe4093d021808bc6ff70",
     "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e",
     "b88f97e274f9c1d49f181c8cbd01a9c74930ad055a46ac4499a1d601f1c80bf2"},
    {'a', 129, "b325dc1c6f5e7a2b7cf465b9feab7948",
     "c12cb024a2e5551cca0e08fce8f1c5e314555cc3fef6329ee994a3db752166ae",
     "fb9035c9009ed4a60e37510339ebdb1c771339f30aa581d5dea3690a524c23f1"},
    {'a', 200, "887f30b43b2867f4a9accceee7d16e6c",
     "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5",
     "19b1e37317d7fd3d7651f397005e31f154ef4912d1345743d2d5889aaca28996"},
};

static char text[256];

static struct str text_of(const struct known *k)
{
    memset(text, k->letter, sizeof text);
    return k->letter ? str_make(text, k->n) : STR("abc");
}

static void expect_hex(const uint8_t *sum, size_t n, const char *want)
{
    char hex[65] = {0};
    str_hex(hex, sum, n);
    assert_string_equal(hex, want);
}

static const char *wanted(const struct known *k, enum sum_kind kind)
{
    return kind == SUM_MD5 ? k->md5 : kind == SUM_SHA256 ? k->sha256 : k->sha512_256;
}

static void whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (enum sum_kind kind = SUM_MD5; kind <= SUM_SHA512_256; kind++) {
            uint8_t out[SUM_MOST];
            struct sum s;
            sum_begin(&s, kind);
            sum_add(&s, text_of(&known[i]));
            expect_hex(out, sum_end(&s, out), wanted(&known[i], kind));
        }
}

/* A copy that is made half way goes on by itself. */
static void in_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (enum sum_kind kind = SUM_MD5; kind <= SUM_SHA512_256; kind++)
            for (size_t piece = 1; piece < 67; piece += 13) {
                struct str t = text_of(&known[i]);
                uint8_t out[SUM_MOST];
                struct sum s, copy;
                sum_begin(&s, kind);
                for (size_t at = 0; at < t.len; at += piece) {
                    copy = s;
                    sum_add(&s, str_sub(t, at, at + piece));
                    sum_add(&copy, STR("something else"));
                }
                expect_hex(out, sum_end(&s, out), wanted(&known[i], kind));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(in_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
