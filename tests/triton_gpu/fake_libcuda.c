/* A libcuda for machines without a GPU, which checks what it is asked.

   Memory of the device is memory of the host. What is asked of a stream is done as late as
   possible: when somebody waits for it. Functions are not run, except those of sources.py, which
   are done here in C. Whatever breaks a rule is one line of fake_report. */
#define _GNU_SOURCE
#include <cuda.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default"))) CUresult
#define ENTER                                                                                      \
  int turn __attribute__((cleanup(leave), unused)) = pthread_mutex_lock(&lock);                    \
  CUresult refused = enter(__func__);                                                              \
  if (refused) return refused
#define MOST 65536
#define POISON (16l << 20) /* more would take long */

typedef struct { char *at; size_t bytes; enum { UNUSED, DEVICE, PINNED, FREED } state; } Range;
typedef struct { char name[64]; int parameters, offset[256], size[256], threads, shared; void *module; } Function;
typedef struct Work {
  enum { TO_DEVICE, TO_HOST, INSIDE, LAUNCH, RELEASE, GRAPH, MARK } kind;
  char *to, *from; size_t bytes;
  Function *function; unsigned grid[3]; unsigned char values[4096];
  void *what; struct Work *next;
} Work;
typedef struct { Work *first, **last; int capturing; } Queue;
typedef struct { Queue *queue; long number, done; double when; } Event;

static Range ranges[MOST];
static int range_count;
static long used_bytes, total_bytes = 1 << 30, clock_now, launches, replays, copies;
static char *given[MOST]; /* the pointers of all launches that were done */
static int given_count;
static long live_events, live_streams, live_modules, live_graphs, live_pools;
static char report[1 << 16], fail_name[64];
static int fail_code, devices = 1, version = 13000, context, capability = 90;
static __thread int is_current;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void wrong(const char *format, ...) {
  va_list given;
  size_t at = strlen(report);
  va_start(given, format);
  vsnprintf(report + at, sizeof report - at - 2, format, given);
  va_end(given);
  strcat(report, "\n");
}

/* ---------------------------------------------------------------- descriptors of tiles */

#define MARK_OF_MAPS 0x7E5507A9
typedef struct { long mark; char *at; size_t bytes, unused[13]; } Map;

API cuTensorMapEncodeTiled(CUtensorMap *to, CUtensorMapDataType type, cuuint32_t rank, void *at, const cuuint64_t *shape,
                           const cuuint64_t *steps, const cuuint32_t *box, const cuuint32_t *strides, CUtensorMapInterleave i,
                           CUtensorMapSwizzle swizzle, CUtensorMapL2promotion p, CUtensorMapFloatOOBfill outside) {
  size_t bytes = (type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32 ? 4 : 2) * shape[0];
  size_t inner = bytes / shape[0] * box[0], widest[] = {1 << 30, 32, 64, 128};
  if ((size_t)to % 64) wrong("cuTensorMapEncodeTiled: the map is at %p", to);
  if (type != CU_TENSOR_MAP_DATA_TYPE_FLOAT32 && type != CU_TENSOR_MAP_DATA_TYPE_BFLOAT16) wrong("cuTensorMapEncodeTiled: type %d", type);
  if (rank < 1 || rank > 5 || (size_t)at % 16 || i || outside) return CUDA_ERROR_INVALID_VALUE;
  for (int axis = 0; axis < rank; axis++)
    if (!shape[axis] || !box[axis] || box[axis] > 256 || strides[axis] != 1) return CUDA_ERROR_INVALID_VALUE;
  for (int axis = 0; axis < rank - 1; axis++) {
    if (steps[axis] % 16 || steps[axis] < bytes) return CUDA_ERROR_INVALID_VALUE;
    bytes = steps[axis] * shape[axis + 1];
  }
  if (swizzle > 3 || inner > widest[swizzle] || inner % 16) return CUDA_ERROR_INVALID_VALUE;
  memset(to, 0, sizeof *to);
  return *(Map *)to = (Map){MARK_OF_MAPS, at, bytes}, 0;
}

