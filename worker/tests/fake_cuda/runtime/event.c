// Events: a count of how often one was recorded by the host, and of how far its streams have come.
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fake.h"

struct CUevent_st {
  uint64_t recorded, reached;
  uint64_t users;  // work in streams that still looks at it
  bool is_destroyed;
  double reached_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// With the lock held.
static void let_go(struct CUevent_st *event) {
  if (event->is_destroyed && event->users == 0) free(event);
}

static void reach(struct work *work) {
  struct CUevent_st *event = work->to;
  pthread_mutex_lock(&lock);
  if (work->detail > event->reached) event->reached = work->detail;
  event->reached_ms = now_ms();
  --event->users;
  pthread_cond_broadcast(&changed);
  let_go(event);
  pthread_mutex_unlock(&lock);
}

static void await(struct work *work) {
  struct CUevent_st *event = work->to;
  pthread_mutex_lock(&lock);
  while (event->reached < work->detail) pthread_cond_wait(&changed, &lock);
  --event->users;
  let_go(event);
  pthread_mutex_unlock(&lock);
}

EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  (void)flags;
  RETURN_IF_BROKEN();
  *out = calloc(1, sizeof **out);
  if (*out == NULL) abort();
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventCreate(cudaEvent_t *out) { return cudaEventCreateWithFlags(out, cudaEventDefault); }

EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) {
  pthread_mutex_lock(&lock);
  event->is_destroyed = true;
  let_go(event);
  pthread_mutex_unlock(&lock);
  return cudaSuccess;
}

// Puts a look at the event's newest record, or a new one, on a stream.
static void put(cudaEvent_t event, cudaStream_t stream, void (*run)(struct work *)) {
  pthread_mutex_lock(&lock);
  if (run == reach) ++event->recorded;
  ++event->users;
  const uint64_t ticket = event->recorded;
  pthread_mutex_unlock(&lock);
  enqueue(stream, (struct work){.run = run, .to = event, .detail = ticket});
}

EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  RETURN_IF_BROKEN();
  put(event, stream, reach);
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  (void)flags;
  return cudaEventRecord(event, stream);
}

EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  (void)flags;
  RETURN_IF_BROKEN();
  put(event, stream, await);
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventQuery(cudaEvent_t event) {
  RETURN_IF_BROKEN();
  pthread_mutex_lock(&lock);
  const bool is_reached = event->reached >= event->recorded;
  pthread_mutex_unlock(&lock);
  return is_reached ? cudaSuccess : cudaErrorNotReady;
}

EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  RETURN_IF_BROKEN();
  count(&current_device()->waits);
  trace("wait", "cudaEventSynchronize");
  pthread_mutex_lock(&lock);
  const uint64_t last = event->recorded;
  while (event->reached < last) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  RETURN_IF_BROKEN();
  return cudaSuccess;
}

EXPORT cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end) {
  RETURN_IF_BROKEN();
  pthread_mutex_lock(&lock);
  *ms = (float)(end->reached_ms - start->reached_ms);
  pthread_mutex_unlock(&lock);
  return cudaSuccess;
}
