// The counter of a growing text must equal the count of the whole at every cut, and that of
// tokens made piece by piece the plain way. The first byte chooses the encoding and how long the
// pieces are that are added; the text itself says where they end.
#include "tokens/stream_counter.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/slow_bpe.hpp"
#include "tokens/utf8.hpp"

namespace sluice::tokens {
namespace {

std::vector<uint32_t> slow_tokens(const Encoding& encoding, std::string_view text) {
  std::string valid;
  append_valid(valid, text, true);
  std::vector<uint32_t> tokens;
  for_each_piece(encoding.pattern(), valid, [&](std::string_view piece, bool) {
    const auto more = slow_bpe(encoding.vocabulary(), piece);
    tokens.insert(tokens.end(), more.begin(), more.end());
    return true;
  });
  return tokens;
}

void check(const Encoding& encoding, std::string_view text, size_t mask) {
  std::vector<uint32_t> tokens;
  encoding.encode(text, tokens);
  if (encoding.count(text) != tokens.size()) std::abort();
  if (text.size() <= 256 && tokens != slow_tokens(encoding, text)) std::abort();

  StreamCounter counter(encoding);
  for (size_t end = 0; end < text.size();) {
    const size_t size = std::min(1 + (static_cast<uint8_t>(text[end]) & mask), text.size() - end);
    counter.add(text.substr(end, size));
    end += size;
    if (text.size() > 512 && end != text.size()) continue;
    tokens.clear();
    encoding.encode(text.substr(0, end), tokens);
    if (counter.total() != static_cast<int64_t>(tokens.size())) std::abort();
  }
}

}  // namespace
}  // namespace sluice::tokens

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::tokens;
  if (size == 0 || size > 16 * 1024) return 0;
  const Encoding& encoding = Encoding::get(static_cast<EncodingId>(data[0] & 3));
  const size_t mask = (size_t{1} << (data[0] >> 2 & 7)) - 1;
  // In memory of its own size, so that a read past its end is seen.
  const std::vector<char> text(data + 1, data + size);
  check(encoding, {text.data(), text.size()}, mask);
  return 0;
}