/* ---------------------------------------------------------------- for the tests */

API fake_report(char *to, size_t bytes) { return snprintf(to, bytes, "%s", report), 0; }
API fake_forget(void) { return *report = 0, 0; }
API fake_fail(const char *name, int code) { return snprintf(fail_name, 64, "%s", name), fail_code = code, 0; }
API fake_memory(long bytes) { return total_bytes = bytes, 0; }
API fake_machine(int count, int driver, int cc) { return devices = count, version = driver, capability = cc, 0; }
__attribute__((visibility("default"))) long fake_count(const char *what) {
  long found = 0;
  int state = !strcmp(what, "memory") ? DEVICE : !strcmp(what, "pinned") ? PINNED : UNUSED;
  if (state) for (int i = 0; i < MOST; i++) found += ranges[i].state == state;
  return state ? found : !strcmp(what, "launches") ? launches : !strcmp(what, "replays") ? replays : !strcmp(what, "copies") ? copies
    : !strcmp(what, "events") ? live_events : !strcmp(what, "streams") ? live_streams
    : !strcmp(what, "modules") ? live_modules : !strcmp(what, "graphs") ? live_graphs
    : !strcmp(what, "pools") ? live_pools : !strcmp(what, "bytes") ? used_bytes : -1;
}

__attribute__((visibility("default"))) long fake_given(char *at) {
  long found = 0;
  for (int i = 0; i < given_count && i < MOST; i++) found += given[i] == at;
  return found;
}

static void leave(int *turn) { pthread_mutex_unlock(&lock); }

static CUresult injected(const char *name) {
  if (!*fail_name || strncmp(fail_name, name, strlen(fail_name))) return 0;
  return *fail_name = 0, fail_code;
}

static CUresult enter(const char *name) {
  CUresult refused = injected(name);
  if (refused) return refused;
  if (!is_current) wrong("%s: no context is current in this thread", name);
  return 0;
}

/* ---------------------------------------------------------------- ranges of memory */

static Range *range_of(const char *at) {
  for (int i = range_count - 1; i >= 0; i--)
    if (ranges[i].state && at >= ranges[i].at && at < ranges[i].at + ranges[i].bytes) return ranges + i;
  return NULL;
}

static void inside(const char *name, const char *at, size_t bytes, int state) {
  Range *range = range_of(at);
  if (!range) wrong("%s: %p is in no memory", name, at);
  else if (range->state == FREED) wrong("%s: %p has been freed", name, at);
  else if (range->state != state) wrong("%s: %p is %s", name, at, state == PINNED ? "not pinned" : "not of the device");
  else if (at + bytes > range->at + range->bytes) wrong("%s: %zu bytes at %p go past the end", name, bytes, at);
}

