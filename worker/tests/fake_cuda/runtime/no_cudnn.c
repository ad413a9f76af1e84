// cuDNN chooses among engines by what a real card answers, which nothing here could. libtorch has kernels of its own for
// all that batchsweep trains, and takes them once its switch for cuDNN is off. No environment variable turns it, so it is
// turned from below, before the first device is counted.
#include <dlfcn.h>
#include <pthread.h>

#include "fake.h"

static void switch_off(void) {
  void *(*context)(void) = (void *(*)(void))dlsym(RTLD_DEFAULT, "_ZN2at13globalContextEv");
  void (*set)(void *, bool) = (void (*)(void *, bool))dlsym(RTLD_DEFAULT, "_ZN2at7Context19setUserEnabledCuDNNEb");
  if (context != NULL && set != NULL) set(context(), false);
}

void switch_cudnn_off(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, switch_off);
}
