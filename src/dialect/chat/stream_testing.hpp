// Runs streams through a StreamConverter in tests.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/chat/stream_converter.hpp"
#include "dialect/stream_testing.hpp"
#include "http/sse.hpp"

namespace sluice::dialect::chat::testing {

struct Converted {
  std::string client;    // what the client got
  std::string verdicts;  // a letter for what each event is, see testing::letters()
};

/// What a relay does with the streams of one answer: more than one when the upstream pauses.
/// `next_size` gives the sizes of the pieces in which they arrive.
inline Converted convert_streams(StreamConverter& converter,
                                 const std::vector<std::string>& streams,
                                 const std::function<size_t()>& next_size) {
  Converted result;
  for (size_t i = 0; i < streams.size(); ++i) {
    http::SseReader reader;
    const auto take = [&](const http::SseEvent& event) {
      if (!result.verdicts.empty()) result.verdicts += ' ';
      result.verdicts += dialect::testing::letters(converter.convert(event, result.client));
    };
    std::string_view bytes = streams[i];
    while (!bytes.empty()) {
      const std::string piece(bytes.substr(0, next_size()));
      bytes.remove_prefix(piece.size());
      reader.feed(piece);
      while (const auto event = reader.next()) take(*event);
    }
    if (const auto event = reader.finish()) take(*event);
    const EventVerdict last = converter.end(result.client);
    if (last.error || last.terminal) result.verdicts += " " + dialect::testing::letters(last);
    if (i + 1 < streams.size()) converter.resume();
  }
  converter.finish(converter.usage(), result.client);
  return result;
}

/// The frame after which a client of the endpoint gets nothing more.
inline bool ends_stream(Endpoint client, const http::SseEvent& event) {
  if (client == Endpoint::kChatCompletions) {
    return event.data == "[DONE]" || json::Value(event.data)["error"].exists();
  }
  return event.event == "message_stop" || event.event == "error" ||
         event.event == "response.completed" || event.event == "response.incomplete" ||
         event.event == "response.failed";
}

}  // namespace sluice::dialect::chat::testing
