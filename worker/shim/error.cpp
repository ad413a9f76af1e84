#include "error.h"

#include <string>

namespace batchsweep {

static thread_local std::string last_error;

void remember_error(const char* text) {
  try {
    last_error = text;
  } catch (...) {
    // No memory for the reason: the status alone has to do.
  }
}

}  // namespace batchsweep

extern "C" const char* bs_error_text() { return batchsweep::last_error.c_str(); }
