// Coded bodies, whole and in pieces, must give the same; what gzip() writes must be read back.
// The first byte chooses the coding and the limit.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/content_coding.hpp"
#include "http/fuzz_cuts.hpp"

namespace sluice::http {
namespace {

struct Outcome {
  bool good = true;
  ErrorCode code{};
  bool finished = false;
  std::string text;
};

Outcome decode(Coding coding, std::string_view bytes, const std::vector<size_t>& cuts,
               uint64_t max_output) {
  Inflater inflater(coding, max_output);
  Outcome outcome;
  size_t begin = 0;
  for (const size_t end : cuts) {
    const std::vector<char> piece(bytes.begin() + static_cast<ptrdiff_t>(begin),
                                  bytes.begin() + static_cast<ptrdiff_t>(end));
    begin = end;
    const auto status = inflater.feed({piece.data(), piece.size()}, outcome.text);
    if (outcome.text.size() > max_output) std::abort();
    if (!status) {
      outcome.good = false;
      outcome.code = status.error().code;
      outcome.text.clear();
      break;
    }
  }
  outcome.finished = inflater.finished();
  return outcome;
}

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::http;
  if (size == 0) return 0;
  const Coding coding = static_cast<Coding>(data[0] & 3);
  const uint64_t max_output = (data[0] & 4) != 0 ? 20 : 64 * 1024;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Outcome whole = decode(coding, bytes, {bytes.size()}, max_output);
  const Outcome pieces = decode(coding, bytes, fuzz_cuts(bytes), max_output);
  if (whole.good != pieces.good || whole.code != pieces.code || whole.finished != pieces.finished ||
      whole.text != pieces.text) {
    std::abort();
  }

  const std::string coded = gzip(bytes);
  const Outcome back = decode(Coding::kGzip, coded, fuzz_cuts(coded), bytes.size());
  if (!back.finished || back.text != bytes) std::abort();

  (void)parse_coding(bytes);
  (void)accepts(bytes, coding);
  return 0;
}
