// Replays recorded streams in tests.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "dialect/stream.hpp"
#include "http/sse.hpp"

namespace sluice::dialect::testing {

/// A file below src/dialect, e.g. "openai/testdata/chat.sse"; empty when it is not there.
inline std::string recorded(std::string_view path) {
  std::ifstream in(std::filesystem::path(__FILE__).parent_path() / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One letter for what an event is; several when it is several things at once.
inline std::string letters(const EventVerdict& verdict) {
  std::string out;
  if (verdict.malformed) out += 'm';
  if (verdict.has_content) out += 'c';
  if (verdict.finish) out += 'f';
  if (verdict.added_usage) out += 'u';
  if (verdict.error) out += 'e';
  if (verdict.terminal) out += 't';
  return out.empty() ? "-" : out;
}

/// The texts of an answer by their lanes, each joined and decoded.
class Lanes {
 public:
  void take(std::span<const OutputText> texts) {
    for (const OutputText& each : texts) {
      each.text.append_to(lanes_[each.lane()]);
      ++pieces_;
    }
  }
  size_t pieces() const { return pieces_; }
  bool operator==(const Lanes&) const = default;

  /// "0.1 tool_name: weather", a line for each lane: choice, index, kind, text.
  std::string str() const {
    static constexpr std::string_view kKinds[] = {"content", "reasoning", "refusal", "tool_name",
                                                  "tool_arguments"};
    std::string out;
    for (const auto& [lane, text] : lanes_) {
      if (!out.empty()) out += '\n';
      out += fmt::format("{}.{} {}: {}", lane >> 32, lane >> 8 & 0xffff, kKinds[lane & 0xff], text);
    }
    return out;
  }

 private:
  std::map<uint64_t, std::string> lanes_;
  size_t pieces_ = 0;
};

/// Feeds `bytes` in pieces of the sizes that `next_size` gives; the letters of all events,
/// separated by spaces. Their texts go to `lanes` if there are any.
inline std::string replay(std::string_view bytes, StreamInspector& inspector,
                          const std::function<size_t()>& next_size, Lanes* lanes = nullptr) {
  http::SseReader reader;
  std::string seen;
  const auto take = [&](const http::SseEvent& event) {
    if (!seen.empty()) seen += ' ';
    const EventVerdict verdict = inspector.inspect(event);
    seen += letters(verdict);
    if (lanes == nullptr) return;
    lanes->take(verdict.texts);
    for (const OutputText& each : verdict.texts) {
      const std::string_view text = each.text.bytes;
      const bool inside = text.data() >= event.data.data() &&
                          text.data() + text.size() <= event.data.data() + event.data.size();
      if (text.empty() || !inside) seen += " not a slice of the event";
    }
  };
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, next_size()));
    bytes.remove_prefix(piece.size());
    reader.feed(piece);
    while (const auto event = reader.next()) take(*event);
  }
  if (const auto event = reader.finish()) take(*event);
  return seen;
}

inline std::string replay(std::string_view bytes, StreamInspector& inspector,
                          Lanes* lanes = nullptr) {
  return replay(bytes, inspector, [&bytes] { return bytes.size(); }, lanes);
}

}  // namespace sluice::dialect::testing
