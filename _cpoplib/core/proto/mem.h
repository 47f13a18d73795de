/* The allocator of core/.  With POP_TEST_ALLOCATOR, the test program defines
   the three functions below and can make any single allocation fail. */

#ifndef POP_MEM_H
#define POP_MEM_H

#include <stdlib.h>

#ifdef POP_TEST_ALLOCATOR
void *pop_test_malloc(size_t size);
void *pop_test_realloc(void *block, size_t size);
void pop_test_free(void *block);
#define POP_MALLOC pop_test_malloc
#define POP_REALLOC pop_test_realloc
#define POP_FREE pop_test_free
#else
#define POP_MALLOC malloc
#define POP_REALLOC realloc
#define POP_FREE free
#endif

#endif