static CUresult new_range(void *to, size_t bytes, int state) {
  void *at;
  if (state == DEVICE && used_bytes + (long)bytes > total_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  if (range_count == MOST || posix_memalign(&at, 512, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  memset(at, 0xDB, bytes < POISON ? bytes : POISON);
  ranges[range_count++] = (Range){at, bytes, state};
  if (state == DEVICE) used_bytes += bytes;
  return memcpy(to, &at, sizeof at), 0;
}

static int released(const char *name, char *at, int state) {
  Range *range = range_of(at);
  if (!range || range->at != at || range->state == (state == DEVICE ? PINNED : DEVICE)) wrong("%s: %p was not allocated", name, at);
  else if (range->state == FREED) wrong("%s: %p is freed twice", name, at);
  else return range->state = FREED; /* never used again, so that whoever does is found */
  return 0;
}

/* ---------------------------------------------------------------- streams: work that waits */

static void check_pointers(const char *name, Work *w) {
  Function *f = w->function;
  for (int i = 0; i < f->parameters - 2; i++) {
    char *at;
    if (f->size[i] == sizeof(Map)) { /* a descriptor */
      Map map;
      memcpy(&map, w->values + f->offset[i], sizeof map);
      if (map.mark != MARK_OF_MAPS) wrong("%s: argument %d of %s is no descriptor", name, i, f->name);
      else inside(name, map.at, map.bytes, DEVICE);
      continue;
    }
    memcpy(&at, w->values + f->offset[i], 8);
    if (f->size[i] != 8 || (size_t)at < 1ull << 32) continue; /* a size */
    inside(name, at, 1, DEVICE);
    if ((size_t)at % 16 && !strstr(f->name, "unaligned")) wrong("%s: %p is not aligned", name, at);
  }
}

static void compute(Work *w) {
  Function *f = w->function;
  for (int i = 0; i < f->parameters - 2; i++)
    if (f->size[i] == 8) memcpy(given + given_count++ % MOST, w->values + f->offset[i], 8);
  float *from, *to; int n, m;
  memcpy(&from, w->values + f->offset[0], 8);
  memcpy(&to, w->values + f->offset[1], 8);
  memcpy(&n, w->values + f->offset[2], 4);
  if (!strncmp(f->name, "copy", 4)) memcpy(to, from, 4l * n);
  if (!strcmp(f->name, "row_sum")) {
    memcpy(&m, w->values + f->offset[3], 4);
    for (int i = 0; i < n; i++) { to[i] = 0; for (int j = 0; j < m; j++) to[i] += from[i * m + j]; }
  }
}

static void run(Work *first) {
  for (Work *w = first; w; w = w->next) {
    Range *range;
    clock_now++;
    switch (w->kind) {
    case TO_DEVICE: case TO_HOST: case INSIDE: memcpy(w->to, w->from, w->bytes); break;
    case LAUNCH: compute(w); break;
    case RELEASE: range = range_of(w->to); memset(range->at, 0xDB, range->bytes < POISON ? range->bytes : POISON); used_bytes -= range->bytes; break;
    case GRAPH: run(((Queue *)w->what)->first); break;
    case MARK: ((Event *)w->what)->done = w->bytes; ((Event *)w->what)->when = clock_now; break;
    }
  }
}

static void finish(Queue *queue) {
  Work *first = queue->first;
  queue->first = NULL;
  queue->last = &queue->first;
  run(first);
  while (first) { Work *next = first->next; free(first); first = next; }
}

static CUresult add(const char *name, CUstream stream, Work work) {
  Queue *queue = (Queue *)stream;
  Work *w = malloc(sizeof *w);
  if (!queue) { wrong("%s: on the default stream", name); return 1; }
  if (queue->capturing && (work.kind == TO_DEVICE || work.kind == TO_HOST || work.kind == RELEASE)) wrong("%s: while a stream records", name);
  *w = work;
  w->next = NULL;
  *queue->last = w;
  queue->last = &w->next;
  return 0;
}

/* ---------------------------------------------------------------- what a cubin says of itself */

static void read_info(Function *f, unsigned char *at, size_t bytes) {
  for (unsigned char *end = at + bytes; at + 4 <= end;) {
    int format = at[0], kind = at[1], size = at[2] | at[3] << 8;
    unsigned *words = (unsigned *)(at + 4);
    if (format == 4 && kind == 0x17) { /* a parameter: ordinal and offset, size in the upper bits */
      int ordinal = words[1] & 0xFFFF;
      if (ordinal + 1 > f->parameters) f->parameters = ordinal + 1;
      f->offset[ordinal] = words[1] >> 16;
      f->size[ordinal] = words[2] >> 18;
    }
    if (format == 4 && kind == 0x10) f->threads = words[0]; /* the only number of threads that fits */
    at += 4 + (format == 4 ? size : 0);
  }
}

API cuModuleLoadData(CUmodule *module, const void *image) {
  ENTER;
  unsigned char *elf = (unsigned char *)image;
  if (memcmp(elf, "\177ELF", 4)) return CUDA_ERROR_INVALID_IMAGE;
  Function *f = calloc(1, sizeof *f);
  unsigned long table = *(unsigned long *)(elf + 40);
  int count = *(unsigned short *)(elf + 60), names = *(unsigned short *)(elf + 62);
  unsigned char *text = elf + *(unsigned long *)(elf + table + 64 * names + 24);
  for (int i = 0; i < count; i++) {
    unsigned char *section = elf + table + 64 * i;
    const char *name = (char *)text + *(unsigned *)section;
    if (strncmp(name, ".nv.info.", 9)) continue;
    snprintf(f->name, 64, "%s", name + 9);
    read_info(f, elf + *(unsigned long *)(section + 24), *(unsigned long *)(section + 32));
  }
  if (!f->parameters || !f->threads) wrong("cuModuleLoadData: parameters of %s are not found", f->name);
  live_modules++;
  return *module = (CUmodule)f, 0;
}
API cuModuleUnload(CUmodule m) {
  ENTER;
  ((Function *)m)->parameters = -1;
  return live_modules--, 0;
}
API cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
  ENTER;
  return *f = (CUfunction)m, strcmp(((Function *)m)->name, name) ? CUDA_ERROR_NOT_FOUND : 0;
}
API cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value) {
  ENTER;
  if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) ((Function *)f)->shared = value;
  return value > 232448 ? CUDA_ERROR_INVALID_VALUE : 0;
}
API cuLaunchKernel(CUfunction function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, CUstream stream, void **values, void **extra) {
  ENTER;
  Function *f = (Function *)function;
  Work w = {LAUNCH, .function = f, .grid = {x, y, z}};
  if (f->parameters < 0) { wrong("cuLaunchKernel: %s was unloaded", f->name); return 1; }
  if (!x || !y || !z || x > 2147483647u || y > 65535 || z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (bx != f->threads || by != 1 || bz != 1) wrong("cuLaunchKernel: %s has %d threads, not %u", f->name, f->threads, bx);
  if (shared > (f->shared ? f->shared : 49152)) return CUDA_ERROR_INVALID_VALUE;
  if (extra) wrong("cuLaunchKernel: %s has extra arguments", f->name);
  for (int i = 0; i < f->parameters; i++) {
    int align = f->size[i] > 8 ? 64 : f->size[i];
    if ((size_t)values[i] % align) wrong("cuLaunchKernel: argument %d of %s is at %p", i, f->name, values[i]);
    memcpy(w.values + f->offset[i], values[i], f->size[i]);
  }
  for (int i = f->parameters - 2; i < f->parameters; i++) {
    void *own;
    memcpy(&own, w.values + f->offset[i], 8);
    if (own) wrong("cuLaunchKernel: %s needs no memory of its own", f->name);
  }
  check_pointers(f->name, &w);
  launches++;
  return add("cuLaunchKernel", stream, w);
}

/* ---------------------------------------------------------------- graphs */

API cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) {
  ENTER;
  Queue *queue = (Queue *)stream;
  if (queue->first || queue->capturing) wrong("cuStreamBeginCapture: the stream is busy");
  if (mode != CU_STREAM_CAPTURE_MODE_RELAXED) wrong("cuStreamBeginCapture: other calls are forbidden");
  return queue->capturing = 1, 0;
}
API cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  ENTER;
  Queue *queue = (Queue *)stream, *made = calloc(1, sizeof *made);
  if (!queue->capturing) return CUDA_ERROR_ILLEGAL_STATE;
  made->first = queue->first;
  queue->first = NULL;
  queue->last = &queue->first;
  queue->capturing = 0;
  return *graph = (CUgraph)made, live_graphs++, 0;
}
API cuGraphInstantiateWithFlags(CUgraphExec *e, CUgraph g, unsigned long long flags) {
  ENTER;
  Queue *made = calloc(1, sizeof *made);
  *made = *(Queue *)g;
  return *e = (CUgraphExec)made, live_graphs++, 0;
}
API cuGraphDestroy(CUgraph g) { ENTER; return live_graphs--, 0; }
API cuGraphExecDestroy(CUgraphExec g) { ENTER; return live_graphs--, 0; }
API cuGraphLaunch(CUgraphExec g, CUstream stream) {
  ENTER;
  for (Work *w = ((Queue *)g)->first; w; w = w->next) {
    if (w->kind == LAUNCH && w->function->parameters < 0) wrong("cuGraphLaunch: %s was unloaded", w->function->name);
    else if (w->kind == LAUNCH) check_pointers("cuGraphLaunch", w);
    else inside("cuGraphLaunch", w->to, w->bytes, DEVICE), inside("cuGraphLaunch", w->from, w->bytes, DEVICE);
  }
  replays++;
  return add("cuGraphLaunch", stream, (Work){GRAPH, .what = g});
}

