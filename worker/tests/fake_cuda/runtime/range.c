// Who owns an address: a short list, looked through from its end, where the youngest are.
#include <pthread.h>
#include <stdlib.h>

#include "fake.h"

static struct range *ranges;
static size_t length, room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void add_range(struct range range) {
  pthread_mutex_lock(&lock);
  if (length == room) {
    room = room == 0 ? 64 : 2 * room;
    ranges = realloc(ranges, room * sizeof *ranges);
    if (ranges == NULL) abort();
  }
  ranges[length++] = range;
  pthread_mutex_unlock(&lock);
}

bool remove_range(const void *start, struct range *removed) {
  bool found = false;
  pthread_mutex_lock(&lock);
  for (size_t i = length; i-- > 0 && !found;) {
    if (ranges[i].start != start) continue;
    *removed = ranges[i];
    ranges[i] = ranges[--length];
    found = true;
  }
  pthread_mutex_unlock(&lock);
  return found;
}

struct range find_range(const void *address) {
  struct range found = {.place = PLACE_PAGEABLE};
  pthread_mutex_lock(&lock);
  for (size_t i = length; i-- > 0;) {
    const char *at = address;
    if (at >= ranges[i].start && at < ranges[i].start + ranges[i].bytes) {
      found = ranges[i];
      break;
    }
  }
  pthread_mutex_unlock(&lock);
  return found;
}
