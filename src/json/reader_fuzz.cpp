// The reader against simdjson: both must agree on what is valid JSON, but for the three things in
// which the reader is meant to differ: numbers beyond a double, lone surrogates, depth.
#include <simdjson.h>

#include <cstdlib>
#include <string>

#include "json/slices.hpp"
#include "json/writer.hpp"

using namespace sluice::json;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool accepted = valid(text);

  static simdjson::dom::parser parser;
  const simdjson::error_code error = parser.parse(simdjson::padded_string(text)).error();
  if (error == simdjson::SUCCESS && !accepted) {
    // Deeper than the bound of the reader, or it is a fault.
    const auto open = [](char c) { return c == '[' || c == '{'; };
    if (std::ranges::count_if(text, open) <= kMaxDepth) std::abort();
  }
  if (error != simdjson::SUCCESS && accepted && error != simdjson::NUMBER_ERROR &&
      error != simdjson::STRING_ERROR) {
    std::abort();
  }

  Members members(text);
  Member member;
  while (members.next(member)) {
    if (text.substr(member.value_offset, member.value.raw().size()) != member.value.raw()) {
      std::abort();
    }
    const std::string key = member.key.str();
    if (!(member.key == key)) std::abort();
    if (const auto string = member.value.as_string()) {
      std::string written;
      append_string(written, *string);
      if (!valid(written)) std::abort();
    }
  }
  if (accepted && Value(text).kind() == Kind::kObject && !members.complete()) std::abort();
  return 0;
}
