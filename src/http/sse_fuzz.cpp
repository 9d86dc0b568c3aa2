// A stream of events, whole and in pieces, must give the same events, and its raw parts the
// stream. The first byte chooses the limit.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/fuzz_cuts.hpp"
#include "http/sse.hpp"

namespace sluice::http {
namespace {

struct Outcome {
  std::string events;
  std::string raw;
  bool overflowed = false;
};

void note(std::string& out, const SseEvent& event) {
  out += fmt::format("|{}\1{}\1{}\1{}", event.event, event.has_data, event.data, event.id);
}

Outcome read(std::string_view bytes, const std::vector<size_t>& cuts, size_t max_event_bytes) {
  SseReader reader(max_event_bytes);
  Outcome outcome;
  size_t begin = 0;
  for (const size_t end : cuts) {
    std::vector<char> piece(bytes.begin() + static_cast<ptrdiff_t>(begin),
                            bytes.begin() + static_cast<ptrdiff_t>(end));
    const size_t piece_size = piece.size();
    piece.resize(piece_size + SseReader::kSlack);
    begin = end;
    reader.feed({piece.data(), piece_size});
    while (const auto event = reader.next()) {
      if (event->raw.empty()) std::abort();
      note(outcome.events, *event);
      outcome.raw += event->raw;
      if (event->has_data) {
        // Must be readable.
        const volatile char* behind = event->data.data() + event->data.size();
        (void)behind[0];
        (void)behind[SseReader::kSlack - 1];
      }
    }
  }
  outcome.overflowed = reader.overflowed();
  outcome.raw += reader.remainder();
  if (const auto event = reader.finish()) note(outcome.events, *event);
  return outcome;
}

void check_written(const SseEvent& event) {
  std::string text;
  append_sse(text, event.event, event.data, event.id);
  SseReader reader;
  reader.feed(text);
  const auto again = reader.next();
  if (!again || again->raw != text || again->data != event.data || again->event != event.event ||
      again->id != event.id) {
    std::abort();
  }
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::http;
  if (size == 0) return 0;
  const size_t max_event_bytes = (data[0] & 1) != 0 ? 30 : 1 << 20;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Outcome whole = read(bytes, {bytes.size()}, max_event_bytes);
  const Outcome pieces = read(bytes, fuzz_cuts(bytes), max_event_bytes);
  if (whole.events != pieces.events || whole.overflowed != pieces.overflowed) std::abort();
  if (!whole.overflowed && (whole.raw != bytes || pieces.raw != bytes)) std::abort();

  SseReader reader;
  reader.feed(bytes);
  while (const auto event = reader.next()) check_written(*event);
  return 0;
}
