#include <set>
#include <string>

#include <c10/util/Exception.h>

#include "error.h"
#include "shim.h"

namespace {

// libtorch warns anew each time that something happens, and what happens in a step happens in every step.
class EachOnce : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    // A text that differs each time is no reason to keep all of them.
    if (known_.size() < MOST && known_.insert(warning.msg()).second) c10::WarningHandler::process(warning);
  }

 private:
  static constexpr size_t MOST = 1000;
  std::set<std::string> known_;
};

}  // namespace

extern "C" bs_status bs_warn_once() {
  return batchsweep::guarded([] {
    // Warnings of autograd's own threads are handed to the thread that asked for the backward.
    static thread_local EachOnce handler;
    c10::WarningUtils::set_warning_handler(&handler);
  });
}
