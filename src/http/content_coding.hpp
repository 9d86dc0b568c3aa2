// Content codings (RFC 9110 section 8.4): gzip and deflate, decoded as they stream.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice::http {

enum class Coding : uint8_t { kIdentity, kGzip, kDeflate, kUnknown };

/// The coding a Content-Encoding value names; empty and "identity" are kIdentity; several at
/// once are kUnknown.
Coding parse_coding(std::string_view content_encoding);

/// True when an Accept-Encoding value lets the sender use `coding` (a `q=0` forbids it; `*`
/// counts). An absent field (empty) accepts identity only.
bool accepts(std::string_view accept_encoding, Coding coding);

/// Streaming decoder with zlib. Bounded: refuses output beyond `max_output` bytes in all, so
/// that a small body cannot grow into a large one (kRequestTooLarge).
class Inflater {
 public:
  Inflater(Coding coding, uint64_t max_output);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  /// Appends what `input` decodes to. kProtocol on corrupt data.
  Status feed(std::string_view input, std::string& out);
  /// True once the coded stream is complete.
  bool finished() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whole text as gzip.
std::string gzip(std::string_view text);

}  // namespace sluice::http
