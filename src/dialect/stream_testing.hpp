// Replays recorded streams in tests.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
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

/// Feeds `bytes` in pieces of the sizes that `next_size` gives; the letters of all events,
/// separated by spaces.
inline std::string replay(std::string_view bytes, StreamInspector& inspector,
                          const std::function<size_t()>& next_size) {
  http::SseReader reader;
  std::string seen;
  const auto take = [&](const http::SseEvent& event) {
    if (!seen.empty()) seen += ' ';
    seen += letters(inspector.inspect(event));
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

inline std::string replay(std::string_view bytes, StreamInspector& inspector) {
  return replay(bytes, inspector, [&bytes] { return bytes.size(); });
}

}  // namespace sluice::dialect::testing
