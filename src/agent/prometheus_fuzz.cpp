// Any bytes as a page of metrics, and as every engine's pages: whatever is read lies inside the
// page, and every figure that comes of it is one that a heartbeat can hold.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "agent/beat.hpp"
#include "agent/engine.hpp"
#include "agent/prometheus.hpp"

namespace {

using namespace sluice;

void inside(std::string_view part, std::string_view page) {
  if (part.empty()) return;
  if (part.data() < page.data() || part.data() + part.size() > page.data() + page.size()) {
    std::abort();
  }
}

void check_heartbeat(const agent::Engine& engine, const agent::EngineView& view) {
  const agent::Plan plan{.id = "w"};
  const workers::Heartbeat beat = agent::compose(plan, {.engine = &engine, .view = view});
  if (!workers::parse_heartbeat(workers::to_json(beat))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // On the heap and of its exact size, for the sanitizer to see reads beyond it.
  const std::vector<char> bytes(data, data + size);
  const std::string_view page(bytes.data(), bytes.size());
  agent::PageReader reader(page);
  agent::Sample sample;
  while (reader.next(sample)) {
    inside(sample.name, page);
    inside(sample.labels, page);
    if (sample.name.empty()) std::abort();
    sample.label("engine");
  }
  agent::engine_of_metrics(page);
  agent::engine_of_models(page);
  for (const char* name : {"vllm", "sglang", "llamacpp", "ollama", "tgi", "openai"}) {
    const agent::Engine& engine = *agent::engine_named(name);
    agent::EngineView view;
    for (const auto pages : {engine.facts, engine.gauges}) {
      for (const agent::EnginePage& each : pages) {
        if (each.read(page, view)) check_heartbeat(engine, view);
      }
    }
  }
  return 0;
}