/* ---------------------------------------------------------------- memory and copies */

API cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *wanted) {
  ENTER;
  if (wanted->allocType != CU_MEM_ALLOCATION_TYPE_PINNED || wanted->location.type != CU_MEM_LOCATION_TYPE_DEVICE) wrong("cuMemPoolCreate: not for a device");
  return *pool = (CUmemoryPool)&live_pools, live_pools++, 0;
}
API cuMemPoolSetAttribute(CUmemoryPool p, CUmemPool_attribute a, void *value) {
  ENTER;
  return a != CU_MEMPOOL_ATTR_RELEASE_THRESHOLD || *(cuuint64_t *)value != ~0ull;
}
API cuMemPoolTrimTo(CUmemoryPool p, size_t keep) { ENTER; return 0; }
API cuMemPoolDestroy(CUmemoryPool p) { ENTER; return live_pools--, 0; }
API cuMemAllocFromPoolAsync(CUdeviceptr *to, size_t bytes, CUmemoryPool p, CUstream s) {
  ENTER;
  if (p != (CUmemoryPool)&live_pools || !bytes || ((Queue *)s)->capturing) wrong("cuMemAllocFromPoolAsync: pool, size or stream");
  return new_range(to, bytes, DEVICE);
}
API cuMemFreeAsync(CUdeviceptr at, CUstream s) {
  ENTER;
  if (!released("cuMemFreeAsync", (char *)at, DEVICE)) return CUDA_ERROR_INVALID_VALUE;
  return add("cuMemFreeAsync", s, (Work){RELEASE, .to = (char *)at});
}
API cuMemHostAlloc(void **to, size_t bytes, unsigned flags) { ENTER; return new_range(to, bytes, PINNED); }
API cuMemFreeHost(void *at) { ENTER; return !released("cuMemFreeHost", at, PINNED); }
API cuMemGetInfo(size_t *free_bytes, size_t *total) {
  ENTER;
  return *free_bytes = total_bytes - used_bytes, *total = total_bytes, 0;
}
API cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream s) {
  ENTER;
  inside("cuMemcpyHtoDAsync", (char *)to, n, DEVICE);
  inside("cuMemcpyHtoDAsync", from, n, PINNED);
  copies++;
  return add("cuMemcpyHtoDAsync", s, (Work){TO_DEVICE, (char *)to, (char *)from, n});
}
API cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream s) {
  ENTER;
  inside("cuMemcpyDtoHAsync", (char *)from, n, DEVICE);
  inside("cuMemcpyDtoHAsync", to, n, PINNED);
  copies++;
  return add("cuMemcpyDtoHAsync", s, (Work){TO_HOST, to, (char *)from, n});
}
API cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream s) {
  ENTER;
  inside("cuMemcpyDtoDAsync", (char *)from, n, DEVICE);
  inside("cuMemcpyDtoDAsync", (char *)to, n, DEVICE);
  if (to < from + n && from < to + n) wrong("cuMemcpyDtoDAsync: the places overlap");
  return add("cuMemcpyDtoDAsync", s, (Work){INSIDE, (char *)to, (char *)from, n});
}

