// Requests of every route as they may come: what is accepted must give an answer of valid JSON.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/reader.hpp"
#include "mock/routes.hpp"

namespace {

using namespace sluice::mock;

void check(const Route& route, std::string_view body) {
  const auto ask = route.read(body, "mock-k-t");
  if (!ask) {
    const std::string error = render_error(route.dialect, ask.error(), "req_1");
    if (!sluice::json::valid(error)) std::abort();
    return;
  }
  if (uint64_t{ask->script.events} * ask->script.words * ask->choices > 1000) return;
  const Answer answer = route.make(*ask, ask->script);
  std::string scratch;
  const Particulars particulars{
      .id = "id", .created = 1, .prompt_tokens = 1, .seed = 1, .echo = ask->echo};
  if (ask->stream || ask->script.malformed_event > 0) {
    for (const Frame& frame : answer.frames) fill(answer, frame, particulars, scratch);
    return;
  }
  const auto text = fill(answer, answer.frames.at(0), particulars, scratch);
  if (!sluice::json::valid(text)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const char* path :
       {"/chat/completions", "/completions", "/embeddings", "/messages", "/messages/count_tokens",
        "/responses", "/responses/input_tokens", ":generateContent", ":countTokens"}) {
    check(*find_route(path), body);
  }
  return 0;
}
