// A YAML document as a tree of our own, every node with its place. yaml-cpp only scans: its
// own tree keeps duplicate keys, forgets columns and expands aliases without bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace sluice::config {

/// Where a value was written. Lines and columns count from 1; 0 when the source has none.
struct Place {
  std::shared_ptr<const std::string> source = {};  // a file, "environment variable PORT", ...
  int line = 0;
  int column = 0;

  /// "gateway.yaml:31:5".
  std::string text() const;
  /// "gateway.yaml:31".
  std::string line_text() const;
};

/// What a scalar means once its option's type is known. Durations are nanoseconds, sizes bytes,
/// times Unix seconds, amounts of money nano-USD.
using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  bool quoted = false;    // a quoted or block scalar
  bool verbatim = false;  // no ${} in here: from a secret file, the environment or the command line
  bool bad = false;       // already reported; checks that build on it keep silent
  bool standard = false;  // not written anywhere: the option's default
  std::string text;       // of a scalar
  Value value;            // set by check()
  std::vector<Node> items;
  std::vector<Entry> entries;
  Place place;

  /// An empty node.
  static Node of(Kind kind, Place place);

  bool is_null() const { return kind == Kind::kNull; }
  /// The value below `key` of a map; nullptr when there is none.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};

struct Node::Entry {
  std::string key;
  Place place;  // of the key
  Node node;
};

/// What is wrong, and what is only worth knowing, in the order found.
class Problems {
 public:
  struct Entry {
    Place place;
    std::string what;
  };

  void error(const Place& place, std::string what);
  void warn(std::string what) { warnings_.push_back(std::move(what)); }

  bool any() const { return !errors_.empty(); }
  /// One line an error, by place; at most 100 and then the number of the others.
  std::string text() const;
  const std::vector<Entry>& errors() const { return errors_; }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  std::vector<Entry> errors_;
  std::vector<std::string> warnings_;
};

/// Bounds on one document, so that a hostile file costs little.
inline constexpr size_t kMaxFileBytes = 1 << 20;
inline constexpr size_t kMaxKeys = 1000;  // in one section
inline constexpr int kMaxDepth = 24;
inline constexpr size_t kMaxNodes = 50'000;        // aliases counted as what they stand for
inline constexpr size_t kMaxTextBytes = 4u << 20;  // likewise

/// Reads one YAML document (YAML 1.2 core without tags). Syntax errors, duplicate keys, keys
/// that are no scalars, tags, more than one document, bytes that are not UTF-8, and anything
/// over the bounds above are reported; what could be read comes back.
Node read_yaml(std::string_view text, std::string_view source, Problems& problems);

}  // namespace sluice::config
