/* The allocator of core/.

   A build with POP_TEST_ALLOCATOR takes the three functions declared below
   from the test program, which can make any single allocation fail. */

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