/* ---------------------------------------------------------------- streams and events */

API cuStreamCreate(CUstream *s, unsigned flags) {
  ENTER;
  Queue *queue = calloc(1, sizeof *queue);
  if (flags != CU_STREAM_NON_BLOCKING) wrong("cuStreamCreate: it waits for other streams");
  queue->last = &queue->first;
  return *s = (CUstream)queue, live_streams++, 0;
}
API cuStreamDestroy(CUstream s) { ENTER; return live_streams--, 0; }
API cuStreamSynchronize(CUstream s) {
  ENTER;
  if (((Queue *)s)->capturing) { wrong("cuStreamSynchronize: while it records"); return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; }
  return finish((Queue *)s), 0;
}
API cuEventCreate(CUevent *e, unsigned flags) { ENTER; return *e = calloc(1, sizeof(Event)), live_events++, 0; }
API cuEventDestroy(CUevent e) { ENTER; return live_events--, 0; }
API cuEventRecord(CUevent event, CUstream s) {
  ENTER;
  Event *e = (Event *)event;
  e->queue = (Queue *)s;
  e->number++;
  return s > (CUstream)2 ? add("cuEventRecord", s, (Work){MARK, .what = e, .bytes = e->number}) : 0;
}
API cuEventSynchronize(CUevent event) {
  ENTER;
  Event *e = (Event *)event;
  if (e->number != e->done && e->queue > (Queue *)2) finish(e->queue);
  return 0;
}
API cuEventQuery(CUevent e) { ENTER; return ((Event *)e)->number != ((Event *)e)->done && ((Event *)e)->queue > (Queue *)2 ? CUDA_ERROR_NOT_READY : 0; }
API cuEventElapsedTime(float *to, CUevent a, CUevent b) { ENTER; return *to = ((Event *)b)->when - ((Event *)a)->when, 0; }
API cuStreamWaitEvent(CUstream s, CUevent event, unsigned flags) { return cuEventSynchronize(event); }

