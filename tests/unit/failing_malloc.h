/* A program that includes this has an allocator of its own, which fails when a test says so.
 * Sanitizers bring theirs: with them nothing fails, and OWN_MALLOC is 0. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAILING_MALLOC_H
#define TESTS_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

static struct {
    unsigned countdown; /* allocations left until one fails, which is at 1; 0: none fails */
    bool for_good;      /* and all after it */
    unsigned failures;
    long outstanding; /* blocks given and not taken back */
} memory;

#if OWN_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

static bool refused(void)
{
    if (!memory.countdown || (memory.countdown != 1 && --memory.countdown != 1))
        return false;
    if (!memory.for_good)
        memory.countdown = 0;
    memory.failures++;
    return true;
}

void *malloc(size_t n)
{
    void *p = refused() ? NULL : __libc_malloc(n);
    memory.outstanding += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = refused() ? NULL : __libc_calloc(n, size);
    memory.outstanding += p != NULL;
    return p;
}

void *realloc(void *p, size_t n)
{
    void *q = refused() ? NULL : __libc_realloc(p, n);
    memory.outstanding += q && !p;
    return q;
}

void free(void *p)
{
    memory.outstanding -= p != NULL;
    __libc_free(p);
}
#endif

#endif
