// Streams: each a queue with a thread of its own, so that the device runs behind the host as a real one does. What is put
// on different streams runs in any order, but for events.
#include <pthread.h>
#include <stdlib.h>

#include "fake.h"

enum { QUEUE = 1024 };

struct CUstream_st {
  pthread_mutex_t lock;
  pthread_cond_t came, went;  // work
  uint64_t put, done;
  int waiting;     // threads of the host that wait for work to be done
  uint64_t known;  // how much of it the host knows to be done, having waited for it
  bool has_thread, is_closing;
  struct CUstream_st *next;
  struct work queue[QUEUE];
};

static struct CUstream_st *all;
static struct CUstream_st *defaults[BOARD_DEVICES];
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

static void *serve(void *argument) {
  struct CUstream_st *stream = argument;
  pthread_mutex_lock(&stream->lock);
  for (;;) {
    while (stream->done == stream->put && !stream->is_closing) pthread_cond_wait(&stream->came, &stream->lock);
    if (stream->done == stream->put) break;
    struct work work = stream->queue[stream->done % QUEUE];
    pthread_mutex_unlock(&stream->lock);
    work.run(&work);
    pthread_mutex_lock(&stream->lock);
    ++stream->done;
    if (stream->waiting > 0) pthread_cond_broadcast(&stream->went);
  }
  pthread_mutex_unlock(&stream->lock);
  return NULL;
}

// Until so much is done; with the lock held.
static void wait_until(struct CUstream_st *stream, uint64_t done) {
  ++stream->waiting;
  while (stream->done < done) pthread_cond_wait(&stream->went, &stream->lock);
  --stream->waiting;
}

static struct CUstream_st *make(void) {
  struct CUstream_st *stream = calloc(1, sizeof *stream);
  if (stream == NULL) abort();
  pthread_mutex_init(&stream->lock, NULL);
  pthread_cond_init(&stream->came, NULL);
  pthread_cond_init(&stream->went, NULL);
  stream->next = all;
  all = stream;
  return stream;
}

// The default stream is none that anybody made.
static struct CUstream_st *find(cudaStream_t stream) {
  if (stream != NULL && stream != cudaStreamLegacy && stream != cudaStreamPerThread) return stream;
  struct CUstream_st **slot = &defaults[current_index()];
  pthread_mutex_lock(&list_lock);
  if (*slot == NULL) *slot = make();
  pthread_mutex_unlock(&list_lock);
  return *slot;
}

void enqueue(cudaStream_t handle, struct work work) {
  struct CUstream_st *stream = find(handle);
  pthread_mutex_lock(&stream->lock);
  if (!stream->has_thread) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, stream) != 0) abort();
    pthread_detach(thread);
    stream->has_thread = true;
  }
  wait_until(stream, stream->put < QUEUE ? 0 : stream->put - QUEUE + 1);
  // The thread sleeps only where it has nothing to do.
  if (stream->done == stream->put) pthread_cond_signal(&stream->came);
  stream->queue[stream->put++ % QUEUE] = work;
  pthread_mutex_unlock(&stream->lock);
}

// Whether there was anything to wait for. Not "was still running", which would depend on the moment.
static bool finish(struct CUstream_st *stream) {
  pthread_mutex_lock(&stream->lock);
  const uint64_t last = stream->put;
  const bool is_new = last != stream->known;
  wait_until(stream, last);
  stream->known = last;
  pthread_mutex_unlock(&stream->lock);
  return is_new;
}

static void count_wait(bool was_one, const char *what) {
  if (!was_one) return;
  count(&current_device()->waits);
  trace("wait", what);
}

void wait_for_stream(cudaStream_t handle, const char *what) { count_wait(finish(find(handle)), what); }

void wait_for_all_streams(const char *what) {
  pthread_mutex_lock(&list_lock);
  struct CUstream_st *first = all;
  pthread_mutex_unlock(&list_lock);
  bool was_one = false;
  // New streams come in front, and none is ever taken out.
  for (struct CUstream_st *stream = first; stream != NULL; stream = stream->next) was_one |= finish(stream);
  count_wait(was_one, what);
}

EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority) {
  (void)flags, (void)priority;
  RETURN_IF_BROKEN();
  pthread_mutex_lock(&list_lock);
  *out = make();
  pthread_mutex_unlock(&list_lock);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  return cudaStreamCreateWithPriority(out, flags, 0);
}

// Its work is still done, and its thread then ends; the rest is small and stays.
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  pthread_mutex_lock(&stream->lock);
  stream->is_closing = true;
  pthread_cond_signal(&stream->came);
  pthread_mutex_unlock(&stream->lock);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamQuery(cudaStream_t handle) {
  RETURN_IF_BROKEN();
  struct CUstream_st *stream = find(handle);
  pthread_mutex_lock(&stream->lock);
  const bool is_done = stream->done == stream->put;
  pthread_mutex_unlock(&stream->lock);
  return is_done ? cudaSuccess : cudaErrorNotReady;
}

EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  RETURN_IF_BROKEN();
  wait_for_stream(stream, "cudaStreamSynchronize");
  RETURN_IF_BROKEN();
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceSynchronize(void) {
  RETURN_IF_BROKEN();
  wait_for_all_streams("cudaDeviceSynchronize");
  RETURN_IF_BROKEN();
  return cudaSuccess;
}

EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

// Nothing is ever captured into a graph.
EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
  (void)stream;
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, enum cudaStreamCaptureStatus *status,
                                            unsigned long long *id, cudaGraph_t *graph,
                                            const cudaGraphNode_t **dependencies, const cudaGraphEdgeData **edges,
                                            size_t *count) {
  (void)id, (void)graph, (void)dependencies, (void)edges, (void)count;
  return cudaStreamIsCapturing(stream, status);
}

EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
  (void)mode;
  return cudaSuccess;
}