/* ---------------------------------------------------------------- the machine */

API cuInit(unsigned flags) { return devices ? 0 : CUDA_ERROR_NO_DEVICE; }
API cuDriverGetVersion(int *to) { return *to = version, 0; }
API cuDeviceGetCount(int *to) { return *to = devices, 0; }
API cuDeviceGet(CUdevice *to, int number) { return *to = number, 0; }
API cuDeviceGetName(char *to, int bytes, CUdevice d) { return snprintf(to, bytes, "Fake GPU"), 0; }
API cuDeviceGetAttribute(int *to, CUdevice_attribute a, CUdevice d) {
  *to = a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? capability / 10
    : a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? capability % 10
    : a == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT ? 132
    : a == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ? (capability == 80 ? 166912 : 232448)
    : a == CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
  return 0;
}
API cuDevicePrimaryCtxRetain(CUcontext *to, CUdevice d) { return *to = (CUcontext)&context, context++, injected(__func__); }
API cuDevicePrimaryCtxRelease(CUdevice d) { return context--, 0; }
API cuCtxSetCurrent(CUcontext c) { return is_current = c == (CUcontext)&context, 0; }
API cuCtxGetCurrent(CUcontext *to) { return *to = is_current ? (CUcontext)&context : NULL, 0; }
API cuGetErrorName(CUresult code, const char **to) {
  *to = code == 1 ? "CUDA_ERROR_INVALID_VALUE" : code == 200 ? "CUDA_ERROR_INVALID_IMAGE"
    : code == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER";
  return 0;
}
API cuGetErrorString(CUresult code, const char **to) { return *to = "as the fake driver says", 0; }

#undef cuGetProcAddress
API cuGetProcAddress_v2(const char *name, void **to, int v, cuuint64_t f, CUdriverProcAddressQueryResult *found) {
  const char *forms[] = {"%s_v3", "%s_v2", "%s", "%sWithFlags"};
  char full[128];
  Dl_info here;
  dladdr((void *)cuGetProcAddress_v2, &here);
  void *library = dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  *to = NULL;
  for (int i = 0; i < 4 && !*to; i++) {
    snprintf(full, sizeof full, forms[i], name);
    *to = dlsym(library, full);
  }
  if (found) *found = *to ? 0 : 1;
  return *to ? 0 : CUDA_ERROR_NOT_FOUND;
}
API cuGetProcAddress(const char *name, void **to, int v, cuuint64_t f) { return cuGetProcAddress_v2(name, to, v, f, NULL); }
