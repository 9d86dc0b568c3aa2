// An upstream's bytes in pieces against the same bytes whole: the verdicts and the texts must be
// the same. The first byte chooses the endpoint, the second the size of the pieces.
#include <cstdlib>

#include "dialect/stream_testing.hpp"

using namespace sluice::dialect;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  constexpr Endpoint kEndpoints[] = {Endpoint::kChatCompletions, Endpoint::kCompletions,
                                     Endpoint::kMessages};
  const Endpoint endpoint = data[0] >= 128  ? Endpoint::kGenerateContent
                            : data[0] >= 64 ? Endpoint::kResponses
                                            : kEndpoints[data[0] % 3];
  const size_t piece = data[1] % 61 + 1u;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);

  StreamInspector whole(endpoint, true);
  StreamInspector split(endpoint, true);
  testing::Lanes whole_texts;
  testing::Lanes split_texts;
  const std::string events = testing::replay(bytes, whole, &whole_texts);
  if (events.contains("not a slice") ||
      events != testing::replay(
                    bytes, split, [piece] { return piece; }, &split_texts) ||
      whole_texts != split_texts) {
    std::abort();
  }
  if (whole.usage().counts != split.usage().counts ||
      whole.usage().reported != split.usage().reported || whole.model() != split.model() ||
      whole.finish_reason() != split.finish_reason() ||
      whole.synthesize_terminal() != split.synthesize_terminal()) {
    std::abort();
  }
  return 0;
}
