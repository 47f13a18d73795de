/* The allocator of core/ in tests: it counts blocks and fails on demand. */

#ifndef POP_TEST_SUPPORT_MEMORY_H
#define POP_TEST_SUPPORT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* No block is known, and none fails. */
void support_reset_memory(void);

/* How many blocks have been allocated since, and not freed. */
size_t support_live_blocks(void);

/* The allocation with this index, counted from now on, fails. */
void support_fail_allocation(size_t index);

/* From now on all succeed; true if one has failed since. */
bool support_stop_failing(void);

#endif
