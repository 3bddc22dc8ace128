/* Runs the phases of one kernel on arrays from a file, in chunks that a pool of threads takes.
 *
 *     harness input output
 * input: i64 buffers, scratches, sizes, chunks, threads; i64 bytes of each buffer and scratch;
 * i64 sizes; then the buffers. output: the buffers. The phases are the table `phases` that is
 * written for each kernel. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void phase(void *arguments, int32_t chunk, int32_t chunks);
extern phase *phases[];
extern const int spin_at, workers_at;

void graphc_worker(void *pool);
void graphc_parallel(void *pool, phase *function, void *argument, int32_t count);
void graphc_stop(void *pool);

enum { PLACES = 256, THREADS = 16, POOL = 1024, LINE = 64 };
static char pool[POOL] __attribute__((aligned(LINE)));

static void *work(void *unused) {
    graphc_worker(pool);
    return unused;
}

static char *reserve(int64_t bytes) {
    return aligned_alloc(LINE, (bytes + 2 * LINE) / LINE * LINE);
}

int main(int count, char **names) {
    int64_t head[5], bytes[PLACES], cells[PLACES];
    void *arguments[PLACES];
    pthread_t threads[THREADS];
    FILE *in = count == 3 ? fopen(names[1], "rb") : NULL;
    if (!in || fread(head, sizeof head, 1, in) != 1) return 1;
    int64_t places = head[0] + head[1], all = places + head[2], workers = head[4] - 1;
    if (all > PLACES || workers > THREADS) return 2;
    if (fread(bytes, 8, places, in) != (size_t)places) return 3;
    if (fread(cells + places, 8, head[2], in) != (size_t)head[2]) return 4;
    for (int64_t i = 0; i < places; i++) {
        char *at = reserve(bytes[i]);
        memset(at, 0xFF, bytes[i]);
        if (i < head[0] && fread(at, 1, bytes[i], in) != (size_t)bytes[i]) return 5;
        cells[i] = (int64_t)at;
    }
    fclose(in);
    for (int64_t i = 0; i < all; i++) arguments[i] = &cells[i];
    *(int32_t *)(pool + spin_at) = 100;
    *(int32_t *)(pool + workers_at) = workers;
    for (int64_t i = 0; i < workers; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int64_t i = 0; phases[i]; i++) graphc_parallel(pool, phases[i], arguments, head[3]);
    graphc_stop(pool);
    for (int64_t i = 0; i < workers; i++) pthread_join(threads[i], NULL);
    FILE *out = fopen(names[2], "wb");
    for (int64_t i = 0; i < head[0]; i++) fwrite((void *)cells[i], 1, bytes[i], out);
    return out && !fclose(out) ? 0 : 6;
}
