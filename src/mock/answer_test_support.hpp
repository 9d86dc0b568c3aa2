// What tests of both dialects do with an answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mock/answer.hpp"

namespace sluice::mock {

inline const Particulars kParticulars{
    .id = "id-1", .created = 1700000000, .prompt_tokens = 8, .seed = 5};

/// Every frame of the answer as it goes to the client.
inline std::vector<std::string> frames_of(const Answer& answer) {
  std::vector<std::string> frames;
  std::string scratch;
  for (const Frame& frame : answer.frames) {
    frames.emplace_back(fill(answer, frame, kParticulars, scratch));
  }
  return frames;
}

/// The JSON behind "data: " of one event.
inline std::string_view data_of(std::string_view frame) {
  const size_t at = frame.find("data: ");
  if (at == std::string_view::npos || !frame.ends_with("\n\n")) return {};
  return frame.substr(at + 6, frame.size() - at - 8);
}

}  // namespace sluice::mock
