#include "agent/gpu_watch.hpp"

#include <cstdlib>
#include <utility>

#include "net/offload.hpp"
#include "observe/log.hpp"

namespace sluice::agent {

namespace {

constexpr auto kPatience = std::chrono::seconds(2);

std::string library_path() {
  const char* path = std::getenv("SLUICE_NVML_PATH");
  return path != nullptr && *path != '\0' ? path : "libnvidia-ml.so.1";
}

}  // namespace

GpuWatch::GpuWatch(GpuChoice choice)
    : choice_(std::move(choice)), pending_(std::make_shared<bool>(false)) {
  auto nvml = Nvml::load(library_path());
  if (nvml) {
    nvml_ = std::move(*nvml);
  } else if (nvml.error().code == ErrorCode::kNotFound) {
    log::info("no GPU memory is told: there is no NVIDIA library",
              {{"reason", nvml.error().message}});
  } else {
    log::warn("no GPU memory is told", {{"reason", nvml.error().message}});
  }
}

net::Task<std::vector<workers::Gpu>> GpuWatch::read(net::Scope& scope) {
  if (!nvml_ || *pending_) co_return last_;
  *pending_ = true;
  net::Loop& loop = scope.loop();
  // The end of the call is noted on the loop, also when nobody waits for it any more.
  std::move_only_function<Result<Nvml::Reading>()> work = [nvml = nvml_, choice = choice_,
                                                           pending = pending_, &loop] {
    auto reading = nvml->read(choice);
    loop.post([pending] { *pending = false; });
    return reading;
  };
  scope.set_deadline(sluice::now() + kPatience);
  auto read = co_await net::offload(pool_, std::move(work), scope);
  if (scope.cancelled()) co_return last_;
  std::string problem;
  if (!read) {
    problem = "the driver does not answer";
  } else if (!*read) {
    problem = read->error().message;
  } else {
    last_ = std::move((*read)->gpus);
    problem = std::move((*read)->problem);
  }
  if (problem != problem_ && !problem.empty()) {
    log::warn("a GPU cannot be read", {{"reason", problem}});
  }
  problem_ = std::move(problem);
  co_return last_;
}

}  // namespace sluice::agent
