#include "dialect/prompt_tally.hpp"

#include <algorithm>

namespace sluice::dialect {
namespace {

constexpr int64_t kPage = 1'500;
constexpr int64_t kFullPage = 3'000;
constexpr int64_t kPages = 100;

/// An escape never stands for more bytes than it has, so the text is an upper bound; the most
/// common ones are two bytes for one.
int64_t decoded_bound(const json::String& text) {
  auto size = static_cast<int64_t>(text.bytes.size());
  if (!text.escaped) return size;
  std::string_view rest = text.bytes;
  for (;;) {
    const size_t at = rest.find('\\');
    if (at == std::string_view::npos || rest.size() - at < 2) return size;
    --size;
    rest.remove_prefix(at + 2);
  }
}

}  // namespace

Tally::Tally(Measure measure, const tokens::ModelFacts& model)
    : model_(model),
      encoding_(measure == Measure::kTokens ? &tokens::Encoding::get(model.encoding) : nullptr) {}

int64_t Tally::measure(std::string_view text) const {
  return static_cast<int64_t>(encoding_ == nullptr ? text.size() : encoding_->count(text));
}

int64_t Tally::measure(const json::String& text) {
  if (encoding_ == nullptr) return decoded_bound(text);
  if (!text.escaped) return measure(text.bytes);
  scratch_.clear();
  text.append_to(scratch_);
  return measure(scratch_);
}

int64_t Tally::measure_json(std::string_view raw) {
  if (encoding_ == nullptr) return static_cast<int64_t>(raw.size());
  scratch_.clear();
  bool quoted = false;
  for (size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (quoted && c == '\\' && i + 1 < raw.size()) {
      scratch_ += c;
      scratch_ += raw[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (quoted || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) scratch_ += c;
  }
  return measure(scratch_);
}

json::String take_string(json::Reader& reader) {
  if (reader.peek() == json::Kind::kString) return reader.string();
  reader.skip();
  return {};
}

int64_t decoded_size(const json::String& base64) {
  return static_cast<int64_t>(base64.bytes.size()) / 4 * 3;
}

int64_t document_tokens(int64_t bytes) {
  if (bytes == 0) return kFullPage;
  return std::clamp(bytes / 20, kPage, kPages * kFullPage);
}

}  // namespace sluice::dialect
