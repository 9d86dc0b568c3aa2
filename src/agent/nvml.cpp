// Declarations by the documented interface ("NVML API Reference", docs.nvidia.com): stable since
// version 2 of the functions below, and all that is used of it.
#include "agent/nvml.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace sluice::agent {

namespace {

using Return = int;  // nvmlReturn_t; 0: success
using Device = void*;
struct Memory {  // nvmlMemory_t, bytes
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

constexpr unsigned kMostGpus = 256;
constexpr size_t kTextBytes = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE, and of a UUID

std::string_view text_of(const std::array<char, kTextBytes>& buffer) {
  return {buffer.data(), std::find(buffer.begin(), buffer.end(), '\0')};
}

}  // namespace

GpuChoice GpuChoice::of(std::string_view list) {
  GpuChoice choice;
  if (trim(list) == "all") return choice;
  choice.all_ = false;
  bool ended = false;
  for_each_in_list(list, [&](std::string_view each) {
    if (ended) return;
    if (const auto index = parse_u64(each); index && *index < kMostGpus) {
      choice.indices_.push_back(static_cast<unsigned>(*index));
    } else if (each.starts_with("GPU-")) {
      choice.uuids_.emplace_back(each);
    } else {
      ended = true;
    }
  });
  return choice;
}

bool GpuChoice::includes(unsigned index, std::string_view uuid) const {
  return all_ || std::ranges::find(indices_, index) != indices_.end() ||
         std::ranges::any_of(uuids_,
                             [uuid](const std::string& each) { return uuid.starts_with(each); });
}

struct Nvml::Library {
  void* handle = nullptr;
  Return (*init)() = nullptr;
  Return (*shutdown)() = nullptr;
  Return (*count)(unsigned*) = nullptr;
  Return (*by_index)(unsigned, Device*) = nullptr;
  Return (*name)(Device, char*, unsigned) = nullptr;
  Return (*memory)(Device, Memory*) = nullptr;
  Return (*uuid)(Device, char*, unsigned) = nullptr;
  const char* (*error)(Return) = nullptr;  // may be absent
  bool started = false;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (started) shutdown();
    if (handle != nullptr) dlclose(handle);
  }

  template <typename Function>
  bool find(Function& function, const char* symbol) const {
    function = reinterpret_cast<Function>(dlsym(handle, symbol));
    return function != nullptr;
  }
  /// The first symbol that is missing; null: none is.
  const char* missing() {
    find(error, "nvmlErrorString");
    if (!find(init, "nvmlInit_v2")) return "nvmlInit_v2";
    if (!find(shutdown, "nvmlShutdown")) return "nvmlShutdown";
    if (!find(count, "nvmlDeviceGetCount_v2")) return "nvmlDeviceGetCount_v2";
    if (!find(by_index, "nvmlDeviceGetHandleByIndex_v2")) return "nvmlDeviceGetHandleByIndex_v2";
    if (!find(name, "nvmlDeviceGetName")) return "nvmlDeviceGetName";
    if (!find(memory, "nvmlDeviceGetMemoryInfo")) return "nvmlDeviceGetMemoryInfo";
    if (!find(uuid, "nvmlDeviceGetUUID")) return "nvmlDeviceGetUUID";
    return nullptr;
  }
  std::string why(Return code) const {
    const char* text = error != nullptr ? error(code) : nullptr;
    return text != nullptr ? std::string(text) : fmt::format("error {}", code);
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::~Nvml() = default;

Result<std::unique_ptr<Nvml>> Nvml::load(const std::string& path) {
  auto library = std::make_unique<Library>();
  library->handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    const char* why = dlerror();
    return fail(ErrorCode::kNotFound, why != nullptr ? why : path + " cannot be loaded");
  }
  if (const char* symbol = library->missing()) {
    return fail(ErrorCode::kIo, fmt::format("{} has no {}", path, symbol));
  }
  if (const Return code = library->init(); code != 0) {
    return fail(ErrorCode::kIo, fmt::format("{} does not start: {}", path, library->why(code)));
  }
  library->started = true;
  return std::unique_ptr<Nvml>(new Nvml(std::move(library)));
}

Result<Nvml::Reading> Nvml::read(const GpuChoice& choice) const {
  unsigned count = 0;
  if (const Return code = library_->count(&count); code != 0) {
    return fail(ErrorCode::kIo, "GPUs cannot be counted: " + library_->why(code));
  }
  Reading reading;
  for (unsigned index = 0; index < std::min(count, kMostGpus); ++index) {
    Device device = nullptr;
    Memory memory{};
    std::array<char, kTextBytes> uuid{};
    std::array<char, kTextBytes> name{};
    Return code = library_->by_index(index, &device);
    if (code == 0) code = library_->uuid(device, uuid.data(), uuid.size());
    if (code == 0 && !choice.includes(index, text_of(uuid))) continue;
    if (code == 0) code = library_->memory(device, &memory);
    if (code == 0) code = library_->name(device, name.data(), name.size());
    if (code != 0) {
      if (!choice.includes(index, text_of(uuid))) continue;
      reading.problem = fmt::format("GPU {}: {}", index, library_->why(code));
      continue;
    }
    reading.gpus.push_back({.name = std::string(text_of(name)),
                            .total_bytes = static_cast<int64_t>(memory.total),
                            .free_bytes = static_cast<int64_t>(memory.free)});
  }
  return reading;
}

}  // namespace sluice::agent
