#include "dialect/chat/reading.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_object(std::string_view json) {
  return json::Value(json).kind() == json::Kind::kObject && json::valid(json);
}

/// `text` with the strings and brackets closed that it leaves open; what then follows a comma or
/// colon that ends it is the reader's to judge.
std::string closed(std::string_view text) {
  std::string closing;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{') {
      closing += '}';
    } else if (c == '[') {
      closing += ']';
    } else if ((c == '}' || c == ']') && !closing.empty()) {
      closing.pop_back();
    }
  }
  std::string result(text);
  if (in_string) {
    // An escape may be cut in two.
    const size_t slash = result.rfind('\\');
    if (slash != std::string::npos && result.size() - slash < 6 &&
        (slash + 1 == result.size() || result[slash + 1] == 'u')) {
      result.resize(slash);
    }
    result += '"';
  } else {
    while (!result.empty() && (kSpace.contains(result.back()) || result.back() == ',')) {
      result.pop_back();
    }
    if (result.ends_with(':')) result += "null";
  }
  return result.append(closing.rbegin(), closing.rend());
}

}  // namespace

std::unexpected<Error> refuse(std::string param, std::string message) {
  return fail(ErrorCode::kInvalidRequest, std::move(message), std::move(param));
}

std::string element(std::string_view list, size_t index) {
  return std::string(list) + '[' + std::to_string(index) + ']';
}

std::string member(std::string_view object, std::string_view name) {
  return std::string(object) + '.' + std::string(name);
}

bool asks_nothing(json::Value value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return true;
    case json::Kind::kBool:
      return value.as_bool() == false;
    case json::Kind::kNumber:
      return value.as_double() == 0.0;
    default:
      return value.is_empty();
  }
}

void note(std::vector<std::string>& dropped, std::string_view name) {
  constexpr size_t kMaxName = 64;
  constexpr std::string_view kAllowed = "_-.[]";
  std::string clean(name.substr(0, kMaxName));
  for (char& c : clean) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && !kAllowed.contains(c)) c = '_';
  }
  if (dropped.size() < kMaxDropped && std::ranges::find(dropped, clean) == dropped.end()) {
    dropped.push_back(std::move(clean));
  }
}

Status keep_extra(const json::Member& member, Request& request) {
  if (request.extras.size() >= kMaxExtras) {
    return refuse({}, "The request has too many fields that are not known.");
  }
  request.extras.push_back({.name = member.key, .value = member.value});
  return {};
}

Status Reading::count(std::string_view param) {
  if (++blocks <= kMaxBlocks) return {};
  return refuse(std::string(param), "The request has too many content blocks.");
}

json::Value arguments_of(json::String text, bool cut, Arena& arena,
                         std::vector<std::string>& dropped) {
  if (is_blank(text)) return json::Value("{}");
  const std::string decoded = text.str();
  std::string_view json = decoded;
  while (!json.empty() && kSpace.contains(json.front())) json.remove_prefix(1);
  while (!json.empty() && kSpace.contains(json.back())) json.remove_suffix(1);

  std::string out;
  if (json == "null") return json::Value("{}");
  if (is_object(json)) {
    append_compact(out, json);
    return arena.value(std::move(out));
  }
  note(dropped, "tool_calls.arguments");
  if (json::valid(json)) {
    out = "{\"value\":";
    append_compact(out, json);
    return arena.value(out + '}');
  }
  if (cut) {
    const std::string whole = closed(json);
    if (is_object(whole)) {
      append_compact(out, whole);
      return arena.value(std::move(out));
    }
  }
  out = "{\"_raw_arguments\":";
  append_text(out, text);
  return arena.value(out + '}');
}

DataUrl parse_data_url(std::string_view url) {
  constexpr std::string_view kScheme = "data:";
  if (!istarts_with(url, kScheme)) return {};
  url.remove_prefix(kScheme.size());
  const size_t comma = url.find(',');
  if (comma == std::string_view::npos) return {};
  const std::string_view head = url.substr(0, comma);
  const std::string lower = to_lower(head);
  if (!lower.ends_with(";base64")) return {};
  DataUrl result{.media_type = lower.substr(0, lower.find(';')), .data = {}};
  const std::string_view data = url.substr(comma + 1);
  result.data.reserve(data.size());
  std::ranges::copy_if(data, std::back_inserter(result.data),
                       [](char c) { return !kSpace.contains(c); });
  return result;
}

std::string_view sniff_media_type(std::string_view base64) {
  using Row = std::pair<std::string_view, std::string_view>;
  // The first bytes, in base64 as far as they do not share a digit with what follows.
  static constexpr std::array kRows = {
      Row{"/9j/", "image/jpeg"},    Row{"iVBORw0KGg", "image/png"},   Row{"R0lGODdh", "image/gif"},
      Row{"R0lGODlh", "image/gif"}, Row{"JVBERi", "application/pdf"},
  };
  for (const auto& [begin, type] : kRows) {
    if (base64.starts_with(begin)) return type;
  }
  // "RIFF", four bytes of length, "WEBP".
  if (base64.starts_with("UklGR") && decode_base64(base64.substr(0, 16)).ends_with("WEBP")) {
    return "image/webp";
  }
  return {};
}

std::string encode_base64(std::string_view bytes) {
  // One byte more: OpenSSL ends the text with a NUL.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  uint32_t held = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  return bytes;
}

}  // namespace sluice::dialect::chat
