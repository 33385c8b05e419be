/* Masking keys, RFC 6455 section 5.3: "derived from a strong source of entropy", and drawn from a pool, since
 * asking the operating system for each would cost more than most frames do.
 *
 * The including file defines WSF_KEY_POOL_STORAGE: WSF_THREAD_LOCAL, or nothing where a lock keeps
 * threads apart anyhow. A forked child finds its pool empty. An octet is wiped once it has been
 * drawn, so that it can't be drawn again.
 */
#ifndef WSF_KEY_POOL_H
#define WSF_KEY_POOL_H

#include "../platform.h"

#if !defined(_WIN32)
#include <pthread.h>
#endif

#define WSF_KEY_POOL_LENGTH 2048 /* octets */

typedef struct {
    size_t left; /* octets not drawn yet: the first ones */
    unsigned generation;
    uint8_t octets[WSF_KEY_POOL_LENGTH];
} wsf_key_pool;

static WSF_KEY_POOL_STORAGE wsf_key_pool wsf_keys;
static unsigned wsf_key_generation;

static void wsf_keys_after_fork(void) { wsf_key_generation++; }

/* Returns 0, or an error number. To be called once. */
static inline int wsf_keys_prepare(void) {
#if defined(_WIN32)
    return 0;
#else
    return pthread_atfork(NULL, NULL, wsf_keys_after_fork);
#endif
}

static inline bool wsf_keys_draw(uint32_t *key) {
    wsf_key_pool *pool = &wsf_keys;
    if (WSF_UNLIKELY(pool->left < sizeof *key || pool->generation != wsf_key_generation))
        return false;
    pool->left -= sizeof *key;
    *key = wsf_load32(pool->octets + pool->left);
    wsf_store32(pool->octets + pool->left, 0);
    return true;
}

/* `fresh` holds WSF_KEY_POOL_LENGTH octets, which are wiped there. */
static inline void wsf_keys_fill(uint8_t *fresh) {
    memcpy(wsf_keys.octets, fresh, WSF_KEY_POOL_LENGTH);
    memset(fresh, 0, WSF_KEY_POOL_LENGTH);
    wsf_keys.left = WSF_KEY_POOL_LENGTH;
    wsf_keys.generation = wsf_key_generation;
}

#endif
