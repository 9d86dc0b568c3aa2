// A management library with two GPUs, for tests: SLUICE_FAKE_NVML says what goes wrong. Built
// twice, the second time without a function that is needed.
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

// Addresses stand for devices.
int devices[2];

bool wrong(std::string_view what) {
  const char* asked = std::getenv("SLUICE_FAKE_NVML");
  return asked != nullptr && what == asked;
}

int index_of(const void* device) { return device == &devices[1] ? 1 : 0; }

void copy(char* to, unsigned size, const char* text) { std::strncpy(to, text, size); }

}  // namespace

extern "C" {

int nvmlInit_v2() { return wrong("no driver") ? 9 : 0; }
int nvmlShutdown() { return 0; }

int nvmlDeviceGetCount_v2(unsigned* count) {
  if (wrong("no count")) return 999;
  *count = 2;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (wrong("lost") && index == 1) return 15;
  *device = &devices[index];
  return 0;
}

int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  copy(name, size, index_of(device) == 0 ? "NVIDIA H100 80GB HBM3" : "NVIDIA L40S");
  return 0;
}

int nvmlDeviceGetUUID(void* device, char* uuid, unsigned size) {
  copy(uuid, size,
       index_of(device) == 0 ? "GPU-11111111-2222-3333-4444-555555555555"
                             : "GPU-99999999-8888-7777-6666-555555555555");
  return 0;
}

#ifndef SLUICE_WITHOUT_MEMORY
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  const bool first = index_of(device) == 0;
  memory->total = first ? 85'520'809'984ULL : 48'305'799'168ULL;
  memory->free = first ? 8'552'080'998ULL : 4'830'579'916ULL;
  memory->used = memory->total - memory->free;
  return 0;
}
#endif

const char* nvmlErrorString(int code) {
  if (code == 9) return "Driver Not Loaded";
  if (code == 15) return "GPU is lost";
  return "Unknown Error";
}

}  // extern "C"
