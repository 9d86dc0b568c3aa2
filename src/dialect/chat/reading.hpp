// What the readers of both dialects' requests share.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// kInvalidRequest; `param` is the field at fault, as "messages[3].content".
std::unexpected<Error> refuse(std::string param, std::string message);

/// "messages" and 3 as "messages[3]".
std::string element(std::string_view list, size_t index);
/// "messages[3]" and "content" as "messages[3].content".
std::string member(std::string_view object, std::string_view name);

/// The values of an object's members of these names, in one pass; the last where one repeats.
template <size_t n>
std::array<json::Value, n> members_of(json::Value object, const std::string_view (&names)[n]) {
  std::array<json::Value, n> values;
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    for (size_t i = 0; i < n; ++i) {
      if (member.key == names[i]) values[i] = member.value;
    }
  }
  return values;
}

/// Null, false, 0 and what is empty: a member that asks for nothing need not be converted.
bool asks_nothing(json::Value value);

/// Adds a field's name to a list of names, once, in a form that may stand in a header: what is no
/// letter, digit or one of "_-.[]" becomes '_'. Long names are cut, and long lists.
void note(std::vector<std::string>& dropped, std::string_view name);
inline constexpr size_t kMaxDropped = 64;

/// Keeps a member that the reader has no place for.
Status keep_extra(const json::Member& member, Request& request);

/// How much of what is bounded a body holds.
struct Reading {
  size_t blocks = 0;
  size_t depth = 0;  // of the block that is being read, in others

  /// Counts one block more.
  Status count(std::string_view param);
};

/// The arguments of a call as a JSON object. "" is none, {}; a value that is no object becomes
/// {"value":...}; text that is not JSON {"_raw_arguments":"..."}, after one attempt to complete it
/// where `cut` says that it may have been cut. The last two are noted in `dropped`.
json::Value arguments_of(json::String text, bool cut, Arena& arena,
                         std::vector<std::string>& dropped);

/// A data: URL. Media type and data are empty when it is not one in base64.
struct DataUrl {
  std::string media_type;  // lower case, without parameters
  std::string data;        // base64 without white space
};
/// `url` decoded.
DataUrl parse_data_url(std::string_view url);

/// The media type that the first bytes of base64 data tell; empty for none of JPEG, PNG, GIF, WebP
/// and PDF.
std::string_view sniff_media_type(std::string_view base64);

/// Standard base64, padded.
std::string encode_base64(std::string_view bytes);
/// Decodes standard base64, padded or not; empty when it is none.
std::string decode_base64(std::string_view text);

}  // namespace sluice::dialect::chat
